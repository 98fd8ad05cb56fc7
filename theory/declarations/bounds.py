"""Arithmetic of formulas with bounds: what would grow out of hand is refused before SymPy builds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import sympy as sp

from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.sizes import LARGEST

LARGEST_FACTOR = 1e18  # of what constants multiply to
MAX_EXPONENT, MAX_ROOT, MAX_DEGREE, MAX_TERMS, MAX_SIZE, MAX_DIGITS = 64, 16, 64, 400, 400, 60


class BoundError(ValueError):
    """A bound that a part of a formula exceeds."""


class Bounded(NamedTuple):
    """An expression of a formula and what bounds the work on it.

    number: its value where it is a constant. degree, terms: of what it would be if multiplied out. size: its nodes.
    """

    expression: sp.Expr
    number: float | None
    degree: int = 0
    terms: int = 1
    size: int = 1


def sum_of(first: Bounded, second: Bounded, sign: int) -> Bounded:
    """first + sign second."""
    shape = max(first.degree, second.degree), first.terms + second.terms
    return _built(lambda a, b: a + sign * b, (first, second), *shape)


def product_of(first: Bounded, second: Bounded) -> Bounded:
    """first second."""
    shape = first.degree + second.degree, first.terms * second.terms
    return _built(lambda a, b: a * b, (first, second), *shape)


def ratio_of(first: Bounded, second: Bounded) -> Bounded:
    """first / second."""
    if second.number == 0:
        raise BoundError("it is not a finite real function of h: it divides by 0")
    shape = first.degree + second.degree, first.terms * second.terms
    return _built(lambda a, b: a / b, (first, second), *shape)


def power_of(base: Bounded, exponent: Bounded) -> Bounded:
    """base ** exponent, the exponent a small rational number."""
    power = exponent.expression
    if not power.is_Rational or abs(power) > MAX_EXPONENT or power.q > MAX_ROOT:
        raise BoundError(f"an exponent is to be a number of at most {MAX_EXPONENT}, or a fraction of a denominator of "
                           f"at most {MAX_ROOT}")  # fmt: skip
    if base.number is not None:
        _check_power(base, power)
    times = math.ceil(abs(power))
    terms = math.comb(base.terms + times - 1, times) if base.terms > 1 else 1
    return _built(lambda a, b: a**b, (base, exponent), base.degree * times, terms)


def _check_power(base: Bounded, power: sp.Rational) -> None:
    if base.number == 0:
        if not power > 0:
            raise BoundError("0 has no such power")
        return
    assert base.number
    _check_magnitude(math.exp(max(-700.0, min(700.0, float(power) * math.log(abs(base.number))))))
    if base.expression.is_Rational:
        _check_digits(base.expression, math.ceil(abs(power)))


def value_of(function: Callable[..., sp.Expr], arguments: Sequence[Bounded]) -> Bounded:
    """function(*arguments), which multiplies nothing out."""
    return _built(function, arguments, 0 if all(part.number is not None for part in arguments) else 1, 1)


def constant(value: sp.Rational | sp.NumberSymbol) -> Bounded:
    """A number."""
    number = float(value)
    _check_magnitude(abs(number))
    if value.is_Rational:
        _check_digits(value)
    return Bounded(value, number)


def _built(function: Callable[..., sp.Expr], parts: Sequence[Bounded], degree: int, terms: int) -> Bounded:
    size = 1 + sum(part.size for part in parts)
    if degree > MAX_DEGREE:
        raise BoundError(f"its powers multiply to {degree}: at most {MAX_DEGREE}")
    if terms > MAX_TERMS or size > MAX_SIZE:
        raise BoundError(f"it is too long, with {max(terms, size)} terms once multiplied out: at most {MAX_TERMS}")
    try:
        expression = function(*(part.expression for part in parts))
    except (RecursionError, TypeError, ValueError, NotImplementedError):
        raise BoundError("SymPy cannot build it; write it another way") from None
    if expression.has(sp.zoo, sp.nan, sp.oo, sp.I):
        raise BoundError("it is not a finite real function of h")
    for factor in expression.atoms(sp.Rational):
        _check_magnitude(abs(float(factor)), LARGEST_FACTOR)
        _check_digits(factor)
    if any(power.exp.is_Rational and abs(power.exp) > MAX_EXPONENT for power in expression.atoms(sp.Pow)):
        raise BoundError(f"its powers multiply to more than {MAX_EXPONENT}")
    number = None
    if expression.is_number:
        number = evaluator(expression)(0.0)
        if expression != 0:
            _check_magnitude(abs(number))
    return Bounded(expression, number, degree, terms, size)


def _check_digits(number: sp.Rational, times: int = 1) -> None:
    digits = times * max(abs(number.p).bit_length(), number.q.bit_length()) * math.log10(2)
    if digits > MAX_DIGITS:
        raise BoundError(f"it takes numbers of {digits:.0f} digits: at most {MAX_DIGITS}")


def _check_magnitude(size: float, largest: float = LARGEST) -> None:
    if math.isnan(size):
        raise BoundError("it is not a finite real function of h")
    if size > largest:
        raise BoundError(f"it takes too large a number: at most {largest:g}")
    if 0 < size < 1 / largest:
        raise BoundError(f"it takes too small a number: at least {1 / largest:g} in size, or 0")
