"""Functions smoothed over a Gaussian, panel by panel of their mesh: the sums of smoothing_numpy for Torch modules."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.gap_torch import legendre_rule
from meanbits.numerics.emission.runtime.slopes_torch import Elementwise

Mesh = tuple[float, ...]  # ascending edges, from meanbits.numerics.emission.mesh


def panel_rule(like: Tensor) -> tuple[Tensor, Tensor]:
    """The 20 nodes and weights of Gauss and Legendre on [0, 1]."""
    x, w = legendre_rule(20)
    return ((1 + x) / 2).to(like.device), (w / 2).to(like.device)


def normal_rule(like: Tensor) -> tuple[Tensor, Tensor]:
    """The 16 nodes and weights of Gauss and Hermite for N(0, 1). Source: Golub and Welsch 1969, Math. Comp. 23, 221."""
    beside = torch.sqrt(torch.arange(1, 16, dtype=torch.float64))
    x, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    x, w = (x - x.flip(0)) / 2, (vectors[0] ** 2 + vectors[0].flip(0) ** 2) / 2
    return x.to(like.device), w.to(like.device)


def mesh_knots(edges: Mesh, like: Tensor) -> tuple[Tensor, Tensor]:
    """The edges without repetition, and those that stand twice."""
    points, counts = torch.unique(torch.tensor(edges, dtype=torch.float64), return_counts=True)
    return points.to(like.device), points[counts > 1].to(like.device)


def longest_piece(reach: float) -> float:
    """The longest panel, in standard deviations, on which 20 nodes resolve the density within reach."""
    return min(3.0, 25 / reach)


def panel_pieces(left: Tensor, right: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pieces of panels (n,), no longer than step: panel, left end and length; all (m,). Empty panels have none."""
    length = right - left
    count = torch.where(length > 0, torch.ceil(length / step), 0.0).long()
    panel = torch.repeat_interleave(count)
    place = torch.arange(len(panel), device=left.device) - (torch.cumsum(count, 0) - count)[panel]
    piece = (length / torch.clamp(count, min=1))[panel]
    return panel, left[panel] + place * piece, piece


def outer_panels(points: Tensor, breaks: Tensor, narrow: Tensor, reach: float) -> tuple[Tensor, ...]:
    """Panels anchor + (left, right) on which functions smoothed over narrow (p,) are polynomials, and longest pieces.

    Within `reach` of a break, or of a panel shorter than twice that, pieces are a step long; runs of shorter panels
    are one.
    Returns the point among p, anchor, left, right and longest piece; all (m,).
    """
    width, steps, edge = torch.diff(points), longest_piece(reach) * narrow, points.new_full((1,), math.inf)
    before, after = torch.cat([edge, width]), torch.cat([width, edge])
    owner, knot = torch.nonzero(torch.maximum(before, after) >= steps[:, None], as_tuple=True)
    live = torch.nonzero(owner[1:] == owner[:-1])[:, 0]
    owner, start, end = owner[live], knot[live], knot[live + 1]
    length, zone, step = points[end] - points[start], reach * narrow[owner], steps[owner]
    plain = (end == start + 1) & (length >= 2 * zone)
    rough = torch.isin(points, breaks)
    near = [rough[k] | (torch.minimum(before[k], after[k]) < 2 * zone) for k in (start, end)]
    first, last = (torch.where(each, zone, 0.0) for each in near)
    first, last = torch.where(plain, first, length), torch.where(plain, last, 0.0)
    zero, endless = torch.zeros_like(length), torch.full_like(length, math.inf)
    outward = torch.abs(points[start]) < torch.abs(points[end])
    middle = torch.where(outward, points[start], points[end])
    left, right = torch.where(outward, first, first - length), torch.where(outward, length - last, -last)
    parts = (
        (owner, points[start], zero, first, step),
        (owner, middle, left, torch.where(plain, right, left), endless),
        (owner, points[end], -last, zero, step),
    )
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def outer_nodes(points: Tensor, breaks: Tensor, wide: Tensor, narrow: Tensor, reach: float) -> tuple[Tensor, ...]:
    """Nodes anchor + offset and weights for E over N(0, wide^2) of functions smoothed over narrow; wide, narrow (p,).

    Returns for each node its point among p, anchor, offset and weight; all (m,).
    """
    if torch.all(6 * narrow >= wide):
        return even_nodes(wide, narrow, reach)
    owner, anchor, left, right, step = outer_panels(points, breaks, narrow, reach)
    low, high = (sign * reach * wide[owner] - anchor for sign in (-1, 1))
    left, right = torch.clamp(left, low, high), torch.clamp(right, low, high)
    panel, start, length = panel_pieces(left, right, torch.minimum(step, longest_piece(reach) * wide[owner]))
    owner, anchor, (x, w) = owner[panel], anchor[panel], panel_rule(wide)
    offset = start[:, None] + length[:, None] * x
    y = (anchor[:, None] + offset) / wide[owner, None]
    weight = length[:, None] / wide[owner, None] * w * torch.exp(-y * y / 2) / math.sqrt(2 * math.pi)
    wider = [torch.repeat_interleave(each, len(x)) for each in (owner, anchor)]
    return *wider, offset.flatten(), weight.flatten()


