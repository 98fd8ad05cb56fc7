"""soudry: derived, not written. Soudry, Hubara, Meir 2014, NeurIPS 27.

Weights binary; neurons sign; treatment marginalise; form exact.
"""

from __future__ import annotations

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


Real = float | np.ndarray


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


Elementwise = Callable[..., np.ndarray]  # (u, *parameters) -> value, all of one shape


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


NUMBERS_1 = (-1.2676506002282294e+30, -7.0, -3.0, -1.0, 0.0, 1.0, 3.0, 7.0, 1.2676506002282294e+30)


def integrand_1(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return special.erf(u) ** 4


def mean_slope(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Slope of the mean.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return 0.7978845608028654 * np.exp(-hbar * hbar / (2 * Sigma)) / np.sqrt(Sigma)


def second_moment_slope(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Slope of the second moment.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return broadcast(0, hbar, Sigma)


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
    x0 = T * T
    x1 = -3.141592653589793 * sigma_m2 + 2 * mu_4 * np.arcsin(q / (1 + 3 * q))
    x2 = 0.10132118364233778
    x3 = 1 / np.sqrt(1 + 2 * q)
    x4 = 1 + q
    x5 = 1 + expectation_1 * mu_4
    x6 = sigma_m2 * np.arcsin(q / x4)
    x7 = 4 * x6 - 3.141592653589793 * x5
    return np.asarray(broadcast(-2 * x2 * x3 * x4 * (-x1 - q * x1 - 3.141592653589793 * T * sigma_m2) / x0 + 2 * sigma_m2 * x2 * x3 * x4 * (-x7 - 3.141592653589793 * x0 + q * (-8 * x6 + 6.283185307179586 * x5 - q * x7)) / T ** 3, q, T, sigma_m2, sigma_b2, mu_4), dtype=np.result_type(q, T, sigma_m2, sigma_b2, mu_4))[()]


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
    return broadcast(0.4052847345693511 * mu_4 * (1 + q) ** 2 * (2 + q) * np.arcsin(q / (1 + 3 * q)) / (T * T * np.sqrt(1 + 2 * q)), q, T, sigma_m2, sigma_b2, mu_4)
