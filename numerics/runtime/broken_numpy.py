"""Gaussian expectations of functions with kinks and jumps anywhere, and features on any scale, from a mesh of each.

At a correlation 1 - d of fields u and v of standard deviation s, u and v share a part y of variance s^2 (1 - d), and
E f(u) g(v) = E psi_f(y) psi_g(y), where psi_f is f smoothed over sqrt(d) s. The outer panels follow what the smoothing
leaves of the mesh, the inner ones the mesh. No digit is lost as d goes to 0, and no sum cancels if none of the
functions changes sign.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from numerics.runtime.gaussian_numpy import Elementwise
from numerics.runtime.quadrature_numpy import Real, correlations, flat_points

Jumps = tuple[tuple[float, float], ...]  # places and heights
Mesh = tuple[float, ...]  # ascending edges, from numerics.mesh


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


def split(left: np.ndarray, right: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of panels (n,), no longer than step: panel, left end and length; all (m,). Empty panels have none."""
    length = right - left
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(length > 0, np.ceil(length / step), 0).astype(np.int64)
    panel = np.repeat(np.arange(count.size), count)
    place = np.arange(panel.size) - (np.cumsum(count) - count)[panel]
    piece = (length / np.maximum(count, 1))[panel]
    return panel, left[panel] + place * piece, piece


