"""How overlaps of piecewise linear functions rise with the correlation, which generated NumPy modules call.

C(s) = E f(u) f(v), u and v of mean 0, variance V > 0 and correlation s. C' is J_i J_j V n2(t_i, t_j) and a part,
without products of jumps, whose slope is elementary too; `strips_numpy` integrates both. Sources: Price 1958, IRE
Trans. Inf. Theory 4, 69; Plackett 1954, Biometrika 41, 351.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from meanbits.numerics.emission.runtime.quadrature_numpy import Real
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
from meanbits.numerics.emission.runtime.strips_numpy import (
    correlation_integrals,
    in_blocks_of,
    jump_sum,
    pair_exponent,
    strip_rule,
)
from meanbits.numerics.emission.runtime.wide_numpy import from_there, wide_from, wide_overlap, wide_slope


def interval_moments(start: np.ndarray, end: np.ndarray, count: int = 3) -> np.ndarray:
    """Integrals of (z - start)^k over 0 <= start < z < end with the standard normal density, k < count: (count, n)."""
    t, w = strip_rule(2)
    width = np.minimum(end - start, 84 / (start + np.sqrt(start * start + 84)))
    z = width * t
    density = width * w * np.exp(-z * (start + z / 2)) * (np.exp(-start * start / 2) / np.sqrt(2 * np.pi))
    return np.stack([np.sum(density * z**k, 0) for k in range(count)])


def mean_of(shape: Shape, v: np.ndarray) -> np.ndarray:
    """E f(u)."""
    sigma, total = np.sqrt(v), np.zeros_like(v)
    if parity_of(shape) == -1:
        return total + middle_value(shape)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        total += (value + other) * m[0] + sigma * (slope + fall) * m[1]
    return total


def opposite_overlap(shape: Shape, v: np.ndarray) -> np.ndarray:
    """E f(u) f(-u): C at correlation -1."""
    sigma, total = np.sqrt(v), np.zeros_like(v)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        cross = value * fall + slope * other
        total += 2 * (value * other * m[0] + sigma * cross * m[1] + v * slope * fall * m[2])
    return total


def bend_slope(shape: Shape, side: int, v: np.ndarray) -> np.ndarray:
    """The part of C' without a product of jumps, at correlation 0 (side 1) or -1 (side -1)."""
    sigma, total, mean = np.sqrt(v), np.zeros_like(v), np.zeros_like(v)
    for start, end, (_, slope), (_, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)[0]
        mean += (slope - fall) * m
        total -= 2 * v * slope * fall * m
    if side == 1:
        total = v * mean * mean
    for t, jump in zip(*shape[:2], strict=True):
        density = sigma * np.exp(-((t / sigma) ** 2) / 2) / np.sqrt(2 * np.pi)
        total += 2 * jump * density * (mean if side == 1 else line_at(shape, -t, 0)[1])
    return total


def near_end(distance: np.ndarray) -> np.ndarray:
    """sqrt((1 - s) / (1 + s)) at s = 1 - distance."""
    return np.sqrt(distance / (2 - distance))


def slope_peak(shape: Shape, v: np.ndarray) -> np.ndarray:
    """The distance from correlation -1 within which bends may give C' a peak."""
    square = widest_break(shape) ** 2 / v
    return 2 * square / (1 + square)


