"""Means of odd functions of a Gaussian field, to their last digits near 0, which generated JAX modules call."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special

FLAT = 6.0  # 1 - erf there, and exp(-x^2), are below 2^-53


def legendre_panels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on (0, 1) and weights of Gauss and Legendre in so many panels, each (16 count,)."""
    x, w = np.polynomial.legendre.leggauss(16)
    nodes = (np.arange(count)[:, None] + (x + 1) / 2) / count
    return nodes.ravel(), np.tile(w / (2 * count), count)


def erf_pair(x: Any, y: Any) -> jax.Array:
    """(erf(x + y) + erf(x - y)) / 2: near 0 an integral of exp(-t^2), elsewhere of terms that differ."""
    x, y = jnp.broadcast_arrays(x, y)
    size, far, (t, w) = jnp.abs(x), jnp.abs(y), legendre_panels(1)
    close = (size < 1) & (4 * size * far < 1)
    inside, offset = jnp.where(close, x, 0.0), jnp.where(close, y, 0.0)
    shifted = offset[..., None] + inside[..., None] * (2 * t - 1)
    near = 2 * inside / np.sqrt(np.pi) * (jnp.exp(-(shifted**2)) @ w)
    apart = special.erfc(far - size) - special.erfc(far + size)
    beside = special.erf(size + far) + special.erf(size - far)
    return jnp.where(close, near, jnp.sign(x) * jnp.where(size < far, apart, beside) / 2)


def clip_mean(mean: Any, variance: Any) -> jax.Array:
    """E clip(u, -1, 1) for u of this mean and variance >= 0: an average of erf, which is 1 far out."""
    h, v = jnp.broadcast_arrays(mean, variance)
    size, (t, w), least = jnp.abs(h), legendre_panels(3), jnp.finfo(jnp.result_type(h, float)).tiny
    spread, low = jnp.maximum(jnp.sqrt(2 * v), least), jnp.abs(1 - size)
    width = jnp.maximum(2 * jnp.minimum(size, 1.0), least)
    reach = jnp.clip((FLAT * spread - low) / width, 0, 1)
    near = special.erf((low[..., None] + (width * reach)[..., None] * t) / spread[..., None]) @ w
    return jnp.clip(h, -1, 1) * (reach * near + (1 - reach))
