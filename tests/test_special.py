"""Special functions and their derivatives as they state them, and values of formulas with conditions."""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy as sp
from sympy.core.function import ArgumentIndexError

from meanbits.theory.declarations.bounds import Bounded, constant, power_of
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.gaussian.piecewise_overlap import PiecewiseMean
from meanbits.theory.gaussian.special import (
    ArcCosineDifference,
    ArcCosineKernel,
    Box,
    BoxApart,
    BoxProbability,
    ClipCovariance,
    ClipDifference,
    DampedSinh,
    ExpErfc,
    HardTanh,
    Softplus,
    box_probability,
)

x, y = sp.symbols("x y", positive=True)
X, Y = sp.Rational(3, 7), sp.Rational(2, 5)
DERIVED = [HardTanh(x), HardTanh(3 * x), Softplus(x), Softplus(-x), Box(x), BoxProbability(x, y), ClipCovariance(X, y),
           ClipCovariance(x, 1), ArcCosineKernel(x), DampedSinh(x, y), ExpErfc(x, y), ExpErfc(-x, -y)]  # fmt: skip


@pytest.mark.parametrize("function", DERIVED, ids=str)
def test_derivatives_are_those_of_the_values(function: sp.Expr) -> None:
    """As stated, against quotients of differences at 40 digits; delta functions are 0 off their place."""
    at, step = {x: X, y: Y}, sp.Rational(1, 10**10)
    for symbol in function.free_symbols:
        ends = [function.subs(symbol, at[symbol] + side * step).subs(at).evalf(40) for side in (-1, 1)]
        stated = function.diff(symbol).subs(at).replace(sp.DiracDelta, lambda _: sp.S.Zero)
        assert float(stated.evalf(20)) == pytest.approx(float((ends[1] - ends[0]) / (2 * step)), rel=1e-14, abs=1e-14)


@pytest.mark.parametrize(("function", "written", "form"), [
    (HardTanh(x), (sp.Abs(x + 1) - sp.Abs(x - 1)) / 2, "sign"), (Box(x), sp.Heaviside(1 - x), "sign"),
    (Softplus(x), sp.log(1 + sp.exp(x)), "log"), (DampedSinh(x, y), sp.exp(-x) * sp.sinh(y), "exp"),
    (ExpErfc(x, y), sp.exp(x) * sp.erfc(y), "erfc"),
], ids=str)  # fmt: skip
def test_values_are_those_of_other_forms(function: sp.Expr, written: sp.Expr, form: str) -> None:
    for at in ({x: X, y: Y}, {x: 3 * X, y: Y}):
        expected = written.subs(at).evalf(30)
        assert abs(function.subs(at).evalf(30) - expected) < 1e-28
        assert abs(function.rewrite(form).subs(at).evalf(30) - expected) < 1e-28


def test_clipped_pairs_are_integrals_of_their_density() -> None:
    """P(|x| < a, |y| < a) and E clip(x) clip(y), by the conditional law of y."""
    a, correlation = mpmath.mpf(3) / 7, mpmath.mpf(2) / 5
    narrow = mpmath.sqrt(1 - correlation**2)

    def inside(first: mpmath.mpf) -> mpmath.mpf:
        ends = [(side * a - correlation * first) / narrow for side in (1, -1)]
        return (mpmath.ncdf(ends[0]) - mpmath.ncdf(ends[1])) * mpmath.npdf(first)

    assert float(BoxProbability(X, Y).evalf()) == pytest.approx(float(mpmath.quad(inside, [-a, 0, a])), rel=1e-14)
    with mpmath.workdps(6):
        price = mpmath.quad(lambda s: box_probability(a, s), [0, correlation], maxdegree=3)
    assert float(ClipCovariance(X, Y).evalf()) == pytest.approx(float(price), rel=1e-5)


