"""Elementwise functions that generated JAX modules call; `emit` copies those a module uses."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

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


def hard_tanh(u: jax.Array) -> jax.Array:
    """u clipped to [-1, 1]."""
    return jnp.clip(u, -1, 1)


def box(u: jax.Array) -> jax.Array:
    """1 where |u| < 1, else 0."""
    return jnp.where(jnp.abs(u) < 1, 1.0, 0.0)


def sech_squared(u: jax.Array) -> jax.Array:
    """1 - tanh(u)^2, to the last digit far out."""
    decay = jnp.exp(-2 * jnp.abs(u))
    return 4 * decay / (1 + decay) ** 2


def softplus(u: jax.Array) -> jax.Array:
    """log(1 + exp(u))."""
    return jnp.logaddexp(0.0, u)


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


def no_limit() -> float:
    """NaN: the limit at 0 or infinity that is asked for is not derived."""
    return float("nan")


def spike(x: jax.Array) -> jax.Array:
    """Infinite where x is 0, and 0 elsewhere."""
    return jnp.where(x == 0, jnp.inf, 0.0)


def quotient(part: Any, whole: Any, limit: Any) -> jax.Array:
    """part / whole, limit where whole is 0."""
    return jnp.where(jnp.equal(whole, 0), limit, part / jnp.where(jnp.equal(whole, 0), 1.0, whole))


def portion(part: Any, rest: Any) -> jax.Array:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    nothing = jnp.equal(part, 0)
    share = jnp.where(nothing, 0.0, 1 / (1 + rest / jnp.where(nothing, 1.0, part)))
    return jnp.where(jnp.equal(rest, 0) & nothing, 1.0, share)


def scaled(share: Any, value: Any) -> jax.Array:
    """share * value, 0 where share is 0, even if value is infinite."""
    nothing = jnp.equal(share, 0)
    return jnp.where(nothing, 0.0, share * jnp.where(nothing, 1.0, value))


def damped_sinh(a: Any, b: Any) -> jax.Array:
    """exp(-a) sinh(b), |b| <= a."""
    size = jnp.abs(b)
    return jnp.sign(b) * jnp.exp(size - a) * -jnp.expm1(-2 * size) / 2


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
