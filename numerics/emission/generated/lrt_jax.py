"""lrt: derived, not written. Stamatescu et al. 2020, arXiv 1902.00177.

Weights binary; neurons stochastic (logistic); treatment sample; form exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special


Slope = tuple[Any, ...]  # a function, and the ends of a range


def as_arrays(*arguments: Any) -> list[jax.Array]:
    """The arguments as arrays of one floating-point type: that of those which have one, JAX's default if none does."""
    found = [argument.dtype for argument in arguments if hasattr(argument, "dtype")]
    dtype = jnp.result_type(*found) if found else jnp.result_type(float)
    dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
    return [jnp.asarray(argument, dtype=dtype) for argument in arguments]


def broadcast(value: Any, *arguments: jax.Array) -> jax.Array:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    shape = jnp.broadcast_shapes(*(argument.shape for argument in arguments))
    return jnp.broadcast_to(jnp.asarray(value, dtype=arguments[0].dtype), shape)


def at_extremes(value: Any, q: jax.Array, zero: Callable[[], Any], infinity: Callable[[], Any]) -> jax.Array:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    return jnp.where(q == 0, zero(), jnp.where(q == jnp.inf, infinity(), value))


def scaled(share: Any, value: Any) -> jax.Array:
    """share * value, 0 where share is 0, even if value is infinite."""
    nothing = jnp.equal(share, 0)
    return jnp.where(nothing, 0.0, share * jnp.where(nothing, 1.0, value))


def at_one(x: jax.Array, ends: tuple[float, ...]) -> jax.Array:
    """Where x is one of the ends."""
    found = jnp.zeros(jnp.shape(x), bool)
    for end in ends:
        found = found | (x == end)
    return found


def held(x: jax.Array, *ends: float) -> jax.Array:
    """x, which passes no gradient where it is one of the ends."""
    return jnp.where(at_one(x, ends), jax.lax.stop_gradient(x), x)


def inside(x: jax.Array) -> jax.Array:
    """x where it is positive and finite, else 1."""
    return jnp.where((x == 0) | jnp.isinf(x), 1.0, x)


def unknown(*points: jax.Array) -> jax.Array:
    """The slope of a function in a variance at 0 or infinity, where only its limit is derived."""
    return jnp.full(jnp.shape(points[0]), jnp.nan)


def at_ends(slopes: tuple[Slope, ...], value: jax.Array, *points: jax.Array) -> jax.Array:
    """A value, to whose derivative in points[k] slopes[k] = (slope, *ends) adds slope(*points) where that is an end."""
    return value


def at_ends_slope(slopes: tuple[Slope, ...], given: tuple[jax.Array, ...], rates: tuple[jax.Array, ...]) -> Any:
    """The value of `at_ends`, and its derivative."""
    (value, *points), (rate, *moves) = given, rates
    for (slope, *ends), point, move in zip(slopes, points, moves, strict=False):
        if ends:
            rate = rate + move * jnp.where(at_one(point, tuple(ends)), slope(*points), 0.0)
    return differentiable_ends()(slopes, value, *points), rate


@cache
def differentiable_ends() -> Any:
    """`at_ends`, as JAX differentiates it."""
    rule: Any = jax.custom_jvp(at_ends, nondiff_argnums=(0,))
    rule.defjvp(at_ends_slope)
    return rule


def with_ends(value: jax.Array, slopes: list[Slope], points: list[jax.Array]) -> jax.Array:
    """`at_ends` of points that broadcast to the value."""
    return differentiable_ends()(tuple(slopes), *jnp.broadcast_arrays(value, *points))


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


