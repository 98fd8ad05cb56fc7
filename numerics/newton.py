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
ROUNDING = float(np.finfo(np.float64).eps)
SLOPE_ROUNDING = 16 * ROUNDING  # of the emitted slopes: one this near 1 is 1
LAST = 2.0**-27  # a relative step after which Newton's method, which squares it, is at rounding


def positive_fixed_point(after: Map, slope: Map, points: int) -> Array:
    """x = after(x) in [0, infinity], where after(x) - x goes from plus to minus: the attracting fixed point.

    0 where after(0) = 0 attracts, infinity where after grows past every x. Newton's method in log x within a bracket.
    The maps are called with one x for all points too, of shape (1,).
    """
    every, zero = np.arange(points), np.zeros(1)
    leaves_zero = after(zero, every) > 0
    undecided = np.flatnonzero(~leaves_zero)
    leaves_zero[undecided] = slope(zero, undecided) > 1 + SLOPE_ROUNDING
    stays_finite = after(np.array([LARGEST]), every) < LARGEST
    x = np.where(leaves_zero, np.inf, 0.0)
    active = np.flatnonzero(leaves_zero & stays_finite)
    x[active] = _bracketed(after, slope, active)
    return x


def _bracketed(after: Map, slope: Map, active: Chosen) -> Array:
    found, which = np.empty(active.size), np.arange(active.size)
    low, high = np.full(active.size, 1 / LARGEST), np.full(active.size, LARGEST)
    x = np.clip(after(after(np.ones(1), active), active), low, high)
    for _ in range(STEPS):
        value = after(x, active[which])
        ratio, rising = value / x, value > x
        low, high = np.where(rising, x, low), np.where(rising, high, x)
        with np.errstate(all="ignore"):
            step = np.log(ratio) / (1 - slope(x, active[which]) / ratio)
            proposal = x * np.exp(step)
        done = np.abs(ratio - 1) <= ROUNDING
        astray = np.flatnonzero(~((proposal > low) & (proposal < high)))
        proposal[astray] = np.where(done[astray], x[astray], np.sqrt(low[astray]) * np.sqrt(high[astray]))
        step[astray] = np.inf
        x, done = proposal, done | (np.abs(step) <= LAST)
        found[which] = x
        left = np.flatnonzero(~done)
        if left.size == 0:
            break
        which, (x, low, high) = which[left], (each[left] for each in (x, low, high))
    return found


def descended_fixed_point(after: Map, slope: Map, active: Chosen, start: Array | None = None) -> Array:
    """The largest x = after(x) in [0, 1], after concave and increasing with after(1) <= 1.

    Newton's method from x = 1 descends to it without a bracket; it stops where rounding no longer lets it descend. From
    a start (default 1) where the slope is below 1, its first step ends above the fixed point, wherever it began.
    """
    found, which = np.empty(active.size), np.arange(active.size)
    x = np.ones(active.size) if start is None else start
    for count in range(STEPS):
        rate = slope(x, active[which])
        with np.errstate(all="ignore"):
            step = (x - after(x, active[which])) / (1 - rate)
        allowed = step > ROUNDING * x if count else (rate < 1) & (x - step <= 1)
        moves = allowed & (step < x)
        x = np.where(moves, x - step, x if count else 1.0)
        done = np.where(moves, np.abs(step) <= LAST * x, count > 0)
        found[which] = x
        if np.all(done):
            break
        which, x = which[~done], x[~done]
    return found