def even_nodes(wide: Tensor, narrow: Tensor, reach: float) -> tuple[Tensor, ...]:
    """outer_nodes of the trapezoidal rule, exact to rounding for the products of two functions smoothed over narrow.

    The Fourier transform of such a product and the density decays as exp(-k^2 / (4 / narrow^2 + 2 / wide^2)).
    """
    step = 0.73 / torch.sqrt(2 / narrow**2 + 1 / wide**2)
    half = torch.ceil(reach * wide / step).long()
    owner = torch.repeat_interleave(2 * half + 1)
    start = (torch.cumsum(2 * half + 1, 0) - half - 1)[owner]
    place = torch.arange(len(owner), device=wide.device) - start
    y, share = place * (step / wide)[owner], (step / wide / math.sqrt(2 * math.pi))[owner]
    return owner, torch.zeros_like(y), place * step[owner], share * torch.exp(-y * y / 2)


def live_panels(f: Elementwise, points: Tensor) -> Tensor:
    """Whether f is anything but 0 on the panels between the points (n,); (n - 1,)."""
    share = 2.0 ** -torch.arange(1.0, 121, 4, dtype=torch.float64, device=points.device)
    start, length = points[:-1, None], torch.diff(points)[:, None]
    x = torch.cat([panel_rule(points)[0], share, 1 - share])
    u = torch.clamp(start + length * x, start, start + length)
    return torch.any(f(u).expand(u.shape) != 0, 1)


