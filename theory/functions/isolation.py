"""Zeros of an analytic expression without a formula, isolated by ranges of it and of its slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise

import sympy as sp

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.intervals import Interval, excludes_zero, range_of
from meanbits.theory.functions.points import DIGITS, sign_at, value_at
from meanbits.theory.gaussian.tidy import in_one

Range = Callable[[float, float], Interval]

MAX_ROOTS = 300
MAX_INTERVALS = 4000
MAX_ORDER, MAX_DENOMINATOR = 6, 1000
OUT = 1e9  # where zeros are too far out to be told from others
SCALES = [4.0**k for k in range(0, 31)]
TAIL, FLAT = 4.0, 1e-12  # where tails begin, and what is left of their cancelling terms, relative
SHARES = (0.0, 0.1, 0.35, 0.7, 1.0)  # of an interval, where signs are looked at
UNDERFLOW = sp.Rational(1, 10**200)  # of a difference of terms below 1e100, to 300 digits
FAR = [SCALES[-1] * factor for factor in (1, 1.7, 2.9, 5.3, 1e3, 1.9e6, 3.1e12)]
FARTHEST = [SCALES[-1] * factor for factor in (1e40, 1.3e80, 1e150)]  # where arbitrary precision may end


class Isolation:
    """Zeros by ranges of a function and of its slope, over intervals halved until one of them leaves no doubt."""

    def __init__(self, expression: sp.Expr, symbol: sp.Symbol) -> None:
        self.expression, self.symbol = expression, symbol
        self.terms = [range_of(term, symbol) for term in expression.args] if expression.is_Add else []
        self.ranges = [range_of(form, symbol) for form in {in_one(expression, symbol), sp.collect(expression, symbol)}]
        self.slopes = [range_of(slope, symbol) for slope in _slopes(expression, symbol)]
        self.left = MAX_INTERVALS
        self.brackets: list[tuple[float, float]] = []
        self.found: list[sp.Expr] = []
        self.derivatives: list[tuple[sp.Expr, Range]] = []

    def range(self, low: float, high: float) -> Interval:
        """An interval around the values in [low, high]."""
        every = [each(low, high) for each in self.ranges]
        return max(least for least, _ in every), min(greatest for _, greatest in every)

    def roots(self, low: float, high: float) -> list[sp.Expr]:
        """The zeros in [low, high]."""
        ends = [low, *(end for end in (*(-s for s in reversed(SCALES)), 0.0, *SCALES) if low < end < high), high]
        for a, b in sorted(pairwise(ends), key=lambda pair: -max(map(abs, pair))):
            if math.isinf(a) or math.isinf(b):
                self._far(a, b)
            else:
                self._near(a, b)
        return [*self.found, *(self._crossing(a, b) for a, b in self.brackets)]

    def _far(self, low: float, high: float) -> None:
        """Beyond all scales: no zero if the range says so, or if no sign changes that far out."""
        if excludes_zero(self.range(low, high)):
            return
        side = 1 if math.isinf(high) else -1
        signs = {self._sign(side * point) for point in FAR}
        with suppress(FormulaError):
            signs |= {self._sign(side * point) for point in FARTHEST}
        if len(signs - {0}) > 1:
            raise FormulaError(f"{shown(self.expression)} has infinitely many zeros, or zeros too far out")

    def _near(self, low: float, high: float) -> None:
        stack = [(low, high)]
        while stack:
            a, b = stack.pop()
            self.left -= 1
            if self.left < 0 or len(self.brackets) > MAX_ROOTS:
                raise FormulaError(f"{shown(self.expression)} has infinitely many zeros, or too many to tell")
            if excludes_zero(self.range(a, b)) or self._is_flat_tail(a, b):
                continue
            if any(excludes_zero(slope(a, b)) for slope in self.slopes):
                self._bracket(a, b)
            elif 0 in (a, b) and self._is_alone(sp.S.Zero, a, b):
                self.found.append(sp.S.Zero)
            elif b - a > 1e-9 * max(1e-3, abs(a), abs(b)):
                middle = a + (b - a) * 0.48828125  # off the middle, where zeros like to lie
                stack += [(a, middle), (middle, b)]
            else:
                self.found += [zero for zero in [self._touching(a, b)] if a <= zero <= b]

    def _is_flat_tail(self, a: float, b: float) -> bool:
        """Whether terms cancel but for nothing far out, which at a few points is of one sign, or 0 to all digits."""
        if min(abs(a), abs(b)) < TAIL or not self.terms:
            return False
        largest = max(abs(end) for term in self.terms for end in term(a, b))
        if not max(map(abs, self.range(a, b))) <= FLAT * largest < math.inf:
            return False
        values = [value_at(self.expression, self.symbol, sp.Rational(a + (b - a) * share)) for share in SHARES]
        return len({bool(value > 0) for value in values if abs(value) > UNDERFLOW}) <= 1

    def _bracket(self, a: float, b: float) -> None:
        first, last = self._sign(a), self._sign(b)
        if first * last < 0:
            self.brackets.append((a, b))
        self.found += [sp.Rational(end) for end, sign in ((a, first), (b, last)) if sign == 0]

    def _crossing(self, a: float, b: float) -> sp.Expr:
        from scipy.optimize import brentq  # slow to import, and seldom needed

        root = sp.Float(brentq(self._value, a, b, xtol=1e-300, rtol=8.9e-16), DIGITS)
        return root - value_at(self.expression / self.expression.diff(self.symbol), self.symbol, root)

    def _touching(self, a: float, b: float) -> sp.Expr:
        """The only zero in or beside [a, b], at a simple fraction."""
        candidate = sp.Rational(Fraction((a + b) / 2).limit_denominator(MAX_DENOMINATOR))
        if self._is_alone(candidate, min(a, float(candidate)), max(b, float(candidate))):
            return candidate
        if min(abs(a), abs(b)) > OUT:
            raise FormulaError(f"{shown(self.expression)} has infinitely many zeros, or zeros too far out")
        raise FormulaError(f"it cannot be told whether {shown(self.expression)} vanishes near {self.symbol} = {a:.9g}")

    def _is_alone(self, zero: sp.Expr, low: float, high: float) -> bool:
        """Whether it is a zero of some order, the derivative of which has one sign between low and high."""
        for order in range(MAX_ORDER):
            derivative, _ = self._derivative(order)
            if derivative.subs(self.symbol, zero) != 0:
                return False
            if excludes_zero(self._derivative(order + 1)[1](low, high)):
                return True
        return False

    def _derivative(self, order: int) -> tuple[sp.Expr, Range]:
        """The derivative of an order, and its ranges."""
        while len(self.derivatives) <= order:
            expression = self.derivatives[-1][0].diff(self.symbol) if self.derivatives else self.expression
            self.derivatives.append((expression, range_of(in_one(expression, self.symbol), self.symbol)))
        return self.derivatives[order]

    def _value(self, point: float) -> float:
        low, high = self.range(point, point)
        return (low + high) / 2

    def _sign(self, point: float) -> int:
        return sign_at(self.expression, self.symbol, sp.Rational(point))


def _slopes(expression: sp.Expr, symbol: sp.Symbol) -> set[sp.Expr]:
    """The derivative as it is, and as it keeps its digits far out: quotients in one, 1 - tanh^2 a function."""
    slope = expression.diff(symbol)
    bells = {tanh**2: 1 - 1 / sp.cosh(tanh.args[0]) ** 2 for tanh in slope.atoms(sp.tanh)}
    return {slope, in_one(slope.xreplace(bells), symbol)}
