"""Gaussian expectations of functions with kinks and jumps anywhere, and features on any scale, from a mesh of each.

At a correlation 1 - d of fields u and v of standard deviation s, u and v share a part y of variance s^2 (1 - d), and
E f(u) g(v) = E psi_f(y) psi_g(y), where psi_f is f smoothed over sqrt(d) s. The outer panels follow what the smoothing
leaves of the mesh, the inner ones the mesh. No digit is lost as d goes to 0, and no sum cancels if none of the
functions changes sign.
"""

from collections.abc import Iterator

import numpy as np

from numerics.runtime.gaussian_numpy import Elementwise
from numerics.runtime.quadrature_numpy import Real, correlations, flat_points
from numerics.runtime.smoothing_numpy import Mesh, live_panels, mesh_knots, near_rule, outer_nodes, smoothed_values

Jumps = tuple[tuple[float, float], ...]  # places and heights


def needed_reach(sizes: tuple[Elementwise, ...], edges: Mesh, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """How many standard deviations out the functions have mass that counts, one of 8.5, 12, 20, 38.

    That is 2e-14 of E |size(u)|, u ~ N(mean, sigma^2), sigma > 0; all (n,). Raises ValueError where the mesh ends.
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
            mass = np.nan_to_num(density * np.abs(size(np.clip(u, points[0], points[-1]))), nan=0.0, posinf=0.0)
            for near, far in ((8.5, 12.0), (12.0, 20.0), (20.0, 38.0), (38.0, np.inf)):
                beyond = np.where(place > near, mass, 0.0).sum(1) > 2e-14 * mass.sum(1)
                needed = np.where(beyond, np.maximum(needed, far), needed)
    short = np.flatnonzero((needed * sigma + mean > points[-1]) | (needed * sigma - mean > -points[0]))
    if short.size:
        bound, variance = min(-points[0], points[-1]), sigma[short].max() ** 2
        raise ValueError(f"variance {variance:.6g} needs the functions beyond {bound:.6g}, where their mesh ends")
    return needed


def reach_blocks(
    sizes: tuple[Elementwise, ...], edges: Mesh, mean: np.ndarray, sigma: np.ndarray, smooth: np.ndarray
) -> Iterator[tuple[float, np.ndarray]]:
    """Up to 64 points at a time that need one reach and are all smooth or all not, with that reach."""
    for part in np.array_split(np.arange(sigma.size), 1 + sigma.size // 2**10):
        reach = needed_reach(sizes, edges, mean[part], sigma[part])
        for far in np.unique(reach):
            for side in (smooth[part], ~smooth[part]):
                chosen = part[side & (reach == far)]
                for start in range(0, chosen.size, 64):
                    yield float(far), chosen[start : start + 64]


def panel_mean_values(
    f: Elementwise, edges: Mesh, anchor: np.ndarray, offset: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """E f(u), u ~ N(anchor + offset, sigma^2), sigma >= 0; at sigma 0 the mean of both sides of a break; all (n,)."""
    value, (points, breaks) = np.zeros_like(sigma), mesh_knots(edges, False)
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
    f: Elementwise, g: Elementwise, edges: Mesh, variance: np.ndarray, near: np.ndarray, sign: float
) -> np.ndarray:
    """E f(u) g(v) at correlation sign (1 - near), near in [0, 1]; all (n,), variance > 0."""
    value, (points, _), sigma = np.zeros_like(variance), mesh_knots(edges, False), np.sqrt(variance)
    wide, narrow = sigma * np.maximum(np.sqrt(1 - near), 1e-150), sigma * np.sqrt(near)
    f_live, g_live = live_panels(f, points), live_panels(g, points)
    if not (f_live.any() and g_live.any()):
        return value
    sizes = (f, lambda u: f(u) ** 2, g, lambda u: g(u) ** 2)[: 2 if f is g else 4]
    for reach, i in reach_blocks(sizes, edges, np.zeros_like(sigma), sigma, 6 * narrow >= wide):
        owner, anchor, offset, weight = outer_nodes(*mesh_knots(edges, sign < 0), wide[i], narrow[i], reach)
        spread = narrow[i][owner]
        first = smoothed_values(f, points, f_live, anchor, offset, spread, reach)
        same = f is g and sign > 0
        second = first if same else smoothed_values(g, points, g_live, sign * anchor, sign * offset, spread, reach)
        value[i] = np.bincount(owner, weight * first * second, i.size)
    return value


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
    value = variance * panel_pair_values(slope, slope, edges, variance, near, sign)
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


def jump_height_at_zero(jumps: Jumps) -> float:
    return sum(height for place, height in jumps if place == 0)


def broken_mean(f: Elementwise, mean: Real, variance: Real, edges: Mesh) -> np.ndarray:
    """E f(u) for u ~ N(mean, variance), variance >= 0; mean and variance broadcast.

    f is elementwise and edges its mesh. At variance 0 it is f(mean), at a jump the mean of both sides. NaN and an
    infinite variance give NaN. Raises ValueError where the mesh does not reach.
    """
    shape, (m, v) = flat_points(mean, variance)
    require_no_negative("broken_mean", v)
    value, live = np.full(v.shape, np.nan), np.flatnonzero(np.isfinite(m + v))
    value[live] = panel_mean_values(f, edges, m[live], np.zeros(live.size), np.sqrt(v[live]))
    return value.reshape(shape)[()]


def broken_pair(f: Elementwise, g: Elementwise, variance: Real, correlation: Real, edges: Mesh) -> np.ndarray:
    """E f(u) g(v), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1; the arguments broadcast.

    f and g are elementwise and edges a mesh of both. At variance 0 it is the limit from above. NaN and an infinite
    variance give NaN. Raises ValueError where the mesh does not reach.
    """
    shape, (v, rho) = flat_points(variance, correlation)
    require_no_negative("broken_pair", v)
    value, rho, breaks = np.full(v.shape, np.nan), correlations(rho), mesh_knots(edges, False)[1]
    for sign, side in ((1.0, rho >= 0), (-1.0, rho < 0)):
        i = np.flatnonzero(side & (v > 0) & np.isfinite(v))
        value[i] = panel_pair_values(f, g, edges, v[i], 1 - np.abs(rho[i]), sign)
    limit = np.flatnonzero((v == 0) & np.isfinite(rho))
    (f_before, f_after), (g_before, g_after) = (values_beside(each, breaks, np.zeros(limit.size)) for each in (f, g))
    value[limit] = (f_before + f_after) * (g_before + g_after) / 4
    value[limit] += (f_after - f_before) * (g_after - g_before) * np.arcsin(rho[limit]) / (2 * np.pi)
    return value.reshape(shape)[()]


def broken_slope(slope: Elementwise, jumps: Jumps, variance: Real, distance: Real, edges: Mesh) -> np.ndarray:
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance, in [0, 2]; the arguments broadcast.

    u and v are centred Gaussian of one variance >= 0. slope is f' between the breaks, jumps are ((place, height), ...)
    of f, and edges the mesh of slope. It is variance E f'(u) f'(v) with deltas in f' (Price 1958, IRE Trans. Inf.
    Theory 4, 69): infinite at equal fields where f jumps. At variance 0 it is the limit from above. NaN and an infinite
    variance give NaN. Raises ValueError outside the domain, and where the mesh does not reach.
    """
    shape, (v, apart) = flat_points(variance, distance)
    require_no_negative("broken_slope", v)
    if np.any((apart < 0) | (apart > 2 + 1e-15)):
        raise ValueError("broken_slope: give distances in [0, 2]")
    value = np.full(v.shape, np.nan)
    for sign, side in ((1.0, apart <= 1), (-1.0, apart > 1)):
        near = apart if sign > 0 else np.maximum(2 - apart, 0.0)
        i = np.flatnonzero(side & (v > 0) & np.isfinite(v))
        value[i] = panel_slope_values(slope, jumps, edges, v[i], near[i], sign)
        limit, height = np.flatnonzero(side & (v == 0)), jump_height_at_zero(jumps)
        with np.errstate(divide="ignore"):
            ends = height**2 / (2 * np.pi * np.sqrt(near[limit] * (2 - near[limit]))) if height else 0.0
        value[limit] = ends
    return value.reshape(shape)[()]


def broken_difference(
    slope: Elementwise, jumps: Jumps, variance: Real, rest: Real, drop: Real, edges: Mesh
) -> np.ndarray:
    """E f(u) f(v) at correlation 1 - rest minus that at 1 - rest - drop; the arguments broadcast.

    rest in [0, 1], drop in [0, 2 - rest], the others as in broken_slope, of which it is the integral over the
    correlation: accurate relative to the difference, however small.
    """
    shape, (v, low, width) = flat_points(variance, rest, drop)
    require_no_negative("broken_difference", v)
    if np.any((low < 0) | (low > 1) | (width < 0) | (low + width > 2 + 1e-15)):
        raise ValueError("broken_difference: give rest in [0, 1] and drop in [0, 2 - rest]")
    end = np.maximum((2 - low) - width, 0.0)  # 1 + the lower correlation
    angle = 2 * np.arctan2(width, np.sqrt(low * (2 - low)) + np.sqrt(np.minimum(low + width, 2.0) * end))
    value = np.where(v == 0, jump_height_at_zero(jumps) ** 2 / (2 * np.pi) * angle, 0.0)
    value[~np.isfinite(v + end)] = np.nan
    positive = np.minimum(width, 1 - low)
    for sign, start, length in ((1.0, low, positive), (-1.0, end, width - positive)):
        live = np.flatnonzero((v > 0) & np.isfinite(v) & (length > 0))
        for i in np.array_split(live, 1 + live.size // 64):
            owner, near, weight = near_rule(start[i], length[i], correlation_sharpness(slope, jumps, edges, v[i]))
            integrand = panel_slope_values(slope, jumps, edges, v[i][owner], near, sign)
            value[i] += np.bincount(owner, weight * integrand, i.size)
    return value.reshape(shape)[()]


def correlation_sharpness(slope: Elementwise, jumps: Jumps, edges: Mesh, variance: np.ndarray) -> np.ndarray:
    """The inverse of the tan(acos(1 - d) / 2) below which the slope at 1 - d is a power series in sqrt(d); (n,).

    That is set by the shortest panel near by, the least distance of breaks, and the nearest place where f varies.
    """
    (points, breaks), sigma = mesh_knots(edges, False), np.sqrt(variance)
    finest = np.full(sigma.shape, np.inf)
    for knots, share in ((points, 3.0), (breaks, 15.0)):
        start = np.maximum(np.maximum(knots[:-1], -knots[1:]), 0.0)
        seen = start < 8.5 * sigma[:, None]
        finest = np.minimum(finest, np.where(seen, np.diff(knots) / share, np.inf).min(1, initial=np.inf))
    start = np.maximum(np.maximum(points[:-1], -points[1:]), 0.0)
    places = [*start[live_panels(slope, points)], *(abs(place) for place, _ in jumps), np.inf]
    return np.maximum(sigma / finest, np.minimum(min(places) / sigma, 40.0))


def require_no_negative(name: str, variance: np.ndarray) -> None:
    """Raise ValueError for a variance below 0."""
    if np.any(variance < 0):
        raise ValueError(f"{name}: variance {np.nanmin(variance)} is negative; give numbers >= 0")
