"""soudry: derived, not written. Soudry, Hubara, Meir 2014, NeurIPS 27.

Weights binary; neurons sign; treatment marginalise; form exact.
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


def at_extremes(value: Any, q: jax.Array, zero: Callable[[], Any], infinity: Callable[[], Any]) -> jax.Array:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    return jnp.where(q == 0, zero(), jnp.where(q == jnp.inf, infinity(), value))


def portion(part: Any, rest: Any) -> jax.Array:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    nothing = jnp.equal(part, 0)
    share = jnp.where(nothing, 0.0, 1 / (1 + rest / jnp.where(nothing, 1.0, part)))
    return jnp.where(jnp.equal(rest, 0) & nothing, 1.0, share)


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


def mean(hbar: jax.Array | float, Sigma: jax.Array | float) -> jax.Array:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return special.erf(0.7071067811865476 * hbar / jnp.sqrt(Sigma))


def second_moment(hbar: jax.Array | float, Sigma: jax.Array | float) -> jax.Array:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return broadcast(1, hbar, Sigma)


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
    given = q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    q = held(q, 0, jnp.inf)
    q_inside = inside(q)
    x0 = 1 / jnp.sqrt(1 + 2 * q_inside)
    x1 = 0.3183098861837907 * sigma_m2
    x2 = (1 - sigma_m2)
    return with_ends(at_extremes((sigma_b2 + 2 * x1 * jnp.arctan(q_inside * x0)) / (x2 + 4 * x1 * jnp.arctan(x0)), q, lambda: sigma_b2 / (x2 + sigma_m2), lambda: (sigma_b2 + sigma_m2) / x2), [(variance_slope, 0, jnp.inf)], given)


def variance_slope(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    q_inside = inside(q)
    x0 = 1 / jnp.sqrt(1 + 2 * q_inside)
    x1 = 0.3183098861837907
    x2 = 2 * x1
    x3 = (1 - sigma_m2)
    x4 = 1 / (x3 + 4 * sigma_m2 * x1 * jnp.arctan(x0))
    x5 = 1 / (x3 + sigma_m2)
    return with_ends(at_extremes(sigma_m2 * ((x0 * x2 * x4)) * (((1 + x4 * (sigma_b2 + sigma_m2 * x2 * jnp.arctan(q_inside * x0))) / (1 + q_inside))), q, lambda: sigma_m2 * ((x2 * x5)) * ((1 + sigma_b2 * x5)), lambda: 0), [(unknown, 0, jnp.inf)], given)


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
    x0 = 3.141592653589793 * sigma_b2
    x1 = 2 * sigma_m2
    return with_ends((x0 + x1 * jnp.arctan2(c * q, jnp.sqrt(1 + q * (1 - c)) * jnp.sqrt(1 + q * (1 + c)))) / (x0 + x1 * jnp.arctan(q / jnp.sqrt(1 + 2 * q))), [(chi, -1, 1)], given)


def chi(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = 2 * q
    return sigma_m2 * x0 / ((3.141592653589793 * sigma_b2 + 2 * sigma_m2 * jnp.arctan(q / jnp.sqrt(1 + x0))) * jnp.sqrt(1 + q * (1 - c)) * jnp.sqrt(1 + q * (1 + c)))


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
    x0 = 0.3183098861837907
    x1 = jnp.sqrt(1 + 2 * q_inside)
    x2 = jnp.arctan(q_inside / x1)
    x3 = 1 / (1 + q_inside)
    x4 = gap * q_inside
    x5 = 2 - gap
    return with_ends(at_extremes(portion(2 * sigma_m2 * x0 * x2, sigma_b2) * ((2 * jnp.arctan2(x3 * x4, x1 * x3 + x3 * jnp.sqrt(1 + x4) * jnp.sqrt(1 + q_inside * x5)) / x2)), q, lambda: gap * portion(0, sigma_b2), lambda: 4 * x0 * portion(sigma_m2, sigma_b2) * jnp.arctan2(gap, jnp.sqrt(gap) * jnp.sqrt(x5))), [(chi_at_gap, 0, 2), (unknown, 0, jnp.inf)], given)


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
    x0 = jnp.arctan(q_inside / jnp.sqrt(1 + 2 * q_inside))
    x1 = 0.6366197723675814
    x2 = 2 - gap
    return with_ends(at_extremes(portion(sigma_m2 * x0 * x1, sigma_b2) * ((q_inside / (x0 * jnp.sqrt(1 + gap * q_inside) * jnp.sqrt(1 + q_inside * x2)))), q, lambda: portion(0, sigma_b2), lambda: scaled(portion(sigma_m2, sigma_b2), x1 / (jnp.sqrt(gap) * jnp.sqrt(x2)))), [(unknown, ), (unknown, 0, jnp.inf)], given)


def replica_map(r: jax.Array | float, T: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return broadcast((sigma_b2 + 0.6366197723675814 * sigma_m2 * jnp.arcsin(r)) / (1 + sigma_b2), r, T, sigma_m2, sigma_b2)


def jacobian(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    T = 1 + sigma_b2
    return broadcast(0.6366197723675814 * sigma_m2 * (1 + q) / (T * jnp.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float, mu_4: jax.Array | float) -> jax.Array:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    T = 1 + sigma_b2
    x0 = 1 / jnp.sqrt(1 + 2 * q)
    return broadcast(0.4052847345693511 * mu_4 * x0 * (1 + q) ** 2 * (2 + q) * jnp.arctan(q * x0 / jnp.sqrt(1 + 4 * q)) / (T * T), q, sigma_m2, sigma_b2, mu_4)


def critical_sigma_m2(q: jax.Array | float) -> jax.Array:
    """Sigma_m2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = jnp.sqrt(1 + 2 * q)
    return 1.5707963267948966 * x0 / (1 + x0 * jnp.arctan(q / x0))


def critical_sigma_b2(q: jax.Array | float) -> jax.Array:
    """Sigma_b2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = jnp.sqrt(1 + 2 * q)
    x1 = x0 * jnp.arctan(q / x0)
    return (q - x1) / (1 + x1)
