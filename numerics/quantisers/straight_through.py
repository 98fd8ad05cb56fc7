"""Gradients through a uniform quantiser of N levels from -1 to 1, 2/(N - 1) apart, that see slope 1 where |h| < 1.

At sigma_b = 0 and field variance q the weights have sigma_m2 = q/E f^2, and a layer multiplies squared gradients by
chi_g = sigma_m2 P(|h| < 1). Theory sheet, section 8.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

from meanbits.numerics.quantisers.uniform import best_uniform, checked_levels

NARROWER, WIDER = 0.05, 1.5  # than the best step: chi_g is above and below 1 there


def square(levels: int, step: float) -> float:
    """E f^2 of a standard normal field, levels 1 apart and thresholds `step` apart, about 0.

    >>> square(2, 1.0)
    0.25
    """
    above = np.arange(
        levels % 2 / 2 or 1, (levels - 1) / 2, 1.0
    )  # thresholds above 0, at which f^2 grows by twice them
    return (0.0 if levels % 2 else 0.25) + float(np.sum(4 * above * special.ndtr(-above * step)))


def weights(levels: int, step: float) -> float:
    """The sigma_m2 at which thresholds 2/(levels - 1) apart are `step` standard deviations of the field apart.

    Raises:
        ValueError: a number of levels out of range, or a step that is not positive.
    """
    if not step > 0:
        raise ValueError(f"step = {step:g}: give a positive number")
    return 1 / (step**2 * square(checked_levels(levels), step))


def growth(levels: int, step: float) -> float:
    """chi_g, what a layer multiplies squared gradients by.

    Raises:
        ValueError: as `weights`.
    """
    return weights(levels, step) * math.erf((levels - 1) * step / (2 * math.sqrt(2)))


def balanced_step(levels: int) -> float:
    """The step at which gradients keep their size, chi_g = 1.

    Raises:
        ValueError: a number of levels out of range.
    """
    near = best_uniform(levels).step
    return float(optimize.brentq(lambda step: growth(levels, step) - 1, NARROWER * near, WIDER * near, xtol=1e-14))