@pytest.mark.parametrize("drop", [sp.Rational(1, 3), sp.Rational(1, 10**9)], ids=float)
def test_differences_are_those_of_the_values_to_all_digits(drop: sp.Rational) -> None:
    a, rest = sp.Rational(3, 2), sp.Rational(1, 5)
    for found, first, second in (
        (ClipDifference(a, rest, drop), ClipCovariance(a, 1 - rest), ClipCovariance(a, 1 - rest - drop)),
        (ArcCosineDifference(rest, drop), ArcCosineKernel(2 - rest), ArcCosineKernel(2 - rest - drop)),
        (BoxApart(a, drop) - 1, BoxProbability(a, sp.sqrt(1 - drop)), sp.S.One),
    ):
        assert abs(found.evalf(20) / (first - second).evalf(40) - 1) < 1e-18


def test_a_derivative_that_is_not_known_is_refused() -> None:
    with pytest.raises(ArgumentIndexError):
        ClipCovariance(x, Y).fdiff(1)


CONDITIONS = {
    "and": (sp.And(x > 1, x <= 2), lambda at: 1 < at <= 2),
    "or": (sp.Or(x < 1, sp.Eq(x, 2)), lambda at: at < 1 or at == 2),
    "not": (sp.Not(sp.And(x > 1, sp.Ne(x, 3)), evaluate=False), lambda at: not (at > 1 and at != 3)),
    "either": (sp.ITE(x > 2, x < 3, x < 1, evaluate=False), lambda at: at < 3 if at > 2 else at < 1),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_branches_are_chosen_by_their_conditions(name: str) -> None:
    condition, holds = CONDITIONS[name]
    value = evaluator(sp.Piecewise((x**2, condition), (-x, x < 3), evaluate=False), x)
    for at in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
        expected = at**2 if holds(at) else -at if at < 3 else math.nan
        assert value(at) == pytest.approx(expected, nan_ok=True)


def test_what_has_no_floating_point_value_is_refused() -> None:
    with pytest.raises(ValueError, match="no floating-point value of"):
        evaluator(sp.besselj(0, x), x)
    assert evaluator(sp.tan(1) + x, x)(0.0) == math.tan(1)


RULES = [Box(x), HardTanh(x), Softplus(x), sp.floor(x), sp.ceiling(x), sp.Abs(x), sp.sign(x), sp.Heaviside(x),
         sp.Max(x, -1, x**2), sp.Min(x, 1), sp.exp(x), sp.erfc(x), sp.asinh(x), 1 / (2 + x),
         sp.Float(0.1) * x]  # fmt: skip


@pytest.mark.parametrize("function", RULES, ids=str)
def test_floating_point_values_are_those_of_sympy(function: sp.Expr) -> None:
    symbol = sp.Symbol("x", real=True)
    function = function.subs(x, symbol)
    value = evaluator(function, symbol)
    for at in (-2.5, -1.0, -0.25, 0.0, 0.75, 1.0, 2.5):
        assert value(at) == pytest.approx(float(function.subs(symbol, sp.Rational(at)).evalf(20)), rel=4e-16)


def test_means_of_pieces_grow_as_their_jumps_and_slopes_say() -> None:
    """Of pieces of several degrees, which jump; at 50 digits."""
    starts = sp.Tuple(0, sp.S.Half, 2)
    mean = PiecewiseMean(sp.Tuple(starts, sp.Tuple(sp.Tuple(1, 2, 3), sp.Tuple(-1, 0, 2), sp.Tuple(4, 1))), x)
    step = sp.Rational(1, 10**10)
    ends = [mean.subs(x, X + side * step).evalf(50) for side in (-1, 1)]
    assert float(mean.diff(x).subs(x, X).evalf(20)) == pytest.approx(float((ends[1] - ends[0]) / (2 * step)), rel=1e-13)


@pytest.mark.parametrize("power", [2, 3, 6])
def test_terms_of_powers_are_counted_before_they_are_built(power: int) -> None:
    symbols = sp.symbols("a b c")
    found = power_of(Bounded(sp.Add(*symbols), None, 1, 3, 4), constant(sp.Integer(power)))
    assert (found.terms, found.degree) == (len(sp.Add.make_args(sp.expand(sum(symbols) ** power))), power)
