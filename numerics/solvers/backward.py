"""The growth of squared gradients a layer, at any state of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.ready import ReadyTheory, maps_of, traits_of
from meanbits.numerics.solvers.newton import Array

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory


def growth_of_gradients(
    theory: Theory | ReadyTheory, q: Array, sigma_m2: Array, sigma_b2: Array, chi_1: Array, gained: bool = False
) -> Array:
    """chi_g at fixed points: chi_1 where gradients see the neurons' own slope, both being sigma_m2 E slope^2 by Price's
    theorem; else by the declared slope; NaN where there is none, or its gain is not the neurons' own (gained)."""
    gradients = traits_of(theory).gradients
    if gradients == "own":
        return chi_1
    if gradients == "none" or gained:
        return np.full_like(chi_1, np.nan)
    return gradient_growth(theory, q, sigma_m2, sigma_b2)


def gradient_growth(
    theory: Theory | ReadyTheory, q: Array, sigma_m2: Array, sigma_b2: Array, total: Array | None = None
) -> Array:
    """chi_g at field variance q, and T where the maps take it; NaN where it has no value, or no code."""
    maps = maps_of(theory)
    given = (q, sigma_m2, sigma_b2, *(() if total is None else (total,)))
    function = getattr(maps, "gradient_growth", None) or getattr(maps, "jacobian", None)
    with np.errstate(all="ignore"):
        return np.full(np.shape(q), np.nan)[()] if function is None else function(*given)
