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


def exp_erfc(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b).

    There a difference a - b^2 of a few ulp, that of two formulas for one value, counts as 0.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    positive = np.maximum(y, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # y^2 = inf means the limit 0
        square = positive * positive
        rest = np.where(np.abs(x - square) < 8 * np.finfo(np.float64).eps * square, 0.0, x - square)
        root = np.exp(rest / 2)
    return (root * np.where(y > 0, special.erfcx(positive), special.erfc(y)) * root)[()]


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


Mesh = tuple[float, ...]  # ascending edges, from meanbits.numerics.emission.mesh


@cache
def panel_rule() -> tuple[np.ndarray, np.ndarray]:
    """The 20 nodes and weights of Gauss and Legendre on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(20)
    return (1 + x) / 2, w / 2


@cache
def normal_rule() -> tuple[np.ndarray, np.ndarray]:
    """The 16 nodes and weights of Gauss and Hermite for N(0, 1)."""
    x, w = np.polynomial.hermite_e.hermegauss(16)
    return x, w / np.sqrt(2 * np.pi)


@cache
def mesh_knots(edges: Mesh, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """The edges without repetition and those that stand twice, of the mesh or of it and its mirror image."""
    points, counts = np.unique(edges, return_counts=True)
    breaks = points[counts > 1]
    return (np.union1d(points, -points), np.union1d(breaks, -breaks)) if mirrored else (points, breaks)


def longest_piece(reach: float) -> float:
    """The longest panel, in standard deviations, on which 20 nodes resolve the density within reach."""
    return min(3.0, 25 / reach)


def panel_pieces(left: np.ndarray, right: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of panels (n,), no longer than step: panel, left end and length; all (m,). Empty panels have none."""
    length = right - left
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(length > 0, np.ceil(length / step), 0).astype(np.int64)
    panel = np.repeat(np.arange(count.size), count)
    place = np.arange(panel.size) - (np.cumsum(count) - count)[panel]
    piece = (length / np.maximum(count, 1))[panel]
    return panel, left[panel] + place * piece, piece


def live_panels(f: Elementwise, points: np.ndarray) -> np.ndarray:
    """Whether f is anything but 0 on the panels between the points (n,); (n - 1,)."""
    share = 2.0 ** -np.arange(1.0, 121, 4)
    start, length = points[:-1, None], np.diff(points)[:, None]
    u = np.concatenate([start + length * panel_rule()[0], start + length * share, start + length * (1 - share)], 1)
    with np.errstate(all="ignore"):
        return np.any(np.broadcast_to(f(np.clip(u, start, start + length)), u.shape) != 0, 1)


def smoothed_values(
    f: Elementwise,
    points: np.ndarray,
    live: np.ndarray,
    anchor: np.ndarray,
    offset: np.ndarray,
    spread: np.ndarray,
    reach: float,
    power: int = 0,
) -> np.ndarray:
    """E z^power f(anchor + offset + spread z), z ~ N(0, 1) within reach; all (n,).

    points are the knots of the mesh (m,); on panels that are not live (m - 1,) f is 0.
    """
    middle = anchor + offset
    first = np.clip(np.searchsorted(points, middle - reach * spread, "right") - 1, 0, points.size - 2)
    last = np.clip(np.searchsorted(points, middle + reach * spread, "left"), first + 1, points.size - 1)
    value, (z, w) = np.zeros_like(middle), normal_rule()
    inside = np.flatnonzero((last - first == 1) & live[first])
    for i in np.array_split(inside, 1 + inside.size // 2**9):
        u = middle[i, None] + spread[i, None] * z
        value[i] = (f(u) * np.ones_like(u)) @ (w * z**power)
    across = np.flatnonzero(last - first > 1)
    for i in np.array_split(across, 1 + int((last - first)[across].sum()) // 2**16):
        value[i] = across_panels(f, points, live, first[i], last[i], anchor[i], offset[i], spread[i], reach, power)
    return value


def across_panels(
    f: Elementwise,
    points: np.ndarray,
    live: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    anchor: np.ndarray,
    offset: np.ndarray,
    spread: np.ndarray,
    reach: float,
    power: int,
) -> np.ndarray:
    """The same, over the panels from knot first to knot last; all (n,)."""
    value, count = np.zeros_like(offset), last - first
    owner = np.repeat(np.arange(count.size), count)
    panel = first[owner] + np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    owner, panel = owner[live[panel]], panel[live[panel]]
    part, edge, place, local, width = inner_pieces(points, panel, anchor[owner], offset[owner], spread[owner], reach)
    owner, panel, (x, w) = owner[part], panel[part], panel_rule()
    low, high = np.nextafter(points[panel], np.inf)[:, None], np.nextafter(points[panel + 1], -np.inf)[:, None]
    for i in np.array_split(np.arange(part.size), 1 + part.size // 2**9):
        shift = local[i, None] + width[i, None] * x
        z = (place[i, None] + shift) / spread[owner[i], None]
        terms = f(np.minimum(np.maximum(edge[i, None] + shift, low[i]), high[i])) * np.exp(-z * z / 2)
        terms = terms * z**power if power else terms
        value += np.bincount(owner[i], terms @ w * (width[i] / spread[owner[i]]) / np.sqrt(2 * np.pi), value.size)
    return value


def inner_pieces(
    points: np.ndarray, panel: np.ndarray, anchor: np.ndarray, offset: np.ndarray, spread: np.ndarray, reach: float
) -> tuple[np.ndarray, ...]:
    """Pieces of panels within reach of anchor + offset; all (n,).

    Returns for each piece its index in n, the nearer edge of the panel, the place of that edge relative to anchor +
    offset, the left end relative to the edge, and the length; all (m,). No digit is lost near an edge.
    """
    below, above = ((points[panel + k] - anchor) - offset for k in (0, 1))
    nearer = np.abs(below) < np.abs(above)
    place = np.where(nearer, below, above)
    length = points[panel + 1] - points[panel]
    left = np.maximum(np.where(nearer, 0.0, -length), -reach * spread - place)
    right = np.minimum(np.where(nearer, length, 0.0), reach * spread - place)
    part, left, width = panel_pieces(left, right, longest_piece(reach) * spread)
    return part, points[panel + ~nearer][part], place[part], left, width


def needed_reach(sizes: tuple[Elementwise, ...], edges: Mesh, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """How many standard deviations out the functions have mass that counts: 8.5, 12, 20, 38; NaN beyond the mesh.

    That is 2e-14 of E |size(u)|, u ~ N(mean, sigma^2), sigma > 0; all (n,).
    """
    points, _ = mesh_knots(edges, False)
    grid = np.concatenate([np.arange(0, 12, 0.25), np.arange(12, 64, 0.5), [64.0]])
    grid = np.concatenate([-grid[:0:-1], grid])
    z, middle = (grid[1:] + grid[:-1]) / 2, (points[1:] + points[:-1]) / 2
    u = np.concatenate([mean[:, None] + sigma[:, None] * z, np.tile(middle, (sigma.size, 1))], 1)
    needed = np.full(sigma.shape, 8.5)
    with np.errstate(all="ignore"):
        share = np.tile(np.diff(grid), (sigma.size, 1)), np.minimum(np.diff(points) / sigma[:, None], 1.0)
        place = np.abs(u - mean[:, None]) / sigma[:, None]
        density = np.concatenate(share, 1) * np.exp(-place * place / 2)
        for size in sizes:
            values = np.nan_to_num(np.abs(size(np.clip(u, points[0], points[-1]))), nan=0.0, posinf=0.0)
            least = 1e-305 * np.where(density > 0, values, 0.0).max(1)  # below it is nothing but underflow
            mass = np.where(density * values > least[:, None], density * values, 0.0)
            for near, far in ((8.5, 12.0), (12.0, 20.0), (20.0, 38.0), (38.0, np.inf)):
                beyond = np.where(place > near, mass, 0.0).sum(1) > 2e-14 * mass.sum(1)
                needed = np.where(beyond, np.maximum(needed, far), needed)
    short = (needed * sigma + mean > points[-1]) | (needed * sigma - mean > -points[0])
    return np.where(short, np.nan, needed)


def reach_blocks(
    sizes: tuple[Elementwise, ...], edges: Mesh, mean: np.ndarray, sigma: np.ndarray, smooth: np.ndarray
) -> Iterator[tuple[float, np.ndarray]]:
    """Up to 64 points at a time of one reach that are all smooth or all not, with that reach; those of NaN left out."""
    for part in np.array_split(np.arange(sigma.size), 1 + sigma.size // 2**10):
        reach = needed_reach(sizes, edges, mean[part], sigma[part])
        for far in np.unique(reach[~np.isnan(reach)]):
            for side in (smooth[part], ~smooth[part]):
                chosen = part[side & (reach == far)]
                for start in range(0, chosen.size, 64):
                    yield float(far), chosen[start : start + 64]


def panel_mean_values(
    f: Elementwise, edges: Mesh, anchor: np.ndarray, offset: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """E f(u), u ~ N(anchor + offset, sigma^2), sigma >= 0; at sigma 0 the mean of both sides of a break; all (n,)."""
    value, (points, breaks) = np.full_like(sigma, np.nan), mesh_knots(edges, False)
    filled = live_panels(f, points)
    live, sharp = np.flatnonzero(sigma > 0), np.flatnonzero(sigma == 0)
    for reach, i in reach_blocks((f,), edges, (anchor + offset)[live], sigma[live], live >= 0):
        value[live[i]] = smoothed_values(f, points, filled, anchor[live[i]], offset[live[i]], sigma[live[i]], reach)
    value[sharp] = sum(values_beside(f, breaks, (anchor + offset)[sharp])) / 2
    return value


def values_beside(f: Elementwise, breaks: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f before and after u (n,), which differ only at breaks."""
    at, shift = np.isin(u, breaks), np.where(u == 0, 1e-150, 0.0)
    beside = (np.where(at, np.nextafter(u + side * shift, side * np.inf), u) for side in (-1, 1))
    before, after = (np.broadcast_to(f(each), u.shape) for each in beside)
    return before, after


SCALE_FREE = 2.0**99  # a mesh that reaches as far ends where its functions are powers to rounding


MARGIN = 64.0  # standard deviations


TOUCHING = 1e-12  # a small distance of correlations, at which fields of SCALE_FREE / MARGIN still differ by many breaks


def far_scale(edges: tuple[float, ...], variance: np.ndarray) -> np.ndarray:
    """The factor, at least 1, by which standard deviations exceed what the mesh holds; 1 for meshes of short reach."""
    reach = min(-edges[0], edges[-1])
    return np.maximum(np.sqrt(variance) * (MARGIN / reach), 1.0) if reach >= SCALE_FREE else np.ones_like(variance)


def far_power(f: Elementwise, edges: tuple[float, ...]) -> float:
    """p of f(k u) = k^p f(u) far out; -1 where f falls as fast or faster, and its integral is what counts."""
    places = min(-edges[0], edges[-1]) * np.array([0.5, 0.25])
    outer, inner = np.max(np.abs([f(places), f(-places)]), 0)
    if outer == 0 or inner == 0:
        return -1.0
    return float(np.maximum(np.round(np.log2(outer / inner) * 24) / 24, -1.0))


def nearer(power: float, scale: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What distances of correlations grow by where a smaller scale stands for one, and what slopes shrink by.

    Where f' is integrable, variance E f'(u) f'(v) depends on distance scale^2, but for 1 / sqrt(distance), while fields
    are as near as its breaks and bends, and farther apart on the distance alone, as 1 / sqrt(distance) at first.
    """
    if power > -1:
        return np.ones_like(scale), scale ** (2 * power + 2)
    with np.errstate(divide="ignore"):
        growth = np.maximum(np.minimum(scale**2, TOUCHING / distance), 1.0)
    return growth, np.sqrt(growth)


def broken_mean(f: Elementwise, mean: Real, variance: Real, edges: Mesh) -> np.ndarray:
    """E f(u) for u ~ N(mean, variance), variance >= 0; mean and variance broadcast.

    f is elementwise and edges its mesh. At variance 0 it is f(mean), at a jump the mean of both sides. NaN and an
    infinite variance give NaN. Raises ValueError where the mesh does not reach.
    """
    shape, (m, v) = flat_points(mean, variance)
    require_no_negative("broken_mean", v)
    value, live = np.full(v.shape, np.nan), np.flatnonzero(np.isfinite(m + v))
    scale = far_scale(edges, v[live])
    sigma = np.sqrt(v[live]) / scale
    value[live] = panel_mean_values(f, edges, m[live] / scale, np.zeros(live.size), sigma)
    if np.any(scale > 1):
        value[live] *= scale ** far_power(f, edges)
    return value.reshape(shape)[()]


def require_no_negative(name: str, variance: np.ndarray) -> None:
    """Raise ValueError for a variance below 0."""
    if np.any(variance < 0):
        raise ValueError(f"{name}: variance {np.nanmin(variance)} is negative; give numbers >= 0")


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


NUMBERS_1 = (-1.2676506002282294e+30, -7.0, -2.0, 0.0, 2.0, 6.0, 1.2676506002282294e+30)


def integrand_1(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 + 2 * u * u + 2 * u * (0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) + special.erf(u)) * exp_erfc(0, -u) ** 2


def integrand_2(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2 * (1 + 2 * u * u + 2 * u * (0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) + special.erf(u))


def integrand_3(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2 * exp_erfc(0, -u) ** 2


def integrand_4(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 4


def integrand_5(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return exp_erfc(0, -u) ** 2


def integrand_6(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 + special.erf(u)) * (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2


def integrand_7(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 + special.erf(u)) ** 2 * (u + 0.5641895835477563 * np.exp(-u * u) + u * special.erf(u)) ** 2


def mean_slope(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Slope of the mean.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return np.asarray(exp_erfc(0, -0.7071067811865476 * hbar / np.sqrt(Sigma)) / 2, dtype=np.result_type(hbar, Sigma))[()]


def second_moment_slope(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Slope of the second moment.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = 1.4142135623730951
    x1 = np.sqrt(Sigma)
    return hbar + hbar * special.erf(hbar * x0 / (2 * x1)) + 0.5641895835477563 * x0 * x1 * np.exp(-hbar * hbar / (2 * Sigma))


def fluctuation(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What fluctuations of Sigma add to the mean squared singular value, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    expectation_1 = broken_mean(integrand_1, 0, q / 2, NUMBERS_1)
    expectation_2 = gaussian_mean(integrand_2, 0, q / 2)
    expectation_3 = gaussian_mean(integrand_3, 0, q / 2)
    expectation_4 = gaussian_mean(integrand_4, 0, q / 2)
    expectation_5 = gaussian_mean(integrand_5, 0, q / 2)
    x0 = np.arcsin(q / (1 + q))
    x1 = 2 * x0
    x2 = 6.283185307179586
    return np.asarray(broadcast(expectation_3 * mu_4 / 8 + sigma_m2 * (-expectation_1 + 2 * expectation_5) / 8 - 0.019894367886486918 * expectation_5 * sigma_m2 * (9.42477796076938 - x1 + q * (-x2 - 6 * np.sqrt(1 + 2 * q) - 4 * x0 - 3 * q * (3.141592653589793 + x1)) - 3.141592653589793 * expectation_4 * mu_4 + expectation_2 * sigma_m2 * x2), q, T, sigma_m2, sigma_b2, mu_4), dtype=np.result_type(q, T, sigma_m2, sigma_b2, mu_4))[()]


def sigma_derivative(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    expectation_1 = gaussian_mean(integrand_6, 0, q / 2)
    expectation_2 = gaussian_mean(integrand_7, 0, q / 2)
    x0 = 4 * expectation_1 * sigma_m2
    x1 = 8 * piecewise_overlap(((0,), (0,), (1,), (0, 0)), T, q / (1 + q))
    return np.asarray(broadcast((T * (-x0 + 2 * expectation_2 * mu_4) + q * (x1 + q * x1 + T * (-x0 + expectation_2 * mu_4))) / (8 * T), q, T, sigma_m2, sigma_b2, mu_4), dtype=np.result_type(q, T, sigma_m2, sigma_b2, mu_4))[()]
