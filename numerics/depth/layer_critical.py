"""Critical initialisations of chains of blocks: where differences of signals, or gradients, neither grow nor vanish.

They are found by signs of chi - 1 on a grid, and a root between two points of it; `certificates.chain_certificate` and
`chain_backward` prove what can be proven.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from meanbits.numerics.certificates.chain_point import Guess
from meanbits.numerics.depth.layer_fixed_points import MANY, LayerPoints, layer_fixed_points
from meanbits.numerics.depth.profile import Array
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.rows import row_of_layer
from meanbits.theory.symbols import sigma_m2

BIASES = np.array([0.0, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0])  # sigma_b2 that are looked at
LEAST, LARGEST, POINTS, STEPS = 1e-2, 1e2, 33, 60
ROUNDING = 1e-9  # of chi at a root: more means that it jumps across 1, at a transition of first order
SAME = 1e-12


@dataclass(frozen=True)
class CriticalLayer:
    """A point: sigma_m2, or the scale of weights that settle it, and sigma_b2; q, chi_1 and chi_g there."""

    value: float
    sigma_b2: float
    q: float
    chi_1: float
    chi_g: float


@dataclass(frozen=True)
class LayerCriticality:
    """Curves over sigma_b2 where chi_1 = 1 (forward), where chi_g = 1 (backward), and points of both.

    parameter: what `value` of a point is, sigma_m2 or scale. free: the chain with sigma_m2 in place of the scale's
    square. reason: why there is none forward, where that is known.
    """

    parameter: str
    free: Layer
    forward: tuple[CriticalLayer, ...]
    backward: tuple[CriticalLayer, ...]
    both: tuple[CriticalLayer, ...]
    reason: str | None

    def guesses(self, name: str) -> tuple[Guess, ...]:
        """The points of a curve as certificates of `free` take them."""
        power = 2 if self.parameter == "scale" else 1
        return tuple(Guess(point.value**power, point.sigma_b2, point.q) for point in getattr(self, name))


def layer_criticality(layer: Layer) -> LayerCriticality:
    """The critical points of a chain on `BIASES`, at q that layers come to from 1.

    Raises:
        ValueError: layers that come to a fixed point nowhere, or a chain without a parameter to choose.
    """
    parameter, free, values = _parameter(layer)
    grid = _solved(free, values[:, None], BIASES)
    if not np.any(grid.found):
        raise ValueError(
            "layers come to no fixed point, so none is critical; see with meanbits profile how they grow or vanish"
        )
    reason = _reason(layer, grid)
    shown = _rooted if parameter == "scale" else lambda point: point
    forward = () if reason else _curve(free, values, grid, "chi_1")
    backward = _curve(free, values, grid, "chi_g") if layer.passes_gradient else ()
    both = _both(free, forward)
    forward, backward, both = (tuple(map(shown, each)) for each in (forward, backward, both))
    return LayerCriticality(parameter, free, forward, backward, both, reason)


def _parameter(layer: Layer) -> tuple[str, Layer, Array]:
    """What is free, the chain with it in place of sigma_m2, and where to look for it."""
    if not layer.open_weights:
        free = replace(row_of_layer(layer), scale=sp.sqrt(sigma_m2)).layer
        return "scale", free, np.geomspace(LEAST, LARGEST, POINTS)
    limits = [float(each.mean_limit) ** 2 for each in layer.open_weights if each.mean_limit is not None]
    values = np.linspace(0, min(limits), POINTS)[1:] if limits else np.geomspace(LEAST, LARGEST, POINTS)
    return "sigma_m2", layer, values


def _rooted(point: CriticalLayer) -> CriticalLayer:
    return replace(point, value=float(np.sqrt(point.value)))


def _solved(layer: Layer, values: Array, biases: Array) -> LayerPoints:
    return layer_fixed_points(layer, values, biases, c0=1.0, most=MANY)


def _reason(layer: Layer, grid: LayerPoints) -> str | None:
    if not layer.keeps_alike:
        return "equal inputs do not stay equal, since every pass draws anew, so c = 1 is no fixed point"
    if np.all(np.isinf(grid.chi_1[grid.found])):
        return "the slope at c = 1 is infinite, since neurons jump"
    return None


def _curve(layer: Layer, values: Array, grid: LayerPoints, name: str) -> tuple[CriticalLayer, ...]:
    """The points where a slope is 1, of each sigma_b2."""
    excess = getattr(grid, name) - 1
    row, column = np.nonzero((np.sign(excess[:-1]) * np.sign(excess[1:]) < 0) & np.isfinite(excess[:-1] + excess[1:]))
    if row.size == 0:
        return ()
    biases = BIASES[column]
    roots = _roots(lambda at: getattr(_solved(layer, at, biases), name) - 1, values[row], values[row + 1])
    return tuple(point for point in _points(layer, roots, biases) if abs(getattr(point, name) - 1) <= ROUNDING)


def _points(layer: Layer, values: Array, biases: Array) -> list[CriticalLayer]:
    found = _solved(layer, values, biases)
    rows = zip(values, biases, found.q, found.chi_1, found.chi_g, strict=True)
    return [CriticalLayer(*map(float, row)) for row in rows]


def _roots(excess: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Roots between each low and high, at which signs differ: false position (Dowell & Jarratt 1971, Illinois)."""
    at_low, at_high = excess(low), excess(high)
    for _ in range(STEPS):
        middle = high - at_high * (high - low) / (at_high - at_low)
        value = excess(middle)
        crossed = np.sign(value) != np.sign(at_high)
        low, at_low = np.where(crossed, high, low), np.where(crossed, at_high, at_low / 2)
        high, at_high = middle, value
        if np.all((np.abs(value) <= SAME) | (np.abs(high - low) <= SAME * high)):
            break
    return high


def _both(layer: Layer, forward: tuple[CriticalLayer, ...]) -> tuple[CriticalLayer, ...]:
    """Points of the forward curve where gradients keep their size too."""
    same = tuple(point for point in forward if abs(point.chi_g - 1) <= ROUNDING)
    if same:
        return same
    crossed = [(a, b) for a, b in pairwise(forward)
               if a.sigma_b2 < b.sigma_b2 and (a.chi_g - 1) * (b.chi_g - 1) < 0]  # fmt: skip
    return tuple(each for a, b in crossed if (each := _between(layer, a, b)) is not None)


def _between(layer: Layer, first: CriticalLayer, last: CriticalLayer) -> CriticalLayer | None:
    def at(biases: float) -> CriticalLayer:
        near = np.array([min(first.value, last.value) / 1.1]), np.array([max(first.value, last.value) * 1.1])
        (root,) = _roots(lambda x: _solved(layer, x, np.full(1, biases)).chi_1 - 1, *near)
        return _points(layer, np.array([root]), np.array([biases]))[0]

    biases = brentq(lambda b: at(b).chi_g - 1, first.sigma_b2, last.sigma_b2, xtol=SAME)
    found = at(biases)
    return found if max(abs(found.chi_1 - 1), abs(found.chi_g - 1)) <= ROUNDING else None
