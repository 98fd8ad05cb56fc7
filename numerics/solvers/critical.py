"""The critical curve along q, each point solved in ball arithmetic to the last digit of float64."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike, NDArray

from meanbits.numerics.certificates.balls import PRECISIONS, UnprovedError, ball
from meanbits.numerics.certificates.branches import Branches, branches, gaussian_mean, x
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.newton import SLOPE_ROUNDING
from meanbits.theory.derive import Theory
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.stages.overlap import Overlap, overlap_of
from meanbits.theory.symbols import h, q, sigma_b2, u

LAST_DIGIT = 2.0**-54
RESIDUAL = 1e-9
Point = tuple[arb, arb]


@dataclass(frozen=True)
class CriticalPoint:
    """c = 1 a fixed point of slope 1 at the fixed point q; sigma_b2 may fall below 0.

    It is a critical initialisation where q is stable, |dq'/dq| < 1 (or 1 but for rounding, as where every q is fixed).
    """

    q: float
    sigma_m2: float
    sigma_b2: float
    stable: bool


def critical_curve(theory: Theory, variances: ArrayLike | None = None) -> tuple[CriticalPoint, ...]:
    """The curve at each q > 0 (default 10 a decade from 1e-12 to 1e6), correctly rounded but for one last digit.

    Where balls have no bound, its points are those of the emitted functions that the maps return.

    It is empty where equal inputs do not stay equal, where the slope at c = 1 is infinite, where neurons are
    marginalised exactly, in which case no point of it is feasible (`certificates.certify`), and for fixed
    weights with a marginalised field, whose scale is free: there q is one number, not a parameter.
    """
    found = overlap_of(theory.maps)
    critical = theory.criticality
    if found is None or critical is None or critical.curve is None or found.correlation != 1:
        return ()
    if is_relative(theory.maps.mean_field) and critical.curve_constraint != 0:
        return ()
    moments = _moments(found)
    chosen = np.logspace(-12, 6, 181) if variances is None else np.atleast_1d(np.asarray(variances, np.float64))
    solved = [_solved(theory, found, moments, float(value)) for value in chosen] if moments else []
    points = solved if any(solved) else _emitted(theory, chosen)
    return tuple(replace(point, stable=_is_stable(theory, point)) for point in points if point is not None)


def is_feasible(theory: Theory, point: CriticalPoint) -> bool:
    """Whether 0 <= sigma_m2 <= what the weights allow, sigma_b2 >= 0, and q is stable."""
    limit = theory.surrogate.weights.mean_limit
    return (
        point.stable and point.sigma_b2 >= 0 and 0 <= point.sigma_m2 <= (np.inf if limit is None else float(limit) ** 2)
    )


def _moments(found: Overlap) -> tuple[Branches, Branches] | None:
    """f^2 and f'^2, branch by branch; None where there are none in balls."""
    function = found.function.subs(u, h)
    try:
        slopes = tuple(part.map(lambda value: value.diff(x) ** 2) for part in branches(function))
        return branches(function**2), slopes
    except UnprovedError:
        return None


def _emitted(theory: Theory, chosen: NDArray[np.float64]) -> list[CriticalPoint]:
    """Points by the emitted functions, where q is fixed and chi_1 is 1 but for the error of quadratures."""
    maps = compile_theory(theory)
    if not hasattr(maps, "critical_sigma_m2"):
        return []
    with np.errstate(all="ignore"):
        means, biases = (np.broadcast_to(each(chosen), chosen.shape)
                         for each in (maps.critical_sigma_m2, maps.critical_sigma_b2))  # fmt: skip
        returned = maps.variance_map(chosen, means, biases) / chosen, maps.chi_at_gap(0.0, chosen, means, biases)
    good = np.all(np.abs(np.array(returned) - 1) < RESIDUAL, 0)
    rows = zip(chosen[good], means[good], biases[good], strict=True)
    return [CriticalPoint(float(q), float(m), float(b), False) for q, m, b in rows]


def _is_stable(theory: Theory, point: CriticalPoint) -> bool:
    with np.errstate(all="ignore"):
        slope = float(
            compile_theory(theory).variance_slope(*map(np.float64, (point.q, point.sigma_m2, point.sigma_b2)))
        )
    return abs(slope) <= 1 + SLOPE_ROUNDING


def _solved(theory: Theory, found: Overlap, moments: tuple[Branches, Branches], value: float) -> CriticalPoint | None:
    without_biases = theory.critical_curve is not None and theory.critical_curve[1] == 0
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            try:
                means, biases = _at(theory, found, moments, arb(value))
            except UnprovedError:
                continue
            if without_biases:
                biases = arb(0)
            if all(part.rad() <= LAST_DIGIT * abs(part.mid()) for part in (means, biases)):
                return CriticalPoint(value, float(means.mid()), float(biases.mid()), False)
    return None


def _at(theory: Theory, found: Overlap, moments: tuple[Branches, Branches], at: arb) -> Point:
    """sigma_m2 = norm / slope and sigma_b2 = norm - sigma_m2 A, with norm = T q / (1 + q) where T = rho + sigma_b2."""
    variance = ball(found.variance, {q: at})
    square, slope = gaussian_mean(moments[0], variance), variance * gaussian_mean(moments[1], variance)
    ratio = square / slope
    if not is_relative(theory.maps.mean_field):
        return at / slope, at * (1 - ratio)
    portion, density = at / (1 + at), ball(theory.total_map - sigma_b2)
    excess = portion * (1 - ratio)
    return density * portion / (1 - excess) / slope, density * excess / (1 - excess)
