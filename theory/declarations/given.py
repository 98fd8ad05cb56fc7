"""What declarations are given in Python: expressions of SymPy, numbers, formulas as text, and parts of the right kind.

Text is parsed by the grammar, never evaluated, as `sympy.sympify` would.
"""

from __future__ import annotations

from numbers import Number
from typing import Any

import sympy as sp

from meanbits.theory.declarations.grammar import parse
from meanbits.theory.declarations.options import number
from meanbits.theory.errors import FormulaError, SurrogateError, shown

NO_NUMBERS = (sp.nan, sp.zoo, sp.oo, sp.S.NegativeInfinity)


def expression(what: str, value: Any) -> sp.Expr:
    """A formula or number, as SymPy has it.

    Raises:
        SurrogateError: neither, or one without a finite value.
    """
    if isinstance(value, sp.Expr):
        if value.has(*NO_NUMBERS):
            raise SurrogateError(f"{what} = {shown(value)} has no finite value; give one that has")
        return value
    if isinstance(value, str):
        try:
            return parse(value)
        except FormulaError as error:
            raise SurrogateError(f"{what}: {error}") from None
    if not isinstance(value, bool) and isinstance(value, Number):
        return number(what, str(value))
    raise SurrogateError(f"{what} = {shown(repr(value))} is no expression; give one of SymPy, a number, or a formula "
                         "such as 'tanh(h)'")  # fmt: skip


def settle(declaration: object, whose: str, *names: str) -> None:
    """Make expressions of these fields of a frozen declaration; None stays."""
    for name in names:
        value = getattr(declaration, name)
        if value is not None:
            object.__setattr__(declaration, name, expression(f"{whose}: {name}", value))


def require(what: str, value: object, kind: type, article: str = "a") -> None:
    """Refuse a part of another kind.

    Raises:
        SurrogateError: naming it and what is wanted.
    """
    if not isinstance(value, kind):
        raise SurrogateError(f"{what} = {shown(repr(value))}: give {article} {kind.__name__}")
