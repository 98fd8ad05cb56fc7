"""Which variance maps cross the diagonal once, whatever the variances of means and biases.

At given biases r' = Q'/T' is a A(r) + b in r = Q/T where the field is marginalised, T' is a A(T) + b in T, with a, b >=
0: what is true of the slope or of the elasticity d log A / d log x of one map is true of all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.ready import ReadyTheory, maps_of, traits_of
from meanbits.numerics.solvers.newton import Array

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

LOG_X = np.concatenate([np.arange(-340, -46, 14), np.arange(-46, 46, 0.5), np.arange(46, 341, 14)])
ENDS = np.array([0.0, np.inf])
BIASES = (0.0, 1e-6, 1e-3, 0.03, 0.3, 1.0, 10.0, 1e3, 1e6)  # where the shape may depend on them
SAME = 1e-6
ROUNDING = 1e-9  # of slopes: a relative rise or fall below this is no bend


@lru_cache(maxsize=4096)
def variance_crosses_once(theory: Theory | ReadyTheory, squared_gain: float = 1.0) -> bool:
    """Whether the map of q crosses from plus to minus at one q, at every (sigma_m2, sigma_b2).

    squared_gain: of phi(gain h), whose map takes gain^2 q. Marginalised exactly, r follows the replica map, convex and
    at most 1.
    """
    traits = traits_of(theory)
    if traits.follows_replicas:
        return True
    if _unknown_at_ends(theory):
        return False
    if not traits.is_relative:
        return _is_inelastic(_sampled(theory, 0.0)[0])
    q = np.exp(LOG_X) / squared_gain
    given = (_sampled(theory, biases) for biases in _shapes(theory))
    return all(not np.any(np.isnan(after)) and any(map(_falls_and_rises, _slopes(q, after, squared_gain * slope)))
               for after, slope in given)  # fmt: skip


@lru_cache(maxsize=256)
def total_crosses_once(theory: Theory | ReadyTheory) -> bool:
    """Whether the map of T crosses from plus to minus at one T, at every (sigma_m2, sigma_b2)."""
    T, maps, given = np.exp(LOG_X), maps_of(theory), (np.array([_means(theory)]), np.zeros(1))
    with np.errstate(all="ignore"):
        if np.any(np.isnan(maps.total_map(ENDS, *given))):
            return False
        return _is_inelastic(maps.total_map(T, *given) * np.ones(T.size))


@lru_cache(maxsize=256)
def _unknown_at_ends(theory: Theory | ReadyTheory) -> bool:
    """Whether the limit of the map at 0 or infinity is not derived."""
    with np.errstate(all="ignore"):
        after = maps_of(theory).variance_map(ENDS, np.array([_means(theory)]), np.ones(1))
        return bool(np.any(np.isnan(after)))


def _means(theory: Theory | ReadyTheory) -> float:
    """The largest sigma_m2, or 1 where none is."""
    weights = traits_of(theory).weights
    if weights.mean_square is not None:
        return weights.mean_square
    return 1.0 if weights.mean_limit is None else weights.mean_limit**2


@lru_cache(maxsize=256)
def _sampled(theory: Theory | ReadyTheory, biases: float) -> tuple[Array, Array]:
    """The map of the largest sigma_m2 and its slope, at LOG_X."""
    maps, given = maps_of(theory), (np.exp(LOG_X), np.array([_means(theory)]), np.array([biases]))
    with np.errstate(all="ignore"):
        after, slope = maps.variance_map(*given), maps.variance_slope(*given)
    return after * np.ones(LOG_X.size), slope * np.ones(LOG_X.size)


@lru_cache(maxsize=256)
def _shapes(theory: Theory | ReadyTheory) -> tuple[float, ...]:
    """Biases at which the maps of r have shapes of their own: one, where T' r' less the biases is the same at all."""
    x, means, maps = np.exp(LOG_X[::40]), np.array([_means(theory)]), maps_of(theory)

    def overlap(biases: float) -> Array:
        with np.errstate(all="ignore"):
            after, total = (each(x, means, np.array([biases])) for each in (maps.variance_slope, maps.total_map))
            return after * total / (1 + maps.variance_map(x, means, np.array([biases]))) ** 2

    first = overlap(BIASES[0])
    same = all(np.allclose(overlap(biases), first, rtol=SAME, atol=0, equal_nan=True) for biases in BIASES[1:])
    return BIASES[:1] if same else BIASES


def _slopes(q: Array, after: Array, slope: Array) -> tuple[Array, Array]:
    """dr'/dr, r = q/(1 + q): by the slope of q', and for q > 1 by differences of 1 - r', exact to rounding at r = 1."""
    with np.errstate(all="ignore"):
        exact = slope * ((1 + q) / (1 + after)) ** 2
        secants = np.diff(1 / (1 + after)) / np.diff(1 / (1 + q))
    return exact, np.where(q > 1, np.append(np.nan, secants), exact)


def _is_inelastic(after: Array) -> bool:
    """Whether log A / log x rises by at most 1 from node to node: where a A(x) + b is x its slope is then at most 1."""
    if np.any(np.isnan(after)):
        return False  # a map that is not known everywhere is scanned where it is
    with np.errstate(all="ignore"):
        rise = np.diff(np.log(after)) / np.diff(LOG_X)
    return bool(np.all(rise <= 1 + ROUNDING))


def _falls_and_rises(slopes: Array) -> bool:
    """Whether slopes >= 0 along r, but for NaN at the ends, fall and then rise, where they exceed 1.

    Where those of the steepest map stay below 1 none crosses from minus to plus, and what is steep up to r = 1, where
    maps stay below 1, crosses no more.
    """
    steep = np.maximum(_known(slopes), 1.0)
    change = np.diff(steep)
    rise = np.sign(change[np.abs(change) > ROUNDING * np.maximum(steep[1:], steep[:-1])])
    return bool(np.all(_known(slopes) >= 0) and np.all(np.diff(rise) >= 0))


def _known(values: Array) -> Array:
    known = np.flatnonzero(~np.isnan(values))
    return values[known[0] : known[-1] + 1] if known.size else values
