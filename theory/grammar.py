"""User formulas: a whitelist grammar over Python's syntax tree. Nothing is ever evaluated as Python."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable

import sympy as sp

from theory.errors import FormulaError
from theory.symbols import h

MAX_LENGTH = 200
MAX_EXPONENT = 64
LARGEST = 1e300

FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    "abs": sp.Abs, "atan": sp.atan, "cos": sp.cos, "cosh": sp.cosh, "erf": sp.erf, "erfc": sp.erfc, "exp": sp.exp,
    "log": sp.log, "sign": sp.sign, "sin": sp.sin, "sinh": sp.sinh, "sqrt": sp.sqrt, "tanh": sp.tanh,
}  # fmt: skip
__all__ = ["FormulaError", "evaluator", "parse"]
NAMES: dict[str, sp.Expr] = {"h": h, "pi": sp.pi}
OPERATORS: dict[type[ast.operator], Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def parse(text: str) -> sp.Expr:
    """The SymPy expression of a formula in h.

    Numbers, h, pi, + - * / **, parentheses and the functions in `FUNCTIONS`; nothing else.

    Raises:
        FormulaError: naming the part that is not in the grammar.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters: at most {MAX_LENGTH}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise FormulaError(f"'{text}' is not a formula; write for example (1 + tanh(h))/2") from None
    expression = _build(tree)
    if expression.has(sp.zoo, sp.nan, sp.oo, sp.I):
        raise FormulaError(f"'{text}' is not a finite real function of h")
    return expression


def _build(node: ast.expr) -> sp.Expr:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return sp.Rational(str(value))
        case ast.Name(id=name):
            return _lookup(name, NAMES)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_build(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _build(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_build(left), _build(right))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return OPERATORS[type(operator)](_build(left), _build(right))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if not isinstance(argument, ast.Starred):
            return _lookup(name, FUNCTIONS)(_build(argument))
        case _:
            raise FormulaError(
                f"'{ast.unparse(node)}' is not allowed in a formula; use h, numbers, + - * / ** and "
                f"{', '.join(FUNCTIONS)}"
            )


def _power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    if not exponent.is_number or abs(exponent) > MAX_EXPONENT:
        raise FormulaError(f"exponent {exponent}: a number of at most {MAX_EXPONENT} is allowed")
    if base.is_number and abs(base) > 1 and abs(float(exponent)) * math.log(abs(float(base))) > math.log(LARGEST):
        raise FormulaError(f"({base})**({exponent}) is too large a number")
    return base**exponent


def evaluator(expression: sp.Expr) -> Callable[[float], float]:
    """A function of h in floating point: it overflows to infinity, and returns NaN where there is no real value."""

    def overflowing(function: Callable[[float], float]) -> Callable[[float], float]:
        return lambda x: function(x) if abs(x) < math.log(LARGEST) else function(math.copysign(math.inf, x))

    names = {name: overflowing(getattr(math, name)) for name in ("exp", "sinh", "cosh")}
    names |= {"sign": lambda x: (x > 0) - (x < 0), "HardTanh": lambda x: max(-1.0, min(1.0, x)), "Abs": abs,
              "Softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))}  # fmt: skip
    function = sp.lambdify(h, expression, modules=[names, "math"])

    def value(point: float) -> float:
        try:
            result = function(point)
            return result if isinstance(result, float | int) else math.nan
        except (ValueError, ZeroDivisionError, OverflowError):
            return math.nan

    return value


def _lookup(name: str, known: dict[str, sp.Expr] | dict[str, Callable[..., sp.Expr]]) -> sp.Expr:
    if name not in known:
        nearest = difflib.get_close_matches(name, [*NAMES, *FUNCTIONS], n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else f"; known are {', '.join(known)}"
        raise FormulaError(f"unknown name '{name}' in a formula{hint}")
    return known[name]
