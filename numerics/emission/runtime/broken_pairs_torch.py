"""Means and pairs of functions with breaks anywhere, from a mesh, with gradients by the theorems of Price and Stein.

A slope has a delta where its function jumps; its terms are separate, and use the same sums.
"""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.slopes_torch import Elementwise, WithSlopes, slope_of
from meanbits.numerics.emission.runtime.smoothing_torch import (
    Mesh,
    live_panels,
    mesh_knots,
    outer_nodes,
    reach_blocks,
    smoothed_values,
)

Jumps = tuple[tuple[float, float], ...]  # places and heights


def values_beside(f: Elementwise, breaks: Tensor, u: Tensor, distance: float = 1.0) -> tuple[Tensor, Tensor]:
    """f before and after u (n,), which differ only at breaks, by `distance` ulp, from 0 by 1e-150 times it."""
    at = torch.isin(u, breaks)
    shift = torch.where(u == 0, 1e-150, 2.0**-52 * torch.abs(u)) * distance
    before, after = (f(torch.where(at, u + side * shift, u)).expand(u.shape) for side in (-1, 1))
    return before, after


def jumps_of(f: Elementwise, breaks: Tensor) -> Jumps:
    """Where f jumps, and how high: at breaks, by more than a few ulp that do not grow with the distance."""
    with torch.no_grad():
        (before, after), (left, right) = (values_beside(f, breaks, breaks, distance) for distance in (2.0, 128.0))
        ulp = torch.finfo(torch.float64).eps * torch.maximum(torch.abs(after), torch.abs(before))
        jump = (torch.abs(after - before) > 8 * ulp) & (torch.abs(right - left) < 2 * torch.abs(after - before))
    places, heights = breaks[jump].tolist(), (after - before)[jump].tolist()
    return tuple(zip(places, heights, strict=True))


def smallest_variance(points: Tensor, place: Tensor) -> Tensor:
    """A variance that functions of that mesh do not tell from 0 at a place; all (n,) but the knots of the mesh."""
    panel = torch.clamp(torch.searchsorted(points, place), 1, len(points) - 1)
    return 1e-12 * torch.clamp(points[panel] - points[panel - 1], max=1.0) ** 2


def require_integrable(f: Elementwise, breaks: Tensor) -> None:
    """Raise ValueError if f, the slope of a function, grows too fast at a break for its integral to exist."""
    width = torch.where(breaks == 0, 2.0**-110, torch.abs(breaks) * 2.0**-44)
    for side in (-1, 1):
        near, wide = (torch.abs(f(breaks + side * w)) for w in (width, 2.0**20 * width))
        if torch.any(near > 0.9 * 2.0**20 * wide):
            raise ValueError("a slope grows without bound at a break: its expectation has no gradient of this kind")


def panel_mean_values(
    f: Elementwise, points: Tensor, anchor: Tensor, offset: Tensor, variance: Tensor, power: int
) -> Tensor:
    """E z^power f(anchor + offset + sqrt(variance) z), z ~ N(0, 1), variance > 0; all (n,)."""
    value, sigma = torch.zeros_like(offset), torch.sqrt(variance)
    for reach, i in reach_blocks((f,), points, anchor + offset, sigma, sigma > 0):
        value[i] = smoothed_values(f, points, anchor[i], offset[i], sigma[i], reach, power)
    return value


def refuse_slope(*points: Tensor) -> Tensor:
    raise ValueError("no second derivative in a variance of these quadratures; differentiate once")


def anchored_mean(f: Elementwise, edges: Mesh, anchor: Tensor, offset: Tensor, variance: Tensor) -> Tensor:
    """E f(u), u ~ N(anchor + offset, variance >= 0), with gradients in offset and variance; all (n,)."""
    points, breaks = mesh_knots(edges, offset)
    jumps, slope = jumps_of(f, breaks), slope_of(f, 0)

    def values(offset: Tensor, variance: Tensor) -> Tensor:
        (before, after), live = values_beside(f, breaks, anchor + offset), variance > 0
        value = (before + after) / 2
        value[live] = panel_mean_values(f, points, anchor[live], offset[live], variance[live], 0)
        return value

    def densities(offset: Tensor, variance: Tensor, power: int) -> Tensor:
        sharp, total = variance == 0, torch.zeros_like(offset)
        sigma = torch.sqrt(torch.where(sharp, 1.0, variance))
        for place, height in jumps:
            z = (place - anchor - offset) / sigma
            smooth = height / sigma * z**power * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            total = total + torch.where(sharp, torch.where(z == 0, math.inf * height, 0.0), smooth)
        return total

    def in_offset(offset: Tensor, variance: Tensor) -> Tensor:
        require_integrable(slope, breaks)
        return anchored_mean(slope, edges, anchor, offset, variance) + densities(offset, variance, 0)

    def moments(offset: Tensor, variance: Tensor) -> Tensor:
        known = torch.maximum(variance, smallest_variance(points, anchor + offset))
        moment = panel_mean_values(slope, points, anchor, offset, known, 1)
        return (moment + densities(offset, known, 1)) / (2 * torch.sqrt(known))

    def in_variance(*law: Tensor) -> Tensor:
        return WithSlopes.apply(moments, [refuse_slope, refuse_slope], *law)

    return WithSlopes.apply(values, [in_offset, in_variance], offset, variance)


