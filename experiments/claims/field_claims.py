"""Claims about one layer (theory sheet, sections 2 and 3): the law of the field, and the neuron averaged over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.chain.checks import ChainSubject, field_moment_error
from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import (
    PAPER,
    REAL,
    Z_LIMIT,
    derived,
    neuron_mean,
    sheet,
    theory_in_phi,
    theory_of,
)
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import SIGN, stochastic
from meanbits.theory.declarations.noise import GAUSSIAN, LOGISTIC
from meanbits.theory.declarations.surrogates import MARGINALISE, MATCHED
from meanbits.theory.declarations.weights import BINARY, ternary
from meanbits.theory.symbols import (
    A,
    B,
    C,
    M,
    N,
    Sigma,
    hbar,
    i,
    j,
    k,
    m,
    mean_state,
    mean_weight,
    r,
    rho,
    second_moment_state,
    sigma_b2,
    sigma_m2,
)

ALPHA = sp.Symbol("alpha", positive=True)
SPREAD, ROWS, SIZES = 0.3, 20_000, (100, 400, 1600)
INPUTS, NEURONS, DRAWS = 400, 10, 5000
ROUNDING = 1e-13  # sums of ten terms of order one, and probabilities over 2^10 states


def _fields(factor: Any) -> Evidence:
    claims: list[tuple[sp.Expr, sp.Expr]] = []
    for weights, density in ((BINARY, sp.S.One), (ternary(), rho)):
        found = theory_in_phi(REAL, MARGINALISE, weights).mean_field
        claims += [
            (found.quenched, factor * (sigma_m2 * A + sigma_b2)),
            (found.covariance, factor * (sigma_m2 * C + sigma_b2)),
            (found.annealed, factor * (density * B - sigma_m2 * A)),
            (found.total, factor * (density * B + sigma_b2)),
        ]
    return derived("Q, Q_ab, D and T of binary and of ternary weights, any phi", claims)


def _field_moments(factor: Any) -> Evidence:
    """Per synapse, and the covariance of two neurons of a layer, which is dropped."""
    field = theory_in_phi(REAL, MARGINALISE).field
    covariance = sp.Sum((r[j] - m[j] ** 2) * M[i, j] * M[k, j], (j, 1, N)) / N
    claims = [
        (field.mean_term, factor * mean_weight * mean_state),
        (field.variance_term, factor * (second_moment_state - mean_weight**2 * mean_state**2)),
        (field.dropped_covariance, factor * covariance),
    ]
    return derived("terms of hbar_i and Sigma_ii, and the covariance left out", claims)


def _enumerated(spoiled: bool) -> Evidence:
    subject = ChainSubject.of(compose("deterministic"))
    error = field_moment_error(subject.wrong() if spoiled else subject)
    what = "hbar_i and Sigma_ii of sign neurons with 10 binary inputs, all 1024 states, M and m at random"
    return Evidence("exact enumeration", what, {"error": error, "tolerance": ROUNDING}, error <= ROUNDING)


def _sharp_inputs(factor: Any) -> Evidence:
    """Sigma of known inputs at M = +-1, and the sign neuron's mean and its slope as Sigma -> 0 at hbar > 0."""
    theory, positive = theory_of({"name": "baldassi"}), sp.Symbol("hbar", positive=True)
    mean = theory.forward.mean.closed
    claims = [
        (theory.field.variance_term, factor * mean_state**2 * (1 - mean_weight**2)),
        (mean.subs(hbar, positive).limit(Sigma, 0), factor),
        (mean.diff(hbar).subs(hbar, positive).limit(Sigma, 0), factor - 1),
    ]
    return derived("Sigma of known inputs; mean and slope of the marginalised sign neuron as Sigma -> 0", claims)


