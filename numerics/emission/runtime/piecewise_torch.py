"""Overlaps of piecewise linear functions, which generated Torch modules call: those of piecewise_numpy, with slopes."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.growth_torch import (
    given_field,
    given_widening,
    growth_values,
    normal_density,
    overlap_growth,
)
from meanbits.numerics.emission.runtime.logistic_torch import distances
from meanbits.numerics.emission.runtime.rises_torch import (
    checked_variance,
    interval_moments,
    jump_slope,
    near_end,
    overlap_rise,
    overlap_values,
    pair_densities,
    smooth_slope,
)
from meanbits.numerics.emission.runtime.shapes import Shape, Table, derivative_of, has_bends, scaled_slope, table_jumps
from meanbits.numerics.emission.runtime.slopes_torch import Real, correlations, with_slopes
from meanbits.numerics.emission.runtime.strips_torch import bend_sum
from meanbits.numerics.emission.runtime.wide_torch import (
    closed_from,
    from_there,
    slope_from,
    wide_curvature,
    wide_slope,
    wide_slope_growth,
)


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return overlap_values(shape, checked_variance(v), r)

    def in_variance(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_growth(shape, v, r)

    def in_correlation(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_slope(shape, v, 1 - r)

    return with_slopes(values, [in_variance, in_correlation], variance, correlations(correlation))


def piecewise_slope(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """dC/ds at s = 1 - distance, distance in [0, 2]; infinite at 0 where f jumps."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        begin = slope_from(shape, v)
        value, near = jump_slope(shape, v, far), torch.minimum(far, 2 - far)
        for side, chosen in ((1, ~(far > 1)), (-1, far > 1)):
            i = torch.nonzero(chosen & ~from_there(begin, near))[:, 0]
            value[i] += smooth_slope(shape, side, v[i], near[i])
        for side, i in wide_points(begin, far):
            value[i] = wide_slope(shape, side, v[i], near[i], 1 - near[i])
        return value

    def in_variance(v: Tensor, far: Tensor) -> Tensor:
        return piecewise_slope_growth(shape, v, far)

    def in_distance(v: Tensor, far: Tensor) -> Tensor:
        return -piecewise_curvature(shape, v, far)

    return with_slopes(values, [in_variance, in_distance], variance, distances(distance, 2))


def piecewise_difference(shape: Shape, variance: Real, rest: Real, drop: Real) -> Tensor:
    """C at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish."""

    def values(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        v = checked_variance(v)
        value = 0 * (v + near + fall)
        i = torch.nonzero(near < 1)[:, 0]
        value[i] = overlap_rise(shape, 1, v[i], near[i], torch.minimum(fall[i], 1 - near[i]))
        i = torch.nonzero(near + fall > 1)[:, 0]
        beyond = torch.where(near[i] > 1, fall[i], near[i] + fall[i] - 1)
        value[i] += overlap_rise(shape, -1, v[i], torch.clamp(2 - near[i] - fall[i], min=0), beyond)
        return value

    def in_variance(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return piecewise_growth(shape, v, 1 - near) - piecewise_growth(shape, v, torch.clamp(1 - near - fall, min=-1))

    def in_rest(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return in_drop(v, near, fall) - piecewise_slope(shape, v, near)

    def in_drop(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return piecewise_slope(shape, v, torch.clamp(near + fall, max=2))

    return with_slopes(values, [in_variance, in_rest, in_drop], variance, distances(rest, 2), distances(drop, 2))


def piecewise_growth(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """dC/dV at fixed correlation."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return growth_values(shape, checked_variance(v), r)

    return with_slopes(values, [no_slope, no_slope], variance, correlations(correlation))


def no_slope(*points: Tensor) -> Tensor:
    """Where a derivative of third order would be needed. Raises ValueError."""
    raise ValueError("piecewise linear functions: Torch has derivatives of the maps to first order; differentiate once")


def piecewise_curvature(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/ds^2 at s = 1 - distance; infinite at 0 unless f is linear."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        value, near = end_curvature(shape, v, far), torch.minimum(far, 2 - far)
        for side, i in wide_points(closed_from(shape, v), far):
            value[i] = wide_curvature(shape, side, v[i], near[i], 1 - near[i])
        return value

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def end_curvature(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """d^2 C/ds^2, from every pair of breaks."""
    value = 0 * (v + far)
    inside = torch.nonzero((far > 0) & (far < 2))[:, 0]
    if any(shape[2]):
        x = near_end(far[inside])
        value[inside] += bend_sum(shape, 1, v[inside], x) / x * (1 + x * x) ** 2 / (4 * math.pi)
    for density, above, below, jumps, bends, *_ in pair_densities(shape, v, far):
        rate = (1 - far) / (far * (2 - far)) + above / (2 - far) - below / far
        rate = torch.where((far == 0) | (far == 2), (1 - far) * math.inf, rate)
        if jumps:
            value = value + torch.where(density > 0, jumps * density * rate, 0.0)
        elif bends:
            value = value + torch.where(torch.isinf(density), bends * density, 0.0)
    return value


def wide_points(begin: Tensor, far: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Where series serve that begin there, on either side of correlation 0."""
    wide = from_there(begin, torch.minimum(far, 2 - far))
    for side, chosen in ((1, far <= 1), (-1, far > 1)):
        i = torch.nonzero(wide & chosen)[:, 0]
        if len(i):
            yield side, i


def piecewise_slope_growth(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/dV ds at s = 1 - distance."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        value, near = end_slope_growth(shape, v, far), torch.minimum(far, 2 - far)
        for side, i in wide_points(closed_from(shape, v), far):
            value[i] = wide_slope_growth(shape, side, v[i], near[i], 1 - near[i]) / v[i]
        return value

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def end_slope_growth(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """d^2 C/dV ds, from every break."""
    inner, value, r = derivative_of(shape), 0 * (v + far), 1 - far
    if has_bends(shape):
        value = value + overlap_values(inner, v, r) + v * overlap_growth(inner, v, r)
        for t, jump in zip(*shape[:2], strict=True):
            steep = (1 + t * (t / v)) * given_field(inner, v, r, t) + given_widening(inner, v, r, t)
            value = value + jump * normal_density(t, v) * steep
    for density, above, below, jumps, *_ in pair_densities(shape, v, far):
        counts = (density > 0) & (above + below > 0) & (jumps != 0)
        value = value + torch.where(counts, jumps * density * (above + below) / v, 0.0)
    return value


def piecewise_mean(table: Table, variance: Real) -> Tensor:
    """E F(u) for u of mean 0, F even: from each start s >= 0 to the next a polynomial in |u| - s."""

    def values(v: Tensor) -> Tensor:
        v = checked_variance(v)
        sigma, total, degree = torch.sqrt(v), torch.zeros_like(v), max(map(len, table[1])) - 1
        narrow, wide = sigma.clamp(max=1), sigma.clamp(min=1)  # the highest power last: overflow is no difference
        for start, end, row in zip(table[0], (*table[0][1:], math.inf), table[1], strict=True):
            moments = interval_moments(start / sigma, end / sigma, len(row))
            for k, c in enumerate(row):
                total = total + 2 * c * narrow**k * moments[k] / wide ** (degree - k)
        return total * wide**degree

    def in_variance(v: Tensor) -> Tensor:
        total = piecewise_mean(scaled_slope(table), v) / 2
        for start, jump in table_jumps(table):
            total = total + jump * start * normal_density(start, v)
        return total / v

    return with_slopes(values, [in_variance], variance)
