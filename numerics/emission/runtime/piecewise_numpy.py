"""Overlaps of piecewise linear functions of Gaussian fields, which generated NumPy modules call.

f is given by its shape (`shapes`), C(s) = E f(u) f(v) for u and v of mean 0, variance V and correlation s.
"""

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.logistic_numpy import distances
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, correlations, flat_points
from meanbits.numerics.emission.runtime.rises_numpy import (
    as_given,
    checked_variance,
    interval_moments,
    jump_slope,
    mean_of,
    near_end,
    negative_overlap,
    overlap_rise,
    pair_densities,
    smooth_slope,
)
from meanbits.numerics.emission.runtime.shapes import Shape, Table, derivative_of, has_bends, middle_value, parity_of
from meanbits.numerics.emission.runtime.strips_numpy import bend_sum


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> np.ndarray:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""
    shape_of, (v, r) = flat_points(variance, correlation)
    v, r = checked_variance(v), correlations(r)
    turned = 0 if parity_of(shape) == -1 and middle_value(shape) != 0 else parity_of(shape)
    size, value = np.abs(r), np.zeros_like(v)
    i = np.flatnonzero((turned != 0) | ~(r < 0))
    value[i] = mean_of(shape, v[i]) ** 2 + overlap_rise(shape, 1, v[i], 1 - size[i], size[i])
    value = np.where(r < 0, turned, 1.0) * value
    i = np.flatnonzero((turned == 0) & (r < 0))
    value[i] = negative_overlap(shape, v[i], 1 + r[i])
    return as_given(value, shape_of, variance, correlation)


def piecewise_slope(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """dC/ds at s = 1 - distance, distance in [0, 2]; infinite at 0 where f jumps."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    value = jump_slope(shape, v, far)
    if has_bends(shape):
        for side, chosen in ((1, far <= 1), (-1, far > 1)):
            i = np.flatnonzero(chosen)
            value[i] += smooth_slope(shape, side, v[i], far[i] if side == 1 else 2 - far[i])
    return as_given(value, shape_of, variance, distance)


def piecewise_difference(shape: Shape, variance: Real, rest: Real, drop: Real) -> np.ndarray:
    """C at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish."""
    shape_of, (v, near, fall) = flat_points(variance, rest, drop)
    v, near, fall = checked_variance(v), distances(near, 2), distances(fall, 2)
    value = 0 * (v + near + fall)
    i = np.flatnonzero(near < 1)
    value[i] = overlap_rise(shape, 1, v[i], near[i], np.minimum(fall[i], 1 - near[i]))
    i = np.flatnonzero(near + fall > 1)
    beyond = np.where(near[i] > 1, fall[i], near[i] + fall[i] - 1)
    value[i] += overlap_rise(shape, -1, v[i], distances(2 - near[i] - fall[i], 2), beyond)
    return as_given(value, shape_of, variance, rest, drop)


def far_from(t: float, at: float, v: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given u = at at correlation 1 - far: t less the mean of v; that in standard deviations, 50 at most; these."""
    spread, apart = np.sqrt(v * far * (2 - far)), t - at + far * at
    beyond = np.copysign(np.minimum(np.abs(apart), 50 * spread), apart)
    return apart, np.divide(beyond, spread, out=np.sign(apart) * 50, where=spread > 0), spread


def given_field(shape: Shape, v: np.ndarray, far: np.ndarray, at: float) -> np.ndarray:
    """E f(v) given u = at, at correlation 1 - far."""
    total = shape[3][0] + shape[3][1] * (1 - far) * at
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart, beyond, spread = far_from(t, at, v, far)
        tail = special.erfc(beyond / np.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: np.ndarray, far: np.ndarray, at: float) -> np.ndarray:
    """2 V times the derivative in V of given_field, of a step function."""
    total = np.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = far_from(t, at, v, far)[1]
        total += jump * beyond * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi)
    return total