def _self_averaging(factor: Any) -> Evidence:
    """Var M^2 = (4/5) sigma_m^4 for uniform M; the relative variance of a variance over n draws is 2/n."""
    rng, spreads, z = np.random.default_rng(5), {}, 0.0
    for size in SIZES:
        squares = np.linspace(-1, 1, size) ** 2
        rows = (3 * SPREAD * rng.random((1000, size)) ** 2 @ squares / size for _ in range(ROWS // 1000))
        sums = np.concatenate(list(rows))
        claimed = float(factor) * 0.8 * SPREAD**2 * float((squares**2).mean()) / size
        z = max(z, abs(float(sums.var()) / claimed - 1) / np.sqrt(2 / ROWS))
        spreads[f"std/mean of Sigma, N = {size}"] = float(sums.std() / (1 - sums.mean()))
    what = "variance of Sigma_ii over the neurons of a layer, M uniform, against Var(M^2) E m^4/N"
    return Evidence("simulation", what, {"neurons": ROWS, "|z|": float(z), **spreads}, bool(z < Z_LIMIT))


def _marginals(factor: Any) -> Evidence:
    sharp, noisy = (theory_in_phi(neurons, MARGINALISE) for neurons in (SIGN, stochastic(GAUSSIAN, ALPHA)))
    claims = [
        (sharp.forward.mean.closed, factor * sp.erf(hbar / sp.sqrt(2 * Sigma))),
        (noisy.forward.mean.closed, factor * sp.erf(hbar / sp.sqrt(2 * (Sigma + ALPHA**2)))),
    ]
    return derived("E x over the Gaussian field", claims)


def _matched(factor: Any) -> Evidence:
    found = theory_in_phi(stochastic(LOGISTIC, ALPHA), MARGINALISE, form=MATCHED).forward.mean.closed
    claimed = sp.tanh(hbar / (2 * ALPHA) / sp.sqrt(1 + sp.pi * Sigma / (8 * ALPHA**2)))
    return derived("tanh matched by erf, integrated, matched back", [(found, factor * claimed)])


def _matching_error(bound: float) -> Evidence:
    """Fields are taken in units of sqrt(Sigma), Sigma in units of alpha^2."""
    field, width = (axis.reshape(-1, 1) for axis in np.meshgrid(np.linspace(0, 20, 101), 10.0 ** np.arange(-2, 3)))
    z = np.linspace(-10, 10, 4001)
    weight = np.exp(-(z**2) / 2)
    exact = np.tanh(width * (field + z) / 2) @ (weight / weight.sum())
    matched = np.tanh(width * field / 2 / np.sqrt(1 + np.pi * width**2 / 8))[:, 0]
    error = float(np.abs(matched - exact).max())
    what = "largest error of the match, over hbar and Sigma"
    return Evidence("quadrature", what, {"error": error, "bound": bound}, error <= bound)


def _none_by_marginalising(factor: Any) -> Evidence:
    """Whether no moment matching that the engine derives gives E x and E x^2 of neurons with sampled binary weights."""
    z = {neurons: _moments_of_a_layer(neurons, float(factor)) for neurons in ("relu", "erf", "hardtanh")}
    numbers = {"draws": DRAWS, **{f"|z| {neurons}": value for neurons, value in z.items()}}
    what = "moment matching, m' = E phi(h) and r' = E phi(h)^2, predicts E x and E x^2 under sampled binary weights"
    return Evidence("counterexample", what, numbers, min(z.values()) > Z_LIMIT)


def _moments_of_a_layer(neurons: str, factor: float) -> float:
    """The largest |z| over the neurons of a layer and both moments, the derived moments times a factor."""
    theory = theory_of({"name": "moment-matching", "neurons": neurons})
    derived_moments = {"mean": theory.forward.mean, "second_moment": theory.forward.second_moment}
    functions = [EmittedFunction(name, (hbar, Sigma), each.closed, name) for name, each in derived_moments.items()]
    maps, rng = compile_functions(theory, functions, NUMPY), np.random.default_rng(12)
    function = neuron_mean(theory.surrogate.neurons)
    means, states = rng.uniform(-0.8, 0.8, (NEURONS, INPUTS)), rng.uniform(-1.5, 1.5, INPUTS)
    hbar_i, variance = means @ states / np.sqrt(INPUTS), (1 - means**2) @ states**2 / INPUTS
    weights = (np.where(rng.random((DRAWS, INPUTS)) < (1 + row) / 2, 1.0, -1.0) for row in means)
    x = np.stack([function(drawn @ states / np.sqrt(INPUTS)) for drawn in weights])
    claimed = factor * np.stack([maps.mean(hbar_i, variance), maps.second_moment(hbar_i, variance)])
    moments = np.stack([x, x**2])
    return float(np.abs((moments.mean(-1) - claimed) / (moments.std(-1) / np.sqrt(DRAWS))).max())


FIELD_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.field-moments",
        f"{PAPER}; {sheet(2)}",
        "Given the layer before, the field has the mean hbar_i = sum_j M_ij m_j/sqrt(N) + b_i and the "
        "variance Sigma_ii = (1/N) sum_j (R_ij r_j - M_ij^2 m_j^2); what couples two neurons of a layer, "
        "(1/N) sum_j M_ij M_kj (r_j - m_j^2), is left out.",
        (formula(_field_moments), either(_enumerated, False, True)),
    ),
    Claim(
        "eq.sharp-inputs",
        sheet(2),
        "Inputs that are known leave Sigma_ii = (1/N) sum_j (1 - M_ij^2) x_j^2, which vanishes as the means "
        "go to +-1: the marginalised neuron turns into sign(hbar), with no gradient.",
        (formula(_sharp_inputs),),
    ),
    Claim(
        "eq.fields",
        sheet(3),
        "The field of a neuron has the quenched variance Q = sigma_m2 A + sigma_b2, the annealed D = rho B - "
        "sigma_m2 A, in total T = Q + D = rho B + sigma_b2, and between two inputs the covariance Q_ab = "
        "sigma_m2 C + sigma_b2.",
        (formula(_fields),),
    ),
    Claim(
        "eq.self-averaging",
        sheet(3),
        "Sigma_ii is self-averaging: over the neurons of a layer it varies by Var(M^2) E m^4/N, which "
        "vanishes with width.",
        (formula(_self_averaging),),
    ),
    Claim(
        "eq.marginals",
        f"{PAPER}; {sheet(2)}",
        "Integrated over its Gaussian field, a sign neuron has the mean erf(hbar/sqrt(2 Sigma)), and one with "
        "Gaussian noise of scale alpha erf(hbar/sqrt(2 (Sigma + alpha^2))).",
        (formula(_marginals),),
    ),
    Claim(
        "eq.matched-tanh",
        sheet(2),
        "For logistic noise of scale alpha, matching tanh to erf and back gives tanh(hbar/(2 alpha)/sqrt(1 + "
        "pi Sigma/(8 alpha^2))), within 0.04 of the mean it approximates.",
        (formula(_matched), either(_matching_error, 0.04, 0.02)),
    ),
    Claim(
        "eq.continuous-neurons",
        f"{PAPER}; {sheet(2)}",
        "Continuous neurons have no surrogate that marginalises over the weights.",
        (formula(_none_by_marginalising),),
    ),
)
