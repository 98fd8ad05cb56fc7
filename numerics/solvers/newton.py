"""Safeguarded Newton methods for fixed points of increasing maps, on whole arrays of parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Chosen = NDArray[np.intp]
Map = Callable[[Array, Chosen], Array]  # (x, which points) -> value, one number for each of these points

LARGEST = float(np.exp(500.0))  # times the integers of exact coefficients it and its inverse stay within float64
STEPS = 200
ROOTS = 6
ROUNDING = float(np.finfo(np.float64).eps)
SLOPE_ROUNDING = 16 * ROUNDING  # of the emitted slopes: one this near 1 is 1
LAST = 2.0**-27  # a relative step after which Newton's method, which squares it, is at rounding


def positive_fixed_point(after: Map, slope: Map, points: int) -> Array:
    """x = after(x) in [0, infinity], where after(x) - x goes from plus to minus once: the attracting fixed point.

    0 where after(0) = 0 attracts, infinity where after grows past every x, 1 where every x is fixed. Newton's method in
    log x within a bracket; below and above all brackets after is its linear part at 0, or its limit. The maps are
    called with one x for all points too, of shape (1,). Maps that may cross more than once: `solvers.scan`.
    """
    every, zero = np.arange(points), np.zeros(1)
    at_zero, (top, at_top) = after(zero, every), _largest_known(after, points)
    leaves_zero, stays_finite = at_zero > 0, at_top < top
    undecided = np.flatnonzero(~leaves_zero)
    at_start = slope(zero, undecided)
    leaves_zero[undecided] = at_start > 1 + SLOPE_ROUNDING
    x = np.where(leaves_zero, np.inf, 0.0)
    x[_all_fixed(after, undecided[(at_start >= 1) & (at_start <= 1 + SLOPE_ROUNDING)], at_top / top)] = 1.0
    above = np.flatnonzero(leaves_zero & ~stays_finite)
    if above.size:
        x[above] = after(np.array([np.inf]), above)
        stays_finite[above] = np.isnan(at_top[above]) & (x[above] < LARGEST)
    active = np.flatnonzero(leaves_zero & stays_finite)
    sides = np.full(active.size, 1 / LARGEST), top[active]
    middle = np.clip(after(after(np.ones(1), active), active), *sides)
    x[active] = bracketed_fixed_point(after, slope, active, middle, *sides)
    tiny = np.flatnonzero((at_zero > 0) & (at_zero < 1 / LARGEST) & (x <= 2 / LARGEST))
    if tiny.size:
        x[tiny] = at_zero[tiny] / (1 - slope(zero, tiny))
    return x


def _largest_known(after: Map, points: int) -> tuple[Array, Array]:
    """LARGEST, or its largest root of order 2^k at which after is a number, and after there: powers may overflow."""
    top = np.full(points, LARGEST)
    value = np.broadcast_to(after(np.array([LARGEST]), np.arange(points)), (points,)).copy()
    for _ in range(ROOTS):
        unknown = np.flatnonzero(np.isnan(value))
        if unknown.size == 0:
            break
        top[unknown] = np.sqrt(top[unknown])
        value[unknown] = after(top[unknown], unknown)
    return top, value


def _all_fixed(after: Map, edge: Chosen, growth: Array) -> Chosen:
    """Of the points where 0 is fixed, with slope 1, those where every x is; growth: after(x)/x far out."""
    edge = edge[np.abs(growth[edge] - 1) <= SLOPE_ROUNDING]
    return edge[np.abs(after(np.ones(1), edge) - 1) <= SLOPE_ROUNDING] if edge.size else edge


def bracketed_fixed_point(
    after: Map, slope: Map, active: Chosen, x: Array, low: Array, high: Array, repelling: bool = False
) -> Array:
    """x = after(x) of each active point between low and high, where after(x) - x changes sign, from a start x.

    It goes from plus to minus, or where fixed points are repelling from minus to plus.
    """
    found, which, chosen = np.empty(active.size), np.arange(active.size), active
    for _ in range(STEPS):
        value = after(x, chosen)
        ratio, rising = value / x, (value > x) ^ repelling
        low, high = np.where(rising, x, low), np.where(rising, high, x)
        with np.errstate(all="ignore"):
            step = np.log(ratio) / (1 - slope(x, chosen) / ratio)
            proposal = x * np.exp(step)
        done = np.abs(ratio - 1) <= ROUNDING
        astray = np.flatnonzero(~((proposal > low) & (proposal < high)))
        proposal[astray] = np.where(done[astray], x[astray], np.sqrt(low[astray]) * np.sqrt(high[astray]))
        step[astray] = np.inf
        x, done = proposal, done | (np.abs(step) <= LAST)
        left = np.flatnonzero(~done)
        if left.size < which.size:
            found[which] = x
            which, chosen, (x, low, high) = which[left], chosen[left], (each[left] for each in (x, low, high))
        if left.size == 0:
            return found
    found[which] = x
    return found


def descended_fixed_point(after: Map, slope: Map, active: Chosen, start: Array | None = None) -> Array:
    """The largest x = after(x) in [0, 1], after concave and increasing with after(1) <= 1.

    Newton's method from x = 1 descends to it without a bracket; it stops where rounding no longer lets it descend. From
    a start (default 1) where the slope is below 1, its first step ends above the fixed point, wherever it began.
    """
    found, which = np.empty(active.size), np.arange(active.size)
    x = np.ones(active.size) if start is None else start
    for count in range(STEPS):
        chosen = active[which]
        rate, value = slope(x, chosen), after(x, chosen)
        with np.errstate(all="ignore"):
            step, lower = (x - value) / (1 - rate), (value - rate * x) / (1 - rate)
        allowed = step > ROUNDING * x if count else (rate < 1) & (x - step <= 1)
        moves = allowed & (lower > 0)
        x = np.where(moves, np.where(lower < x / 2, lower, x - step), x if count else 1.0)
        done = np.where(moves, np.abs(step) <= LAST * x, count > 0)
        found[which] = x
        if np.all(done):
            break
        which, x = which[~done], x[~done]
    return found


def nearby_gap(apart: Array, chi_1: Array, farthest: Array) -> Array:
    """Roughly the fixed point of the gap, from how far apart equal inputs end, from chi_1 and from the map at gap 1.

    Where equal inputs stay equal it is that of chi_1 x / sqrt(1 + beta x), else the value at gap 1.
    """
    with np.errstate(all="ignore"):
        aligned = (chi_1**2 - 1) / ((chi_1 / farthest) ** 2 - 1)
    return np.clip(np.where(apart == 0, aligned, farthest), 0.0, 1.0)
