"""Gaussian expectations of functions with breaks anywhere that generated Torch modules call: those of broken_numpy."""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.broken_pairs_torch import (
    Jumps,
    anchored_mean,
    near_pair,
    price_slope,
    refuse_slope,
)
from meanbits.numerics.emission.runtime.gap_torch import together
from meanbits.numerics.emission.runtime.slopes_torch import (
    Elementwise,
    Real,
    WithSlopes,
    correlations,
    require_closed,
    with_slopes,
)
from meanbits.numerics.emission.runtime.smoothing_torch import Mesh, live_panels, mesh_knots, near_rule


def broken_mean(f: Elementwise, mean: Real, variance: Real, edges: Mesh) -> Tensor:
    """E f(u) for u ~ N(mean, variance), variance >= 0; mean and variance broadcast.

    f is elementwise on float64 tensors and edges the mesh of it and its slope. Gradients once in the variance, else to
    every order. At variance 0 it is f(mean), at a jump the mean of both sides. NaN and an infinite variance give NaN.
    Raises ValueError where the mesh does not reach.
    """
    require_closed(f, variance)
    points, dtype = together(mean, variance)
    m, v = (each.reshape(-1) for each in points)
    require_no_negative("broken_mean", v)
    live = torch.nonzero(torch.isfinite(m + v))[:, 0]
    found = anchored_mean(f, edges, torch.zeros_like(m[live]), m[live], v[live])
    return torch.full_like(m, math.nan).index_copy(0, live, found).reshape(points[0].shape).to(dtype)


def broken_pair(f: Elementwise, g: Elementwise, variance: Real, correlation: Real, edges: Mesh) -> Tensor:
    """E f(u) g(v), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1; the arguments broadcast.

    f and g are elementwise on float64 tensors and edges a mesh of both and of their slopes. At variance 0 it is the
    limit from above. NaN and an infinite variance give NaN. Raises ValueError where the mesh does not reach.
    """
    require_closed(f, variance)
    require_closed(g, variance)
    points, dtype = together(variance, correlations(correlation))
    v, c = (each.reshape(-1) for each in points)
    require_no_negative("broken_pair", v)
    value = torch.full_like(v, math.nan)
    for sign, side in ((1.0, c >= 0), (-1.0, c < 0)):
        i = torch.nonzero(side & torch.isfinite(v))[:, 0]
        value = value.index_copy(0, i, near_pair(f, g, edges, sign, v[i], 1 - sign * c[i], sign * c[i].detach()))
    return value.reshape(points[0].shape).to(dtype)


def slopes_at(slope: Elementwise, jumps: Jumps, edges: Mesh, variance: Tensor, distance: Tensor) -> Tensor:
    """The slopes of broken_slope; all (n,)."""
    value = torch.full_like(variance, math.nan)
    for sign, side in ((1.0, distance <= 1), (-1.0, distance > 1)):
        i = torch.nonzero(side & torch.isfinite(variance))[:, 0]
        near = distance[i] if sign > 0 else torch.clamp(2 - distance[i], min=0.0)
        value = value.index_copy(
            0, i, price_slope(slope, slope, jumps, jumps, edges, sign, variance[i], near, 1 - near.detach())
        )
    return value


