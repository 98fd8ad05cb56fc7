"""Claims about the replica form (theory sheet, section 3): one map g for every exact treatment."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import (
    BIT,
    DEPTH,
    PHI,
    REAL,
    Options,
    by_z,
    derived,
    moment,
    networks,
    pair,
    sheet,
    theory_in_phi,
    theory_of,
    two_inputs,
)
from meanbits.experiments.claims.map_claims import PAPER_TANH
from meanbits.experiments.random_networks.measurements import Array, Measurement
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.noise import NOISES
from meanbits.theory.declarations.surrogates import MARGINALISE, NETWORK, SAMPLE, SAMPLE_NEURONS
from meanbits.theory.declarations.weights import BINARY, ternary
from meanbits.theory.symbols import T, c, h, overlap, q, rho, sigma_b2, sigma_m2

EXACT_TREATMENTS = (MARGINALISE, SAMPLE, NETWORK)
MEANS, BIASES = 0.9, 0.3  # large enough for overlaps that stand out of the noise of a network
ORDERS, TERMS = 5, 100
ROUNDING = 1e-13  # of the two maps
SERIES = 1e-10  # of the terms left out, sum a_k^2 = 1 at most and 0.8^100 = 2e-10


def _g(density: sp.Expr, total: sp.Expr) -> sp.Expr:
    return (sigma_m2 * pair(PHI, T, overlap) + sigma_b2) / (density * total + sigma_b2)


def _one_map(factor: Any) -> Evidence:
    claims = [
        (theory_in_phi(BIT, treatment).maps.replica_map.closed, factor * _g(sp.S.One, sp.S.One))
        for treatment in (*EXACT_TREATMENTS, SAMPLE_NEURONS)
    ] + [
        (theory_in_phi(REAL, treatment, weights).maps.replica_map.closed, factor * _g(density, moment(PHI**2, T)))
        for treatment in EXACT_TREATMENTS
        for weights, density in ((BINARY, sp.S.One), (ternary(), rho))
    ]
    return derived("r' = g(r) of bits and of continuous neurons under each exact treatment, any phi", claims)


def _correlations(factor: Any) -> Evidence:
    """What each treatment calls q and c, in terms of g."""
    marginalised, sampled = (theory_in_phi(BIT, treatment).maps for treatment in (MARGINALISE, SAMPLE))
    g = _g(sp.S.One, sp.S.One)
    r_aa, r_ab = (g.subs(overlap, value) for value in (q / (1 + q), c * q / (1 + q)))
    claims = [
        (marginalised.variance_map.closed, factor * r_aa / (1 - r_aa)),
        (marginalised.correlation_map.closed, factor * r_ab / r_aa),
        (sampled.correlation_map.closed, factor * g.subs({overlap: c, T: q}, simultaneous=True)),
    ]
    return derived("q', c' where the field is marginalised and c' where it is sampled, by g, any phi", claims)


def _one_orbit(alpha: float, factor: Any) -> Evidence:
    """Overlaps of deterministic and LRT networks, the two noise runs of one input among them, along r' = g(r)."""
    noise = {"noise": f"gaussian:{alpha}"}
    marginalised, sampled = (compose(name, **noise) for name in ("deterministic", "lrt"))
    of_means, of_samples = (networks(each, MEANS, BIASES) for each in (marginalised, sampled))
    of_runs = networks(sampled, MEANS, BIASES, gap=0.0)
    r_aa = of_means.q.values / (1 + of_means.q.values)
    along = [_orbit(noise, correlation, float(factor)) for correlation in (1.0, two_inputs(0.5, 0.5).overlap)]
    z = {
        "r_aa, deterministic": Measurement(r_aa).z(along[0]),
        "r_ab, deterministic": Measurement(of_means.c.values * r_aa).z(along[1]),
        "r_aa, two runs of LRT": of_runs.c.z(along[0]),
        "r_ab, LRT": of_samples.c.z(along[1]),
    }
    what = f"{DEPTH} layers on orbits of one g, gaussian noise {alpha}, sigma_m2 = {MEANS}, sigma_b2 = {BIASES}"
    return by_z(what, {name: float(np.abs(values).max()) for name, values in z.items()})


def _orbit(noise: Options, correlation: float, factor: float) -> Array:
    """r layer by layer, of inputs of mean square 1/2; g times a factor."""
    g, total = compile_theory(theory_of({"name": "lrt", **noise})).replica_map, 1 + BIASES
    orbit = [factor * (MEANS * 0.5 * correlation + BIASES) / total]
    while len(orbit) < DEPTH:
        orbit.append(factor * float(g(orbit[-1], total, MEANS, BIASES)))
    return np.array(orbit)


def _collapses(options: Options) -> Evidence:
    """Whether the next overlap depends on the overlap alone: r_aa at one q, and r_ab = r_aa at another q."""
    maps = compile_theory(theory_of(options))
    small, large = 0.5, 2.0
    c_large = small / (1 + small) / (large / (1 + large))
    alone, beside = (float(maps.variance_map(each, 0.6, 0.1)) for each in (small, large))
    r_aa = alone / (1 + alone)
    r_ab = float(maps.correlation_map(c_large, large, 0.6, 0.1)) * beside / (1 + beside)
    numbers = {"r_aa'": r_aa, "r_ab'": r_ab, "apart": abs(r_aa - r_ab)}
    what = f"next overlap of {theory_of(options).surrogate.name} from r_aa = 1/3 and from r_ab = 1/3 at r_aa = 2/3"
    return Evidence("numerics", what, numbers, abs(r_aa - r_ab) <= ROUNDING)


