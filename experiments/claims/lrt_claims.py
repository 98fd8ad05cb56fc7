"""The paper's claims about LRT: equations 20 to 25, and who among its surrogates has a critical initialisation."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.critical_claims import LRT_ERF, LRT_TANH, with_noises
from meanbits.experiments.claims.evidence import (
    BIT,
    PHI,
    REAL,
    Options,
    certified,
    compared,
    derived,
    moment,
    neuron_mean,
    normal_nodes,
    pair,
    printed,
    simulated,
    theory_in_phi,
    theory_of,
)
from meanbits.experiments.claims.map_claims import LRT_BITS, SOURCE
from meanbits.experiments.claims.neuron_claims import ALPHA
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import stochastic
from meanbits.theory.declarations.noise import GAUSSIAN
from meanbits.theory.declarations.surrogates import SAMPLE
from meanbits.theory.symbols import c, h, q, sigma_b2, sigma_m2

LRT_SIGN: Options = {"name": "lrt", "neurons": "sign"}
SHARP, SOFT = ({"name": "lrt", "noise": noise} for noise in ("gaussian:0.1", "gaussian:1"))
NOISY = with_noises("lrt")[1:]
BIASES = np.array([0.0, 0.01, 0.1, 1.0, 10.0])
MEANS, BIAS = 0.5, 0.1
ROUNDING = 1e-12  # of a sum of 4800 terms


def _lrt_bits(factor: Any) -> Evidence:
    maps = theory_in_phi(BIT, SAMPLE).maps
    claims = [(each.closed, factor * (1 + sigma_b2)) for each in (maps.variance_map, maps.total_map)]
    return derived("q' and T' of LRT with bits, any phi", claims)


def _correlation(second: str) -> Evidence:
    """c' with the neurons of input a and of the input named."""
    overlap = {"a": moment(PHI**2, q), "b": pair(PHI, q, c)}[second]
    found = theory_in_phi(BIT, SAMPLE).maps.correlation_map.closed
    claimed = (sigma_m2 * overlap + sigma_b2) / (1 + sigma_b2)
    return derived(f"c' of LRT with bits by E phi_a phi_{second}, any phi", [(found, claimed)])


def _lrt_real(factor: Any) -> Evidence:
    maps, after = theory_in_phi(REAL, SAMPLE).maps, moment(PHI**2, q) + sigma_b2
    covariance = sigma_m2 * pair(PHI, q, c) + sigma_b2
    claims = [(maps.variance_map.closed, factor * after), (maps.correlation_map.closed, factor * covariance / after)]
    return derived("q' and c' of LRT with continuous neurons, any phi", claims)


def _equal_inputs(factor: Any) -> Evidence:
    found = theory_in_phi(BIT, SAMPLE).maps.correlation_map.closed.subs(c, 1)
    claimed = (factor * sigma_m2 * moment(PHI**2, q) - 1) / (1 + sigma_b2)
    return derived(
        "c'(1) - 1 = (sigma_m2 E phi^2 - 1)/(1 + sigma_b2) of LRT with bits, any phi", [(found - 1, claimed)]
    )


def _noise_stays_below(surrogates: tuple[Options, ...]) -> Evidence:
    """Whether sigma_m2 E phi^2 < 1 at every sigma_m2 <= 1: the largest E phi^2, as the field widens with sigma_b2."""
    z, weights = normal_nodes()
    fields = np.sqrt(1 + BIASES)[:, None] * z
    composed = [compose(**options) for options in surrogates]
    largest = {each.name: float((neuron_mean(each.neurons)(fields) ** 2 @ weights).max()) for each in composed}
    what = f"E phi^2 < 1 at sigma_b2 = {', '.join(f'{each:g}' for each in BIASES)}, the largest"
    return Evidence("quadrature", what, largest, max(largest.values()) < 1 - ROUNDING)


def _sharp_limit() -> sp.Expr:
    """c'(1) as kappa -> infinity, of phi = erf(kappa h): Gaussian noise of scale 1/(kappa sqrt(2))."""
    maps = theory_in_phi(stochastic(GAUSSIAN, ALPHA), SAMPLE).maps
    after = maps.correlation_map.closed.subs({c: 1, q: maps.total_map.closed}, simultaneous=True)
    return sp.factor(after.limit(ALPHA, 0))


