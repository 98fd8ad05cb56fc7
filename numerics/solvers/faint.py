"""Neurons that hardly ever change: what two inputs do not share vanishes beside the biases, and 1 - c below floats."""

from __future__ import annotations

import numpy as np

from meanbits.numerics.emission.traits import Traits

FAINT = 1e-150  # 1 - c' of inputs without correlation, of which the square is lost


def faint_slopes(traits: Traits) -> tuple[float, float]:
    """chi at the fixed point and at c = 1, as 1 - c' of inputs without correlation vanishes.

    Of a neuron that jumps 1 - c' is K sqrt(1 - c) near c = 1: of slope 1/2 at its fixed point K^2, unless randomness
    keeps inputs farther apart.
    """
    if not traits.jumps:
        return 0.0, 0.0
    return (0.5 if traits.aligned else 0.0), np.inf