def _does_not_collapse(options: Options) -> Evidence:
    found = _collapses(options)
    return Evidence(found.by, found.what, found.numbers, not found.holds)


def _squares(factor: Any) -> Evidence:
    """By Price's theorem; at covariance 0 the mean of the product is the product of the means, a square."""
    kernel = pair(PHI, T, overlap)
    claims = [
        (kernel.diff(overlap, k).subs(overlap, 0), factor * T**k * pair(PHI.diff(h, k) if k else PHI, T, 0))
        for k in range(ORDERS)
    ]
    return derived(f"d^k f_T/dr^k = T^k (E phi^(k))^2 at r = 0, k < {ORDERS}, any phi", claims)


def _series(factor: Any) -> Evidence:
    """f_T from the emitted g against sum a_k^2 r^k, a_k = E phi(sqrt(T) z) He_k(z)/sqrt(k!) by the trapezoidal rule."""
    total, r, worst = 1.3, np.linspace(0, 0.8, 9), 0.0
    z = np.linspace(-12, 12, 4001)
    hermite = [np.ones_like(z), z]
    for k in range(1, TERMS - 1):
        hermite.append((z * hermite[k] - np.sqrt(k) * hermite[k - 1]) / np.sqrt(k + 1))
    density = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    for noise, mean in (
        ("gaussian:0.5", lambda x: special.erf(x * np.sqrt(2))),
        ("logistic:0.5", np.tanh),
    ):
        coefficients = np.stack(hermite) @ (density * mean(np.sqrt(total) * z))
        claimed = float(factor) * np.polynomial.polynomial.polyval(r, coefficients**2)
        g = compile_theory(theory_of({"name": "lrt", "noise": noise})).replica_map(r, total, 1.0, total - 1)
        worst = max(worst, float(np.abs(total * g - (total - 1) - claimed).max()))
    what = f"f_T(r) of bits with Gaussian and with logistic noise against {TERMS} terms a_k^2 r^k, r <= 0.8"
    return Evidence("quadrature", what, {"apart": worst, "tolerance": SERIES}, worst <= SERIES)


def _bends_up(start: float) -> Evidence:
    """Whether g increases and bends upwards from `start` to 1, for every noise."""
    r, least = np.linspace(start, 1, 41), np.inf
    for noise in NOISES:
        g = compile_theory(theory_of({"name": "lrt", "noise": f"{noise.name}:0.5"})).replica_map(r, 1.3, 1.0, 0.3)
        least = min(least, float(np.diff(g).min()), float(np.diff(g, 2).min()))
    names = ", ".join(noise.name for noise in NOISES)
    what = f"first and second differences of g from r = {start:g} to 1; {names} noise"
    return Evidence("numerics", what, {"smallest": least}, least > 0)


def _total(factor: Any) -> Evidence:
    claims = [
        (theory_in_phi(BIT, treatment, weights).total_map, factor * (density + sigma_b2))
        for treatment in EXACT_TREATMENTS
        for weights, density in ((BINARY, sp.S.One), (ternary(), rho))
    ]
    return derived("T' of bits with binary and ternary weights, any phi", claims)


def _total_of_real(factor: Any) -> Evidence:
    claimed = factor * (moment(PHI**2, T) + sigma_b2)
    return derived("T' of continuous neurons, any phi", [(theory_in_phi(REAL, MARGINALISE).total_map, claimed)])


EXACT = ({"name": "deterministic"}, {"name": "deterministic", "noise": "gaussian:0.5"})
APPROXIMATE = (
    PAPER_TANH,
    {"name": "deterministic", "noise": "logistic:0.5", "form": "matched"},
)
SIGN = EXACT[0]

REPLICA_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.total",
        sheet(3),
        "T' = rho + sigma_b2 is constant for binary neurons, 1 + sigma_b2 with binary weights, under every "
        "exact treatment; for continuous neurons T' = rho E phi^2 + sigma_b2 is not.",
        (formula(_total), formula(_total_of_real)),
    ),
    Claim(
        "eq.replica",
        sheet(3),
        "Every exact treatment, the stochastic network included, follows one map r' = g(r) = (sigma_m2 f_T(r) "
        "+ sigma_b2)/T' of the overlap r of two inputs (r_ab) or of two noise-independent runs (r_aa); LRT "
        "calls c = r_ab, the deterministic surrogate c = r_ab/r_aa and q = r_aa/(1 - r_aa).",
        (
            formula(_one_map),
            formula(_correlations),
            formula(partial(_one_orbit, 0.5)),
            formula(partial(_one_orbit, 0.2)),
            *(either(_collapses, options, PAPER_TANH) for options in EXACT),
        ),
    ),
    Claim(
        "eq.replica-approximations",
        sheet(3),
        "The paper form phi(kappa hbar/sqrt(Sigma)) and the matched tanh do not collapse to one map of the overlap.",
        tuple(either(_does_not_collapse, options, SIGN) for options in APPROXIMATE),
    ),
    Claim(
        "eq.convex",
        sheet(3),
        "f_T(r) = sum_k a_k(T)^2 r^k: the coefficients of g are squares, so g is increasing and convex on [0, 1].",
        (formula(_squares), formula(_series), either(_bends_up, 0.0, -1.0)),
    ),
)
