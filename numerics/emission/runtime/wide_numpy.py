"""Piecewise linear functions of fields much wider than their breaks, by moments, which generated NumPy modules call.

Far out f is h(u) = p + q u + s sign(u) + d |u|, and g = f - h is of compact support. E h(u) h(v) is elementary, and
E h(u) g(v) and E g(u) g(v) are power series of moments of g, whose terms do not cancel where sums over breaks do.
A correlation is r = side (1 - near), near <= 1.
"""

import math

import numpy as np

from meanbits.numerics.emission.runtime.shapes import (
    HALVES,
    TERMS,
    Shape,
    break_unit,
    compact_moments,
    far_line,
    graded_moments,
    widest_break,
)

Lines = tuple[float, float, float, float]


def wide_from(shape: Shape, v: np.ndarray) -> np.ndarray:
    """The distance from correlations 1 and -1 from which series serve; 1 where none do."""
    with np.errstate(over="ignore"):
        square = 2 * (widest_break(shape) / np.sqrt(v)) ** 2
    wide = (square > 0) & (square < 1)
    return np.where(wide, square / (1 + np.sqrt(1 - np.where(wide, square, 0.0))), 1.0)


def is_wide(shape: Shape, v: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where series serve."""
    begin = wide_from(shape, v)
    return (begin < 1) & (near >= begin)


def compact_sum(shape: Shape, order: int, v: np.ndarray, r: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, ...]:
    """V^order E F(u) F(v) but for h, F the derivative of f of that order; V times the slope of that in V.

    A moment of t^m adds as 1 / sigma^(m + 1).
    """
    p, q, s, d = far_part(shape, order)
    unit, w = break_unit(shape) / np.sqrt(v), np.sqrt(near * (2 - near))
    y = (unit / w) ** 2 / 2
    at, graded = moments_at(shape, order, y)
    middle, wider = moments_at(shape, order, unit * unit / 2)
    ladder = np.array(HALVES)[:, None] * (2 * r * r * y) ** np.arange(len(HALVES))[:, None]
    odd, more = (np.sum(ladder * each[1::2], 0) * unit * unit * r / (np.pi * w) for each in (at, graded))
    even, rise = (np.sum(ladder * each[2::2], 0) * unit * unit * r * r / (np.pi * w) + w / np.pi * each[0]
                  for each in (at, graded))  # fmt: skip
    density = unit / np.sqrt(2 * np.pi)
    value = 2 * (density * (p * middle[0] + q * r * middle[1]) + s * odd + d * even)
    own = 2 * order - 1
    slope = density * (p * (own * middle[0] - wider[0]) - q * r * wider[1]) + s * (own * odd - more) - d * rise
    rooted, total, change = unit ** (1 - order) / np.sqrt(2 * np.pi * w), np.zeros_like(y), np.zeros_like(y)
    for n, (a, b) in enumerate(zip(at[:TERMS], graded[:TERMS], strict=True)):
        part = rooted * np.sqrt(2 * np.abs(r) * y) ** n / math.sqrt(math.factorial(n)) * np.array([a, b])
        total += np.sign(r) ** n * part[0] ** 2
        change += np.sign(r) ** n * part[0] * ((order - 1) * part[0] - part[1])
    if not (p or q or s or d):
        return total, change
    return total + value * unit ** (-2 * order), change + slope * unit ** (-2 * order)


def far_part(shape: Shape, order: int) -> Lines:
    """`far_line` of the derivative of f of that order, without delta functions."""
    p, q, s, d = far_line(shape)
    return ((p, q, s, d), (q, 0.0, d, 0.0), (0.0,) * 4)[order]


def moments_at(shape: Shape, order: int, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of g exp(-y t^2) t^n, and those terms of the same times their powers of t: each (MOMENTS + 1, n)."""
    tables = compact_moments(shape, order), graded_moments(shape, order)
    first, second = (np.polynomial.polynomial.polyval(y, np.array(each)) for each in tables)
    return first, second


def arcsine(near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """That of size = 1 - near >= 0."""
    return np.where(size < 0.5, np.arcsin(size), np.pi / 2 - 2 * np.arctan(np.sqrt(near / (2 - near))))


def step_overlap(middle: float, half: float, side: int, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Of middle + half sign(u), at correlation side size, size = 1 - near: of positive parts where there are such."""
    left, right, sharp = middle - half, middle + half, np.arctan(np.sqrt(near / (2 - near))) / np.pi
    if side == 1 or left * right < 0:
        return middle * middle + side * half * half * (2 / np.pi) * arcsine(near, size)
    return (left * left + right * right) * sharp + left * right * (1 - 2 * sharp)


def bent_overlap(slope: float, bend: float, side: int, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Of slope u + bend |u| at variance 1."""
    left, right, w = slope - bend, slope + bend, np.sqrt(near * (2 - near))
    if side == 1 or left * right > 0:
        return side * slope * slope * size + bend * bend * (2 / np.pi) * (w + size * arcsine(near, size))
    sharp = 2 * np.arctan(np.sqrt(near / (2 - near)))
    open_part = w + (np.pi - sharp) * size
    return ((left * left + right * right) * sine_less(sharp) - 2 * left * right * open_part) / (2 * np.pi)


def sine_less(x: np.ndarray) -> np.ndarray:
    """sin x - x cos x, 0 <= x <= pi / 2, by its series."""
    total = np.zeros_like(x)
    for k in reversed(range(1, 13)):
        total = 2 * k / math.factorial(2 * k + 1) - x * x * total
    return x**3 * total


def mixed_overlap(lines: Lines, side: int, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Twice that of p + s sign(u) with q u + d |u| at variance 1."""
    p, q, s, d = lines
    if side == 1 or p * d * (s * q) <= 0:
        return (p * d + side * size * (s * q)) * math.sqrt(8 / np.pi)
    return ((p * d + s * q) * near + (p * d - s * q) * (2 - near)) * math.sqrt(2 / np.pi)


def wide_overlap(
    shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """C, and V dC/dV."""
    (far, wider), (value, change) = far_overlap(shape, side, v, near, size), compact_sum(shape, 0, v, side * size, near)
    return far + value, wider + change


def far_overlap(
    shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E h(u) h(v), and V times its slope in V."""
    p, q, s, d = far_line(shape)
    scale = np.sqrt(v) / break_unit(shape)
    mixed = scale * mixed_overlap((p, q, s, d), side, near, size)
    bent = scale * (scale * bent_overlap(q, d, side, near, size))
    return step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent


def wide_slope(
    shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """dC/ds, and V d^2 C/dV ds."""
    _, q, _, d = far_line(shape)
    scale = np.sqrt(v) / break_unit(shape)
    steep = scale * (scale * step_overlap(q, d, side, near, size))
    value, change = compact_sum(shape, 1, v, side * size, near)
    return steep + value, steep + change


def wide_curvature(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """d^2 C/ds^2."""
    return compact_sum(shape, 2, v, side * size, near)[0]
