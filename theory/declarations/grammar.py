"""User formulas: a whitelist grammar over Python's syntax tree, bounded before SymPy sees anything.

Nothing is ever evaluated as Python, and what could end a line or a string (comments, newlines, quotes, anything but
ASCII) is no token of the grammar.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy as sp

from meanbits.theory.declarations.bounds import (
    Bounded,
    BoundError,
    constant,
    power_of,
    product_of,
    ratio_of,
    sum_of,
    value_of,
)
from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.gaussian.special import HardTanh, Softplus
from meanbits.theory.symbols import h

__all__ = ["FUNCTIONS", "HELPERS", "FormulaError", "canonical", "evaluator", "parse"]

MAX_LENGTH, MAX_TOKENS, MAX_NESTING, MAX_NAME, MAX_LITERAL, MAX_ARGUMENTS, MAX_DEPTH = 500, 250, 24, 20, 30, 16, 64
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?"
TOKEN = re.compile(rf"[ \t]*({NUMBER}|[A-Za-z_]\w*|\*\*|<=|>=|[-+*/(),<>])", re.ASCII)

FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    "abs": sp.Abs, "atan": sp.atan, "cos": sp.cos, "cosh": sp.cosh, "erf": sp.erf, "erfc": sp.erfc, "exp": sp.exp,
    "floor": sp.floor, "hardtanh": HardTanh, "log": sp.log, "max": sp.Max, "min": sp.Min, "sign": sp.sign,
    "sin": sp.sin, "sinh": sp.sinh, "softplus": Softplus, "sqrt": sp.sqrt, "tanh": sp.tanh,
}  # fmt: skip
HELPERS = {  # of an argument h
    "expm1": "exp(h) - 1", "gelu": "h*(1 + erf(h/sqrt(2)))/2", "log1p": "log(1 + h)", "relu": "max(0, h)",
    "sigmoid": "(1 + tanh(h/2))/2", "silu": "h*(1 + tanh(h/2))/2",
    "softsign": "h/(1 + abs(h))", "step": "(1 + sign(h))/2",
}  # fmt: skip
CAPITALS = {"Abs": "abs", "Max": "max", "Min": "min"}
CONSTANTS = {"pi": sp.pi}
COMPARISONS: dict[type[ast.cmpop], Callable[..., sp.Basic]] = {ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt,
                                                               ast.GtE: sp.Ge}  # fmt: skip
FIELD = Bounded(h, None, degree=1)


def parse(text: str) -> sp.Expr:
    """The SymPy expression of a formula in h.

    Numbers, h, pi, + - * / **, parentheses, the functions of `FUNCTIONS` and `HELPERS`, and where(h < a, x, y) with a
    comparison of two formulas. sign(0) = 0 and step(0) = 1/2; what a formula is at the break of a comparison itself
    has measure zero and is left open.

    Raises:
        FormulaError: naming the part that is not in the grammar, or the bound that it exceeds.
    """
    return _parsed(_given(text))[0]


def canonical(text: str) -> str:
    """A formula written from its syntax tree: one line of ASCII, to name it by.

    >>> canonical(" 1/2+Max( h,-.50 ) ")
    '1 / 2 + max(h, -.50)'
    """
    return _parsed(_given(text))[1]


def _given(text: object) -> str:
    if isinstance(text, str):
        return text
    raise FormulaError(f"{shown(repr(text))} is not text; write a formula, for example '(1 + tanh(h))/2'")


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[sp.Expr, str]:
    tree = _tree(text)
    return _build(tree, FIELD).expression, ast.unparse(tree)


def _tree(text: str) -> ast.expr:
    source = " ".join(_tokens(text))
    try:
        return _Named(source).visit(ast.parse(source, mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise FormulaError(f"'{shown(text)}' is not a formula; write for example (1 + tanh(h))/2") from None


def _tokens(text: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters: at most {MAX_LENGTH}")
    tokens: list[str] = []
    position, end, nesting = 0, len(text.rstrip(" \t")), 0
    while position < end:
        found = TOKEN.match(text, position, end)
        if found is None:
            raise _not_allowed(next(part[0] for part in re.finditer(r"[^ \t]+", text) if part.end() > position))
        tokens.append(_checked(found[1]))
        nesting += {"(": 1, ")": -1}.get(found[1], 0)
        if nesting > MAX_NESTING or len(tokens) > MAX_TOKENS:
            raise FormulaError(f"'{shown(text)}' is too long: at most {MAX_TOKENS} parts, nested {MAX_NESTING} deep")
        position = found.end()
    return tokens


def _checked(token: str) -> str:
    if token[0].isalpha() and len(token) > MAX_NAME:
        raise FormulaError(f"unknown name '{shown(token, MAX_NAME)}' of {len(token)} characters: at most {MAX_NAME}")
    if len(token) > MAX_LITERAL:
        raise FormulaError(f"'{shown(token)}' has {len(token)} characters: at most {MAX_LITERAL} in one part")
    return token


class _Named(ast.NodeTransformer):
    """Numbers as names that hold their digits as written, and one spelling of each function."""

    def __init__(self, source: str) -> None:
        self.source = source

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        return ast.Name(self.source[node.col_offset : node.end_col_offset]) if is_number else node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(CAPITALS.get(node.id, node.id))


def _build(node: ast.expr, field: Bounded, depth: int = 0) -> Bounded:
    """The expression of a tree, with `field` in the place of h."""
    if depth > MAX_DEPTH:
        raise FormulaError(f"the formula is nested too deep: at most {MAX_DEPTH} parts within each other")
    try:
        return _built(node, field, depth + 1)
    except BoundError as error:
        raise FormulaError(f"'{shown(ast.unparse(node))}' is refused: {error}") from None


def _built(node: ast.expr, field: Bounded, depth: int) -> Bounded:
    match node:
        case ast.Name(id=name):
            return _named(name, field)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return product_of(constant(sp.Integer(-1 if isinstance(sign, ast.USub) else 1)),
                              _build(operand, field, depth))  # fmt: skip
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return OPERATORS[type(operator)](_build(left, field, depth), _build(right, field, depth))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, arguments, field, depth)
        case ast.Compare():
            raise FormulaError(f"'{shown(ast.unparse(node))}': a comparison stands only in where(h < a, x, y)")
        case _:
            raise _not_allowed(ast.unparse(node))


def _named(name: str, field: Bounded) -> Bounded:
    if name[0].isdigit() or name[0] == ".":
        return constant(_number(name))
    return field if name == "h" else constant(_lookup(name, CONSTANTS, ["h", *CONSTANTS]))


def _number(digits: str) -> sp.Rational:
    exponent = int(digits.lower().partition("e")[2] or 0)
    if abs(exponent) > MAX_LITERAL:
        raise BoundError(f"its exponent {exponent} is to lie within {MAX_LITERAL}")
    return sp.Rational(digits)


def _called(name: str, arguments: list[ast.expr], field: Bounded, depth: int) -> Bounded:
    if name == "where":
        return _where(arguments, field, depth)
    known = _lookup(name, {**FUNCTIONS, **HELPERS}, [*FUNCTIONS, *HELPERS, "where"])
    if not (2 <= len(arguments) <= MAX_ARGUMENTS if name in ("max", "min") else len(arguments) == 1):
        raise FormulaError(f"{name} of {len(arguments)} arguments is not allowed in a formula: it takes "
                           f"{f'2 to {MAX_ARGUMENTS}' if name in ('max', 'min') else '1'}")  # fmt: skip
    values = [_build(argument, field, depth) for argument in arguments]
    return _build(_tree(known), values[0], depth) if isinstance(known, str) else value_of(known, values)


def _where(arguments: list[ast.expr], field: Bounded, depth: int) -> Bounded:
    match arguments:
        case [ast.Compare(left=left, ops=[operator], comparators=[right]), first, second] if type(operator) in (
            COMPARISONS
        ):
            if any(
                isinstance(each, ast.Name) and each.id == "where" for side in (left, right) for each in ast.walk(side)
            ):
                raise FormulaError("where stands in a comparison of another where; write it outside")
            sides = [_build(part, field, depth) for part in (left, right, first, second)]
        case _:
            raise FormulaError("where takes a comparison and two formulas, as in where(h < 1, h, 1)")

    def piecewise(low: sp.Expr, high: sp.Expr, holds: sp.Expr, fails: sp.Expr) -> sp.Expr:
        return sp.Piecewise((holds, COMPARISONS[type(operator)](low, high)), (fails, True))

    return value_of(piecewise, sides)


def _lookup(name: str, known: dict[str, Any], offered: list[str]) -> Any:
    if name in known:
        return known[name]
    values, functions = ["h", *CONSTANTS], [*FUNCTIONS, *HELPERS, "where"]
    if name in functions:
        example = "where(h < 1, h, 1)" if name == "where" else f"{name}(h)"
        raise FormulaError(f"'{name}' in a formula is a function; write {example}")
    if name in values:
        raise FormulaError(f"'{name}' in a formula is a number and takes no argument; write {name} * (...)")
    nearest = difflib.get_close_matches(name, values + functions, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f"; known are {', '.join(offered)}"
    raise FormulaError(f"unknown name '{name}' in a formula{hint}")


def _not_allowed(part: str) -> FormulaError:
    functions = ", ".join([*FUNCTIONS, *HELPERS])
    return FormulaError(f"'{shown(part)}' is not allowed in a formula; use h, numbers, + - * / ** and {functions}")


OPERATORS: dict[type[ast.operator], Callable[[Bounded, Bounded], Bounded]] = {
    ast.Add: lambda a, b: sum_of(a, b, 1),
    ast.Sub: lambda a, b: sum_of(a, b, -1),
    ast.Mult: product_of,
    ast.Div: ratio_of,
    ast.Pow: power_of,
}
