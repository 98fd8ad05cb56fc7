"""The paper's claims about LRT: equations 20 to 25, and who among its surrogates has a critical initialisation."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from experiments.claims.claim import Claim, Evidence, either, formula
from experiments.claims.critical_claims import LRT_ERF, LRT_TANH, with_noises
from experiments.claims.evidence import (
    BIT,
    PHI,
    REAL,
    Options,
    certified,
    compared,
    derived,
    moment,
    pair,
    printed,
    simulated,
    theory_in_phi,
    theory_of,
)
from experiments.claims.map_claims import LRT_BITS, SOURCE
from numerics.emit import compile_theory
from numerics.solve import fixed_point
from theory.network import SIGN
from theory.surrogates import SAMPLE
from theory.symbols import c, h, q, sigma_b2, sigma_m2

LRT_SIGN: Options = {"name": "lrt", "neurons": "sign"}
SHARP, SOFT = ({"name": "lrt", "noise": noise} for noise in ("gaussian:0.1", "gaussian:1"))
NOISY = with_noises("lrt")[1:]
BIASES = np.array([0.0, 0.01, 0.1, 1.0, 10.0])
MEANS, BIAS = 0.5, 0.1
KAPPA, SOFTENED = 1e6, 1e-5  # the gain in place of infinity, and what it leaves: E 1 - phi^2 is of the order 1/kappa


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


def _equal_inputs_part(surrogates: tuple[Options, ...]) -> Evidence:
    """Whether c'(1) < 1 even at sigma_m2 = 1, by the gap that equal inputs get."""
    gaps = {
        theory_of(options).surrogate.name: compile_theory(theory_of(options)).gap_map(0.0, 1 + BIASES, 1.0, BIASES)
        for options in surrogates
    }
    largest = {name: float(1 - gap.min()) for name, gap in gaps.items()}
    what = f"largest c'(1) at sigma_m2 = 1 and sigma_b2 = {', '.join(f'{each:g}' for each in BIASES)}, below 1"
    return Evidence("numerics", what, dict(largest), all(bool(np.all(gap > 0)) for gap in gaps.values()))


def _equal_inputs_when_sharp(means: float) -> Evidence:
    """Whether c'(1) -> 1 as the neuron turns into a sign: at a gain next to infinity."""
    what = f"c'(1) of LRT with bits at kappa = {KAPPA:g}, sigma_m2 = {means:g}, sigma_b2 = {BIAS:g}, against 1"
    return compared("numerics", what, _after_equal_inputs(means), 1.0, SOFTENED)


def _after_equal_inputs(means: float) -> float:
    """c'(1) with phi = erf(kappa h), the mean of a neuron with Gaussian noise of scale 1/(kappa sqrt(2))."""
    noise = f"gaussian:{1 / (KAPPA * np.sqrt(2)):.12f}"
    maps = compile_theory(theory_of({"name": "lrt", "noise": noise}))
    return float(maps.correlation_map(1.0, 1 + BIAS, means, BIAS))


def _limit_of_equal_inputs(factor: Any) -> Evidence:
    what = f"c'(1) of LRT with bits at kappa = {KAPPA:g}, sigma_m2 = {MEANS:g}, sigma_b2 = {BIAS:g}"
    claimed = float(factor) * (MEANS + BIAS) / (1 + BIAS)
    return compared("numerics", what, _after_equal_inputs(MEANS), claimed, SOFTENED)


def _equal_inputs_of_sign(factor: Any) -> Evidence:
    """c'(1), and the sigma_m2 at which it is 1."""
    found = theory_in_phi(SIGN, SAMPLE).maps.correlation_map.closed.subs(c, 1)
    (aligned,) = sp.solve(found - 1, sigma_m2)
    claims = [(found, factor * (sigma_m2 + sigma_b2) / (1 + sigma_b2)), (aligned, factor)]
    return derived("c'(1) of LRT with sign neurons, and the sigma_m2 at which c'(1) = 1", claims)


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
        (formula(_equal_inputs), either(_equal_inputs_part, NOISY, (LRT_SIGN,))),
    ),
    Claim(
        "eq.lrt-equal-inputs-sharp",
        printed("after eq. 24", 4),
        "LRT with binary neurons: as kappa -> infinity, c = 1 is always a fixed point.",
        (either(_equal_inputs_when_sharp, MEANS, 1.0),),
        "As kappa -> infinity c'(1) = (sigma_m2 + sigma_b2)/(1 + sigma_b2), which is 1 at sigma_m2 = 1 alone.",
        (formula(_equal_inputs_of_sign), formula(_limit_of_equal_inputs), either(_equal_inputs_when_sharp, 1.0, MEANS)),
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
