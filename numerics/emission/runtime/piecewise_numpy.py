"""Overlaps of piecewise linear functions of Gaussian fields, which generated NumPy modules call.

f is given by its shape (`shapes`), C(s) = E f(u) f(v) for u and v of mean 0, variance V and correlation s.
"""

from collections.abc import Iterator

import numpy as np

from meanbits.numerics.emission.runtime.growth_numpy import (
    given_field,
    given_widening,
    growth_values,
    normal_density,
    overlap_growth,
)
from meanbits.numerics.emission.runtime.logistic_numpy import distances
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, correlations, flat_points
from meanbits.numerics.emission.runtime.rises_numpy import (
    as_given,
    checked_variance,
    interval_moments,
    jump_slope,
    near_end,
    overlap_rise,
    overlap_values,
    pair_densities,
    smooth_slope,
)
from meanbits.numerics.emission.runtime.shapes import Shape, Table, derivative_of, has_bends
from meanbits.numerics.emission.runtime.strips_numpy import bend_sum
from meanbits.numerics.emission.runtime.wide_numpy import (
    closed_from,
    from_there,
    slope_from,
    wide_curvature,
    wide_slope,
    wide_slope_growth,
)


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> np.ndarray:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""
    shape_of, (v, r) = flat_points(variance, correlation)
    v, r = checked_variance(v), correlations(r)
    return as_given(overlap_values(shape, v, r), shape_of, variance, correlation)


def piecewise_slope(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """dC/ds at s = 1 - distance, distance in [0, 2]; infinite at 0 where f jumps."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    begin = slope_from(shape, v)
    value, near = jump_slope(shape, v, far), np.minimum(far, 2 - far)
    if has_bends(shape):
        for side, chosen in ((1, far <= 1), (-1, far > 1)):
            i = np.flatnonzero(chosen & ~from_there(begin, near))
            value[i] += smooth_slope(shape, side, v[i], near[i])
    for side, i in wide_points(begin, far):
        value[i] = wide_slope(shape, side, v[i], near[i], 1 - near[i])
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


def piecewise_growth(shape: Shape, variance: Real, correlation: Real) -> np.ndarray:
    """dC/dV at fixed correlation."""
    shape_of, (v, r) = flat_points(variance, correlation)
    return as_given(growth_values(shape, checked_variance(v), correlations(r)), shape_of, variance, correlation)


def piecewise_curvature(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """d^2 C/ds^2 at s = 1 - distance; infinite at 0 unless f is linear."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    value, near = end_curvature(shape, v, far), np.minimum(far, 2 - far)
    for side, i in wide_points(closed_from(shape, v), far):
        value[i] = wide_curvature(shape, side, v[i], near[i], 1 - near[i])
    return as_given(value, shape_of, variance, distance)


def end_curvature(shape: Shape, v: np.ndarray, far: np.ndarray) -> np.ndarray:
    """d^2 C/ds^2, from every pair of breaks."""
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
    return value


def wide_points(begin: np.ndarray, far: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Where series serve that begin there, on either side of correlation 0."""
    wide = from_there(begin, np.minimum(far, 2 - far))
    for side, chosen in ((1, far <= 1), (-1, far > 1)):
        i = np.flatnonzero(wide & chosen)
        if i.size:
            yield side, i


def piecewise_slope_growth(shape: Shape, variance: Real, distance: Real) -> np.ndarray:
    """d^2 C/dV ds at s = 1 - distance."""
    shape_of, (v, far) = flat_points(variance, distance)
    v, far = checked_variance(v), distances(far, 2)
    value, near = end_slope_growth(shape, v, far), np.minimum(far, 2 - far)
    for side, i in wide_points(closed_from(shape, v), far):
        value[i] = wide_slope_growth(shape, side, v[i], near[i], 1 - near[i]) / v[i]
    return as_given(value, shape_of, variance, distance)


def end_slope_growth(shape: Shape, v: np.ndarray, far: np.ndarray) -> np.ndarray:
    """d^2 C/dV ds, from every break."""
    inner, value = derivative_of(shape), 0 * (v + far)
    if has_bends(shape):
        value += overlap_values(inner, v, 1 - far) + v * overlap_growth(inner, v, 1 - far)
        for t, jump in zip(*shape[:2], strict=True):
            steep = (1 + t * (t / v)) * given_field(inner, v, 1 - far, t) + given_widening(inner, v, 1 - far, t)
            value += jump * normal_density(t, v) * steep
    with np.errstate(all="ignore"):  # what overflows is infinite
        for density, above, below, jumps, *_ in pair_densities(shape, v, far):
            exponent = above + below
            value += np.where((density > 0) & (exponent > 0) & (jumps != 0), jumps * density * exponent / v, 0.0)
    return value


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