def outer_panels(points: np.ndarray, breaks: np.ndarray, narrow: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
    """Panels anchor + (left, right) on which functions smoothed over narrow (p,) are polynomials, and longest pieces.

    Within `reach` of a break, or of a panel shorter than twice that, pieces are a step long; runs of shorter panels
    are one.
    Returns the point among p, anchor, left, right and longest piece; all (m,).
    """
    width, steps = np.diff(points), longest_piece(reach) * narrow
    before, after = np.append(np.inf, width), np.append(width, np.inf)
    owner, knot = np.nonzero(np.maximum(before, after) >= steps[:, None])
    live = np.flatnonzero(owner[1:] == owner[:-1])
    owner, start, end = owner[live], knot[live], knot[live + 1]
    length, zone, step = points[end] - points[start], reach * narrow[owner], steps[owner]
    plain = (end == start + 1) & (length >= 2 * zone)
    rough = np.isin(points, breaks)
    first, last = (np.where(rough[k] | (np.minimum(before[k], after[k]) < 2 * zone), zone, 0.0) for k in (start, end))
    first, last = np.where(plain, first, length), np.where(plain, last, 0.0)
    zero, endless = np.zeros_like(length), np.full_like(length, np.inf)
    outward = np.abs(points[start]) < np.abs(points[end])
    middle = np.where(outward, points[start], points[end])
    left, right = np.where(outward, first, first - length), np.where(outward, length - last, -last)
    parts = (
        (owner, points[start], zero, first, step),
        (owner, middle, left, np.where(plain, right, left), endless),
        (owner, points[end], -last, zero, step),
    )
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def outer_nodes(
    points: np.ndarray, breaks: np.ndarray, wide: np.ndarray, narrow: np.ndarray, reach: float
) -> tuple[np.ndarray, ...]:
    """Nodes anchor + offset and weights for E over N(0, wide^2) of functions smoothed over narrow; wide, narrow (p,).

    Returns for each node its point among p, anchor, offset and weight; all (m,).
    """
    if np.all(narrow >= wide):
        zero = np.zeros_like(wide)
        owner, anchor, left, right, step = np.arange(wide.size), zero, -reach * wide, reach * wide, np.inf * wide
    else:
        owner, anchor, left, right, step = outer_panels(points, breaks, narrow, reach)
    low, high = (sign * reach * wide[owner] - anchor for sign in (-1, 1))
    left, right = np.clip(left, low, high), np.clip(right, low, high)
    panel, start, length = split(left, right, np.minimum(step, longest_piece(reach) * wide[owner]))
    owner, anchor, (x, w) = owner[panel], anchor[panel], panel_rule()
    offset = start[:, None] + length[:, None] * x
    y = (anchor[:, None] + offset) / wide[owner, None]
    weight = length[:, None] / wide[owner, None] * w * np.exp(-y * y / 2) / np.sqrt(2 * np.pi)
    return np.repeat(owner, x.size), np.repeat(anchor, x.size), offset.ravel(), weight.ravel()


def live_panels(f: Elementwise, points: np.ndarray) -> np.ndarray:
    """Whether f is anything but 0 on the panels between the points (n,); (n - 1,)."""
    share = 2.0 ** -np.arange(1.0, 121, 4)
    start, length = points[:-1, None], np.diff(points)[:, None]
    u = np.concatenate([start + length * panel_rule()[0], start + length * share, start + length * (1 - share)], 1)
    with np.errstate(all="ignore"):
        return np.any(np.broadcast_to(f(np.clip(u, start, start + length)), u.shape) != 0, 1)


def smoothed(
    f: Elementwise,
    points: np.ndarray,
    live: np.ndarray,
    anchor: np.ndarray,
    offset: np.ndarray,
    spread: np.ndarray,
    reach: float,
) -> np.ndarray:
    """E f(anchor + offset + spread z), z ~ N(0, 1) within reach; all (n,).

    points are the knots of the mesh (m,); on panels that are not live (m - 1,) f is 0.
    """
    middle = anchor + offset
    first = np.clip(np.searchsorted(points, middle - reach * spread, "right") - 1, 0, points.size - 2)
    last = np.clip(np.searchsorted(points, middle + reach * spread, "left"), first + 1, points.size - 1)
    value, (z, w) = np.zeros_like(middle), normal_rule()
    inside = np.flatnonzero((last - first == 1) & live[first])
    for i in np.array_split(inside, 1 + inside.size // 2**11):
        u = middle[i, None] + spread[i, None] * z
        value[i] = np.broadcast_to(f(u), u.shape) @ w
    across = np.flatnonzero(last - first > 1)
    count = (last - first)[across]
    owner = np.repeat(across, count)
    panel = first[owner] + np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    owner, panel = owner[live[panel]], panel[live[panel]]
    part, edge, place, local, width = inner_pieces(points, panel, anchor[owner], offset[owner], spread[owner], reach)
    owner, panel, (x, w) = owner[part], panel[part], panel_rule()
    low, high = np.nextafter(points[panel], np.inf)[:, None], np.nextafter(points[panel + 1], -np.inf)[:, None]
    for i in np.array_split(np.arange(part.size), 1 + part.size // 2**11):
        shift = local[i, None] + width[i, None] * x
        z = (place[i, None] + shift) / spread[owner[i], None]
        terms = f(np.minimum(np.maximum(edge[i, None] + shift, low[i]), high[i])) * np.exp(-z * z / 2)
        value += np.bincount(owner[i], terms @ w * width[i] / spread[owner[i]] / np.sqrt(2 * np.pi), value.size)
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
    part, left, width = split(left, right, longest_piece(reach) * spread)
    return part, points[panel + ~nearer][part], place[part], left, width


def reaches(sizes: tuple[Elementwise, ...], edges: Mesh, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """How many standard deviations out the functions have mass that counts, one of 8.5, 12, 20, 38.

    That is 2e-14 of E |size(u)|, u ~ N(mean, sigma^2), sigma > 0; all (n,). Raises ValueError where the mesh ends.
    """
    points, _ = mesh_knots(edges, False)
    grid = np.concatenate([np.arange(0, 12, 0.25), np.arange(12, 64, 0.5), [64.0]])
    grid = np.concatenate([-grid[:0:-1], grid])
    z, share = (grid[1:] + grid[:-1]) / 2, np.diff(grid)
    middle, length = (points[1:] + points[:-1]) / 2, np.diff(points)
    u = np.concatenate([mean[:, None] + sigma[:, None] * z, np.tile(middle, (sigma.size, 1))], 1)
    share = np.concatenate([np.tile(share, (sigma.size, 1)), np.minimum(length / sigma[:, None], 1.0)], 1)
    place, needed = np.abs(u - mean[:, None]) / sigma[:, None], np.full(sigma.shape, 8.5)
    u = np.clip(u, points[0], points[-1])
    with np.errstate(all="ignore"):
        density = share * np.exp(-place * place / 2)
        for size in sizes:
            mass = np.nan_to_num(density * np.abs(size(u)), nan=0.0, posinf=0.0)
            for near, far in ((8.5, 12.0), (12.0, 20.0), (20.0, 38.0), (38.0, np.inf)):
                beyond = np.where(place > near, mass, 0.0).sum(1) > 2e-14 * mass.sum(1)
                needed = np.where(beyond, np.maximum(needed, far), needed)
    short = np.flatnonzero((needed * sigma + mean > points[-1]) | (needed * sigma - mean > -points[0]))
    if short.size:
        bound, variance = min(-points[0], points[-1]), sigma[short].max() ** 2
        raise ValueError(f"variance {variance:.6g} needs the functions beyond {bound:.6g}, where their mesh ends")
    return needed


def blocks(reach: np.ndarray, smooth: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """Up to 64 points at a time that have one reach and are all smooth or all not, with that reach."""
    for far in np.unique(reach):
        for side in (smooth, ~smooth):
            chosen = np.flatnonzero(side & (reach == far))
            for start in range(0, chosen.size, 64):
                yield float(far), chosen[start : start + 64]


def mean_values(f: Elementwise, edges: Mesh, anchor: np.ndarray, offset: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """E f(u), u ~ N(anchor + offset, sigma^2), sigma >= 0; at sigma 0 the mean of both sides of a break; all (n,)."""
    value, (points, breaks) = np.zeros_like(sigma), mesh_knots(edges, False)
    filled = live_panels(f, points)
    live, sharp = np.flatnonzero(sigma > 0), np.flatnonzero(sigma == 0)
    needed = reaches((f,), edges, (anchor + offset)[live], sigma[live])
    for reach, i in blocks(needed, needed > 0):
        value[live[i]] = smoothed(f, points, filled, anchor[live[i]], offset[live[i]], sigma[live[i]], reach)
    value[sharp] = sum(sides(f, breaks, (anchor + offset)[sharp])) / 2
    return value


def sides(f: Elementwise, breaks: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f before and after u (n,), which differ only at breaks."""
    at, shift = np.isin(u, breaks), np.where(u == 0, 1e-150, 0.0)
    beside = (np.where(at, np.nextafter(u + side * shift, side * np.inf), u) for side in (-1, 1))
    before, after = (np.broadcast_to(f(each), u.shape) for each in beside)
    return before, after


def pair_values(
    f: Elementwise, g: Elementwise, edges: Mesh, variance: np.ndarray, near: np.ndarray, sign: float
) -> np.ndarray:
    """E f(u) g(v) at correlation sign (1 - near), near in [0, 1]; all (n,), variance > 0."""
    value, (points, _), sigma = np.zeros_like(variance), mesh_knots(edges, False), np.sqrt(variance)
    wide, narrow = sigma * np.maximum(np.sqrt(1 - near), 1e-150), sigma * np.sqrt(near)
    sizes = f, lambda u: f(u) ** 2, g, lambda u: g(u) ** 2
    f_live, g_live = live_panels(f, points), live_panels(g, points)
    if not (f_live.any() and g_live.any()):
        return value
    needed = reaches(sizes[:2] if f is g else sizes, edges, np.zeros_like(sigma), sigma)
    for reach, i in blocks(needed, narrow >= wide):
        owner, anchor, offset, weight = outer_nodes(*mesh_knots(edges, sign < 0), wide[i], narrow[i], reach)
        spread = narrow[i][owner]
        first = smoothed(f, points, f_live, anchor, offset, spread, reach)
        same = f is g and sign > 0
        second = first if same else smoothed(g, points, g_live, sign * anchor, sign * offset, spread, reach)
        value[i] = np.bincount(owner, weight * first * second, i.size)
    return value


def jump_products(jumps: Jumps, variance: np.ndarray, near: np.ndarray, sign: float) -> np.ndarray:
    """2 pi sqrt(near (2 - near)) variance E d(u) d(v), d(u) the sum of height delta(u - place), as in pair_values."""
    places, heights = np.array(jumps).T
    v, d = variance[:, None, None], near[:, None, None]
    apart, product = (places[:, None] - sign * places) ** 2, sign * places[:, None] * places
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = np.where(apart > 0, apart / (2 * v * d * (2 - d)), 0.0) + np.where(
            product, product / (v * (2 - d)), 0
        )
    terms = heights[:, None] * heights * np.exp(-np.where(np.isnan(exponent), np.inf, exponent))
    return terms.sum((1, 2))


def slope_values(
    slope: Elementwise, jumps: Jumps, edges: Mesh, variance: np.ndarray, near: np.ndarray, sign: float
) -> np.ndarray:
    """The derivative of E f(u) f(v) in the correlation sign (1 - near); all (n,), variance > 0."""
    value = variance * pair_values(slope, slope, edges, variance, near, sign)
    if sign > 0 and np.any(near == 0) and not has_square(slope, mesh_knots(edges, False)[1]):
        value[near == 0] = np.inf
    if jumps:
        sigma, sine = np.sqrt(variance), np.sqrt(near * (2 - near))
        for place, height in jumps:
            anchor = np.full_like(sigma, sign * place)
            given = mean_values(slope, edges, anchor, -near * anchor, sigma * sine)
            value += 2 * height * sigma * np.exp(-place * place / variance / 2) / np.sqrt(2 * np.pi) * given
        both = jump_products(jumps, variance, near, sign)
        value += np.divide(
            both, 2 * np.pi * sine, out=np.copysign(np.where(both == 0, 0, np.inf), both), where=sine > 0
        )
    return value


def has_square(f: Elementwise, breaks: np.ndarray) -> bool:
    """Whether f^2 is integrable at the breaks, near which it may grow without bound."""
    width = np.where(breaks == 0, 2.0**-110, np.abs(breaks) * 2.0**-44)
    near, wide = (np.stack([f(breaks + side * w) ** 2 * w for side in (-1, 1)]) for w in (width, 2.0**20 * width))
    return bool(np.all(near <= 0.9 * wide))


def height_at_zero(jumps: Jumps) -> float:
    return sum(height for place, height in jumps if place == 0)


def broken_mean(f: Elementwise, mean: Real, variance: Real, edges: Mesh) -> np.ndarray:
    """E f(u) for u ~ N(mean, variance), variance >= 0; mean and variance broadcast.

    f is elementwise and edges its mesh. At variance 0 it is f(mean), at a jump the mean of both sides. NaN and an
    infinite variance give NaN. Raises ValueError where the mesh does not reach.
    """
    shape, (m, v) = flat_points(mean, variance)
    require_variances("broken_mean", v)
    value, live = np.full(v.shape, np.nan), np.flatnonzero(np.isfinite(m + v))
    value[live] = mean_values(f, edges, m[live], np.zeros(live.size), np.sqrt(v[live]))
    return value.reshape(shape)[()]


def broken_pair(f: Elementwise, g: Elementwise, variance: Real, correlation: Real, edges: Mesh) -> np.ndarray:
    """E f(u) g(v), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1; the arguments broadcast.

    f and g are elementwise and edges a mesh of both. At variance 0 it is the limit from above. NaN and an infinite
    variance give NaN. Raises ValueError where the mesh does not reach.
    """
    shape, (v, rho) = flat_points(variance, correlation)
    require_variances("broken_pair", v)
    value, rho, breaks = np.full(v.shape, np.nan), correlations(rho), mesh_knots(edges, False)[1]
    for sign, side in ((1.0, rho >= 0), (-1.0, rho < 0)):
        i = np.flatnonzero(side & (v > 0) & np.isfinite(v))
        value[i] = pair_values(f, g, edges, v[i], 1 - np.abs(rho[i]), sign)
    limit = np.flatnonzero((v == 0) & np.isfinite(rho))
    (f_before, f_after), (g_before, g_after) = (sides(each, breaks, np.zeros(limit.size)) for each in (f, g))
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
    require_variances("broken_slope", v)
    if np.any((apart < 0) | (apart > 2 + 1e-15)):
        raise ValueError("broken_slope: give distances in [0, 2]")
    value = np.full(v.shape, np.nan)
    for sign, side in ((1.0, apart <= 1), (-1.0, apart > 1)):
        near = apart if sign > 0 else np.maximum(2 - apart, 0.0)
        i = np.flatnonzero(side & (v > 0) & np.isfinite(v))
        value[i] = slope_values(slope, jumps, edges, v[i], near[i], sign)
        limit, height = np.flatnonzero(side & (v == 0)), height_at_zero(jumps)
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
    require_variances("broken_difference", v)
    if np.any((low < 0) | (low > 1) | (width < 0) | (low + width > 2 + 1e-15)):
        raise ValueError("broken_difference: give rest in [0, 1] and drop in [0, 2 - rest]")
    end = np.maximum((2 - low) - width, 0.0)  # 1 + the lower correlation
    angle = 2 * np.arctan2(width, np.sqrt(low * (2 - low)) + np.sqrt(np.minimum(low + width, 2.0) * end))
    value = np.where(v == 0, height_at_zero(jumps) ** 2 / (2 * np.pi) * angle, 0.0)
    value[~np.isfinite(v + end)] = np.nan
    positive = np.minimum(width, 1 - low)
    for sign, start, length in ((1.0, low, positive), (-1.0, end, width - positive)):
        live = np.flatnonzero((v > 0) & np.isfinite(v) & (length > 0))
        for i in np.array_split(live, 1 + live.size // 64):
            owner, near, weight = near_rule(start[i], length[i], sharpness(slope, jumps, edges, v[i]))
            integrand = slope_values(slope, jumps, edges, v[i][owner], near, sign)
            value[i] += np.bincount(owner, weight * integrand, i.size)
    return value.reshape(shape)[()]


def near_rule(start: np.ndarray, length: np.ndarray, resolution: np.ndarray) -> tuple[np.ndarray, ...]:
    """Nodes and weights in d over [start, start + length], which lies in [0, 1], for n intervals.

    Returns for each node its interval, d and its weight; all (m,). Gauss-Legendre on panels in t, sinh(t) =
    resolution tan(acos(1 - d) / 2), with the nodes that a function analytic for |Im t| < pi / 4 needs.
    """
    fine = np.maximum(resolution, 3.0)
    bottom, top = (fine * np.sqrt(each / (2 - each)) for each in (start, start + length))
    squares = 2 * fine * fine * length / ((2 - start) * (2 - start - length))  # top^2 - bottom^2
    span = np.arcsinh(squares / (top * np.sqrt(1 + bottom * bottom) + bottom * np.sqrt(1 + top * top)))
    owner, left, panel = split(np.arcsinh(bottom), np.arcsinh(bottom) + span, np.full_like(span, 3.0))
    count, parts = np.ceil(17 / np.arcsinh(np.pi / 2 / panel)) + 2, [np.zeros((3, 0))]
    for n in np.unique(count):
        i, (x, w) = np.flatnonzero(count == n)[:, None], np.polynomial.legendre.leggauss(int(n))
        t = left[i] + panel[i] * (1 + x) / 2
        tangent, growth = np.sinh(t) / fine[owner[i]], np.cosh(t) / fine[owner[i]]
        weight = panel[i] / 2 * w * growth * 4 * tangent / (1 + tangent**2) ** 2
        near = 2 * tangent**2 / (1 + tangent**2)
        parts.append(np.reshape(np.broadcast_arrays(owner[i], near, weight), (3, -1)))
    interval, near, weight = np.concatenate(parts, 1)
    return interval.astype(np.int64), near, weight


def sharpness(slope: Elementwise, jumps: Jumps, edges: Mesh, variance: np.ndarray) -> np.ndarray:
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


def require_variances(name: str, variance: np.ndarray) -> None:
    """Raise ValueError for a variance below 0."""
    if np.any(variance < 0):
        raise ValueError(f"{name}: variance {np.nanmin(variance)} is negative; give numbers >= 0")
