"""The size of an expression far out, where it overflows: its sign, and the logarithm of its absolute value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import mpmath
import sympy as sp

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.gaussian.special import Softplus, softplus


class Magnitude(NamedTuple):
    """sign exp(logarithm); a sign of 0 with logarithm -infinity is 0."""

    sign: int
    logarithm: float

    @property
    def value(self) -> float:
        """The number itself, infinite where it overflows."""
        return self.sign * _exp(self.logarithm) if self.sign else 0.0


ZERO = Magnitude(0, -math.inf)


def of_number(value: float) -> Magnitude:
    """A finite or infinite float."""
    return Magnitude(1 if value > 0 else -1, math.log(abs(value))) if value else ZERO


def magnitude(expression: sp.Expr, symbol: sp.Symbol) -> Callable[[float], Magnitude]:
    """The magnitude of an expression as a function of its symbol; infinite where a difference of infinities is.

    Raises:
        FormulaError: for a function it does not know.
    """
    if expression == symbol:
        return of_number
    if expression.is_number:
        constant = of_number(float(expression.evalf(20)))
        return lambda x: constant
    if isinstance(expression, sp.Pow) and expression.exp.is_number:
        base, exponent = magnitude(expression.base, symbol), float(expression.exp)
        return lambda x: _power(base(x), exponent)
    rule = RULES.get(expression.func)
    if rule is None:
        raise FormulaError(f"how {shown(expression)} grows is not known")
    parts = [magnitude(part, symbol) for part in expression.args]
    return lambda x: rule(*(part(x) for part in parts))


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _sum(*terms: Magnitude) -> Magnitude:
    largest = max(term.logarithm for term in terms)
    if math.isinf(largest):
        return ZERO if largest < 0 else Magnitude(1, math.inf)
    total = math.fsum(term.sign * math.exp(term.logarithm - largest) for term in terms)
    return Magnitude(1 if total > 0 else -1, largest + math.log(abs(total))) if total else ZERO


def _product(*factors: Magnitude) -> Magnitude:
    sign = math.prod(factor.sign for factor in factors)
    return Magnitude(sign, math.fsum(factor.logarithm for factor in factors)) if sign else ZERO


def _power(base: Magnitude, exponent: float) -> Magnitude:
    if not base.sign:
        return ZERO if exponent > 0 else Magnitude(1, math.inf)
    return Magnitude(-1 if base.sign < 0 and exponent % 2 == 1 else 1, exponent * base.logarithm)


def _exponential(argument: Magnitude) -> Magnitude:
    value = argument.value
    return Magnitude(1, value) if value > -math.inf else ZERO


def _hyperbolic(near: Callable[[float], float], odd: bool) -> Callable[[Magnitude], Magnitude]:
    def rule(argument: Magnitude) -> Magnitude:
        value = argument.value
        if abs(value) < 20:
            return of_number(near(value))
        return Magnitude(argument.sign if odd else 1, abs(value) - math.log(2))

    return rule


def _bounded(function: Callable[[float], float]) -> Callable[[Magnitude], Magnitude]:
    return lambda argument: of_number(function(argument.value))


def _wave(function: Callable[[float], float]) -> Callable[[Magnitude], Magnitude]:
    return lambda argument: of_number(function(argument.value) if math.isfinite(argument.value) else 1.0)


def _erfc(argument: Magnitude) -> Magnitude:
    value = argument.value
    if value < 20:
        return of_number(math.erfc(value))
    return Magnitude(1, float(mpmath.log(mpmath.erfc(value)))) if value < 1e150 else ZERO


RULES: dict[type[sp.Expr], Callable[..., Magnitude]] = {
    sp.Add: _sum,
    sp.Mul: _product,
    sp.exp: _exponential,
    sp.log: lambda argument: of_number(argument.logarithm),
    sp.asinh: lambda argument: of_number(argument.sign * math.asinh(min(1e300, abs(argument.value)))),
    sp.sinh: _hyperbolic(math.sinh, odd=True),
    sp.cosh: _hyperbolic(math.cosh, odd=False),
    sp.tanh: _bounded(math.tanh),
    sp.erf: _bounded(math.erf),
    sp.atan: _bounded(math.atan),
    sp.sin: _wave(math.sin),
    sp.cos: _wave(math.cos),
    sp.erfc: _erfc,
    Softplus: lambda argument: of_number(softplus(argument.value)),
    sp.Abs: lambda argument: Magnitude(abs(argument.sign), argument.logarithm),
}
