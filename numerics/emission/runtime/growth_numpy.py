"""How overlaps of piecewise linear functions change with the variance, which generated NumPy modules call.

V dC/dV is E u f'(u) f(v), and by Price's theorem V E f''(u) f(v) + r V E f'(u) f'(v), whose terms cancel in wide
fields.
"""

import numpy as np
from scipy import special

from meanbits.numerics.emission.runtime.rises_numpy import overlap_values
from meanbits.numerics.emission.runtime.shapes import (
    Shape,
    bent_lines,
    break_unit,
    derivative_of,
    far_line,
    has_bends,
    widest_break,
)
from meanbits.numerics.emission.runtime.strips_numpy import in_blocks_of, strip_rule
from meanbits.numerics.emission.runtime.wide_numpy import far_overlap, is_wide, wide_overlap


def growth_values(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """dC/dV at correlations r, all (n,)."""
    value, size = np.empty_like(v), np.abs(r)
    wide = is_wide(shape, v, 1 - size)
    along = (v > 64 * widest_break(shape) ** 2) & ~wide & (widest_break(shape) > 0)
    i = np.flatnonzero(~wide & ~along)
    value[i] = overlap_growth(shape, v[i], r[i])
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = np.flatnonzero(wide & chosen)
        value[i] = wide_overlap(shape, side, v[i], 1 - size[i], size[i])[1] / v[i]
        i = np.flatnonzero(along & chosen)
        value[i] = growth_along(shape, side, v[i], 1 - size[i], size[i]) / v[i]
    return value


def far_from(t: float, at: float | np.ndarray, v: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, ...]:
    """Given u = at at correlation r: t less the mean of v; that in standard deviations, 50 at most; these."""
    size = np.abs(r)
    apart = t - np.sign(r) * at + (1 - size) * (np.sign(r) * at)
    spread = np.sqrt(v * (1 - size) * (1 + size))
    beyond = np.copysign(np.minimum(np.abs(apart), 50 * spread), apart)
    return apart, np.divide(beyond, spread, out=np.sign(apart) * 50, where=spread > 0), spread


def given_field(shape: Shape, v: np.ndarray, r: np.ndarray, at: float | np.ndarray) -> np.ndarray:
    """E f(v) given u = at, at correlation r."""
    total = shape[3][0] + shape[3][1] * (r * at)
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart, beyond, spread = far_from(t, at, v, r)
        tail = special.erfc(beyond / np.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: np.ndarray, r: np.ndarray, at: float) -> np.ndarray:
    """2 V times the derivative in V of given_field, of a step function."""
    total = np.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = far_from(t, at, v, r)[1]
        total += jump * beyond * np.exp(-beyond * beyond / 2) / np.sqrt(2 * np.pi)
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


def growth_along(shape: Shape, side: int, v: np.ndarray, near: np.ndarray, size: np.ndarray) -> np.ndarray:
    """V dC/dV = E u f'(u) f(v) of fields that are wide but nearly equal, or opposite.

    But for the lines far out, an integral over u between the outermost breaks, of what f(v) is on average given u.
    """
    total, bent, r = far_overlap(shape, side, v, near, size)[1], bent_lines(shape), side * size
    for t, jump in zip(*shape[:2], strict=True):
        total += t * jump * normal_density(t, v) * given_field(shape, v, r, t)
    ends, (nodes, w) = panel_ends(shape, v, r), strip_rule(1)
    for k in range(len(ends) - 1):
        low, high = ends[k], ends[k + 1]
        for i in in_blocks_of(high > low, w.size):
            u = low[i] + (high[i] - low[i]) * nodes
            value, steep, line, slant = values_at(shape, u)
            mean = (steep - slant) * u * given_field(shape, v[i], r[i], u) + (value - line) * given_field(
                bent, v[i], r[i], u
            )
            total[i] += np.sum(mean * normal_density(u, v[i]) * w, 0) * (high[i] - low[i])
    return total


def panel_ends(shape: Shape, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """The breaks and 0, and about where v is at one on average, in the middle of its conditional law: (ends, n)."""
    size, spread = break_unit(shape), np.sqrt(v * (1 - np.abs(r)) * (1 + np.abs(r)))
    breaks = np.array(sorted({0.0, *shape[0]}))[:, None]
    ends = [breaks + 0 * v, *((breaks + each * spread) / r for each in (-8.0, -3.0, 0.0, 3.0, 8.0))]
    return np.sort(np.clip(np.concatenate(ends), -size, size), 0)


def values_at(shape: Shape, u: np.ndarray) -> tuple[np.ndarray, ...]:
    """f and its slope, then its line far out and the slope of that, between breaks."""
    p, q, s, d = far_line(shape)
    value, steep, size, sign = shape[3][0] + shape[3][1] * u, shape[3][1] + 0 * u, break_unit(shape), np.sign(u)
    for t, jump, bend in zip(*shape[:3], strict=True):
        value, steep = value + (u > t) * (jump + bend * (u - t)), steep + (u > t) * bend
    return value, steep, p + q * (u / size) + sign * (s + d * (u / size)), (q + d * sign) / size
