"""lrt: derived, not written. Stamatescu et al. 2020, arXiv 1902.00177.

Weights binary; neurons stochastic (logistic); treatment sample; form exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Beside arrays, float64 scalars become Python numbers: NumPy then reuses temporary arrays, and writes fewer.
    """
    found = [argument.dtype for argument in arguments if isinstance(argument, np.ndarray | np.generic)]
    dtype = np.result_type(*found) if found and np.result_type(*found).kind == "f" else np.float64
    arrays = [np.asarray(argument, dtype=dtype) for argument in arguments]
    if dtype != np.float64 or all(array.ndim == 0 for array in arrays):
        return [array[()] for array in arrays]
    return [array if array.ndim else array.item() for array in arrays]


def broadcast(value: float | NDArray[np.float64], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    typed = np.asarray(value, dtype=np.result_type(*arguments))
    return np.broadcast_to(typed, np.broadcast_shapes(*map(np.shape, arguments))).copy()


Real = float | np.ndarray


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(bend * sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(np.log(np.expm1(reach / bend)) / step) + 1)
    left = np.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * np.log1p(np.exp(t)), bend * step * special.expit(t) * (1 + left)


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


def batches(
    rule: Callable[[float], tuple[np.ndarray, ...]], sharpness: np.ndarray, dimension: int
) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks of about 2^15 nodes."""
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks, which makes them 4 times faster
    decade = np.ceil(np.log10(np.maximum(sharpness, 10.0)))
    for exponent in np.unique(decade[np.isfinite(decade)]):
        table = rule(10.0**exponent)
        points = np.flatnonzero(decade == exponent)
        block = 1 + 2**15 // table[0].size ** dimension
        for start in range(0, points.size, block):
            yield table, points[start : start + block]


def correlations(rho: np.ndarray) -> np.ndarray:
    """rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    if np.any(np.abs(rho) > 1 + 1e-15):
        raise ValueError(f"correlation of magnitude {np.nanmax(np.abs(rho))}; give numbers in [-1, 1]")
    return np.clip(rho, -1.0, 1.0)


Elementwise = Callable[..., np.ndarray]  # (u, *parameters) -> value, all of one shape


def gaussian_mean(f: Elementwise, mean: Real, variance: Real, *parameters: Real, scale: Real = 1.0) -> np.ndarray:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise, analytic for Re u > 0 and for Re u < 0 (a kink or jump at 0 is fine), and varies on no scale below
    scale / 100. The line is cut at 0, or at the mean if 0 is 40 standard deviations away, and folded: an odd f keeps
    the difference of two densities, hence its digits as mean -> 0. NaN gives NaN.
    """
    shape, (m, v, finest, *p) = flat_points(mean, variance, scale, *parameters)
    if np.any(v < 0):
        raise ValueError(f"gaussian_mean: variance {np.nanmin(v)} is negative; give numbers >= 0")
    sigma, reach = np.sqrt(v), 50.0 if np.any(m) else 10.0
    centre = np.where(np.abs(m) < 40 * sigma, 0.0, m)
    offset = np.divide(m - centre, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    value = np.full(sigma.shape, np.nan)
    for (x, w), i in batches(lambda s: half_line_rule(s, 2.0, reach), 100 * sigma / finest, 1):
        c, d, step, *q = (each[i, None] for each in (centre, np.abs(offset), np.copysign(sigma, m), *p))
        near, far = f(c + step * x, *q), f(c - step * x, *q)
        excess = -np.expm1(-2 * d * x) * np.exp(-((x - d) ** 2) / 2)
        total = (near + far) * np.exp(-((x + d) ** 2) / 2) + near * excess
        value[i] = np.sum(total * w, -1) / np.sqrt(2 * np.pi)
    return value.reshape(shape)[()]


def quadrant(sigma: np.ndarray, c: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, their weights, and 2 u v c / (sigma^2 (1 + c)).

    v = sigma eta x_i and u = sigma eta (x_i + 2 rho x_j), eta^2 = (1 + c) / 2, rho^2 = (1 - c) / 2, turn the bivariate
    density at correlation c into exp(-(x_i^2 + 2 rho x_i x_j + x_j^2) / 2), regular up to |c| = 1. sigma and c are
    (p, 1, 1), x and w (n,).
    """
    eta, rho, row = np.sqrt((1 + c) / 2), np.sqrt((1 - c) / 2), x[:, None]
    gauss, ratio = w * np.exp(-x * x / 2), row + 2 * rho * x
    weight = gauss * np.exp(-rho * (row * x))
    return sigma * eta * row, sigma * eta * ratio, eta / (2 * np.pi) * gauss[:, None], weight, c * row * ratio


def signs_apart(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """E f(u) g(sign v) over |u| > |v| at standard deviation s, correlation c; each sign of u v has nodes of its own.

    s, c and sign are (p, 1, 1), the result is (p,).
    """
    total = np.zeros_like(s[:, 0, 0])
    for side in (1.0, -1.0):
        v, u, row_weight, weight, _ = quadrant(s, side * c, *rule)
        plus = np.sum(weight * f(u, *p), -1, keepdims=True) * g(side * sign * v, *p)
        minus = np.sum(weight * f(-u, *p), -1, keepdims=True) * g(-side * sign * v, *p)
        total = total + np.sum(row_weight * (plus + minus), (1, 2))
    return total


def signs_together(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """The same on one set of nodes, for 0 <= c < 1.

    The density at (u, -v) is the one at (u, v) times e^-y, y = 2 u v c / (s^2 (1 - c^2)). With weights e^-y for the sum
    of the quadrants and 1 - e^-y for (u, v), odd functions keep their digits as c -> 0, positive ones as c -> -1.
    """
    v, u, row_weight, weight, exponent = quadrant(s, c, *rule)
    excess, rest = -weight * np.expm1(exponent / (c - 1)), weight * np.exp(exponent / (c - 1))
    f_plus, f_minus, g_plus, g_minus = f(u, *p), f(-u, *p), g(sign * v, *p), g(-sign * v, *p)
    both = np.sum(rest * (f_plus + f_minus), -1, keepdims=True) * (g_plus + g_minus)
    plus = np.sum(excess * f_plus, -1, keepdims=True) * g_plus
    minus = np.sum(excess * f_minus, -1, keepdims=True) * g_minus
    return np.sum(row_weight * (both + plus + minus), (1, 2))


def gaussian_pair(
    f: Elementwise, g: Elementwise, variance: Real, correlation: Real, *parameters: Real, scale: Real = 1.0
) -> np.ndarray:
    """E f(u, *parameters) g(v, *parameters), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1.

    f and g are as in gaussian_mean, of any parity; the arguments broadcast. The plane is cut along u = 0, v = 0 and
    |u| = |v|, where the smaller field carries v. One function passed twice costs half. NaN gives NaN.
    """
    shape, (v, rho, finest, *p) = flat_points(variance, correlation, scale, *parameters)
    if np.any(v < 0):
        raise ValueError(f"gaussian_pair: variance {np.nanmin(v)} is negative; give numbers >= 0")
    sigma, rho, value = np.sqrt(v), correlations(rho), np.full(v.shape, np.nan)
    sharpness = np.maximum(100 * sigma / finest, 10.0)
    unresolved = sharpness * np.sqrt(1 - np.abs(rho)) < 3
    orders = ((f, g),) if f is g else ((f, g), (g, f))
    for folded, chosen in ((signs_together, ~unresolved), (signs_apart, unresolved)):
        points = np.flatnonzero(chosen)
        for rule, part in batches(lambda s: half_line_rule(s, 4.0, 10.0), sharpness[points], 2):
            i = points[part]
            s, c, *q = (each[i, None, None] for each in (sigma, np.abs(rho), *p))
            sign = np.where(rho[i, None, None] < 0, -1.0, 1.0)
            value[i] = sum(folded(*order, s, c, sign, q, *rule) for order in orders) * (2 / len(orders))
    return value.reshape(shape)[()]


def integrand_1(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.tanh(u)


def integrand_2(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.tanh(u) ** 2


def integrand_3(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 - np.tanh(u) ** 2) ** 2


def integrand_4(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 - np.tanh(u) ** 2) ** 2 * np.tanh(u) ** 2


def integrand_5(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.tanh(u) ** 2


def mean(h: ArrayLike) -> NDArray[np.float64]:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return np.tanh(h / 2)


def second_moment(h: ArrayLike) -> NDArray[np.float64]:
    """Second moment, E x^2.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return broadcast(1, h)


def total_map(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, T, sigma_m2, sigma_b2)


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, q, sigma_m2, sigma_b2)


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(0, q, sigma_m2, sigma_b2)


def correlation_map(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_pair(integrand_1, integrand_1, q / 4, c)
    return np.asarray((sigma_b2 + expectation_1 * sigma_m2) / (1 + sigma_b2), dtype=np.result_type(c, q, sigma_m2, sigma_b2))[()]


def chi(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_pair(integrand_2, integrand_2, q / 4, c)
    return np.asarray(expectation_1 * q * sigma_m2 / (4 * (1 + sigma_b2)), dtype=np.result_type(c, q, sigma_m2, sigma_b2))[()]


def replica_map(r: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    expectation_1 = gaussian_pair(integrand_1, integrand_1, T / 4, r)
    return np.asarray((sigma_b2 + expectation_1 * sigma_m2) / (1 + sigma_b2), dtype=np.result_type(r, T, sigma_m2, sigma_b2))[()]


def jacobian(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_3, 0, q / 4)
    return np.asarray(broadcast(expectation_1 * sigma_m2 / 4, q, sigma_m2, sigma_b2), dtype=np.result_type(q, sigma_m2, sigma_b2))[()]


def jacobian_sigma_derivative(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    expectation_1 = gaussian_mean(integrand_4, 0, q / 4)
    expectation_2 = gaussian_mean(integrand_5, 0, q / 4)
    return np.asarray(broadcast(expectation_1 * mu_4 / (4 * (1 - expectation_2 * sigma_m2)), q, sigma_m2, sigma_b2, mu_4), dtype=np.result_type(q, sigma_m2, sigma_b2, mu_4))[()]
