"""Overlaps of piecewise linear functions, which generated Torch modules call: those of piecewise_numpy, with slopes."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from numerics.runtime.logistic_torch import distances
from numerics.runtime.shapes import (
    Shape,
    Table,
    derivative_of,
    has_bends,
    jumps_of,
    line_at,
    middle,
    mirrored_lines,
    parity,
    scaled_slope,
    threshold_pairs,
    widest,
)
from numerics.runtime.slopes_torch import Real, correlations, with_slopes
from numerics.runtime.strips_torch import bend_sum, correlation_integrals, decay, strip_rule


def interval_moments(start: Tensor, end: Tensor, count: int = 3) -> Tensor:
    """Integrals of (z - start)^k over 0 <= start < z < end with the standard normal density, k < count: (count, n)."""
    t, w = (column.to(start.device) for column in strip_rule(2))
    width = torch.minimum(end - start, 84 / (start + torch.sqrt(start * start + 84)))
    z = width * t
    density = width * w * torch.exp(-z * (start + z / 2)) * (torch.exp(-start * start / 2) / math.sqrt(2 * math.pi))
    return torch.stack([torch.sum(density * z**k, 0) for k in range(count)])


def mean_of(shape: Shape, v: Tensor) -> Tensor:
    """E f(u)."""
    sigma, total = torch.sqrt(v), torch.zeros_like(v)
    if parity(shape) == -1:
        return total + middle(shape)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        total += (value + other) * m[0] + sigma * (slope + fall) * m[1]
    return total


def opposite_overlap(shape: Shape, v: Tensor) -> Tensor:
    """E f(u) f(-u): C at correlation -1."""
    sigma, total = torch.sqrt(v), torch.zeros_like(v)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        cross = value * fall + slope * other
        total += 2 * (value * other * m[0] + sigma * cross * m[1] + v * slope * fall * m[2])
    return total


def bend_slope(shape: Shape, side: int, v: Tensor) -> Tensor:
    """The part of C' without a product of jumps, at correlation 0 (side 1) or -1 (side -1)."""
    sigma, total, mean = torch.sqrt(v), torch.zeros_like(v), torch.zeros_like(v)
    for start, end, (_, slope), (_, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)[0]
        mean += (slope - fall) * m
        total -= 2 * v * slope * fall * m
    if side == 1:
        total = v * mean * mean
    for t, jump in zip(*shape[:2], strict=True):
        density = sigma * torch.exp(-((t / sigma) ** 2) / 2) / math.sqrt(2 * math.pi)
        total += 2 * jump * density * (mean if side == 1 else line_at(shape, -t, 0)[1])
    return total


def near_end(distance: Tensor) -> Tensor:
    """sqrt((1 - s) / (1 + s)) at s = 1 - distance."""
    return torch.sqrt(distance / (2 - distance))


def peak(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlation -1 within which bends may give C' a peak."""
    square = widest(shape) ** 2 / v
    return 2 * square / (1 + square)


def smooth_slope(shape: Shape, side: int, v: Tensor, near: Tensor) -> Tensor:
    """The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1.

    From its value at correlation 0; below, where it falls towards -1 or near that, from -1.
    """
    if not has_bends(shape):
        return torch.zeros_like(v)
    if side == -1 and parity(shape) != 0:
        return -parity(shape) * smooth_slope(shape, 1, v, near)
    x = near_end(near)
    rest = 2 * (1 - near) / ((2 - near) * (1 + x))
    change = correlation_integrals(shape, side, v, x, rest)[1]
    value = bend_slope(shape, 1, v) + side * change
    if side == -1:
        i = torch.nonzero((change > value) | (near < peak(shape, v)))[:, 0]
        below = correlation_integrals(shape, -1, v[i], torch.zeros_like(x[i]), x[i])[1]
        value[i] = bend_slope(shape, -1, v[i]) + below
    return value


def rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1).

    By parts its smooth part would cancel across the peak of C' that bends may have near -1: that is cut off.
    """
    if side == -1 and parity(shape) != 0:
        return -parity(shape) * rise(shape, 1, v, near, fall)
    if side == 1 or not any(shape[2]):
        return rise_by_parts(shape, side, v, near, fall)
    first = torch.minimum(torch.maximum(peak(shape, v), near), torch.clamp(near + fall, max=1)) - near
    return rise_by_parts(shape, -1, v, near, first) + rise_by_parts(shape, -1, v, near + first, fall - first)


def rise_by_parts(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """The integral of C', its smooth part by parts from the end where that is smaller."""
    far = torch.clamp(near + fall, max=1)
    low, high = near_end(near), near_end(far)
    width = torch.where(fall == 0, 0.0, 2 * fall / ((2 - near) * (2 - far) * (low + high)))
    jumps, change, from_low, from_high = correlation_integrals(shape, side, v, low, width)
    if not has_bends(shape):
        return jumps
    at_far = (change >= 0) == (side == 1)
    smooth = fall * smooth_slope(shape, side, v, torch.where(at_far, far, near))
    return jumps + smooth + side * torch.where(at_far, from_low, -from_high)


