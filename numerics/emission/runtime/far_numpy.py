"""Fields of variances beyond every mesh: functions are powers far out, and a power has no scale."""

import numpy as np

from meanbits.numerics.emission.runtime.gaussian_numpy import Elementwise

SCALE_FREE = 2.0**99  # a mesh that reaches as far ends where its functions are powers to rounding
MARGIN = 64.0  # standard deviations
TOUCHING = 1e-12  # a small distance of correlations, at which fields of SCALE_FREE / MARGIN still differ by many breaks


def far_scale(edges: tuple[float, ...], variance: np.ndarray) -> np.ndarray:
    """The factor, at least 1, by which standard deviations exceed what the mesh holds; 1 for meshes of short reach."""
    reach = min(-edges[0], edges[-1])
    return np.maximum(np.sqrt(variance) * (MARGIN / reach), 1.0) if reach >= SCALE_FREE else np.ones_like(variance)


def far_power(f: Elementwise, edges: tuple[float, ...]) -> float:
    """p of f(k u) = k^p f(u) far out; -1 where f falls as fast or faster, and its integral is what counts."""
    places = min(-edges[0], edges[-1]) * np.array([0.5, 0.25])
    outer, inner = np.max(np.abs([f(places), f(-places)]), 0)
    if outer == 0 or inner == 0:
        return -1.0
    return float(np.maximum(np.round(np.log2(outer / inner) * 24) / 24, -1.0))


def pair_factor(powers: tuple[float, float], scale: np.ndarray, equal: np.ndarray) -> np.ndarray:
    """What E f(u) g(v) grows by with the scale; equal: where u = v or u = -v, so that one integral counts, not two."""
    integrals = -1.0 if powers == (-1.0, -1.0) else sum(powers)
    return np.where(equal, scale**integrals, scale ** sum(powers))


def nearer(power: float, scale: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What distances of correlations grow by where a smaller scale stands for one, and what slopes shrink by.

    Where f' is integrable, variance E f'(u) f'(v) depends on distance scale^2, but for 1 / sqrt(distance), while fields
    are as near as its breaks and bends, and farther apart on the distance alone, as 1 / sqrt(distance) at first.
    """
    if power > -1:
        return np.ones_like(scale), scale ** (2 * power + 2)
    with np.errstate(divide="ignore"):
        growth = np.maximum(np.minimum(scale**2, TOUCHING / distance), 1.0)
    return growth, np.sqrt(growth)
