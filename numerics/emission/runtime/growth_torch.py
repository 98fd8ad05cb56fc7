"""How overlaps of piecewise linear functions change with the variance, for Torch: growth_numpy."""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.rises_torch import overlap_values
from meanbits.numerics.emission.runtime.shapes import Shape, derivative_of, growth_reach, has_bends, straight_reach
from meanbits.numerics.emission.runtime.strips_torch import in_blocks_of, strip_rule
from meanbits.numerics.emission.runtime.wide_torch import closed_from, from_there, wide_growth

DEVIATIONS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 26.0, 30.0, 34.0, 38.0)


def growth_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV at correlations r, all (n,). Sums over breaks cancel in wide fields, and near correlation -1."""
    value, size = torch.empty_like(v), torch.abs(r)
    wide = from_there(closed_from(shape, v), 1 - size)
    opposite = (r < -0.99) & (v > straight_reach(shape))
    along = ~wide & ((v > growth_reach(shape)) | opposite) & has_bends(shape)
    i = torch.nonzero(~wide & ~along)[:, 0]
    value[i] = overlap_growth(shape, v[i], r[i])
    i = torch.nonzero(along)[:, 0]
    if len(i):
        value[i] = growth_along(shape, v[i], r[i])
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = torch.nonzero(wide & chosen)[:, 0]
        if len(i):
            value[i] = wide_growth(shape, side, v[i], 1 - size[i], size[i]) / v[i]
    return value


def conditional_law(v: Tensor, r: Tensor, at: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of v given u = at, at correlation r: of its mean side at - near side at both parts, and its deviation."""
    near = 1 - torch.abs(r)
    mean = torch.sign(r) * at
    return mean, near * mean, torch.sqrt(v * near * (2 - near))


def deviations(apart: Tensor, spread: Tensor) -> Tensor:
    """In standard deviations, 50 at most."""
    beyond = torch.copysign(torch.minimum(torch.abs(apart), 50 * spread), apart)
    return torch.where(spread > 0, beyond / spread, torch.sign(apart) * 50)


def given_field(shape: Shape, v: Tensor, r: Tensor, at: float | Tensor) -> Tensor:
    """E f(v) given u = at, at correlation r."""
    mean, less, spread = conditional_law(v, r, at)
    total = shape[3][0] + shape[3][1] * (r * at)
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart = (t - mean) + less
        beyond = deviations(apart, spread)
        tail = torch.erfc(beyond / math.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: Tensor, r: Tensor, at: float) -> Tensor:
    """2 V times the derivative in V of given_field, of a step function."""
    mean, less, spread = conditional_law(v, r, at)
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = deviations((t - mean) + less, spread)
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


def growth_along(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV = E u f'(u) f(v) / V: an integral over u, between breaks, of what f(v) is there on average."""
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        total = total + t / v * jump * normal_density(t, v) * given_field(shape, v, r, t)
    ends, (nodes, w) = panel_ends(shape, v, r), (column.to(v.device) for column in strip_rule(1))
    for k in range(len(ends) - 1):
        low, high = ends[k], ends[k + 1]
        for i in in_blocks_of(high > low, len(w)):
            u = low[i] + (high[i] - low[i]) * nodes
            mean = u / v[i] * slope_at(shape, u) * given_field(shape, v[i], r[i], u)
            total[i] += torch.sum(mean * normal_density(u, v[i]) * w, 0) * (high[i] - low[i])
    return total


def panel_ends(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """The breaks, where v is about at one on average, and multiples of the standard deviation: (ends, n)."""
    sigma, breaks = torch.sqrt(v), torch.tensor(shape[0], dtype=v.dtype, device=v.device)[:, None]
    spread = sigma * torch.sqrt((1 - torch.abs(r)) * (1 + torch.abs(r)))
    across = [torch.where(r == 0, 0.0, (breaks + each * spread) / r) for each in (-8.0, -3.0, 0.0, 3.0, 8.0)]
    ends = [breaks + 0 * v, *across]
    ends = [torch.minimum(torch.maximum(each, -38 * sigma), 38 * sigma) for each in ends]
    ends += [side * torch.tensor(DEVIATIONS, dtype=v.dtype, device=v.device)[:, None] * sigma for side in (-1, 1)]
    return torch.sort(torch.cat(ends), 0)[0]


def slope_at(shape: Shape, u: Tensor) -> Tensor:
    """f' between breaks."""
    return sum((bend * (u > t).to(u.dtype) for t, bend in zip(shape[0], shape[2], strict=True)), shape[3][1] + 0 * u)
