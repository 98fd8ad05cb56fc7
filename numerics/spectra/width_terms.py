"""The O(1/N) terms of `stages.width_correction` in numbers, and the fourth moment of the means that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.generated.spectra import FOURTH_MOMENTS, LARGEST_VARIANCES
from meanbits.numerics.solvers.solve import FixedPoint
from meanbits.numerics.spectra.ingredients import ingredients_of

if TYPE_CHECKING:
    from meanbits.numerics.emission.ready import Row
    from meanbits.theory.derive import Theory


@dataclass(frozen=True)
class WidthTerms:
    """N E J_ij^2 = leading + (fluctuation + sigma_derivative) / N, as in `stages.width_correction`.

    NaN where a term has no value, the field or Sigma having variance 0, or neither a closed form nor a quadrature.
    """

    leading: float
    fluctuation: float
    sigma_derivative: float

    def at_width(self, width: int, through_sigma: bool) -> float:
        """The mean squared singular value at a width, to O(1/N), with or without the derivative of Sigma."""
        return self.leading + (self.fluctuation + (self.sigma_derivative if through_sigma else 0.0)) / width


def width_terms(theory: Theory | Row, at: FixedPoint, fourth_moment: float) -> WidthTerms | None:
    """The terms at one fixed point and E M^4, the leading one chi_1; None where the theory has no Jacobian."""
    known = ingredients_of(theory)
    if not known.has_jacobian:
        return None
    has_field = bool(np.isfinite(at.q) and 0 < at.T < np.inf)
    q, total = (float(at.q), float(at.T)) if has_field else (1.0, 1.0)
    with np.errstate(all="ignore"):  # what has no value is NaN
        terms = known.terms(q, total, float(at.sigma_m2), float(at.sigma_b2), fourth_moment)
    exists = [np.isfinite(term) and (has_field or term == 0) for term in terms]  # a term that is 0 anywhere is it there
    fluctuation, derivative = (term if there else np.nan for term, there in zip(terms, exists, strict=True))
    return WidthTerms(float(at.chi_1), fluctuation, derivative)


def fourth_moment(law: str, sigma_m2: float, limit: float) -> float:
    """E M^4 of a law of the means on [-limit, limit], by its name.

    Raises:
        ValueError: an unknown name, or if no law of this shape has that variance.

    >>> fourth_moment("two-point", 0.5, 1.0)
    0.25
    """
    relative = sigma_m2 / limit**2
    if 0 <= relative <= LARGEST_VARIANCES.get(law, -1.0):
        return limit**4 * FOURTH_MOMENTS[law](relative)
    from meanbits.theory.declarations.mean_law import mean_law  # its scale is solved for in arbitrary precision

    return mean_law(law).fourth_moment(sigma_m2, limit)
