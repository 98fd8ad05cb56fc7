"""Lengths, correlations and the two phases of random networks: what the paper says of them."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, derived, moment, pair, simulated, theory_of
from meanbits.experiments.claims.papers import POOLE
from meanbits.experiments.claims.poole_2016.curve_claims import CURVE_CLAIMS
from meanbits.experiments.claims.real_networks import RELU, TANH, any_phi
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import FixedPoint, fixed_point
from meanbits.theory.symbols import c, h, q, sigma_b2, sigma_m2

NOTEBOOK = "notebook Figures 1 & 2 of the paper's code (github.com/ganguli-lab/deepchaos)"
SIGMA_W, SIGMA_B = np.linspace(1, 5, 41), np.linspace(0, 4, 41)  # of the plane of figures 1 and 2
MARKED = np.array([1.3, 2.5, 4.0])  # sigma_w of the three networks, sigma_b = 0.3
BIAS = 0.3
STARTS = np.linspace(0, 15, 25)  # initial q, over which the figure averages
LAYERS, SCALE = 60, 6.0  # where the figure's scale of iterations ends
PERCENT, TENTH = 0.01, 0.1
EQUAL = 1e-9  # of 1 - c at a fixed point that is 0


@lru_cache(maxsize=1)
def plane() -> FixedPoint:
    """The fixed points of the plane of figures 1 and 2."""
    weights, biases = np.meshgrid(SIGMA_W, SIGMA_B, indexing="ij")
    return fixed_point(theory_of(TANH), weights**2, biases**2)


def _length_map(factor: Any) -> Evidence:
    claimed = sigma_m2 * moment(PHI**2, q) + sigma_b2
    return derived("q' of real weights, any phi", [(any_phi().variance_map, factor * claimed)])


def _correlation_map(factor: Any) -> Evidence:
    norm = sigma_m2 * moment(PHI**2, q) + sigma_b2
    found = any_phi().correlation_map
    return derived("c' of real weights, any phi", [(found, factor * (sigma_m2 * pair(PHI, q, c) + sigma_b2) / norm)])


def _slope_at_one(factor: Any) -> Evidence:
    at_fixed_point = {sigma_b2: q - sigma_m2 * moment(PHI**2, q)}
    found = any_phi().chi.subs(c, 1).doit().subs(at_fixed_point)
    return derived("dc'/dc at c = 1 where q' = q, any phi", [(found, factor * sigma_m2 * moment(PHI.diff(h) ** 2, q))])


def _phases(threshold: float) -> Evidence:
    """Whether correlations come to 1 where chi_1 is below a threshold, and to less where it is above."""
    found = plane()
    biased = found.sigma_b2 > 0
    apart, chaotic = found.gap > EQUAL, found.chi_1 > threshold
    numbers = {"networks": int(biased.sum()), "c* < 1": int(apart[biased].sum()),
               "otherwise than told": int((apart != chaotic)[biased].sum())}  # fmt: skip
    return Evidence("maps", f"c* < 1 where chi_1 > {threshold:g}, sigma_w from 1 to 5, sigma_b from 0.1 to 4", numbers,
                    bool(np.all((apart == chaotic)[biased])))  # fmt: skip


def _onset(at: float) -> Evidence:
    """Whether, without biases, fields vanish below a weight and differ between inputs above it."""
    widths = np.array([0.5, 0.8, 0.95, 1.05, 1.2, 2.0])
    found = fixed_point(theory_of(TANH), widths**2, 0.0)
    vanish, part = found.q == 0, (found.q > 0) & (found.c < 1)
    holds = np.all(np.where(widths < at, vanish, part))
    numbers = {f"q* at sigma_w = {width:g}": float(each) for width, each in zip(widths, found.q, strict=True)}
    return Evidence("maps", "without biases: q* = 0 below, q* > 0 and c* < 1 above", numbers, bool(holds))


def _published(factor: Any) -> Evidence:
    """q* at the largest weights and biases, and of sigma_w = 4, as the figure's scale and axis can be read."""
    largest = float(plane().q.max()), float(plane().chi_1.max())
    numbers = {"q* at (5, 4)": largest[0], "read": 38.0, "largest chi_1": largest[1], "read, chi_1": 3.0}
    holds = abs(largest[0] * float(factor) / 38 - 1) < 0.02 and abs(largest[1] * float(factor) / 3 - 1) < 0.05
    return Evidence("maps", "ends of the colour scales of figures 1C and 2D, which are rounded", numbers, holds)


