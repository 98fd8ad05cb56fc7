"""Overlaps of piecewise linear neurons in arbitrary precision.

By Price's theorem (IRE Trans. Inf. Theory 4 (1958) 69) C is an integral over correlations s of n2(t_i, t_j; s), as in
Plackett (Biometrika 41 (1954) 351), here in z = log sqrt((1 - s) / (1 + s)). Its slope needs the overlap of f' alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import mpmath
from mpmath import mp
from mpmath.calculus.quadrature import GaussLegendre

RULE = GaussLegendre(mp)  # keeps the nodes of every precision, which take longer than an integral

Number: TypeAlias = Any  # mpmath.mpf: mpmath has no types
Shape: TypeAlias = tuple[tuple[Number, ...], ...]


def overlap(shape: Shape, v: Number, r: Number) -> Number:
    """C = E f(u) f(v): from correlation 0 by Taylor's formula, r = +-1 by itself."""
    if abs(r) == 1:
        return mean(_products(shape, r), v)
    alone = mean(_products(shape, None), v)
    return alone**2 + r * _smooth_slope(shape, v, mp.zero) + _remainder(shape, v, r)


def difference(shape: Shape, v: Number, rest: Number, drop: Number) -> Number:
    """C at correlation 1 - rest less that at 1 - rest - drop."""
    return overlap(shape, v, 1 - rest) - overlap(shape, v, 1 - rest - drop)


def slope(shape: Shape, v: Number, distance: Number) -> Number:
    """dC/dr at r = 1 - distance."""
    r = 1 - distance
    if abs(r) == 1 and any(shape[1]):
        return mp.inf if r == 1 or -shape[0][0] in shape[0] else _smooth_slope(shape, v, r)
    return _smooth_slope(shape, v, r) + sum(a * b * v * n for a, b, n in _pairs(shape, v, r, shape[1], shape[1]))


