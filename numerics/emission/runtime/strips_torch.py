"""Integrals over correlations behind piecewise linear neurons, for Torch: those of strips_numpy."""

import math
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.gap_torch import legendre_rule
from meanbits.numerics.emission.runtime.shapes import Shape, leading_pairs, threshold_pairs, threshold_products


@cache
def strip_rule(count: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes and weights on [0, 1] in `count` panels, each (16 count, 1): two resolve exp(-42 x)."""
    with torch.inference_mode(False):
        x, w = legendre_rule(16)
        x = (torch.arange(count, dtype=torch.float64)[:, None] + (x + 1) / 2) / count
        return x.reshape(-1, 1), (w / (2 * count)).repeat(count).reshape(-1, 1)


def active_range(s: Tensor, d: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where exp(-s (1 + y) - d (1 + 1 / y)) counts beside the largest of the pairs, low <= y <= high.

    s and d are (pairs, n). Up to where those of d = 0 count; from and up to where others do: each (n,).
    """
    best = torch.minimum(torch.maximum(torch.where(d == 0, 0.0, torch.sqrt(d) / torch.sqrt(s)), low), high)
    least = torch.amin(s * (1 + best) + torch.where(d == 0, 0.0, d + d / best), 0)
    room = least + 42 - s - d
    root = room * (1 + torch.sqrt(1 - 4 * (s / room) * (d / room)))
    lower, upper = 2 * d / root, torch.where(s == 0, math.inf, root / (2 * s))
    counts = (room >= 0) & ~torch.isnan(root) & torch.isfinite(least)
    alone, others = counts & (d == 0), counts & (d > 0)
    return (
        torch.amax(torch.where(alone, upper, 0.0), 0),
        torch.amin(torch.where(others, lower, math.inf), 0),
        torch.amax(torch.where(others, upper, 0.0), 0),
    )


def correlation_nodes(
    shape: Shape, side: int, v: Tensor, low: Tensor, width: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, bool]]:
    """Nodes and weights (nodes, p) over low < x < low + width, and the points (p,), block by block.

    Linear where pairs of D = 0 count alone, which is the last that is returned, then logarithmic.
    """
    pairs = torch.tensor(leading_pairs(shape, side), dtype=torch.float64, device=v.device)
    s, d = (torch.clamp(pair[:, None] / torch.clamp(v, min=1e-300), max=1e300) for pair in pairs.T)
    near, begin, far = (torch.sqrt(end) for end in active_range(s, d, low * low, (low + width) ** 2))
    start = torch.maximum(low, begin)
    inside = (begin < low + width) | ((begin <= low) & (width > 0))
    alone = torch.minimum(torch.where(inside, start, math.inf), near) - low
    alone = torch.minimum(torch.clamp(alone, min=0), width)
    t, w = (column.to(v.device) for column in strip_rule(2))
    for i in in_blocks_of(alone > 0, len(w)):
        yield low[i] + alone[i] * t, alone[i] * w, i, True
    first = torch.where(inside, start, 1.0)
    left = torch.where(inside, torch.where(first > low, low + width - first, width), 0.0)
    reach = torch.minimum(torch.clamp(torch.maximum(near, far) - first, min=0), left)
    length = torch.log1p(reach / first)
    panels = torch.where(length > 0, torch.clamp(torch.ceil(length / 1.5), min=2), 0).to(torch.int64)
    for count in torch.unique(panels[panels > 0]).tolist():
        t, w = (column.to(v.device) for column in strip_rule(count))
        for i in in_blocks_of(panels == count, len(w)):
            x = first[i] * torch.exp(length[i] * t)
            yield x, x * (length[i] * w), i, False


def in_blocks_of(chosen: Tensor, nodes: int) -> Iterator[Tensor]:
    """The indices of the chosen points in blocks that fit the cache."""
    size = 2**14 if chosen.is_cpu else 2**22
    points = torch.nonzero(chosen)[:, 0]
    yield from (part for part in torch.split(points, 1 + size // nodes) if len(part))


def correlation_integrals(shape: Shape, side: int, v: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """Over low < x < low + width: of the jumps; of the bends, and times the distance in s from either end: (4, n)."""
    total = torch.zeros_like(v) * torch.stack([v + low + width] * 4)
    if not (any(shape[1]) or any(shape[2])):
        return total
    for x, w, i, alone in correlation_nodes(shape, side, v, low, width):
        up = 1 + x * x
        if any(shape[1]):
            total[0, i] += torch.sum(jump_sum(shape, side, v[i], x, alone) * w / up, 0)
        if any(shape[2]):
            density = w * bend_sum(shape, side, v[i], x, alone)
            total[1, i] += torch.sum(density, 0)
            for row, end in ((2, low[i]), (3, low[i] + width[i])):
                total[row, i] += torch.sum(density * torch.abs(x - end) * (x + end) / up, 0) * 2 / (1 + end * end)
    return total / math.pi


def pair_exponents(v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """(1 + x^2) / V and (1 + 1 / x^2) / V, where 1 / x^2 may overflow."""
    return (1 + x * x) / v, 1 / v + (1 / (x * torch.sqrt(v))) ** 2


def pair_exponent(weight: float, rate: Tensor) -> Tensor:
    """weight rate, 0 where the weight is 0 even if the rate is infinite; at most 1e300."""
    return torch.clamp(weight * rate, max=1e300) if weight else torch.zeros_like(rate)


def jump_sum(shape: Shape, side: int, v: Tensor, x: Tensor, alone: bool = False) -> Tensor:
    """The sum over pairs, or those of D = 0, of J_i J_j exp(-E), one exponential for each distinct S and D."""
    apart, beside = threshold_products(shape, side, alone)
    up, down = pair_exponents(v, x)
    total = torch.zeros_like(x)
    decays = [torch.exp(-pair_exponent(b, down)) for b in apart]
    for a, terms in beside:
        share = torch.zeros_like(x)
        for weight, index in terms:
            share.add_(decays[index], alpha=weight)
        total.addcmul_(share, torch.exp(-pair_exponent(a, up)))
    return total


def bend_sum(shape: Shape, side: int, v: Tensor, x: Tensor, alone: bool = False) -> Tensor:
    """The sum over pairs, or those of D = 0, of exp(-E) (V k / (1 + x^2) + p + m / x^2).

    Where the k add up to 0 it is of the order of differences of exponents, which expm1 keeps.
    """
    pairs = threshold_pairs(shape, side, alone)
    (up, down), square, least = pair_exponents(v, x), x * x, torch.full_like(x, math.inf)
    for a, b, *_ in pairs:
        least = torch.minimum(least, pair_exponent(a, up) + pair_exponent(b, down))
    whole = sum(k for _, _, _, k, _, _ in pairs)
    whole = whole if abs(whole) > 1e-15 * sum(abs(k) for _, _, _, k, _, _ in pairs) else 0.0
    bent, mixed = torch.full_like(x, whole), torch.zeros_like(x)
    for a, b, _, k, p, m in pairs:
        excess = torch.expm1(least - (pair_exponent(a, up) + pair_exponent(b, down)))
        bent += k * excess
        if p or m:
            mixed += (1 + excess) * p + torch.where(excess > -1, (1 + excess) * (m / square), 0.0)
    return (v * bent / (1 + square) + mixed) * torch.exp(-least)