def checked_variance(v: Tensor) -> Tensor:
    """Variances, where 0 counts as the limit. Raises ValueError below."""
    if torch.any(v < 0):
        raise ValueError(f"piecewise linear functions: variance {v.min()} is negative; give numbers >= 0")
    return torch.clamp(v, 1e-306, 1e306)


def overlap_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """piecewise_overlap of (n,)."""
    v = checked_variance(v)
    turned = 0 if parity(shape) == -1 and middle(shape) != 0 else parity(shape)
    size, value, below = torch.abs(r), torch.zeros_like(v), r < 0
    i = torch.nonzero(~below if turned == 0 else torch.ones_like(below))[:, 0]
    value[i] = mean_of(shape, v[i]) ** 2 + rise(shape, 1, v[i], 1 - size[i], size[i])
    if turned != 0:
        return torch.where(below, turned * value, value)
    i = torch.nonzero(below)[:, 0]
    value[i] = opposite_overlap(shape, v[i]) + rise(shape, -1, v[i], torch.zeros_like(v[i]), 1 + r[i])
    return value


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return overlap_values(shape, v, r)

    def in_variance(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_growth(shape, v, r)

    def in_correlation(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_slope(shape, v, 1 - r)

    return with_slopes(values, [in_variance, in_correlation], variance, correlations(correlation))


def piecewise_slope(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """dC/ds at s = 1 - distance, distance in [0, 2]; infinite at 0 where f jumps."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v, value = checked_variance(v), 0 * (v + far)
        for density, _, _, jumps, *_ in pair_densities(shape, v, far):
            value = value + (jumps * density if jumps else 0.0)
        for side, chosen in ((1, ~(far > 1)), (-1, far > 1)):
            i = torch.nonzero(chosen)[:, 0]
            value[i] += smooth_slope(shape, side, v[i], far[i] if side == 1 else 2 - far[i])
        return value

    def in_variance(v: Tensor, far: Tensor) -> Tensor:
        return piecewise_slope_growth(shape, v, far)

    def in_distance(v: Tensor, far: Tensor) -> Tensor:
        return -piecewise_curvature(shape, v, far)

    return with_slopes(values, [in_variance, in_distance], variance, distances(distance, 2))


def pair_densities(shape: Shape, v: Tensor, far: Tensor) -> Iterator[tuple[Any, ...]]:
    """Of the distinct pairs: V n2(t_i, t_j) at correlation 1 - far, the two parts of its exponent, the four weights."""
    root, up, down = 2 * math.pi * torch.sqrt(far * (2 - far)), 2 / (2 - far) / v, 2 / far / v
    for s, d, *weights in threshold_pairs(shape, 1):
        above, below = decay(s, up), decay(d, down)
        value, meet = torch.exp(-above - below), ((far == 0) & (d == 0)) | ((far == 2) & (s == 0))
        density = torch.where(meet, math.inf, torch.where(value == 0, 0.0, value / root))
        yield density, above, below, *weights


def piecewise_difference(shape: Shape, variance: Real, rest: Real, drop: Real) -> Tensor:
    """C at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish."""

    def values(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        v = checked_variance(v)
        value = 0 * (v + near + fall)
        i = torch.nonzero(near < 1)[:, 0]
        value[i] = rise(shape, 1, v[i], near[i], torch.minimum(fall[i], 1 - near[i]))
        i = torch.nonzero(near + fall > 1)[:, 0]
        beyond = torch.where(near[i] > 1, fall[i], near[i] + fall[i] - 1)
        value[i] += rise(shape, -1, v[i], torch.clamp(2 - near[i] - fall[i], min=0), beyond)
        return value

    def in_variance(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return piecewise_growth(shape, v, 1 - near) - piecewise_growth(shape, v, torch.clamp(1 - near - fall, min=-1))

    def in_rest(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return in_drop(v, near, fall) - piecewise_slope(shape, v, near)

    def in_drop(v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return piecewise_slope(shape, v, torch.clamp(near + fall, max=2))

    return with_slopes(values, [in_variance, in_rest, in_drop], variance, distances(rest, 2), distances(drop, 2))


def far_from(t: float, at: float, v: Tensor, far: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Given u = at at correlation 1 - far: t less the mean of v; that in standard deviations, 50 at most; these."""
    spread, apart = torch.sqrt(v * far * (2 - far)), t - at + far * at
    beyond = torch.copysign(torch.minimum(torch.abs(apart), 50 * spread), apart)
    return apart, torch.where(spread > 0, beyond / spread, torch.sign(apart) * 50), spread


def given_field(shape: Shape, v: Tensor, far: Tensor, at: float) -> Tensor:
    """E f(v) given u = at, at correlation 1 - far."""
    total = shape[3][0] + shape[3][1] * (1 - far) * at
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart, beyond, spread = far_from(t, at, v, far)
        tail = torch.erfc(beyond / math.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: Tensor, far: Tensor, at: float) -> Tensor:
    """2 V times the derivative in V of given_field, of a step function."""
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = far_from(t, at, v, far)[1]
        total = total + jump * beyond * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi)
    return total


def normal_density(t: float, v: Tensor) -> Tensor:
    """The density of N(0, v) at t."""
    sigma = torch.sqrt(v)
    return torch.exp(-((t / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)


def growth(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """dC/dV at correlation r = 1 - far: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    inner, total = derivative_of(shape), torch.zeros_like(v)
    if has_bends(shape):
        total = total + (1 - far) * overlap_values(inner, v, 1 - far)
    for t, jump, bend in zip(*shape[:3], strict=True):
        steep = (bend + jump * (t / v)) * given_field(shape, v, far, t)
        if jump and has_bends(shape):
            steep = steep + (1 - far) * jump * given_field(inner, v, far, t)
        total = total + normal_density(t, v) * steep
    return total


def piecewise_growth(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """dC/dV at fixed correlation."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return growth(shape, checked_variance(v), 1 - r)

    return with_slopes(values, [no_slope, no_slope], variance, correlations(correlation))


def no_slope(*points: Tensor) -> Tensor:
    """Where a derivative of third order would be needed. Raises ValueError."""
    raise ValueError("piecewise linear functions: Torch has derivatives of the maps to first order; differentiate once")


def piecewise_curvature(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/ds^2 at s = 1 - distance; infinite at 0 unless f is linear."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v, value = checked_variance(v), 0 * (v + far)
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

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def piecewise_slope_growth(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/dV ds at s = 1 - distance."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v, inner, value = checked_variance(v), derivative_of(shape), 0 * (v + far)
        if has_bends(shape):
            value = overlap_values(inner, v, 1 - far) + v * growth(inner, v, far)
            for t, jump in zip(*shape[:2], strict=True):
                steep = (1 + t * (t / v)) * given_field(inner, v, far, t) + given_widening(inner, v, far, t)
                value = value + jump * normal_density(t, v) * steep
        for density, above, below, jumps, *_ in pair_densities(shape, v, far):
            counts = (density > 0) & (above + below > 0) & (jumps != 0)
            value = value + torch.where(counts, jumps * density * (above + below) / v, 0.0)
        return value

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def piecewise_mean(table: Table, variance: Real) -> Tensor:
    """E F(u) for u of mean 0, F even: from each start s >= 0 to the next a polynomial in |u| - s."""

    def values(v: Tensor) -> Tensor:
        v = checked_variance(v)
        sigma, total = torch.sqrt(v), torch.zeros_like(v)
        for start, end, row in zip(table[0], (*table[0][1:], math.inf), table[1], strict=True):
            moments = interval_moments(start / sigma, end / sigma, len(row))
            for k, c in enumerate(row):
                total = total + 2 * c * sigma**k * moments[k]
        return total

    def in_variance(v: Tensor) -> Tensor:
        total = piecewise_mean(scaled_slope(table), v) / 2
        for start, jump in jumps_of(table):
            total = total + jump * start * normal_density(start, v)
        return total / v

    return with_slopes(values, [in_variance], variance)
