"""Random networks of a layer of blocks, forward and backward, beside `depth.profile` (theory.md, section 10).

The network itself is simulated, whatever is done with its randomness: rows that share weights and biases, and draw all
else for themselves. Two rows of one input are two noise-independent runs, of which the surrogates that integrate the
field out are averages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from meanbits.numerics.layers.activation import activate
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.layer_rule import LayerRule, layer_rule
from meanbits.numerics.layers.mean_draws import drawn_values
from meanbits.theory.declarations.blocks import Convolution, Dense
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.surrogates import NETWORK, NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.symbols import mean_weight

ROWS = 3  # input a, a second run of it, input b
QUANTITIES = ("T", "alike", "pair", "gradient", "overlap")


@dataclass(frozen=True, eq=False)
class Measured:
    """Of a quantity, its mean over networks and the standard error of that; arrays (depth + 1, *positions), rows as in
    `depth.profile`, positions only where inputs differ over them.

    Quantities: T; the overlap of two runs of an input, and of two inputs, over T; the mean square of gradients, and the
    overlap of those of two inputs, relative to the last row.
    """

    mean: dict[str, np.ndarray]
    error: dict[str, np.ndarray]

    def z(self, name: str, expected: np.ndarray) -> np.ndarray:
        """Distances from theory in standard errors; 0 where both are exact."""
        apart = self.mean[name] - expected
        known = self.error[name] > 1e-12 * np.abs(self.mean[name])
        return np.where(
            known, apart / np.where(known, self.error[name], 1.0), np.where(np.abs(apart) < 1e-9, 0, np.inf)
        )


def simulate_layers(
    layer: Layer,
    depth: int,
    sigma_m2: float,
    sigma_b2: float,
    *,
    width: int = 600,
    networks: int = 48,
    batch: int = 256,
    q0: float = 1.0,
    c0: float | np.ndarray = 0.5,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Measured:
    """Networks of `depth` layers from fields of variance q0 and, of two inputs, correlation c0; gradients by autograd.

    batch: rows beside the three measured, for batch norm, which needs them. c0: an array (*positions,) for
    convolutions, whose fields are at positions; a number for inputs without any.

    Raises:
        ValueError: a batch of one or none under batch norm, fewer than two networks, neurons without a sampler.
    """
    numbers, normed = layer.at(sigma_m2, sigma_b2), layer.has_batch_norm
    overlap = torch.as_tensor(c0, dtype=torch.float64)[..., None]
    if normed and batch < 2:
        raise ValueError(f"batch {batch}: batch norm needs at least 2 inputs, and its theory many; give 256")
    axes = [len(each.window) for each in numbers.dense if isinstance(each, Convolution)]
    if any(each != np.ndim(c0) for each in axes):
        raise ValueError(f"c0 has {np.ndim(c0)} axes, and convolutions {axes[0]}; give the correlation of two inputs "
                         "at each position, as numpy.full((8, 8), 0.5)")  # fmt: skip
    if networks < 2:
        raise ValueError(f"networks {networks}: give at least 2, whose spread is the standard error")
    found = []
    for index in range(networks):
        draw = Draw(torch.Generator().manual_seed(seed * networks + index))
        found.append(_one(numbers, depth, draw, _first(draw, width, batch if normed else 0, q0, overlap, layer)))
        tick(index + 1, networks)
    values = {name: np.array([each[k] for each in found]) for k, name in enumerate(QUANTITIES)}
    errors = {name: value.std(0, ddof=1) / math.sqrt(networks) for name, value in values.items()}
    return Measured({name: value.mean(0) for name, value in values.items()}, errors)


class Draw:
    """Draws the weights and noise of one network, float64, as the blocks ask for them."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def normal(self, *shape: int) -> Tensor:
        """Standard normals."""
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def dense(self, block: Dense, x: Tensor) -> Tensor:
        """S x / sqrt(N) + b, x (rows, ..., N); S shared by the rows, or of shared means and drawn for each."""
        return self._field(block, x) + math.sqrt(block.biases) * self.normal(x.shape[-1])

    def convolution(self, block: Convolution, x: Tensor) -> Tensor:
        """The same over a window around each position, x (rows, *positions, N)."""
        axes = tuple(range(1, 1 + len(block.window)))
        shifts = list(itertools.product(*block.offsets))
        parts = [self._field(block, x.roll([-each for each in shift], axes)) for shift in shifts]
        return sum(parts) / math.sqrt(len(shifts)) + math.sqrt(block.biases) * self.normal(x.shape[-1])

    def _field(self, block: Dense, x: Tensor) -> Tensor:
        inputs = x.shape[-1]
        if not block.weights.is_random:
            return x @ self._fixed(block, inputs).T / math.sqrt(inputs)
        means = torch.where(self.uniform(inputs, inputs) < 0.5, -1.0, 1.0).double() * math.sqrt(block.means)
        tops = _tops(block, means)
        return torch.stack([self._passed(block, means, tops, row) for row in x]) / math.sqrt(inputs)

    def _passed(self, block: Dense, means: Tensor, tops: list[tuple[float, Tensor]], row: Tensor) -> Tensor:
        """S x of one draw, x (..., N), through which gradients run, or through M alone."""
        weights = self._weights(block, means, tops)
        return row @ weights.T if block.drawn else row @ means.T + row.detach() @ (weights - means).T

    def _fixed(self, block: Dense, inputs: int) -> Tensor:
        """Weights without noise, of their law, or Gaussian where none is declared."""
        if not block.weights.means:
            return math.sqrt(block.means) * self.normal(inputs, inputs)
        drawn = drawn_values(block.weights.means, (inputs, inputs), self.generator)
        return drawn * math.sqrt(block.means / float(block.weights.mean_square))

    def _weights(self, block: Dense, means: Tensor, tops: list[tuple[float, Tensor]]) -> Tensor:
        """One draw of S given M = +-sigma_m; of its two moments where no law is declared."""
        if not tops:
            return means + torch.sqrt(block.second - means**2) * self.normal(*means.shape)
        chance, drawn = self.uniform(*means.shape), torch.full_like(means, tops[-1][0])
        for value, top in reversed(tops[:-1]):
            drawn = torch.where(chance < top, value, drawn)
        return drawn

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1)."""
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    def neuron(self, neurons: Neurons, field: Tensor) -> Tensor:
        """States, through which gradients see the declared slope, or the mean's."""
        return activate(_rule(neurons), Field(field, None), uniform=self.uniform(*field.shape)).mean

    def kept(self, keep: float, x: Tensor) -> Tensor:
        """x / keep where kept, else 0."""
        return torch.where(self.uniform(*x.shape) < keep, x / keep, 0.0)


