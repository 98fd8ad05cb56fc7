"""Means of odd functions of a Gaussian field, to their last digits near 0, which generated NumPy modules call."""

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.quadrature_numpy import Real, flat_points
from meanbits.numerics.emission.runtime.strips_numpy import strip_rule

FLAT = 6.0  # 1 - erf there, and exp(-x^2), are below 2^-53


def erf_pair(x: Real, y: Real) -> np.ndarray:
    """(erf(x + y) + erf(x - y)) / 2; x and y broadcast.

    Near 0 an integral of exp(-t^2), elsewhere of terms that differ.
    """
    shape, (first, second) = flat_points(x, y)
    size, far = np.abs(first), np.abs(second)
    value = np.where(size < far, special.erfc(far - size) - special.erfc(far + size),
                     special.erf(size + far) + special.erf(size - far)) / 2  # fmt: skip
    i = np.flatnonzero((size < 1) & (4 * np.minimum(size, 1.0) * np.minimum(far, 1e300) < 1))
    t, w = strip_rule(1)
    with np.errstate(over="ignore"):  # exp(-inf) = 0
        bells = np.exp(-((far[i] + size[i] * (2 * t - 1)) ** 2))
    value[i] = 2 * size[i] / np.sqrt(np.pi) * np.sum(w * bells, 0)
    return np.copysign(value, first).reshape(shape)[()]


def clip_mean(mean: Real, variance: Real) -> np.ndarray:
    """E clip(u, -1, 1) for u of this mean and variance >= 0, which broadcast: an average of erf, which is 1 far out."""
    shape, (h, v) = flat_points(mean, variance)
    size, spread = np.abs(h), np.maximum(np.sqrt(2 * v), 1e-300)
    inner, low = np.minimum(size, 1.0), np.abs(1 - size)
    width = np.maximum(2 * inner, 1e-300)
    with np.errstate(over="ignore"):  # what overflows counts as far out
        reach = np.clip((FLAT * spread - low) / width, 0, 1)
        t, w = strip_rule(3)
        near = np.sum(w * special.erf((low + width * reach * t) / spread), 0)
    return np.copysign(inner * (reach * near + (1 - reach)), h).reshape(shape)[()]


def laplace_mean(mean: Real, variance: Real) -> np.ndarray:
    """E sign(u) (1 - exp(-|u|)) for u of this mean and variance >= 0, which broadcast: an integral of its slope."""
    shape, (h, v) = flat_points(mean, variance)
    size, root = np.abs(h), np.sqrt(v / 2)
    with np.errstate(over="ignore"):
        end = size / np.maximum(2 * root, 1e-300)
        value = np.where(root < end, -np.expm1(v / 2 - size), 1.0)
    i = np.flatnonzero(end <= FLAT)
    t, w = strip_rule(3)
    x = end[i] * t
    slope = np.exp(-x * x) * (special.erfcx(root[i] - x) + special.erfcx(root[i] + x)) / 2
    value[i] = size[i] * np.sum(w * slope, 0)
    return np.copysign(value + 0 * (h + v), h).reshape(shape)[()]
