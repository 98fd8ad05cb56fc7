"""The fixed point that layers come to from the usual start 1: by Newton's method if no other attracts, else by scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meanbits.numerics.solvers.newton import Array, Chosen, Map, positive_fixed_point
from meanbits.numerics.solvers.scan import NoFixedPointError, scanned_fixed_points

RESIDUAL = 1e-9  # of a fixed point put back into its map, relative


def settled(after: Map, slope: Map, once: NDArray[np.bool_], kind: Array | None = None) -> Array:
    """Where the iteration of each map from 1 ends, in [0, infinity]; once: whether it crosses the diagonal once, (n,).

    kind: maps of one kind, (n,), are scanned together; their variances may differ, of which one state serves many.

    Raises:
        NoFixedPointError: a cycle, a map that is no number, or a result that the map does not return.
    """
    if np.all(once):
        return put_back(positive_fixed_point(after, slope, once.size), after, slope)
    x = np.empty(once.size)
    single, other = np.flatnonzero(once), np.flatnonzero(~once)
    if single.size:
        x[single] = positive_fixed_point(_of(after, single), _of(slope, single), single.size)
    for each in [other] if kind is None else [other[kind[other] == one] for one in np.unique(kind[other])]:
        x[each] = _scanned(after, slope, each)
    return put_back(x, after, slope)


def _scanned(after: Map, slope: Map, which: Chosen) -> Array:
    try:
        return scanned_fixed_points(_of(after, which), _of(slope, which), which.size).reached
    except NoFixedPointError as error:
        raise NoFixedPointError(int(which[error.point]), error.reason) from None


def put_back(x: Array, after: Map, slope: Map) -> Array:
    """x, each its map's own value but for rounding.

    Raises:
        NoFixedPointError: the first that is not.
    """
    inside = np.flatnonzero((x > 0) & np.isfinite(x))
    if inside.size:
        with np.errstate(all="ignore"):
            returned = after(x[inside], inside) / x[inside]
            off = np.flatnonzero(~(np.abs(returned - 1) <= RESIDUAL))
        for each in off:
            rate = float(slope(x[inside][[each]], inside[[each]])[0])
            if not abs(returned[each] - 1) <= RESIDUAL * max(1.0, abs(rate)):
                value = float(x[inside][each])
                raise NoFixedPointError(
                    int(inside[each]), f"{value:.6g} was found and maps to {returned[each] * value:.6g}"
                )
    lost = np.flatnonzero(np.isnan(x))
    if lost.size:
        raise NoFixedPointError(int(lost[0]), "the map is no number")
    return x


def _of(function: Map, which: Chosen) -> Map:
    return lambda x, chosen: function(x, which[chosen])
