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
BIASES = (0.0, 1e-6, 1e-3, 0.03, 0.3, 1.0, 10.0, 1e3, 1e6)  # where the shape may depend on them
SAME = 1e-6
ROUNDING = 1e-9  # of slopes: a relative rise or fall below this is no bend


@lru_cache(maxsize=1024)
def variance_crosses_once(theory: Theory, squared_gain: float = 1.0) -> bool:
    """Whether the map of q crosses from plus to minus at one q, at every (sigma_m2, sigma_b2).

    Marginalised exactly, r follows the replica map, convex and at most 1.
    """
    relative = is_relative(theory.maps.mean_field)
    if relative and theory.maps.replica_map is not None:
        return True
    few = np.exp(LOG_X[::40])
    alike = [_slopes(theory, few, squared_gain, biases)[0] * _total(theory, biases) ** relative for biases in BIASES]
    same = all(np.allclose(each, alike[0], rtol=SAME, equal_nan=True) for each in alike)
    slopes = (_slopes(theory, np.exp(LOG_X), squared_gain, biases) for biases in (BIASES[:1] if same else BIASES))
    return all(any(_crosses_once(_relevant(theory, each), relative) for each in given) for given in slopes)


@lru_cache(maxsize=256)
def total_crosses_once(theory: Theory) -> bool:
    """Whether the map of T crosses from plus to minus at one T, at every (sigma_m2, sigma_b2)."""
    T = np.exp(LOG_X)
    with np.errstate(all="ignore"):
        slope = compile_theory(theory).total_slope(T, np.array([_means(theory)]), np.zeros(1)) * np.ones(T.size)
    return _crosses_once(_relevant(theory, slope))


def _means(theory: Theory) -> float:
    """The largest sigma_m2, or 1 where none is."""
    weights = theory.surrogate.weights
    if weights.mean_square is not None:
        return float(weights.mean_square)
    return 1.0 if weights.mean_limit is None else float(weights.mean_limit) ** 2


def _total(theory: Theory, biases: float) -> float:
    return float(compile_theory(theory).total_map(np.ones(1), np.array([_means(theory)]), np.array([biases]))[0])


def _slopes(theory: Theory, q: Array, squared_gain: float, biases: float) -> tuple[Array, ...]:
    """The slope of the map of the largest sigma_m2 at ascending q, in r where there is one; in every way it is known."""
    maps, given = compile_theory(theory), (squared_gain * q, np.array([_means(theory)]), np.array([biases]))
    with np.errstate(all="ignore"):
        after, slope = maps.variance_map(*given), squared_gain * maps.variance_slope(*given) * np.ones(q.size)
    return _of_fractions(q, after, slope) if is_relative(theory.maps.mean_field) else (slope,)


def _of_fractions(q: Array, after: Array, slope: Array) -> tuple[Array, Array]:
    """dr'/dr, r = q/(1 + q): by the slope of q', and for q > 1 by differences of 1 - r', good to rounding near r = 1."""
    with np.errstate(all="ignore"):
        exact = slope * ((1 + q) / (1 + after)) ** 2
        secants = np.diff(1 / (1 + after)) / np.diff(1 / (1 + q))
    return exact, np.where(q > 1, np.append(np.nan, secants), exact)


def _relevant(theory: Theory, slopes: Array) -> Array:
    """Slopes of the steepest map, of the largest sigma_m2: below 1 nowhere can a map cross from minus to plus."""
    weights = theory.surrogate.weights
    return slopes if weights.mean_limit is None and weights.mean_square is None else np.maximum(slopes, 1.0)


def _crosses_once(slopes: Array, rises_last: bool = False) -> bool:
    """Whether slopes >= 0 at ascending x, but for NaN at the ends, fall, and then, if `rises_last`, rise.

    On [0, 1], where maps stay below 1, what is steep at the end crosses no more.
    """
    known = np.flatnonzero(~np.isnan(slopes))
    inner = slopes[known[0] : known[-1] + 1] if known.size else slopes
    change, size = np.diff(inner), np.maximum(inner[1:], inner[:-1])
    rise = np.sign(change[np.abs(change) > ROUNDING * size])
    return bool(np.all(inner >= 0) and np.all(np.diff(rise) >= 0 if rises_last else rise <= 0))
