"""All fixed points of maps of [0, infinity] to itself, whatever their shape: attracting or not, any number, or cycles.

Variance maps are Gaussian averages at the variance q, hence analytic in log q for |Im log q| < pi/2: nodes half a unit
apart resolve them, and what touches the diagonal between two nodes is looked for by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanbits.numerics.solvers.newton import Array, Chosen, Map, bracketed_fixed_point
from meanbits.numerics.solvers.orbits import SETTLED, NoFixedPointError, in_columns, iterated

LOG_X = np.concatenate([np.arange(-690, -46, 14), np.arange(-46, 46, 0.5), np.arange(46, 691, 14)])
FAR = np.exp(LOG_X[-1])  # beyond all nodes an orbit is on its way to infinity, if that attracts
START = int(np.flatnonzero(LOG_X == 0)[0])  # the usual start, x = 1
ROUNDING = 1e-12  # of maps: log after(x)/x nearer to 0 has no sign
FALL = 1e-9  # a relative fall below this does not make a map decrease
NEAR = 0.1  # of log after(x)/x: a minimum within this of 0 between two nodes may be below it
ZOOM, ZOOMS = 32, 4
POINTS = 2**20  # of the map in one call


Brackets = tuple[Chosen, Array, Array, Array]  # columns; low and high ends, logarithms; and how after(x) - x crosses


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """Fixed points of n maps, in the order of maps and then of x: owner, x, slope, stable, each (k,).

    crossing: 1 where after(x) - x goes from plus to minus, -1 where from minus to plus; stable: it does the first, with
    slope > -1. Slopes at infinity are left NaN. every: maps of which every x is a fixed point, (n,); none is listed.
    reached: of each map, where the iteration from x = 1 ends, (n,).
    """

    owner: Chosen
    x: Array
    slope: Array
    stable: NDArray[np.bool_]
    every: NDArray[np.bool_]
    reached: Array


def scanned_fixed_points(after: Map, slope: Map, points: int) -> FixedPoints:
    """All fixed points of each map in [0, infinity], and the one that iteration from x = 1 reaches.

    Maps are called with x of shape (nodes, 1) or (nodes, chosen), too.

    Raises:
        NoFixedPointError: a map that is no number between numbers, or whose iteration from x = 1 ends in a cycle.
    """
    size = max(1, POINTS // LOG_X.size)
    parts = [_scanned(after, slope, np.arange(start, min(start + size, points))) for start in range(0, points, size)]
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in FixedPoints.__dataclass_fields__)
    return FixedPoints(*joined)


def _scanned(after: Map, slope: Map, chosen: Chosen) -> FixedPoints:
    nodes = np.exp(LOG_X)[:, None]
    with np.errstate(all="ignore"):
        values = np.broadcast_to(after(nodes, chosen), (LOG_X.size, chosen.size))
        excess = np.log(values) - LOG_X[:, None]
    _refuse_holes(excess, chosen)
    sign, last = _signs(excess)
    brackets = [_divided(after, chosen, *_changes(LOG_X[:, None], sign, last)), *_touching(after, chosen, excess)]
    column, low, high, crossing = (np.concatenate(each) for each in zip(*brackets, strict=True))
    x = _polished(after, slope, chosen[column], low, high, crossing)
    ends = _ends(after, slope, chosen, sign[0], sign[-1])
    column, x, crossing = (np.concatenate(each) for each in zip((column, x, crossing), *ends, strict=True))
    order = np.lexsort((x, column))
    column, x, crossing = column[order], x[order], crossing[order]
    with np.errstate(all="ignore"):
        slopes = np.where(np.isinf(x), np.nan, slope(np.where(np.isinf(x), 1.0, x), chosen[column]))
    stable = (crossing > 0) & ~(slopes <= -1)
    falls = values[1:] < values[:-1] * (1 - FALL)
    found = FixedPoints(chosen[column], x, slopes, stable, sign[0] == 0, np.ones(chosen.size))
    _settle(found, after, chosen, crossing, sign[START], falls)
    return found


def _signs(excess: Array) -> tuple[Array, Chosen]:
    """Signs along ascending x, and where each was seen last.

    Where rounding hides it, or there is no number, it is that before, or else the next; 0 where none is known at all.
    """
    sign = np.where(np.abs(excess) > ROUNDING, np.sign(np.nan_to_num(excess, nan=0.0)), 0.0)
    last = np.maximum.accumulate(np.where(sign != 0, np.arange(len(sign))[:, None], 0))
    filled = np.take_along_axis(sign, last, 0)
    return np.where(filled == 0, np.take_along_axis(sign, np.argmax(sign != 0, 0)[None], 0), filled), last


def _changes(log_x: Array, sign: Array, last: Chosen) -> Brackets:
    """Brackets where `_signs` change along log_x, (n, 1) or (n, columns): (column, low, high, crossing)."""
    node, column = np.nonzero(sign[1:] != sign[:-1])
    grid = np.broadcast_to(log_x, sign.shape)
    return column, grid[last[node, column], column], grid[node + 1, column], sign[node, column]


def _divided(after: Map, chosen: Chosen, column: Chosen, low: Array, high: Array, crossing: Array) -> Brackets:
    """Brackets cut into parts, of which more than one may be left: three fixed points between two nodes."""
    if column.size == 0:
        return column, low, high, crossing
    grid = np.linspace(low, high, ZOOM + 1)
    with np.errstate(all="ignore"):
        excess = np.log(after(np.exp(grid), chosen[column])) - grid
    excess[0], excess[-1] = crossing, -crossing
    part, *rest = _changes(grid, *_signs(excess))
    return column[part], rest[0], rest[1], rest[2]


def _refuse_holes(excess: Array, chosen: Chosen) -> None:
    """Nodes beyond which no number is left are no hole: the limits at 0 and infinity stand for them."""
    known = ~np.isnan(excess)
    begun, ended = np.maximum.accumulate(known, 0), np.maximum.accumulate(known[::-1], 0)[::-1]
    node, column = np.nonzero((begun & ended & ~known) | ~np.any(known, 0))
    if node.size:
        raise NoFixedPointError(int(chosen[column[0]]), f"the map is no number at {np.exp(LOG_X[node[0]]):.3g}")


def _touching(after: Map, chosen: Chosen, excess: Array) -> list[Brackets]:
    """Brackets of pairs of fixed points between two nodes: (column, low, high, crossing) of the first, and the second.

    A minimum of |log after(x)/x| near 0 is looked at ever more closely, until its sign changes or it stays.
    """
    with np.errstate(invalid="ignore"):
        size, same = np.abs(excess), np.sign(excess[:-2]) * np.sign(excess[2:]) > 0
        least = (size[1:-1] + FALL < np.minimum(size[:-2], size[2:])) & (size[1:-1] < NEAR) & same
    node, column = np.nonzero(least)
    side = np.sign(excess[node, column])
    low, high, found = LOG_X[node], LOG_X[node + 2], []
    for _ in range(ZOOMS):
        if column.size == 0:
            break
        grid = np.linspace(low, high, ZOOM + 1)
        value = (np.log(after(np.exp(grid), chosen[column])) - grid) * side
        below = value < -ROUNDING
        hit, every = np.flatnonzero(np.any(below, 0)), np.arange(column.size)
        start, stop = np.argmax(below, 0), ZOOM - np.argmax(below[::-1], 0)
        for index, way in ((start, 1.0), (stop + 1, -1.0)):
            found.append((column[hit], grid[index - 1, every][hit], grid[np.minimum(index, ZOOM), every][hit],
                          way * side[hit]))  # fmt: skip
        missed = np.setdiff1d(every, hit)
        least_at = np.clip(np.argmin(value, 0), 1, ZOOM - 1)
        low, high = grid[least_at - 1, every][missed], grid[least_at + 1, every][missed]
        column, side = column[missed], side[missed]
    return found


def _polished(after: Map, slope: Map, owner: Chosen, low: Array, high: Array, crossing: Array) -> Array:
    x = np.empty(owner.size)
    for repelling in (False, True):
        part = np.flatnonzero((crossing < 0) == repelling)
        if part.size:
            sides = np.exp(low[part]), np.exp(high[part])
            start = np.exp((low[part] + high[part]) / 2)
            x[part] = bracketed_fixed_point(after, slope, owner[part], start, *sides, repelling)
    return x


def _ends(after: Map, slope: Map, chosen: Chosen, first: Array, last: Array) -> list[tuple[Chosen, Array, Array]]:
    """Fixed points at 0 and at infinity, and those below and above all nodes: (column, x, crossing)."""
    zero, infinity = np.zeros(1), np.full(1, np.inf)
    with np.errstate(all="ignore"):
        at_zero, at_top = (np.broadcast_to(after(end, chosen), chosen.shape) for end in (zero, infinity))
        linear = at_zero / (1 - slope(zero, chosen))
    for values, leads, end in ((at_zero, first < 0, "0"), (at_top, last > 0, "infinity")):
        lost = np.flatnonzero(np.isnan(values) & leads)
        if lost.size:
            raise NoFixedPointError(int(chosen[lost[0]]), f"it goes on towards {end}, where no limit is derived")
    fixed_zero, fixed_top = (at_zero == 0) & (first != 0), np.isinf(at_top) & (last != 0)
    below, above = (at_zero > 0) & (first < 0), np.isfinite(at_top) & (last > 0)
    return [(np.flatnonzero(which), x[which], crossing[which]) for which, x, crossing in (
        (fixed_zero, np.zeros(chosen.size), -first), (below, linear, np.ones(chosen.size)),
        (above, at_top, np.ones(chosen.size)), (fixed_top, np.full(chosen.size, np.inf), last),
    )]  # fmt: skip


def _settle(
    found: FixedPoints, after: Map, chosen: Chosen, crossing: Array, sign: Array, falls: NDArray[np.bool_]
) -> None:
    """Fill in `reached`: maps that nowhere fall on their way go monotonically to the next fixed point.

    Others, by `falls` from node to node, are iterated.
    """
    column = np.searchsorted(chosen, found.owner)
    onward = np.where(sign[column] > 0, found.x > 1 - SETTLED, found.x < 1 + SETTLED) & (crossing > 0)
    highest, lowest = np.zeros(chosen.size), np.full(chosen.size, np.inf)
    np.maximum.at(highest, column[onward], found.x[onward])
    np.minimum.at(lowest, column[onward], found.x[onward])
    found.reached[:] = np.where(found.every, 1.0, np.where(sign > 0, lowest, highest))
    with np.errstate(divide="ignore"):
        end = np.log(found.reached)
    passed = (LOG_X[1:, None] >= np.minimum(end, 0)) & (LOG_X[:-1, None] <= np.maximum(end, 0))
    wandering = np.flatnonzero(np.any(falls & passed, 0) & ~found.every)
    if wandering.size:
        attracting = found.stable & np.isin(column, wandering)
        stable = in_columns(np.searchsorted(wandering, column[attracting]), found.x[attracting], wandering.size)
        found.reached[wandering] = iterated(after, chosen[wandering], stable, FAR)
