"""Clipped bivariate normals, which generated NumPy modules call."""

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.quadrature_numpy import (
    Real,
    batches,
    correlations,
    flat_points,
    unit_interval_rule,
)

FARTHEST = 50.0  # the normal density there is exp(-1250), which float64 rounds to 0, as beyond


def strip_integrals(a: np.ndarray, low: np.ndarray, width: np.ndarray, top: Real) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of D(s) and of (r - s) D(s) over s below r, D(s) = 2 n2(a, a; s) - 2 n2(a, -a; s), each (n,).

    n2(x, y; s) is the bivariate normal density. x^2 = (1 - s) / (1 + s) turns the first into a difference of Owen's T
    integrals, joined here by expm1; x runs from low, where s = r, to low + width = 1 - top <= 1.
    Source: Plackett 1954, Biometrika 41, 351; Owen 1956, Ann. Math. Stat. 27, 1075.
    """
    if np.any(a < 0):
        raise ValueError(f"clipped normals: a = {np.nanmin(a)} is negative; give numbers >= 0")
    first, second, ends = np.full(a.shape, np.nan), np.full(a.shape, np.nan), np.broadcast_to(top, a.shape)
    for (t, rest, w), i in batches(unit_interval_rule, 100 / np.where(a > 0, a, 1.0), 1):
        h, k, b, end = (each[i, None] for each in (np.minimum(a, FARTHEST) ** 2 / 2, low, width, ends))
        x = k + b * t
        square = 1 + x * x
        density = -2 / np.pi * b * w / square * np.exp(-h * square)
        with np.errstate(divide="ignore"):  # expm1(-inf) = -1
            density *= np.expm1(-h * (end + b * rest) * (1 + x) * square / (x * x))
        first[i] = np.sum(density, -1)
        second[i] = np.sum(density * 2 * b * t * (x + k) / (square * (1 + k * k)), -1)
    return first, second


def corner_integrals(a: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`strip_integrals` over 0 < s < r = |rho|."""
    r = np.abs(correlations(rho))
    low = np.sqrt((1 - r) / (1 + r))
    return strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), 0.0)


def box_probability(a: Real, rho: Real) -> np.ndarray:
    """P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    It is erf(a / sqrt 2)^2 plus the integral of d/ds P over 0 < s < |rho|. Source: Plackett 1954, Biometrika 41, 351.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    first, _ = corner_integrals(edge, correlation)
    return (special.erf(edge / np.sqrt(2)) ** 2 + first).reshape(shape)[()]


def box_apart(a: Real, apart: Real) -> np.ndarray:
    """box_probability in terms of apart = 1 - rho^2 in [0, 1], to its last digits as that vanishes."""
    shape, (edge, square) = flat_points(a, apart)
    r = np.sqrt(1 - square)
    low = np.sqrt(square) / (1 + r)
    first, _ = strip_integrals(edge, low, 2 * r / ((1 + r) * (1 + low)), 0.0)
    return (special.erf(edge / np.sqrt(2)) ** 2 + first).reshape(shape)[()]


def clip_covariance(a: Real, rho: Real) -> np.ndarray:
    """E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    Its derivative in rho is box_probability (Price 1958, IRE Trans. Inf. Theory 4, 69), integrated here by parts.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    _, second = corner_integrals(edge, correlation)
    inside = special.erf(edge / np.sqrt(2)) ** 2
    return (correlation * inside + np.copysign(second, correlation)).reshape(shape)[()]


def clip_difference(a: Real, rest: Real, drop: Real) -> np.ndarray:
    """clip_covariance at correlation 1 - rest less that at 1 - rest - drop; a, rest and drop broadcast, rest <= 1.

    The integral of box_probability between them, by parts: a sum of positive terms. A correlation below 0 is reached
    by way of 0, about which the covariance is odd.
    """
    shape, (edge, near, fall) = flat_points(a, rest, drop)
    crosses = near + fall > 1
    far, part = np.where(crosses, 1.0, near + fall), np.where(crosses, 1 - near, fall)
    low, high = (np.sqrt(distance / (2 - distance)) for distance in (near, far))
    width = np.divide(2 * part, (2 - near) * (2 - far) * (low + high), out=np.zeros_like(part), where=part > 0)
    below = 2 * (1 - far) / ((2 - far) * (1 + high))
    inside = special.erf(edge / np.sqrt(2)) ** 2 + strip_integrals(edge, high, below, 0.0)[0]
    _, second = strip_integrals(edge, low, width, below)
    beyond = np.where(crosses, near + fall - 1, 0.0)
    value = part * inside + second + clip_covariance(edge, beyond)
    return value.reshape(shape)[()]
