"""The paper's claims about one neuron: its mean over the field, the sampled field, and what noise does to both."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import sympy as sp
from numpy.polynomial.hermite_e import hermeval
from scipy.optimize import brentq

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import (
    BIT,
    compared,
    derived,
    neuron_mean,
    normal_nodes,
    printed,
    theory_in_phi,
    theory_of,
)
from meanbits.numerics.chain.enumeration import field_moments, initial
from meanbits.numerics.chain.field_law import Layer
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import SIGN, stochastic
from meanbits.theory.declarations.noise import GAUSSIAN
from meanbits.theory.declarations.surrogates import MARGINALISE, SAMPLE
from meanbits.theory.symbols import (
    B,
    Sigma,
    T,
    epsilon,
    hbar,
    mean_state,
    mean_weight,
    overlap,
    second_moment_state,
    sigma_b2,
    sigma_m2,
)

ALPHA = sp.Symbol("alpha", positive=True)
OTHER_NOISES = ("logistic:0.5", "uniform:0.5", "laplace:0.5", "cauchy:0.5")
GAUSSIAN_NOISE = ("gaussian:0.2",)
WIDTHS = (0.0025, 25.0)  # Sigma, a hundredth and a hundred times the variance scale of those noises
LEVELS = (0.5, 0.9)  # of the mean of a neuron
SAME = 1e-9  # far above the rounding of a quadrature and of a root, far below what another noise changes
PRINTED, MEANT = -sp.S.Half, sp.S.Half  # the power of Sigma in equation 6, and in equation 20
OF_SERIES = "f_1 f_5/f_3^2 of f_T(r) = sum_k f_k r^k, which no scaling changes"
SYNAPSES = 10
NOISY = 0.2  # alpha of the networks whose depth scales are compared


def _gaussian_neurons(factor: Any) -> Evidence:
    """Of noise of scale alpha; the paper's 1 + Sigma is alpha = 1."""
    kappa = 1 / sp.sqrt(2)
    sharp, noisy = (
        theory_in_phi(neurons, MARGINALISE).forward.mean.closed for neurons in (SIGN, stochastic(GAUSSIAN, ALPHA))
    )
    cases = ((sharp, Sigma), (noisy, ALPHA**2 + Sigma), (noisy.subs(ALPHA, 1), 1 + Sigma))
    pairs = [(found, factor * sp.erf(kappa * hbar / sp.sqrt(variance))) for found, variance in cases]
    return derived("E x over the field, sign and Gaussian noise: phi = erf, kappa = 1/sqrt(2)", pairs)


def _shapes(noises: tuple[str, ...]) -> dict[str, list[float]]:
    """The field of a high mean over that of a low one, at each Sigma."""
    return {noise: [_ratio_of_fields(noise, width) for width in WIDTHS] for noise in noises}


def _ratio_of_fields(noise: str, width: float) -> float:
    mean = compile_theory(theory_of({"name": "deterministic", "noise": noise})).mean
    low, high = (brentq(lambda field, level: float(mean(field, width)) - level, 0, 1e3, (each,)) for each in LEVELS)
    return float(high / low)


def _keeps_its_shape(noises: tuple[str, ...]) -> Evidence:
    """A mean that is one function of hbar over a width has its fields of two levels in one ratio, whatever Sigma."""
    shapes = _shapes(noises)
    return _shown(shapes, "the same", all(_spread(ratios) <= SAME for ratios in shapes.values()))


def _changes_shape(noises: tuple[str, ...]) -> Evidence:
    shapes = _shapes(noises)
    return _shown(shapes, "another", all(_spread(ratios) > SAME for ratios in shapes.values()))


def _spread(ratios: list[float]) -> float:
    return max(ratios) / min(ratios) - 1


