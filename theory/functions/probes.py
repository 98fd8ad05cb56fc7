"""Functions of one variable looked at in numbers: how a declaration is checked before anything is derived from it."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator, Sequence

import sympy as sp

from meanbits.theory.errors import SurrogateError, shown
from meanbits.theory.functions.domain import check_growth, check_real
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.symbols import RESERVED, h

REACH = 50.0  # farther out an exponential, which is a fair neuron, overflows when it is squared
POINTS = [side * REACH * (k / 40) ** 3 for side in (-1, 1) for k in range(1, 41)]
SOMEWHERE = 0.7  # the value at which an open symbol is looked at, unless its assumptions forbid it


def open_symbols(*expressions: sp.Expr) -> tuple[sp.Symbol, ...]:
    """The symbols of a declaration that are left to the caller, by name: keywords of the emitted functions.

    Raises:
        SurrogateError: a name that is no identifier, that Python reserves, or that the theory uses itself.
    """
    found = sorted({s for each in expressions for s in each.free_symbols} - set(RESERVED), key=str)
    for symbol in found:
        name = symbol.name
        if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
            raise SurrogateError(f"the symbol {shown(name)!r} cannot be a keyword; use letters and digits")
        if name in {each.name for each in RESERVED}:
            raise SurrogateError(
                f"the symbol {name} is not the theory's own; use meanbits.symbols.{name}, or rename it"
            )
    return tuple(found)


def at_some_value(expression: sp.Expr) -> sp.Expr:
    """An expression with a number in place of each open symbol."""
    return expression.subs({symbol: _some_value(symbol) for symbol in open_symbols(expression)})


def _some_value(symbol: sp.Symbol) -> sp.Expr:
    return sp.Float(-SOMEWHERE) if symbol.is_negative else sp.Integer(1) if symbol.is_integer else sp.Float(SOMEWHERE)


def probe(functions: Sequence[sp.Expr], variable: sp.Symbol = h) -> Iterator[tuple[float, tuple[float, ...]]]:
    """Points of the line and the values of functions there.

    Raises:
        SurrogateError: where one has no finite real value.
    """
    numbers = [at_some_value(sp.sympify(each)).subs(variable, h) for each in functions]
    for each in numbers:
        check_real(each)
        check_growth(each)
    values = [evaluator(each) for each in numbers]
    for point in POINTS:
        found = tuple(value(point) for value in values)
        for function, number in zip(functions, found, strict=True):
            if not math.isfinite(number):
                raise SurrogateError(f"{function} has no finite real value at {variable} = {point:.4g}")
        yield point, found
