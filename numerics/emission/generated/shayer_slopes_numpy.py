"""shayer: derived, not written. Shayer, Levi, Fetaya 2017, arXiv 1710.07739.

Weights binary; neurons tanh; treatment sample; form exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Numbers are scalars of NumPy, whose division by 0 is infinite: those of Python raise.
    """
    if all(isinstance(argument, float | int) for argument in arguments):
        numbers: Any = arguments
        scalars: list[Any] = [np.float64(number) for number in numbers]
        return scalars
    found = [argument.dtype for argument in arguments if isinstance(argument, np.ndarray | np.generic)]
    dtype = np.result_type(*found) if found and np.result_type(*found).kind == "f" else np.float64
    return [np.asarray(argument, dtype=dtype)[()] for argument in arguments]


def broadcast(value: float | NDArray[np.float64], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    typed = np.asarray(value, dtype=np.result_type(*arguments))
    return np.broadcast_to(typed, np.broadcast_shapes(*map(np.shape, arguments))).copy()


def sech_squared(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - tanh(u)^2, to the last digit far out."""
    decay = np.exp(-2 * np.abs(u))
    return 4 * decay / (1 + decay) ** 2


Real = float | np.ndarray


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


def correlations(rho: Any) -> Any:
    """rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    if isinstance(rho, float) and -1 <= rho <= 1:
        return rho
    if (np.abs(rho) > 1 + 1e-15).any():
        raise ValueError(f"correlation of magnitude {np.nanmax(np.abs(rho))}; give numbers in [-1, 1]")
    return np.minimum(np.maximum(rho, -1.0), 1.0)


def kolmogorov_density(s: np.ndarray) -> np.ndarray:
    """s times the density of Kolmogorov's law at s, by the series in s or, below 1, its dual in 1 / s.

    Source: Feller 1948, Ann. Math. Statist. 19, 177.
    """
    j = np.arange(1, 8)[:, None]
    large, dual = 2 * (j * np.maximum(s, 1)) ** 2, ((2 * j - 1) * np.pi / np.minimum(s, 1)) ** 2 / 8
    direct = np.sum((-1.0) ** (j + 1) * 4 * large * np.exp(-large), 0)
    return np.where(s > 1, direct, np.sqrt(2 * np.pi) / s * np.sum((2 * dual - 1) * np.exp(-dual), 0))


@cache
def mixture_rule(step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes log s and weights, each (n,), of the mixture: a trapezoidal sum, whose error falls as exp(-5 / step)."""
    nodes = step * np.arange(-np.ceil(1.9 / step), np.ceil(1.6 / step) + 1)
    return nodes, step * kolmogorov_density(np.exp(nodes))


@cache
def mixture_pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a + b, a b and weights, each (105,): E over independent a = s^2 and b of a symmetric function of both, by 2/pi.

    14 Gauss nodes in log s for the density over sqrt s serve every variance to 1e-15, as functions of (variance + s^2)
    have no singularity within pi/2 of real log s. Source: Golub and Welsch 1969, Math. Comp. 23, 221 (by Lanczos).
    """
    nodes, weights = mixture_rule(1 / 16)
    measure = weights * np.exp(-nodes / 2)
    vector, previous, count = np.sqrt(measure / np.sum(measure)), 0.0, 14
    jacobi = np.zeros((count + 1, count + 1))
    for k in range(count):
        jacobi[k, k] = np.sum(nodes * vector * vector)
        residual = (nodes - jacobi[k, k]) * vector - jacobi[k, k - 1] * previous
        jacobi[k, k + 1] = jacobi[k + 1, k] = np.sqrt(np.sum(residual * residual))
        vector, previous = residual / jacobi[k, k + 1], vector
    points, vectors = np.linalg.eigh(jacobi[:count, :count])
    share, square = vectors[0] ** 2 * np.exp(points / 2), np.exp(2 * points)
    share = share / np.sum(share)
    j, k = np.tril_indices(count)
    return square[j] + square[k], square[j] * square[k], np.where(j == k, 2, 4) / np.pi * share[j] * share[k]


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


def tanh_overlap(variance: Real, correlation: Real) -> np.ndarray:
    """E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation; the arguments broadcast.

    The arcsine law, asin(V r / sqrt((V + a)(V + b))), by the determinant (V + a)(V + b) - (V r)^2: nothing cancels.
    """

    def term(_: np.ndarray, spread: np.ndarray, low: np.ndarray, __: np.ndarray, r: np.ndarray) -> np.ndarray:
        r = correlations(r)
        return np.arctan(r * low / np.sqrt(low * low * (1 - r) * (1 + r) + spread))

    return over_pairs(term, 0, variance, correlation)


def tanh_curvature_overlap(variance: Real, apart: Real) -> np.ndarray:
    """E tanh''(u) tanh''(v) / r, the arguments as in tanh_slope_overlap."""

    def term(_: np.ndarray, spread: np.ndarray, low: np.ndarray, high: np.ndarray, apart: np.ndarray) -> np.ndarray:
        determinant = low * low * distances(apart, 1) + spread
        return low * high / determinant / np.sqrt(determinant)

    return over_pairs(term, 1, variance, apart)


def mean_slope(h: ArrayLike) -> NDArray[np.float64]:
    """Slope of the mean.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return sech_squared(h)


def second_moment_slope(h: ArrayLike) -> NDArray[np.float64]:
    """Slope of the second moment.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    x0 = np.tanh(h)
    return x0 * (2 - 2 * x0 * x0)


def fluctuation(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What fluctuations of Sigma add to the mean squared singular value, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    return broadcast(0, q, T, sigma_m2, sigma_b2, mu_4)


def sigma_derivative(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    with np.errstate(divide="ignore"):  # infinite at an end of the range
        return broadcast((1 + mu_4 - 2 * sigma_m2) * tanh_curvature_overlap(q, 0) / (4 * (1 - sigma_m2) * tanh_overlap(q, 1)), q, T, sigma_m2, sigma_b2, mu_4)