def _always_fixed(means: float) -> Evidence:
    limit = _sharp_limit()
    value = float(limit.subs({sigma_m2: means, sigma_b2: BIAS}))
    numbers = {"c'(1)": str(limit), f"at ({means:g}, {BIAS:g})": value}
    return Evidence("derivation", "c'(1) of LRT with bits as kappa -> infinity is 1", numbers, value == 1)


def _fixed_at_full_means(factor: Any) -> Evidence:
    """c'(1) in the limit, that of sign neurons, and the sigma_m2 at which it is 1."""
    limit, sharp = _sharp_limit(), theory_of(LRT_SIGN).maps.correlation_map.closed.subs(c, 1)
    (aligned,) = sp.solve(limit - 1, sigma_m2)
    claimed = factor * (sigma_m2 + sigma_b2) / (1 + sigma_b2)
    what = "c'(1) of LRT with bits as kappa -> infinity and with sign neurons, and the sigma_m2 at which c'(1) = 1"
    return derived(what, [(limit, claimed), (sharp, claimed), (aligned, factor)])


def _unit_slope(factor: Any) -> Evidence:
    found = theory_in_phi(BIT, SAMPLE).maps.chi.closed.subs(c, 1).doit().subs(q, 1 + sigma_b2)
    claimed = factor * sigma_m2 * moment(PHI.diff(h) ** 2, 1 + sigma_b2)
    return derived("chi_1 of LRT with bits, any phi", [(found, claimed)])


def _means_of_unit_slope(options: Options) -> float:
    """The sigma_m2 at which chi_1 = 1 without biases; where the field is sampled, q does not depend on it."""
    return float(1 / fixed_point(theory_of(options), 1.0, 0.0).chi_1)


def _slope_stays_below(options: Options) -> Evidence:
    means = _means_of_unit_slope(options)
    what = f"chi_1 = 1 needs sigma_m2 > 1, {theory_of(options).surrogate.name}, sigma_b2 = 0"
    return Evidence("solver", what, {"sigma_m2 where chi_1 = 1": means}, means > 1)


def _unit_slope_in_digits(factor: Any) -> Evidence:
    found, claimed = _means_of_unit_slope(SHARP), 0.2227 * float(factor)
    what = "sigma_m2 at which chi_1 = 1 with Gaussian noise of scale 0.1, sigma_b2 = 0"
    return compared("solver", what, found, claimed, 5e-5 / claimed)  # the digits given


def _parts_at_unit_slope(options: Options) -> Evidence:
    """Whether inputs part where chi_1 = 1: the stable fixed point lies below 1, with a smaller slope."""
    means = _means_of_unit_slope(options)
    found = fixed_point(theory_of(options), means, 0.0)
    numbers = {"sigma_m2": means, "chi_1": float(found.chi_1), "c*": float(found.c), "chi(c*)": float(found.chi)}
    what = f"where chi_1 = 1, c* < 1 and chi(c*) < 1, {theory_of(options).surrogate.name}, sigma_b2 = 0"
    return Evidence("solver", what, numbers, bool(found.c < 1 and found.chi < 1))


def _critical_at_the_corner(options: Options) -> Evidence:
    """Whether chi_1 = 1 at (1, 0) and below 1 beside it, by the solver."""
    means, biases = np.array([1.0, 1.0, 0.98, 0.98]), np.array([0.0, 0.01, 0.0, 0.01])
    found = fixed_point(theory_of(options), means, biases)
    numbers = {"q at (1, 0)": float(found.q[0]), "chi_1 at (1, 0)": float(found.chi_1[0])}
    numbers |= {"largest chi_1 beside it": float(found.chi_1[1:].max())}
    holds = list(found.phase) == ["critical", "ordered", "ordered", "ordered"]
    return Evidence("solver", f"chi_1 at and near (1, 0), {theory_of(options).surrogate.name}", numbers, bool(holds))


