"""The scale mixture of erfs that tanh is, over which the runtimes of NumPy and JAX sum: nodes and weights."""

from functools import cache

import numpy as np


def kolmogorov_density(s: np.ndarray) -> np.ndarray:
    """s times the density of Kolmogorov's law at s, by the series in s or, below 1, its dual in 1 / s.

    Source: Feller 1948, Ann. Math. Statist. 19, 177.
    """
    j = np.arange(1, 8)[:, None]
    large, dual = 2 * (j * np.maximum(s, 1)) ** 2, ((2 * j - 1) * np.pi / np.minimum(s, 1)) ** 2 / 8
    direct = np.sum((-1.0) ** (j + 1) * 4 * large * np.exp(-large), 0)
    return np.where(s > 1, direct, np.sqrt(2 * np.pi) / s * np.sum((2 * dual - 1) * np.exp(-dual), 0))


@cache
def mixture_rule(step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes log s and weights, each (n,), of the mixture: a trapezoidal sum, whose error falls as exp(-5 / step)."""
    nodes = step * np.arange(-np.ceil(1.9 / step), np.ceil(1.6 / step) + 1)
    return nodes, step * kolmogorov_density(np.exp(nodes))


@cache
def mixture_pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a + b, a b and weights, each (105,): E over independent a = s^2 and b of a symmetric function of both, by 2/pi.

    14 Gauss nodes in log s for the density over sqrt s serve every variance to 1e-15, as functions of (variance + s^2)
    have no singularity within pi/2 of real log s. Source: Golub and Welsch 1969, Math. Comp. 23, 221 (by Lanczos).
    """
    nodes, weights = mixture_rule(1 / 16)
    measure = weights * np.exp(-nodes / 2)
    vector, previous, count = np.sqrt(measure / np.sum(measure)), 0.0, 14
    jacobi = np.zeros((count + 1, count + 1))
    for k in range(count):
        jacobi[k, k] = np.sum(nodes * vector * vector)
        residual = (nodes - jacobi[k, k]) * vector - jacobi[k, k - 1] * previous
        jacobi[k, k + 1] = jacobi[k + 1, k] = np.sqrt(np.sum(residual * residual))
        vector, previous = residual / jacobi[k, k + 1], vector
    points, vectors = np.linalg.eigh(jacobi[:count, :count])
    share, square = vectors[0] ** 2 * np.exp(points / 2), np.exp(2 * points)
    share = share / np.sum(share)
    j, k = np.tril_indices(count)
    return square[j] + square[k], square[j] * square[k], np.where(j == k, 2, 4) / np.pi * share[j] * share[k]
