"""Whether a surrogate can have dynamical isometry: all singular values of the deep Jacobian near 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meanbits.numerics.emission.generated.spectra import FIRST_COEFFICIENTS, GROWTHS
from meanbits.numerics.emission.ready import maps_of, traits_of
from meanbits.numerics.spectra.ingredients import ingredients_of
from meanbits.numerics.spectra.slope_law import slope_law

if TYPE_CHECKING:
    from meanbits.numerics.emission.ready import Row
    from meanbits.theory.derive import Theory

NEAR_ZERO = 1e-12  # a field variance q at which a smooth slope is constant
CONSTANT = 1e-9  # of a relative variance: what that q and rounding leave of 0


@dataclass(frozen=True)
class Isometry:
    """The verdict. possible: with independent weight means; with_orthogonal: with orthogonal rows, in the limit q -> 0.

    growth, orthogonal_growth: the least relative variance of a squared singular value that a layer adds, and what
    orthogonal rows would leave of it where critical initialisations start, as q -> 0 (None: none start there).
    Isometry needs it to vanish. critical: whether critical initialisations are "attained", a "limit" or "none".
    """

    possible: bool
    with_orthogonal: bool
    growth: float
    orthogonal_growth: float | None
    critical: str
    reason: str


def variance_per_layer(weights: str, spread: float) -> float:
    """The relative variance of squared singular values that a layer adds, spread = E slope^4/(E slope^2)^2 >= 1.

    weights: "independent" or "orthogonal", as `stages.free_probability` has them.

    >>> variance_per_layer("independent", 1.5), variance_per_layer("orthogonal", 1.5)
    (1.5, 0.5)
    """
    return float(GROWTHS[weights](spread))


def dynamical_isometry(theory: Theory | Row, critical: str) -> Isometry | None:
    """The verdict on a theory; None where it has no Jacobian. critical: as `certificates.certify` finds it feasible.

    Independent entries have s_1 = -1 (Pennington et al. 2018), whatever the law of the means, so L layers give z a
    relative variance of at least L, at any (sigma_m2, sigma_b2); at (1, 0), too, where the means are signs. Orthogonal
    rows have s_1 = 0 and leave the spread of the slopes, which vanishes only where slopes are constant: for linear
    neurons, and for smooth ones as the field vanishes. That has to be critical, too.
    """
    if not ingredients_of(theory).has_jacobian:
        return None
    floor = variance_per_layer("independent", 1.0)
    left = None if critical == "none" else _orthogonal_growth(theory)
    if left is None:
        orthogonal = "orthogonal means would not mend it: nowhere is their mean 1 with constant slopes"
    elif left < CONSTANT:
        orthogonal = "orthogonal means (sigma_m times a Hadamard matrix) would allow it as q -> 0 at criticality"
    else:
        orthogonal = f"orthogonal means would leave {left:.3g} a layer"
    reason = (f"independent weight means add at least {floor:g} a layer to the relative variance of squared singular "
              f"values, whatever their law (s_1 = {FIRST_COEFFICIENTS['independent']}); {orthogonal}")  # fmt: skip
    return Isometry(floor < CONSTANT, left is not None and left < CONSTANT, floor, left, critical, reason)


def _orthogonal_growth(theory: Theory | Row) -> float | None:
    """What orthogonal rows leave as q -> 0, where chi_1 = sigma_m2 E slope^2 = 1 for a sigma_m2 that the weights allow.

    Along a critical curve slopes vary more the larger the field is.
    """
    traits = traits_of(theory)
    limit = traits.weights.mean_limit
    top = float("inf") if limit is None else limit**2
    fixed = traits.is_relative and not traits.takes_total
    total = float(maps_of(theory).total_map(1.0, min(top, 1.0), 0.0)) if fixed else NEAR_ZERO
    law = slope_law(theory, NEAR_ZERO, total)
    return variance_per_layer("orthogonal", law.spread) if 1 / law.moment(1) <= top * (1 + CONSTANT) else None
