"""The paper's claims about the deterministic surrogate in paper form next to its fixed point: equations 15 to 17."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, compared, derived, moment, printed, theory_of
from meanbits.experiments.claims.map_claims import PAPER_TANH, at_fixed_point, in_paper_form
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.symbols import c, h, q, sigma_b2, sigma_m2

STEP, STEP_ERROR = 1e-4, 1e-6  # of central differences: their error is of the order STEP^2
PRINTED, DERIVED = -1, 1  # the power of 1 + q* before the bracket of equation 17
MEANS, BIASES = 0.8, 0.1

SQUARE, SLOPE = moment(PHI**2, q), moment(PHI.diff(h) ** 2, q)
EQUATION_15 = 1 / (SLOPE + SQUARE)
EQUATION_16 = sigma_b2 + (1 + sigma_b2) * SQUARE / SLOPE


def _edge(factor: Any) -> Evidence:
    """chi_1 = 1 at the fixed point solved for sigma_m2, and q' = q with that put in."""
    theory = in_paper_form()
    chi_1 = at_fixed_point(theory.chi.subs(c, 1).doit())
    claims = [
        (chi_1.subs(sigma_m2, factor * EQUATION_15), sp.S.One),
        (theory.variance_map.subs(sigma_m2, factor * EQUATION_15), EQUATION_16),
    ]
    return derived("chi_1 = 1 and q' = q of the paper form at the sigma_m2 of (15), any phi", claims)


def _critical_curve(factor: Any) -> Evidence:
    """The curve that the engine derives, put into (15) and (16)."""
    curve, pairs = in_paper_form().critical_curve, list[tuple[sp.Expr, sp.Expr]]()
    if curve is not None:
        means, biases = curve
        pairs = [(means, factor * EQUATION_15), (EQUATION_16.subs(sigma_b2, biases), factor * q)]
    return derived("(15) and (16) along the curve that the engine derives of the paper form, any phi", pairs)


def _variance_slope(power: int) -> Evidence:
    """dq'/dq at the fixed point, any phi."""
    scale = (1 + q) / (1 + sigma_b2) * sigma_m2
    chi_1, bend = scale * SLOPE, scale * moment(PHI * PHI.diff(h, 2), q)
    found = at_fixed_point(in_paper_form().maps.variance_slope.closed)
    claimed = at_fixed_point((1 + q) ** power * (chi_1 + bend))
    return derived(
        f"dq'/dq of the paper form at q' = q, (1 + q)^({power}) before the bracket, any phi", [(found, claimed)]
    )


def _variance_slope_of_tanh(power: int, factor: Any = 1) -> Evidence:
    """The formula by Gauss-Hermite sums, against central differences of the emitted variance map."""
    theory = theory_of(PAPER_TANH)
    at = float(fixed_point(theory, MEANS, BIASES).q)
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    value, weights = np.tanh(np.sqrt(at) * nodes), weights / weights.sum()
    slope, scale = 1 - value**2, (1 + at) / (1 + BIASES) * MEANS
    bracket = scale * float(weights @ slope**2 + weights @ (-2 * value**2 * slope))
    after = compile_theory(theory).variance_map(at * np.array([1 - STEP, 1 + STEP]), MEANS, BIASES)
    measured, claimed = float(np.diff(after)[0]) / (2 * STEP * at), float(factor) * (1 + at) ** power * bracket
    what = f"differences of q' for tanh at sigma_m2 = {MEANS}, sigma_b2 = {BIASES}, against (1 + q*)^({power}) [...]"
    return compared("quadrature", what, measured, claimed, STEP_ERROR, **{"q*": at, "bracket": bracket})


EDGE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.critical-curve",
        printed("eqs. 15, 16", 3),
        "Deterministic surrogate in paper form: chi_1 = 1 at the fixed point means sigma_m2 = 1/(E phi'^2 + E phi^2), "
        "and there q = sigma_b2 + (1 + sigma_b2) E phi^2/E phi'^2.",
        (formula(_edge), formula(_critical_curve)),
    ),
    Claim(
        "eq.variance-slope",
        printed("eq. 17", 3),
        "Deterministic surrogate in paper form: a perturbation eps of q* becomes eps' = eps/(1 + q*) [chi_1 + (1 + "
        "q*)/(1 + sigma_b2) sigma_w2 E phi'' phi], sigma_w2 read as sigma_m2.",
        (either(_variance_slope, PRINTED, DERIVED), either(_variance_slope_of_tanh, PRINTED, DERIVED)),
        "The factor before the bracket is 1 + q*, not its inverse: dq'/dq = (1 + q*) [chi_1 + (1 + q*)/(1 + sigma_b2) "
        "sigma_m2 E phi'' phi].",
        (either(_variance_slope, DERIVED, PRINTED), formula(partial(_variance_slope_of_tanh, DERIVED))),
    ),
)
