"""Nodes, weights and blocks of points for the quadratures of generated Torch modules: those of quadrature_numpy."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[Tensor, ...]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -math.log(bend * sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(math.log(math.expm1(reach / bend)) / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left = torch.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * torch.log1p(torch.exp(t)), bend * step * torch.special.expit(t) * (1 + left)


def unit_interval_rule(sharpness: float) -> tuple[Tensor, ...]:
    """Nodes x, 1 - x and weights w, each (n,), on (0, 1): logarithmic down to 1 / sharpness, then doubly exponential.

    Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -math.log(sharpness)
    s = step * torch.arange(math.floor((onset - 2.7) / step), math.ceil(2.7 / step) + 1, dtype=torch.float64)
    left, right = torch.exp(1.5 * (onset - s)), torch.exp(1.5 * s)
    t = s + (right - left) / 1.5
    x, rest = torch.special.expit(t), torch.special.expit(-t)
    return x, rest, step * x * rest * (1 + left + right)


def batches(
    rule: Callable[[float], tuple[Tensor, ...]], sharpness: Tensor, dimension: int
) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks that fit the cache."""
    torch.empty(2**21, dtype=torch.float64)  # freed at once: glibc then keeps up to 32 MB between the blocks
    decade = torch.ceil(torch.log10(torch.clamp(sharpness, min=10.0)))
    nodes = 2**15 if sharpness.is_cpu else 2**22
    for exponent in torch.unique(decade[torch.isfinite(decade)]).tolist():
        table = tuple(column.to(sharpness.device) for column in rule(10.0**exponent))
        points = torch.nonzero(decade == exponent)[:, 0]
        for part in torch.split(points, 1 + nodes // len(table[0]) ** dimension):
            yield table, part
