"""continuous: derived, not written. Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232.

Weights fixed; neurons tanh; treatment none; form exact.
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


def holds_somewhere(condition: bool | NDArray[np.bool_]) -> bool:
    """Whether it is true of any element; much faster for a single one than np.any."""
    return bool(condition.any() if isinstance(condition, np.ndarray) else condition)


def at_extremes(
    value: ArrayLike, q: ArrayLike, zero: Callable[[], ArrayLike], infinity: Callable[[], ArrayLike]
) -> NDArray[np.float64]:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = q == 0, q == np.inf
    if holds_somewhere(low):
        value = np.where(low, zero(), value)
    if holds_somewhere(high):
        value = np.where(high, infinity(), value)
    return np.asarray(value)[()]


def portion(part: ArrayLike, rest: ArrayLike) -> NDArray[np.float64]:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    share, alone = 1 / (1 + np.divide(rest, part)), rest == 0
    return np.where(alone, 1.0, share)[()] if holds_somewhere(alone) else share


def scaled(share: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """share * value, 0 where share is 0, even if value is infinite."""
    product, nothing = np.multiply(share, value), share == 0
    return np.where(nothing, 0.0, product)[()] if holds_somewhere(nothing) else product


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


def tanh_overlap_growth(variance: Real, correlation: Real) -> np.ndarray:
    """The derivative of tanh_overlap in the variance, at fixed correlation."""

    def term(total: np.ndarray, spread: np.ndarray, low: np.ndarray, high: np.ndarray, r: np.ndarray) -> np.ndarray:
        r = correlations(r)
        root = np.sqrt(low * low * (1 - r) * (1 + r) + spread)
        return r * (spread - low * high / 2 * total) / (low * low + spread) / root

    return over_pairs(term, 1, variance, correlation)


def mean(h: ArrayLike) -> NDArray[np.float64]:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return np.tanh(h)


def second_moment(h: ArrayLike) -> NDArray[np.float64]:
    """Second moment, E x^2.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return np.tanh(h) ** 2


def total_map(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        return sigma_b2 + sigma_m2 * at_extremes(tanh_overlap(T, 1), T, lambda: 0, lambda: 1)


def total_slope(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        return broadcast(sigma_m2 * at_extremes(tanh_overlap_growth(T, 1), T, lambda: 1, lambda: 0), T, sigma_m2, sigma_b2)


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        return at_extremes(sigma_b2 + sigma_m2 * tanh_overlap(q, 1), q, lambda: sigma_b2, lambda: sigma_b2 + sigma_m2)


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        return broadcast(at_extremes(sigma_m2 * tanh_overlap_growth(q, 1), q, lambda: sigma_m2, lambda: 0), q, sigma_m2, sigma_b2)


def correlation_map(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return (sigma_b2 + sigma_m2 * tanh_overlap(q, c)) / (sigma_b2 + sigma_m2 * tanh_overlap(q, 1))


def chi(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return q * sigma_m2 * tanh_slope_overlap(q, (1 - c) * (1 + c)) / (sigma_b2 + sigma_m2 * tanh_overlap(q, 1))


def gap_map(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = tanh_overlap(q, 1)
        return at_extremes(portion(sigma_m2 * x0, sigma_b2) * ((tanh_difference(q, 0, gap) / x0)), q, lambda: gap * portion(0, sigma_b2), lambda: 1.2732395447351628 * portion(sigma_m2, sigma_b2) * np.arctan2(gap, np.sqrt(gap) * np.sqrt(2 - gap)))


def chi_at_gap(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = tanh_overlap(q, 1)
        x1 = 2 - gap
        return at_extremes(portion(sigma_m2 * x0, sigma_b2) * ((q * tanh_slope_overlap(q, gap * x1) / x0)), q, lambda: portion(0, sigma_b2), lambda: scaled(portion(sigma_m2, sigma_b2), 0.6366197723675814 / (np.sqrt(gap) * np.sqrt(x1))))


def replica_map(r: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + sigma_m2 * tanh_overlap(T, r)) / (sigma_b2 + sigma_m2 * tanh_overlap(T, 1))


def jacobian(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q, 0), q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    return broadcast(0, q, sigma_m2, sigma_b2, mu_4)


def gradient_growth(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Growth of squared gradients, chi_g.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q, 0), q, sigma_m2, sigma_b2)


def gradient_overlap(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Factor a layer of the overlap of the gradients of two inputs.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q, (1 - c) * (1 + c)), c, q, sigma_m2, sigma_b2)


def critical_sigma_m2(q: ArrayLike) -> NDArray[np.float64]:
    """Sigma_m2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    return 1 / tanh_slope_overlap(q, 0)


def critical_sigma_b2(q: ArrayLike) -> NDArray[np.float64]:
    """Sigma_b2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = tanh_slope_overlap(q, 0)
    return -(-q * x0 + tanh_overlap(q, 1)) / x0
