"""Which variance maps cross the diagonal once, whatever the variances of means and biases: those by their curvature.

At given biases r' = Q'/T' is a A(r) + b, a, b >= 0, in r = Q/T where the field is marginalised, T' is a A(T) + b in T
where it is not: the slope along one such map has the shape of all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from numerics.emit import compile_theory
from numerics.newton import Array
from theory.correlation import is_relative
from theory.derive import Theory

LOG_X = np.concatenate([np.arange(-340, -46, 14), np.arange(-46, 46, 0.5), np.arange(46, 341, 14)])
BIASES = (0.0, 1e-6, 1e-3, 0.03, 0.3, 1.0, 10.0, 1e3, 1e6)
ROUNDING = 1e-9  # of slopes: a relative rise or fall below this is no bend


@lru_cache(maxsize=1024)
def variance_crosses_once(theory: Theory, squared_gain: float = 1.0) -> bool:
    """Whether the map of q crosses from plus to minus at one q, at every (sigma_m2, sigma_b2).

    Marginalised exactly, r follows the replica map, convex and at most 1.
    """
    relative = is_relative(theory.maps.mean_field)
    if relative and theory.maps.replica_map is not None:
        return True
    maps, q = compile_theory(theory), np.exp(LOG_X)
    for biases in BIASES:
        given = squared_gain * q, np.array([_means(theory)]), np.array([biases])
        with np.errstate(all="ignore"):
            slope = squared_gain * maps.variance_slope(*given) * np.ones(q.size)
            along = ((1 + q) / (1 + maps.variance_map(*given))) ** 2 if relative else 1.0
        if not (_bends_up_last if relative else _is_concave)(slope * along):
            return False
    return True


@lru_cache(maxsize=256)
def total_crosses_once(theory: Theory) -> bool:
    """Whether the map of T crosses from plus to minus at one T, at every (sigma_m2, sigma_b2)."""
    T = np.exp(LOG_X)
    with np.errstate(all="ignore"):
        slope = compile_theory(theory).total_slope(T, np.array([_means(theory)]), np.zeros(1)) * np.ones(T.size)
    return _is_concave(slope)


def _means(theory: Theory) -> float:
    weights = theory.surrogate.weights
    if weights.mean_square is not None:
        return float(weights.mean_square)
    return 1.0 if weights.mean_limit is None else float(weights.mean_limit) ** 2


def _bends_up_last(slopes: Array) -> bool:
    """Concave, convex, or concave and then convex: on [0, 1], where maps stay below 1, that leaves one crossing."""
    rise = _rise(slopes)
    return rise is not None and bool(np.all(np.diff(rise[rise != 0]) >= 0))


def _is_concave(slopes: Array) -> bool:
    rise = _rise(slopes)
    return rise is not None and bool(np.all(rise <= 0))


def _rise(slopes: Array) -> Array | None:
    """Signs of the changes of slopes along ascending x, but for NaN at the ends; None if any falls below 0 or is NaN."""
    known = np.flatnonzero(~np.isnan(slopes))
    inner = slopes[known[0] : known[-1] + 1] if known.size else slopes
    if not np.all(inner >= 0):
        return None
    change, size = np.diff(inner), np.maximum(inner[1:], inner[:-1])
    return np.where(np.abs(change) > ROUNDING * size, np.sign(change), 0.0)
