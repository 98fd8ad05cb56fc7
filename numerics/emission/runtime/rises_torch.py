"""How overlaps of piecewise linear functions rise with the correlation, for Torch: rises_numpy."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.shapes import (
    Shape,
    has_bends,
    line_at,
    middle_value,
    mirrored_lines,
    parity_of,
    threshold_pairs,
    turned_by,
    widest_break,
)
from meanbits.numerics.emission.runtime.strips_torch import (
    correlation_integrals,
    in_blocks_of,
    jump_sum,
    pair_exponent,
    strip_rule,
)
from meanbits.numerics.emission.runtime.wide_torch import from_there, wide_from, wide_overlap, wide_slope


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
    if parity_of(shape) == -1:
        return total + middle_value(shape)
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


def slope_peak(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlation -1 within which bends may give C' a peak."""
    square = widest_break(shape) ** 2 / v
    return 2 * square / (1 + square)


def smooth_slope(shape: Shape, side: int, v: Tensor, near: Tensor) -> Tensor:
    """The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1.

    From its value at correlation 0, or where series end; below, where it falls towards -1 or near that, from -1.
    """
    if not has_bends(shape):
        return torch.zeros_like(v)
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * smooth_slope(shape, 1, v, near)
    begin, x = torch.maximum(wide_from(shape, v), near), near_end(near)
    rest = 2 * (begin - near) / ((2 - near) * (2 - begin) * (near_end(begin) + x))
    change = correlation_integrals(shape, side, v, x, rest)[1]
    value = inner_slope(shape, side, v, begin) + side * change
    if side == -1:
        i = torch.nonzero((change > value) | (near < slope_peak(shape, v)))[:, 0]
        below = correlation_integrals(shape, -1, v[i], torch.zeros_like(x[i]), x[i])[1]
        value[i] = bend_slope(shape, -1, v[i]) + below
    return value


def inner_slope(shape: Shape, side: int, v: Tensor, begin: Tensor) -> Tensor:
    """`smooth_slope` where series end, or at correlation 0."""
    value, i = bend_slope(shape, 1, v), torch.nonzero(begin < 1)[:, 0]
    x = near_end(begin[i])
    jumps = jump_sum(shape, side, v[i], x) * (1 + x * x) / (4 * math.pi * x)
    value[i] = wide_slope(shape, side, v[i], begin[i], 1 - begin[i]) - jumps
    return value


def overlap_rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1).

    By parts its smooth part would cancel across the peak of C' that bends may have near -1: that is cut off.
    """
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * overlap_rise(shape, 1, v, near, fall)
    begin = wide_from(shape, v)
    i = torch.nonzero((begin < 1) & (near + fall > begin))[:, 0]
    first = fall.clone()
    first[i] = torch.minimum(torch.clamp(begin[i] - near[i], min=0), fall[i])
    value = end_rise(shape, side, v, near, first)
    rest = wide_rise(shape, side, v[i], near[i] + first[i], fall[i] - first[i])
    turns = i[value[i] * rest < 0]
    value[i] += rest
    value[turns] = value_rise(shape, side, v[turns], near[turns], fall[turns])
    return value


def value_rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """`overlap_rise` where C turns in between, so that it is of the order of its values."""
    low, high = (overlap_at(shape, side, v, each, 1 - each) for each in (near, torch.clamp(near + fall, max=1)))
    return side * (low - high)


def wide_rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """`overlap_rise` where series serve: their slope, integrated over the logarithm of x."""
    far, total = torch.clamp(near + fall, max=1), torch.zeros_like(v)
    low = near_end(near)
    length = torch.log1p(2 * fall / ((2 - near) * (2 - far) * (low + near_end(far)) * low))
    panels = torch.clamp(torch.ceil(length / 1.5), min=1).to(torch.int64)
    for count in torch.unique(panels).tolist():
        t, w = (column.to(v.device) for column in strip_rule(count))
        for i in in_blocks_of(panels == count, len(w)):
            x = low[i] * torch.exp(length[i] * t)
            up, points = 1 + x * x, (v[i] + 0 * x).reshape(-1)
            slope = wide_slope(shape, side, points, (2 * x * x / up).reshape(-1), ((1 - x * x) / up).reshape(-1))
            total[i] = torch.sum(slope.reshape(x.shape) * (2 * x / up) ** 2 * (length[i] * w), 0)
    return total


def end_rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """`overlap_rise` where series do not serve."""
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * end_rise(shape, 1, v, near, fall)
    if side == 1 or not any(shape[2]):
        return rise_by_parts(shape, side, v, near, fall)
    first = torch.minimum(torch.maximum(slope_peak(shape, v), near), torch.clamp(near + fall, max=1)) - near
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


def overlap_at(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """C at correlation side size, size = 1 - near: by series, or from where they end; side 1 if C is even or odd."""
    begin, wide, value = wide_from(shape, v), from_there(wide_from(shape, v), near), torch.empty_like(v)
    i = torch.nonzero(wide)[:, 0]
    if len(i):
        value[i] = wide_overlap(shape, side, v[i], near[i], size[i])
    i = torch.nonzero(~wide)[:, 0]
    value[i] = end_overlap(shape, side, v[i], near[i], torch.where(begin < 1, begin - near, size)[i])
    return value


def end_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """C nearer to correlation 1, or -1, than where series end, which is as far as fall, or than 0.

    From there; on the side of -1 from -1 where C is smaller there.
    """
    begin, middle = wide_from(shape, v), mean_of(shape, v) ** 2
    i = torch.nonzero(begin < 1)[:, 0]
    middle[i] = wide_overlap(shape, side, v[i], begin[i], 1 - begin[i])
    if side == 1:
        return middle + end_rise(shape, 1, v, near, fall)
    end = opposite_overlap(shape, v)
    from_middle = middle < torch.abs(end)
    rise = end_rise(shape, -1, v, torch.where(from_middle, near, 0.0), torch.where(from_middle, fall, near))
    return torch.where(from_middle, middle - rise, end + rise)


def overlap_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """C at correlations r, all (n,)."""
    value, size = torch.empty_like(v), torch.abs(r)
    if turned_by(shape):
        return overlap_at(shape, 1, v, 1 - size, size) * torch.where(r < 0, float(turned_by(shape)), 1.0).to(v.dtype)
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = torch.nonzero(chosen)[:, 0]
        value[i] = overlap_at(shape, side, v[i], 1 - size[i], size[i])
    return value


def pair_densities(shape: Shape, v: Tensor, far: Tensor) -> Iterator[tuple[Any, ...]]:
    """Of the distinct pairs: V n2(t_i, t_j) at correlation 1 - far, the two parts of its exponent, the four weights."""
    root, up, down = 2 * math.pi * torch.sqrt(far * (2 - far)), 2 / (2 - far) / v, 2 / far / v
    for s, d, *weights in threshold_pairs(shape, 1):
        above, below = pair_exponent(s, up), pair_exponent(d, down)
        value, meet = torch.exp(-above - below), ((far == 0) & (d == 0)) | ((far == 2) & (s == 0))
        density = torch.where(meet, math.inf, torch.where(value == 0, 0.0, value / root))
        yield density, above, below, *weights


def jump_slope(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """J_i J_j V n2(t_i, t_j) at correlation 1 - far."""
    value = 0 * (v + far)
    for density, _, _, jumps, *_ in pair_densities(shape, v, far):
        value = value + (jumps * density if jumps else 0.0)
    return value
