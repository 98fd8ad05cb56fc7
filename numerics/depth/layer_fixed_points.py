"""The fixed points that repeated layers of blocks come to, at many variances at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, coordinates, first_flow, growth_at
from meanbits.numerics.shown import Shown
from meanbits.numerics.solvers.domain import floats
from meanbits.numerics.solvers.scales import depth_scale, gradient_scale
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer

MOST, MANY = 100_000, 10_000  # layers that one point, or each of a grid, is followed through
SETTLED, VANISHED, GRID = 1e-13, 1e-9, 200
SLOW, NEAREST = 500, 1e-8  # layers after which a fall counts as slow, and the part of it that is looked at
SMALLEST = 1e-30  # of T, below which a field counts as vanishing
LARGEST = 1e8  # of T, or T beside biases above 1, beyond which a field counts as growing without bound
OF = NeuronMoments()


@dataclass(frozen=True, eq=False, repr=False)
class LayerPoints(Shown):
    """Of each (sigma_m2, sigma_b2): q, c, T; chi = dc'/dc there, chi_1 at c = 1; chi_g, the growth of gradients.

    Arrays of one shape. typical: correlation of a typical pair of the batch. found: whether layers come to a fixed
    point; elsewhere all is NaN. c is NaN too at q = 0 of fields integrated out, where it is a ratio of overlaps that
    both vanish, by chi a layer, and chi_g where gradients see no slope.
    """

    q: Array
    c: Array
    T: Array
    typical: Array
    chi: Array
    chi_1: Array
    chi_g: Array
    found: Array

    shown = ("q", "c", "T", "typical", "chi", "chi_1", "chi_g", "xi_c", "xi_g", "found")

    @property
    def xi_c(self) -> Array:
        """-1/ln chi in layers."""
        return depth_scale(self.chi)

    @property
    def xi_g(self) -> Array:
        """1/ln chi_g in layers: above 0 where gradients grow on their way back, below where they vanish."""
        return gradient_scale(self.chi_g)


def layer_fixed_points(
    layer: Layer, sigma_m2: ArrayLike, sigma_b2: ArrayLike, *, q0: float = 1.0, c0: float = 0.5, most: int = MOST
) -> LayerPoints:
    """The fixed points that fields of (q0, c0) come to within so many layers; the variances broadcast.

    A typical pair of the first batch has correlation 0, or c0 where nothing depends on it.
    """
    means, biases = np.broadcast_arrays(floats("sigma_m2", sigma_m2), floats("sigma_b2", sigma_b2))
    shape, means, biases = means.shape, means.ravel(), biases.ravel()
    values = np.full((7, means.size), np.nan)
    for index, flow in _settled(layer, means, biases, (q0, c0), most):
        with np.errstate(all="ignore"):  # limits as fields vanish
            values[:, index] = _described(layer, layer.at(means[index], biases[index]), flow)
    found = ~np.isnan(values[0])
    return LayerPoints(*(each.reshape(shape)[()] for each in (*values, found)))


def no_fixed_point(layer: Layer) -> str:
    """What is said of a chain where layers come to none."""
    return f"{layer!r} comes to no fixed point; see with profile how it grows or vanishes"


def _settled(
    layer: Layer, means: Array, biases: Array, first: tuple[float, float], most: int
) -> Iterator[tuple[Array, Flow]]:
    """Points and their flow, as they settle."""
    numbers = layer.at(means, biases)
    flow = first_flow(layer, numbers, *first, 0.0 if layer.has_batch_norm else first[1], means.shape)
    far = LARGEST * np.clip(biases, 1, 1e290)
    index = np.flatnonzero(~_grow(numbers, flow.total, far))
    flow, done, layers = _part(flow, index), 0, 8
    while index.size and done < most:
        numbers = layer.at(means[index], biases[index])
        earlier = before = flow
        for _ in range(layers):
            earlier, before, flow = before, flow, forward(numbers.blocks, flow, OF)
        still = np.all([np.abs(b - a) <= SETTLED * np.maximum(np.abs(b), SETTLED * flow.total)
                        for a, b in zip(_rows(before), _rows(flow), strict=True)], 0)  # fmt: skip
        if done >= SLOW:
            merging = ~still & _merging(numbers, before, flow)
            equal = _alike(layer, flow)
            typical = flow.typical if layer.has_batch_norm else np.where(merging, equal, flow.typical)
            flow = Flow(flow.total, np.where([merging, merging], equal, flow.fall), typical)
            still |= merging
        if still.any():
            yield index[still], _part(flow, still)
        going = ~still & (flow.total > SMALLEST) & (flow.total < far[index])
        leaping = going & (np.abs(flow.total - before.total) > SETTLED * flow.total)
        flow, done = _leapt(numbers, earlier, before, flow), done + layers
        index, flow = index[going], _part(flow, going)
        layers = layers if leaping.any() and done < SLOW else min(2 * layers, 1024)  # leaps are worth many layers


def _alike(layer: Layer, flow: Flow) -> Array:
    """The fall of two inputs that are equal: that of two runs of one where fields are integrated out, else 0."""
    return flow.fall[1] if layer.is_relative else np.zeros_like(flow.total)


def _merging(numbers: Layer, before: Flow, flow: Flow) -> Array:
    """Whether two inputs become one, however slowly, as by a power of depth where chi_1 = 1.

    All but overlaps of inputs is settled, equal fields stay equal, chi_1 <= 1, and what is between two fields is less
    behind a layer, from where they are to where rounding hides it: the map of overlaps increases, so nothing holds
    them.
    """
    equal = _alike(numbers, flow)
    rows = [(before.total, flow.total), (before.fall[1], flow.fall[1])]
    rows += [(before.typical, flow.typical)] if numbers.has_batch_norm else []
    settled = np.all([np.abs(b - a) <= SETTLED * flow.total for a, b in rows], 0)
    steep = slope(numbers.blocks, Flow(flow.total, equal, flow.typical), OF)
    between = flow.fall[0] - equal
    nearer = np.geomspace(NEAREST, 1, GRID)[:, None] * between
    after = forward(numbers.blocks, Flow(flow.total, equal + nearer, flow.typical), OF).fall
    stay = np.abs(forward(numbers.blocks, Flow(flow.total, equal, flow.typical), OF).fall - equal)
    less = np.all(after - equal < nearer, 0)
    return settled & (steep <= 1 + SETTLED) & (stay <= SETTLED * flow.total) & (between > 0) & less


def _leapt(numbers: Layer, first: Flow, second: Flow, third: Flow) -> Flow:
    """A flow nearer to where three in turn lead, by Aitken's rule for T, correlations kept; the third where none is."""
    step, last = second.total - first.total, third.total - second.total
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = last / step
        ahead = np.where((ratio > 0) & (ratio < 1), last * ratio / (1 - ratio), 0.0)
        factor = np.clip(1 + ahead / third.total, 0.5, 2.0)
    leap = third.scaled(np.where(third.total > 0, factor, 1.0))
    nearer = np.abs(forward(numbers.blocks, leap, OF).total - leap.total) < np.abs(last)
    return Flow(*(np.where(nearer, new, old) for new, old in zip(_fields(leap), _fields(third), strict=True)))


