"""Differences of an overlap between two correlations, without cancellation: the algebra behind every gap."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from meanbits.theory.gaussian.logistic import TanhDifference, TanhOverlap, TanhSlopeOverlap
from meanbits.theory.gaussian.piecewise_overlap import PiecewiseDifference, PiecewiseOverlap, PiecewiseSlope
from meanbits.theory.gaussian.special import (
    ArcCosineDifference,
    ArcCosineKernel,
    BoxApart,
    BoxProbability,
    ClipCovariance,
    ClipDifference,
    DampedSinh,
)
from meanbits.theory.gaussian.tidy import tidy, tidy_rational
from meanbits.theory.symbols import c, gap, overlap

Waves = dict[tuple[sp.Expr, sp.Expr], tuple[sp.Expr, sp.Expr]]
Rule = Callable[[sp.Expr, sp.Expr, sp.Expr], sp.Expr | None]


def difference(expression: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """f(r1) - f(r2) for an expression f in the replica overlap r, with rest = 1 - r1 and drop = r1 - r2; None if no
    rule keeps its digits as drop -> 0.
    """
    waves, others = _parted(sp.expand(expression.rewrite(DampedSinh, sp.exp), deep=False))
    total = sp.Add(*(_of_waves(*exponent, *shares, rest, drop) for exponent, shares in waves.items()))
    for term in sp.Add.make_args(others):
        coefficient, part = term.as_independent(overlap, as_Add=False)
        if not part.has(overlap):
            continue
        value = next((value for rule in RULES if (value := rule(part, rest, drop)) is not None), None)
        if value is None:
            return None
        total += coefficient * value
    return total


def _parted(expression: sp.Expr) -> tuple[Waves, sp.Expr]:
    """{(a, b): (x, y)} for the terms x e^(a + b r) + y e^(a - b r), b > 0, and the others."""
    waves: Waves = {}
    others = sp.S.Zero
    for term in sp.Add.make_args(expression):
        coefficient, part = term.as_independent(overlap, as_Add=False)
        exponent = sp.expand(part.args[0]) if isinstance(part, sp.exp) else part
        rate = exponent.coeff(overlap)
        if not isinstance(part, sp.exp) or (exponent - rate * overlap).has(overlap) or rate.is_positive is None:
            others += term
            continue
        law = (tidy_rational(exponent.subs(overlap, 0)), rate if rate.is_positive else -rate)
        up, down = waves.get(law, (sp.S.Zero, sp.S.Zero))
        waves[law] = (up + coefficient, down) if rate.is_positive else (up, down + coefficient)
    return waves, others


def _of_waves(a: sp.Expr, b: sp.Expr, up: sp.Expr, down: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr:
    """e^(a + b r1) (1 - e^(-b (r1 - r2))) (x - y e^(-b (r1 + r2))), which neither cancels nor overflows."""
    falls, sums = (1 - sp.exp(-tidy_rational(b * each)) for each in (drop, 2 - 2 * rest - drop))
    even = down * sums if up == down else sp.UnevaluatedExpr(down * sums)
    return sp.exp(tidy_rational(a + b * (1 - rest))) * falls * (up - down + even)


def powers(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """r1^k - r2^k = (r1 - r2) (r1^(k-1) + ... + r2^(k-1))."""
    base, exponent = part.as_base_exp()
    if base != overlap or not exponent.is_Integer or exponent < 1:
        return None
    first, second = 1 - rest, 1 - rest - drop
    return drop * sp.Add(*(first**k * second ** (exponent - 1 - k) for k in range(exponent)))


def arcsines(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """asin x - asin y = 2 atan2(x - y, sqrt(1 - x^2) + sqrt(1 - y^2)), x and y proportional to the overlaps."""
    if not isinstance(part, sp.asin) or part.args[0].diff(overlap).has(overlap) or part.args[0].subs(overlap, 0) != 0:
        return None
    scale = part.args[0].diff(overlap)
    cosines = [_cosine(scale, distance) for distance in (rest, rest + drop)]
    return 2 * sp.atan2(tidy_rational(scale * drop), sp.Add(*cosines))


def _cosine(scale: sp.Expr, distance: sp.Expr) -> sp.Expr:
    """sqrt(1 - x^2) for x = scale (1 - distance)."""
    below = tidy_rational(1 - scale + scale * distance)
    return tidy(sp.sqrt(below)) * tidy(sp.sqrt(tidy_rational(1 + scale - scale * distance)))


def arc_cosines(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """The arc-cosine kernel in 1 + r."""
    return ArcCosineDifference(rest, drop) if part == ArcCosineKernel(1 + overlap) else None


def clipped(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """The covariance of clipped normals."""
    if not isinstance(part, ClipCovariance) or part.args[1] != overlap:
        return None
    return ClipDifference(part.args[0], rest, drop)


def tanhs(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """The overlap of tanh neurons."""
    if not isinstance(part, TanhOverlap) or part.args[1] != overlap:
        return None
    return TanhDifference(part.args[0], rest, drop)


def piecewise(part: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
    """The overlap of piecewise linear neurons."""
    if not isinstance(part, PiecewiseOverlap) or part.args[2] != overlap:
        return None
    return PiecewiseDifference(*part.args[:2], rest, drop)


RULES: tuple[Rule, ...] = (powers, arcsines, arc_cosines, clipped, tanhs, piecewise)


def without_cancellation(expression: sp.Expr) -> sp.Expr:
    """asin x +- pi/2, which cancels as x -> -+1, as 2 atan2(sqrt(1 +- x), sqrt(1 -+ x)); 1 - correlation^2 in one."""
    expression = expression.replace(TanhSlopeOverlap, lambda V, apart: TanhSlopeOverlap(V, _apart(apart)))
    expression = expression.replace(
        PiecewiseSlope, lambda shape, V, distance: PiecewiseSlope(shape, V, in_gap(tidy_rational(distance)))
    )
    return _half_turns(expression.replace(BoxProbability, _box), in_gap)


def _box(edge: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    return BoxApart(edge, _apart((1 - correlation) * (1 + correlation)))


def _apart(product: sp.Expr) -> sp.Expr:
    """(1 - r) (1 + r), each factor one quotient: that of their products overflows first."""
    quotients = [in_gap(tidy_rational(factor)) for factor in sp.Mul.make_args(product)]
    whole = all(quotient.is_polynomial() for quotient in quotients)
    return sp.Mul(*(quotient if whole else sp.UnevaluatedExpr(quotient) for quotient in quotients))


def _half_turns(expression: sp.Expr, state: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    def is_one(part: sp.Expr) -> bool:
        return isinstance(part, sp.Add) and len(part.args) == 2 and part.has(sp.asin)

    return expression.replace(is_one, lambda part: _half_turn(part, state))


def _half_turn(total: sp.Expr, state: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    constant, angle = total.as_independent(sp.asin)
    coefficient, angle = angle.as_independent(sp.asin, as_Add=False)
    if not isinstance(angle, sp.asin):
        return total
    side = sp.simplify(2 * constant / (sp.pi * coefficient))
    if side not in (-1, 1):
        return total
    sine = side * angle.args[0]
    half = sp.atan2(*(tidy(sp.sqrt(state(tidy_rational(1 + sign * sine)))) for sign in (1, -1)))
    return 2 * coefficient * side * half


def as_angles(expression: sp.Expr) -> sp.Expr:
    """asin x as atan2(x, sqrt(1 - x^2)), which keeps its digits where x is a quotient near 1; no asin x +- pi/2."""
    turned = _half_turns(expression, lambda part: part)
    return turned.replace(lambda e: isinstance(e, sp.asin) and not e.args[0].is_Symbol, _angle)


def _angle(arcsine: sp.Expr) -> sp.Expr:
    (sine,) = arcsine.args
    ratio = tidy(sine / sp.Mul(*(sp.sqrt(tidy_rational(1 + sign * sine)) for sign in (1, -1))))
    return sp.atan2(*ratio.as_numer_denom())


def in_gap(expression: sp.Expr) -> sp.Expr:
    """c as 1 - gap, where 1 - c is gap and 1 + c is 2 - gap."""
    return expression.xreplace({1 - c: gap, 1 + c: 2 - gap}).subs(c, 1 - gap)
