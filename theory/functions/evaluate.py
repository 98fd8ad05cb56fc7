"""Expressions of one symbol in floating point, without generated code."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import ITE, And, Boolean, Not, Or

from meanbits.theory.gaussian.special import Box, ExpErfc, HardTanh, Softplus, softplus
from meanbits.theory.symbols import h

Value = Callable[[float], float]


def evaluator(expression: sp.Expr, symbol: sp.Symbol = h) -> Value:
    """A function of the symbol in floating point: it overflows to infinity, and is NaN where there is no real value.

    Raises:
        ValueError: for a function it does not know, or another symbol.
    """
    function = _compiled(expression, symbol)

    def value(point: float) -> float:
        try:
            return function(point)
        except (ValueError, ZeroDivisionError):
            return math.nan

    return value


def _compiled(expression: sp.Expr, symbol: sp.Symbol) -> Value:
    if expression == symbol:
        return lambda x: x
    if expression.is_number and not expression.args:
        constant = float(expression.evalf(20)) if expression.is_extended_real else math.nan
        return lambda x: constant
    if isinstance(expression, sp.Piecewise):
        branches = [(_condition(when, symbol), _compiled(branch, symbol)) for branch, when in expression.args]
        return lambda x: next((branch(x) for holds, branch in branches if holds(x)), math.nan)
    if isinstance(expression, sp.Pow) and expression.exp.is_Integer:
        base, exponent = _compiled(expression.base, symbol), int(expression.exp)
        return lambda x: _power(base(x), exponent)
    rule = RULES.get(expression.func)
    if rule is None and expression.is_number and expression.is_extended_real:  # tan(1), of a root
        number = float(expression.evalf(20))
        return lambda x: number
    if rule is None:
        raise ValueError(f"no floating-point value of {expression}")
    parts = [_compiled(part, symbol) for part in expression.args]
    return lambda x: rule(*(part(x) for part in parts))


def _condition(condition: Boolean | bool, symbol: sp.Symbol) -> Callable[[float], bool]:
    if condition in (True, False):
        held = bool(condition)
        return lambda x: held
    if isinstance(condition, Relational):
        left, right = _compiled(condition.lhs, symbol), _compiled(condition.rhs, symbol)
        compare = COMPARISONS[condition.rel_op]
        return lambda x: compare(left(x), right(x))
    parts = [_condition(part, symbol) for part in condition.args]
    if isinstance(condition, And | Or):
        every = all if isinstance(condition, And) else any
        return lambda x: every(part(x) for part in parts)
    if isinstance(condition, Not):
        return lambda x: not parts[0](x)
    if isinstance(condition, ITE):
        return lambda x: parts[1](x) if parts[0](x) else parts[2](x)
    raise ValueError(f"no truth value of {condition}")


def _sum(*terms: float) -> float:
    return math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms)


def _power(base: float, exponent: float) -> float:
    try:
        value = base**exponent
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    return math.nan if isinstance(value, complex) else value


def _overflowing(function: Value) -> Value:
    def value(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.copysign(math.inf, x) if function is math.sinh else math.inf

    return value


def _extreme(choose: Callable[..., float]) -> Callable[..., float]:
    return lambda *terms: math.nan if any(map(math.isnan, terms)) else choose(terms)


def _sign(x: float) -> float:
    return math.nan if math.isnan(x) else float((x > 0) - (x < 0))


def _rounded(function: Callable[[float], int]) -> Value:
    return lambda x: float(function(x)) if math.isfinite(x) else x


RULES: dict[type[sp.Expr], Callable[..., float]] = {
    sp.Add: _sum,
    sp.Mul: lambda *factors: math.prod(factors),
    sp.Pow: _power,
    sp.Max: _extreme(max),
    sp.Min: _extreme(min),
    sp.Abs: abs,
    sp.sign: _sign,
    sp.Heaviside: lambda x, *_: (1 + _sign(x)) / 2,
    sp.floor: _rounded(math.floor),
    sp.ceiling: _rounded(math.ceil),
    sp.log: math.log,
    Softplus: softplus,
    HardTanh: lambda x: _extreme(max)(-1.0, _extreme(min)(1.0, x)),
    ExpErfc: lambda a, b: math.erfc(b) if a == 0 else float(mpmath.exp(a) * mpmath.erfc(b)),
    Box: lambda x: math.nan if math.isnan(x) else float(abs(x) < 1),
} | {
    kind: _overflowing(getattr(math, kind.__name__))
    for kind in (sp.atan, sp.asinh, sp.cos, sp.cosh, sp.erf, sp.erfc, sp.exp, sp.sin, sp.sinh, sp.tanh)
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
