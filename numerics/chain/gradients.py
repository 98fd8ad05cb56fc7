"""Gradients of the stochastic binary network by enumeration: the exact one, and the mean of the straight-through one.

The readout is v . x of the last layer. Its exact gradient is that of E[v . x], the forward pass of `enumeration`
differentiated. The straight-through gradient of a run goes back through the weights S and states x that the run drew,

    delta_i = g(h_i) G_i,    G_j of the layer before = sum_i S_ij delta_i / sqrt(N),    G = v behind the last layer,

delta its gradient with respect to the biases and delta_i x_j / sqrt(N) that with respect to the means of weights, as
S is passed straight through too. E[G | x] and E[G G^T | x] follow from the layer behind by enumeration: given x the
pairs (S_i, x'_i) of a layer's neurons are independent, so that what one neuron multiplies replaces its probabilities.
Bengio, Leonard, Courville 2013, arXiv 1308.3432.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from meanbits.numerics.chain.enumeration import initial, states
from meanbits.numerics.chain.field_law import Layer

Elementwise = Callable[[Tensor], Tensor]
MOST_CASES = 2**24  # of a neuron's weights and inputs together: 128 MiB


@dataclass(frozen=True, eq=False)
class Gradient:
    """Of one layer, with respect to biases (N_out,) and means of weights (N_out, N_in). square: E sum_i delta_i^2 of a
    run, which is that of the means too, as x_j^2 = 1; of the exact gradient its own."""  # fmt: skip

    biases: Tensor
    means: Tensor
    square: float


def exact_gradients(
    layers: Sequence[Layer], neuron: Elementwise, inputs: ArrayLike, readout: ArrayLike
) -> tuple[Gradient, ...]:
    """The gradient of E[readout . x], layer by layer, float64.

    neuron: E[x | h] on tensors, whose derivative Torch knows; of neurons that only jump it is 0, and the gradient with
    respect to biases is 0, as it is at almost every bias. inputs: means of binary inputs, (N,), in [-1, 1].

    Raises:
        ValueError: a width above 12, or inputs out of range.
    """
    biases = [torch.tensor(each.bias, requires_grad=True) for each in layers]
    means = [torch.tensor(each.means, requires_grad=True) for each in layers]
    law = torch.from_numpy(initial(inputs))
    for layer, bias, mean in zip(layers, biases, means, strict=True):
        up = _up(layer, neuron, bias, mean)
        law = law @ _product(torch.stack((1 - up, up), -1))
    value = law @ _states(layers[-1].bias.size) @ torch.as_tensor(readout, dtype=torch.float64)
    found = torch.autograd.grad(value, [*biases, *means], allow_unused=True, materialize_grads=True)
    pairs = zip(found[: len(layers)], found[len(layers) :], strict=True)
    return tuple(Gradient(bias, mean, float(bias @ bias)) for bias, mean in pairs)


def straight_through_gradients(
    layers: Sequence[Layer], neuron: Elementwise, slope: Elementwise, inputs: ArrayLike, readout: ArrayLike
) -> tuple[Gradient, ...]:
    """The mean over runs of the straight-through gradient, layer by layer, and the mean square of that of a run.

    neuron: E[x | h]; slope: g(h); both on tensors.

    Raises:
        ValueError: a width above 12 (of ternary weights 9), or inputs out of range.
    """
    first = torch.from_numpy(initial(inputs))
    laws, reached = [first[first > 0]], [_states(len(np.atleast_1d(inputs)))[first > 0]]
    reached += [_states(layer.bias.size) for layer in layers[:-1]]
    moved = [_Moved.of(layer, x, neuron, slope) for layer, x in zip(layers, reached, strict=True)]
    for each in moved:
        laws.append(laws[-1] @ _product(each.chances))
    v = torch.as_tensor(readout, dtype=torch.float64)
    mean, square = v.expand(len(laws[-1]), -1), torch.outer(v, v).expand(len(laws[-1]), -1, -1)
    found = []
    for each, law in zip(reversed(moved), reversed(laws[:-1]), strict=True):
        delta, squares, mean, square = each.back(mean, square)
        weighted = law[:, None] * delta
        size = each.x.shape[1]
        of_means = weighted.T @ each.x / math.sqrt(size)
        found.append(Gradient(weighted.sum(0), of_means, float(law @ squares.sum(1))))
    return tuple(reversed(found))


@dataclass(frozen=True, eq=False)
class _Moved:
    """What a layer's neurons do given its input states x, those that are reached, (X, N_in); s stands for x'_i.

    chances: P(s), (X, N_out, 2). once, twice: E[g P(s)] and E[g^2 P(s)], of that shape. through: E[S_ij g P(s)] over
    sqrt(N), (X, N_out, 2, N_in). both: E[S_ij S_ij' g^2 P(s)] / N, (X, N_out, 2, N_in, N_in).
    """

    x: Tensor
    chances: Tensor
    once: Tensor
    twice: Tensor
    through: Tensor
    both: Tensor

    @classmethod
    def of(cls, layer: Layer, x: Tensor, neuron: Elementwise, slope: Elementwise) -> _Moved:
        size, means, bias = x.shape[1], torch.tensor(layer.means), torch.tensor(layer.bias)
        if layer.weights == "fixed":
            fields = x @ means.T / math.sqrt(size) + bias
            chances, g = _chances(neuron(fields)), slope(fields)[..., None]
            weights = (means / math.sqrt(size))[None, :, None, :]
            once, twice = chances * g, chances * g**2
            pairs = weights[..., :, None] * weights[..., None, :]
            return cls(x, chances, once, twice, once[..., None] * weights, twice[..., None, None] * pairs)
        terms = _terms(layer)
        parts = [_averaged(layer, i, x, terms, neuron, slope) for i in range(len(bias))]
        return cls(x, *(torch.stack(each, 1) for each in zip(*parts, strict=True)))

    def back(self, mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """E[delta | x], E[delta^2 | x], (X, N_out); E[G | x], E[G G^T | x], (X, N_in) and (X, N_in, N_in); from those
        of the layer behind given x'."""  # fmt: skip
        count = mean.shape[1]
        first = torch.stack([self._others((i,)) @ _at(mean[:, i], (i,)) for i in range(count)], 1)
        own = torch.stack([self._others((i,)) @ _at(square[:, i, i], (i,)) for i in range(count)], 1)
        after = torch.einsum("xisjk,xis->xjk", self.both, own)
        for pair in itertools.combinations(range(count), 2):
            i, k = pair
            joint = (self._others(pair) @ _at(square[:, i, k], pair)).reshape(-1, 2, 2)
            crossed = torch.einsum("xsj,xtl,xst->xjl", self.through[:, i], self.through[:, k], joint)
            after = after + crossed + crossed.mT
        return ((self.once * first).sum(-1), (self.twice * own).sum(-1),
                torch.einsum("xisj,xis->xj", self.through, first), after)  # fmt: skip

    def _others(self, without: tuple[int, ...]) -> Tensor:
        """P of the states of the other neurons given x, (X, 2^(N_out - len(without)))."""
        kept = [k for k in range(self.chances.shape[1]) if k not in without]
        return _product(self.chances[:, kept])


def _averaged(
    layer: Layer, i: int, x: Tensor, terms: Tensor, neuron: Elementwise, slope: Elementwise
) -> tuple[Tensor, ...]:
    """The fields of `_Moved` but x of one neuron, averaged over its weights: terms t_j = S_ij x_j, (cases, N_in)."""
    size, means = x.shape[1], torch.tensor(layer.means[i])
    active = torch.tensor(layer.second_moments[i])
    down, up = (active - means * x) / 2, (active + means * x) / 2
    options = (down, up) if layer.weights == "binary" else (down, (1 - active).expand_as(up), up)
    law = _product(torch.stack(options, -1))
    fields = terms.sum(1) / math.sqrt(size) + layer.bias[i]
    chances, g = _chances(neuron(fields)), slope(fields)[:, None]
    once, twice, scaled = chances * g, chances * g**2, terms / math.sqrt(size)
    linear = once[:, :, None] * scaled[:, None, :]
    j, k = torch.tril_indices(size, size)
    pairs = twice[:, :, None] * (scaled[:, j] * scaled[:, k])[:, None, :]
    averaged = law @ torch.cat([each.flatten(1) for each in (chances, once, twice, linear, pairs)], 1)
    parts = averaged.split([2, 2, 2, 2 * size, 2 * len(j)], 1)
    both = x.new_empty(len(x), 2, size, size)
    both[:, :, j, k] = both[:, :, k, j] = parts[4].reshape(-1, 2, len(j)) * (x[:, j] * x[:, k])[:, None]
    return *parts[:3], parts[3].reshape(-1, 2, size) * x[:, None, :], both


def _terms(layer: Layer) -> Tensor:
    """All values of a neuron's terms S_j x_j, (cases, N_in), the first fastest."""
    size = layer.means.shape[1]
    values = (-1.0, 1.0) if layer.weights == "binary" else (-1.0, 0.0, 1.0)
    if (2 * len(values)) ** size > MOST_CASES:
        raise ValueError(f"width {size}: {layer.weights} weights and their inputs have {(2 * len(values)) ** size:.3g} "
                         f"cases a neuron, above {MOST_CASES}; give at most "
                         f"{int(math.log(MOST_CASES, 2 * len(values)))} neurons")  # fmt: skip
    return torch.tensor(list(itertools.product(values, repeat=size)), dtype=torch.float64).flip(1)


def _up(layer: Layer, neuron: Elementwise, bias: Tensor, means: Tensor) -> Tensor:
    """P(x'_i = +1 | x), (2^N_in, N_out), differentiable: the convolution of `field_law.lattice_law`."""
    x = _states(means.shape[1])
    size = means.shape[1]
    if layer.weights == "fixed":
        return (1 + neuron(x @ means.T / math.sqrt(size) + bias)) / 2
    active, terms = torch.tensor(layer.second_moments), x[:, None, :] * means
    down, stay, up = (active - terms) / 2, (1 - active).expand_as(terms), (active + terms) / 2
    law = torch.ones((*terms.shape[:-1], 1), dtype=torch.float64)
    pad = torch.nn.functional.pad
    for j in range(size):
        law = sum((pad(law, sides) * each[..., j, None] for sides, each in
                   (((0, 2), down), ((1, 1), stay), ((2, 0), up))), torch.zeros(()))  # fmt: skip
    lattice = torch.arange(-size, size + 1, dtype=torch.float64) / math.sqrt(size)
    return (law * (1 + neuron(lattice + bias[:, None])) / 2).sum(-1)


def _chances(mean: Tensor) -> Tensor:
    return torch.stack((1 - mean, 1 + mean), -1) / 2


def _states(count: int) -> Tensor:
    return torch.from_numpy(states(count).copy())


def _product(chances: Tensor) -> Tensor:
    """Product measure of n units of k values, (..., n, k) -> (..., k^n), the first unit fastest."""
    law = torch.ones((*chances.shape[:-2], 1), dtype=chances.dtype)
    for j in range(chances.shape[-2]):
        law = torch.cat([law * chances[..., j, k, None] for k in range(chances.shape[-1])], -1)
    return law


def _at(values: Tensor, neurons: tuple[int, ...]) -> Tensor:
    """A function of states (2^n,) as one of the other neurons' states and of these, (2^(n - m), 2^m)."""
    count = values.shape[0].bit_length() - 1
    axes = values.reshape((2,) * count)  # neuron j is axis count - 1 - j
    moved = [count - 1 - each for each in neurons]
    return axes.movedim(moved, list(range(count - len(moved), count))).reshape(-1, 2 ** len(moved))
