"""Clipped bivariate normals, which generated NumPy modules call."""

import numpy as np
from scipy import special

from numerics.quadrature_numpy import Real, batches, correlations, flat_points, unit_interval_rule


def corner_integrals(a: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of D(s) and of (|rho| - s) D(s) over 0 < s < |rho|, D(s) = 2 n2(a, a; s) - 2 n2(a, -a; s), each (n,).

    n2(x, y; s) is the bivariate normal density. x^2 = (1 - s) / (1 + s) turns the first into a difference of Owen's T
    integrals, joined here by expm1. Source: Plackett 1954, Biometrika 41, 351; Owen 1956, Ann. Math. Stat. 27, 1075.
    """
    if np.any(a < 0):
        raise ValueError(f"clipped normals: a = {np.nanmin(a)} is negative; give numbers >= 0")
    r = np.abs(correlations(rho))
    low = np.sqrt((1 - r) / (1 + r))
    width = 2 * r / ((1 + r) * (1 + low))
    first, second = np.full(a.shape, np.nan), np.full(a.shape, np.nan)
    for (t, rest, w), i in batches(unit_interval_rule, 100 / np.where(a > 0, a, 1.0), 1):
        h, k, b = (each[i, None] for each in (a * a / 2, low, width))
        x = k + b * t
        square = 1 + x * x
        density = -2 / np.pi * b * w / square * np.exp(-h * square)
        density *= np.expm1(-h * b * rest * (1 + x) * square / (x * x))
        first[i] = np.sum(density, -1)
        second[i] = np.sum(density * 2 * b * t * (x + k) / (square * (1 + k * k)), -1)
    return first, second


def box_probability(a: Real, rho: Real) -> np.ndarray:
    """P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    It is erf(a / sqrt 2)^2 plus the integral of d/ds P over 0 < s < |rho|. Source: Plackett 1954, Biometrika 41, 351.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    first, _ = corner_integrals(edge, correlation)
    return (special.erf(edge / np.sqrt(2)) ** 2 + first).reshape(shape)[()]


def clip_covariance(a: Real, rho: Real) -> np.ndarray:
    """E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    Its derivative in rho is box_probability (Price 1958, IRE Trans. Inf. Theory 4, 69), integrated here by parts.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    _, second = corner_integrals(edge, correlation)
    inside = special.erf(edge / np.sqrt(2)) ** 2
    return (correlation * inside + np.copysign(second, correlation)).reshape(shape)[()]
