"""How overlaps of piecewise linear functions change with the variance, for Torch: growth_numpy."""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.rises_torch import overlap_values
from meanbits.numerics.emission.runtime.shapes import (
    Shape,
    bent_lines,
    break_unit,
    derivative_of,
    far_line,
    has_bends,
    widest_break,
)
from meanbits.numerics.emission.runtime.strips_torch import in_blocks_of, strip_rule
from meanbits.numerics.emission.runtime.wide_torch import far_overlap, is_wide, wide_overlap


def growth_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV at correlations r, all (n,)."""
    value, size = torch.empty_like(v), torch.abs(r)
    wide = is_wide(shape, v, 1 - size)
    along = (v > 64 * widest_break(shape) ** 2) & ~wide & (widest_break(shape) > 0)
    i = torch.nonzero(~wide & ~along)[:, 0]
    value[i] = overlap_growth(shape, v[i], r[i])
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = torch.nonzero(wide & chosen)[:, 0]
        value[i] = wide_overlap(shape, side, v[i], 1 - size[i], size[i])[1] / v[i]
        i = torch.nonzero(along & chosen)[:, 0]
        value[i] = growth_along(shape, side, v[i], 1 - size[i], size[i]) / v[i]
    return value


def far_from(t: float, at: float | Tensor, v: Tensor, r: Tensor) -> tuple[Tensor, ...]:
    """Given u = at at correlation r: t less the mean of v; that in standard deviations, 50 at most; these."""
    size = torch.abs(r)
    apart = t - torch.sign(r) * at + (1 - size) * (torch.sign(r) * at)
    spread = torch.sqrt(v * (1 - size) * (1 + size))
    beyond = torch.copysign(torch.minimum(torch.abs(apart), 50 * spread), apart)
    return apart, torch.where(spread > 0, beyond / spread, torch.sign(apart) * 50), spread


def given_field(shape: Shape, v: Tensor, r: Tensor, at: float | Tensor) -> Tensor:
    """E f(v) given u = at, at correlation r."""
    total = shape[3][0] + shape[3][1] * (r * at)
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart, beyond, spread = far_from(t, at, v, r)
        tail = torch.erfc(beyond / math.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: Tensor, r: Tensor, at: float) -> Tensor:
    """2 V times the derivative in V of given_field, of a step function."""
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = far_from(t, at, v, r)[1]
        total = total + jump * beyond * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi)
    return total


def normal_density(t: float | Tensor, v: Tensor) -> Tensor:
    """The density of N(0, v) at t."""
    sigma = torch.sqrt(v)
    return torch.exp(-((t / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)


def overlap_growth(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    inner, total = derivative_of(shape), torch.zeros_like(v)
    if has_bends(shape):
        total += r * overlap_values(inner, v, r)
    for t, jump, bend in zip(*shape[:3], strict=True):
        steep = (bend + jump * (t / v)) * given_field(shape, v, r, t)
        if jump and has_bends(shape):
            steep += r * jump * given_field(inner, v, r, t)
        total += normal_density(t, v) * steep
    return total


def growth_along(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V dC/dV = E u f'(u) f(v) of fields that are wide but nearly equal, or opposite.

    But for the lines far out, an integral over u between the outermost breaks, of what f(v) is on average given u.
    """
    total, bent, r = far_overlap(shape, side, v, near, size)[1], bent_lines(shape), side * size
    for t, jump in zip(*shape[:2], strict=True):
        total += t * jump * normal_density(t, v) * given_field(shape, v, r, t)
    ends, (nodes, w) = panel_ends(shape, v, r), (column.to(v.device) for column in strip_rule(1))
    for k in range(len(ends) - 1):
        low, high = ends[k], ends[k + 1]
        for i in in_blocks_of(high > low, len(w)):
            u = low[i] + (high[i] - low[i]) * nodes
            value, steep, line, slant = values_at(shape, u)
            mean = (steep - slant) * u * given_field(shape, v[i], r[i], u) + (value - line) * given_field(
                bent, v[i], r[i], u
            )
            total[i] += torch.sum(mean * normal_density(u, v[i]) * w, 0) * (high[i] - low[i])
    return total


def panel_ends(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """The breaks and 0, and about where v is at one on average, in the middle of its conditional law: (ends, n)."""
    size, spread = break_unit(shape), torch.sqrt(v * (1 - torch.abs(r)) * (1 + torch.abs(r)))
    breaks = torch.tensor(sorted({0.0, *shape[0]}), dtype=v.dtype, device=v.device)[:, None]
    ends = [breaks + 0 * v, *((breaks + each * spread) / r for each in (-8.0, -3.0, 0.0, 3.0, 8.0))]
    return torch.sort(torch.clamp(torch.cat(ends), -size, size), 0)[0]


def values_at(shape: Shape, u: Tensor) -> tuple[Tensor, ...]:
    """f and its slope, then its line far out and the slope of that, between breaks."""
    p, q, s, d = far_line(shape)
    value, steep, size, sign = shape[3][0] + shape[3][1] * u, shape[3][1] + 0 * u, break_unit(shape), torch.sign(u)
    for t, jump, bend in zip(*shape[:3], strict=True):
        value, steep = value + (u > t) * (jump + bend * (u - t)), steep + (u > t) * bend
    return value, steep, p + q * (u / size) + sign * (s + d * (u / size)), (q + d * sign) / size