def _tops(block: Dense, means: Tensor) -> list[tuple[float, Tensor]]:
    """The values of S and P(S at most the value | M), in the order of the law; none where no law is declared."""
    tops, top = [], torch.zeros_like(means)
    for value, probability in block.weights.law or ():
        top = top + _chance(probability)(means)
        tops.append((float(value), top))
    return tops


@lru_cache(maxsize=64)
def _chance(probability: sp.Expr) -> Callable[[Tensor], Tensor]:
    """P(S | M) as a function of M."""
    return sp.lambdify(mean_weight, probability, "numpy")


@lru_cache(maxsize=64)
def _rule(neurons: Neurons) -> LayerRule:
    if neurons.is_random and not neurons.is_binary:
        raise ValueError(f"{neurons.name} neurons are random and not +-1, and no sampler of theirs is known")
    return layer_rule(Surrogate(neurons.name, FIXED, neurons, NETWORK if neurons.is_random else NONE, ""))


def _first(draw: Draw, width: int, batch: int, q0: float, c0: Tensor, layer: Layer) -> Tensor:
    """The first fields (rows, *positions, width): of a, again of a, of b, and of a batch of others."""
    if layer.is_relative:
        raise ValueError("fields that are integrated out: simulate the network itself, with treatment network")
    units = (*c0.shape[:-1], width)
    shared = draw.normal(*units)
    other = c0 * shared + torch.sqrt(1 - c0**2) * draw.normal(*units)
    return math.sqrt(q0) * torch.cat([torch.stack([shared, shared, other]), draw.normal(batch, *units)])


def _one(numbers: Layer, depth: int, draw: Draw, field: Tensor) -> tuple[np.ndarray, ...]:
    fields = [field.requires_grad_()]
    for chain in numbers.chains(depth):
        for block in chain:
            field = block.apply(field, draw)
        fields.append(field)
    gradients = [torch.zeros_like(each) for each in fields]
    if field.grad_fn is not None:
        cotangent = draw.normal(*field.shape)
        cotangent[1:ROWS] = cotangent[0]
        gradients = torch.autograd.grad(field, fields, cotangent)
    totals = _products(fields, (0, 0))
    last = float((gradients[-1][0] ** 2).mean())
    squares, overlaps = (_products(gradients, pair) / last for pair in ((0, 0), (0, 2)))
    return totals, _products(fields, (0, 1)) / totals, _products(fields, (0, 2)) / totals, squares, overlaps


def _products(values: list[Tensor], pair: tuple[int, int]) -> np.ndarray:
    return np.array([(each[pair[0]] * each[pair[1]]).mean(-1).detach().numpy() for each in values])
