"""Functions smoothed over a Gaussian, panel by panel of their mesh, and the panels on which the results are smooth."""

from functools import cache

import numpy as np

from meanbits.numerics.emission.runtime.gaussian_numpy import Elementwise

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
    if np.all(6 * narrow >= wide):
        return even_nodes(wide, narrow, reach)
    owner, anchor, left, right, step = outer_panels(points, breaks, narrow, reach)
    low, high = (sign * reach * wide[owner] - anchor for sign in (-1, 1))
    left, right = np.clip(left, low, high), np.clip(right, low, high)
    panel, start, length = panel_pieces(left, right, np.minimum(step, longest_piece(reach) * wide[owner]))
    owner, anchor, (x, w) = owner[panel], anchor[panel], panel_rule()
    offset = start[:, None] + length[:, None] * x
    y = (anchor[:, None] + offset) / wide[owner, None]
    weight = length[:, None] / wide[owner, None] * w * np.exp(-y * y / 2) / np.sqrt(2 * np.pi)
    return np.repeat(owner, x.size), np.repeat(anchor, x.size), offset.ravel(), weight.ravel()


def even_nodes(wide: np.ndarray, narrow: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
    """outer_nodes of the trapezoidal rule, exact to rounding for the products of two functions smoothed over narrow.

    The Fourier transform of such a product and the density decays as exp(-k^2 / (4 / narrow^2 + 2 / wide^2)).
    """
    step = 0.73 / np.sqrt(2 / narrow**2 + 1 / wide**2)
    half = np.ceil(reach * wide / step).astype(np.int64)
    owner = np.repeat(np.arange(wide.size), 2 * half + 1)
    place = np.arange(owner.size) - (np.cumsum(2 * half + 1) - half - 1)[owner]
    y, share = place * (step / wide)[owner], (step / wide / np.sqrt(2 * np.pi))[owner]
    return owner, np.zeros_like(y), place * step[owner], share * np.exp(-y * y / 2)


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


def near_rule(start: np.ndarray, length: np.ndarray, resolution: np.ndarray) -> tuple[np.ndarray, ...]:
    """Nodes and weights in d over [start, start + length], which lies in [0, 1], for n intervals.

    Returns for each node its interval, d and its weight; all (m,). Gauss-Legendre on panels in t, sinh(t) =
    resolution tan(acos(1 - d) / 2), with the nodes that a function analytic for |Im t| < pi / 4 needs.
    """
    fine = np.maximum(resolution, 3.0)
    bottom, top = (fine * np.sqrt(each / (2 - each)) for each in (start, start + length))
    squares = 2 * fine * fine * length / ((2 - start) * (2 - start - length))  # top^2 - bottom^2
    span = np.arcsinh(squares / (top * np.sqrt(1 + bottom * bottom) + bottom * np.sqrt(1 + top * top)))
    owner, left, panel = panel_pieces(np.zeros_like(span), span, np.full_like(span, 3.0))
    left = left + np.arcsinh(bottom)[owner]
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
