"""Quadratures that bound their own error: sums of absolute local discrepancies and of the rounding of every term.

No chance agreement of two rules makes such a sum small. SciPy's integrators do not serve: `cubature` and `quad_vec`
keep one mesh for all integrals, whose knots differ here; `tanhsinh` (1.17) bounds E erf^2 too low at one variance in
four.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meanbits.numerics.emission.runtime.quadrature_numpy import Real, batches, wedge, wedge_rule

Function = Callable[[np.ndarray], np.ndarray]
Integrand = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # integrals (m,), nodes (m, n): F, error

EPSILON = np.finfo(np.float64).eps
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
LAST = WEIGHTS[:, None] * np.sqrt(np.arange(17, 20) + 0.5) * np.polynomial.legendre.legvander(NODES, 19)[:, 17:]
GAUSSIAN = np.array([-39, -11, -7.5, -5, -3, -1.5, 0, 1.5, 3, 5, 7.5, 11, 39])  # beyond, the density underflows


def with_rounding(f: Function, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(u) and its rounding: 4 ulp of the value, and what 4 ulp of u change; both of the shape of u."""
    value = np.broadcast_to(f(u), u.shape)
    step, rise = np.diff(u), np.diff(value)
    slope = np.abs(np.divide(rise, step, out=np.zeros_like(rise), where=step != 0))
    steepest = np.empty_like(value)
    steepest[..., 1:], steepest[..., 0] = slope, slope[..., 0]
    np.maximum(steepest[..., :-1], slope, out=steepest[..., :-1])
    return value, 4 * EPSILON * (np.abs(value) + np.abs(u) * steepest)


