"""Gaussian expectations of tanh, which generated NumPy modules call: sums over the scale mixture of erfs that tanh is.

tanh(x) = E erf(x / (s sqrt 2)), s of Kolmogorov's law: what is known of erf is summed over s, or over pairs of s. All
terms of a sum have one sign. Source: Andrews and Mallows 1974, J. R. Statist. Soc. B 36, 99.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.mixture_numpy import mixture_pairs, mixture_rule
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, correlations, flat_points

LARGEST = float(np.finfo(np.float64).max)


def over_blocks(function: Callable[..., np.ndarray], width: int, *arguments: Real) -> np.ndarray:
    """function of the broadcast arguments, passed as columns (n, 1) of 2^15 / width points, to values (n,).

    Evaluated in float64, returned in the floating-point type of the arguments.
    """
    shape, columns = flat_points(*arguments)
    value, block = np.empty(columns[0].shape), 1 + 2**15 // width
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks, which makes them 4 times faster
    for start in range(0, value.size, block):
        points = slice(start, start + block)
        value[points] = function(*(column[points, None] for column in columns))
    dtype = np.result_type(*(each if np.isscalar(each) else np.asarray(each) for each in arguments))
    return value.reshape(shape).astype(dtype if dtype.kind == "f" else np.float64)[()]


def over_pairs(term: Callable[..., np.ndarray], decay: int, variance: Real, *others: Real) -> np.ndarray:
    """E term(a + b, spread, min(V, 1), 1 / max(V, 1), *others) over max(V, 1)^decay, a = s^2 and b independent.

    spread is (V + a)(V + b) - V^2 over max(V, 1)^2: with low = min(V, 1) and correlation r, low^2 (1 - r^2) + spread is
    the determinant (V + a)(V + b) - (V r)^2 over the same.
    """
    total, product, weight = mixture_pairs()
    if all(isinstance(each, float | int) for each in (variance, *others)):
        return at_one_point(term, decay, *map(float, (variance, *others)))

    def block(v: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        if (v < 0).any():
            raise ValueError(f"expectations of tanh: variance {np.nanmin(v)} is negative; give numbers >= 0")
        low, large = np.minimum(v, 1), np.maximum(v, 1)
        high = 1 / np.minimum(large, LARGEST)
        terms = term(total, low * high * total + high * high * product, low, high, *rest)
        return np.vecdot(terms, weight) / large[:, 0] ** decay

    return over_blocks(block, total.size, variance, *others)


def at_one_point(term: Callable[..., np.ndarray], decay: int, variance: float, *others: float) -> Any:
    """`over_pairs` of numbers, without the arrays of one element that make a call ten times slower."""
    total, product, weight = mixture_pairs()
    if variance < 0:
        raise ValueError(f"expectations of tanh: variance {variance} is negative; give numbers >= 0")
    low, large = min(variance, 1.0), max(variance, 1.0)
    high = 1 / min(large, LARGEST)
    terms = term(total, low * high * total + high * high * product, low, high, *others)
    return terms.dot(weight) / large**decay  # to the bit as among many


def distances(value: Any, largest: float) -> Any:
    """value in [0, largest]; beyond, up to 2e-15 is rounding and counts as the end. Raises ValueError further out."""
    if isinstance(value, float) and abs(value - largest / 2) <= largest / 2:
        return value
    if (np.abs(value - largest / 2) > largest / 2 + 2e-15).any():
        raise ValueError(f"distances from {np.nanmin(value)} to {np.nanmax(value)}; give numbers in [0, {largest}]")
    return np.minimum(np.maximum(value, 0.0), largest)


def tanh_mean(mean: Real, variance: Real, order: int = 0) -> np.ndarray:
    """E tanh(u), u ~ N(mean, variance), or its derivative in the mean of that order; mean and variance broadcast.

    Its absolute error is 1e-15; the relative error of a slope grows as it vanishes far out.
    """
    nodes, weights = mixture_rule(1 / 9)
    squares = np.exp(2 * nodes)

    def block(m: np.ndarray, v: np.ndarray) -> np.ndarray:
        if (v < 0).any():
            raise ValueError(f"tanh_mean: variance {np.nanmin(v)} is negative; give numbers >= 0")
        width = np.sqrt(v + squares)
        x = np.clip(m / width, -50, 50)  # beyond, erf is 1 and the density 0
        if order == 0:
            return np.sum(weights * special.erf(x / np.sqrt(2)), -1)
        hermite = special.eval_hermitenorm(order - 1, x) * np.exp(-x * x / 2)
        return np.sum(weights * hermite / (-width) ** order, -1) * -np.sqrt(2 / np.pi)

    return over_blocks(block, nodes.size, mean, variance)


def tanh_overlap(variance: Real, correlation: Real) -> np.ndarray:
    """E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation; the arguments broadcast.

    The arcsine law, asin(V r / sqrt((V + a)(V + b))), by the determinant (V + a)(V + b) - (V r)^2: nothing cancels.
    """

    def term(_: np.ndarray, spread: np.ndarray, low: np.ndarray, __: np.ndarray, r: np.ndarray) -> np.ndarray:
        r = correlations(r)
        return np.arctan(r * low / np.sqrt(low * low * (1 - r) * (1 + r) + spread))

    return over_pairs(term, 0, variance, correlation)


def tanh_difference(variance: Real, rest: Real, drop: Real) -> np.ndarray:
    """tanh_overlap at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish.

    asin x - asin y = 2 arctan((x - y) / (sqrt(1 - x^2) + sqrt(1 - y^2))).
    """

    def term(
        _: np.ndarray, spread: np.ndarray, low: np.ndarray, __: np.ndarray, near: np.ndarray, fall: np.ndarray
    ) -> np.ndarray:
        near, fall = distances(near, 2), distances(fall, 2)
        beyond = np.maximum(2 - np.maximum(near, fall) - np.minimum(near, fall), 0)  # exact as it vanishes
        first = np.sqrt(low * low * near * (2 - near) + spread)
        second = np.sqrt(low * low * (near + fall) * beyond + spread)
        return np.arctan(fall * low / (first + second))

    return 2 * over_pairs(term, 0, variance, rest, drop)


def tanh_slope_overlap(variance: Real, apart: Real) -> np.ndarray:
    """E tanh'(u) tanh'(v), u and v of mean 0, one variance in [0, inf] and correlation r, apart = 1 - r^2."""

    def term(_: np.ndarray, spread: np.ndarray, low: np.ndarray, __: np.ndarray, apart: np.ndarray) -> np.ndarray:
        return 1 / np.sqrt(low * low * distances(apart, 1) + spread)

    return over_pairs(term, 1, variance, apart)


def tanh_curvature_overlap(variance: Real, apart: Real) -> np.ndarray:
    """E tanh''(u) tanh''(v) / r, the arguments as in tanh_slope_overlap."""

    def term(_: np.ndarray, spread: np.ndarray, low: np.ndarray, high: np.ndarray, apart: np.ndarray) -> np.ndarray:
        determinant = low * low * distances(apart, 1) + spread
        return low * high / determinant / np.sqrt(determinant)

    return over_pairs(term, 1, variance, apart)


def tanh_overlap_growth(variance: Real, correlation: Real) -> np.ndarray:
    """The derivative of tanh_overlap in the variance, at fixed correlation."""

    def term(total: np.ndarray, spread: np.ndarray, low: np.ndarray, high: np.ndarray, r: np.ndarray) -> np.ndarray:
        r = correlations(r)
        root = np.sqrt(low * low * (1 - r) * (1 + r) + spread)
        return r * (spread - low * high / 2 * total) / (low * low + spread) / root

    return over_pairs(term, 1, variance, correlation)


def tanh_slope_growth(variance: Real, apart: Real) -> np.ndarray:
    """The derivative of tanh_slope_overlap in the variance, at fixed correlation."""

    def term(total: np.ndarray, spread: np.ndarray, low: np.ndarray, high: np.ndarray, apart: np.ndarray) -> np.ndarray:
        apart = distances(apart, 1)
        determinant = low * low * apart + spread
        return -(low * apart + high / 2 * total) * high / determinant / np.sqrt(determinant)

    return over_pairs(term, 1, variance, apart)
