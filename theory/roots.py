"""Real zeros and poles of an analytic expression in an interval: by algebra, else isolated by ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import sympy as sp

from theory.errors import FormulaError, shown
from theory.intervals import excludes_zero, range_of

MAX_DEGREE = 64
MAX_ROOTS = 300
MAX_INTERVALS = 4000
MAX_ORDER, MAX_DENOMINATOR = 6, 1000
DIGITS = 30
SAME = 1e-12
SCALES = [4.0**k for k in range(0, 31)]
FAR = [SCALES[-1] * factor for factor in (1, 1.7, 2.9, 5.3, 1e3, 1.9e6, 3.1e12, 1e40, 1.3e80, 1e150)]
INVERSES: dict[type[sp.Expr], tuple[Callable[[sp.Expr], sp.Expr], float, float]] = {
    sp.exp: (sp.log, 0, math.inf), sp.log: (sp.exp, -700, 700), sp.tanh: (sp.atanh, -1, 1),
    sp.sinh: (sp.asinh, -math.inf, math.inf), sp.atan: (sp.tan, -math.pi / 2, math.pi / 2),
    sp.erf: (sp.erfinv, -1, 1), sp.erfc: (sp.erfcinv, 0, 2),
}  # fmt: skip


def roots_in(expression: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    """Where an expression can change its sign in the open interval (low, high): zeros and poles, none of them twice.

    The expression is analytic in the interval but for poles, and not 0 throughout. Zeros of polynomials with radicals,
    and of what inverse functions reduce to them, are exact; others are Floats.

    Raises:
        FormulaError: if there are infinitely many or too many, or it cannot be told where they are.
    """
    return distinct(root for root in _zeros(expression, symbol, low, high) if is_between(low, root, high))


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
    """The sign of an expression at a number, 0 only where it is exactly 0.

    Raises:
        FormulaError: where open symbols or rounding leave it unknown.
    """
    if not expression.has(symbol) or expression.free_symbols != {symbol}:
        return _sign_by_assumptions(expression.subs(symbol, point))
    low, high = range_of(expression, symbol)(place(point), place(point))
    if not excludes_zero((low, high)) and math.isfinite(low) and math.isfinite(high):
        return int(sp.sign(expression.subs(symbol, point).evalf(40, maxn=200)))
    if excludes_zero((low, high)):
        return 1 if low > 0 else -1
    raise FormulaError(f"the sign of {shown(expression)} at {symbol} = {place(point):.6g} cannot be told")


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


def _zeros(expression: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    if not expression.has(symbol) or excludes_zero(range_of(expression, symbol)(place(low), place(high))):
        return []
    if isinstance(expression, sp.Mul):
        return [root for factor in expression.args for root in _zeros(factor, symbol, low, high)]
    if isinstance(expression, sp.Pow):
        return _zeros(expression.base, symbol, low, high)
    if expression.is_rational_function(symbol):
        parts = sp.fraction(sp.together(expression))
        return [root for part in parts if part.has(symbol) for root in _of_polynomial(part, symbol, low, high)]
    inverted = _inverted(expression, symbol)
    if inverted is not None:
        return [root for argument in inverted for root in _zeros(argument, symbol, low, high)]
    if expression.free_symbols != {symbol}:
        raise FormulaError(f"the zeros of {shown(expression)} depend on its open symbols; give them numbers")
    factored = sp.factor(expression)
    if factored.is_Mul or factored.is_Pow:
        return _zeros(factored, symbol, low, high)
    return _Isolation(expression, symbol).roots(place(low), place(high))


def _inverted(expression: sp.Expr, symbol: sp.Symbol) -> list[sp.Expr] | None:
    """What vanishes where offset + factor function(argument) does, or None if it is not of that form."""
    offset, dependent = expression.as_independent(symbol, as_Add=True)
    factor, function = dependent.as_independent(symbol, as_Add=False)
    target = -offset / factor
    if function.is_Pow and function.exp.is_Rational and not function.exp.is_Integer:
        return [function.base - target ** (1 / function.exp)] if target.is_positive else []
    if function.func not in INVERSES:
        return None
    inverse, least, greatest = INVERSES[function.func]
    if target.free_symbols:
        return [function.args[0]] if target == 0 and inverse(0) == 0 else None
    if not least < float(target) < greatest:
        return []
    value = inverse(target)
    return [function.args[0] - value] if value.is_comparable else None


def _of_polynomial(numerator: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    polynomial = sp.Poly(numerator, symbol)
    if polynomial.degree() == 1:
        slope, offset = polynomial.all_coeffs()
        root = sp.simplify(-offset / slope) if (offset / slope).free_symbols else -offset / slope
        if root.free_symbols:
            raise FormulaError(f"the break {shown(root)} depends on open symbols; give them numbers")
        return [root]
    if polynomial.free_symbols_in_domain:
        raise FormulaError(f"the zeros of {shown(numerator)} depend on its open symbols; give them numbers")
    if polynomial.degree() > MAX_DEGREE:
        raise FormulaError(f"a polynomial of degree {polynomial.degree()} in {symbol}: at most {MAX_DEGREE}")
    lead, *middle, last = polynomial.all_coeffs()
    if not any(middle):
        size = abs(last / lead) ** sp.Rational(1, polynomial.degree())
        negative = bool(last / lead > 0)
        if polynomial.degree() % 2:
            return [-size if negative else size]
        return [] if negative and last != 0 else [-size, size]
    if not all(coefficient.is_Rational for coefficient in polynomial.all_coeffs()):
        return _Isolation(numerator, symbol).roots(place(low), place(high))
    return [_simple(root) for root in set(polynomial.real_roots())]


def _simple(root: sp.Expr) -> sp.Expr:
    """Roots without radicals as floats."""
    return root.evalf(DIGITS) if root.has(sp.CRootOf) else root


class _Isolation:
    """Zeros by ranges of a function and of its slope, over intervals halved until one of them leaves no doubt."""

    def __init__(self, expression: sp.Expr, symbol: sp.Symbol) -> None:
        self.expression, self.symbol = expression, symbol
        self.range, self.slope = range_of(expression, symbol), range_of(expression.diff(symbol), symbol)
        self.left = MAX_INTERVALS

    def roots(self, low: float, high: float) -> list[sp.Expr]:
        """The zeros in [low, high]."""
        ends = [low, *(end for end in (*(-s for s in reversed(SCALES)), 0.0, *SCALES) if low < end < high), high]
        found: list[sp.Expr] = []
        for a, b in sorted(pairwise(ends), key=lambda pair: -max(map(abs, pair))):
            found += self._far(a, b) if math.isinf(a) or math.isinf(b) else self._near(a, b)
        return found

    def _far(self, low: float, high: float) -> list[sp.Expr]:
        """Beyond all scales: no zero if the range says so, or if no sign changes that far out."""
        if excludes_zero(self.range(low, high)):
            return []
        side = 1 if math.isinf(high) else -1
        signs = {self._sign(side * point) for point in FAR}
        if len(signs - {0}) > 1:
            raise FormulaError(f"{shown(self.expression)} has infinitely many zeros, or zeros too far out")
        return []

    def _near(self, low: float, high: float) -> list[sp.Expr]:
        found: list[sp.Expr] = []
        stack = [(low, high)]
        while stack:
            a, b = stack.pop()
            self.left -= 1
            if self.left < 0 or len(found) > MAX_ROOTS:
                raise FormulaError(f"{shown(self.expression)} has infinitely many zeros, or too many to tell")
            if excludes_zero(self.range(a, b)):
                continue
            if excludes_zero(self.slope(a, b)):
                found += self._crossing(a, b)
            elif b - a > 1e-9 * max(1e-3, abs(a), abs(b)):
                middle = a + (b - a) * 0.48828125  # off the middle, where zeros like to lie
                stack += [(a, middle), (middle, b)]
            else:
                found += self._touching(a, b)
        return found

    def _crossing(self, a: float, b: float) -> list[sp.Expr]:
        from scipy.optimize import brentq  # slow to import, and seldom needed

        first, last = self._sign(a), self._sign(b)
        if first * last > 0:
            return []
        if first * last == 0:
            return [sp.Rational(a) if first == 0 else sp.Rational(b)]
        root = sp.Float(brentq(self._value, a, b, xtol=1e-300, rtol=8.9e-16), DIGITS)
        step = (self.expression / self.expression.diff(self.symbol)).subs(self.symbol, root).evalf(DIGITS)
        return [root - step]

    def _touching(self, a: float, b: float) -> list[sp.Expr]:
        """A zero of some order at a simple fraction, the only one where the derivative of that order has one sign."""
        candidate = sp.Rational(Fraction((a + b) / 2).limit_denominator(MAX_DENOMINATOR))
        derivative = self.expression
        for _ in range(MAX_ORDER):
            if not a <= candidate <= b or derivative.subs(self.symbol, candidate) != 0:
                break
            derivative = derivative.diff(self.symbol)
            if excludes_zero(range_of(derivative, self.symbol)(a, b)):
                return [candidate]
        raise FormulaError(f"it cannot be told whether {shown(self.expression)} vanishes near {self.symbol} = {a:.9g}")

    def _value(self, point: float) -> float:
        low, high = self.range(point, point)
        return (low + high) / 2

    def _sign(self, point: float) -> int:
        low, high = self.range(point, point)
        if excludes_zero((low, high)):
            return 1 if low > 0 else -1
        if not (math.isfinite(low) and math.isfinite(high)):
            raise FormulaError(f"the sign of {shown(self.expression)} at {self.symbol} = {point:.6g} cannot be told")
        value = self.expression.subs(self.symbol, sp.Rational(point)).evalf(40, maxn=200)
        return int(sp.sign(value))
