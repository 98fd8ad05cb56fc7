"""Stage 7: critical initialisation, c = 1 a fixed point with slope chi_1 = 1, as conditions and as a curve."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.functions.pieces import pieces, slope_between_breaks
from meanbits.theory.gaussian.closing import evaluate_all, flatten_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.gaussian.open_nodes import GaussianSlope
from meanbits.theory.gaussian.tidy import root_of_linear, tidy, tidy_rational
from meanbits.theory.stages.correlation import Maps, is_relative
from meanbits.theory.stages.overlap import overlap_of
from meanbits.theory.symbols import T, c, q, sigma_b2, sigma_m2
from meanbits.theory.trace import Assumption, Step


@dataclass(frozen=True)
class Criticality:
    """Equations that a critical (sigma_m2, sigma_b2) solves together with its fixed point q.

    `fixed_point` is q' - q, `marginal` is chi_1 - 1 (infinite where the slope at c = 1 is), `alignment` is 1 - c' at
    c = 1, zero where two equal inputs stay equal. `curve` gives (sigma_m2, sigma_b2) along the parameters `q` (and T
    where it is not eliminated, or sigma_m2 where only its ratio to sigma_b2 is determined, with `curve_constraint` = 0
    left to solve), or None where no curve solves all three.
    """

    fixed_point: sp.Expr
    marginal: sp.Expr
    alignment: sp.Expr
    curve: tuple[sp.Expr, sp.Expr] | None
    curve_constraint: sp.Expr
    steps: tuple[Step, ...]


def critical_conditions(maps: Maps) -> Criticality | None:
    """The critical conditions (Schoenholz et al. 2017; Stamatescu et al. 2020, section 3); None for a single layer."""
    if maps.mean_field.forward.moments.kernel.surrogate.real_input:
        return None
    fixed_point = maps.variance_map.closed - q
    alignment = tidy_rational(1 - _collected(maps.correlation_map.definition.subs(c, 1)))
    covariance_slope = _at_equal_inputs(maps)
    norm = T * q / (1 + q) if is_relative(maps.mean_field) else q
    chi_1 = sp.oo if covariance_slope.is_infinite else tidy_rational(sigma_m2_of(maps) * covariance_slope / norm)
    curve, constraint = _curve(maps, covariance_slope, alignment)
    steps = [
        Step("c = 1 a fixed point", Assumption.EXACT, sp.Symbol("1 - c'(1)"), alignment),
        Step("slope at c = 1, at the fixed point of q", Assumption.EXACT, sp.Symbol("chi_1"), chi_1),
    ]
    if curve is not None:
        pair = sp.Tuple(sigma_m2, sigma_b2)
        steps.append(Step("critical curve", Assumption.EXACT, pair, sp.Tuple(*curve)))
    return Criticality(fixed_point, chi_1 - 1, alignment, curve, constraint, tuple(steps))


def sigma_m2_of(maps: Maps) -> sp.Expr:
    """E M^2 of the surrogate's weights."""
    return maps.mean_field.forward.moments.kernel.surrogate.weights.variance_of_means


def _collected(ratio: sp.Expr) -> sp.Expr:
    numerator, denominator = (sp.expand(evaluate_all(part)) for part in ratio.as_numer_denom())
    return sp.S.One if numerator == denominator else numerator / denominator


def _at_equal_inputs(maps: Maps) -> sp.Expr:
    """dC'/dc at c = 1; infinite where neurons jump under a sharp field."""
    if maps.overlap.closed.has(GaussianExpectation):
        return _open_slope(maps)
    slope = tidy(evaluate_all(flatten_all(maps.overlap.definition).diff(c)))
    if slope.has(sp.DiracDelta):
        return sp.oo
    value = slope.subs(c, 1)
    return sp.oo if value.has(sp.zoo, sp.oo, sp.nan) else tidy(evaluate_all(value))


def _open_slope(maps: Maps) -> sp.Expr:
    """The same where no rule closes the overlap: V E f'^2 of a sharp or sampled field without jumps, else a node."""
    found = overlap_of(maps)
    if found is None:
        return evaluate_all(flatten_all(maps.overlap.definition).diff(c).subs(c, 1))
    if found.correlation != 1:
        return GaussianSlope(found.function, found.variance, tidy_rational(1 - found.correlation)) * found.correlation
    if pieces(found.function).jumps:
        return sp.oo
    return found.variance * evaluate_all(expectation(slope_between_breaks(found.function) ** 2, 0, found.variance))


def _curve(maps: Maps, slope: sp.Expr, alignment: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr] | None, sp.Expr]:
    """sigma_m2 = norm / slope and sigma_b2 = norm - sigma_m2 A, with T eliminated where it enters linearly."""
    if alignment != 0 or slope.is_infinite or sigma_m2_of(maps) != sigma_m2:
        return None, sp.S.Zero
    mean_square = maps.mean_square.closed
    if not is_relative(maps.mean_field):
        curve_m = q / slope
        return (tidy_rational(curve_m), tidy_rational(q - curve_m * mean_square)), sp.S.Zero
    curve_m = tidy_rational(T * q / (1 + q) / slope)
    curve_b = tidy_rational(T * q / (1 + q) - curve_m * mean_square)
    constraint = maps.total_map.closed.subs(sigma_b2, curve_b) - T
    return _eliminate_total(curve_m, curve_b, constraint)


def _eliminate_total(
    curve_m: sp.Expr, curve_b: sp.Expr, constraint: sp.Expr
) -> tuple[tuple[sp.Expr, sp.Expr], sp.Expr]:
    total = root_of_linear(constraint, T)
    if total is None:
        return (curve_m, curve_b), tidy_rational(constraint)
    if total.has(sigma_m2):  # fixed weights: T scales with sigma_m2, which cancels from sigma_m2 = curve_m
        ratio = tidy_rational(curve_b / curve_m)
        return (sigma_m2, ratio * sigma_m2), tidy_rational(curve_m.subs(T, total) / sigma_m2) - 1
    return tuple(tidy_rational(value.subs(T, total)) for value in (curve_m, curve_b)), sp.S.Zero