def panel_pair_values(
    f: Elementwise, g: Elementwise, edges: Mesh, sign: float, variance: Tensor, near: Tensor, shared: Tensor
) -> Tensor:
    """E f(u) g(v) at correlation sign * shared, shared = 1 - near in [0, 1]; all (n,), variance > 0."""
    (points, breaks), value, sigma = mesh_knots(edges, near), torch.zeros_like(near), torch.sqrt(variance)
    both = mesh_knots((*edges, *(-edge for edge in edges)), near)[0] if sign < 0 else points
    rough = breaks if sign > 0 else torch.cat([breaks, -breaks])
    wide, narrow = sigma * torch.sqrt(shared), sigma * torch.sqrt(near)
    if not all(torch.any(live_panels(each, points)) for each in (f, g)):
        return value
    sizes = (f, lambda u: f(u) ** 2, g, lambda u: g(u) ** 2)[: 2 if f is g else 4]
    for reach, block in reach_blocks(sizes, points, torch.zeros_like(sigma), sigma, 6 * narrow >= wide):
        faint = shared[block] < 0.05 / reach**2
        if torch.any(faint):
            i = block[faint]
            value[i] = faint_pair_values(f, g, points, sigma[i], sign * shared[i], reach)
        i = block[~faint]
        owner, anchor, offset, weight = outer_nodes(both, rough, wide[i], narrow[i], reach)
        spread = narrow[i][owner]
        first = smoothed_values(f, points, anchor, offset, spread, reach)
        same = f is g and sign > 0
        second = first if same else smoothed_values(g, points, sign * anchor, sign * offset, spread, reach)
        value[i] = torch.zeros_like(wide[i]).index_add(0, owner, weight * first * second)
    return value


def faint_pair_values(
    f: Elementwise, g: Elementwise, points: Tensor, sigma: Tensor, correlation: Tensor, reach: float
) -> Tensor:
    """E f(u) g(v) at a small correlation, (n,): Mehler's series, whose terms keep the digits of odd functions."""
    zero = total = torch.zeros_like(sigma)
    moments = [[smoothed_values(h, points, zero, zero, sigma, reach, k) for k in range(9)] for h in (f, g)]
    before, hermite = [0.0], [1.0]
    for k in range(9):
        first, second = (sum(c * m for c, m in zip(hermite, each[: k + 1], strict=True)) for each in moments)
        total = total + correlation**k * first * second / math.factorial(k)
        lower = [*before, *[0.0] * (k + 2 - len(before))]
        before, hermite = hermite, [c - k * b for c, b in zip([0.0, *hermite], lower, strict=True)]
    return total


def near_pair(
    f: Elementwise, g: Elementwise, edges: Mesh, sign: float, variance: Tensor, near: Tensor, shared: Tensor
) -> Tensor:
    """E f(u) g(v) at correlation sign * shared, shared = 1 - near in [0, 1]; all (n,), variance >= 0.

    Gradients are in the variance and in near; shared is there for its digits.
    """

    def values(variance: Tensor, near: Tensor, shared: Tensor) -> Tensor:
        breaks, live = mesh_knots(edges, near)[1], variance > 0
        (f_left, f_right), (g_left, g_right) = (values_beside(each, breaks, torch.zeros_like(near)) for each in (f, g))
        odd = (f_right - f_left) * (g_right - g_left) * torch.asin(sign * shared) / (2 * math.pi)
        value = (f_left + f_right) * (g_left + g_right) / 4 + odd
        value[live] = panel_pair_values(f, g, edges, sign, variance[live], near[live], shared[live])
        return value

    def in_variance(variance: Tensor, near: Tensor, shared: Tensor) -> Tensor:
        (points, breaks), total = mesh_knots(edges, near), torch.zeros_like(near)
        known = torch.maximum(variance, smallest_variance(points, total))
        for first, second in ((f, g),) if f is g else ((f, g), (g, f)):
            slope = slope_of(first, 0)
            total = total + near_pair(lambda u, s=slope: u * s(u), second, edges, sign, known, near, shared)
            moved = tuple((place, place * height) for place, height in jumps_of(first, breaks))
            total = total + delta_means(moved, second, edges, sign, known, near) / known
        return total / known if f is g else total / (2 * known)

    def in_near(variance: Tensor, near: Tensor, shared: Tensor) -> Tensor:
        breaks, slope = mesh_knots(edges, near)[1], slope_of(f, 0)
        slopes, jumps = (slope, slope if f is g else slope_of(g, 0)), (jumps_of(f, breaks), jumps_of(g, breaks))
        for each in slopes:
            require_integrable(each, breaks)
        return -sign * price_slope(*slopes, *jumps, edges, sign, variance, near, shared)

    def in_shared(variance: Tensor, near: Tensor, shared: Tensor) -> Tensor:
        return torch.zeros_like(shared)

    return WithSlopes.apply(values, [in_variance, in_near, in_shared], variance, near, shared)


