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
    widest_break,
)
from meanbits.numerics.emission.runtime.strips_numpy import (
    correlation_integrals,
    in_wide_fields,
    pair_exponent,
    strip_rule,
)


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

    From its value at correlation 0; below, where it falls towards -1 or near that, from -1.
    """
    if not has_bends(shape):
        return np.zeros_like(v)
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * smooth_slope(shape, 1, v, near)
    x = near_end(near)
    rest = 2 * (1 - near) / ((2 - near) * (1 + x))
    change = correlation_integrals(shape, side, v, x, rest)[1]
    value = bend_slope(shape, 1, v) + side * change
    if side == -1:
        i = np.flatnonzero((change > value) | (near < slope_peak(shape, v)))
        value[i] = bend_slope(shape, -1, v[i]) + correlation_integrals(shape, -1, v[i], np.zeros_like(x[i]), x[i])[1]
    return value


def overlap_rise(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """C at correlation s = 1 - near less that at s - fall >= 0 (side 1); that at s + fall <= 0, s = near - 1 (-1).

    By parts its smooth part would cancel across the peak of C' that bends may have near -1: that is cut off.
    """
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * overlap_rise(shape, 1, v, near, fall)
    if side == 1 or not any(shape[2]):
        return rise_by_parts(shape, side, v, near, fall)
    first = np.clip(slope_peak(shape, v), near, np.minimum(near + fall, 1)) - near
    return rise_by_parts(shape, -1, v, near, first) + rise_by_parts(shape, -1, v, near + first, fall - first)


def negative_overlap(shape: Shape, v: np.ndarray, near: np.ndarray) -> np.ndarray:
    """C at correlation near - 1 < 0, from that of -1 and 0 where it is smaller."""
    end, middle = opposite_overlap(shape, v), mean_of(shape, v) ** 2
    from_middle = middle < np.abs(end)
    rise = overlap_rise(shape, -1, v, np.where(from_middle, near, 0.0), np.where(from_middle, 1 - near, near))
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
    value = sum((weight * n for n, _, _, weight, *_ in pair_densities(shape, v, far) if weight), 0 * (v + far))
    inside, root = (far > 0) & (far < 2), 2 * np.pi * np.sqrt(far * (2 - far))
    x, width = near_end(far[inside]), v[inside]
    value[inside] = in_wide_fields(shape, 1, 1, width, x, value[inside] * root[inside]) / root[inside]
    return value
