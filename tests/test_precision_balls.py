"""Integrands as functions of balls: the values of mpmath, at either sign and any precision, Arb's function or not."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb, ctx

from meanbits.theory.gaussian.arbitrary_precision import FUNCTIONS
from meanbits.theory.gaussian.balls import SHARED, from_mpmath, function_of_balls, to_mpmath
from meanbits.theory.gaussian.special import Box, DampedSinh, ExpErfc, HardTanh, Softplus
from meanbits.theory.symbols import u

POINTS = ("-2.5", "-0.75", "-1e-30", "0.3", "0.96875", "40")
EXPRESSIONS = {
    **{name: getattr(sp, name)(u) for name in SHARED if name not in ("log", "sqrt", "asin")},
    "log": sp.log(1 + u**2),
    "sqrt": sp.sqrt(3 + u**2) / sp.sqrt(sp.pi),
    "asin": sp.asin(u / (1 + u**2)),
    "powers": u**3 / 7 - u**-2 + (1 + u**2) ** sp.Rational(-3, 2),
    "constants": sp.E * u - sp.pi / 3 + sp.Float("-0.1", 40) * sp.exp(-2) + sp.erf(sp.Rational(1, 3)),
    "signs": sp.sign(u - sp.Rational(1, 3)) + sp.Abs(u) + sp.Max(0, u) + sp.Min(1, u),
    "Softplus": Softplus(u),
    "HardTanh": HardTanh(u),
    "Box": Box(u),
    "DampedSinh": DampedSinh(u**2, u),
    "ExpErfc": ExpErfc(-u, 2 * u),
    "none in balls": sp.gamma(2 + sp.Abs(u)) + sp.Heaviside(u),
}


@pytest.mark.parametrize("digits", [15, 40])
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_values_are_those_of_mpmath(expression: sp.Expr, digits: int) -> None:
    with mpmath.workdps(digits + 60):
        exact = sp.lambdify(u, expression, modules=[FUNCTIONS, "mpmath"])
        expected = [exact(mpmath.mpf(point)) for point in POINTS]
    with mpmath.workdps(digits), ctx.workprec(mpmath.mp.prec):
        value = function_of_balls((u,), expression, FUNCTIONS)
        for point, wanted in zip(POINTS, expected, strict=True):
            with mpmath.workdps(digits + 60):
                exactly = from_mpmath(mpmath.mpf(point))
            found = to_mpmath(value(exactly))
            assert abs(found - wanted) <= mpmath.mpf(10) ** (3 - digits) * max(abs(wanted), 1)


def test_numbers_keep_their_sign_and_every_digit() -> None:
    with mpmath.workdps(50):
        for text in ("-0.1", "3", "0", "-1e-300", "1e300"):
            number = mpmath.mpf(text)
            assert to_mpmath(from_mpmath(number)) == number
        assert from_mpmath(-mpmath.inf) == arb("-inf")


def test_where_a_ball_has_no_value_mpmath_answers() -> None:
    """To Arb the logarithm of 0 is unknown, and all that is made of it; to mpmath it is infinite."""
    assert not arb(0).log().is_finite()
    assert function_of_balls((u,), 1 / sp.log(u), FUNCTIONS)(arb(0)) == 0