def smoothed_values(
    f: Elementwise, points: Tensor, anchor: Tensor, offset: Tensor, spread: Tensor, reach: float, power: int = 0
) -> Tensor:
    """E z^power f(anchor + offset + spread z), z ~ N(0, 1) within reach; all (n,) but the knots of the mesh, points."""
    middle = anchor + offset
    first = torch.searchsorted(points, middle - reach * spread, right=True) - 1
    first = torch.clamp(first, 0, len(points) - 2)
    last = torch.searchsorted(points, middle + reach * spread)
    last = torch.clamp(torch.maximum(last, first + 1), max=len(points) - 1)
    value, (z, w) = torch.zeros_like(middle), normal_rule(middle)
    for i in torch.nonzero(last - first == 1)[:, 0].split(2**12):
        u = middle[i, None] + spread[i, None] * z
        value[i] = (f(u) * z**power) @ w
    for i in torch.nonzero(last - first > 1)[:, 0].split(1 + 2**16 // len(points)):
        value[i] = across_panels(f, points, first[i], last[i], anchor[i], offset[i], spread[i], reach, power)
    return value


def across_panels(
    f: Elementwise,
    points: Tensor,
    first: Tensor,
    last: Tensor,
    anchor: Tensor,
    offset: Tensor,
    spread: Tensor,
    reach: float,
    power: int,
) -> Tensor:
    """The same, over the panels from knot first to knot last; all (n,)."""
    value, count = torch.zeros_like(offset), last - first
    owner = torch.repeat_interleave(count)
    panel = first[owner] + torch.arange(len(owner), device=owner.device) - (torch.cumsum(count, 0) - count)[owner]
    part, edge, place, local, width = inner_pieces(points, panel, anchor[owner], offset[owner], spread[owner], reach)
    owner, panel, (x, w), end = owner[part], panel[part], panel_rule(spread), points.new_tensor(math.inf)
    low, high = torch.nextafter(points[panel], end)[:, None], torch.nextafter(points[panel + 1], -end)[:, None]
    for i in torch.arange(len(part), device=part.device).split(2**11):
        shift = local[i, None] + width[i, None] * x
        z = (place[i, None] + shift) / spread[owner[i], None]
        terms = f(torch.clamp(edge[i, None] + shift, low[i], high[i])) * z**power * torch.exp(-z * z / 2)
        value.index_add_(0, owner[i], terms @ w * (width[i] / spread[owner[i]]) / math.sqrt(2 * math.pi))
    return value


def inner_pieces(
    points: Tensor, panel: Tensor, anchor: Tensor, offset: Tensor, spread: Tensor, reach: float
) -> tuple[Tensor, ...]:
    """Pieces of panels within reach of anchor + offset; all (n,).

    Returns for each piece its index in n, the nearer edge of the panel, the place of that edge relative to anchor +
    offset, the left end relative to the edge, and the length; all (m,). No digit is lost near an edge.
    """
    below, above = ((points[panel + k] - anchor) - offset for k in (0, 1))
    nearer, length = torch.abs(below) < torch.abs(above), points[panel + 1] - points[panel]
    place = torch.where(nearer, below, above)
    left = torch.maximum(torch.where(nearer, 0.0, -length), -reach * spread - place)
    right = torch.minimum(torch.where(nearer, length, 0.0), reach * spread - place)
    part, left, width = panel_pieces(left, right, longest_piece(reach) * spread)
    return part, points[panel + (~nearer).long()][part], place[part], left, width


def near_rule(start: Tensor, length: Tensor, resolution: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes and weights in d over [start, start + length], which lies in [0, 1], for n intervals.

    Returns for each node its interval, d and its weight; all (m,). Gauss-Legendre on panels in t, sinh(t) =
    resolution tan(acos(1 - d) / 2), with the nodes that a function analytic for |Im t| < pi / 4 needs.
    """
    fine = torch.clamp(resolution, min=3.0)
    bottom, top = (fine * torch.sqrt(each / (2 - each)) for each in (start, start + length))
    squares = 2 * fine * fine * length / ((2 - start) * (2 - start - length))  # top^2 - bottom^2
    span = torch.asinh(squares / (top * torch.sqrt(1 + bottom * bottom) + bottom * torch.sqrt(1 + top * top)))
    owner, left, panel = panel_pieces(torch.zeros_like(span), span, torch.full_like(span, 3.0))
    left = left + torch.asinh(bottom)[owner]
    count, parts = torch.ceil(17 / torch.asinh(math.pi / 2 / panel)).long() + 2, [(owner[:0], span[:0], span[:0])]
    for n in torch.unique(count).tolist():
        i, (x, w) = torch.nonzero(count == n), (column.to(start.device) for column in legendre_rule(n))
        t = left[i] + panel[i] * (1 + x) / 2
        tangent = torch.sinh(t) / fine[owner[i]]
        weight = panel[i] / 2 * w * torch.cosh(t) / fine[owner[i]] * 4 * tangent / (1 + tangent**2) ** 2
        near = 2 * tangent**2 / (1 + tangent**2)
        parts.append((owner[i].expand(t.shape).flatten(), near.flatten(), weight.flatten()))
    interval, near, weight = (torch.cat(column) for column in zip(*parts, strict=True))
    return interval, near, weight


def needed_reach(sizes: tuple[Elementwise, ...], points: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """How many standard deviations out the functions have mass that counts, one of 8.5, 12, 20, 38.

    That is 2e-14 of E |size(u)|, u ~ N(mean, sigma^2), sigma > 0; all (n,). Raises ValueError where the mesh ends.
    """
    outward = [k / 4 for k in range(48)] + [12 + k / 2 for k in range(105)]
    grid = points.new_tensor([-z for z in outward[:0:-1]] + outward)
    z, middle = (grid[1:] + grid[:-1]) / 2, (points[1:] + points[:-1]) / 2
    u = torch.cat([mean[:, None] + sigma[:, None] * z, middle.expand(len(sigma), -1)], 1)
    share = torch.diff(grid).expand(len(sigma), -1), torch.clamp(torch.diff(points) / sigma[:, None], max=1.0)
    place, needed = torch.abs(u - mean[:, None]) / sigma[:, None], torch.full_like(sigma, 8.5)
    density = torch.cat(share, 1) * torch.exp(-place * place / 2)
    for size in sizes:
        values = torch.abs(size(torch.clamp(u, points[0], points[-1]))).nan_to_num(nan=0.0, posinf=0.0)
        least = 1e-305 * torch.where(density > 0, values, 0.0).amax(1)  # below it is nothing but underflow
        mass = torch.where(density * values > least[:, None], density * values, 0.0)
        for near, far in ((8.5, 12.0), (12.0, 20.0), (20.0, 38.0), (38.0, math.inf)):
            beyond = torch.where(place > near, mass, 0.0).sum(1) > 2e-14 * mass.sum(1)
            needed = torch.where(beyond, torch.clamp(needed, min=far), needed)
    short = (needed * sigma + mean > points[-1]) | (needed * sigma - mean > -points[0])
    if torch.any(short):
        bound, variance = min(-points[0].item(), points[-1].item()), sigma[short].max().item() ** 2
        raise ValueError(f"variance {variance:.6g} needs the functions beyond {bound:.6g}, where their mesh ends")
    return needed


def reach_blocks(
    sizes: tuple[Elementwise, ...], points: Tensor, mean: Tensor, sigma: Tensor, smooth: Tensor
) -> Iterator[tuple[float, Tensor]]:
    """Up to 64 points at a time that need one reach and are all smooth or all not, with that reach."""
    for part in torch.arange(len(sigma), device=sigma.device).split(2**10):
        reach = needed_reach(sizes, points, mean[part], sigma[part])
        for far in torch.unique(reach).tolist():
            for side in (smooth[part], ~smooth[part]):
                for chosen in part[side & (reach == far)].split(64):
                    yield far, chosen
