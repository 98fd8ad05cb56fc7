"""Integrals over correlations behind piecewise linear neurons, which generated NumPy modules call.

In x = sqrt((1 - s) / (1 + s)) the density of two fields of variance V at (t_i, t_j), times V ds, is exp(-E) / (1 + x^2)
dx / pi with E V = S (1 + x^2) + D (1 + 1 / x^2), S and D an eighth of the squares of t_i + t_j and t_i - t_j: as in
Owen's T. Source: Owen 1956, Ann. Math. Stat. 27, 1075.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from meanbits.numerics.emission.runtime.shapes import Shape, leading_pairs, threshold_pairs, threshold_products


@cache
def strip_rule(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1] in `count` panels, each (16 count, 1): two resolve exp(-42 x)."""
    x, w = np.polynomial.legendre.leggauss(16)
    x, w = (np.arange(count)[:, None] + (x + 1) / 2) / count, np.tile(w / (2 * count), count)
    return x.reshape(-1, 1), w.reshape(-1, 1)


def active_range(s: np.ndarray, d: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where exp(-s (1 + y) - d (1 + 1 / y)) counts beside the largest of the pairs, low <= y <= high.

    s and d are (pairs, n). Up to where those of d = 0 count; from and up to where others do: each (n,).
    """
    with np.errstate(all="ignore"):
        best = np.clip(np.where(d == 0, 0.0, np.sqrt(d) / np.sqrt(s)), low, high)
        least = np.min(s * (1 + best) + np.where(d == 0, 0.0, d + d / best), 0)
        room = least + 42 - s - d
        root = room * (1 + np.sqrt(1 - 4 * (s / room) * (d / room)))
        lower, upper = 2 * d / root, np.where(s == 0, np.inf, root / (2 * s))
        counts = (room >= 0) & ~np.isnan(root) & np.isfinite(least)
    alone, others = counts & (d == 0), counts & (d > 0)
    return (
        np.max(np.where(alone, upper, 0.0), 0),
        np.min(np.where(others, lower, np.inf), 0),
        np.max(np.where(others, upper, 0.0), 0),
    )


def correlation_nodes(
    shape: Shape, side: int, v: np.ndarray, low: np.ndarray, width: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
    """Nodes and weights (nodes, p) over low < x < low + width, and the points (p,), block by block.

    Linear where pairs of D = 0 count alone, which is the last that is returned, then logarithmic.
    """
    s, d = (
        np.minimum(pair / np.maximum(v, 1e-300), 1e300) for pair in np.array(leading_pairs(shape, side)).T[..., None]
    )
    near, begin, far = (np.sqrt(end) for end in active_range(s, d, low * low, (low + width) ** 2))
    start = np.maximum(low, begin)
    inside = (begin < low + width) | ((begin <= low) & (width > 0))
    alone = np.clip(np.minimum(np.where(inside, start, np.inf), near) - low, 0, width)
    t, w = strip_rule(2)
    for i in in_blocks_of(alone > 0, w.size):
        yield low[i] + alone[i] * t, alone[i] * w, i, True
    first = np.where(inside, start, 1.0)
    left = np.where(inside, np.where(first > low, low + width - first, width), 0.0)
    length = np.log1p(np.clip(np.maximum(near, far) - first, 0, left) / first)
    panels = np.where(length > 0, np.maximum(np.ceil(length / 1.5), 2), 0).astype(np.int64)
    for count in np.unique(panels[panels > 0]):
        t, w = strip_rule(int(count))
        for i in in_blocks_of(panels == count, w.size):
            x = first[i] * np.exp(length[i] * t)
            yield x, x * (length[i] * w), i, False


def in_blocks_of(chosen: np.ndarray, nodes: int) -> Iterator[np.ndarray]:
    """The indices of the chosen points in blocks of about 2^14 nodes, which stay in cache."""
    points, size = np.flatnonzero(chosen), 1 + 2**14 // nodes
    for first in range(0, points.size, size):
        yield points[first : first + size]


def correlation_integrals(shape: Shape, side: int, v: np.ndarray, low: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Over low < x < low + width: of the jumps; of the bends, and times the distance in s from either end: (4, n)."""
    total = np.zeros((4, 1)) * (v + low + width)
    if not (any(shape[1]) or any(shape[2])):
        return total
    for x, w, i, alone in correlation_nodes(shape, side, v, low, width):
        up = 1 + x * x
        if any(shape[1]):
            total[0, i] += np.sum(jump_sum(shape, side, v[i], x, alone) * w / up, 0)
        if any(shape[2]):
            density = w * bend_sum(shape, side, v[i], x, alone)
            total[1, i] += np.sum(density, 0)
            for row, end in ((2, low[i]), (3, low[i] + width[i])):
                total[row, i] += np.sum(density * np.abs(x - end) * (x + end) / up, 0) * 2 / (1 + end * end)
    return total / np.pi


def pair_exponents(v: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(1 + x^2) / V and (1 + 1 / x^2) / V, where 1 / x^2 may overflow."""
    with np.errstate(over="ignore"):
        return (1 + x * x) / v, 1 / v + (1 / (x * np.sqrt(v))) ** 2


def pair_exponent(weight: float, rate: np.ndarray) -> np.ndarray:
    """weight rate, 0 where the weight is 0 even if the rate is infinite; at most 1e300."""
    with np.errstate(over="ignore"):
        return np.minimum(weight * rate, 1e300) if weight else np.zeros_like(rate)


def jump_sum(shape: Shape, side: int, v: np.ndarray, x: np.ndarray, alone: bool = False) -> np.ndarray:
    """The sum over pairs, or those of D = 0, of J_i J_j exp(-E), one exponential for each distinct S and D."""
    apart, beside = threshold_products(shape, side, alone)
    up, down = pair_exponents(v, x)
    total, work = np.zeros_like(x), np.empty_like(x)
    decays = [np.exp(-pair_exponent(b, down)) for b in apart]
    for a, terms in beside:
        share = np.zeros_like(x)
        for weight, index in terms:
            share += np.multiply(weight, decays[index], out=work)
        total += np.multiply(share, np.exp(-pair_exponent(a, up)), out=work)
    return total


def bend_sum(shape: Shape, side: int, v: np.ndarray, x: np.ndarray, alone: bool = False) -> np.ndarray:
    """The sum over pairs, or those of D = 0, of exp(-E) (V k / (1 + x^2) + p + m / x^2).

    Where the k add up to 0 it is of the order of differences of exponents, which expm1 keeps.
    """
    pairs = threshold_pairs(shape, side, alone)
    (up, down), square, least = pair_exponents(v, x), x * x, np.full_like(x, np.inf)
    for a, b, *_ in pairs:
        least = np.minimum(least, pair_exponent(a, up) + pair_exponent(b, down))
    whole = sum(k for _, _, _, k, _, _ in pairs)
    whole = whole if abs(whole) > 1e-15 * sum(abs(k) for _, _, _, k, _, _ in pairs) else 0.0
    bent, mixed = np.full_like(square, whole), np.zeros_like(square)
    for a, b, _, k, p, m in pairs:
        excess = np.expm1(least - (pair_exponent(a, up) + pair_exponent(b, down)))
        bent += k * excess
        if p or m:
            mixed += (1 + excess) * p
            mixed += (1 + excess) * np.divide(m, square, out=np.zeros_like(x), where=excess > -1)
    return (v * bent / (1 + square) + mixed) * np.exp(-least)
