"""Gaussian expectations of tanh, which generated JAX modules call: those of logistic_numpy, differentiable."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from meanbits.numerics.emission.runtime.mixture_numpy import mixture_pairs, mixture_rule


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


def tanh_overlap_growth(variance: Any, correlation: Any) -> jax.Array:
    """The derivative of tanh_overlap in the variance, at fixed correlation."""

    def term(total: Any, spread: Any, low: Any, high: Any, r: Any) -> Any:
        r = correlations(r)
        root = jnp.sqrt(low * low * (1 - r) * (1 + r) + spread)
        return r * (spread - low * high / 2 * total) / (low * low + spread) / root

    return over_pairs(term, 1, variance, correlation)


def tanh_slope_growth(variance: Any, apart: Any) -> jax.Array:
    """The derivative of tanh_slope_overlap in the variance, at fixed correlation."""

    def term(total: Any, spread: Any, low: Any, high: Any, square: Any) -> Any:
        square = distances(square, 1)
        determinant = low * low * square + spread
        return -(low * square + high / 2 * total) * high / determinant / jnp.sqrt(determinant)

    return over_pairs(term, 1, variance, apart)
