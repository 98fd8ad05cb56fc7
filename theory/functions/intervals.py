"""Ranges of an expression over intervals of one symbol: natural interval extension in outward floating point.

A range contains the value wherever all parts of the expression are real, and is the whole line where nothing better
is known. Ends may be infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp

from meanbits.theory.gaussian.special import Box, HardTanh, Softplus, softplus

Interval = tuple[float, float]

WHOLE: Interval = (-math.inf, math.inf)
SIGNS: set[Interval] = {(1.0, 1.0), (-1.0, -1.0)}  # products with these are exact
SLACK = 2.0**-48  # more than the relative error of any function of `math` used here
GREATEST, SMALLEST = math.nextafter(math.inf, 0), math.ulp(0.0)


def range_of(expression: sp.Expr, symbol: sp.Symbol) -> Callable[[float, float], Interval]:
    """The function (low, high) -> an interval around the expression's values for symbol in [low, high]."""
    if expression == symbol:
        return lambda low, high: (low, high)
    if expression.is_number:
        constant = _constant(expression)
        return lambda low, high: constant
    if not expression.has(symbol):
        assumed = _assumed(expression)
        return lambda low, high: assumed
    if isinstance(expression, sp.Piecewise):
        branches = [range_of(branch, symbol) for branch, _ in expression.args]
        return lambda low, high: _hull(*(branch(low, high) for branch in branches))
    if isinstance(expression, sp.Pow) and expression.exp.is_number:
        base, exponent = range_of(expression.base, symbol), expression.exp
        return lambda low, high: _power(base(low, high), exponent)
    if expression.is_Add and expression.is_polynomial(symbol):
        return _polynomial(expression, symbol)
    combine = RULES.get(expression.func)
    if combine is None:
        return lambda low, high: WHOLE
    parts = [range_of(part, symbol) for part in expression.args]
    return lambda low, high: combine(*(part(low, high) for part in parts))


def _assumed(expression: sp.Expr) -> Interval:
    """Of open symbols, by their assumptions."""
    least = -math.inf if not expression.is_nonnegative else SMALLEST if expression.is_positive else 0.0
    greatest = math.inf if not expression.is_nonpositive else -SMALLEST if expression.is_negative else 0.0
    return least, greatest


def _polynomial(expression: sp.Expr, symbol: sp.Symbol) -> Callable[[float, float], Interval]:
    """Both as a sum of powers, which is close near 0, and nested, which is close far out."""
    powers = [range_of(term, symbol) for term in expression.args]
    lead, *rest = (range_of(each, symbol) for each in sp.Poly(expression, symbol).all_coeffs())

    def within(low: float, high: float) -> Interval:
        nested = lead(low, high)
        for coefficient in rest:
            nested = _sum(_product(nested, (low, high)), coefficient(low, high))
        summed = _sum(*(power(low, high) for power in powers))
        return max(nested[0], summed[0]), min(nested[1], summed[1])

    return within


def excludes_zero(interval: Interval) -> bool:
    """Whether every value in it has one sign."""
    return interval[0] > 0 or interval[1] < 0


def _constant(number: sp.Expr) -> Interval:
    if number.is_Rational and sp.Rational(float(number)) == number:
        return float(number), float(number)
    value = number.evalf(20)
    return _widened(float(value), float(value)) if value.is_extended_real and value.is_comparable else WHOLE


def _widened(low: float, high: float) -> Interval:
    if math.isnan(low) or math.isnan(high):
        return WHOLE
    low, high = min(low, GREATEST), max(high, -GREATEST)  # an infinite end is never attained
    return low - SLACK * abs(low), high + SLACK * abs(high)


def _hull(*intervals: Interval) -> Interval:
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _sum(*terms: Interval) -> Interval:
    low, high = sum(low for low, _ in terms), sum(high for _, high in terms)
    return _widened(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high)


def _product(*factors: Interval) -> Interval:
    low, high = factors[0]
    for other in factors[1:]:
        corners = [0.0 if 0 in (a, b) else a * b for a in (low, high) for b in other]
        ends = min(corners), max(corners)
        low, high = ends if {(low, high), other} & SIGNS else _widened(*ends)
    return low, high


