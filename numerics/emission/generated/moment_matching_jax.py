"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
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


def arc_cosine_kernel(delta: jax.Array) -> jax.Array:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * jnp.arcsin(jnp.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return jnp.where(t < 1, series, jnp.sin(t) - t * jnp.cos(t)) / (2 * jnp.pi)


def arc_cosine_difference(rest: jax.Array, drop: jax.Array) -> jax.Array:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop."""
    outer = rest + drop
    half = jnp.arctan2(drop, jnp.sqrt(rest * (2 - rest)) + jnp.sqrt(outer * (2 - outer)))
    mid = 2 * jnp.arcsin(jnp.sqrt(rest / 2)) + half
    inner = 2 * jnp.sin(half / 2) ** 2
    return (jnp.pi - mid) * jnp.sin(mid) * jnp.sin(half) / jnp.pi - 2 * jnp.cos(mid) * arc_cosine_kernel(inner)


def at_extremes(value: Any, q: jax.Array, zero: Callable[[], Any], infinity: Callable[[], Any]) -> jax.Array:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    return jnp.where(q == 0, zero(), jnp.where(q == jnp.inf, infinity(), value))


def portion(part: Any, rest: Any) -> jax.Array:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    nothing = jnp.equal(part, 0)
    share = jnp.where(nothing, 0.0, 1 / (1 + rest / jnp.where(nothing, 1.0, part)))
    return jnp.where(jnp.equal(rest, 0) & nothing, 1.0, share)


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


def mean(hbar: jax.Array | float, Sigma: jax.Array | float) -> jax.Array:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = hbar / 2
    x1 = 1.4142135623730951
    x2 = jnp.sqrt(Sigma)
    return x0 + x0 * special.erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * jnp.exp(-hbar * hbar / (2 * Sigma))


def second_moment(hbar: jax.Array | float, Sigma: jax.Array | float) -> jax.Array:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = Sigma / 2
    x1 = hbar * hbar / 2
    x2 = 1.4142135623730951
    x3 = jnp.sqrt(Sigma)
    x4 = hbar / 2
    x5 = special.erf(x2 * x4 / x3)
    return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * jnp.exp(-x1 / Sigma))


def total_map(T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    T = held(T, 0, jnp.inf)
    return with_ends(broadcast(sigma_b2 + T / 2, T, sigma_m2, sigma_b2), [(total_slope, 0, jnp.inf)], given)


def total_slope(T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0.5, T, sigma_m2, sigma_b2)


def variance_map(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    q = held(q, 0, jnp.inf)
    q_inside = inside(q)
    x0 = 1 / (1 + q_inside)
    x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q_inside))
    x2 = (1 - sigma_m2)
    x3 = T / 2
    x4 = 0.3183098861837907 * x3
    return with_ends(at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, lambda: (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), lambda: 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2)), [(variance_slope, 0, jnp.inf)], given)


def variance_slope(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    q_inside = inside(q)
    x0 = 0.3183098861837907
    x1 = 1 / (1 + q_inside)
    x2 = 1 + 2 * q_inside
    x3 = T * arc_cosine_kernel(x1 * x2)
    x4 = 1 - sigma_m2
    x5 = (x4)
    x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1))
    x7 = T / 2
    x8 = x0 * x7
    x9 = 1 / (x7 - x8 + x5 * x8)
    return with_ends(at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * jnp.arctan(jnp.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, lambda: sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), lambda: 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T), [(unknown, 0, jnp.inf)], given)


def correlation_map(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    c = held(c, -1, 1)
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    return with_ends((sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q))), [(chi, -1, 1)], given)


def chi(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    x2 = T * sigma_m2
    x3 = 1 / jnp.sqrt(x0)
    return 0.3183098861837907 * q * x1 * x2 * jnp.arctan2(x3 * jnp.sqrt(1 + q * (1 + c)), x3 * jnp.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)))


def gap_map(gap: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    gap = held(gap, 0, 2)
    q_inside = inside(q)
    x0 = 1 / (1 + q_inside)
    x1 = arc_cosine_kernel(x0 * (1 + 2 * q_inside))
    x2 = T * sigma_m2
    return with_ends(at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q_inside * x0) / x1)), q, lambda: 0, lambda: 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2)), [(chi_at_gap, 0, 2), (unknown, 0, jnp.inf)], given)


def chi_at_gap(gap: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    q_inside = inside(q)
    x0 = 1 + q_inside
    x1 = 1 / x0
    x2 = arc_cosine_kernel(x1 * (1 + 2 * q_inside))
    x3 = T * sigma_m2
    x4 = 0.3183098861837907
    x5 = 1 / jnp.sqrt(x0)
    x6 = 2 - gap
    return with_ends(at_extremes(portion(x2 * x3, sigma_b2) * ((x4 * jnp.arctan2(x5 * jnp.sqrt(1 + q_inside * x6), x5 * jnp.sqrt(1 + gap * q_inside)) * ((q_inside * x1)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * jnp.arctan2(jnp.sqrt(x6), jnp.sqrt(gap))), [(unknown, ), (unknown, 0, jnp.inf)], given)


def replica_map(r: jax.Array | float, T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2)


def jacobian(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, T: jax.Array | float) -> jax.Array:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    return broadcast(0.3183098861837907 * sigma_m2 * jnp.arctan(jnp.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2, T)