def growth(shape: Shape, v: Number, r: Number) -> Number:
    """dC/dV at fixed correlation: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    total = r * overlap(_derivative(shape), v, r)
    for t, jump, bend in zip(*shape[:3], strict=True):
        value, steep = (_given(each, v, r, t) for each in (shape, _derivative(shape)))
        total += _density(t, v) * ((bend + jump * t / v) * value + r * jump * steep)
    return total


def curvature(shape: Shape, v: Number, distance: Number) -> Number:
    """d^2 C/dr^2 at r = 1 - distance."""
    r, t, jumps, bends = 1 - distance, *shape[:3]
    if abs(r) == 1:
        return mp.inf
    apart = 1 - r * r
    total = sum(a * b * v * v * n for a, b, n in _pairs(shape, v, r, bends, bends))
    for i, j, n in _pairs(shape, v, r, range(len(t)), range(len(t))):
        total += 2 * jumps[i] * bends[j] * v * n * (t[i] - r * t[j]) / apart
        rate = r + ((t[i] + t[j]) * (1 - r)) ** 2 / (4 * v * apart) - ((t[i] - t[j]) * (1 + r)) ** 2 / (4 * v * apart)
        total += jumps[i] * jumps[j] * v * n * rate / apart
    return total


def slope_growth(shape: Shape, v: Number, distance: Number) -> Number:
    """d^2 C/dV dr at r = 1 - distance."""
    r, inner = 1 - distance, _derivative(shape)
    if abs(r) == 1 and any(shape[1]):
        return mp.inf
    total = overlap(inner, v, r) + v * growth(inner, v, r)
    for t, jump in zip(*shape[:2], strict=True):
        if jump:
            steep = (1 + t * t / v) * _given(inner, v, r, t) + 2 * v * _given_spread(inner, v, r, t)
            total += jump * _density(t, v) * steep
    for i, j, n in _pairs(shape, v, r, range(len(shape[0])), range(len(shape[0]))):
        s, t = shape[0][i], shape[0][j]
        exponent = (s * s - 2 * r * s * t + t * t) / (2 * v * (1 - r) * (1 + r))
        total += shape[1][i] * shape[1][j] * exponent * n
    return total


def mean(table: tuple[Any, ...], v: Number) -> Number:
    """E F(u), u of mean 0 and variance v, F even: from each start s to the next a polynomial in |u| - s."""
    total, starts = mp.zero, table[0]
    for k, row in enumerate(table[1]):
        ends = [(starts[k], row)]
        if k + 1 < len(starts):
            ends.append((starts[k + 1], [-each for each in _shifted(row, starts[k + 1] - starts[k])]))
        total += sum(
            c * m for start, part in ends for c, m in zip(part, _tail_moments(start, v, len(part)), strict=True)
        )
    return total


def _tail_moments(start: Number, v: Number, count: int) -> list[Number]:
    """2 E (u - start)_+^k for k below count."""
    tail, density = mpmath.erfc(start / mpmath.sqrt(2 * v)), 2 * v * _density(start, v)
    moments = [tail, density - start * tail]
    for k in range(2, count):
        moments.append((k - 1) * v * moments[k - 2] - start * moments[k - 1])
    return moments[:count]


def _shifted(row: tuple[Number, ...], width: Number) -> list[Number]:
    """The coefficients of a polynomial about a point further on."""
    return [
        sum(c * mpmath.binomial(j, k) * width ** (j - k) for j, c in enumerate(row) if j >= k) for k in range(len(row))
    ]


def _products(shape: Shape, side: Number | None) -> tuple[Any, ...]:
    """The table of f(u) f(side u); of f(u) where side is None."""
    starts = sorted({mp.zero, *map(abs, shape[0])})
    rows = []
    for k, start in enumerate(starts):
        inside = (start + starts[k + 1]) / 2 if k + 1 < len(starts) else start + 1
        up, down = (_line(shape, point, turn * start) for point, turn in ((inside, 1), (-inside, -1)))
        down = (down[0], -down[1])
        if side is None:
            rows.append(((up[0] + down[0]) / 2, (up[1] + down[1]) / 2))
        else:
            pairs = [(up, up), (down, down)] if side > 0 else [(up, down), (down, up)]
            terms = [(p[0] * q[0], p[0] * q[1] + p[1] * q[0], p[1] * q[1]) for p, q in pairs]
            rows.append(tuple(sum(each) / 2 for each in zip(*terms, strict=True)))
    return starts, rows


def _line(shape: Shape, inside: Number, point: Number) -> tuple[Number, Number]:
    """Value at a point and slope of the piece that holds `inside`."""
    passed = [(t, jump, bend) for t, jump, bend in zip(*shape[:3], strict=True) if t < inside]
    value = shape[3][0] + shape[3][1] * point + sum(jump + bend * (point - t) for t, jump, bend in passed)
    return value, shape[3][1] + sum(bend for _, _, bend in passed)


def _derivative(shape: Shape) -> Shape:
    """The shape of f' without its delta functions."""
    return shape[0], shape[2], (mp.zero,) * len(shape[0]), (shape[3][1], mp.zero)


def _density(t: Number, v: Number) -> Number:
    return mpmath.exp(-t * t / (2 * v)) / mpmath.sqrt(2 * mp.pi * v)


def _given(shape: Shape, v: Number, r: Number, at: Number) -> Number:
    """E f(v) given u = at."""
    spread = mpmath.sqrt(v * (1 - r) * (1 + r))
    total = shape[3][0] + shape[3][1] * r * at
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart = t - r * at
        tail = mpmath.erfc(apart / spread / mpmath.sqrt(2)) / 2 if spread else (mpmath.sign(-apart) + 1) / 2
        density = spread**2 * _density(apart, spread**2) if spread else 0
        total += jump * tail + bend * (density - apart * tail)
    return total


def _given_spread(shape: Shape, v: Number, r: Number, at: Number) -> Number:
    """The derivative in V of `_given` of a step function."""
    spread = v * (1 - r) * (1 + r)
    return sum(j * _density(t - r * at, spread) * (t - r * at) / (2 * v) for t, j in zip(*shape[:2], strict=True))


