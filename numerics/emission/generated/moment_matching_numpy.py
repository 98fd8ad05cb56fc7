"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Numbers are scalars of NumPy, whose division by 0 is infinite: those of Python raise.
    """
    if all(isinstance(argument, float | int) for argument in arguments):
        numbers: Any = arguments
        scalars: list[Any] = [np.float64(number) for number in numbers]
        return scalars
    found = [argument.dtype for argument in arguments if isinstance(argument, np.ndarray | np.generic)]
    dtype = np.result_type(*found) if found and np.result_type(*found).kind == "f" else np.float64
    return [np.asarray(argument, dtype=dtype)[()] for argument in arguments]


def broadcast(value: float | NDArray[np.float64], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    typed = np.asarray(value, dtype=np.result_type(*arguments))
    return np.broadcast_to(typed, np.broadcast_shapes(*map(np.shape, arguments))).copy()


def arc_cosine_kernel(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * np.arcsin(np.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return np.where(t < 1, series, np.sin(t) - t * np.cos(t)) / (2 * np.pi)


def arc_cosine_difference(rest: NDArray[np.float64], drop: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop.

    It is the integral of (pi - t) sin t / (2 pi) between the angles, with mid and half their mean and half difference.
    """
    outer = rest + drop
    half = np.arctan2(drop, np.sqrt(rest * (2 - rest)) + np.sqrt(outer * (2 - outer)))
    mid = 2 * np.arcsin(np.sqrt(rest / 2)) + half
    inner = 2 * np.sin(half / 2) ** 2
    return (np.pi - mid) * np.sin(mid) * np.sin(half) / np.pi - 2 * np.cos(mid) * arc_cosine_kernel(inner)


def holds_somewhere(condition: bool | NDArray[np.bool_]) -> bool:
    """Whether it is true of any element; much faster for a single one than np.any."""
    return bool(condition.any() if isinstance(condition, np.ndarray) else condition)


def at_extremes(
    value: ArrayLike, q: ArrayLike, zero: Callable[[], ArrayLike], infinity: Callable[[], ArrayLike]
) -> NDArray[np.float64]:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = q == 0, q == np.inf
    if holds_somewhere(low):
        value = np.where(low, zero(), value)
    if holds_somewhere(high):
        value = np.where(high, infinity(), value)
    return np.asarray(value)[()]


def portion(part: ArrayLike, rest: ArrayLike) -> NDArray[np.float64]:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    share, alone = 1 / (1 + np.divide(rest, part)), rest == 0
    return np.where(alone, 1.0, share)[()] if holds_somewhere(alone) else share


Real = float | np.ndarray


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(bend * sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(np.log(np.expm1(reach / bend)) / step) + 1)
    left = np.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * np.log1p(np.exp(t)), bend * step * special.expit(t) * (1 + left)


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


def batches(
    rule: Callable[[float], tuple[np.ndarray, ...]], sharpness: np.ndarray, dimension: int
) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks of about 2^15 nodes."""
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks, which makes them 4 times faster
    decade = np.ceil(np.log10(np.maximum(sharpness, 10.0)))
    for exponent in np.unique(decade[np.isfinite(decade)]):
        table = rule(10.0**exponent)
        points = np.flatnonzero(decade == exponent)
        block = 1 + 2**15 // table[0].size ** dimension
        for start in range(0, points.size, block):
            yield table, points[start : start + block]


def correlations(rho: Any) -> Any:
    """rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    if isinstance(rho, float) and -1 <= rho <= 1:
        return rho
    if (np.abs(rho) > 1 + 1e-15).any():
        raise ValueError(f"correlation of magnitude {np.nanmax(np.abs(rho))}; give numbers in [-1, 1]")
    return np.minimum(np.maximum(rho, -1.0), 1.0)


Elementwise = Callable[..., np.ndarray]  # (u, *parameters) -> value, all of one shape


