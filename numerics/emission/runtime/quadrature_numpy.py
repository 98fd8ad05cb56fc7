"""Nodes, weights and blocks of points for the quadratures of generated NumPy modules.

The sums are trapezoidal on a logarithmic grid. There a change of the variance is a translation of the integrand, so
one step serves every variance; Gauss-Hermite rules, blind below their first node, do not.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import special

Real = float | np.ndarray


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(bend * sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(np.log(np.expm1(reach / bend)) / step) + 1)
    left = np.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * np.log1p(np.exp(t)), bend * step * special.expit(t) * (1 + left)


def wedge_rule(sharpness: float, step: float = 1 / 7) -> tuple[np.ndarray, np.ndarray]:
    """`half_line_rule` for `wedge`, of bend 4 and reach 10: nodes and weights (n,).

    Slopes of a Gaussian shape are the hardest: for f = exp(-u^2) step 1 / 6 leaves 4e-11, step 1 / 7 3e-13.
    """
    onset = -np.log(4 * sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(np.log(np.expm1(2.5)) / step) + 1)
    left = np.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return 4 * np.log1p(np.exp(t)), 4 * step * special.expit(t) * (1 + left)


def wedge(
    s: np.ndarray, along: np.ndarray, across: np.ndarray, x: np.ndarray, w: np.ndarray, reach: float = np.inf
) -> tuple[np.ndarray, ...]:
    """Nodes v (p, n, 1) and u (p, n, m) over u > v > 0, and their weights: `quadrant` at along^2 - across^2.

    along^2 + across^2 = 1; with both given, no digit is lost as the correlation goes to 1 or -1. The standard deviation
    s, along and across are (p, 1, 1), x and w (n,), ascending. What is beyond reach may be left out.
    """
    gauss, ends = w * np.exp(-x * x / 2), (np.min(s * along), np.min(2 * s * along * across))
    n, m = (max(1, np.searchsorted(x, reach / end, "right")) if reach < np.inf and end > 0 else x.size for end in ends)
    row, column = x[:n, None], x[:m]
    row_weight, weight = along / (2 * np.pi) * gauss[:n, None], gauss[:m] * np.exp(-across * (row * column))
    return s * along * row, s * along * (row + 2 * across * column), row_weight, weight


def unit_interval_rule(sharpness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes x, 1 - x and weights w, each (n,), on (0, 1): logarithmic down to 1 / sharpness, then doubly exponential.

    Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(2.7 / step) + 1)
    left, right = np.exp(1.5 * (onset - s)), np.exp(1.5 * s)
    t = s + (right - left) / 1.5
    x, rest = special.expit(t), special.expit(-t)
    return x, rest, step * x * rest * (1 + left + right)


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


def batches(
    rule: Callable[[float], tuple[np.ndarray, ...]], sharpness: np.ndarray, dimension: int
) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks of about 2^15 nodes."""
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks, which makes them 4 times faster
    decade = np.ceil(np.log10(np.maximum(sharpness, 10.0)))
    for exponent in np.unique(decade[np.isfinite(decade)]):
        table = rule(10.0**exponent)
        points = np.flatnonzero(decade == exponent)
        block = 1 + 2**15 // table[0].size ** dimension
        for start in range(0, points.size, block):
            yield table, points[start : start + block]


def correlations(rho: Any) -> Any:
    """rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    if isinstance(rho, float) and -1 <= rho <= 1:
        return rho
    if (np.abs(rho) > 1 + 1e-15).any():
        raise ValueError(f"correlation of magnitude {np.nanmax(np.abs(rho))}; give numbers in [-1, 1]")
    return np.minimum(np.maximum(rho, -1.0), 1.0)