def broken_slope(slope: Elementwise, jumps: Jumps, variance: Real, distance: Real, edges: Mesh) -> Tensor:
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance, in [0, 2]; the arguments broadcast.

    As in broken_numpy, with gradients in the variance and the distance. NaN and an infinite variance give NaN. Raises
    ValueError outside the domain, and where the mesh does not reach.
    """
    require_closed(slope, variance)
    points, dtype = together(variance, distance)
    v, apart = (each.reshape(-1) for each in points)
    require_no_negative("broken_slope", v)
    if torch.any((apart < 0) | (apart > 2 + 1e-15)):
        raise ValueError("broken_slope: give distances in [0, 2]")
    return slopes_at(slope, jumps, edges, v, apart).reshape(points[0].shape).to(dtype)


def broken_difference(slope: Elementwise, jumps: Jumps, variance: Real, rest: Real, drop: Real, edges: Mesh) -> Tensor:
    """E f(u) f(v) at correlation 1 - rest minus that at 1 - rest - drop; the arguments broadcast.

    As in broken_numpy, with gradients in the variance (once), in rest and in drop. NaN and an infinite variance give
    NaN. Raises ValueError outside the domain, and where the mesh does not reach.
    """
    require_closed(slope, variance)
    law = slope, jumps, edges

    def in_variance(*points: Tensor) -> Tensor:
        def values(v: Tensor, low: Tensor, width: Tensor) -> Tensor:
            with torch.enable_grad():
                live = v.detach().requires_grad_()
                return torch.autograd.grad(difference_sums(*law, live, low, width).sum(), live)[0]

        return WithSlopes.apply(values, [refuse_slope] * 3, *points)

    def in_rest(v: Tensor, low: Tensor, width: Tensor) -> Tensor:
        return torch.where(width > 0, slopes_at(*law, v, low + width) - slopes_at(*law, v, low), 0.0)

    def in_drop(v: Tensor, low: Tensor, width: Tensor) -> Tensor:
        return slopes_at(*law, v, low + width)

    def values(v: Tensor, low: Tensor, width: Tensor) -> Tensor:
        require_no_negative("broken_difference", v)
        if torch.any((low < 0) | (low > 1) | (width < 0) | (low + width > 2 + 1e-15)):
            raise ValueError("broken_difference: give rest in [0, 1] and drop in [0, 2 - rest]")
        return difference_sums(*law, v, low, width)

    return with_slopes(values, [in_variance, in_rest, in_drop], variance, rest, drop)


def difference_sums(slope: Elementwise, jumps: Jumps, edges: Mesh, v: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """The sums of broken_difference; all (n,)."""
    end = torch.clamp((2 - low) - width, min=0.0)  # 1 + the lower correlation
    roots = torch.sqrt(low * (2 - low)) + torch.sqrt(torch.clamp(low + width, max=2.0) * end)
    height = sum(height for place, height in jumps if place == 0)
    limit = torch.where(v == 0, height**2 / math.pi * torch.atan2(width, roots), 0.0)
    value = torch.where(torch.isfinite(v + end), limit, math.nan)
    positive = torch.minimum(width, 1 - low)
    for sign, start, length in ((1.0, low, positive), (-1.0, end, width - positive)):
        for i in torch.nonzero((v > 0) & torch.isfinite(v) & (length > 0))[:, 0].split(64):
            fine = correlation_sharpness(slope, jumps, edges, v[i].detach())
            owner, near, weight = near_rule(start[i], length[i], fine)
            slopes = price_slope(slope, slope, jumps, jumps, edges, sign, v[i][owner], near, 1 - near)
            value = value.index_add(0, i[owner], weight * slopes)
    return value


def correlation_sharpness(slope: Elementwise, jumps: Jumps, edges: Mesh, variance: Tensor) -> Tensor:
    """The inverse of the tan(acos(1 - d) / 2) below which the slope at 1 - d is a power series in sqrt(d); (n,).

    That is set by the shortest panel near by, the least distance of breaks, and the nearest place where f varies.
    """
    (points, breaks), sigma = mesh_knots(edges, variance), torch.sqrt(variance)
    finest = torch.full_like(sigma, math.inf)
    for knots, share in ((points, 3.0), (breaks, 15.0)):
        if len(knots) > 1:
            start = torch.clamp(torch.maximum(knots[:-1], -knots[1:]), min=0.0)
            lengths = torch.where(start < 8.5 * sigma[:, None], torch.diff(knots) / share, math.inf)
            finest = torch.minimum(finest, lengths.amin(1))
    start = torch.clamp(torch.maximum(points[:-1], -points[1:]), min=0.0)
    places = [*start[live_panels(slope, points)].tolist(), *(abs(place) for place, _ in jumps), math.inf]
    return torch.maximum(sigma / finest, torch.clamp(min(places) / sigma, max=40.0))


def require_no_negative(name: str, variance: Tensor) -> None:
    """Raise ValueError for a variance below 0."""
    if torch.any(variance < 0):
        raise ValueError(f"{name}: variance {variance.min()} is negative; give numbers >= 0")
