"""Powers that a function of u follows near 0 and far out: f ~ above u^p for u > 0, below |u|^p for u < 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import mpmath
import sympy as sp

from meanbits.theory.functions.pieces import Pieces
from meanbits.theory.gaussian.arbitrary_precision import FUNCTIONS
from meanbits.theory.symbols import u

DIGITS = 120
EXPONENTS = (40, 60, 80)  # of the distances 10^+-k at which a power law is read off
AGREEMENT = 1e-30
LARGEST_POWER = 64
beyond = sp.Symbol("beyond", positive=True)


@dataclass(frozen=True)
class Asymptote:
    """power: p, or None where f is 0 on both sides or falls faster than any power; a smaller side counts as 0."""

    power: sp.Expr | None
    above: sp.Expr
    below: sp.Expr


def at_zero(found: Pieces) -> Asymptote | None:
    """The lowest power at 0; None where no power is followed."""
    return _joined([_side(found.beside(sp.S.Zero, side), side, -1) for side in (1, -1)], min)


def at_infinity(found: Pieces) -> Asymptote | None:
    """The highest power far out; None where no power is followed."""
    return _joined([_side(found.beside(side * sp.oo, side), side, 1) for side in (1, -1)], max)


def taylor_coefficient(part: sp.Expr, side: int, order: int) -> sp.Expr:
    """The coefficient of x^order in f(side x) for x -> 0+."""
    return (side**order * part.diff(u, order) / sp.factorial(order)).subs(u, 0)


def _joined(
    sides: list[tuple[sp.Expr, sp.Expr] | None], leading: Callable[[list[sp.Expr]], sp.Expr]
) -> Asymptote | None:
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        return None
    powers = [power for power, value in known if value != 0]
    if not powers:
        return Asymptote(None, sp.S.Zero, sp.S.Zero)
    power = leading(powers)
    above, below = (value if each == power else sp.S.Zero for each, value in known)
    return Asymptote(power, above, below)


@lru_cache(maxsize=4096)
def _side(part: sp.Expr, side: int, outwards: int) -> tuple[sp.Expr, sp.Expr] | None:
    """(p, a) with f(side x) ~ a x^p as x -> 0 (outwards -1) or infinity (1); a = 0 where f falls faster than powers."""
    if part == 0:
        return sp.S.Zero, sp.S.Zero
    if outwards < 0 and (exact := _lowest_order(part, side)) is not None:
        return exact
    if part.free_symbols - {u}:
        return _by_limits(part.subs(u, side * beyond), outwards)
    return _by_numbers(part, side, outwards)


def _lowest_order(part: sp.Expr, side: int) -> tuple[sp.Expr, sp.Expr] | None:
    """By Taylor's series, where f is analytic at 0 and not too flat."""
    for order in range(8):
        value = taylor_coefficient(part, side, order)
        if not value.is_finite:
            return None
        if sp.simplify(value) != 0:
            return sp.Integer(order), sp.simplify(value)
    return None


def _by_limits(function: sp.Expr, outwards: int) -> tuple[sp.Expr, sp.Expr] | None:
    point, direction = (sp.oo, "-") if outwards > 0 else (sp.S.Zero, "+")
    power = sp.limit(beyond * function.diff(beyond) / function, beyond, point, direction)
    if not power.is_number or not power.is_finite:
        return None
    value = sp.limit(function / beyond**power, beyond, point, direction)
    return (power, value) if value.is_finite and value != 0 else None


def _by_numbers(part: sp.Expr, side: int, outwards: int) -> tuple[sp.Expr, sp.Expr] | None:
    """By values at three distances, with digits to spare; the factor is exact where it is a simple fraction."""
    function = sp.lambdify(u, part, modules=[FUNCTIONS, "mpmath"])
    with mpmath.workdps(DIGITS):
        points = [mpmath.mpf(10) ** (outwards * k) for k in EXPONENTS]
        try:
            values = [mpmath.mpf(function(side * point)) for point in points]
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            return None
        if all(abs(value) < point ** (-LARGEST_POWER * outwards) for value, point in zip(values, points, strict=True)):
            return sp.S.Zero, sp.S.Zero
        if any(value == 0 or not mpmath.isfinite(value) for value in values):
            return None
        slopes = [mpmath.log(abs(values[i + 1] / values[i])) / mpmath.log(points[i + 1] / points[i]) for i in (0, 1)]
        power = sp.nsimplify(sp.Float(slopes[1], 40), rational=True, tolerance=1e-12).limit_denominator(64)
        if any(abs(slope - mpmath.mpf(power.p) / power.q) > AGREEMENT for slope in slopes):
            return None
        exponent = mpmath.mpf(power.p) / power.q
        factors = [value / point**exponent for value, point in zip(values, points, strict=True)]
        if abs(factors[2] / factors[1] - 1) > AGREEMENT:
            return None
        return power, _named(factors[2])


def _named(factor: mpmath.mpf) -> sp.Expr:
    simple = sp.Rational(str(mpmath.nstr(factor, 40))).limit_denominator(10**6)
    close = abs(mpmath.mpf(simple.p) / simple.q - factor) < AGREEMENT
    return simple if close else sp.Float(factor, 30)
