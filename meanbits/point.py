"""The maps of a theory at one point, by the code emitted from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.ready import ReadyTheory, traits_of

if TYPE_CHECKING:
    from meanbits.numerics.emission.traits import MeansTraits
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.declarations.weights import Weights
    from meanbits.theory.derive import Theory

AGREEMENT = 1e-9  # of the correlation map and the gap map, which are derived apart


class InputError(ValueError):
    """A value outside the domain of the maps, with the remedy."""


@dataclass(frozen=True)
class Point:
    """What comes out of a layer. `total` is T where the maps need it."""

    q_out: float
    c_out: float
    gap_out: float
    chi: float
    chi_g: float | None
    total: float | None


def variance_of_means(subject: ReadyTheory | Surrogate | Layer, given: float | None) -> float:
    """sigma_m2 checked against the weights, which may fix it or bound it."""
    if isinstance(subject, ReadyTheory):
        return _allowed(subject.weights, given)
    from meanbits.theory.declarations.surrogates import Surrogate

    if isinstance(subject, Surrogate):
        return _allowed(subject.weights, given)
    laws = subject.open_weights
    if not laws and any(each.weights.mean_square is None for each in subject.dense):
        if given is not None:
            raise InputError(f"--sigma-m2 {given:g}: {subject.name} has weights of settled variances; leave it out")
        return math.nan
    allowed = [_allowed(weights, given) for weights in laws or (subject.dense[0].weights,)]
    return allowed[0]


def _allowed(weights: Weights | MeansTraits, given: float | None) -> float:
    if weights.mean_square is not None:
        fixed = float(weights.mean_square)
        if given not in (None, fixed):
            raise InputError(f"--sigma-m2 {given:g}: {weights.name} have E M^2 = {fixed:g}; leave the option out")
        return fixed
    if given is None:
        raise InputError(f"--sigma-m2 is missing; give the variance of the weight means, {_range(weights)}")
    if weights.mean_limit is not None and given > float(weights.mean_limit) ** 2:
        raise InputError(f"--sigma-m2 {given:g}: it must be {_range(weights)}, since {weights.name} weights have "
                         f"|M| <= {float(weights.mean_limit):g}")  # fmt: skip
    return given


def _range(weights: Weights | MeansTraits) -> str:
    limit = weights.mean_limit
    return ">= 0" if limit is None else f"in [0, {float(limit) ** 2:g}]"


def require_field(means: float, biases: float) -> None:
    """Refuse variances that leave no field, whose correlation is 0/0."""
    if means == biases == 0:
        raise InputError("--sigma-m2 0 and --sigma-b2 0: no field is left, and it has no correlation; give one of the "
                         "two a positive value")  # fmt: skip


def evaluate(
    theory: Theory | ReadyTheory,
    means: float,
    biases: float,
    q: float,
    c: float | None,
    gap: float | None,
    total: float | None,
) -> Point:
    """The maps at (sigma_m2, sigma_b2, q) and at c, at the gap 1 - c, or at both where they agree."""

    from meanbits.numerics.solvers.domain import check_maps

    require_field(means, biases)
    try:
        check_maps(theory, ("variance_map", "gap_map", "chi_at_gap"))
        maps = _maps(theory)
    except ValueError as error:
        raise InputError(str(error)) from None
    exact_gap = gap_of(c, gap)
    T = _total(theory, means, biases, total)
    rest = (means, biases) if T is None else (means, biases, T)
    with np.errstate(all="ignore"):  # what is undefined is refused below
        gap_out = float(maps.gap_map(exact_gap, q, *rest))
        c_out = 1 - gap_out
        if c is not None and 0 < q < math.inf:  # 1 - gap would not keep the digits of a small c
            direct = float(maps.correlation_map(c, q, *rest))
            c_out = c_out if math.isnan(direct) else direct  # 0/0, whose limit the gap map has
        q_out, chi = float(maps.variance_map(q, *rest)), float(maps.chi_at_gap(exact_gap, q, *rest))
    return _checked(theory, q, Point(q_out, c_out, gap_out, chi, _growth(theory, q, means, biases, T), T))


def _maps(theory: Theory | ReadyTheory) -> SimpleNamespace:
    from meanbits import compile as compile_maps

    return theory.maps if isinstance(theory, ReadyTheory) else compile_maps(theory)


def _growth(theory: Theory | ReadyTheory, q: float, means: float, biases: float, total: float | None) -> float | None:
    """chi_g, the growth of squared gradients; None where it has no value."""
    from meanbits.numerics.solvers.backward import gradient_growth

    given = (np.float64(each) for each in (q, means, biases))
    growth = float(gradient_growth(theory, *given, None if total is None else np.float64(total)))
    return None if math.isnan(growth) else growth


def _checked(theory: Theory | ReadyTheory, q: float, point: Point) -> Point:
    """The point, if it is one: no NaN, and the two routes to c' agree."""
    undefined = [name for name in ("q_out", "c_out", "gap_out", "chi") if math.isnan(getattr(point, name))]
    if undefined:
        raise InputError(f"--q {q:g}: {', '.join(undefined)} of {traits_of(theory).name} cannot be computed there; "
                         "choose a --q nearer to the fixed point")  # fmt: skip
    if abs(1 - point.gap_out - point.c_out) > AGREEMENT:
        raise InputError(f"--q {q:g}: two routes to c_out of {traits_of(theory).name} give {point.c_out:.6g} and "
                         f"{1 - point.gap_out:.6g}; choose a --q nearer to the fixed point")  # fmt: skip
    return point


def gap_of(c: float | None, gap: float | None) -> float:
    """1 - c, of whichever of the two is given."""
    if gap is None:
        assert c is not None
        return 1 - c
    if c is not None and abs((1 - c) - gap) > math.ulp(1.0):
        raise InputError(f"--gap {gap:g} disagrees with --c {c:g}, whose gap is {1 - c:g}; give one of the two")
    return gap


def _total(theory: Theory | ReadyTheory, means: float, biases: float, given: float | None) -> float | None:
    """T, where the maps take it: as given, or at its fixed point."""
    if not traits_of(theory).takes_total:
        if given is not None:
            raise InputError(
                f"--total {given:g}: the maps of {traits_of(theory).name} do not depend on T; leave it out"
            )
        return None
    if given == 0:
        raise InputError("--total 0: it must be positive")
    if given is not None:
        return given
    from meanbits.numerics.solvers.solve import fixed_point

    solved = float(fixed_point(theory, means, biases).T)
    if not 0 < solved < math.inf:
        raise InputError("--total is missing, and T' has no stable positive fixed point at these variances; give it")
    return solved
