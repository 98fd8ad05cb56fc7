"""Declared functions are finite, real and square integrable, or refused with the place or the reason."""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy as sp

from meanbits.theory.declarations.grammar import parse
from meanbits.theory.declarations.neurons import CONTINUOUS
from meanbits.theory.declarations.noise import NOISES
from meanbits.theory.errors import FormulaError
from meanbits.theory.functions.domain import check_growth, check_real
from meanbits.theory.functions.magnitude import magnitude
from meanbits.theory.symbols import h

GOOD = (
    "tanh(h)", "gelu(h)", "silu(h)", "softplus(h)", "softsign(h)", "(1 + h/sqrt(1 + h**2))/2", "sqrt(abs(h))",
    "h/abs(h)", "where(h < 0, 0, sqrt(h))", "where(h < 1, 0, log(h))", "1/(1 + exp(-h))", "1/(2 + sin(h))", "1/cosh(h)",
    "cosh(h)", "sqrt(1 - tanh(h)**2)", "log(1 + abs(h))", "1/(1 + h**2)", "exp(h)", "exp(-h**2)", "h**64",
    "exp(abs(h)**(3/2))", "tanh(sinh(h))", "max(-3, min(3, floor(h)))", "1/(h**2 - 2*h + 1.001)", "sin(exp(h))",
    "exp(1e9*h)", "sign(1/h)", "exp(h - h**2)", "abs(tanh(h))", "h/abs(h)*abs(tanh(h))", "sqrt(2 - cos(h))",
)  # fmt: skip
NOT_REAL = {
    "1/h": "not finite at h = 0", "1/(h - 0.3)": "not finite at h = 0.3", "log(h)": "complex at h = -",
    "sqrt(h)": "complex at h = -", "h**(1/3)": "complex at h = -", "erf(h**(1/3))": "complex at h = -",
    "where(h < 0, 0, 1/h)": "not finite at h = 0", "where(h < 0, 0, log(h))": "not finite at h = 0",
    "tanh(1/h)": "not finite at h = 0", "1/(1 + h**3)": "not finite at h = -1", "log(abs(h))": "not finite at h = 0",
    "1/(abs(h) - 0.5)": "not finite at h = -0.5", "1/(exp(h) - 2)": "not finite at h = 0.693", "sin(h)/h": "at h = 0",
    "max(0, log(h))": "complex at h = -", "where(log(1 + h) < 1, 0, 1)": "complex at h = -",
    "sign(sqrt(h))": "value of sqrt.h. at h = -1 cannot be told",
    "max(2, sin(sqrt(h)))": "complex at h = -", "1/relu(h)": "not finite at h = -",
    "1/(1 + sin(h))": "infinitely many", "1/sin(h)": "infinitely many", "floor(h)": "infinitely many jumps",
    "log(1.5 + cos(h)/2 - tanh(h))": "not finite at h = |cannot be told|infinitely many|complex",
}  # fmt: skip
NOT_INTEGRABLE = ("exp(h**2)", "exp(h**2/1000)", "exp(1e-9*h**2)", "exp(h*abs(h))", "exp(exp(h))", "sinh(sinh(h))",
                  "exp(sin(h)*h**2)", "exp(-h**3)", "h*exp(h**2 - h)")  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_functions_that_are_finite_and_real_pass(text: str) -> None:
    check_real(parse(text))
    check_growth(parse(text))


@pytest.mark.parametrize("text", NOT_REAL)
def test_poles_and_complex_values_are_named(text: str) -> None:
    with pytest.raises(FormulaError, match=NOT_REAL[text]):
        check_real(parse(text))


@pytest.mark.parametrize("text", NOT_INTEGRABLE)
def test_infinite_mean_squares_are_refused(text: str) -> None:
    with pytest.raises(FormulaError, match=r"grows like exp\(h\*\*2\) or faster as h -> -?infinity"):
        check_growth(parse(text))


@pytest.mark.parametrize(
    "text", ["exp(h)", "sinh(h)*h**3", "cosh(h) - exp(-h)", "erfc(h)", "h**5/(1 + h**2)", "-h*exp(-h)"]
)
@pytest.mark.parametrize("point", [-700.0, -3.0, 0.5, 30.0])
def test_magnitudes_are_those_of_arbitrary_precision(text: str, point: float) -> None:
    size = magnitude(parse(text), h)(point)
    with mpmath.workdps(700):
        expected = mpmath.mpmathify(parse(text).subs(h, mpmath.mpf(point)).evalf(650))
    assert size.sign == mpmath.sign(expected)
    assert size.logarithm == pytest.approx(float(mpmath.log(abs(expected))), rel=1e-12, abs=1e-12)


def test_magnitudes_survive_overflow() -> None:
    assert magnitude(parse("exp(h)*h"), h)(1e60).logarithm == pytest.approx(1e60)
    assert magnitude(parse("exp(exp(h))"), h)(1e4).logarithm == math.inf
    assert magnitude(parse("softplus(h)"), h)(1e60).value == pytest.approx(1e60)
    assert magnitude(parse("exp(-exp(h))"), h)(1e4).sign == 0


@pytest.mark.parametrize(
    "expression", [*(noise.cdf for noise in NOISES), *(neuron.mean for neuron in CONTINUOUS)], ids=str
)
def test_the_catalogue_passes(expression: sp.Expr) -> None:
    check_real(expression)
    check_growth(expression)
