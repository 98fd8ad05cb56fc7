"""Integrands as functions of balls (Arb, through python-flint): many times faster than mpmath, where they have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import mpmath
import sympy as sp
from flint import arb, arf
from sympy.printing.pycode import MpmathPrinter

from meanbits.theory.gaussian.special import Box, DampedSinh, ExpErfc, HardTanh, Softplus

Ball: TypeAlias = Any  # flint.arb: python-flint has no types


def _method(name: str) -> Callable[[Any], Ball]:
    method: Callable[[Ball], Ball] = getattr(arb, name)
    return lambda x: method(x if isinstance(x, arb) else arb(x))


@lru_cache(maxsize=4096)
def _constant(printed: int | tuple[int, int, int, int]) -> Ball:
    """A number as `MpmathPrinter` prints it: an integer, or the sign, mantissa and exponent of a float."""
    return arb(printed) if isinstance(printed, int) else _exact(printed)


def _exact(parts: tuple[int, int, int, int]) -> Ball:
    """A ball without radius from sign, mantissa, exponent and length, as mpmath keeps them."""
    sign, mantissa, exponent, _ = parts
    return arb(arf((-int(mantissa) if sign else int(mantissa), exponent)))


SHARED = ("exp", "log", "sqrt", "erf", "erfc", "sin", "cos", "tan", "atan", "asin", "sinh", "cosh", "tanh")
NAMES: Mapping[str, Any] = {
    **{name: _method(name) for name in SHARED},
    "sign": _method("sgn"),
    "mpf": _constant,
    "Softplus": lambda x: arb(x).exp().log1p(),
    "HardTanh": lambda x: max(-arb(1), min(arb(1), x)),
    "Box": lambda x: arb(abs(x) < 1),
    "DampedSinh": lambda a, b: (-arb(a)).exp() * arb(b).sinh(),
    "ExpErfc": lambda a, b: arb(a).exp() * arb(b).erfc(),
}
WITH_BALLS = frozenset((
    sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Dummy, sp.Float, sp.Max, sp.Min, sp.Abs, sp.sign, type(sp.pi), type(sp.E),
    Softplus, HardTanh, Box, DampedSinh, ExpErfc, *(getattr(sp, name) for name in SHARED),
))  # fmt: skip


def function_of_balls(
    variables: tuple[sp.Symbol, ...], expression: sp.Expr, functions: Mapping[str, Any]
) -> Callable[..., Ball]:
    """The expression as a function of balls; by mpmath and `functions` where it has none, or they have no finite value.

    Its constants have the precision that mpmath and Arb work with when this is called.
    """
    exact = sp.lambdify(variables, expression, modules=[functions, "mpmath"])

    def through_mpmath(*balls: Ball) -> Ball:
        return from_mpmath(exact(*map(to_mpmath, balls)))

    if not all(part.is_Rational or part.func in WITH_BALLS for part in sp.preorder_traversal(expression)):
        return through_mpmath
    printer = MpmathPrinter({"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True})
    names = {**NAMES, "pi": arb.pi(), "e": arb.const_e()}
    quick = sp.lambdify(variables, expression, modules=[names], printer=printer)

    def value(*balls: Ball) -> Ball:
        found = arb(quick(*balls))
        return found if found.is_finite() else through_mpmath(*balls)

    return value


def from_mpmath(number: Any) -> Ball:
    """A real number of mpmath as a ball without radius."""
    if not mpmath.isfinite(number):
        return arb(str(number))
    return _exact(mpmath.mpf(number)._mpf_)


def to_mpmath(ball: Ball) -> Any:
    """The midpoint of a ball in mpmath."""
    mantissa, exponent = ball.mid().man_exp()
    return mpmath.ldexp(int(mantissa), int(exponent))
