"""Piecewise polynomial functions, read off an expression exactly: breaks, and a polynomial on each piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise

import sympy as sp
from sympy.core.relational import Relational

from meanbits.theory.gaussian.special import Box, HardTanh

MOST_BREAKS = 4096


@dataclass(frozen=True)
class Pieces:
    """polynomials[k] between breaks[k - 1] and breaks[k], in `variable`; breaks are exact numbers that increase."""

    variable: sp.Symbol
    breaks: tuple[sp.Expr, ...]
    polynomials: tuple[sp.Expr, ...]

    @property
    def degree(self) -> int:
        """The largest degree of any piece."""
        return max(max(0, sp.degree(each, self.variable)) if each != 0 else 0 for each in self.polynomials)

    @property
    def changes(self) -> list[tuple[sp.Expr, sp.Expr]]:
        """Every break, and the polynomial that is added there."""
        parts = [sp.expand(after - before) for before, after in pairwise(self.polynomials)]
        return list(zip(self.breaks, parts, strict=True))

    def mirrored(self) -> Pieces:
        """The function of -variable."""
        turned = [sp.expand(each.subs(self.variable, -self.variable)) for each in reversed(self.polynomials)]
        return Pieces(self.variable, tuple(-each for each in reversed(self.breaks)), tuple(turned))


@lru_cache(maxsize=1024)
def pieces_of(expression: sp.Expr, variable: sp.Symbol) -> Pieces | None:
    """The pieces of sums, products and powers of sign, |.|, Max, Min, Heaviside, HardTanh, Box, floor, ceiling and
    Piecewise of such functions; None where it is none with finitely many breaks, all numbers.

    >>> from meanbits.theory.symbols import u
    >>> pieces_of(sp.Max(0, u) + sp.sign(u - 1), u).polynomials
    (-1, u - 1, u + 1)
    """
    try:
        found = _pieces(expression, variable)
    except _NotPiecewiseError:
        return None
    return _merged(found)


class _NotPiecewiseError(Exception):
    """The expression is not piecewise polynomial with finitely many breaks."""


def _pieces(expression: sp.Expr, variable: sp.Symbol) -> Pieces:
    if expression == variable or not expression.has(variable):
        if expression != variable and not (expression.is_number and expression.is_real):
            raise _NotPiecewiseError
        return Pieces(variable, (), (expression,))
    if isinstance(expression, sp.Pow) and not (expression.exp.is_Integer and expression.exp > 0):
        raise _NotPiecewiseError
    if isinstance(expression, sp.Piecewise):
        return _cases(expression, variable)
    rule = next((rule for kind, rule in RULES.items() if isinstance(expression, kind)), None)
    if rule is None:
        raise _NotPiecewiseError
    arguments = expression.args[:1] if isinstance(expression, sp.Heaviside) else expression.args
    found = [_pieces(argument, variable) for argument in arguments]
    return rule(expression, found)


def _combined(expression: sp.Expr, found: list[Pieces]) -> Pieces:
    """A sum, product or power, piece by piece."""
    breaks = _union(found)
    return _on(found[0].variable, breaks, lambda k: expression.func(*(_at(each, breaks, k) for each in found)))


def _by_value(value: Callable[[sp.Expr, sp.Expr], sp.Expr], *edges: int) -> Callable[[sp.Expr, list[Pieces]], Pieces]:
    """value(p, what p is at a point of the piece), p cut where it passes an edge."""

    def rule(_: sp.Expr, found: list[Pieces]) -> Pieces:
        cut = _cut(found[0], lambda p, low, high: edges)
        return _on(cut.variable, cut.breaks, lambda k: value(cut.polynomials[k], _sample(cut, k)))

    return rule


def _sample(cut: Pieces, k: int) -> sp.Expr:
    return cut.polynomials[k].subs(cut.variable, _inside(cut.breaks, k))


def _largest(expression: sp.Expr, found: list[Pieces]) -> Pieces:
    """Max or Min of several: the one that is, piece by piece."""
    return reduce(lambda first, second: _larger(1 if isinstance(expression, sp.Max) else -1, first, second), found)


def _larger(sign: int, first: Pieces, second: Pieces) -> Pieces:
    breaks = _union([first, second])
    apart = _on(first.variable, breaks, lambda k: sign * (_at(second, breaks, k) - _at(first, breaks, k)))
    cut = _cut(apart, lambda p, low, high: (0,))
    chosen = [second if _sample(cut, k).is_positive else first for k in range(len(cut.breaks) + 1)]
    return _on(first.variable, cut.breaks, lambda k: _at(chosen[k], cut.breaks, k))


def _rounded(expression: sp.Expr, found: list[Pieces]) -> Pieces:
    """floor or ceiling of bounded pieces."""
    cut = _cut(found[0], _integers)
    return _on(cut.variable, cut.breaks, lambda k: expression.func(_sample(cut, k)))


def _integers(p: sp.Expr, low: sp.Expr, high: sp.Expr) -> Sequence[int]:
    if p.is_number:
        return ()
    if not (low.is_finite and high.is_finite):
        raise _NotPiecewiseError
    (variable,) = p.free_symbols
    ends = [int(sp.floor(p.subs(variable, end))) for end in (low, high)]
    if abs(ends[1] - ends[0]) > MOST_BREAKS:
        raise _NotPiecewiseError
    return range(min(ends), max(ends) + 2)


def _cases(expression: sp.Piecewise, variable: sp.Symbol) -> Pieces:
    """Piecewise whose conditions compare affine functions."""
    branches = [_pieces(value, variable) for value, _ in expression.args]
    relations = {each for _, condition in expression.args for each in condition.atoms(Relational)}
    sides = [_pieces(each.lhs - each.rhs, variable) for each in relations]
    breaks = _union([*branches, *(_cut(side, lambda p, low, high: (0,)) for side in sides)])

    def value(k: int) -> sp.Expr:
        point = _inside(breaks, k)
        for branch, (_, condition) in zip(branches, expression.args, strict=True):
            if condition.subs(variable, point) == True:  # noqa: E712 (SymPy's true)
                return _at(branch, breaks, k)
        raise _NotPiecewiseError

    return _on(variable, breaks, value)


def _cut(found: Pieces, edges: Callable[[sp.Expr, sp.Expr, sp.Expr], Sequence[int]]) -> Pieces:
    """More breaks: where a linear piece takes the value of an edge."""
    breaks = set(found.breaks)
    for k, polynomial in enumerate(found.polynomials):
        low, high = _ends(found.breaks, k)
        form = sp.Poly(polynomial, found.variable)
        for edge in edges(polynomial, low, high):
            if form.degree() > 1:
                raise _NotPiecewiseError
            if form.degree() == 1:
                root = (edge - form.coeff_monomial(1)) / form.coeff_monomial(found.variable)
                if (low < root) == True and (root < high) == True:  # noqa: E712 (SymPy's true)
                    breaks.add(root)
    ordered = _sorted(breaks)
    return _on(found.variable, ordered, lambda k: _at(found, ordered, k))


def _union(found: Sequence[Pieces]) -> tuple[sp.Expr, ...]:
    return _sorted({edge for each in found for edge in each.breaks})


def _sorted(breaks: set[sp.Expr]) -> tuple[sp.Expr, ...]:
    if len(breaks) > MOST_BREAKS:
        raise _NotPiecewiseError
    return tuple(sorted(breaks, key=lambda edge: edge if edge.is_Rational else edge.evalf(60)))


def _ends(breaks: tuple[sp.Expr, ...], k: int) -> tuple[sp.Expr, sp.Expr]:
    return breaks[k - 1] if k else -sp.oo, breaks[k] if k < len(breaks) else sp.oo


def _inside(breaks: tuple[sp.Expr, ...], k: int) -> sp.Expr:
    """A point of a piece."""
    low, high = _ends(breaks, k)
    if low.is_finite and high.is_finite:
        return (low + high) / 2
    return low + 1 if low.is_finite else high - 1 if high.is_finite else sp.S.Zero


def _at(found: Pieces, breaks: tuple[sp.Expr, ...], k: int) -> sp.Expr:
    """The polynomial of `found` on piece k of finer breaks."""
    point = _inside(breaks, k)
    return found.polynomials[sum(1 if edge < point else 0 for edge in found.breaks)]


def _on(variable: sp.Symbol, breaks: tuple[sp.Expr, ...], value: Callable[[int], sp.Expr]) -> Pieces:
    return Pieces(variable, breaks, tuple(sp.expand(value(k)) for k in range(len(breaks) + 1)))


def _merged(found: Pieces) -> Pieces:
    """Without breaks at which nothing changes."""
    kept = [k for k, (_, change) in enumerate(found.changes) if change != 0]
    polynomials = found.polynomials[:1] + tuple(found.polynomials[k + 1] for k in kept)
    return Pieces(found.variable, tuple(found.breaks[k] for k in kept), polynomials)


RULES: dict[type, Callable[[sp.Expr, list[Pieces]], Pieces]] = {
    sp.Add: _combined,
    sp.Mul: _combined,
    sp.Pow: _combined,
    sp.Max: _largest,
    sp.Min: _largest,
    sp.floor: _rounded,
    sp.ceiling: _rounded,
    sp.sign: _by_value(lambda _, sample: sp.sign(sample), 0),
    sp.Heaviside: _by_value(lambda _, sample: sp.Heaviside(sample), 0),
    sp.Abs: _by_value(lambda p, sample: p * sp.sign(sample), 0),
    HardTanh: _by_value(lambda p, sample: p if abs(sample) < 1 else sp.sign(sample), -1, 1),
    Box: _by_value(lambda _, sample: Box(sample), -1, 1),
}
