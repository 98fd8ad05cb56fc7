"""The profile of a surrogate by its own maps, layer by layer: of what is no chain of blocks, or lies ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.depth.followed import Profile, check_start, cumulated, refuse_lost
from meanbits.numerics.emission.ready import ReadyTheory, maps_of, traits_of
from meanbits.numerics.emission.traits import Traits
from meanbits.numerics.solvers.domain import check_variances, floats

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

Row = tuple[float, float, float]  # q, 1 - c, T
LEAST = 1e-17  # of biases: smaller ones do not change T


def profile_of_maps(
    theory: Theory | ReadyTheory, depth: int, sigma_m2: float, sigma_b2: float, *, q0: float = 1.0, c0: float = 0.5
) -> Profile:
    """The profile of `depth` layers of a surrogate; the first fields have variance q0 and correlation c0.

    T starts as for states +-1 where q is relative to the field's annealed part, and else at q0.

    Raises:
        ValueError: a depth, a variance, q0 or c0 out of range, a single layer, or fields that are no numbers.
    """
    check_start(depth, q0, c0)
    traits = traits_of(theory)
    if traits.real_input:
        raise ValueError(f"{traits.name} is a single layer on real inputs and has no profile")
    check_variances(theory, floats("sigma_m2", sigma_m2), floats("sigma_b2", sigma_b2))
    maps = maps_of(theory)
    with np.errstate(all="ignore"):  # what is no number is refused
        first = float(maps.total_map(1.0, sigma_m2, sigma_b2)) if traits.is_relative else q0
        rows, factors = [(q0, 1 - c0, first)], list[tuple[float, float]]()
        for _ in range(depth):
            factors.append(_factors(traits, maps, rows[-1], sigma_m2, sigma_b2))
            rows.append(_next(traits, maps, rows[-1], sigma_m2, sigma_b2))
    q, gap, total = np.array(rows).T
    gradient, overlap = (cumulated(list(each)) for each in zip(*factors, strict=True))
    if np.isnan(gradient[0]):
        gradient, overlap = (np.full(depth + 1, np.nan) for _ in range(2))
    return refuse_lost(Profile(q, 1 - gap, total, gradient, overlap))


def _rest(traits: Traits, row: Row, sigma_m2: float, sigma_b2: float) -> tuple[float, ...]:
    return (sigma_m2, sigma_b2, row[2]) if traits.takes_total else (sigma_m2, sigma_b2)


def _factors(traits: Traits, maps: SimpleNamespace, row: Row, sigma_m2: float, sigma_b2: float) -> tuple[float, float]:
    """Of squared gradients and of their overlap, whose share of them is that of chi; NaN where they see no slope."""
    q, gap, _ = row
    rest = _rest(traits, row, sigma_m2, sigma_b2)
    growth = getattr(maps, "gradient_growth", None)
    if growth is not None:
        return float(growth(q, *rest)), float(maps.gradient_overlap(1 - gap, q, *rest))
    if traits.gradients != "own":
        return np.nan, np.nan
    square = float(maps.jacobian(q, *rest))
    if square == 0:  # of gradients that are all 0
        return 0.0, 0.0
    share = _share(traits, maps, q, gap, rest)
    if np.isnan(share) and sigma_b2 < LEAST:  # slopes beside biases underflowed, which drop out of their ratio
        share = _share(traits, maps, q, gap, (sigma_m2, 0.0, *rest[2:]))
    return square, square * share


def _share(traits: Traits, maps: SimpleNamespace, q: float, gap: float, rest: tuple[float, ...]) -> float:
    """The slope of the correlation map relative to that of equal inputs."""
    if traits.has_gap_map:
        return float(maps.chi_at_gap(gap, q, *rest) / maps.chi_at_gap(0.0, q, *rest))
    return float(maps.chi(1 - gap, q, *rest) / maps.chi(1.0, q, *rest))


def _next(traits: Traits, maps: SimpleNamespace, row: Row, sigma_m2: float, sigma_b2: float) -> Row:
    q, gap, total = row
    rest = _rest(traits, row, sigma_m2, sigma_b2)
    after = maps.gap_map(gap, q, *rest) if traits.has_gap_map else 1 - maps.correlation_map(1 - gap, q, *rest)
    return float(maps.variance_map(q, *rest)), float(after), float(maps.total_map(total, sigma_m2, sigma_b2))