def panel_edges(distance: np.ndarray, spread: np.ndarray, unit: Real = 1.0) -> np.ndarray:
    """GAUSSIAN, and steps of 1, 4, 16 .. units from knots at a distance (p, k) of the mean, in spreads (p,).

    The steps go from each knot as far as the next, and find what a function does near a knot within a unit, where the
    spread is large. Sorted (p, n).
    """
    end = GAUSSIAN[-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        units = np.nan_to_num(unit / spread, posinf=1.0)[:, None]
        steps = 4.0 ** np.arange(np.ceil(np.log2(end / np.min(units[units > 0], initial=1.0)) / 2) + 1)
        knots = np.sort(np.clip(np.nan_to_num(distance / spread[:, None], posinf=end, neginf=-end), -end, end), 1)
    walls = np.pad(knots, ((0, 0), (1, 1)), constant_values=((0, 0), (-end, end)))
    edges = [knots, np.broadcast_to(GAUSSIAN, (len(spread), GAUSSIAN.size))]
    for step in steps:
        edges += [np.maximum(knots - units * step, walls[:, :-2]), np.minimum(knots + units * step, walls[:, 2:])]
    return np.sort(np.concatenate(edges, 1), 1)


def integrate(
    integrand: Integrand, edges: np.ndarray, rtol: float, most: int, atol: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """E integrand(i, x), x ~ N(0, 1), and its bound for each of p integrals, whose edges of panels are (p, n).

    A panel is halved while its error is above its rounding and its share of rtol and atol, and at most `most` were
    added.
    """
    size, sums, panels = len(edges), np.zeros((3, len(edges))), np.zeros(len(edges))
    owner = np.repeat(np.arange(size), edges.shape[1] - 1)
    left, right = edges[:, :-1].ravel(), edges[:, 1:].ravel()
    halved = right > left
    allowed = most + np.bincount(owner[halved], minlength=size)
    while np.any(halved):
        owner, left, right = owner[halved], left[halved], right[halved]
        parts = [panel_sums(integrand, *(each[k : k + 1024] for each in (owner, left, right)))
                 for k in range(0, owner.size, 1024)]  # fmt: skip
        found = np.concatenate(parts, 1)
        panels += np.bincount(owner, minlength=size)
        total = np.abs(sums[0] + np.bincount(owner, found[0], size))
        middle, goal = (left + right) / 2, np.maximum((np.maximum(rtol * total, atol) / panels)[owner], found[2])
        halved = (found[1] > goal) & (panels < allowed)[owner] & (left < middle) & (middle < right)
        sums += [np.bincount(owner[~halved], part[~halved], size) for part in found]
        owner, left, right, halved = (
            np.concatenate(pair) for pair in ((owner, owner), (left, middle), (middle, right), (halved, halved))
        )
    return sums[0], sums[1] + sums[2]


def panel_sums(integrand: Integrand, owner: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """For each panel the Gauss-Legendre sum, 4 times its last three Legendre coefficients, and its rounding; (3, m).

    The coefficients bound what a polynomial of degree 16 leaves, far above the error of the rule, of degree 39.
    """
    half = (right - left)[:, None] / 2
    x = (left + right)[:, None] / 2 + half * NODES
    with np.errstate(over="ignore", invalid="ignore"):
        value, error = integrand(owner, x)
        weight = half * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        terms = value * weight
        rounding = weight * error + EPSILON * (8 + x * x) * np.abs(terms)
        ends = 4 * EPSILON * np.abs(x * terms / half)[:, [0, -1]].sum(1)  # of the edges
        last = 4 * np.abs(terms @ LAST).sum(1)
        return np.stack([terms @ WEIGHTS, last, rounding @ WEIGHTS + ends + np.finfo(np.float64).tiny])


def logarithmic_sums(
    f: Function, g: Function, v: np.ndarray, c: np.ndarray, scale: float, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E f(u) g(v), the error of the sum and its rounding, for v and c (p,), as `signs_apart` sums it."""
    sigma, along, across = np.sqrt(v), np.sqrt((1 + np.abs(c)) / 2), np.sqrt((1 - np.abs(c)) / 2)
    sums, orders = np.zeros((5, v.size)), ((f, f),) if f is g else ((f, g), (g, f))
    for (x, w), i in batches(lambda s: wedge_rule(s, step), 100 * sigma / scale, 2):
        s, a, b = (each[i, None, None] for each in (sigma, along, across))
        sign = np.where(c[i, None] < 0, -1.0, 1.0)
        for first, second in orders:
            for side, pair in ((sign, (a, b)), (-sign, (b, a))):
                inner, outer, row_weight, weight = wedge(s, *pair, x, w)
                for mirror in (1.0, -1.0):
                    with np.errstate(over="ignore", invalid="ignore"):
                        on_u = with_rounding(first, mirror * outer)
                        on_v = with_rounding(second, mirror * side * inner[..., 0])
                        sums[:, i] += term_sums(row_weight * weight, on_u, on_v, x)
    value, noise, gross, coarse, fine = sums * (2 / len(orders))
    error = 4 * np.where(fine < 0.1 * coarse, fine, np.maximum(coarse, fine))
    return value, np.where(coarse < 1e-3 * gross, error, 2 * gross), noise


def term_sums(
    weight: np.ndarray, on_u: tuple[np.ndarray, np.ndarray], on_v: tuple[np.ndarray, np.ndarray], x: np.ndarray
) -> np.ndarray:
    """Sums of weight f(u) g(v) over (p, n, n): of the terms, their rounding and sizes, and of two discrepancies.

    The discrepancies are those of the 4 sums over every fourth node, and of every second node, row by row and column
    by column: they are small together only where the trapezoidal rule converges. (5, p).
    """
    (f, f_error), (g, g_error) = on_u, (each[..., None] for each in on_v)
    terms = weight * f * g
    size, squares = np.abs(terms), x * x + (x * x)[:, None]
    noise = weight * (np.abs(f) * g_error + f_error * np.abs(g)) + EPSILON * (16 + squares) * size
    coarse, fine = np.zeros((2, len(terms)))
    for each in (terms, terms.swapaxes(1, 2)):
        phases = np.stack([each[..., k::4].sum(-1) for k in range(4)], -1)
        whole = phases.sum(-1)
        coarse = coarse + np.abs(4 * phases - whole[..., None]).max(-1).sum(-1)
        fine = fine + np.abs(2 * (phases[..., 0] + phases[..., 2]) - whole).sum(-1)
    return np.stack([each.sum((1, 2)) for each in (terms, noise, size)] + [coarse, fine])
