"""The O(1/N) terms of `stages.width_correction` in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.numerics.solvers.solve import FixedPoint
from meanbits.numerics.spectra.nested import nested_value
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.stages.width_correction import width_correction
from meanbits.theory.symbols import T, mu_4, q, sigma_b2, sigma_m2
from meanbits.theory.trace import Formula


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


def width_terms(theory: Theory, at: FixedPoint, fourth_moment: float) -> WidthTerms | None:
    """The terms at one fixed point and E M^4, the leading one chi_1; None where the theory has no Jacobian."""
    found = width_correction(theory.jacobian)
    if found is None:
        return None
    known = {q: at.q, T: at.T, sigma_m2: at.sigma_m2, sigma_b2: at.sigma_b2}
    numbers = {symbol: sp.Float(float(value), 17) for symbol, value in known.items()}
    terms = (found.fluctuation, found.sigma_derivative)
    has_field = bool(np.isfinite(at.q) and 0 < at.T < np.inf)
    values = (
        _value(theory, term.closed, numbers, fourth_moment) if has_field else _without_field(term) for term in terms
    )
    return WidthTerms(float(at.chi_1), *values)


def _without_field(term: Formula) -> float:
    return 0.0 if term.closed == 0 else float(np.nan)


def _value(theory: Theory, closed: sp.Expr, numbers: dict[sp.Symbol, sp.Expr], fourth_moment: float) -> float:
    term = closed.subs(numbers, simultaneous=True)
    if term.has(sp.nan, sp.zoo, sp.oo):
        return float(np.nan)
    if any(node.integrand.has(GaussianExpectation) for node in term.atoms(GaussianExpectation)):
        return float(nested_value(term, {mu_4: np.array(fourth_moment)}))
    function = EmittedFunction("term", (mu_4,), term, "a term of order 1/N")
    try:
        return float(compile_functions(theory, [function], NUMPY).term(fourth_moment))
    except ValueError:  # no emitted form
        return float(np.nan)
