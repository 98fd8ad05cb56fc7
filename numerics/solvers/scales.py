"""Depth scales of slopes: over how many layers a perturbation changes by e."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanbits.numerics.solvers.newton import SLOPE_ROUNDING

Array = NDArray[np.float64]


def depth_scale(slope: ArrayLike) -> Array:
    """-1/ln|slope|: infinite at 1 (to rounding), 0 at 0, negative beyond 1 where perturbations grow."""
    size = np.abs(slope)
    with np.errstate(divide="ignore"):
        return np.where(np.abs(size - 1) <= SLOPE_ROUNDING, np.inf, -1 / np.log(size))[()]


def gradient_scale(growth: ArrayLike) -> Array:
    """xi_g = 1/ln chi_g: above 0 where gradients grow on their way back, below where they vanish; infinite at 1."""
    scale = depth_scale(growth)
    return np.where(np.isinf(scale), np.inf, -scale)[()]
