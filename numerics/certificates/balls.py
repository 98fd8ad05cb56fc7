"""SymPy expressions in ball arithmetic: every value is an interval that provably holds the exact one.

Arb through python-flint. F. Johansson, IEEE Trans. Comput. 66 (2017) 1281 (balls); arXiv 1802.07942 (integration).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import sympy as sp
from flint import acb, arb, fmpq

from meanbits.theory.gaussian.special import ExpErfc

Ball: TypeAlias = Any  # arb or acb
Environment = Mapping[sp.Symbol, Ball]
Program = Callable[[Environment, bool], Ball]

PRECISIONS = (64, 128, 256, 512)
EVALUATIONS = 20_000


class UnprovedError(Exception):
    """A claim that ball arithmetic or algebra could not settle, with the reason. It may still be true.

    The reason is formatted on demand, as in `logging`: most of these errors only move a proof to its next method.
    """

    def __str__(self) -> str:
        text, *parts = self.args
        return text % tuple(parts) if parts else str(text)


def _atan(z: Ball, analytic: bool) -> Ball:
    if isinstance(z, arb):
        return z.atan()
    above, below = 1 + acb(0, 1) * z, 1 - acb(0, 1) * z
    return (above.log(analytic=analytic) - below.log(analytic=analytic)) / acb(0, 2)


def _log(z: Ball, analytic: bool) -> Ball:
    return z.log() if isinstance(z, arb) else z.log(analytic=analytic)


def _asin(z: Ball, analytic: bool) -> Ball:
    if isinstance(z, arb):
        return z.asin()
    raise UnprovedError("asin is not implemented off the real line; integrate it by a closed form")


FUNCTIONS: dict[type[sp.Function], Callable[[Ball, bool], Ball]] = {
    sp.exp: lambda z, _: z.exp(),
    sp.tanh: lambda z, _: z.tanh(),
    sp.erf: lambda z, _: z.erf(),
    sp.erfc: lambda z, _: z.erfc(),
    sp.sin: lambda z, _: z.sin(),
    sp.cos: lambda z, _: z.cos(),
    sp.sinh: lambda z, _: z.sinh(),
    sp.cosh: lambda z, _: z.cosh(),
    sp.atan: _atan,
    sp.asin: _asin,
    sp.log: _log,
}
CONSTANTS: dict[sp.Expr, Callable[[], arb]] = {sp.pi: arb.pi, sp.E: arb.const_e}


@lru_cache(maxsize=4096)
def program(expression: sp.Expr) -> Program:
    """The expression as a function of (symbol -> ball, analytic); analytic as `acb.integral` means it.

    Raises:
        UnprovedError: naming a function without a ball (`branches` takes kinks out first).
    """
    if expression.is_Symbol:
        return lambda values, _: values[expression]
    if expression.is_Float:
        expression = sp.Rational(expression)
    if expression.is_Integer:
        integer = arb(int(expression))
        return lambda _, __: integer
    if expression.is_Rational:
        ratio = fmpq(int(expression.p), int(expression.q))
        return lambda _, __: arb(ratio)
    if expression in CONSTANTS:
        constant = CONSTANTS[expression]
        return lambda _, __: constant()
    if expression.is_Add or expression.is_Mul:
        first, rest = (program(part) for part in expression.as_two_terms())
        if expression.is_Add:
            return lambda values, analytic: first(values, analytic) + rest(values, analytic)
        return lambda values, analytic: first(values, analytic) * rest(values, analytic)
    arguments = [program(argument) for argument in expression.args]
    if expression.is_Pow:
        return _power(arguments, expression.exp)
    if isinstance(expression, ExpErfc):
        return lambda values, analytic: arguments[0](values, analytic).exp() * arguments[1](values, analytic).erfc()
    function, argument = FUNCTIONS.get(expression.func), arguments[0]
    if function is None or len(arguments) != 1:
        raise UnprovedError("%s in %s has no ball arithmetic", expression.func, expression)
    return lambda values, analytic: function(argument(values, analytic), analytic)


def _power(arguments: list[Program], exponent: sp.Expr) -> Program:
    base, power = arguments
    if exponent.is_Integer:
        integer = int(exponent)
        return lambda values, analytic: _whole_power(base(values, analytic), integer)
    is_root = exponent == sp.S.Half

    def value(values: Environment, analytic: bool) -> Ball:
        number = base(values, analytic)
        if isinstance(number, arb):
            return number.sqrt() if is_root else number ** power(values, analytic)
        if is_root:
            return number.sqrt(analytic=analytic)
        return number.pow(acb(power(values, analytic)), analytic=analytic)

    return value


def _whole_power(number: Ball, exponent: int) -> Ball:
    """A power, by products where a real ball holds 0: Arb takes a logarithm there."""
    if isinstance(number, arb) and exponent > 0 and number.contains(0):
        return math.prod([number] * exponent, start=arb(1))
    return number**exponent


def ball(expression: sp.Expr, values: Environment | None = None) -> arb:
    """The expression at balls for its symbols.

    Raises:
        UnprovedError: where it has no finite value there, so that no comparison with it means anything.
    """
    value = program(sp.sympify(expression))(values or {}, False)
    if not value.is_finite():
        raise UnprovedError("%s has no finite enclosure at %s", expression, values)
    return value


def hull(low: arb, high: arb) -> arb:
    """The smallest ball around two."""
    return low.union(high)


def exact(value: arb) -> arb:
    """The midpoint, without its radius."""
    return arb(value.mid())


def outward(value: arb) -> tuple[float, float]:
    """Floats on both sides of a ball."""
    low, high = float(value.lower()), float(value.upper())
    return (low if arb(low) <= value.lower() else math.nextafter(low, -math.inf),
            high if arb(high) >= value.upper() else math.nextafter(high, math.inf))  # fmt: skip


def integral(integrand: Callable[[Ball, bool], Ball], left: arb, right: arb) -> arb:
    """Integral of an analytic integrand, with its error: adaptive Gauss-Legendre rules with ellipse bounds.

    Raises:
        UnprovedError: where the work limit is reached before a finite enclosure.
    """
    value = acb.integral(integrand, acb(left), acb(right), eval_limit=EVALUATIONS)
    if not value.is_finite():
        raise UnprovedError("no finite enclosure of an integral over [%s, %s]", left, right)
    return value.real
