"""Breaks of expressions: between them each branch is the expression itself, and at none of them is it analytic."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import mpmath
import pytest
import sympy as sp

from meanbits.theory.errors import FormulaError
from meanbits.theory.functions.breaks import branches, breaks_of
from meanbits.theory.functions.intervals import range_of
from meanbits.theory.functions.pieces import pieces
from meanbits.theory.functions.points import sign_between, value_at
from meanbits.theory.functions.roots import roots_in
from meanbits.theory.gaussian.special import Box, HardTanh
from meanbits.theory.symbols import h, u

HALF = sp.Rational(1, 2)
beta = sp.Symbol("beta", positive=True)

KNOWN = {
    sp.tanh(h): (),
    sp.sqrt(1 + h**2): (),
    sp.Abs(h) * sp.sign(h): (),
    sp.Abs(sp.cosh(h) - 1): (),
    sp.Max(0, h): (0,),
    sp.Max(h / 10, h): (0,),
    sp.Max(-1, sp.sin(h)): (),
    HardTanh(sp.sin(h)): (),
    sp.Max(sp.atan(h), sp.atan(h + HALF)): (),
    sp.Max(h / (1 + sp.Abs(h)), sp.tanh(h)): (0,),
    sp.Max((h - 3) / (1 + sp.Abs(h - 3)), (h + HALF) / (1 + sp.Abs(h + HALF))): (-HALF,),
    sp.Max(0, beta * h): (0,),
    sp.sign(h * (1 + sp.exp(beta * h))) / (1 + beta): (0,),
    sp.Max(0, h) ** 2: (0,),
    HardTanh(2 * h): (-HALF, HALF),
    Box(h - 3): (2, 4),
    sp.Abs(sp.Abs(h) - 1): (-1, 0, 1),
    sp.sign(1 / (h - 1)): (1,),
    sp.Abs(h - sp.tanh(h)): (0,),
    sp.Abs(h - sp.sin(h)): (0,),
    sp.Max(-1, -sp.sin(2 * h + HALF)): (),
    sp.Max(sp.erf(h), 1): (),
    sp.Abs(1 - sp.sin(10 * h)): (),
    sp.Max(0, -1 - sp.sin(h + HALF)): (),
    sp.Max(sp.tanh(h / 10), sp.atan(h / 10)): (0,),
    sp.Abs(h) ** sp.Rational(1, 3): (0,),
    sp.sqrt(h**4 + h**2): (0,),
    sp.sign(h**2 - 2): (-sp.sqrt(2), sp.sqrt(2)),
    sp.tanh(sp.Abs(h - sp.pi)): (sp.pi,),
    sp.floor(3 * sp.tanh(h)): (-sp.atanh(sp.Rational(2, 3)), -sp.atanh(sp.Rational(1, 3)), 0, sp.atanh(
        sp.Rational(1, 3)), sp.atanh(sp.Rational(2, 3))),
    sp.Max(-2, sp.Min(2, sp.floor(h))): (-1, 0, 1, 2),
    sp.sign(sp.floor(h)): (0, 1),
    sp.Max(-1, sp.Min(1, sp.floor(10**6 * h) / 2)): (sp.Rational(-1, 10**6), 0, sp.Rational(1, 10**6), sp.Rational(
        2, 10**6)),
    sp.Piecewise((0, h < 0), (sp.sqrt(h), True)): (0,),
    sp.Max(-1, sp.Min(1, sp.floor(sp.sinh(h**3)))): (0, sp.root(sp.asinh(1), 3)),
    sp.Piecewise((h, sp.Abs(h) < 1), (sp.sign(h), True)): (-1, 1),
    sp.sign(sp.log(1 + sp.exp(h)) - 1): (sp.log(sp.E - 1),),
}  # fmt: skip


@pytest.mark.parametrize("expression", KNOWN, ids=str)
def test_breaks_are_exact(expression: sp.Expr) -> None:
    assert breaks_of(expression, h) == KNOWN[expression]


def test_breaks_without_a_formula_have_thirty_digits() -> None:
    found = breaks_of(sp.sign(h * sp.exp(-(h**2)) - sp.Rational(1, 10)), h)
    with mpmath.workdps(40):
        for position, start in zip(found, (0.1, 1.7), strict=True):
            root = mpmath.findroot(lambda x: x * mpmath.exp(-(x**2)) - mpmath.mpf(1) / 10, start)
            assert abs(mpmath.mpf(str(position)) - root) < 1e-28


def expressions(draw: random.Random, depth: int) -> sp.Expr:
    if depth == 0:
        return draw.choice([h, sp.Rational(draw.randint(-6, 6), draw.randint(1, 4)), 2 * h - 1, h**2 - 2])
    one, other = (expressions(draw, depth - 1) for _ in range(2))
    kinds = (
        lambda: one + other, lambda: one * other, lambda: sp.Max(one, other), lambda: sp.Min(one, other),
        lambda: sp.Abs(one), lambda: sp.sign(one), lambda: HardTanh(one), lambda: Box(one), lambda: sp.tanh(one),
        lambda: sp.floor(HardTanh(one) * 3), lambda: sp.Piecewise((one, h < HALF), (other, True)),
        lambda: sp.Heaviside(one), lambda: sp.atan(one), lambda: sp.Max(-2, sp.Min(2, sp.ceiling(one))),
        lambda: sp.sqrt(sp.Abs(one)), lambda: sp.Piecewise((one, one < other), (other, True)),
    )  # fmt: skip
    return draw.choice(kinds)()


@pytest.mark.parametrize("seed", range(60))
def test_each_branch_is_the_expression_in_its_interval(seed: int) -> None:
    draw = random.Random(seed)
    expression = expressions(draw, 3)
    breaks, parts = branches(expression, h)
    positions = [float(position) for position in breaks]
    assert positions == sorted(positions)
    assert len(parts) == len(breaks) + 1
    assert not any(part.has(sp.Max, sp.Min, sp.Abs, sp.sign, sp.floor, sp.Piecewise, HardTanh, Box) for part in parts)
    for _ in range(20):
        point = sp.Rational(draw.uniform(-3, 3))
        if any(abs(float(point) - position) < 1e-9 for position in positions):
            continue
        part = parts[sum(position < float(point) for position in positions)]
        expected = complex(expression.subs(h, point).doit().evalf(20))
        assert complex(part.subs(h, point).evalf(20)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_ranges_contain_the_values(seed: int) -> None:
    draw = random.Random(seed)
    expression = expressions(draw, 3) + draw.choice([sp.exp(h), sp.erf(h), sp.cos(3 * h), sp.sin(h), sp.cosh(h) / 9])
    low = draw.uniform(-4, 4)
    high = low + draw.choice([0, 1e-3, 1, 7, math.inf])
    least, greatest = range_of(expression, h)(low, high)
    for _ in range(20):
        point = sp.Rational(min(low + draw.random() * 8, high))
        value = expression.subs(h, point).doit().evalf(30)
        assert not value.is_comparable or least <= value <= greatest


def test_ranges_of_open_symbols_are_those_assumed() -> None:
    least = math.ulp(0.0)
    for assumed, expected in (
        ({"positive": True}, (least, math.inf)), ({"nonnegative": True}, (0.0, math.inf)),
        ({"negative": True}, (-math.inf, -least)), ({"nonpositive": True}, (-math.inf, 0.0)),
        ({"real": True}, (-math.inf, math.inf)),
    ):  # fmt: skip
        assert range_of(sp.Symbol("a", **assumed), h)(1.0, 2.0) == expected


def test_where_nothing_is_real_a_range_says_nothing() -> None:
    for expression in (sp.log(h), sp.sqrt(h), h ** sp.Rational(-3, 2)):
        for low, high in ((-3.0, -2.0), (-3.0, -0.5), (-0.5, -0.25)):
            assert range_of(expression, h)(low, high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (sp.floor(h), r"infinitely many jumps, or more than 300: clip it, as in Max\(-3, Min\(3, floor\(h\)\)\)"),
        (sp.Abs(sp.sin(h)), "infinitely many zeros"),
        (sp.Abs(sp.tanh(sp.sin(h))), "infinitely many zeros"),
        (sp.sign(h - beta), "depends on open symbols"),
        (sp.Max(h, beta * h), "sign of .* is open"),
        (sp.DiracDelta(h), "not allowed"),
    ],
    ids=str,
)
def test_what_has_no_finite_set_of_breaks_is_refused(expression: sp.Expr, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        branches(expression, h)


def test_what_is_zero_to_all_digits_over_most_of_the_way_has_a_sign() -> None:
    """1 - erf(h) at h = 800 is 1e-277954: SymPy gives it as a float without digits, of either sign."""
    sign = 1 - sp.erf(10 * h + 2)
    assert [sign_between(each, h, sp.Rational(1, 10), sp.Integer(1600)) for each in (sign, -sign)] == [1, -1]
    assert value_at(sign, h, sp.Integer(800)) == 0
    ramp = sp.Piecewise((h / 1000 - 1, h < 2000), (h, True))
    above = sp.Max(-1, ramp, sp.erf(10 * h + 2), sp.Min(1, 10 * h))
    assert branches(above, h)[1] == (sp.erf(10 * h + 2), 10 * h, 1, h)


def test_a_zero_far_out_is_found_beside_terms_that_cancel() -> None:
    """3 u (tanh u - 1) - 20 tanh u - 60 keeps its sign as u -> infinity."""
    (found,) = breaks_of(sp.Abs(3 * h * sp.tanh(h) - 3 * h - 20 * sp.tanh(h) - 60), h)
    assert float(found) == pytest.approx(-20 / 3, rel=1e-4)


def test_roots_stay_in_their_open_interval() -> None:
    assert roots_in(sp.sin(h), h, sp.Rational(-1), sp.Rational(4)) == pytest.approx([0, math.pi])
    assert roots_in(h**2 - 1, h, sp.S.Zero, sp.oo) == [1]
    assert roots_in(h**2 - 1, h, sp.S.One, sp.oo) == []


def test_crossings_far_out_are_found_and_decaying_differences_have_none() -> None:
    found = breaks_of(sp.Max(2 * h / (1 + 2 * sp.Abs(h)), sp.tanh(h / 1000)), h)
    crossing = mpmath.findroot(lambda x: 2 * x / (1 + 2 * x) - mpmath.tanh(x / 1000), 5000)
    assert [float(each) for each in found] == pytest.approx([-float(crossing), 0, float(crossing)], rel=1e-12)


def test_endless_zeros_are_refused_before_factors_of_high_powers() -> None:
    with pytest.raises(FormulaError):
        breaks_of(sp.Abs(10 * sp.sin(1000 * h + HALF) + 10 * sp.exp(-((10 * h - sp.Rational(2, 3)) ** 2))), h)


def test_factors_below_floats_divide_no_window() -> None:
    assert [float(each) for each in breaks_of(sp.Max(sp.exp(-(10**6)) * (1 + sp.sign(h)), h - 1), h)] == [0, 1]


POLYNOMIALS = [u**3 - 3 * u + 1, u**5 - u - 1, u**4 - 10 * u**2 + 1, u**3 - 2, u**3 + 2, u**4 - 2, u**2 + 1,
               (u**3 - 3 * u + 1) * (2 * u - 5), u**3 - sp.sqrt(2) * u + sp.Rational(1, 3)]  # fmt: skip


@pytest.mark.parametrize("polynomial", POLYNOMIALS, ids=str)
def test_zeros_of_polynomials_are_all_real_ones(polynomial: sp.Expr) -> None:
    """As many as signs change on a fine grid, each where the polynomial changes sign."""
    found = pieces(sp.sign(polynomial)).breaks
    value = sp.lambdify(u, polynomial)
    signs = [value(k / 64 + 1e-9) > 0 for k in range(-256, 257)]
    assert len(found) == sum(one != other for one, other in pairwise(signs))
    for root in found:
        ends = [polynomial.subs(u, root + side * sp.Rational(1, 10**20)).evalf(40) for side in (-1, 1)]
        assert ends[0] * ends[1] < 0