def normal_density(t: float, v: np.ndarray) -> np.ndarray:
    """The density of N(0, v) at t."""
    sigma = np.sqrt(v)
    return np.exp(-((t / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)


def overlap_growth(shape: Shape, v: np.ndarray, far: np.ndarray) -> np.ndarray:
    """dC/dV at correlation r = 1 - far: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    inner, total = derivative_of(shape), np.zeros_like(v)
    if has_bends(shape):
        total += (1 - far) * piecewise_overlap(inner, v, 1 - far)
    for t, jump, bend in zip(*shape[:3], strict=True):
        steep = (bend + jump * (t / v)) * given_field(shape, v, far, t)
        if jump and has_bends(shape):
            steep += (1 - far) * jump * given_field(inner, v, far, t)
        total += normal_density(t, v) * steep
    return total


def piecewise_growth(shape: Shape, variance: Real, correlation: Real) -> np.ndarray:
    """dC/dV at fixed correlation."""
    shape_of, (v, r) = flat_points(variance, correlation)
    return as_given(overlap_growth(shape, checked_variance(v), 1 - correlations(r)), shape_of, variance, correlation)


def piecewise_curvature(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """d^2 C/ds^2 at s = 1 - distance; infinite at 0 unless f is linear."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    value, inside = 0 * (v + far), np.flatnonzero((far > 0) & (far < 2))
    with np.errstate(all="ignore"):  # what overflows is infinite
        if any(shape[2]):
            x = near_end(far[inside])
            value[inside] += bend_sum(shape, 1, v[inside], x) / x * (1 + x * x) ** 2 / (4 * np.pi)
        for density, above, below, jumps, bends, *_ in pair_densities(shape, v, far):
            rate = (1 - far) / (far * (2 - far)) + above / (2 - far) - below / far
            rate = np.where((far == 0) | (far == 2), (1 - far) * np.inf, rate)
            if jumps:
                value += np.where(density > 0, jumps * density * rate, 0.0)
            elif bends:
                value += np.where(np.isinf(density), bends * density, 0.0)
    return as_given(value, shape_of, variance, distance)


def piecewise_slope_growth(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """d^2 C/dV ds at s = 1 - distance."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    inner, value = derivative_of(shape), 0 * (v + far)
    if has_bends(shape):
        value += piecewise_overlap(inner, v, 1 - far) + v * overlap_growth(inner, v, far)
        for t, jump in zip(*shape[:2], strict=True):
            steep = (1 + t * (t / v)) * given_field(inner, v, far, t) + given_widening(inner, v, far, t)
            value += jump * normal_density(t, v) * steep
    with np.errstate(all="ignore"):  # what overflows is infinite
        for density, above, below, jumps, *_ in pair_densities(shape, v, far):
            exponent = above + below
            value += np.where((density > 0) & (exponent > 0) & (jumps != 0), jumps * density * exponent / v, 0.0)
    return as_given(value, shape_of, variance, distance)


def piecewise_mean(table: Table, variance: Real) -> np.ndarray:
    """E F(u) for u of mean 0, F even: from each start s >= 0 to the next a polynomial in |u| - s."""
    shape, (v,) = flat_points(variance)
    v, total = checked_variance(v), np.zeros(v.shape)
    sigma, degree = np.sqrt(v), max(map(len, table[1])) - 1
    narrow, wide = np.minimum(sigma, 1.0), np.maximum(sigma, 1.0)  # the highest power last: overflow is no difference
    with np.errstate(over="ignore"):
        for start, end, row in zip(table[0], (*table[0][1:], np.inf), table[1], strict=True):
            moments = interval_moments(start / sigma, end / sigma, len(row))
            total += sum(2 * c * narrow**k * moment / wide ** (degree - k)
                         for k, (c, moment) in enumerate(zip(row, moments, strict=True)))  # fmt: skip
        total = total * wide**degree
    return as_given(total, shape, variance)
