"""Claims about critical initialisations (theory sheet, section 4): who has one, and where the critical curve runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import (
    BIT,
    PAPER,
    Options,
    certified,
    derived,
    printed,
    sheet,
    simulated,
    theory_in_phi,
    theory_of,
)
from meanbits.experiments.claims.map_claims import slope_diverges
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import NETWORK, SAMPLE
from meanbits.theory.symbols import overlap, sigma_b2, sigma_m2

SOURCE = f"{PAPER}; {sheet(4)}"
SIGN: Options = {"name": "deterministic"}
LRT_TANH: Options = {"name": "shayer"}
LRT_ERF: Options = {"name": "shayer", "neurons": "erf"}
MATCHING_RELU, MATCHING_ERF, LINEAR = (
    {"name": "moment-matching", "neurons": kind} for kind in ("relu", "erf", "linear")
)
RANDOM_BINARY: Options = {"name": "random-binary"}
STOCHASTIC: Options = {"name": "stochastic-binary"}
NOISES = (
    "gaussian:1",
    "gaussian:0.2",
    "logistic:0.5",
    "uniform:0.5",
    "laplace:0.5",
    "cauchy:0.5",
    "cdf:(1 + h/sqrt(1 + h**2))/2",
)


def paper_form(gain: float | str = 1, phi: str = "tanh") -> Options:
    """The paper form phi(gain hbar/sqrt(Sigma))."""
    return {"name": "deterministic", "phi": phi, "gain": gain}


def with_noises(name: str) -> tuple[Options, ...]:
    """A surrogate with sign neurons, and with neurons of each noise."""
    return ({"name": name, "neurons": "sign"}, *({"name": name, "noise": noise} for noise in NOISES))


def _lies_near(factor: Any, gain: float = 1.05) -> Evidence:
    """A certified critical point between the start (1/gain^2, 0) of the curve and (1, 0)."""
    found = certified("attained", [paper_form(gain)])
    means, biases = (float(found.numbers.get(name, np.nan)) * float(factor) for name in ("sigma_m2", "sigma_b2"))
    lies = found.holds and 1 / gain**2 <= means <= 1 and 0 <= biases <= 0.1
    what = f"a certified critical point between (1/gain^2, 0) and (1, 0) for tanh of gain {gain}"
    return Evidence("certificate", what, {"sigma_m2": means, "sigma_b2": biases}, bool(lies))


def _is_chaotic(options: Options) -> Evidence:
    """Whether equal inputs part, c* < 1 and chi_1 > 1, whatever sigma_b2."""
    found = fixed_point(theory_of(options), 1.0, np.array([0.0, 1e-3, 0.1, 1.0, 10.0]))
    numbers = {"smallest chi_1": float(found.chi_1.min()), "largest c*": float(found.c.max())}
    holds = np.all((found.phase == "chaotic") & (found.c < 1))
    return Evidence("solver", f"phase at sigma_m2 = 1 and five sigma_b2, {options['name']}", numbers, bool(holds))


def _same_maps(factor: Any) -> Evidence:
    network, lrt = (theory_in_phi(BIT, treatment).maps for treatment in (NETWORK, SAMPLE))
    names = ("total_map", "variance_map", "correlation_map", "chi", "replica_map")
    claims = [(getattr(network, name).closed, factor * getattr(lrt, name).closed) for name in names]
    return derived("T', q', c', chi and g of the stochastic network and of LRT, any phi", claims)


def _sharp_field(factor: Any) -> Evidence:
    """g at r = 1 and its slope there for sign neurons, g for linear ones, at sigma_m2 = 1."""
    sign, linear = (theory_of(options).maps.replica_map for options in (SIGN, LINEAR))
    if sign is None or linear is None:
        raise ValueError("sign and linear neurons are marginalised exactly and should have a replica map")
    at_one = sign.closed.subs(sigma_m2, 1)
    slope = at_one.diff(overlap).limit(overlap, 1, "-")
    identity = linear.closed.subs({sigma_m2: 1, sigma_b2: 0})
    claims = [(at_one.subs(overlap, 1), factor), (1 / slope, factor - 1), (identity, factor * overlap)]
    return derived("at sigma_m2 = 1, g(1) = 1 and 1/g'(1) = 0 of sign neurons, g(r) = r of linear ones", claims)


def _slope_below_one(options: Options) -> Evidence:
    found = fixed_point(theory_of(options), *np.meshgrid(np.linspace(0.05, 1, 20), [0.0, 1e-4, 0.01, 0.3, 3.0, 100.0]))
    numbers = {"points": found.chi.size, "largest chi at c*": float(found.chi.max())}
    return Evidence("solver", f"slope at the stable fixed point, {theory_of(options).surrogate.name}", numbers,
                    bool(np.all(found.chi < 1)))  # fmt: skip


CRITICAL_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "crit.deterministic",
        printed("introduction and section 4.2", 4),
        "The deterministic surrogate has critical initialisations near (sigma_m2, sigma_b2) = (1, 0).",
        (either(partial(certified, "attained"), [SIGN], [paper_form(1.5)]),),
        "The exactly marginalised sign neuron has none. The paper form phi(kappa hbar/sqrt(Sigma)) with tanh "
        "has one: at kappa = 1 only as the limit q -> 0 at (1, 0); at kappa > 1 along a curve that starts at "
        "(1/kappa^2, 0), near (1, 0) where kappa is near 1.",
        (
            either(partial(certified, "none"), [SIGN], [paper_form(1.5)]),
            either(partial(certified, "limit"), [paper_form(1)], [paper_form(1.05)]),
            either(partial(certified, "attained"), [paper_form(1.05), paper_form(1.5)], [paper_form(0.95)]),
            formula(_lies_near),
        ),
    ),
    Claim(
        "crit.random-binary",
        SOURCE,
        "Random binary networks are chaotic at every sigma_b2: chi_1 is infinite, and inputs that are nearly "
        "equal part.",
        (
            either(slope_diverges, "random-binary", "deterministic"),
            either(_is_chaotic, RANDOM_BINARY, LRT_TANH),
            formula(partial(simulated, RANDOM_BINARY, 1.0, 0.05, gap=1e-3)),
        ),
    ),
    Claim(
        "crit.stochastic-binary",
        f"{PAPER}, appendix; {sheet(4)}",
        "Stochastic binary networks follow the equations of LRT with the same neurons.",
        (formula(_same_maps), formula(partial(simulated, STOCHASTIC, 0.6, 0.3, like={"name": "lrt"}))),
    ),
    Claim(
        "crit.convexity",
        sheet(4),
        "Since g is convex and g(1) <= 1, the slope at the stable fixed point is below 1: an exactly "
        "marginalised binary surrogate has no critical initialisation, whatever the noise of its neurons.",
        (
            either(partial(certified, "none"), with_noises("deterministic"), [LRT_TANH]),
            either(_slope_below_one, SIGN, LRT_TANH),
        ),
    ),
    Claim(
        "crit.exceptions",
        sheet(4),
        "For exact marginalisation that bound can fail only for sign neurons at sigma_m2 = 1 and for linear neurons.",
        (either(partial(certified, "none"), [MATCHING_RELU, MATCHING_ERF], [MATCHING_RELU]),),
        "g(1) = 1 needs sigma_m2 = 1 and neurons without noise. Sign neurons are no exception: the slope at r "
        "= 1 is infinite, and the stable fixed point lies below. Linear neurons are one, g(r) = r at (1, 0), "
        "and so are, in the limit q -> infinity, neurons erf(h) at sigma_m2 = 1 and sigma_b2 = 0.003.",
        (
            formula(_sharp_field),
            either(partial(certified, "none"), [SIGN, MATCHING_RELU], [LINEAR]),
            either(partial(certified, "attained"), [LINEAR], [MATCHING_RELU]),
            either(partial(certified, "limit"), [MATCHING_ERF], [MATCHING_RELU]),
        ),
    ),
)
