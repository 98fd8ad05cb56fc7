"""Gradients of wide random networks: straight-through ones of sampled runs, and that of the smoothed network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from meanbits.experiments.chain.networks import ChainSetting, weight_kind, weight_means
from meanbits.numerics.chain.mismatch_law import FloatArray
from meanbits.numerics.layers.activation import activate, layer_field
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.layer_rule import LayerRule, layer_rule
from meanbits.numerics.layers.state import State
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.surrogates import EXACT, MARGINALISE, NETWORK, NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED


@dataclass(frozen=True, eq=False)
class WideNetwork:
    """A wide network: its surrogate, inputs and readout (N,), and means (N, N) and biases (N,) of its layers."""

    surrogate: Surrogate
    inputs: Tensor
    readout: Tensor
    means: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @classmethod
    def draw(cls, surrogate: Surrogate, setting: ChainSetting, seed: tuple[int, ...]) -> WideNetwork:
        """Random means, biases, input and readout, the same for equal seeds."""
        rng, size, law = np.random.default_rng(seed), setting.width, weight_means(surrogate, setting)
        inputs = torch.from_numpy(rng.choice((-1.0, 1.0), size))
        layers = [(torch.tensor(law.draw(size, size, rng), dtype=torch.float64),
                   torch.from_numpy(math.sqrt(setting.sigma_b2) * rng.standard_normal(size)))
                  for _ in range(setting.depth)]  # fmt: skip
        means, biases = zip(*layers, strict=True)
        return cls(surrogate, inputs, torch.from_numpy(random_readout(size, (*seed, 1))), means, biases)

    def overlaps(self, runs: int, generator: torch.Generator) -> list[list[list[float]]]:
        """Of each layer, of biases and means, the four of `OVERLAPS`."""
        drawn = self.surrogate.weights.is_random
        batches = [self.run(1 if drawn else runs, generator) for _ in range(runs if drawn else 1)]
        found = []
        for index, exact in enumerate(self.smoothed()):
            delta, x = (torch.cat([batch[index][part] for batch in batches]) for part in (0, 1))
            of_means, squares = delta.T @ x / math.sqrt(x.shape[1]), (delta**2).sum(1)
            sizes = squares * (x**2).mean(1)
            found.append([_of_runs(exact[0], delta.sum(0), squares), _of_runs(exact[1], of_means, sizes)])
        return found

    def smoothed(self) -> list[tuple[Tensor, Tensor]]:
        """Of each layer's biases and means, the gradient of the network with its fields integrated out, by autograd."""
        rule = _smoothed_rule(self.surrogate)
        means, biases = ([each.clone().requires_grad_() for each in group] for group in (self.means, self.biases))
        state = State(self.inputs[None])
        for weights, bias in zip(means, biases, strict=True):
            state = activate(rule, layer_field(rule, state, weights, bias))
        found = torch.autograd.grad((state.mean @ self.readout).sum(), [*biases, *means])
        return list(zip(found[: len(biases)], found[len(biases) :], strict=True))

    def run(self, rows: int, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Of each layer, delta and the states it takes, (rows, N); rows share the weights that are drawn."""
        rule, x = run_rule(self.surrogate.neurons), self.inputs.expand(rows, -1)
        fields, states = [], []
        for means, bias in zip(self.means, self.biases, strict=True):
            weights = self._drawn(means, generator)
            field = (x @ weights.T / math.sqrt(x.shape[1]) + bias).requires_grad_()
            uniform = torch.rand(*field.shape, generator=generator, dtype=torch.float64)
            fields.append(field)
            states.append(x.detach())
            x = activate(rule, Field(field, None), uniform=uniform).mean
        return list(zip(torch.autograd.grad((x @ self.readout).sum(), fields), states, strict=True))

    def _drawn(self, means: Tensor, generator: torch.Generator) -> Tensor:
        kind, rho = weight_kind(self.surrogate.weights, self.surrogate.name)
        if kind == "fixed":
            return means
        active, uniform = (
            1.0 if rho is None else rho,
            torch.rand(*means.shape, generator=generator, dtype=torch.float64),
        )
        return (uniform >= 1 - (active + means) / 2).double() - (uniform < (active - means) / 2).double()


def random_readout(size: int, seed: tuple[int, ...]) -> FloatArray:
    """v / sqrt(N) of a readout, v standard normal, (N,)."""
    return np.random.default_rng(seed).standard_normal(size) / math.sqrt(size)


@lru_cache(maxsize=64)
def run_rule(neurons: Neurons) -> LayerRule:
    """Neurons given their field, drawn where they are random, through which gradients see the declared slope."""
    return layer_rule(Surrogate(neurons.name, FIXED, neurons, NETWORK if neurons.is_random else NONE, ""))


@lru_cache(maxsize=64)
def _smoothed_rule(surrogate: Surrogate) -> LayerRule:
    """The same network with its fields integrated out where anything is random, and exact slopes."""
    is_random = surrogate.neurons.is_random or surrogate.weights.is_random
    neurons = replace(surrogate.neurons, backward=None)
    return layer_rule(replace(surrogate, neurons=neurons, treatment=MARGINALISE if is_random else NONE, form=EXACT,
                              gradient_through_sigma=True))  # fmt: skip


def _of_runs(exact: Tensor, total: Tensor, squares: Tensor) -> list[float]:
    """`OVERLAPS` of an exact gradient and the sum of runs' gradients, whose squared norms are known, (runs,)."""
    count = len(squares)
    own = float((total**2).sum())
    if count > 1:
        own = (own - float(squares.sum())) / (count * (count - 1))
    return [float((exact**2).sum()), float((exact * total).sum()) / count, own, float(squares.mean())]
