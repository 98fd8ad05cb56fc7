"""Positions on the real line, and the value and sign of an expression there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import sympy as sp

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.intervals import excludes_zero, range_of

SAME = 1e-12
DIGITS, MAX_DIGITS = 30, 300
LARGEST = 1e100
HALVINGS = 40


def distinct(positions: Iterable[sp.Expr]) -> list[sp.Expr]:
    """Numbers in increasing order, of those equal to rounding the simplest one."""
    kept: list[sp.Expr] = []
    for position in sorted(positions, key=lambda position: (place(position), position.count_ops())):
        if kept and abs(place(position) - place(kept[-1])) <= SAME * max(1e-3, abs(place(position))):
            kept[-1] = min(kept[-1], position, key=_complexity)
        else:
            kept.append(position)
    return kept


def is_between(low: sp.Expr, position: sp.Expr, high: sp.Expr) -> bool:
    """low < position < high, by more than rounding."""
    slack = SAME * max(1e-3, abs(place(position)))
    return place(low) + slack < place(position) < place(high) - slack


def sign_at(expression: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> int:
    """The sign of an expression at a number, 0 only where it is 0 to `DIGITS` digits.

    Raises:
        FormulaError: where open symbols, overflow or rounding leave it unknown.
    """
    if expression.free_symbols != {symbol}:
        return _sign_by_assumptions(expression.subs(symbol, point))
    low, high = range_of(expression, symbol)(place(point), place(point))
    if excludes_zero((low, high)):
        return 1 if low > 0 else -1
    return int(sp.sign(value_at(expression, symbol, point)))


def sign_between(expression: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> int:
    """The sign that an expression keeps between two numbers, though to all digits it may be 0 over most of the way.

    Raises:
        FormulaError: as `sign_at`.
    """
    below = above = inside(low, high)
    sign = sign_at(expression, symbol, below)
    for _ in range(HALVINGS):
        if sign != 0 or expression == 0:
            return sign
        below, above = inside(low, below), inside(above, high)
        sign = sign_at(expression, symbol, below) or sign_at(expression, symbol, above)
    return sign


def value_at(expression: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> sp.Expr:
    """The value at a number, to `DIGITS` digits; 0 where `MAX_DIGITS` tell no difference from it.

    Raises:
        FormulaError: where a part of it is not real, or so large that arbitrary precision would take forever.
    """
    exact = expression.subs(symbol, point) if expression.is_rational_function(symbol) else None
    if exact is not None and exact.is_Rational:
        return exact
    for part in expression.atoms(sp.Function, sp.Pow, sp.Add, sp.Mul) | {expression}:
        if part.is_polynomial(symbol) and sp.degree(part, symbol) <= 1:
            continue  # a number as long as the point's
        low, high = range_of(part, symbol)(place(point), place(point))
        if not max(abs(low), abs(high)) < LARGEST:
            raise FormulaError(f"the value of {shown(part)} at {symbol} = {place(point):.6g} cannot be told")
    value = expression.subs(symbol, point).evalf(DIGITS, maxn=MAX_DIGITS)
    return sp.S.Zero if value.is_Float and value._prec == 1 else value  # of no digit is known, nor the sign


def inside(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """A rational number in (low, high)."""
    if low == -sp.oo:
        return sp.Rational(1, 3) if high == sp.oo else sp.Rational(place(high) - max(1.0, abs(place(high))))
    if high == sp.oo:
        return sp.Rational(place(low) + max(1.0, abs(place(low))))
    return sp.Rational((place(low) + place(high)) / 2)


@lru_cache(maxsize=4096)
def place(position: sp.Expr) -> float:
    """A position as a float, computed once."""
    return float(position)


def _complexity(position: sp.Expr) -> tuple[bool, int]:
    return position.is_Float or False, position.count_ops()


def _sign_by_assumptions(value: sp.Expr) -> int:
    if value.is_zero:
        return 0
    if value.is_positive or value.is_negative:
        return 1 if value.is_positive else -1
    raise FormulaError(f"the sign of {shown(value)} is open: its symbols may have either sign")
