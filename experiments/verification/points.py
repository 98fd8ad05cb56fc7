"""Random points in the domain of a surrogate's maps, the awkward ones included."""

from __future__ import annotations

import numpy as np
import sympy as sp

from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.symbols import T, c, q, sigma_b2, sigma_m2


def random_points(
    surrogate: Surrogate, arguments: tuple[sp.Symbol, ...], count: int, seed: int, moderate: bool = False
) -> list[np.ndarray]:
    """One array (count,) per argument, q log-uniform in [1e-8, 1e4], |c| <= 1 with 1 - |c| down to 1e-16.

    moderate: q in [0.1, 10] and |c| < 0.95, where arbitrary-precision quadrature is quick.
    """
    rng = np.random.default_rng(seed)
    decades = (-1, 1) if moderate else (-8, 4)
    near_one = 1 - 10.0 ** rng.uniform(-16, 0, count)
    uniform = rng.uniform(-1, 1, count)
    correlation = np.where(rng.random(count) < 0.5, uniform, near_one * rng.choice([-1, 1], count))
    means = np.ones(count) if surrogate.weights.mean_square is not None else rng.uniform(0.01, 1, count)
    if surrogate.weights.mean_limit is not None:
        means = means * float(surrogate.weights.mean_limit) ** 2
    drawn = {
        q: 10 ** rng.uniform(*decades, count),
        c: 0.95 * uniform if moderate else correlation,
        sigma_m2: means,
        sigma_b2: np.where(rng.random(count) < 0.2, 0.0, 10 ** rng.uniform(-6, 0, count)),
        T: 10 ** rng.uniform(-1, 1, count),
    }
    return [drawn[symbol] for symbol in arguments]