def smooth_slope(shape: Shape, side: int, v: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1.

    f bends. From its value at correlation 0, or where series end; below, where it falls towards -1 or near that, from
    -1.
    """
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * smooth_slope(shape, 1, v, near)
    begin, x = np.maximum(wide_from(shape, v), near), near_end(near)
    rest = 2 * (begin - near) / ((2 - near) * (2 - begin) * (near_end(begin) + x))
    change = correlation_integrals(shape, side, v, x, rest)[1]
    value = inner_slope(shape, side, v, begin) + side * change
    if side == -1:
        i = np.flatnonzero((change > value) | (near < slope_peak(shape, v)))
        value[i] = bend_slope(shape, -1, v[i]) + correlation_integrals(shape, -1, v[i], np.zeros_like(x[i]), x[i])[1]
    return value


def inner_slope(shape: Shape, side: int, v: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """`smooth_slope` where series end, or at correlation 0."""
    value, i = bend_slope(shape, 1, v), np.flatnonzero(begin < 1)
    x = near_end(begin[i])
    jumps = jump_sum(shape, side, v[i], x) * (1 + x * x) / (4 * np.pi * x)
    value[i] = wide_slope(shape, side, v[i], begin[i], 1 - begin[i]) - jumps
    return value


def overlap_rise(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1).

    By parts its smooth part would cancel across the peak of C' that bends may have near -1: that is cut off.
    """
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * overlap_rise(shape, 1, v, near, fall)
    begin = wide_from(shape, v)
    i = np.flatnonzero((begin < 1) & (near + fall > begin))
    first = fall.copy()
    first[i] = np.clip(begin[i] - near[i], 0, fall[i])
    value = end_rise(shape, side, v, near, first)
    rest = wide_rise(shape, side, v[i], near[i] + first[i], fall[i] - first[i])
    turns = i[value[i] * rest < 0]
    value[i] += rest
    value[turns] = value_rise(shape, side, v[turns], near[turns], fall[turns])
    return value


def value_rise(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """`overlap_rise` where C turns in between, so that it is of the order of its values."""
    low, high = (overlap_at(shape, side, v, each, 1 - each) for each in (near, np.minimum(near + fall, 1)))
    return side * (low - high)


def wide_rise(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """`overlap_rise` where series serve: their slope, integrated over the logarithm of x."""
    far, total = np.minimum(near + fall, 1), np.zeros_like(v)
    low = near_end(near)
    length = np.log1p(2 * fall / ((2 - near) * (2 - far) * (low + near_end(far)) * low))
    panels = np.maximum(np.ceil(length / 1.5), 1).astype(np.int64)
    for count in np.unique(panels):
        t, w = strip_rule(int(count))
        for i in in_blocks_of(panels == count, w.size):
            x = low[i] * np.exp(length[i] * t)
            up, points = 1 + x * x, (v[i] + 0 * x).ravel()
            slope = wide_slope(shape, side, points, (2 * x * x / up).ravel(), ((1 - x * x) / up).ravel())
            total[i] = np.sum(slope.reshape(x.shape) * (2 * x / up) ** 2 * (length[i] * w), 0)
    return total


def end_rise(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """`overlap_rise` where series do not serve."""
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * end_rise(shape, 1, v, near, fall)
    if side == 1 or not any(shape[2]):
        return rise_by_parts(shape, side, v, near, fall)
    first = np.clip(slope_peak(shape, v), near, np.minimum(near + fall, 1)) - near
    return rise_by_parts(shape, -1, v, near, first) + rise_by_parts(shape, -1, v, near + first, fall - first)


def overlap_at(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """C at correlation side size, size = 1 - near: by series, or from where they end; side 1 if C is even or odd."""
    begin, wide, value = wide_from(shape, v), from_there(wide_from(shape, v), near), np.empty_like(v)
    i = np.flatnonzero(wide)
    if i.size:
        value[i] = wide_overlap(shape, side, v[i], near[i], size[i])
    i = np.flatnonzero(~wide)
    value[i] = end_overlap(shape, side, v[i], near[i], np.where(begin < 1, begin - near, size)[i])
    return value


def end_overlap(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """C nearer to correlation 1, or -1, than where series end, which is as far as fall, or than 0.

    From there; on the side of -1 from -1 where C is smaller there.
    """
    begin, middle = wide_from(shape, v), mean_of(shape, v) ** 2
    i = np.flatnonzero(begin < 1)
    middle[i] = wide_overlap(shape, side, v[i], begin[i], 1 - begin[i])
    if side == 1:
        return middle + end_rise(shape, 1, v, near, fall)
    end = opposite_overlap(shape, v)
    from_middle = middle < np.abs(end)
    rise = end_rise(shape, -1, v, np.where(from_middle, near, 0.0), np.where(from_middle, fall, near))
    return np.where(from_middle, middle - rise, end + rise)


def rise_by_parts(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """The integral of C', its smooth part by parts from the end where that is smaller."""
    far = np.minimum(near + fall, 1)
    low, high = near_end(near), near_end(far)
    width = np.divide(2 * fall, (2 - near) * (2 - far) * (low + high), out=np.zeros_like(v), where=fall > 0)
    jumps, change, from_low, from_high = correlation_integrals(shape, side, v, low, width)
    if not has_bends(shape):
        return jumps
    at_far = (change >= 0) == (side == 1)
    smooth = fall * smooth_slope(shape, side, v, np.where(at_far, far, near))
    return jumps + smooth + side * np.where(at_far, from_low, -from_high)


def overlap_values(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """C at correlations r, all (n,)."""
    value, size = np.empty_like(v), np.abs(r)
    if turned_by(shape):
        return overlap_at(shape, 1, v, 1 - size, size) * np.where(r < 0, float(turned_by(shape)), 1.0)
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = np.flatnonzero(chosen)
        value[i] = overlap_at(shape, side, v[i], 1 - size[i], size[i])
    return value


def as_given(value: np.ndarray, shape: tuple[int, ...], *arguments: Real) -> np.ndarray:
    """Values in the shape and the floating-point type of the arguments."""
    dtype = np.result_type(*(each if np.isscalar(each) else np.asarray(each) for each in arguments))
    return value.reshape(shape).astype(dtype if dtype.kind == "f" else np.float64)[()]


def checked_variance(v: np.ndarray) -> np.ndarray:
    """Variances, where 0 counts as the limit. Raises ValueError below."""
    if (v < 0).any():
        raise ValueError(f"piecewise linear functions: variance {np.nanmin(v)} is negative; give numbers >= 0")
    return np.clip(v, 1e-306, 1e306)


def pair_densities(shape: Shape, v: np.ndarray, far: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """Of the distinct pairs: V n2(t_i, t_j) at correlation 1 - far, the two parts of its exponent, the four weights."""
    root = 2 * np.pi * np.sqrt(far * (2 - far))
    with np.errstate(divide="ignore", over="ignore"):
        up, down = 2 / (2 - far) / v, 2 / far / v
    for s, d, *weights in threshold_pairs(shape, 1):
        above, below = pair_exponent(s, up), pair_exponent(d, down)
        value, meet = np.exp(-above - below), ((far == 0) & (d == 0)) | ((far == 2) & (s == 0))
        density = np.divide(value, root, out=np.where(meet, np.inf, 0.0), where=(value > 0) & (root > 0))
        yield density, above, below, *weights


def jump_slope(shape: Shape, v: np.ndarray, far: np.ndarray) -> np.ndarray:
    """J_i J_j V n2(t_i, t_j) at correlation 1 - far."""
    return sum((weight * n for n, _, _, weight, *_ in pair_densities(shape, v, far) if weight), 0 * (v + far))
