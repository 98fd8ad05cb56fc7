"""Gaussian expectations of functions with breaks anywhere, and features on any scale, that NumPy modules call.

A function comes with a mesh, from meanbits.numerics.emission.mesh, and for slopes and differences with its jumps.
"""

import numpy as np

from meanbits.numerics.emission.runtime.broken_pairs_numpy import (
    Jumps,
    panel_mean_values,
    panel_pair_values,
    panel_slope_values,
    values_beside,
)
from meanbits.numerics.emission.runtime.far_numpy import far_power, far_scale, nearer, pair_factor
from meanbits.numerics.emission.runtime.gaussian_numpy import Elementwise
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, correlations, flat_points
from meanbits.numerics.emission.runtime.smoothing_numpy import Mesh, live_panels, mesh_knots, near_rule


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
    scale = far_scale(edges, v[live])
    sigma = np.sqrt(v[live]) / scale
    value[live] = panel_mean_values(f, edges, m[live] / scale, np.zeros(live.size), sigma)
    if np.any(scale > 1):
        value[live] *= scale ** far_power(f, edges)
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
        shared, scale = np.abs(rho[i]), far_scale(edges, v[i])
        value[i] = panel_pair_values(f, g, edges, v[i] / scale**2, 1 - shared, shared, sign)
        if np.any(scale > 1):
            value[i] *= pair_factor((far_power(f, edges), far_power(g, edges)), scale, shared == 1)
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
        scale = far_scale(edges, v[i])
        growth, factor = nearer(far_power(slope, edges), scale, near[i])
        value[i] = factor * panel_slope_values(slope, jumps, edges, v[i] / scale**2, near[i] * growth, sign)
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
    scale = far_scale(edges, np.where(np.isfinite(v), v, 1.0))
    if np.any(scale > 1):
        growth, factor = nearer(far_power(slope, edges), scale, low + width)
        within = broken_difference(slope, jumps, v / scale**2, low * growth, width * growth, edges)
        return (within * factor / growth).reshape(shape)[()]
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
