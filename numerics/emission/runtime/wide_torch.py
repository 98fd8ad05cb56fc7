"""Piecewise linear functions of fields much wider than their breaks, by moments, for Torch: wide_numpy."""

import math

import torch
from torch import Tensor

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


def wide_from(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlations 1 and -1 from which series serve; 1 where none do."""
    square = 2 * (widest_break(shape) / torch.sqrt(v)) ** 2
    wide = (square > 0) & (square < 1)
    return torch.where(wide, square / (1 + torch.sqrt(1 - torch.where(wide, square, 0.0))), 1.0)


def is_wide(shape: Shape, v: Tensor, near: Tensor) -> Tensor:
    """Where series serve."""
    begin = wide_from(shape, v)
    return (begin < 1) & (near >= begin)


def compact_sum(shape: Shape, order: int, v: Tensor, r: Tensor, near: Tensor) -> tuple[Tensor, ...]:
    """V^order E F(u) F(v) but for h, F the derivative of f of that order; V times the slope of that in V.

    A moment of t^m adds as 1 / sigma^(m + 1).
    """
    p, q, s, d = far_part(shape, order)
    unit, w = break_unit(shape) / torch.sqrt(v), torch.sqrt(near * (2 - near))
    y = (unit / w) ** 2 / 2
    at, graded = moments_at(shape, order, y)
    middle, wider = moments_at(shape, order, unit * unit / 2)
    halves = torch.tensor(HALVES, dtype=y.dtype, device=y.device)[:, None]
    ladder = halves * (2 * r * r * y) ** torch.arange(len(HALVES), device=y.device)[:, None]
    odd, more = (torch.sum(ladder * each[1::2], 0) * unit * unit * r / (math.pi * w) for each in (at, graded))
    even, rise = (torch.sum(ladder * each[2::2], 0) * unit * unit * r * r / (math.pi * w) + w / math.pi * each[0]
                  for each in (at, graded))  # fmt: skip
    density = unit / math.sqrt(2 * math.pi)
    value = 2 * (density * (p * middle[0] + q * r * middle[1]) + s * odd + d * even)
    own = 2 * order - 1
    slope = density * (p * (own * middle[0] - wider[0]) - q * r * wider[1]) + s * (own * odd - more) - d * rise
    rooted, total, change = unit ** (1 - order) / torch.sqrt(2 * math.pi * w), torch.zeros_like(y), torch.zeros_like(y)
    for n, (a, b) in enumerate(zip(at[:TERMS], graded[:TERMS], strict=True)):
        part = rooted * torch.sqrt(2 * torch.abs(r) * y) ** n / math.sqrt(math.factorial(n)) * torch.stack([a, b])
        total += torch.sign(r) ** n * part[0] ** 2
        change += torch.sign(r) ** n * part[0] * ((order - 1) * part[0] - part[1])
    if not (p or q or s or d):
        return total, change
    return total + value * unit ** (-2 * order), change + slope * unit ** (-2 * order)


def far_part(shape: Shape, order: int) -> Lines:
    """`far_line` of the derivative of f of that order, without delta functions."""
    p, q, s, d = far_line(shape)
    return ((p, q, s, d), (q, 0.0, d, 0.0), (0.0,) * 4)[order]


def moments_at(shape: Shape, order: int, y: Tensor) -> tuple[Tensor, Tensor]:
    """Integrals of g exp(-y t^2) t^n, and those terms of the same times their powers of t: each (MOMENTS + 1, n)."""
    tables = compact_moments(shape, order), graded_moments(shape, order)
    first, second = (power_sums(each, y) for each in tables)
    return first, second


def power_sums(table: list[list[float]], y: Tensor) -> Tensor:
    """Polynomials of y: (n of a row, n of y)."""
    rows = torch.tensor(table, dtype=y.dtype, device=y.device)[..., None]
    total = torch.zeros_like(rows[0] * y)
    for row in rows.flip(0):
        total = total * y + row
    return total


def arcsine(near: Tensor, size: Tensor) -> Tensor:
    """That of size = 1 - near >= 0."""
    return torch.where(size < 0.5, torch.arcsin(size), math.pi / 2 - 2 * torch.arctan(torch.sqrt(near / (2 - near))))


def step_overlap(middle: float, half: float, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Of middle + half sign(u), at correlation side size, size = 1 - near: of positive parts where there are such."""
    left, right, sharp = middle - half, middle + half, torch.arctan(torch.sqrt(near / (2 - near))) / math.pi
    if side == 1 or left * right < 0:
        return middle * middle + side * half * half * (2 / math.pi) * arcsine(near, size)
    return (left * left + right * right) * sharp + left * right * (1 - 2 * sharp)


def bent_overlap(slope: float, bend: float, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Of slope u + bend |u| at variance 1."""
    left, right, w = slope - bend, slope + bend, torch.sqrt(near * (2 - near))
    if side == 1 or left * right > 0:
        return side * slope * slope * size + bend * bend * (2 / math.pi) * (w + size * arcsine(near, size))
    sharp = 2 * torch.arctan(torch.sqrt(near / (2 - near)))
    open_part = w + (math.pi - sharp) * size
    return ((left * left + right * right) * sine_less(sharp) - 2 * left * right * open_part) / (2 * math.pi)


def sine_less(x: Tensor) -> Tensor:
    """sin x - x cos x, 0 <= x <= pi / 2, by its series."""
    total = torch.zeros_like(x)
    for k in reversed(range(1, 13)):
        total = 2 * k / math.factorial(2 * k + 1) - x * x * total
    return x**3 * total


def mixed_overlap(lines: Lines, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Twice that of p + s sign(u) with q u + d |u| at variance 1."""
    p, q, s, d = lines
    if side == 1 or p * d * (s * q) <= 0:
        return (p * d + side * size * (s * q)) * math.sqrt(8 / math.pi)
    return ((p * d + s * q) * near + (p * d - s * q) * (2 - near)) * math.sqrt(2 / math.pi)


def wide_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """C, and V dC/dV."""
    (far, wider), (value, change) = far_overlap(shape, side, v, near, size), compact_sum(shape, 0, v, side * size, near)
    return far + value, wider + change


def far_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """E h(u) h(v), and V times its slope in V."""
    p, q, s, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    mixed = scale * mixed_overlap((p, q, s, d), side, near, size)
    bent = scale * (scale * bent_overlap(q, d, side, near, size))
    return step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent


def wide_slope(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """dC/ds, and V d^2 C/dV ds."""
    _, q, _, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    steep = scale * (scale * step_overlap(q, d, side, near, size))
    value, change = compact_sum(shape, 1, v, side * size, near)
    return steep + value, steep + change


def wide_curvature(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """d^2 C/ds^2."""
    return compact_sum(shape, 2, v, side * size, near)[0]