def _layers_to(tolerance: float, weights: np.ndarray) -> np.ndarray:
    """Layers until q is within a tolerance of q*, averaged over initial lengths; (weights,)."""
    maps, found = compile_theory(theory_of(TANH)), fixed_point(theory_of(TANH), weights**2, BIAS**2)
    lengths = np.repeat(STARTS[:, None], len(weights), 1)
    reached = np.full(lengths.shape, -1)
    for layer in range(LAYERS):
        reached[(np.abs(lengths - found.q) <= tolerance * found.q) & (reached < 0)] = layer
        lengths = maps.variance_map(lengths, weights**2, BIAS**2)
    assert np.all(reached >= 0)
    return reached.mean(0)


def _rapid(tolerance: float) -> Evidence:
    found = _layers_to(tolerance, MARKED)
    numbers = {f"layers at sigma_w = {width:g}": float(each) for width, each in zip(MARKED, found, strict=True)}
    return Evidence("maps", f"layers until q is within {tolerance:.0%} of q*, mean over q from 0 to 15, sigma_b = 0.3",
                    numbers, bool(np.all(found <= SCALE)))  # fmt: skip


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{POOLE.citation}, {where}"


POOLE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "poole.length",
        stated("the iterative length map, section 2"),
        "Squared lengths a unit follow q' = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2, whatever phi is.",
        (formula(_length_map), formula(partial(simulated, TANH, 2.5**2, BIAS**2))),
    ),
    Claim(
        "poole.correlation",
        stated("the correlation map, section 2"),
        "Correlations follow c' = (sigma_w^2 E phi(u) phi(v) + sigma_b^2)/q* at the fixed point q*, u and v of "
        "variance q* and correlation c, whatever phi is.",
        (formula(_correlation_map), formula(partial(simulated, RELU, 1.6, 0.1))),
    ),
    Claim(
        "poole.chi",
        stated("the stability of c = 1, section 2"),
        "The slope of the correlation map at c = 1 is chi_1 = sigma_w^2 E phi'(sqrt(q*) z)^2.",
        (formula(_slope_at_one),),
    ),
    Claim(
        "poole.phases",
        stated(f"figure 2; {NOTEBOOK}"),
        "chi_1 parts the plane of tanh networks, sigma_w from 1 to 5 and sigma_b to 4: below 1 all inputs come to the "
        "same point, c* = 1, above it c* < 1.",
        (either(_phases, 1.0, 1.1),),
    ),
    Claim(
        "poole.scales",
        stated(f"the colour scales of figures 1C and 2D; {NOTEBOOK}"),
        "In that plane q* rises to 38 and chi_1 to 3.",
        (formula(_published),),
    ),
    Claim(
        "poole.onset",
        stated("the phases of tanh, section 2"),
        "Without biases, tanh networks let lengths vanish where sigma_w < 1, and keep them where sigma_w > 1, which is "
        "chaotic at once.",
        (either(_onset, 1.0, 1.1),),
    ),
    Claim(
        "poole.rapid",
        stated(f"figure 1D; {NOTEBOOK}"),
        "Lengths come to within 1 % of q* within a few layers from any start: at the three networks of the figure, "
        "sigma_b = 0.3 and sigma_w = 1.3, 2.5, 4, after at most the 6 at which its scale ends.",
        (either(_rapid, PERCENT, TENTH),),
        "Within 10 %, which is what the code behind the figure asks for (it compares the square of the deviation with "
        "0.01): after 3.8, 1.8 and 1.4 layers on average. Within 1 % it takes 6.8 at sigma_w = 1.3.",
        (either(_rapid, TENTH, PERCENT),),
    ),
    *CURVE_CLAIMS,
)
