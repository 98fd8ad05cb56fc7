"""SymPy expressions as the lists of a certificate, and rational numbers around balls."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError, outward
from meanbits.numerics.certificates.branches import x

DIGITS = 15  # of the ends of an enclosure
PLAIN = {sp.exp: "exp", sp.tanh: "tanh", sp.erf: "erf", sp.log: "log", sp.sin: "sin", sp.cos: "cos"}
REWRITTEN: dict[type, Callable[[sp.Expr], sp.Expr]] = {
    sp.erfc: lambda a: 1 - sp.erf(a),
    sp.sinh: lambda a: (sp.exp(a) - sp.exp(-a)) / 2,
    sp.cosh: lambda a: (sp.exp(a) + sp.exp(-a)) / 2,
}


def listed(expression: sp.Expr) -> Any:
    """The expression in x as numbers, names and lists.

    Raises:
        UnprovedError: naming a function that certificates do not have.
    """
    if expression.is_Float:
        expression = sp.Rational(expression)
    if expression.is_Rational:
        return text_of(Fraction(int(expression.p), int(expression.q)))
    if expression in (x, sp.pi):
        return "x" if expression == x else "pi"
    if expression == sp.E:
        return ["exp", 1]
    if expression.is_Add or expression.is_Mul:
        return ["+" if expression.is_Add else "*", *map(listed, expression.args)]
    if expression.is_Pow and expression.exp.is_Rational:
        return _power(expression.base, expression.exp)
    if expression.func in REWRITTEN:
        return listed(REWRITTEN[expression.func](expression.args[0]))
    if expression.func not in PLAIN:
        raise UnprovedError("certificates have no %s, which %s needs", expression.func, expression)
    return [PLAIN[expression.func], listed(expression.args[0])]


def _power(base: sp.Expr, exponent: sp.Rational) -> Any:
    """A power by square roots."""
    inner, bottom = listed(base), int(exponent.q)
    while bottom % 2 == 0:
        inner, bottom = ["sqrt", inner], bottom // 2
    if bottom != 1:
        raise UnprovedError("certificates have square roots alone, and none of order %s", exponent.q)
    return inner if exponent.p == 1 else ["^", inner, int(exponent.p)]


def text_of(value: Fraction) -> int | str:
    """A rational number as certificates have it."""
    return int(value) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def rational_of(value: sp.Expr, what: str) -> int | str:
    """The same of an expression.

    Raises:
        UnprovedError: one that is not rational.
    """
    if not sp.sympify(value).is_Rational:
        raise UnprovedError("%s = %s is not rational, and certificates take rational ones alone", what, value)
    return text_of(Fraction(int(value.p), int(value.q)))


def around(value: arb) -> list[int | str]:
    """Two rational numbers with a ball between them."""
    low, high = (Fraction(end) for end in outward(value))
    scale = 10 ** (DIGITS + (0 if high == 0 else max(0, -math.floor(math.log10(abs(high))))))
    return [text_of(Fraction(math.floor(low * scale), scale)), text_of(Fraction(math.ceil(high * scale), scale))]