def _fields(flow: Flow) -> tuple[Array, Array, Array]:
    return flow.total, flow.fall, flow.typical


def _rows(flow: Flow) -> list[Array]:
    shape = np.shape(flow.total)
    return [np.broadcast_to(each, shape) for each in (flow.total, *flow.fall, flow.typical)]


def _part(flow: Flow, chosen: Array) -> Flow:
    total, pair, alike, typical = (each[chosen] for each in _rows(flow))
    return Flow(total, np.stack([pair, alike]), typical)


def _grow(numbers: Layer, start: Array, far: Array) -> Array:
    """Whether T' > T from each start on."""
    totals = np.geomspace(start, far, GRID)
    apart = totals if numbers.has_batch_norm else np.zeros_like(totals)  # T' depends on no other overlap
    after = forward(numbers.blocks, Flow(totals, apart, apart), OF).total
    return np.all(np.broadcast_to(after, totals.shape) > totals, 0)


def _described(layer: Layer, numbers: Layer, flow: Flow) -> Array:
    """q, c, T, typical, chi, chi_1 and chi_g at settled flows."""
    total, (pair, alike) = flow.total, flow.fall
    q, c = coordinates(layer, total, pair, alike)
    steep = slope(numbers.blocks, flow, OF)[0]
    equal = alike if layer.is_relative else np.zeros_like(total)
    chi_1 = slope(numbers.blocks, Flow(total, equal, flow.typical), OF)
    growth = growth_at(layer, numbers, flow)
    typical = (total - flow.typical) / (total - alike if layer.is_relative else total)
    if layer.is_relative:
        vanished = total - alike <= VANISHED * total
        q, c = np.where(vanished, 0.0, q), np.where(vanished, np.nan, c)
        typical = np.where(vanished, 0.0, typical)
    return np.stack(np.broadcast_arrays(q, c, total, typical, steep, chi_1, growth))
