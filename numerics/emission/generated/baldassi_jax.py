"""baldassi: derived, not written. Baldassi et al. 2018, arXiv 1710.09825.

Weights binary; neurons sign; treatment marginalise; form exact.
"""

from __future__ import annotations

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
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast((sigma_b2 + sigma_m2) * 1 / ((1 - sigma_m2)), q, sigma_m2, sigma_b2)


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
    return with_ends(broadcast((sigma_b2 + c * sigma_m2) / (sigma_b2 + sigma_m2), c, q, sigma_m2, sigma_b2), [(chi, -1, 1)], given)


def chi(c: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 / (sigma_b2 + sigma_m2), c, q, sigma_m2, sigma_b2)


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
    return with_ends(broadcast(gap * portion(sigma_m2, sigma_b2), gap, q, sigma_m2, sigma_b2), [(chi_at_gap, 0, 2)], given)


def chi_at_gap(gap: jax.Array | float, q: jax.Array | float, sigma_m2: jax.Array | float, sigma_b2: jax.Array | float) -> jax.Array:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    return broadcast(portion(sigma_m2, sigma_b2), gap, q, sigma_m2, sigma_b2)