def over_pairs(term: Callable[..., Any], decay: int, variance: Any, *others: Any) -> jax.Array:
    """E term(a + b, spread, min(V, 1), 1 / max(V, 1), *others) over max(V, 1)^decay, a = s^2 and b independent.

    spread is (V + a)(V + b) - V^2 over max(V, 1)^2. No number where V < 0. Variances beyond 1e200, of float32 1e30,
    count as that in it. Evaluated in the widest type, returned in that of the arguments.
    """
    dtype, wide = jnp.result_type(variance, *others), jnp.result_type(float)
    v, *rest = (jnp.asarray(each, wide)[..., None] for each in jnp.broadcast_arrays(variance, *others))
    total, product, weight = (jnp.asarray(column, wide) for column in mixture_pairs())
    v = jnp.where(v >= 0, v, jnp.nan)
    low, most = jnp.where(v > 1, 1.0, v), jnp.where(v > 1, v, 1.0)
    high = 1 / jnp.minimum(most, 1e200 if wide == jnp.float64 else 1e30)
    terms = term(total, low * high * total + high * high * product, low, high, *rest)
    return (jnp.sum(weight * terms, -1) / most[..., 0] ** decay).astype(dtype)


def correlations(rho: jax.Array) -> jax.Array:
    """rho, where a magnitude of 1 plus a ratio's rounding counts as 1; no number beyond."""
    excess = jax.lax.stop_gradient(rho - jnp.clip(rho, -1, 1))
    return jnp.where(jnp.abs(excess) <= 4 * jnp.finfo(rho.dtype).eps, rho - excess, jnp.nan)


def distances(value: jax.Array, largest: float) -> jax.Array:
    """value in [0, largest], where 8 ulp of 1 beyond are rounding and count as the end; no number further out."""
    excess = jax.lax.stop_gradient(value - jnp.clip(value, 0, largest))
    return jnp.where(jnp.abs(excess) <= 8 * jnp.finfo(value.dtype).eps, value - excess, jnp.nan)


def tanh_mean(mean: Any, variance: Any, order: int = 0) -> jax.Array:
    """E tanh(u), u ~ N(mean, variance), or its derivative in the mean of that order; mean and variance broadcast."""
    dtype, wide = jnp.result_type(mean, variance), jnp.result_type(float)
    nodes, weights = (jnp.asarray(column, wide) for column in mixture_rule(1 / 9))
    m, v = (jnp.asarray(each, wide)[..., None] for each in jnp.broadcast_arrays(mean, variance))
    width = jnp.sqrt(jnp.where(v >= 0, v, jnp.nan) + jnp.exp(2 * nodes))
    x = jnp.clip(m / width, -50, 50)  # beyond, erf is 1 and the density 0
    if order == 0:
        return jnp.sum(weights * special.erf(x / jnp.sqrt(2.0)), -1).astype(dtype)
    before, hermite = jnp.zeros_like(x), jnp.ones_like(x)
    for k in range(order - 1):
        before, hermite = hermite, x * hermite - k * before
    terms = weights * hermite * jnp.exp(-x * x / 2) / (-width) ** order
    return (jnp.sum(terms, -1) * -jnp.sqrt(2 / jnp.pi)).astype(dtype)


def tanh_overlap(variance: Any, correlation: Any) -> jax.Array:
    """E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation, by the arcsine law."""

    def term(_: Any, spread: Any, low: Any, __: Any, r: Any) -> Any:
        r = correlations(r)
        return jnp.arctan(r * low / jnp.sqrt(low * low * (1 - r) * (1 + r) + spread))

    return over_pairs(term, 0, variance, correlation)


def tanh_difference(variance: Any, rest: Any, drop: Any) -> jax.Array:
    """tanh_overlap at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish."""

    def term(_: Any, spread: Any, low: Any, __: Any, near: Any, fall: Any) -> Any:
        near, fall = distances(near, 2), distances(fall, 2)
        beyond = jnp.maximum(2 - jnp.maximum(near, fall) - jnp.minimum(near, fall), 0)  # exact as it vanishes
        first = jnp.sqrt(low * low * near * (2 - near) + spread)
        second = jnp.sqrt(low * low * (near + fall) * beyond + spread)
        return jnp.arctan(fall * low / (first + second))

    return 2 * over_pairs(term, 0, variance, rest, drop)


