"""SymPy expressions as source, by the conventions of a language or library."""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.str import StrPrinter

from meanbits.numerics.emission.conventions import Conventions
from meanbits.theory.gaussian.tidy import bells

INTEGERS = 2**53  # larger ones are no float64, and arrays take them for objects


class ArrayPrinter(StrPrinter):
    """SymPy to array source: constants folded to 17 digits, roots and integer powers plain, one name per function."""

    def __init__(self, backend: Conventions) -> None:
        super().__init__({"order": "none"})
        self.backend = backend

    def source(self, expression: sp.Expr) -> str:
        """The source of an expression without expectations."""
        return self.doprint(fold_constants(expression))

    def library(self, name: str) -> str:
        """A function of the library in source."""
        return f"{self.backend.module}.{name}"

    def runtime(self, name: str) -> str:
        """A function of the runtime in source."""
        return name

    def divided(self, above: str, below: str) -> str:
        """A quotient in source."""
        return f"{above} / {below}"

    def _print_Function(self, expr: sp.Function) -> str:
        name = self.backend.functions.get(type(expr).__name__)
        if name is None:
            raise ValueError(
                f"{self.backend.name} has no {type(expr).__name__}; choose another backend, or add it to those of "
                "numerics/emission"
            )
        return f"{name}({', '.join(self._print(argument) for argument in expr.args)})"

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return f"{self.backend.module}.inf"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return f"-{self.backend.module}.inf"

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        constant, rest = expr.as_coeff_Add()
        factor, core = rest.as_coeff_Mul()
        if factor == -constant and isinstance(core, sp.exp):  # e^x - 1 keeps its digits near x = 0
            return f"{self._times(factor)}{self.library('expm1')}({self._print(core.args[0])})"
        if found := bells(expr):  # 1 - tanh^2 far out
            terms = (f"{self._times(each)}{self.runtime('sech_squared')}({self._print(at)})" for each, at in found)
            return " + ".join(terms).replace("+ -", "- ")
        return super()._print_Add(expr, order)

    def _times(self, factor: sp.Expr) -> str:
        return {1: "", -1: "-"}.get(factor, f"{self._print(factor)} * ")

    def _print_NaN(self, expr: sp.Expr) -> str:
        return "no_limit()"

    def _print_AtExtremes(self, expr: sp.Function) -> str:
        value, at, *limits = map(self._print, expr.args)
        return f"at_extremes({value}, {at}, {', '.join(f'lambda: {limit}' for limit in limits)})"

    def _print_UnevaluatedExpr(self, expr: sp.UnevaluatedExpr) -> str:
        return f"({self._print(expr.args[0])})"

    _print_Max = _print_Abs = _print_sign = _print_Function  # noqa: N815 (the names SymPy looks up)

    def _print_Pow(self, expr: sp.Pow) -> str:
        base, exponent = expr.as_base_exp()
        if exponent == sp.Rational(1, 2):
            return f"{self.library('sqrt')}({self._print(base)})"
        if exponent.is_negative:
            return self.divided("1", self.parenthesize(base**-exponent, PRECEDENCE["Mul"]))
        if exponent == 2 and base.is_Symbol:
            return f"{self._print(base)} * {self._print(base)}"
        return self._power(base, exponent)

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        return f"{self.parenthesize(base, PRECEDENCE['Pow'])} ** {self.parenthesize(exponent, PRECEDENCE['Pow'])}"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Integer(self, expr: sp.Integer) -> str:
        return str(expr.p) if abs(expr.p) < INTEGERS else repr(float(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Mul(self, expr: sp.Mul) -> str:
        return _print_fraction(self, expr)

    def parenthesize(self, item: sp.Expr, level: int, strict: bool = False) -> str:
        weak = item.is_Pow and item.exp == 2 and item.base.is_Symbol
        inner = PRECEDENCE["Mul"] if weak else precedence(item)
        text = self._print(item)
        return f"({text})" if inner < level or (not strict and inner <= level) else text


def _print_fraction(printer: ArrayPrinter, expr: sp.Mul) -> str:
    """A product as numerator / denominator, a leading minus in front."""
    sign = "-" if expr.could_extract_minus_sign() else ""
    numerator, denominator = sp.fraction(-expr if sign else expr, exact=True)

    def product(side: sp.Expr) -> str:
        return " * ".join(printer.parenthesize(f, PRECEDENCE["Mul"], strict=True) for f in side.as_ordered_factors())

    if denominator == 1:
        return sign + product(numerator)
    below = product(denominator)
    below = f"({below})" if denominator.is_Mul else printer.parenthesize(denominator, PRECEDENCE["Mul"])
    return sign + printer.divided(product(numerator), below)


def fold_constants(expression: sp.Expr) -> sp.Expr:
    """Irrational constants, and the products they stand in, as floats of 17 digits."""
    if expression.is_number and not expression.is_Rational:
        return sp.Float(expression.doit().evalf(30), 17)
    if expression.is_Atom:
        return expression
    if expression.is_Mul:
        numbers, rest = expression.as_independent(*expression.free_symbols, as_Add=False)
        if not numbers.is_Rational:
            return sp.Float(numbers.doit().evalf(30), 17) * fold_constants(rest)
    return expression.func(*map(fold_constants, expression.args))
