"""Where an expression is not analytic on the real line, and the analytic expressions between those points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.intervals import WHOLE, Interval, range_of
from meanbits.theory.functions.isolation import MAX_ROOTS
from meanbits.theory.functions.points import distinct, inside, place, sign_between, value_at
from meanbits.theory.functions.roots import roots_in
from meanbits.theory.gaussian.special import Box, HardTanh

CORNERED = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.Piecewise, HardTanh, Box)
FOREIGN = (sp.DiracDelta, sp.Mod, sp.frac, sp.arg, sp.re, sp.im, sp.conjugate)
BY_SIGN: dict[type[sp.Expr], Callable[[sp.Expr, int], sp.Expr]] = {
    sp.sign: lambda argument, sign: sp.Integer(sign),
    sp.Heaviside: lambda argument, sign: sp.Rational(1 + sign, 2),
    sp.Abs: lambda argument, sign: sign * argument,
}
MAX_CUTS = 3000


class Piece(NamedTuple):
    """An expression analytic in the open interval (low, high)."""

    low: sp.Expr
    high: sp.Expr
    expression: sp.Expr


def breaks_of(expression: sp.Expr, symbol: sp.Symbol) -> tuple[sp.Expr, ...]:
    """The points where an expression of a real symbol is not analytic, increasing.

    SymPy numbers, exact where the roots of what is inside sign, Abs, Heaviside, Max, Min, floor, ceiling, Piecewise,
    HardTanh, Box and roots are; else Floats.

    Raises:
        FormulaError: as `branches`.

    >>> from meanbits.theory.symbols import h
    >>> breaks_of(sp.Abs(sp.Abs(h) - 1), h)
    (-1, 0, 1)
    """
    return branches(expression, symbol)[0]


def branches(expression: sp.Expr, symbol: sp.Symbol) -> tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]:
    """`breaks_of`, and the analytic expression in each interval between them, one more than breaks.

    What happens at a break itself is a matter of measure zero, and left out.

    Raises:
        FormulaError: infinitely many breaks, breaks that depend on open symbols or cannot be located.

    >>> from meanbits.theory.symbols import h
    >>> branches(sp.Max(-1, sp.Min(1, 2 * h)), h)
    ((-1/2, 1/2), (-1, 2*h, 1))
    """
    pieces = cut(expression, symbol)[0]
    return tuple(piece.low for piece in pieces[1:]), tuple(piece.expression for piece in pieces)


@lru_cache(maxsize=1024)  # a declaration is checked in several respects
def cut(expression: sp.Expr, symbol: sp.Symbol) -> tuple[tuple[Piece, ...], frozenset[Piece]]:
    """The branches with their intervals, and with theirs the analytic expressions by which branches are chosen.

    Raises:
        FormulaError: as `branches`.
    """
    cutter = _Cutter(symbol)
    pieces: list[Piece] = []
    for piece in cutter.cut(expression, -sp.oo, sp.oo):
        if piece.expression.has(sp.zoo, sp.nan, sp.oo):
            raise FormulaError(f"{shown(expression)} is not finite at {symbol} = {place(inside(*piece[:2])):.6g}")
        if pieces and piece.expression == pieces[-1].expression and piece.low not in cutter.singular:
            piece = Piece(pieces.pop().low, piece.high, piece.expression)
        pieces.append(piece)
    return tuple(pieces), frozenset(cutter.compared)


class _Cutter:
    """Cuts expressions from the outside in, so that what an outer function clips away is never looked at.

    A window (least, greatest) says where values matter: beyond it, any value beyond it on the same side will do.
    """

    def __init__(self, symbol: sp.Symbol) -> None:
        self.symbol, self.left = symbol, MAX_CUTS
        self.compared: set[Piece] = set()  # what branches are chosen by, which is to be real
        self.singular: set[sp.Expr] = set()  # where a root of something vanishes: a break though both sides look alike

    def cut(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval = WHOLE) -> Iterable[Piece]:
        """Contiguous pieces that fill (low, high)."""
        self.left -= 1
        if self.left < 0:
            raise FormulaError(f"{shown(expression)} has too many breaks")
        if not expression.has(self.symbol) or not (expression.has(*CORNERED, *FOREIGN) or self._has_root(expression)):
            return [Piece(low, high, expression)]
        if isinstance(expression, FOREIGN):
            raise FormulaError(f"{shown(expression)} is not allowed in a function of {self.symbol}")
        if isinstance(expression, HardTanh):
            return self.cut(sp.Max(-1, sp.Min(1, expression.args[0])), low, high, window)
        return self._rule(expression)(expression, low, high, window)

    def _rule(self, expression: sp.Expr) -> Callable[..., Iterable[Piece]]:
        if isinstance(expression, sp.Max | sp.Min):
            return self._extreme
        if isinstance(expression, sp.Piecewise):
            return self._unfolded
        if isinstance(expression, sp.floor | sp.ceiling | Box):
            return self._stepped
        if isinstance(expression, tuple(BY_SIGN)):
            return self._signed
        if expression.is_Add or expression.is_Mul:
            return self._scaled
        return self._power if self._is_root(expression) else self._composed

    def _extreme(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        sign = 1 if isinstance(expression, sp.Max) else -1
        columns = [self.cut(term, low, high, self._above(window, sign, bar))
                   for term, bar in self._bars(expression.args, sign, low, high)]  # fmt: skip
        for a, b, parts in self._refined(columns, low, high):
            self.compared |= {Piece(a, b, part) for part in parts}
            apart = {first - second for i, first in enumerate(parts) for second in parts[:i]} - {sp.S.Zero}
            edges = distinct(root for each in apart for root in self._crossings(each, a, b))
            for start, end in pairwise([a, *edges, b]):
                best = parts[0]
                for part in parts[1:]:
                    if part != best and sign_between(sign * (part - best), self.symbol, start, end) > 0:
                        best = part
                yield Piece(start, end, best)

    def _bars(self, terms: Sequence[sp.Expr], sign: int, low: sp.Expr, high: sp.Expr) -> list[tuple[sp.Expr, float]]:
        """The terms of a Max, or with sign -1 of a Min, that can be it, and what another reaches throughout."""
        ranges = [sorted(sign * end for end in range_of(term, self.symbol)(place(low), place(high))) for term in terms]
        bars = [max(least for least, _ in ranges[:i] + ranges[i + 1 :]) for i in range(len(terms))]
        every = list(zip(terms, bars, strict=True))
        reached = [each for each, (_, greatest) in zip(every, ranges, strict=True) if greatest > each[1]] or every
        self.compared |= {Piece(low, high, term) for term, bar in every if (term, bar) not in reached}
        return reached

    def _above(self, window: Interval, sign: int, bar: float) -> Interval:
        return (max(window[0], bar), window[1]) if sign > 0 else (window[0], min(window[1], -bar))

    def _signed(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        (argument, *_), value = expression.args, BY_SIGN[expression.func]
        inner = (-window[1], window[1]) if isinstance(expression, sp.Abs) else (0.0, 0.0)
        for piece in self.cut(argument, low, high, inner):
            self.compared.add(piece)
            if not piece.expression.has(self.symbol):
                yield Piece(piece.low, piece.high, expression.func(piece.expression))
                continue
            crossings = self._crossings(piece.expression, piece.low, piece.high)
            for a, b in pairwise([piece.low, *crossings, piece.high]):
                yield Piece(a, b, value(piece.expression, sign_between(piece.expression, self.symbol, a, b)))

    def _stepped(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        """A function that is constant but for jumps at certain values of its argument."""
        least, greatest = (-1.0, 1.0) if isinstance(expression, Box) else (window[0] - 1, window[1] + 1)
        for piece in self.cut(expression.args[0], low, high, (least, greatest)):
            self.compared.add(piece)
            levels = (-1, 1) if isinstance(expression, Box) else self._integers(expression, piece, least, greatest)
            shifted = (piece.expression - level for level in levels)
            edges = distinct(root for each in shifted for root in self._crossings(each, piece.low, piece.high))
            for a, b in pairwise([piece.low, *edges, piece.high]):
                yield Piece(a, b, self._constant(expression.func, piece.expression, inside(a, b)))

    def _constant(self, function: type[sp.Expr], argument: sp.Expr, point: sp.Expr) -> sp.Expr:
        low, high = range_of(function(argument), self.symbol)(place(point), place(point))
        return sp.Integer(int(low)) if low == high else function(value_at(argument, self.symbol, point))

    def _integers(self, expression: sp.Expr, piece: Piece, least: float, greatest: float) -> range:
        low, high = range_of(piece.expression, self.symbol)(place(piece.low), place(piece.high))
        low, high = max(low, least), min(high, greatest)
        if not high - low <= MAX_ROOTS:
            raise FormulaError(f"{shown(expression)} has infinitely many jumps, or more than {MAX_ROOTS}: clip it, as "
                               "in Max(-3, Min(3, floor(h)))")  # fmt: skip
        return range(math.floor(low), math.ceil(high) + 1)

    def _unfolded(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        relations = {each for _, condition in expression.args for each in condition.atoms(Relational)}
        edges = distinct(edge for each in relations for edge in self._edges(each.lhs - each.rhs, low, high))
        for a, b in pairwise([low, *edges, high]):
            branch = next((branch for branch, condition in expression.args if self._holds(condition, a, b)), None)
            if branch is None:
                raise FormulaError(f"{shown(expression)} has no value at {self.symbol} = {float(inside(a, b)):.6g}")
            yield from self.cut(branch, a, b, window)

    def _edges(self, difference: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[sp.Expr]:
        """Where an expression may change its sign."""
        for piece in self.cut(difference, low, high, (0.0, 0.0)):
            self.compared.add(piece)
            yield from self._crossings(piece.expression, piece.low, piece.high)
            yield from () if piece.low == low else (piece.low,)

    def _holds(self, condition: Boolean, low: sp.Expr, high: sp.Expr) -> bool:
        if isinstance(condition, Relational):
            return bool(condition.func(sign_between(condition.lhs - condition.rhs, self.symbol, low, high), 0))
        if condition in (sp.true, sp.false):
            return bool(condition)
        return bool(condition.func(*(sp.true if self._holds(part, low, high) else sp.false for part in condition.args)))

    def _scaled(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        """A sum or product; a constant in it moves the window along."""
        constant, rest = expression.as_independent(self.symbol, as_Add=expression.is_Add)
        size = float(constant) if constant.is_number else math.nan
        if not 0 < abs(size) < math.inf or (expression.is_Mul and constant == 1):
            yield from self._composed(expression, low, high, window)
            return
        inner = [end - size if expression.is_Add else end / size for end in window]
        for piece in self.cut(rest, low, high, (min(inner), max(inner))):
            yield Piece(piece.low, piece.high, expression.func(constant, piece.expression))

    def _power(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        for piece in self.cut(expression.base, low, high):
            for a, b in self._between_roots(piece.expression, piece.low, piece.high):
                self.singular |= {a} - {piece.low}
                yield Piece(a, b, piece.expression**expression.exp)

    def _composed(self, expression: sp.Expr, low: sp.Expr, high: sp.Expr, window: Interval) -> Iterator[Piece]:
        for a, b, parts in self._refined([self.cut(part, low, high) for part in expression.args], low, high):
            yield Piece(a, b, expression.func(*parts))

    def _crossings(self, smooth: sp.Expr, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
        """Where an expression may change its sign; none, however often it touches 0, if its range has one sign."""
        least, greatest = range_of(smooth, self.symbol)(place(low), place(high))
        return [] if least >= 0 or greatest <= 0 else roots_in(smooth, self.symbol, low, high)

    def _between_roots(self, smooth: sp.Expr, low: sp.Expr, high: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr]]:
        return pairwise([low, *roots_in(smooth, self.symbol, low, high), high])

    def _refined(
        self, columns: Iterable[Iterable[Piece]], low: sp.Expr, high: sp.Expr
    ) -> Iterator[tuple[sp.Expr, sp.Expr, list[sp.Expr]]]:
        """The pieces of several expressions in their common intervals."""
        pieces = [list(column) for column in columns]
        edges = distinct(piece.low for column in pieces for piece in column[1:])
        positions = [0] * len(pieces)
        for a, b in pairwise([low, *edges, high]):
            point = place(inside(a, b))
            for i, column in enumerate(pieces):
                while place(column[positions[i]].high) < point:
                    positions[i] += 1
            yield a, b, [column[position].expression for column, position in zip(pieces, positions, strict=True)]

    def _has_root(self, expression: sp.Expr) -> bool:
        return any(self._is_root(power) for power in expression.atoms(sp.Pow))

    def _is_root(self, expression: sp.Expr) -> bool:
        return bool(expression.is_Pow and not expression.exp.is_Integer and expression.base.has(self.symbol))
