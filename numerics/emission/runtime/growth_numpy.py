"""How overlaps of piecewise linear functions change with the variance, which generated NumPy modules call.

V dC/dV is E u f'(u) f(v), and by Price's theorem V E f''(u) f(v) + r V E f'(u) f'(v), whose terms cancel in wide
fields.
"""

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.rises_numpy import overlap_values
from meanbits.numerics.emission.runtime.shapes import Shape, derivative_of, growth_reach, has_bends, straight_reach
from meanbits.numerics.emission.runtime.strips_numpy import in_blocks_of, strip_rule
from meanbits.numerics.emission.runtime.wide_numpy import closed_from, from_there, wide_growth

DEVIATIONS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 26.0, 30.0, 34.0, 38.0)


def growth_values(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """dC/dV at correlations r, all (n,). Sums over breaks cancel in wide fields, and near correlation -1."""
    value, size = np.empty_like(v), np.abs(r)
    wide = from_there(closed_from(shape, v), 1 - size)
    opposite = (r < -0.99) & (v > straight_reach(shape))
    along = ~wide & ((v > growth_reach(shape)) | opposite) & has_bends(shape)
    i = np.flatnonzero(~wide & ~along)
    value[i] = overlap_growth(shape, v[i], r[i])
    i = np.flatnonzero(along)
    if i.size:
        value[i] = growth_along(shape, v[i], r[i])
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = np.flatnonzero(wide & chosen)
        if i.size:
            value[i] = wide_growth(shape, side, v[i], 1 - size[i], size[i]) / v[i]
    return value


def conditional_law(v: np.ndarray, r: np.ndarray, at: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of v given u = at, at correlation r: of its mean side at - near side at both parts, and its deviation."""
    near = 1 - np.abs(r)
    mean = np.sign(r) * at
    return mean, near * mean, np.sqrt(v * near * (2 - near))


def deviations(apart: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """In standard deviations, 50 at most."""
    beyond = np.copysign(np.minimum(np.abs(apart), 50 * spread), apart)
    return np.divide(beyond, spread, out=np.sign(apart) * 50, where=spread > 0)


def given_field(shape: Shape, v: np.ndarray, r: np.ndarray, at: float | np.ndarray) -> np.ndarray:
    """E f(v) given u = at, at correlation r."""
    mean, less, spread = conditional_law(v, r, at)
    total = shape[3][0] + shape[3][1] * (r * at)
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart = (t - mean) + less
        beyond = deviations(apart, spread)
        tail = special.erfc(beyond / np.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: np.ndarray, r: np.ndarray, at: float) -> np.ndarray:
    """2 V times the derivative in V of given_field, of a step function."""
    mean, less, spread = conditional_law(v, r, at)
    total = np.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = deviations((t - mean) + less, spread)
        total = total + jump * beyond * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi)
    return total


def normal_density(t: float | np.ndarray, v: np.ndarray) -> np.ndarray:
    """The density of N(0, v) at t."""
    sigma = np.sqrt(v)
    return np.exp(-((t / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)


def overlap_growth(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """dC/dV: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    inner, total = derivative_of(shape), np.zeros_like(v)
    if has_bends(shape):
        total += r * overlap_values(inner, v, r)
    for t, jump, bend in zip(*shape[:3], strict=True):
        steep = (bend + jump * (t / v)) * given_field(shape, v, r, t)
        if jump and has_bends(shape):
            steep += r * jump * given_field(inner, v, r, t)
        total += normal_density(t, v) * steep
    return total


def growth_along(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """dC/dV = E u f'(u) f(v) / V: an integral over u, between breaks, of what f(v) is there on average."""
    total = np.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        total = total + t / v * jump * normal_density(t, v) * given_field(shape, v, r, t)
    ends, (nodes, w) = panel_ends(shape, v, r), strip_rule(1)
    for k in range(len(ends) - 1):
        low, high = ends[k], ends[k + 1]
        for i in in_blocks_of(high > low, w.size):
            u = low[i] + (high[i] - low[i]) * nodes
            mean = u / v[i] * slope_at(shape, u) * given_field(shape, v[i], r[i], u)
            total[i] += np.sum(mean * normal_density(u, v[i]) * w, 0) * (high[i] - low[i])
    return total


def panel_ends(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """The breaks, where v is about at one on average, and multiples of the standard deviation: (ends, n)."""
    sigma, breaks = np.sqrt(v), np.array(shape[0])[:, None]
    spread = sigma * np.sqrt((1 - np.abs(r)) * (1 + np.abs(r)))
    with np.errstate(over="ignore"):
        places = [breaks + each * spread for each in (-8.0, -3.0, 0.0, 3.0, 8.0)]
        ends = [breaks + 0 * v, *(np.divide(each, r, out=np.zeros_like(each), where=r != 0) for each in places)]
    ends = [np.clip(each, -38 * sigma, 38 * sigma) for each in ends]
    ends += [side * np.array(DEVIATIONS)[:, None] * sigma for side in (-1, 1)]
    return np.sort(np.concatenate(ends), 0)


def slope_at(shape: Shape, u: np.ndarray) -> np.ndarray:
    """f' between breaks."""
    return sum((bend * (u > t) for t, bend in zip(shape[0], shape[2], strict=True)), shape[3][1] + 0 * u)