def _shown(shapes: dict[str, list[float]], how: str, holds: bool) -> Evidence:
    numbers = {noise: f"{ratios[0]:.5f} and {ratios[-1]:.5f}" for noise, ratios in shapes.items()}
    what = (
        f"hbar where E x = {LEVELS[1]} over hbar where E x = {LEVELS[0]}: {how} at Sigma = {WIDTHS[0]} and {WIDTHS[1]}"
    )
    return Evidence("quadrature", what, numbers, holds)


def _sampled_field(power: sp.Expr) -> Evidence:
    """The field that LRT samples varies by Sigma around hbar, and over a layer by 1 + sigma_b2, equations 20 to 22."""
    found = theory_in_phi(BIT, SAMPLE)
    field, layer, sampled = found.forward.field, found.mean_field, hbar + Sigma**power * epsilon
    claims = [
        (field, sampled),
        ((layer.quenched + layer.annealed ** (2 * power)).subs(B, 1), 1 + sigma_b2),
    ]
    return derived(f"h = hbar + eps Sigma^({power}): the field sampled, and its variance over a layer", claims)


def _enumerated_field(power: sp.Expr) -> Evidence:
    """A neuron with random means and inputs; its derived Sigma to twice the power, against all weights and states."""
    rng, term = np.random.default_rng(5), theory_in_phi(BIT, SAMPLE).field.variance_term
    means, states = rng.uniform(-1, 1, (1, SYNAPSES)), rng.uniform(-1, 1, SYNAPSES)
    per_synapse = sp.lambdify((mean_weight, mean_state), term.subs(second_moment_state, 1), "numpy")
    claimed = float(np.mean(per_synapse(means[0], states))) ** float(2 * power)
    _, exact = field_moments(initial(states), Layer(means, np.zeros(1), np.tanh, "binary", None))
    what = f"variance of a field of {SYNAPSES} random signs over all {2**SYNAPSES} states, against Sigma^({2 * power})"
    return compared("exact enumeration", what, float(exact[0]), claimed, 1e-13)


def _rescaled(factor: Any) -> Evidence:
    """g with Gaussian noise against g of sign neurons at (sigma_m2, sigma_b2)/(1 + alpha^2).

    Noise widens the field, in which the overlap r is w r, w = T/(T + alpha^2); c = r_ab/r_aa stays what it is.
    """
    noisy, sharp = (theory_in_phi(each, MARGINALISE).maps for each in (stochastic(GAUSSIAN, ALPHA), SIGN))
    scale, total = factor / (1 + ALPHA**2), noisy.total_map.closed
    w = total / (total + ALPHA**2)
    scaled = {sigma_m2: sigma_m2 * scale, sigma_b2: sigma_b2 * scale, overlap: w * overlap}
    plain = sharp.replica_map.closed.subs(scaled, simultaneous=True)
    what = "w g(r) with Gaussian noise is g(w r) of sign neurons at the scaled variances, w = T/(T + alpha^2)"
    return derived(what, [(w * noisy.replica_map.closed.subs(T, total), plain)])


def _same_depth_scale(factor: Any, means: float = 1.0, biases: float = 0.001) -> Evidence:
    scale = 1 / (1 + NOISY**2)
    noisy = fixed_point(theory_of({"name": "deterministic", "noise": f"gaussian:{NOISY}"}), means, biases)
    plain = fixed_point(theory_of({"name": "deterministic"}), means * scale, biases * scale)
    what = (
        f"xi_c at ({means:g}, {biases:g}) with Gaussian noise {NOISY}, sign neurons at ({scale:g}, {biases * scale:g})"
    )
    return compared("solver", what, float(noisy.xi_c), float(factor) * float(plain.xi_c), SAME)


def _out_of_reach(alpha: sp.Expr) -> Evidence:
    """Whether the scaled sigma_m2 stays below 1, sigma_m2 being at most 1."""
    reached = 1 / (1 + alpha**2)
    below = sp.simplify(1 - reached).is_positive
    return Evidence("derivation", "largest sigma_m2 after scaling, below 1", {"largest": str(reached)}, below is True)