def _power(base: Interval, exponent: sp.Expr) -> Interval:
    size = abs(float(exponent))
    low, high = base
    if not exponent.is_Integer:
        low = max(low, 0.0)
        if high < 0:
            return WHOLE
    ends = sorted((_raised(abs(low), size), _raised(abs(high), size))) if exponent.is_even else (
        math.copysign(_raised(abs(low), size), low), math.copysign(_raised(abs(high), size), high))  # fmt: skip
    low, high = _widened(0.0 if exponent.is_even and low <= 0 <= high else ends[0], ends[1])
    return (low, high) if exponent.is_positive else _reciprocal(low, high)


def _raised(size: float, exponent: float) -> float:
    try:
        return size**exponent
    except OverflowError:
        return math.inf


def _reciprocal(low: float, high: float) -> Interval:
    if low < 0 < high:
        return WHOLE
    over, under = (math.inf if low == 0 else 1 / low), (-math.inf if high == 0 else 1 / high)
    return _widened(under, over)


def _increasing(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    return lambda argument: _widened(_at(function, argument[0]), _at(function, argument[1]))


def _sigmoid(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    """Of a function that increases from -1 to 1."""

    def within(argument: Interval) -> Interval:
        low, high = _increasing(function)(argument)
        return max(-1.0, low), min(1.0, high)

    return within


def _at(function: Callable[[float], float], point: float) -> float:
    try:
        return function(point)
    except OverflowError:
        return math.copysign(math.inf, point)


def _decreasing(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    return lambda argument: _widened(_at(function, argument[1]), _at(function, argument[0]))


def _even(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    """Of a function of |x| that increases."""
    return lambda argument: _increasing(function)(_absolute(argument))


def _absolute(argument: Interval) -> Interval:
    low, high = argument
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _logarithm(argument: Interval) -> Interval:
    low, high = (math.log(end) if end > 0 else -math.inf for end in argument)
    return WHOLE if argument[1] < 0 else _widened(low, high)


def _cosine(argument: Interval) -> Interval:
    low, high = argument
    if not high - low < 2 * math.pi or max(abs(low), abs(high)) > 1 / SLACK:
        return -1.0, 1.0
    first = math.ceil(low / math.pi - SLACK * (1 + abs(low)))
    last = math.floor(high / math.pi + SLACK * (1 + abs(high)))
    ends = [math.cos(low), math.cos(high), *((-1.0) ** n for n in range(first, last + 1))]
    error = SLACK * (1 + abs(low) + abs(high))
    return max(-1.0, min(ends) - error), min(1.0, max(ends) + error)


def _sine(argument: Interval) -> Interval:
    return _cosine((argument[0] - math.pi / 2, argument[1] - math.pi / 2)) if argument != (0.0, 0.0) else argument


def _whole_part(round_to: Callable[[float], int]) -> Callable[[Interval], Interval]:
    def rounded(end: float) -> float:
        return end if math.isinf(end) else float(round_to(end))

    return lambda argument: (rounded(argument[0]), rounded(argument[1]))


def _box(argument: Interval) -> Interval:
    low, high = argument
    return float(low > -1 and high < 1), float(low < 1 and high > -1)


def _step(below: float) -> Callable[..., Interval]:
    return lambda argument, *_: (below if argument[0] <= 0 else 1.0, 1.0 if argument[1] >= 0 else below)


RULES: dict[type[sp.Expr], Callable[..., Interval]] = {
    sp.Add: _sum,
    sp.Mul: _product,
    sp.exp: _increasing(math.exp),
    sp.sinh: _increasing(math.sinh),
    sp.tanh: _sigmoid(math.tanh),
    sp.atan: _increasing(math.atan),
    sp.asinh: _increasing(math.asinh),
    sp.erf: _sigmoid(math.erf),
    sp.erfc: _decreasing(math.erfc),
    sp.cosh: _even(math.cosh),
    sp.log: _logarithm,
    sp.sin: _sine,
    sp.cos: _cosine,
    sp.Abs: _absolute,
    sp.sign: _step(-1.0),
    sp.Heaviside: _step(0.0),
    sp.floor: _whole_part(math.floor),
    sp.ceiling: _whole_part(math.ceil),
    sp.Max: lambda *terms: (max(low for low, _ in terms), max(high for _, high in terms)),
    sp.Min: lambda *terms: (min(low for low, _ in terms), min(high for _, high in terms)),
    HardTanh: lambda argument: (max(-1.0, min(1.0, argument[0])), max(-1.0, min(1.0, argument[1]))),
    Box: _box,
    Softplus: _increasing(softplus),
}
