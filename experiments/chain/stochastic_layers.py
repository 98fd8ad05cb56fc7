"""Runs of the real stochastic network, of any width: fresh weights and neurons for every run and every layer.

Where |M_ij| is one number s and the states are binary, the field of a neuron depends on them through one integer, the
number n of inputs with sign(M_ij) x_j = +1: it is a sum of n terms of mean +s and N - n of mean -s. The mean of a
neuron is then tabulated over n by exact convolution, and a run costs one product with a matrix of signs instead of N^2
random weights. Otherwise the weights are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from meanbits.experiments.chain.networks import FloatArray
from meanbits.numerics.chain.field_law import Layer

AT_ONCE = 2**18  # weights drawn together: 2 MiB


@dataclass(frozen=True, eq=False)
class StochasticLayer:
    """A layer as a sampler. tabulated: by the table of the module's docstring, or by drawing weights."""

    layer: Layer
    is_binary: bool
    tabulated: bool

    @classmethod
    def of(cls, layer: Layer, is_binary: bool, real_input: bool = False) -> StochasticLayer:
        """The sampler of a layer with binary neurons or not, tabulated where that is possible."""
        size = np.abs(layer.means)
        uniform = bool((size == size[0, 0]).all()) and np.ndim(layer.rho if layer.rho is not None else 1.0) == 0
        return cls(layer, is_binary, is_binary and uniform and not real_input)

    def run(
        self, states: FloatArray, weights: np.random.Generator, neurons: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """E[x' | what was drawn] and x' for each run's own x, (runs, N_in) -> (runs, N_out) twice.

        What was drawn is x alone with a table, and x and the weights without.
        """
        if self.tabulated:
            means = self.means_given(states)
        else:
            few = max(1, AT_ONCE // self.layer.means.size)
            chunks = (states[start : start + few] for start in range(0, len(states), few))
            means = np.concatenate([self._neuron(self._fields(chunk, weights)) for chunk in chunks])
        if not self.is_binary:
            return means, means
        return means, np.where(neurons.random(means.shape) < (1 + means) / 2, 1.0, -1.0)

    def means_given(self, states: FloatArray) -> FloatArray:
        """E[x'_i | x] by the table, for binary x, (runs, N_in) -> (runs, N_out)."""
        sums = states.astype(np.float32) @ self._signs.T  # whole numbers below 2^24: exact
        counts = (sums.astype(np.int64) + self.layer.means.shape[1]) // 2
        return np.take_along_axis(self.table, counts, axis=0)

    @cached_property
    def table(self) -> FloatArray:
        """E[x'_i | n], (N_in + 1, N_out), n as in the module's docstring."""
        layer, size = self.layer, self.layer.means.shape[1]
        strength = float(abs(layer.means[0, 0]))
        if layer.weights == "fixed":
            points = strength * np.arange(-size, size + 1, 2) / np.sqrt(size)
            return self._neuron(points[:, None] + layer.bias)
        points, laws = field_laws(size, strength, float(layer.second_moments[0, 0]))
        return laws @ self._neuron(points[:, None] + layer.bias)

    @cached_property
    def _signs(self) -> np.ndarray:
        return np.where(self.layer.means < 0, -1, 1).astype(np.float32)

    def _neuron(self, field: FloatArray) -> FloatArray:
        return self.layer.neuron_mean(field) if self.is_binary else self.layer.mean_given_field(field)

    def _fields(self, states: FloatArray, rng: np.random.Generator) -> FloatArray:
        means, layer = self.layer.means, self.layer
        drawn = means
        if layer.weights != "fixed":
            uniform, down = rng.random((len(states), *means.shape)), (layer.second_moments - means) / 2
            drawn = np.where(uniform < down, -1.0, uniform >= 1 - (layer.second_moments + means) / 2)
        return (drawn @ states[..., None])[..., 0] / np.sqrt(means.shape[1]) + layer.bias


@lru_cache(maxsize=8)
def field_laws(size: int, strength: float, activity: float) -> tuple[FloatArray, FloatArray]:
    """Laws of a field without bias of n terms of mean +s and size - n of mean -s, for n = 0..size.

    Terms are in {-1, 0, 1}, not 0 with probability `activity`. Gives the points (K,) and probabilities (size + 1, K),
    by convolution of nonnegative numbers, accurate to size * eps relative.
    """
    step = 2 if activity == 1 else 1
    term = np.array([(activity - strength) / 2, 1 - activity, (activity + strength) / 2])[::step]
    upward = [np.ones(1)]
    for _ in range(size):
        upward.append(np.convolve(upward[-1], term))
    laws = np.stack([np.convolve(upward[n], upward[size - n][::-1]) for n in range(size + 1)])
    laws.setflags(write=False)
    return np.arange(-size, size + 1, step) / np.sqrt(size), laws