def _series_ratio(noise: str) -> float:
    """f_1 f_5/f_3^2 of f_T(r) = sum_k f_k r^k, which no scaling of f or of r changes.

    f_k = (E phi(z) He_k(z))^2/k! at T = 1.
    """
    z, weights = normal_nodes()
    weighted = weights * neuron_mean(compose("lrt", noise=noise).neurons)(z)
    f_1, f_3, f_5 = (float(weighted @ hermeval(z, np.eye(6)[k])) ** 2 / factorial(k) for k in (1, 3, 5))
    return f_1 * f_5 / f_3**2


def _series_of_arcsine() -> float:
    """The same of asin(r), the f_T of sign neurons."""
    series = sp.asin(overlap).series(overlap, 0, 6).removeO()
    f_1, f_3, f_5 = (series.coeff(overlap, k) for k in (1, 3, 5))
    return float(f_1 * f_5 / f_3**2)


def _scales_to_a_sign(noises: tuple[str, ...]) -> Evidence:
    of_sign, found = _series_of_arcsine(), {noise: _series_ratio(noise) for noise in noises}
    holds = all(abs(value / of_sign - 1) <= SAME for value in found.values())
    return Evidence("quadrature", f"{OF_SERIES}: as for sign neurons", {"sign": of_sign, **found}, holds)


def _scales_to_no_sign(noises: tuple[str, ...]) -> Evidence:
    of_sign, found = _series_of_arcsine(), {noise: _series_ratio(noise) for noise in noises}
    holds = all(abs(value / of_sign - 1) > SAME for value in found.values())
    return Evidence("quadrature", f"{OF_SERIES}: another than for sign neurons", {"sign": of_sign, **found}, holds)


NEURON_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.paper-neuron",
        printed("eqs. 3, 5", 2),
        "Integrated over its Gaussian field, a sign neuron turns into phi(kappa hbar/sqrt(Sigma)) and a stochastic "
        "one into phi(kappa hbar/sqrt(1 + Sigma)), kappa a constant that the integration gives.",
        (either(_keeps_its_shape, OTHER_NOISES, GAUSSIAN_NOISE),),
        "Exact for sign neurons and for Gaussian noise, with phi = erf and kappa = 1/sqrt(2) (noise of scale alpha: "
        "alpha^2 + Sigma). With logistic, uniform, Laplace or Cauchy noise the mean changes its shape with Sigma, so "
        "that one phi is an approximation, and its gain kappa a choice.",
        (formula(_gaussian_neurons), either(_changes_shape, OTHER_NOISES, GAUSSIAN_NOISE)),
    ),
    Claim(
        "eq.lrt-field",
        printed("eq. 6", 2),
        "LRT samples the field as h = hbar + eps Sigma^(-1/2), eps ~ N(0, 1).",
        (either(_sampled_field, PRINTED, MEANT), either(_enumerated_field, PRINTED, MEANT)),
        "The power is +1/2, as eq. 20 has it: h then has the variance Sigma around hbar, and q = 1 + sigma_b2.",
        (either(_sampled_field, MEANT, PRINTED), either(_enumerated_field, MEANT, PRINTED)),
    ),
    Claim(
        "eq.noise-rescaling",
        printed("section 2.1.1 and appendix B", 3),
        "Networks of stochastic neurons propagate as those of sign neurons do, up to a scaling of the variances.",
        (either(_scales_to_a_sign, OTHER_NOISES, GAUSSIAN_NOISE),),
        "So it is for Gaussian noise of scale alpha, with (sigma_m2, sigma_b2)/(1 + alpha^2), which takes (1, 0) out "
        "of reach. Logistic, uniform, Laplace and Cauchy noise have no such scaling.",
        (
            formula(_rescaled),
            formula(_same_depth_scale),
            either(_out_of_reach, ALPHA, sp.S.Zero),
            either(_scales_to_no_sign, OTHER_NOISES, GAUSSIAN_NOISE),
        ),
    ),
)
