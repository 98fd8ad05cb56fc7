"""Claims about the maps of each surrogate (theory sheet, section 3), derived for a neuron phi left open."""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import (
    PAPER,
    PHI,
    derived,
    moment,
    pair,
    printed,
    sheet,
    simulated,
    theory_in_phi,
    theory_of,
)
from meanbits.theory.declarations.neurons import SIGN
from meanbits.theory.declarations.surrogates import MARGINALISE, paper_form
from meanbits.theory.derive import Theory
from meanbits.theory.symbols import c, h, mu_4, q, sigma_b2, sigma_m2

SOURCE = f"{PAPER}; {sheet(3)}"
PAPER_TANH = {"name": "deterministic", "phi": "tanh", "gain": 1}
LRT_BITS = {"name": "lrt", "noise": "gaussian:0.5"}
WITH_JACOBIAN = ("continuous", "deterministic", "soudry", "lrt", "shayer", "moment-matching")
STEP, STEP_ERROR = 1e-4, 1e-6  # of central differences: their error is of the order STEP^2


def in_paper_form() -> Theory:
    """The theory of the paper form with any phi."""
    return theory_in_phi(SIGN, MARGINALISE, form=paper_form(PHI))


def at_fixed_point(expression: sp.Expr) -> sp.Expr:
    """With sigma_b2 as q' = q of the paper form has it."""
    return expression.subs(sigma_b2, q - (1 + q) * sigma_m2 * moment(PHI**2, q))


def _variance_map(factor: Any) -> Evidence:
    square = moment(PHI**2, q)
    claimed = (sigma_m2 * square + sigma_b2) / (1 - sigma_m2 * square)
    return derived("q' of the paper form, any phi", [(in_paper_form().variance_map, factor * claimed)])


def _correlation_map(factor: Any) -> Evidence:
    theory = in_paper_form()
    after = theory.variance_map
    claimed = (1 + after) / after * (sigma_m2 * pair(PHI, q, c) + sigma_b2) / (1 + sigma_b2)
    return derived("c' of the paper form, any phi", [(theory.correlation_map, factor * claimed)])


def _chi(factor: Any) -> Evidence:
    claimed = (1 + q) / (1 + sigma_b2) * sigma_m2 * pair(PHI.diff(h), q, c)
    found = at_fixed_point(in_paper_form().chi)
    return derived("chi of the paper form where q' = q, any phi", [(found, factor * at_fixed_point(claimed))])


def _chi_anywhere(factor: Any) -> Evidence:
    theory = in_paper_form()
    after = theory.variance_map
    claimed = q * (1 + after) / after / (1 + sigma_b2) * sigma_m2 * pair(PHI.diff(h), q, c)
    return derived("chi of the paper form at any q, any phi", [(theory.chi, factor * claimed)])


def _random_binary(factor: Any) -> Evidence:
    claimed = (2 / sp.pi * sp.asin(c) + sigma_b2) / (1 + sigma_b2)
    found = theory_of({"name": "random-binary"}).correlation_map
    return derived("c' of random-binary", [(found, factor * claimed)])


def slope_diverges(name: str) -> Evidence:
    """Whether dc'/dc is infinite at c = 1."""
    limit = theory_of({"name": name}).chi.limit(c, 1, "-")
    return Evidence("derivation", f"limit of dc'/dc as c -> 1, {name}", {"limit": str(limit)}, limit == sp.oo)


def _jacobian(factor: Any) -> Evidence:
    theories = [theory_of({"name": name}) for name in WITH_JACOBIAN]
    claims = [(each.jacobian.leading.closed, factor * (each.criticality.marginal + 1)) for each in theories]
    return derived(f"N E J_ij^2 and chi_1 of {', '.join(WITH_JACOBIAN)}", claims)


def _next_order(name: str) -> Evidence:
    jacobian = theory_of({"name": name}).jacobian
    term = sp.S.Zero if jacobian is None else jacobian.sigma_derivative.closed
    return Evidence("derivation", f"1/N term of N E J_ij^2, {name}", {"term": str(term)}, term.has(mu_4))


MAP_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.variance-map",
        printed("eqs. 10-12", 3),
        "Deterministic surrogate in paper form, phi a function of hbar/sqrt(Sigma), q = Q/D: q' = (sigma_m2 E "
        "phi^2 + sigma_b2)/(1 - sigma_m2 E phi^2).",
        (formula(_variance_map), formula(partial(simulated, PAPER_TANH, 0.8, 0.05))),
    ),
    Claim(
        "eq.correlation-map",
        printed("eq. 13", 3),
        "Deterministic surrogate in paper form: c' = (1 + q')/q' (sigma_m2 E phi_a phi_b + sigma_b2)/(1 + sigma_b2).",
        (formula(_correlation_map), formula(partial(simulated, PAPER_TANH, 0.8, 0.05))),
    ),
    Claim(
        "eq.chi",
        printed("eq. 14", 3),
        "Deterministic surrogate in paper form: chi = dc'/dc = (1 + q)/(1 + sigma_b2) sigma_m2 E phi'(u_a) "
        "phi'(u_b) at the fixed point q.",
        (formula(_chi),),
    ),
    Claim(
        "eq.chi-anywhere",
        "this workbench, beyond theory sheet 3",
        "Away from the fixed point q (1 + q')/q' stands in place of 1 + q in that chi.",
        (formula(_chi_anywhere),),
    ),
    Claim(
        "eq.random-binary",
        SOURCE,
        "Random binary networks have c' = ((2/pi) asin c + sigma_b2)/(1 + sigma_b2), whose slope diverges at c = 1.",
        (
            formula(_random_binary),
            either(slope_diverges, "random-binary", "deterministic"),
            formula(partial(simulated, {"name": "random-binary"}, 1.0, 0.05)),
        ),
    ),
    Claim(
        "eq.jacobian",
        sheet(4),
        "The Jacobian dh_i/dh_j has the mean squared singular value chi_1 + O(1/N), and the O(1/N) that the "
        "derivative of Sigma adds involves E M^4.",
        (formula(_jacobian), either(_next_order, "deterministic", "continuous")),
    ),
)