def tanh_slope_overlap(variance: Any, apart: Any) -> jax.Array:
    """E tanh'(u) tanh'(v), u and v of mean 0, one variance in [0, inf] and correlation r, apart = 1 - r^2."""

    def term(_: Any, spread: Any, low: Any, __: Any, square: Any) -> Any:
        return 1 / jnp.sqrt(low * low * distances(square, 1) + spread)

    return over_pairs(term, 1, variance, apart)


def tanh_curvature_overlap(variance: Any, apart: Any) -> jax.Array:
    """E tanh''(u) tanh''(v) / r, the arguments as in tanh_slope_overlap."""

    def term(_: Any, spread: Any, low: Any, high: Any, square: Any) -> Any:
        determinant = low * low * distances(square, 1) + spread
        return low * high / determinant / jnp.sqrt(determinant)

    return over_pairs(term, 1, variance, apart)


def mean(h: jax.Array | float) -> jax.Array:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return jnp.tanh(h / 2)


def second_moment(h: jax.Array | float) -> jax.Array:
    """Second moment, E x^2.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return broadcast(1, h)


def total_map(T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, T, sigma_m2, sigma_b2)


def total_slope(T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0, T, sigma_m2, sigma_b2)


def variance_map(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, q, sigma_m2, sigma_b2)


def variance_slope(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(0, q, sigma_m2, sigma_b2)


def correlation_map(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    c = held(c, -1, 1)
    return with_ends((sigma_b2 + sigma_m2 * tanh_overlap(q / 4, c)) / (1 + sigma_b2), [(chi, -1, 1)], given)


def chi(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = q / 4
    return sigma_m2 * x0 * tanh_slope_overlap(x0, (1 - c) * (1 + c)) / (1 + sigma_b2)


def gap_map(gap: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    gap = held(gap, 0, 2)
    q_inside = inside(q)
    x0 = 1 / (1 + sigma_b2)
    x1 = q_inside / 4
    x2 = (1 - sigma_m2)
    x3 = sigma_m2 * x0
    return with_ends(at_extremes(x0 * (x2 + sigma_m2 * tanh_mean(0, x1, 1)) + x3 * tanh_difference(x1, 0, gap), q, lambda: x0 * (x2 + sigma_m2), lambda: x0 * x2 + 1.2732395447351628 * x3 * jnp.arctan2(gap, jnp.sqrt(gap) * jnp.sqrt(2 - gap))), [(chi_at_gap, 0, 2), (unknown, 0, jnp.inf)], given)


def chi_at_gap(gap: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    q_inside = inside(q)
    x0 = q_inside / 4
    x1 = 2 - gap
    x2 = sigma_m2 / (1 + sigma_b2)
    return with_ends(at_extremes(x0 * x2 * tanh_slope_overlap(x0, gap * x1), q, lambda: 0, lambda: scaled(x2, 0.6366197723675814 / (jnp.sqrt(gap) * jnp.sqrt(x1)))), [(unknown, ), (unknown, 0, jnp.inf)], given)


def replica_map(r: jax.Array | float, T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + sigma_m2 * tanh_overlap(T / 4, r)) / (1 + sigma_b2)


def jacobian(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, 0) / 4, q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, mu_4: jax.Array | float) -> jax.Array:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    x0 = q / 4
    return broadcast(mu_4 * tanh_curvature_overlap(x0, 0) / (16 * (1 - sigma_m2 * tanh_overlap(x0, 1))), q, sigma_m2, sigma_b2, mu_4)


def gradient_growth(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Growth of squared gradients, chi_g.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, 0) / 4, q, sigma_m2, sigma_b2)


def gradient_overlap(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Factor a layer of the overlap of the gradients of two inputs.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, (1 - c) * (1 + c)) / 4, c, q, sigma_m2, sigma_b2)
