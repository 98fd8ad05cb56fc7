"""The best levels a standard normal field can be read into, no longer equally spaced: Lloyd-Max quantisers.

J. Max, IRE Trans. Inf. Theory 6 (1960) 7. Every threshold lies midway between levels, and every level is the mean of
its cell; a log-concave density has one such quantiser (Fleischer 1964), so that Newton's method finds the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from meanbits.numerics.quantisers.uniform import checked_levels

Array = NDArray[np.float64]

PANTER_DITE = math.pi * math.sqrt(3) / 2  # of loss N^2 with many levels: (the integral of p^(1/3))^3/12
MOST = 4096  # levels: beyond, thresholds are lost to rounding
PATIENCE, SETTLED = (
    60,
    1e-5,
)  # of the narrowest cell: Newton's next step would be its square, and the loss is stationary


@dataclass(frozen=True, eq=False)
class LloydMax:
    """Thresholds (levels - 1,) and levels (levels,), in standard deviations of the field; loss = 1 - chi(0)."""

    thresholds: Array
    levels: Array
    loss: float


@lru_cache(maxsize=256)
def lloyd_max(levels: int) -> LloydMax:
    """The quantiser of least distortion.

    Raises:
        ValueError: a number of levels out of range, or an iteration that does not settle.

    >>> round(lloyd_max(4).loss, 4)
    0.1175
    """
    if checked_levels(levels) > MOST:
        raise ValueError(f"levels = {levels}: give at most {MOST}")
    thresholds = math.sqrt(3) * special.ndtri(np.arange(1, levels) / levels)  # Panter & Dite's density of levels
    for _ in range(PATIENCE):
        share, means = _cells(thresholds)
        step = _newton(thresholds, share, means)
        thresholds = thresholds - step
        if levels == 2 or np.max(np.abs(step)) <= SETTLED * np.min(np.diff(thresholds)):
            share, means = _cells(thresholds)
            return LloydMax(thresholds, means, _distortion(thresholds, means))
    raise ValueError(f"levels = {levels}: the thresholds did not settle in {PATIENCE} steps")


def _cells(thresholds: Array) -> tuple[Array, Array]:
    """P(u in cell), from the nearer tail, and E[u | cell]."""
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    low, high = edges[:-1], edges[1:]
    mirrored = low + high > 0
    below, above = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    share = special.ndtr(above) - special.ndtr(below)
    return share, -np.diff(_density(edges)) / share


def _newton(thresholds: Array, share: Array, means: Array) -> Array:
    """Newton's step for 2 t_k = m_k + m_(k+1); a cell's mean moves with its edge by p (edge - mean)/share outwards."""
    density = _density(thresholds)
    upper = density * (thresholds - means[:-1]) / share[:-1]  # of the cell below, with its upper edge
    lower = density * (means[1:] - thresholds) / share[1:]  # of the cell above, with its lower edge
    bands = np.zeros((3, len(thresholds)))
    bands[1] = 2 - upper - lower
    bands[0, 1:] = -density[1:] * (thresholds[1:] - means[1:-1]) / share[1:-1]
    bands[2, :-1] = -density[:-1] * (means[1:-1] - thresholds[:-1]) / share[1:-1]
    return linalg.solve_banded((1, 1), bands, 2 * thresholds - means[:-1] - means[1:])


def _distortion(thresholds: Array, means: Array) -> float:
    """E (u - f(u))^2 by a Gauss-Legendre rule in each cell, and in closed form in the two outermost ones."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    low, high = thresholds[:-1, None], thresholds[1:, None]
    points = (low + high) / 2 + (high - low) / 2 * nodes
    inner = np.sum((high - low) / 2 * weights * _density(points) * (points - means[1:-1, None]) ** 2)
    edge, level = thresholds[-1], means[-1]
    outer = (1 + level**2) * special.ndtr(-edge) + (edge - 2 * level) * _density(edge)
    return float(inner + 2 * outer)


def _density(x: Array) -> Array:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