LRT_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.lrt-binary",
        printed("eqs. 20-22", 3),
        "LRT with binary neurons has q = T = 1 + sigma_b2 whatever sigma_m2 is.",
        (
            formula(_lrt_bits),
            formula(partial(simulated, LRT_BITS, 0.3, 0.3)),
            formula(partial(simulated, LRT_BITS, 0.9, 0.3)),
        ),
    ),
    Claim(
        "eq.lrt-correlation",
        printed("eq. 23", 3),
        "LRT with binary neurons has c' = (sigma_m2 E phi_a phi_a + sigma_b2)/(1 + sigma_b2), as printed, with one "
        "factor of input a where the other input is meant.",
        (either(_correlation, "a", "b"),),
        "c' = (sigma_m2 E phi_a phi_b + sigma_b2)/(1 + sigma_b2); E phi_a phi_a would make c' the same for every c.",
        (either(_correlation, "b", "a"), formula(partial(simulated, LRT_BITS, 0.9, 0.3))),
    ),
    Claim(
        "eq.lrt-continuous",
        SOURCE,
        "LRT with continuous neurons has q' = E phi^2 + sigma_b2 and c' = (sigma_m2 E phi_a phi_b + sigma_b2)/q'.",
        (formula(_lrt_real), formula(partial(simulated, {"name": "shayer"}, 0.6, 0.3))),
    ),
    Claim(
        "eq.lrt-equal-inputs",
        printed("eq. 24", 4),
        "LRT with binary neurons: c = 1 is a fixed point only where sigma_m2 E phi^2 = 1, and since sigma_m2 <= 1 and "
        "the neurons are noisy, E phi^2 < 1, it never is one.",
        (formula(_equal_inputs), either(_noise_stays_below, NOISY, (LRT_SIGN,))),
    ),
    Claim(
        "eq.lrt-equal-inputs-sharp",
        printed("after eq. 24", 4),
        "LRT with binary neurons: as kappa -> infinity, c = 1 is always a fixed point.",
        (either(_always_fixed, MEANS, 1.0),),
        "As kappa -> infinity c'(1) = (sigma_m2 + sigma_b2)/(1 + sigma_b2), which is 1 at sigma_m2 = 1 alone.",
        (formula(_fixed_at_full_means),),
    ),
    Claim(
        "eq.lrt-slope",
        printed("eq. 25", 4),
        "LRT with binary neurons: chi_1 = 1, that is sigma_m2 = 1/E phi'^2, cannot be had with a bounded phi.",
        (formula(_unit_slope), either(_slope_stays_below, SHARP, SOFT)),
        "It can: with Gaussian noise of scale 0.1, sigma_m2 = 0.2227 and sigma_b2 = 0 give chi_1 = 1. That there is "
        "no critical initialisation stays true, since c = 1 is no fixed point there.",
        (
            formula(_unit_slope_in_digits),
            either(_parts_at_unit_slope, SHARP, LRT_TANH),
            either(partial(certified, "none"), [SHARP], [LRT_TANH]),
        ),
    ),
    Claim(
        "crit.lrt-binary",
        printed("introduction and section 4.2", 4),
        "LRT with binary neurons has no critical initialisation, whatever the noise of the neurons.",
        (either(partial(certified, "none"), with_noises("lrt"), [LRT_TANH]),),
    ),
    Claim(
        "crit.lrt-continuous",
        printed("introduction and section 4.2", 4),
        "LRT with continuous neurons, tanh, has a critical initialisation.",
        (either(partial(certified, "attained"), [LRT_TANH], [LRT_ERF]),),
        "It has one in the limit that the paper's later version names, sigma_b2 -> 0, and there at sigma_m2 = 1: as "
        "(sigma_m2, sigma_b2) -> (1, 0) chi_1 tends to 1, while the field vanishes, q* -> 0.",
        (
            either(partial(certified, "limit"), [LRT_TANH], [LRT_BITS]),
            either(_critical_at_the_corner, LRT_TANH, LRT_BITS),
        ),
    ),
    Claim(
        "crit.lrt-erf",
        "this workbench, beyond theory sheet 4",
        "LRT with neurons erf(h), whose slope at 0 exceeds 1, has a critical initialisation at sigma_m2 = 1 and "
        "sigma_b2 = 0.003, where the field does not vanish.",
        (either(partial(certified, "attained"), [LRT_ERF], [LRT_TANH]),),
    ),
)