def _smooth_slope(shape: Shape, v: Number, r: Number) -> Number:
    """dC/dr without the products of two jumps."""
    inner = _derivative(shape)
    if not any(inner[1]) and not inner[3][0]:
        return mp.zero
    crossed = sum(j * _density(t, v) * _given(inner, v, r, t) for t, j in zip(*shape[:2], strict=True) if j)
    return v * (2 * crossed + overlap(inner, v, r))


def _pairs(shape: Shape, v: Number, r: Number, first: Any, second: Any) -> Iterator[tuple[Any, Any, Number]]:
    """n2(t_i, t_j; r), with two weights of the breaks; none at |r| = 1."""
    if abs(r) == 1:
        return
    for s, a in zip(shape[0], first, strict=True):
        for t, b in zip(shape[0], second, strict=True):
            exponent = (s + t) ** 2 / (4 * v * (1 + r)) + (s - t) ** 2 / (4 * v * (1 - r))
            yield a, b, mpmath.exp(-exponent) / (2 * mp.pi * v * mpmath.sqrt((1 - r) * (1 + r)))


def _remainder(shape: Shape, v: Number, r: Number) -> Number:
    """The integral over s from 0 to r of (r - s) C'' without products of two jumps, and of these in C'."""
    weights: dict[tuple[Number, Number], list[Number]] = {}
    for i, (s, jump_s, bend_s) in enumerate(zip(*shape[:3], strict=True)):
        for j, (t, jump_t, bend_t) in enumerate(zip(*shape[:3], strict=True)):
            key = ((s + t) ** 2 / (8 * v), mp.zero if i == j else (s - t) ** 2 / (8 * v))
            new = jump_s * jump_t, v * bend_s * bend_t, jump_s * bend_t * (s + t) / 2, jump_s * bend_t * (s - t) / 2
            weights[key] = [a + b for a, b in zip(weights.get(key, [mp.zero] * 4), new, strict=True)]
    rows = [(*key, *row) for key, row in weights.items() if any(row)]

    def integrand(z: Number) -> Number:
        square = mpmath.exp(2 * z)
        up, down = 1 + square, 1 + 1 / square
        left = r + mpmath.tanh(z)
        total = mp.zero
        for plus, minus, jumps, bends, even, odd in rows:
            weight = jumps / up + left * (bends / up + even + odd / square)
            total += weight * mpmath.exp(-plus * up - minus * down)
        return total * mpmath.exp(z) / mp.pi

    def exponent(z: Number) -> Number:
        square = mpmath.exp(2 * z)
        return min(row[0] * (1 + square) + row[1] * (1 + 1 / square) for row in rows)

    end = mpmath.log((1 - r) / (1 + r)) / 2
    return mpmath.sign(r) * _over_panels(integrand, exponent, *sorted((end, mp.zero))) if rows else mp.zero


def _over_panels(
    integrand: Callable[[Number], Number], exponent: Callable[[Number], Number], low: Number, high: Number
) -> Number:
    """The integral of about exp(-exponent) by Gauss-Legendre panels on which the exponent changes little."""
    count = max(1, int(mpmath.ceil(high - low)))
    pending = list(pairwise(low + (high - low) * k / count for k in range(count + 1)))
    least = min(exponent(edge) for panel in pending for edge in panel) + mp.prec
    rule, total = RULE.get_nodes(-1, 1, 5 + mp.prec // 300, mp.prec), mp.zero
    while pending:
        left, right = pending.pop()
        half, middle = (right - left) / 2, (right + left) / 2
        values = [exponent(point) for point in (left, middle, right)]
        if min(values) > least and half < 0.5:
            continue
        if max(values) - min(values) > 20 and min(values) < least + 40 * mp.prec and half > mpmath.mpf(2) ** -20:
            pending += [(left, middle), (middle, right)]
            continue
        total += half * sum(w * integrand(middle + half * x) for x, w in rule)
    return total


FUNCTIONS = {
    "PiecewiseOverlap": overlap,
    "PiecewiseDifference": difference,
    "PiecewiseSlope": slope,
    "PiecewiseGrowth": growth,
    "PiecewiseCurvature": curvature,
    "PiecewiseSlopeGrowth": slope_growth,
    "PiecewiseMean": mean,
}