def delta_means(jumps: Jumps, g: Elementwise, edges: Mesh, sign: float, variance: Tensor, near: Tensor) -> Tensor:
    """variance E D(u) g(v), D(u) the sum of height delta(u - place), u and v as in near_pair; all (n,)."""
    total, sigma = torch.zeros_like(near), torch.sqrt(variance)
    for place, height in jumps:
        anchor = torch.full_like(near, sign * place)
        given = anchored_mean(g, edges, anchor, -near * anchor, variance * near * (2 - near))
        density = torch.exp(-(place**2) / variance / 2) if place else torch.ones_like(variance)
        total = total + height * sigma * density / math.sqrt(2 * math.pi) * given
    return total


def delta_products(f_jumps: Jumps, g_jumps: Jumps, sign: float, variance: Tensor, near: Tensor) -> Tensor:
    """variance E D(u) D(v) for the deltas of both, infinite at near 0 where two are at one place; all (n,)."""
    apart, meeting, known = torch.zeros_like(near), torch.zeros_like(near), torch.where(near > 0, near, 1.0)
    for place, height in f_jumps:
        for other, rise in g_jumps:
            gap, product = (place - sign * other) ** 2, sign * place * other
            exponent = product / (variance * (2 - near)) if product else torch.zeros_like(near)
            if gap:
                exponent = exponent + gap / (2 * variance * known * (2 - near))
                apart = apart + height * rise * torch.exp(-exponent)
            else:
                meeting = meeting + height * rise * torch.exp(-exponent)
    apart = torch.where(near > 0, apart / torch.sqrt(known * (2 - near)), 0.0)
    known = torch.where(meeting != 0, near, 1.0)
    return (apart + torch.where(meeting != 0, meeting / torch.sqrt(known * (2 - known)), 0.0)) / (2 * math.pi)


def price_slope(
    f1: Elementwise,
    g1: Elementwise,
    f_jumps: Jumps,
    g_jumps: Jumps,
    edges: Mesh,
    sign: float,
    variance: Tensor,
    near: Tensor,
    shared: Tensor,
) -> Tensor:
    """d/dr E f(u) g(v) at the correlation r = sign * shared, for slopes f1, g1 and jumps of f and g; all (n,)."""
    value = variance * near_pair(f1, g1, edges, sign, variance, near, shared)
    if torch.any(near == 0):
        endless = divergence(f1, g1, mesh_knots(edges, near)[1], sign)
        value = value + torch.where((near == 0) & (variance > 0), endless, 0.0)
    if f_jumps or g_jumps:
        live, sharp = (torch.nonzero(each)[:, 0] for each in (variance > 0, variance == 0))
        law = variance[live], near[live]
        deltas = delta_means(f_jumps, g1, edges, sign, *law) + delta_means(g_jumps, f1, edges, sign, *law)
        deltas = deltas + delta_products(f_jumps, g_jumps, sign, *law)
        first, second = (tuple(jump for jump in jumps if jump[0] == 0) for jumps in (f_jumps, g_jumps))
        limits = delta_products(first, second, sign, torch.ones_like(near[sharp]), near[sharp])
        value = value.index_add(0, live, deltas).index_add(0, sharp, limits)
    return value


def divergence(f: Elementwise, g: Elementwise, breaks: Tensor, sign: float) -> float:
    """0, or the infinity that E f(u) g(sign u) is, for functions that grow without bound at the breaks."""
    width = torch.where(breaks == 0, 2.0**-110, torch.abs(breaks) * 2.0**-44)
    places = (torch.stack([breaks + k * w for k in (-1, 1)]) for w in (width, 2.0**20 * width))
    near, wide = (f(u) * g(sign * u) for u in places)
    growing = torch.abs(near) > 0.9 * 2.0**20 * torch.abs(wide)
    return math.inf * torch.sum(torch.sign(near) * growing).item() if torch.any(growing) else 0.0
