"""Where an expression is not analytic on the real line, and the analytic expressions between those points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from theory.errors import FormulaError
from theory.intervals import range_of
from theory.roots import MAX_ROOTS, distinct, inside, roots_in, sign_at
from theory.special import Box, HardTanh

CORNERED = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.Piecewise, HardTanh, Box)
FOREIGN = (sp.DiracDelta, sp.Mod, sp.frac, sp.arg, sp.re, sp.im, sp.conjugate)
BY_SIGN: dict[type[sp.Expr], Callable[[sp.Expr, int], sp.Expr]] = {
    sp.sign: lambda argument, sign: sp.Integer(sign),
    sp.Heaviside: lambda argument, sign: sp.Rational(1 + sign, 2),
    sp.Abs: lambda argument, sign: sign * argument,
}
NEAR, FARTHEST = 1.0, 4.0**16  # where what is clipped is looked for first and last


class Piece(NamedTuple):
    """An expression analytic in the open interval (low, high)."""

    low: sp.Expr
    high: sp.Expr
    expression: sp.Expr


class EndlessError(FormulaError):
    """Jumps without end in an infinite interval."""


def breaks_of(expression: sp.Expr, symbol: sp.Symbol) -> tuple[sp.Expr, ...]:
    """The points where an expression of a real symbol is not analytic, increasing.

    SymPy numbers, exact where the roots of what is inside sign, Abs, Heaviside, Max, Min, floor, ceiling, Piecewise,
    HardTanh, Box and roots are; else Floats.

    Raises:
        FormulaError: as `branches`.

    >>> from theory.symbols import h
    >>> breaks_of(sp.Abs(sp.Abs(h) - 1), h)
    (-1, 0, 1)
    """
    return branches(expression, symbol)[0]


def branches(expression: sp.Expr, symbol: sp.Symbol) -> tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]:
    """`breaks_of`, and the analytic expression in each interval between them, one more than breaks.

    What happens at a break itself is a matter of measure zero, and left out.

    Raises:
        FormulaError: infinitely many breaks, breaks that depend on open symbols or cannot be located.

    >>> from theory.symbols import h
    >>> branches(sp.Max(-1, sp.Min(1, 2 * h)), h)
    ((-1/2, 1/2), (-1, 2*h, 1))
    """
    cutter = _Cutter(symbol)
    first, *rest = cutter.cut(expression, -sp.oo, sp.oo)
    breaks, parts = [], [first.expression]
    for piece in rest:
        if piece.expression != parts[-1] or piece.low in cutter.singular:
            breaks.append(piece.low)
            parts.append(piece.expression)
    return tuple(breaks), tuple(parts)


class _Cutter:
    """Cuts expressions from the outside in, so that what an outer function clips away is never looked at."""

    def __init__(self, symbol: sp.Symbol) -> None:
        self.symbol = symbol
        self.singular: set[sp.Expr] = set()  # where a root of something vanishes: a break though both sides look alike

    def cut(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> list[Piece]:
        """Contiguous pieces that fill (low, high)."""
        if not expression.has(self.symbol) or not (expression.has(*CORNERED, *FOREIGN) or self._has_root(expression)):
            return [Piece(low, high, expression)]
        if isinstance(expression, FOREIGN):
            raise FormulaError(f"{expression} is not allowed in a function of {self.symbol}")
        if isinstance(expression, HardTanh):
            return self.cut(sp.Max(-1, sp.Min(1, expression.args[0])), low, high)
        try:
            return list(self._rule(expression)(expression, low, high))
        except EndlessError:
            if not isinstance(expression, sp.Max | sp.Min | sp.sign | sp.Heaviside):
                raise
            return list((self._unfolded if expression.has(sp.Piecewise) else self._apart)(expression, low, high))

    def _rule(self, expression: sp.Expr) -> Callable[..., Iterable[Piece]]:
        if isinstance(expression, sp.Max | sp.Min):
            return self._extreme
        if isinstance(expression, sp.Piecewise):
            return self._unfolded
        if isinstance(expression, sp.floor | sp.ceiling | Box):
            return self._stepped
        if isinstance(expression, tuple(BY_SIGN)):
            return self._signed
        return self._power if self._is_root(expression) else self._composed

    def _apart(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> list[Piece]:
        """An infinite interval in parts, the far ones of which may be free of jumps."""
        if low.is_finite and high.is_finite:
            raise EndlessError(f"{expression} has more than {MAX_ROOTS} jumps")
        if low == -sp.oo and high == sp.oo:
            ends = [low, sp.Rational(-NEAR), sp.Rational(NEAR), high]
        else:
            near = max(NEAR, 4 * abs(float(high if low == -sp.oo else low)))
            ends = [low, sp.Rational(-near if low == -sp.oo else near), high]
            if near > FARTHEST:
                raise EndlessError(f"{expression} has infinitely many jumps")
        return [piece for a, b in pairwise(ends) for piece in self.cut(expression, a, b)]

    def _extreme(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        sign = 1 if isinstance(expression, sp.Max) else -1
        rivals = self._undominated(expression.args, sign, low, high)
        for a, b, parts in self._refined(rivals, low, high):
            differences = {first - second for i, first in enumerate(parts) for second in parts[:i]} - {sp.S.Zero}
            edges = distinct(root for d in differences for root in roots_in(d, self.symbol, a, b))
            for start, end in pairwise([a, *edges, b]):
                best, point = parts[0], inside(start, end)
                for part in parts[1:]:
                    if part != best and sign_at(sign * (part - best), self.symbol, point) > 0:
                        best = part
                yield Piece(start, end, best)

    def _undominated(self, terms: Iterable[sp.Expr], sign: int, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
        """The terms of a Max (or, with sign -1, of a Min) that no other exceeds throughout the interval."""
        kept: list[tuple[sp.Expr, float, float]] = []
        for term in terms:
            least, greatest = range_of(sign * term, self.symbol)(float(low), float(high))
            if all(greatest > other for _, other, _ in kept):
                kept = [entry for entry in kept if entry[2] > least] + [(term, least, greatest)]
        return [term for term, _, _ in kept]

    def _signed(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        (argument, *_), value = expression.args, BY_SIGN[expression.func]
        least, greatest = range_of(argument, self.symbol)(float(low), float(high))
        if not isinstance(expression, sp.Abs) and (least > 0 or greatest < 0):
            yield Piece(low, high, value(argument, 1 if least > 0 else -1))
            return
        for piece in self.cut(argument, low, high):
            if not piece.expression.has(self.symbol):
                yield Piece(piece.low, piece.high, expression.func(piece.expression))
                continue
            for a, b in self._between_roots(piece.expression, piece.low, piece.high):
                yield Piece(a, b, value(piece.expression, sign_at(piece.expression, self.symbol, inside(a, b))))

    def _stepped(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        """A function that is constant but for jumps at certain values of its argument."""
        for piece in self.cut(expression.args[0], low, high):
            levels = (-1, 1) if isinstance(expression, Box) else self._integers(expression, piece)
            shifted = (piece.expression - level for level in levels)
            edges = distinct(root for each in shifted for root in roots_in(each, self.symbol, piece.low, piece.high))
            for a, b in pairwise([piece.low, *edges, piece.high]):
                yield Piece(a, b, expression.func(piece.expression.subs(self.symbol, inside(a, b))))

    def _integers(self, expression: sp.Expr, piece: Piece) -> range:
        least, greatest = range_of(sp.floor(piece.expression), self.symbol)(float(piece.low), float(piece.high))
        if not greatest - least <= MAX_ROOTS:
            raise EndlessError(f"{expression} has infinitely many jumps: clip it, as in Max(-3, Min(3, floor(h)))")
        return range(int(least), int(greatest) + 2)

    def _unfolded(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        """Each Piecewise in an expression replaced by the branch that holds, interval by interval."""
        relations = {each for part in expression.atoms(sp.Piecewise) for _, when in part.args
                     for each in when.atoms(Relational)}  # fmt: skip
        edges = distinct(edge for each in relations for edge in self._edges(each.lhs - each.rhs, low, high))
        for a, b in pairwise([low, *edges, high]):
            point = inside(a, b)
            yield from self.cut(self._at(expression, point), a, b)

    def _at(self, expression: sp.Expr, point: sp.Expr) -> sp.Expr:
        if not isinstance(expression, sp.Piecewise):
            args = [self._at(part, point) for part in expression.args]
            return expression.func(*args) if args and expression.has(sp.Piecewise) else expression
        for branch, condition in expression.args:
            if self._holds(condition, point):
                return self._at(branch, point)
        raise FormulaError(f"{expression} has no value at {self.symbol} = {float(point):.6g}")

    def _edges(self, difference: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[sp.Expr]:
        """Where an expression may change its sign."""
        for piece in self.cut(difference, low, high):
            yield from roots_in(piece.expression, self.symbol, piece.low, piece.high)
            yield from () if piece.low == low else (piece.low,)

    def _holds(self, condition: Boolean | bool, point: sp.Expr) -> bool:
        try:
            held = condition.subs(self.symbol, point)
        except TypeError:
            raise FormulaError(f"{condition} compares what is not real at {self.symbol} = {float(point):.6g}") from None
        if held not in (True, False):
            raise FormulaError(f"whether {condition} holds depends on open symbols; give them numbers")
        return bool(held)

    def _power(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        for piece in self.cut(expression.base, low, high):
            for a, b in self._between_roots(piece.expression, piece.low, piece.high):
                if a != piece.low:
                    self.singular.add(a)
                yield Piece(a, b, piece.expression**expression.exp)

    def _composed(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[Piece]:
        for a, b, parts in self._refined(expression.args, low, high):
            yield Piece(a, b, expression.func(*parts))

    def _between_roots(self, smooth: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr]]:
        return pairwise([low, *roots_in(smooth, self.symbol, low, high), high])

    def _refined(
        self, expressions: Iterable[sp.Expr], low: sp.Expr, high: sp.Expr
    ) -> Iterator[tuple[sp.Expr, sp.Expr, list[sp.Expr]]]:
        """The pieces of several expressions in their common intervals."""
        columns = [self.cut(expression, low, high) for expression in expressions]
        edges = distinct(piece.low for column in columns for piece in column[1:])
        positions = [0] * len(columns)
        for a, b in pairwise([low, *edges, high]):
            point = float(inside(a, b))
            for i, column in enumerate(columns):
                while float(column[positions[i]].high) < point:
                    positions[i] += 1
            yield a, b, [column[position].expression for column, position in zip(columns, positions, strict=True)]

    def _has_root(self, expression: sp.Expr) -> bool:
        return any(self._is_root(power) for power in expression.atoms(sp.Pow))

    def _is_root(self, expression: sp.Expr) -> bool:
        return bool(expression.is_Pow and not expression.exp.is_Integer and expression.base.has(self.symbol))
