"""Gaussian expectations of functions with kinks and jumps anywhere, and features on any scale, from a mesh of each.

At a correlation 1 - d of fields u and v of standard deviation s, u and v share a part y of variance s^2 (1 - d), and
E f(u) g(v) = E psi_f(y) psi_g(y), where psi_f is f smoothed over sqrt(d) s. The outer panels follow what the smoothing
leaves of the mesh, the inner ones the mesh. No digit is lost as d goes to 0, and no sum cancels if none of the
functions changes sign.
"""

from collections.abc import Iterator

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.gaussian_numpy import Elementwise
from meanbits.numerics.emission.runtime.smoothing_numpy import (
    Mesh,
    live_panels,
    mesh_knots,
    outer_nodes,
    smoothed_values,
)

Jumps = tuple[tuple[float, float], ...]  # places and heights


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


def panel_pair_values(
    f: Elementwise,
    g: Elementwise,
    edges: Mesh,
    variance: np.ndarray,
    near: np.ndarray,
    shared: np.ndarray,
    sign: float,
) -> np.ndarray:
    """E f(u) g(v) at correlation sign * shared, shared = 1 - near in [0, 1]; all (n,), variance > 0."""
    (points, _), sigma = mesh_knots(edges, False), np.sqrt(variance)
    wide, narrow, pair = (
        sigma * np.sqrt(shared),
        sigma * np.sqrt(near),
        ((f, live_panels(f, points)), (g, live_panels(g, points))),
    )
    if not all(live.any() for _, live in pair):
        return np.zeros_like(variance)
    value = np.full_like(variance, np.nan)
    sizes = (f, lambda u: f(u) ** 2, g, lambda u: g(u) ** 2)[: 2 if f is g else 4]
    for reach, block in reach_blocks(sizes, edges, np.zeros_like(sigma), sigma, 6 * narrow >= wide):
        faint = shared[block] < 0.05 / reach**2
        if np.any(faint):
            i = block[faint]
            value[i] = faint_pair_values(pair, points, sigma[i], sign * shared[i], reach)
        i = block[~faint]
        owner, anchor, offset, weight = outer_nodes(*mesh_knots(edges, sign < 0), wide[i], narrow[i], reach)
        first = smoothed_values(f, points, pair[0][1], anchor, offset, narrow[i][owner], reach)
        if f is not g or sign < 0:
            law = sign * anchor, sign * offset, narrow[i][owner]
            second = smoothed_values(g, points, pair[1][1], *law, reach)
        else:
            second = first
        value[i] = np.bincount(owner, weight * first * second, i.size)
    return value


def faint_pair_values(
    pair: tuple[tuple[Elementwise, np.ndarray], ...],
    points: np.ndarray,
    sigma: np.ndarray,
    correlation: np.ndarray,
    reach: float,
) -> np.ndarray:
    """E f(u) g(v) at a small correlation, (n,): Mehler's series, whose terms keep the digits of odd functions."""
    zero, total = np.zeros_like(sigma), np.zeros_like(sigma)
    moments = [[smoothed_values(f, points, live, zero, zero, sigma, reach, k) for k in range(9)] for f, live in pair]
    for k in range(9):
        hermite = np.polynomial.hermite_e.herme2poly([0] * k + [1])
        first, second = (sum(c * m for c, m in zip(hermite, each[: k + 1], strict=True)) for each in moments)
        total += correlation**k * first * second / special.factorial(k)
    return total


def jump_products(jumps: Jumps, variance: np.ndarray, near: np.ndarray, sign: float) -> np.ndarray:
    """2 pi sqrt(near (2 - near)) variance E D(u) D(v), D(u) the sum of height delta(u - place); (n,)."""
    places, heights = np.array(jumps).T
    v, d = variance[:, None, None], near[:, None, None]
    apart, product = (places[:, None] - sign * places) ** 2, sign * places[:, None] * places
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = np.where(apart > 0, apart / (2 * v * d * (2 - d)), 0.0) + np.where(
            product, product / (v * (2 - d)), 0
        )
    terms = heights[:, None] * heights * np.exp(-np.where(np.isnan(exponent), np.inf, exponent))
    return terms.sum((1, 2))


def panel_slope_values(
    slope: Elementwise, jumps: Jumps, edges: Mesh, variance: np.ndarray, near: np.ndarray, sign: float
) -> np.ndarray:
    """The derivative of E f(u) f(v) in the correlation sign (1 - near); all (n,), variance > 0."""
    value = variance * panel_pair_values(slope, slope, edges, variance, near, 1 - near, sign)
    if np.any(near == 0):
        value[near == 0] += divergence(slope, mesh_knots(edges, False)[1], sign)
    if jumps:
        sigma, sine = np.sqrt(variance), np.sqrt(near * (2 - near))
        for place, height in jumps:
            anchor = np.full_like(sigma, sign * place)
            given = panel_mean_values(slope, edges, anchor, -near * anchor, sigma * sine)
            value += 2 * height * sigma * np.exp(-place * place / variance / 2) / np.sqrt(2 * np.pi) * given
        both = jump_products(jumps, variance, near, sign)
        value += np.divide(
            both, 2 * np.pi * sine, out=np.copysign(np.where(both == 0, 0, np.inf), both), where=sine > 0
        )
    return value


def divergence(f: Elementwise, breaks: np.ndarray, sign: float) -> float:
    """0, or the infinity that E f(u) f(sign u) is, for an f that grows without bound at the breaks."""
    width = np.where(breaks == 0, 2.0**-110, np.abs(breaks) * 2.0**-44)
    places = (np.stack([breaks + k * w for k in (-1, 1)]) for w in (width, 2.0**20 * width))
    near, wide = (f(u) * f(sign * u) for u in places)
    growing = np.abs(near) > 0.9 * 2.0**20 * np.abs(wide)
    return np.inf * np.sum(np.sign(near) * growing) if np.any(growing) else 0.0
