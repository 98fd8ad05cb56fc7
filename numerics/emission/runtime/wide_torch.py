"""Piecewise linear functions of fields much wider than their breaks, by moments, for Torch: wide_numpy."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.shapes import (
    HALVES,
    TERMS,
    Shape,
    break_unit,
    closed_reach,
    compact_moments,
    far_line,
    graded_moments,
    has_bends,
    is_box,
    widest_break,
)

Lines = tuple[float, float, float, float]
Moments = list[list[float]]


def wide_from(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlations 1 and -1 from which series serve; 1 where none do."""
    square = 2 * (widest_break(shape) / torch.sqrt(v)) ** 2
    wide = (square > 0) & (square < 1)
    return torch.where(wide, square / (1 + torch.sqrt(1 - torch.where(wide, square, 0.0))), 1.0)


def closed_from(shape: Shape, v: Tensor) -> Tensor:
    """`wide_from` of what is in closed form, which loses few digits in fields that are not so wide."""
    return torch.where(v > closed_reach(shape), wide_from(shape, v), 1.0)


def slope_from(shape: Shape, v: Tensor) -> Tensor:
    """`wide_from` of slopes: sums over jumps which do not add up to 0 lose no digits, those of a box few."""
    if is_box(shape):
        return closed_from(shape, v)
    return wide_from(shape, v) if has_bends(shape) or far_line(shape)[2] == 0 else torch.ones_like(v)


def from_there(begin: Tensor, near: Tensor) -> Tensor:
    """Where series serve that begin there."""
    return (begin < 1) & (near >= begin)


def compact_sum(shape: Shape, order: int, v: Tensor, r: Tensor, near: Tensor) -> Tensor:
    """V^order E F(u) F(v) but for E h(u) h(v), F the derivative of f of that order."""
    unit, (p, q, s, d) = break_unit(shape) / torch.sqrt(v), far_part(shape, order)
    moments = compact_moments(shape, order)
    total = torch.zeros_like(unit)
    for n, part in enumerate(pair_roots(moments, order, unit, r, near)):
        total += torch.sign(r) ** n * part**2
    if not (p or q or s or d):
        return total
    level, line, sign, size = far_products(moments, unit, r, near)
    return total + 2 * (p * level + q * line + s * sign + d * size) * unit ** (-2 * order)


def compact_change(shape: Shape, order: int, v: Tensor, r: Tensor, near: Tensor) -> Tensor:
    """V times the slope of `compact_sum` in V: a moment of t^m adds as 1 / sigma^(m + 1), h as sigma or 1."""
    unit, (p, q, s, d) = break_unit(shape) / torch.sqrt(v), far_part(shape, order)
    moments, graded = compact_moments(shape, order), graded_moments(shape, order)
    total = torch.zeros_like(unit)
    pairs = (pair_roots(each, order, unit, r, near) for each in (moments, graded))
    for n, (part, change) in enumerate(zip(*pairs, strict=True)):
        total += torch.sign(r) ** n * part * ((order - 1) * part - change)
    if not (p or q or s or d):
        return total
    level, _, sign, _ = far_products(moments, unit, r, near)
    wider, line, steeper, size = far_products(graded, unit, r, near)
    own = 2 * order - 1
    change = p * (own * level - wider) - q * line + s * (own * sign - steeper) - d * size
    return total + change * unit ** (-2 * order)


def pair_roots(moments: Moments, order: int, unit: Tensor, r: Tensor, near: Tensor) -> Iterator[Tensor]:
    """What is squared in the terms of V^order E F(u) F(v) for h = 0."""
    w = torch.sqrt(near * (2 - near))
    at = power_sums([row[:TERMS] for row in moments], (unit / w) ** 2 / 2)
    factor, root = unit ** (1 - order) / torch.sqrt(2 * math.pi * w), torch.sqrt(torch.abs(r)) * unit / w
    for n in range(TERMS):
        yield factor * at[n]
        factor = factor * root / math.sqrt(n + 1)


def far_products(moments: Moments, unit: Tensor, r: Tensor, near: Tensor) -> tuple[Tensor, ...]:
    """E h(u) g(v) for h = 1, u, sign(u) and |u|, u in units of the widest break."""
    w = torch.sqrt(near * (2 - near))
    y = (unit / w) ** 2 / 2
    at, density = power_sums(moments, y), unit / math.sqrt(2 * math.pi)
    level, line = power_sums([row[:2] for row in moments], unit * unit / 2)
    halves = torch.tensor(HALVES, dtype=y.dtype, device=y.device)[:, None]
    ladder = halves * (2 * r * r * y) ** torch.arange(len(HALVES), device=y.device)[:, None]
    sign, bent = (torch.sum(ladder * each, 0) * unit * unit * r / (math.pi * w) for each in (at[1::2], at[2::2]))
    return density * level, density * r * line, sign, r * bent + w / math.pi * at[0]


def far_part(shape: Shape, order: int) -> Lines:
    """`far_line` of the derivative of f of that order, without delta functions."""
    p, q, s, d = far_line(shape)
    return ((p, q, s, d), (q, 0.0, d, 0.0), (0.0, 0.0, 0.0, 0.0))[order]


def power_sums(table: Moments, y: Tensor) -> Tensor:
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


def far_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """E h(u) h(v), and V times its slope in V."""
    p, q, s, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    mixed = scale * mixed_overlap((p, q, s, d), side, near, size)
    bent = scale * (scale * bent_overlap(q, d, side, near, size))
    return step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent


def wide_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """C."""
    return far_overlap(shape, side, v, near, size)[0] + compact_sum(shape, 0, v, side * size, near)


def wide_growth(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V dC/dV."""
    return far_overlap(shape, side, v, near, size)[1] + compact_change(shape, 0, v, side * size, near)


def steep_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V E h'(u) h'(v), without delta functions."""
    _, q, _, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    return scale * (scale * step_overlap(q, d, side, near, size))


def wide_slope(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """dC/ds."""
    return steep_overlap(shape, side, v, near, size) + compact_sum(shape, 1, v, side * size, near)


def wide_slope_growth(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V d^2 C/dV ds."""
    return steep_overlap(shape, side, v, near, size) + compact_change(shape, 1, v, side * size, near)


def wide_curvature(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """d^2 C/ds^2."""
    return compact_sum(shape, 2, v, side * size, near)
