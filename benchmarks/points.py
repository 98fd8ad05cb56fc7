"""The points that maps are measured at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SIGMA_M2, SIGMA_B2 = 0.5, 0.001


def arbitrary(count: int) -> tuple[FloatArray, FloatArray]:
    """(c, q), each point with a q of its own: c from -1 to 1, q from 1e-3 to 1e3, evenly in its logarithm."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, count), 10 ** rng.uniform(-3, 3, count)
