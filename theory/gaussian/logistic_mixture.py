"""The mixture of erfs that tanh is, to any precision: what evaluates the functions of `gaussian.logistic`.

The nodes here (trapezoidal, in log s) are not those of the emitted code (Gaussian), which is checked against them.
Sums over pairs of nodes are of balls: arithmetic of FLINT, where that of mpmath would take ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeAlias

import mpmath
from flint import arb, ctx

Number: TypeAlias = mpmath.mpf
Table: TypeAlias = tuple[tuple[Number, ...], ...]

GUARD = 20  # bits beyond the precision asked for


def kolmogorov_density(s: Number) -> Number:
    """s times the density of Kolmogorov's law at s: its series, or the series in 1/s that Poisson summation makes it.

    Source: A. Kolmogorov, Giorn. Ist. Ital. Attuari 4 (1933) 83; W. Feller, Ann. Math. Statist. 19 (1948) 177.
    """
    count = int(mpmath.sqrt(mpmath.mp.prec)) + 2
    if s >= 1:
        terms = ((-1) ** (j + 1) * (j * s) ** 2 * mpmath.exp(-2 * (j * s) ** 2) for j in range(1, count))
        return 8 * mpmath.fsum(terms)
    exponents = (((2 * j - 1) * mpmath.pi / s) ** 2 / 8 for j in range(1, count))
    return mpmath.sqrt(2 * mpmath.pi) / s * mpmath.fsum((2 * e - 1) * mpmath.exp(-e) for e in exponents)


@lru_cache(maxsize=32)
def scales(prec: int) -> Table:
    """(s^2, weight) of the mixture, to about `prec` bits: a trapezoidal sum in log s.

    It converges as exp(-pi^2 / (2 step)): the density is analytic for |arg s| < pi/4 and decays doubly exponentially.
    """
    bits = 1.05 * prec + 18  # the density grows towards the edge of that sector
    with mpmath.workprec(prec + GUARD):
        step = mpmath.pi**2 / (2 * bits * mpmath.log(2))
        reach = int(mpmath.log(bits) / step)
        points = [mpmath.exp(step * k) for k in range(-reach, reach + 1)]
        table = [(s * s, step * kolmogorov_density(s)) for s in points]
        return tuple((square, weight) for square, weight in table if weight > mpmath.ldexp(1, -prec - GUARD))


@lru_cache(maxsize=32)
def pairs(prec: int) -> tuple[tuple[arb, arb, arb], ...]:
    """Balls (a + b, a b, weight) over pairs of `scales`, the weights times 2/pi, those that count."""
    with mpmath.workprec(prec + GUARD):
        table, factor = scales(prec), 2 / mpmath.pi
        products = [
            (a + b, a * b, factor * (1 if j == k else 2) * first * second)
            for j, (a, first) in enumerate(table)
            for k, (b, second) in enumerate(table[: j + 1])
        ]
        counting = (row for row in products if row[2] > mpmath.ldexp(1, -prec - GUARD))
        return tuple((arb(total), arb(product), arb(weight)) for total, product, weight in counting)


def _by_balls(function: Callable[..., arb]) -> Callable[..., Number]:
    """A function of balls as one of finite numbers, to the working precision."""

    @wraps(function)
    def value(*arguments: Number) -> Number:
        with ctx.workprec(mpmath.mp.prec + GUARD):
            found = function(*map(arb, arguments))
            return mpmath.mpf(found) if found.is_finite() else mpmath.nan

    return value


def _over_pairs(term: Callable[[arb, arb], arb]) -> arb:
    return sum((weight * term(total, product) for total, product, weight in pairs(mpmath.mp.prec)), arb(0))


def _determinant(variance: arb, apart: arb) -> Callable[[arb, arb], arb]:
    """(V + a)(V + b) - (V r)^2 at apart = 1 - r^2, in terms of a + b and a b."""
    spread = variance**2 * apart
    return lambda total, product: spread + variance * total + product


def tanh_mean(mean: Number, variance: Number, order: int = 0) -> Number:
    """`TanhMean` in mpmath."""

    def term(square: Number) -> Number:
        width = mpmath.sqrt(variance + square)
        if order == 0:
            return mpmath.erf(mean / (width * mpmath.sqrt(2)))
        hermite = mpmath.hermite(int(order) - 1, mean / (width * mpmath.sqrt(2)))
        return 2 * mpmath.npdf(mean, 0, width) * hermite / (-width * mpmath.sqrt(2)) ** (int(order) - 1)

    return mpmath.fsum(weight * term(square) for square, weight in scales(mpmath.mp.prec))


@_by_balls
def tanh_overlap(variance: arb, correlation: arb) -> arb:
    """`TanhOverlap` to the working precision."""
    determinant = _determinant(variance, (1 - correlation) * (1 + correlation))
    return _over_pairs(lambda *pair: arb.atan2(variance * correlation, determinant(*pair).sqrt()))


@_by_balls
def tanh_slope_overlap(variance: arb, apart: arb) -> arb:
    """`TanhSlopeOverlap` to the working precision."""
    determinant = _determinant(variance, apart)
    return _over_pairs(lambda *pair: determinant(*pair).rsqrt())


@_by_balls
def tanh_curvature_overlap(variance: arb, apart: arb) -> arb:
    """`TanhCurvatureOverlap` to the working precision."""
    determinant = _determinant(variance, apart)
    return variance * _over_pairs(lambda *pair: determinant(*pair).rsqrt() ** 3)


@_by_balls
def tanh_overlap_growth(variance: arb, correlation: arb) -> arb:
    """`TanhOverlapGrowth` to the working precision."""
    determinant, square = _determinant(variance, (1 - correlation) * (1 + correlation)), _determinant(variance, arb(1))

    def term(total: arb, product: arb) -> arb:
        rise = variance * total / 2 + product
        return rise / square(total, product) * determinant(total, product).rsqrt()

    return correlation * _over_pairs(term)


@_by_balls
def tanh_slope_growth(variance: arb, apart: arb) -> arb:
    """`TanhSlopeGrowth` to the working precision."""
    determinant, rise = _determinant(variance, apart), variance * apart
    return -_over_pairs(lambda total, product: (rise + total / 2) * determinant(total, product).rsqrt() ** 3)


@_by_balls
def tanh_difference(variance: arb, rest: arb, drop: arb) -> arb:
    """`TanhDifference` to the working precision: asin x - asin y = 2 atan2(x - y, sqrt(1 - x^2) + sqrt(1 - y^2))."""
    first = _determinant(variance, rest * (2 - rest))
    second = _determinant(variance, (rest + drop) * (2 - rest - drop))
    return 2 * _over_pairs(lambda *pair: arb.atan2(variance * drop, first(*pair).sqrt() + second(*pair).sqrt()))


def _remembered(function: Callable[..., Number]) -> Callable[..., Number]:
    """The function, keeping its values: closed forms repeat one overlap in many places."""

    @lru_cache(maxsize=4096)
    def at(prec: int, *arguments: Number) -> Number:
        return function(*arguments)

    return lambda *arguments: at(mpmath.mp.prec, *arguments)


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "TanhMean": _remembered(tanh_mean),
    "TanhOverlap": _remembered(tanh_overlap),
    "TanhSlopeOverlap": _remembered(tanh_slope_overlap),
    "TanhCurvatureOverlap": _remembered(tanh_curvature_overlap),
    "TanhOverlapGrowth": _remembered(tanh_overlap_growth),
    "TanhSlopeGrowth": _remembered(tanh_slope_growth),
    "TanhDifference": _remembered(tanh_difference),
}