def beyond_overflow(f: Elementwise) -> Elementwise:
    """f which, where its factors overflow to infinity times 0 or over infinity, keeps what it has settled to.

    That is its value at the largest power of 2 before, if that is 0 but for 1e-100 or a constant; otherwise NaN stays.
    """

    def settled(u: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.asarray(f(u, *parameters))
            if not np.isnan(value).any():
                return value
            value, u, *p = (np.array(each) for each in np.broadcast_arrays(value, u, *parameters))
            lost = np.isnan(value) & ~np.isnan(u)
            value[lost] = last_value(f, u[lost], [each[lost] for each in p])
        return value

    return settled


def last_value(f: Elementwise, u: np.ndarray, p: list[np.ndarray]) -> np.ndarray:
    """f at the largest power of 2 below |u| where it is a number, on the side of u; NaN if it varies there; (n,)."""
    last, left = np.full(u.shape, np.nan), np.ones(u.shape, bool)
    for power in 2.0 ** np.arange(20, -41, -1):
        at = np.copysign(power, u)
        now, half = (np.broadcast_to(f(x, *p), u.shape) for x in (at, at / 2))
        settled = (np.abs(now) < 1e-100) | (np.abs(now - half) <= 8 * np.finfo(np.float64).eps * np.abs(now))
        first = left & (power < np.abs(u)) & ~np.isnan(now)
        last[first & settled], left = now[first & settled], left & ~first
        if not left.any():
            break
    return last


def gaussian_mean(f: Elementwise, mean: Real, variance: Real, *parameters: Real, scale: Real = 1.0) -> np.ndarray:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise, analytic for Re u > 0 and for Re u < 0 (a kink or jump at 0 is fine), and varies on no scale below
    scale / 100. The line is cut at 0, or at the mean if 0 is 40 standard deviations away, and folded: an odd f keeps
    the difference of two densities, hence its digits as mean -> 0. NaN gives NaN.
    """
    shape, (m, v, finest, *p) = flat_points(mean, variance, scale, *parameters)
    f = beyond_overflow(f)
    if np.any(v < 0):
        raise ValueError(f"gaussian_mean: variance {np.nanmin(v)} is negative; give numbers >= 0")
    sigma, reach = np.sqrt(v), 50.0 if np.any(m) else 10.0
    centre = np.where(np.abs(m) < 40 * sigma, 0.0, m)
    offset = np.divide(m - centre, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    value = np.full(sigma.shape, np.nan)
    for (x, w), i in batches(lambda s: half_line_rule(s, 2.0, reach), 100 * sigma / finest, 1):
        c, d, step, *q = (each[i, None] for each in (centre, np.abs(offset), np.copysign(sigma, m), *p))
        near, far = f(c + step * x, *q), f(c - step * x, *q)
        excess = -np.expm1(-2 * d * x) * np.exp(-((x - d) ** 2) / 2)
        total = (near + far) * np.exp(-((x + d) ** 2) / 2) + near * excess
        value[i] = np.sum(total * w, -1) / np.sqrt(2 * np.pi)
    return value.reshape(shape)[()]


Shape = tuple[tuple[float, ...], ...]


Line = tuple[float, float]  # value and slope


def line_at(shape: Shape, point: float, side: int) -> Line:
    """Value and slope of f on that side of a point; on average where side is 0."""
    value, slope = shape[3][0] + shape[3][1] * point, shape[3][1]
    for t, jump, bend in zip(*shape[:3], strict=True):
        passed = (1 + side) / 2 if t == point else float(t < point)
        value, slope = value + passed * (jump + bend * (point - t)), slope + passed * bend
    return value, slope


@cache
def mirrored_lines(shape: Shape) -> list[tuple[float, float, Line, Line]]:
    """The intervals of |u| between breaks, and at the start of each the lines of f(u) and f(-u)."""
    starts = sorted({0.0, *(abs(t) for t in shape[0])})
    result: list[tuple[float, float, Line, Line]] = []
    for start, end in zip(starts, [*starts[1:], float("inf")], strict=True):
        value, slope = line_at(shape, -start, -1)
        result.append((start, end, line_at(shape, start, 1), (value, -slope)))
    return result


@cache
def parity_of(shape: Shape) -> int:
    """1 if f is even, -1 if f less a constant is odd, else 0."""
    t, jumps, bends = shape[:3]
    if t != tuple(-each for each in reversed(t)):
        return 0
    if jumps == jumps[::-1] and bends == tuple(-each for each in reversed(bends)):
        return -1
    even = jumps == tuple(-each for each in reversed(jumps)) and bends == bends[::-1]
    return int(even and abs(2 * shape[3][1] + sum(bends)) <= 1e-15 * sum(abs(bend) for bend in bends))


@cache
def turned_by(shape: Shape) -> int:
    """What C at the opposite correlation is times C: 1 or -1, or 0 where that is not so."""
    return 0 if parity_of(shape) == -1 and middle_value(shape) != 0 else parity_of(shape)


def middle_value(shape: Shape) -> float:
    """The mean of f on both sides of 0, exactly 0 where that is rounding."""
    value, size = line_at(shape, 0.0, 0)[0], abs(shape[3][0]) + sum(abs(jump) for jump in shape[1])
    size += sum(abs(bend * t) for t, bend in zip(shape[0], shape[2], strict=True))
    return 0.0 if abs(value) <= 1e-15 * size else value


def widest_break(shape: Shape) -> float:
    """The largest |t|."""
    return max((abs(t) for t in shape[0]), default=0.0)


def break_unit(shape: Shape) -> float:
    """The largest |t|, or 1 where all breaks are at 0."""
    return widest_break(shape) or 1.0


def has_bends(shape: Shape) -> bool:
    """Whether f has a slope anywhere."""
    return any(shape[2]) or shape[3][1] != 0


@cache
def threshold_pairs(shape: Shape, side: int, alone: bool = False) -> list[tuple[float, ...]]:
    """Of the pairs (t_i, side t_j), distinct, or those of D = 0: S, D and four weights.

    S and D are an eighth of the squares of t_i + side t_j and t_i - side t_j; the weights stand before
    exp(-E) / (1 + x^2) for jumps, V exp(-E) / (1 + x^2), exp(-E) and exp(-E) / x^2 for bends.
    """
    merged: dict[tuple[float, float], tuple[float, ...]] = {}
    known: dict[str, float] = {}
    for s, jump_s, bend_s in zip(*shape[:3], strict=True):
        for t, jump_t, bend_t in zip(*shape[:3], strict=True):
            total, apart = s + side * t, s - side * t
            pair = tuple(known.setdefault(f"{each * each:.12e}", each * each / 8) for each in (total, apart))
            mixed, turned = jump_s * bend_t, side * bend_s * jump_t
            new = jump_s * jump_t, bend_s * bend_t, (mixed + turned) * total / 4, (mixed - turned) * apart / 4
            old = merged.get((pair[0], pair[1]), (0.0,) * 4)
            merged[pair[0], pair[1]] = tuple(a + b for a, b in zip(old, new, strict=True))
    return [(s, d, *rest) for (s, d), rest in merged.items() if any(rest) and (d == 0 or not alone)]


@cache
def leading_pairs(shape: Shape, side: int) -> list[tuple[float, float]]:
    """S and D of those pairs beside which no other has a smaller S and D, of those with D = 0 and of the rest."""
    pairs = [(s, d) for s, d, *_ in threshold_pairs(shape, side)]
    return [
        (s, d)
        for s, d in pairs
        if not any((p, q) != (s, d) and p <= s and q <= d and (q == 0) == (d == 0) for p, q in pairs)
    ]


@cache
def threshold_products(
    shape: Shape, side: int, alone: bool
) -> tuple[list[float], list[tuple[float, list[tuple[float, int]]]]]:
    """The distinct D of the pairs of jumps; every distinct S, with the weights beside each D, by its index."""
    pairs = [(s, d, jumps) for s, d, jumps, *_ in threshold_pairs(shape, side, alone) if jumps]
    apart = sorted({d for _, d, _ in pairs})
    return apart, [(s, [(w, apart.index(d)) for p, d, w in pairs if p == s]) for s in sorted({s for s, _, _ in pairs})]


def total_of(terms: list[float]) -> float:
    """Their sum, 0 where that is rounding."""
    total = sum(terms)
    return total if abs(total) > 1e-15 * sum(map(abs, terms)) else 0.0


@cache
def far_line(shape: Shape) -> tuple[float, float, float, float]:
    """f far out: p + q u + s sign(u) + d |u|, u in units of the widest break."""
    level, slope, size = *shape[3], break_unit(shape)
    steps = [*shape[1], *(-k * t for t, k in zip(shape[0], shape[2], strict=True))]
    right, steep = total_of([level, *steps]), total_of([slope, *shape[2]])
    pairs = (right, level), (size * steep, size * slope), (right, -level), (size * steep, -size * slope)
    p, q, s, d = (total_of(list(pair)) / 2 for pair in pairs)
    return p, q, s, d


MOMENTS = 26  # with POWERS and TERMS they leave 2^-53 of sums over breaks within sqrt(1/2) conditional deviations


POWERS = 14


TERMS = 17


HALVES = tuple(1.0 / math.prod(range(1, 2 * n + 2, 2)) for n in range(MOMENTS // 2))  # 1 / (2 n + 1)!!


@cache
def compact_moments(shape: Shape, order: int) -> list[list[float]]:
    """Of the derivative of f of that order, but for its line far out: what stands before powers of y in the integrals
    of its product with exp(-y t^2) t^n, t in units of the widest break; for each power a list over n <= MOMENTS.
    """
    size, sums = break_unit(shape), list[float]()
    for n in range(2 - order, 1 - order + MOMENTS + 2 * POWERS):
        terms = [k * size * (t / size) ** n for t, k in zip(shape[0], shape[2], strict=True)]
        terms += [-n * j * (t / size) ** (n - 1) for t, j in zip(shape[0], shape[1], strict=True) if n and j]
        sums.append(total_of(terms) * (1.0, -1 / n if n else 0.0, 1 / (n * (n - 1)) if n > 1 else 0.0)[2 - order])
    factors = [(-1.0) ** k / math.factorial(k) for k in range(POWERS)]
    return [[factor * sums[n + 2 * k] for n in range(MOMENTS + 1)] for k, factor in enumerate(factors)]


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


Lines = tuple[float, float, float, float]


Moments = list[list[float]]


def wide_from(shape: Shape, v: np.ndarray) -> np.ndarray:
    """The distance from correlations 1 and -1 from which series serve; 1 where none do."""
    with np.errstate(over="ignore"):
        square = 2 * (widest_break(shape) / np.sqrt(v)) ** 2
    wide = (square > 0) & (square < 1)
    return np.where(wide, square / (1 + np.sqrt(1 - np.where(wide, square, 0.0))), 1.0)


def from_there(begin: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where series serve that begin there."""
    return (begin < 1) & (near >= begin)


def compact_sum(shape: Shape, order: int, v: np.ndarray, r: np.ndarray, near: np.ndarray) -> np.ndarray:
    """V^order E F(u) F(v) but for E h(u) h(v), F the derivative of f of that order."""
    unit, (p, q, s, d) = break_unit(shape) / np.sqrt(v), far_part(shape, order)
    moments = compact_moments(shape, order)
    total = np.zeros_like(unit)
    for n, part in enumerate(pair_roots(moments, order, unit, r, near)):
        total += np.sign(r) ** n * part**2
    if not (p or q or s or d):
        return total
    level, line, sign, size = far_products(moments, unit, r, near)
    return total + 2 * (p * level + q * line + s * sign + d * size) * unit ** (-2 * order)


def pair_roots(moments: Moments, order: int, unit: np.ndarray, r: np.ndarray, near: np.ndarray) -> Iterator[np.ndarray]:
    """What is squared in the terms of V^order E F(u) F(v) for h = 0."""
    w = np.sqrt(near * (2 - near))
    at = power_sums([row[:TERMS] for row in moments], (unit / w) ** 2 / 2)
    factor, root = unit ** (1 - order) / np.sqrt(2 * np.pi * w), np.sqrt(np.abs(r)) * unit / w
    for n in range(TERMS):
        yield factor * at[n]
        factor = factor * root / math.sqrt(n + 1)


def far_products(moments: Moments, unit: np.ndarray, r: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, ...]:
    """E h(u) g(v) for h = 1, u, sign(u) and |u|, u in units of the widest break."""
    w = np.sqrt(near * (2 - near))
    y = (unit / w) ** 2 / 2
    at, density = power_sums(moments, y), unit / np.sqrt(2 * np.pi)
    level, line = power_sums([row[:2] for row in moments], unit * unit / 2)
    ladder = np.array(HALVES)[:, None] * (2 * r * r * y) ** np.arange(len(HALVES))[:, None]
    sign, bent = (np.sum(ladder * each, 0) * unit * unit * r / (np.pi * w) for each in (at[1::2], at[2::2]))
    return density * level, density * r * line, sign, r * bent + w / np.pi * at[0]


def far_part(shape: Shape, order: int) -> Lines:
    """`far_line` of the derivative of f of that order, without delta functions."""
    p, q, s, d = far_line(shape)
    return ((p, q, s, d), (q, 0.0, d, 0.0), (0.0, 0.0, 0.0, 0.0))[order]


def power_sums(table: Moments, y: np.ndarray) -> np.ndarray:
    """Polynomials of y: (n of a row, n of y)."""
    return np.polynomial.polynomial.polyval(y, np.array(table))


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


def far_overlap(
    shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E h(u) h(v), and V times its slope in V."""
    p, q, s, d = far_line(shape)
    scale = np.sqrt(v) / break_unit(shape)
    mixed = scale * mixed_overlap((p, q, s, d), side, near, size)
    bent = scale * (scale * bent_overlap(q, d, side, near, size))
    return step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent


def wide_overlap(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """C."""
    return far_overlap(shape, side, v, near, size)[0] + compact_sum(shape, 0, v, side * size, near)


def steep_overlap(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """V E h'(u) h'(v), without delta functions."""
    _, q, _, d = far_line(shape)
    scale = np.sqrt(v) / break_unit(shape)
    return scale * (scale * step_overlap(q, d, side, near, size))


def wide_slope(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """dC/ds."""
    return steep_overlap(shape, side, v, near, size) + compact_sum(shape, 1, v, side * size, near)


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


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> np.ndarray:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""
    shape_of, (v, r) = flat_points(variance, correlation)
    v, r = checked_variance(v), correlations(r)
    return as_given(overlap_values(shape, v, r), shape_of, variance, correlation)


def integrand_1(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 + special.erf(u)) * (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2


def integrand_2(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 + special.erf(u)) ** 2 * (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2


def mean(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = hbar / 2
    x1 = 1.4142135623730951
    x2 = np.sqrt(Sigma)
    return x0 + x0 * special.erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * np.exp(-hbar * hbar / (2 * Sigma))


def second_moment(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = Sigma / 2
    x1 = hbar * hbar / 2
    x2 = 1.4142135623730951
    x3 = np.sqrt(Sigma)
    x4 = hbar / 2
    x5 = special.erf(x2 * x4 / x3)
    return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * np.exp(-x1 / Sigma))


def total_map(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(sigma_b2 + T / 2, T, sigma_m2, sigma_b2)


def total_slope(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0.5, T, sigma_m2, sigma_b2)


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / (1 + q)
        x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q))
        x2 = (1 - sigma_m2)
        x3 = T / 2
        x4 = 0.3183098861837907 * x3
        return at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, lambda: (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), lambda: 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2))


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 0.3183098861837907
        x1 = 1 / (1 + q)
        x2 = 1 + 2 * q
        x3 = T * arc_cosine_kernel(x1 * x2)
        x4 = 1 - sigma_m2
        x5 = (x4)
        x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1))
        x7 = T / 2
        x8 = x0 * x7
        x9 = 1 / (x7 - x8 + x5 * x8)
        return at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * np.arctan(np.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, lambda: sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), lambda: 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T)


def correlation_map(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    return (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)))


def chi(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    x2 = T * sigma_m2
    x3 = 1 / np.sqrt(x0)
    return 0.3183098861837907 * q * x1 * x2 * np.arctan2(x3 * np.sqrt(1 + q * (1 + c)), x3 * np.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)))


def gap_map(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / (1 + q)
        x1 = arc_cosine_kernel(x0 * (1 + 2 * q))
        x2 = T * sigma_m2
        return at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q * x0) / x1)), q, lambda: 0, lambda: 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2))


def chi_at_gap(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 + q
        x1 = 1 / x0
        x2 = arc_cosine_kernel(x1 * (1 + 2 * q))
        x3 = T * sigma_m2
        x4 = 0.3183098861837907
        x5 = 1 / np.sqrt(x0)
        x6 = 2 - gap
        return at_extremes(portion(x2 * x3, sigma_b2) * ((x4 * np.arctan2(x5 * np.sqrt(1 + q * x6), x5 * np.sqrt(1 + gap * q)) * ((q * x1)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * np.arctan2(np.sqrt(x6), np.sqrt(gap)))


def replica_map(r: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2)


def jacobian(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    return broadcast(0.3183098861837907 * sigma_m2 * np.arctan(np.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2, T)


def jacobian_sigma_derivative(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, mu_4, T = as_arrays(q, sigma_m2, sigma_b2, mu_4, T)
    expectation_1 = gaussian_mean(integrand_1, 0, q / 2)
    expectation_2 = gaussian_mean(integrand_2, 0, q / 2)
    x0 = 4 * expectation_1 * sigma_m2
    x1 = 8 * piecewise_overlap(((0,), (0,), (1,), (0, 0)), T, q / (1 + q))
    return np.asarray(broadcast((T * (-x0 + 2 * expectation_2 * mu_4) + q * (x1 + q * x1 + T * (-x0 + expectation_2 * mu_4))) / (8 * T), q, sigma_m2, sigma_b2, mu_4, T), dtype=np.result_type(q, sigma_m2, sigma_b2, mu_4, T))[()]
