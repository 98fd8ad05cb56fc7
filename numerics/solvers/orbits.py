"""Where the iterations of maps that are not monotone end."""

from __future__ import annotations

import numpy as np

from meanbits.numerics.solvers.newton import Array, Chosen, Map

LAYERS, PERIODS, SETTLED = 4000, 64, 1e-6


class NoFixedPointError(ValueError):
    """A map without the fixed point that was asked for: which of the maps, and the reason."""

    def __init__(self, point: int, reason: str) -> None:
        super().__init__(reason)
        self.point, self.reason = point, reason


def in_columns(column: Chosen, x: Array, columns: int) -> Array:
    """x of ascending columns as an array, NaN below the last of each."""
    row = np.arange(column.size) - np.searchsorted(column, column)
    stacked = np.full((np.max(row, initial=0) + 1, columns), np.nan)
    stacked[row, column] = x
    return stacked


def iterated(after: Map, points: Chosen, stable: Array, far: float) -> Array:
    """The stable fixed points, one of those in each column, that the iterations of maps from x = 1 come to.

    Beyond `far` an orbit goes to infinity, if that attracts.

    Raises:
        NoFixedPointError: the first map that comes to none.
    """
    ends, left, x = np.empty(points.size), np.arange(points.size), np.ones(points.size)
    orbit: list[Array] = []
    for layer in range(LAYERS):
        with np.errstate(all="ignore"):
            x = after(x, points[left])
            near = (stable == x) | (np.abs(np.log(stable / x)) < SETTLED)
        away = ~(x <= far) & np.any(np.isinf(stable), 0)
        arrived = away | np.any(near, 0)
        if np.any(arrived):
            nearest = np.take_along_axis(stable, np.argmax(near, 0)[None], 0)[0]
            ends[left[arrived]] = np.where(away, np.inf, nearest)[arrived]
            left, x, stable = left[~arrived], x[~arrived], stable[:, ~arrived]
            orbit = [each[~arrived] for each in orbit]
        if left.size == 0:
            break
        if layer >= LAYERS - 2 * PERIODS:
            orbit.append(x)
    for column, each in enumerate(left):
        ends[each] = _end(int(points[each]), np.array([x[column] for x in orbit]), stable[:, column])
    return ends


def _end(point: int, late: Array, stable: Array) -> float:
    """The stable fixed point that an orbit creeps to.

    Raises:
        NoFixedPointError: if it creeps to none.
    """
    period = next((n for n in range(1, PERIODS) if np.all(np.abs(late[n:] / late[:-n] - 1) < SETTLED)), None)
    if period == 1 and not np.all(np.isnan(stable)):
        return float(stable[np.nanargmin(np.abs(np.log(stable / late[-1])))])
    how = f"in a cycle of period {period}" if period else "in no short cycle either"
    raise NoFixedPointError(point, f"iterated from 1 it ends {how}, between {late.min():.6g} and {late.max():.6g}")
