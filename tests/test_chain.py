"""The exact chain against brute force, its symmetries, and the central limit theorem with its rates."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special

from meanbits.numerics.chain.enumeration import (
    field_moments,
    first_layer,
    initial,
    propagate,
    state_means,
    states,
    transition,
)
from meanbits.numerics.chain.field_law import (
    FloatArray,
    Layer,
    WeightKind,
    field_law,
    lattice_law,
    marginal,
    real_field_law,
)

KINDS: tuple[WeightKind, ...] = ("binary", "ternary", "fixed")
Phi = Callable[[FloatArray], FloatArray]
EXACT = 1e-14  # a few dozen roundings of numbers below 1


def gaussian(h: FloatArray) -> FloatArray:
    return special.erf(h / np.sqrt(2))


def logistic(h: FloatArray) -> FloatArray:
    return np.tanh(h / 2)


def laplace(h: FloatArray) -> FloatArray:
    return np.sign(h) * -np.expm1(-np.abs(h))


def a_layer(kind: WeightKind, n_out: int, n_in: int, phi: Phi = np.tanh, bias: float = 0.4, seed: int = 0) -> Layer:
    rng = np.random.default_rng(seed)
    means = rng.uniform(-0.9, 0.9, (n_out, n_in))
    rho = np.abs(means) + rng.uniform(0, 1, means.shape) * (1 - np.abs(means)) if kind == "ternary" else None
    return Layer(means, bias * rng.normal(size=n_out), phi, kind, rho)


def weight_outcomes(layer: Layer, i: int, j: int) -> list[tuple[float, float]]:
    """(value, probability) of one weight, written out from the definition in the theory sheet."""
    mean, second = float(layer.means[i, j]), float(layer.second_moments[i, j])
    if layer.weights == "fixed":
        return [(mean, 1.0)]
    if layer.weights == "binary":
        return [(-1.0, (1 - mean) / 2), (1.0, (1 + mean) / 2)]
    return [(-1.0, (second - mean) / 2), (0.0, 1 - second), (1.0, (second + mean) / 2)]


def brute_force_transition(layer: Layer) -> FloatArray:
    """P(x'|x) summed over every matrix S and every pair of states, nothing factorised."""
    n_out, n_in = layer.means.shape
    cells = [weight_outcomes(layer, i, j) for i in range(n_out) for j in range(n_in)]
    matrix = np.zeros((2**n_in, 2**n_out))
    inputs = [[1.0 if index >> j & 1 else -1.0 for j in range(n_in)] for index in range(2**n_in)]
    outputs = np.array([[1.0 if index >> i & 1 else -1.0 for i in range(n_out)] for index in range(2**n_out)])
    for outcome in itertools.product(*cells):
        weights = np.array([value for value, _ in outcome]).reshape(n_out, n_in)
        probability = math.prod(p for _, p in outcome)
        for row, x in enumerate(inputs):
            field = weights @ np.array(x) / math.sqrt(n_in) + layer.bias
            matrix[row] += probability * np.prod((1 + outputs * layer.mean_given_field(field)) / 2, axis=1)
    return matrix


# ---- enumeration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phi", [np.tanh, np.sign, laplace])
def test_transition_equals_brute_force(kind: WeightKind, phi: Phi) -> None:
    layer = a_layer(kind, 2, 3, phi)  # up to 3^6 weight matrices
    brute = brute_force_transition(layer)
    p = np.random.default_rng(1).dirichlet(np.ones(8))
    np.testing.assert_allclose(transition(layer), brute, rtol=0, atol=EXACT)
    np.testing.assert_allclose(propagate(p, layer), p @ brute, rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["binary", "fixed"])
def test_transition_equals_brute_force_three_to_three(kind: WeightKind) -> None:
    layer = a_layer(kind, 3, 3)
    np.testing.assert_allclose(transition(layer), brute_force_transition(layer), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (1, 5), (5, 1), (6, 7), (12, 12)])
def test_probabilities_sum_to_one(kind: WeightKind, n_in: int, n_out: int) -> None:
    p = initial(np.random.default_rng(2).uniform(-1, 1, n_in))
    q = propagate(p, a_layer(kind, n_out, n_in))
    assert p.shape == (2**n_in,)
    assert q.shape == (2**n_out,)
    assert p.min() >= 0
    assert q.min() >= 0
    assert abs(p.sum() - 1) < EXACT
    assert abs(q.sum() - 1) < EXACT


def test_probabilities_sum_to_one_after_thirty_layers() -> None:
    p = initial(np.array([0.3, -0.8, 1.0, 0.0]))
    for seed in range(30):
        p = propagate(p, a_layer("binary", 4, 4, np.sign, seed=seed))
    assert abs(p.sum() - 1) < EXACT


def test_states_order_and_product_measure() -> None:
    assert states(2).tolist() == [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    for index, x in enumerate(states(3)):
        assert initial(x).tolist() == np.eye(8)[index].tolist()
    means = np.array([0.5, -0.25, 0.75])
    np.testing.assert_allclose(state_means(initial(means)), means, rtol=0, atol=EXACT)
    np.testing.assert_allclose(initial(means), np.prod((1 + states(3) * means) / 2, axis=1), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_marginal_is_the_mean_of_the_propagated_state(kind: WeightKind) -> None:
    """Two routes: one lattice law with term means M_j m_j, against the sum over all input states."""
    layer, means = a_layer(kind, 5, 6), np.random.default_rng(3).uniform(-1, 1, 6)
    by_law = [marginal(layer, i, means) for i in range(5)]
    np.testing.assert_allclose(by_law, state_means(propagate(initial(means), layer)), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_real_inputs_agree_with_binary_inputs_on_states(kind: WeightKind) -> None:
    layer, x = a_layer(kind, 3, 5), np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    np.testing.assert_allclose(first_layer(layer, x), propagate(initial(x), layer), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_real_field_law_moments(kind: WeightKind) -> None:
    """m = x, r = x^2 in the field moments: the first-layer option of theory sheet, section 2."""
    layer, x = a_layer(kind, 1, 9), np.random.default_rng(4).normal(size=9)
    law = real_field_law(layer, 0, x)
    mean = layer.means[0] @ x / 3 + layer.bias[0]
    variance = ((layer.second_moments - layer.means**2)[0] @ x**2) / 9
    assert abs(law.probabilities.sum() - 1) < EXACT
    assert law.mean == pytest.approx(mean, abs=EXACT)
    assert law.variance == pytest.approx(variance, abs=EXACT)


def test_means_of_plus_minus_one_are_fixed_weights() -> None:
    signs = np.sign(np.random.default_rng(5).normal(size=(4, 5)))
    binary, fixed = (Layer(signs, np.zeros(4), np.tanh, kind) for kind in ("binary", "fixed"))
    assert field_law(binary, 0, np.ones(5)).points.size == 1
    np.testing.assert_allclose(transition(binary), transition(fixed), rtol=0, atol=EXACT)


def test_ternary_at_full_activity_is_binary() -> None:
    layer = a_layer("binary", 3, 4)
    ternary = Layer(layer.means, layer.bias, np.tanh, "ternary", 1.0)
    assert (transition(ternary) == transition(layer)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phi", [np.tanh, np.sign])
def test_zero_bias_chain_is_odd(kind: WeightKind, phi: Phi) -> None:
    """Theorem: with b = 0 and phi odd, x -> -x commutes with the chain; p[::-1] is the law of -x."""
    layer, p = a_layer(kind, 4, 5, phi, bias=0), np.random.default_rng(6).dirichlet(np.ones(32))
    np.testing.assert_allclose(propagate(p[::-1], layer), propagate(p, layer)[::-1], rtol=0, atol=EXACT)


def test_twelve_to_twelve_is_fast() -> None:
    layer, p = a_layer("ternary", 12, 12), initial(np.zeros(12))
    start = time.process_time()
    propagate(p, layer)
    assert time.process_time() - start < 3  # 0.2 s of CPU; a loop over pairs of states takes minutes


# ---- field mean and variance -----------------------------------------------------------------------------------------


def variance_formula(layer: Layer, means: FloatArray, keep_mean_square: bool = True) -> FloatArray:
    """(1/N) sum_j (R_j r_j - M_j^2 m_j^2) with r = 1; keep_mean_square=False is the wrong formula without M^2 m^2."""
    subtracted = (layer.means * means) ** 2 if keep_mean_square else np.zeros_like(layer.means)
    return (layer.second_moments - subtracted).mean(axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_field_moments_of_a_product_measure(kind: WeightKind) -> None:
    layer, means = a_layer(kind, 7, 8), np.random.default_rng(7).uniform(-1, 1, 8)
    mean, variance = field_moments(initial(means), layer)
    np.testing.assert_allclose(mean, layer.means @ means / np.sqrt(8) + layer.bias, rtol=0, atol=EXACT)
    np.testing.assert_allclose(variance, variance_formula(layer, means), rtol=0, atol=EXACT)
    laws = [field_law(layer, i, means) for i in range(7)]
    np.testing.assert_allclose([law.mean for law in laws], mean, rtol=0, atol=EXACT)
    np.testing.assert_allclose([law.variance for law in laws], variance, rtol=0, atol=EXACT)
    assert np.abs(variance - variance_formula(layer, means, keep_mean_square=False)).min() > 0.005  # wrong: seen


@pytest.mark.parametrize("kind", KINDS)
def test_field_moments_of_a_correlated_law(kind: WeightKind) -> None:
    """Var h = E Var(h|x) + Var E(h|x) = (1/N) [sum_j (R_j - M_j^2) + M Cov(x) M^T] for binary inputs."""
    layer = a_layer(kind, 3, 4)
    p = propagate(initial(np.array([0.2, -0.6, 0.9])), a_layer("binary", 4, 3, seed=9))
    mean, variance = field_moments(p, layer)
    x, m = states(4), state_means(p)
    covariance = (x - m).T @ (p[:, None] * (x - m))
    expected = (layer.second_moments - layer.means**2).mean(axis=1)
    expected += np.einsum("ij,jk,ik->i", layer.means, covariance, layer.means) / 4
    np.testing.assert_allclose(mean, layer.means @ m / 2 + layer.bias, rtol=0, atol=EXACT)
    np.testing.assert_allclose(variance, expected, rtol=0, atol=EXACT)
    assert np.abs(variance - variance_formula(layer, m)).max() > 1e-4  # the factorised formula drops correlations


@pytest.mark.parametrize("n", [1, 12, 4096])
def test_lattice_law_of_equal_terms_is_binomial(n: int) -> None:
    law = lattice_law(np.full(n, 0.3), 1.0)
    k = np.arange(n + 1)
    log_binomial = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    expected = np.exp(log_binomial + k * np.log(0.65) + (n - k) * np.log(0.35))
    assert not law[1::2].any()
    assert abs(law.sum() - 1) < n * np.finfo(float).eps + EXACT
    np.testing.assert_allclose(law[::2], expected, rtol=0, atol=1e-15 * n + EXACT)  # gammaln loses eps * N log N


# ---- central limit theorem -------------------------------------------------------------------------------------------
#
# Terms M_j x_j = +-s: Sigma = 1 - s^2, and a term has third and fourth cumulants -2 M x Sigma, -2 Sigma (1 - 3 s^2).
# Edgeworth, with k3, k4 the mean cumulants of the terms and E phi^(k) = E phi(h) He_k(z) / Sigma^(k/2):
#     exact - gaussian = k3 / (6 sqrt N) E phi''' + k4 / (24 N) E phi'''' + ...
# The field lives on a lattice of step 2/sqrt N: a phi with a jump in its k-th derivative adds a term (Euler-Maclaurin)
# of order N^-(k+1)/2, a sawtooth in the position of the jump: k = 0 for sign, 2 for Laplace, none if phi is smooth.

SIZES = np.array([64, 128, 256, 512])
FIELD_MEAN = 0.3
NOISES: tuple[tuple[Phi, tuple[float, float, float]], ...] = (  # jumps of phi, phi', phi'' at h = 0
    (gaussian, (0, 0, 0)),
    (logistic, (0, 0, 0)),
    (laplace, (0, 0, -2)),
)
STRENGTHS = (0.3, 0.8)  # away from s = 1/sqrt(3), where k4 = 0 and the rate is faster


def hermite_mean(phi: Phi, variance: float, order: int = 0, mean: float = FIELD_MEAN) -> float:
    """E phi(h) He_order(z) / Sigma^(order/2), h = mean + sqrt(Sigma) z, by adaptive quadrature split at the kink."""

    def integrand(z: float) -> float:
        weight = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * special.eval_hermitenorm(order, z)
        return float(phi(np.array(mean + math.sqrt(variance) * z))) * weight

    kink = -mean / math.sqrt(variance)
    pieces: Any = [integrate.quad(integrand, a, b, epsabs=1e-14, epsrel=1e-13)[0] for a, b in ((-9, kink), (kink, 9))]
    return sum(pieces) / variance ** (order / 2)


def balanced(n: int, strength: float, phi: Phi) -> Layer:
    """M_j = +-s in turn, all inputs +1: skewness cancels, mean field 0.3 from the bias."""
    return Layer(np.where(np.arange(n) % 2, -strength, strength)[None], np.array([FIELD_MEAN]), phi)


def one_sided(n: int, strength: float, phi: Phi) -> Layer:
    """M_j = s, all inputs +1: skewness adds up, the bias takes the mean field back to 0.3."""
    return Layer(np.full((1, n), strength), np.array([FIELD_MEAN - strength * math.sqrt(n)]), phi)


def clt_errors(build: Callable[[int, float, Phi], Layer], strength: float, phi: Phi, variance: float) -> FloatArray:
    reference = hermite_mean(phi, variance)
    return np.array([marginal(build(n, strength, phi), 0, np.ones(n)) - reference for n in SIZES])


def observed_order(errors: FloatArray) -> float:
    return float(np.polyfit(np.log(SIZES), np.log(np.abs(errors)), 1)[0])


def lattice_term(jumps: tuple[float, float, float], variance: float) -> FloatArray:
    """Euler-Maclaurin: - sum_m B_m(t) step^m / m! [jump of (phi rho)^(m-1)], t = place of the jump in its cell."""
    rho = math.exp(-(FIELD_MEAN**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    slope, curve = rho * FIELD_MEAN / variance, rho * (FIELD_MEAN**2 / variance - 1) / variance
    j0, j1, j2 = jumps
    products = (j0 * rho, j1 * rho + j0 * slope, j2 * rho + 2 * j1 * slope + j0 * curve)
    step = 2 / np.sqrt(SIZES)
    t = FIELD_MEAN / step % 1  # first lattice point above 0, in steps: the points are 0.3 + k step for even N
    bernoulli = (t - 1 / 2, t**2 - t + 1 / 6, t**3 - 1.5 * t**2 + t / 2)
    total = np.zeros(SIZES.size)
    for m in range(3):
        total -= bernoulli[m] * step ** (m + 1) / math.factorial(m + 1) * products[m]
    return total


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(("phi", "jumps"), NOISES)
def test_error_falls_as_one_over_n_without_skewness(
    phi: Phi, jumps: tuple[float, float, float], strength: float
) -> None:
    variance = 1 - strength**2
    errors = clt_errors(balanced, strength, phi, variance) - lattice_term(jumps, variance)
    assert observed_order(errors) == pytest.approx(-1, abs=0.03)
    coefficient = -2 * variance * (1 - 3 * strength**2) / 24 * hermite_mean(phi, variance, 4)
    assert errors[-1] * SIZES[-1] == pytest.approx(coefficient, rel=10 / SIZES[-1])  # next term is O(1/N) relative


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(("phi", "jumps"), NOISES)
def test_error_falls_as_one_over_root_n_with_skewness(
    phi: Phi, jumps: tuple[float, float, float], strength: float
) -> None:
    variance = 1 - strength**2
    errors = clt_errors(one_sided, strength, phi, variance)
    assert observed_order(errors) == pytest.approx(-0.5, abs=0.03)
    coefficient = -2 * strength * variance / 6 * hermite_mean(phi, variance, 3)
    assert errors[-1] * math.sqrt(SIZES[-1]) == pytest.approx(coefficient, rel=1 / math.sqrt(SIZES[-1]))


def test_rate_is_faster_where_the_fourth_cumulant_vanishes() -> None:
    strength = 1 / math.sqrt(3)
    assert observed_order(clt_errors(balanced, strength, gaussian, 2 / 3)) == pytest.approx(-2, abs=0.03)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_sign_neuron_keeps_a_sawtooth_without_skewness(strength: float) -> None:
    """phi jumps, so the lattice itself leaves an N^-1/2 error; Euler-Maclaurin and Edgeworth explain it to N^-3/2."""
    variance = 1 - strength**2
    errors = clt_errors(balanced, strength, np.sign, variance)
    edgeworth = -2 * variance * (1 - 3 * strength**2) / (24 * SIZES) * hermite_mean(np.sign, variance, 4)
    remainder = errors - lattice_term((2, 0, 0), variance) - edgeworth
    assert np.max(np.abs(errors) * SIZES) > 1  # not O(1/N)
    assert np.max(np.abs(remainder) * SIZES**1.5) < 1


@pytest.mark.parametrize("build", [balanced, one_sided])
@pytest.mark.parametrize("phi", [gaussian, logistic, laplace])
def test_a_wrong_variance_is_seen(build: Callable[[int, float, Phi], Layer], phi: Phi) -> None:
    """Without the M^2 m^2 term (Sigma = R r = 1) the error does not fall with N at all."""
    errors = clt_errors(build, 0.8, phi, 1.0)
    assert abs(observed_order(errors)) < 0.2
    assert np.abs(errors).min() > 0.01


def test_reference_quadrature_against_its_closed_form() -> None:
    assert hermite_mean(gaussian, 0.64) == pytest.approx(math.erf(0.3 / math.sqrt(2 * 1.64)), abs=1e-13)
    assert hermite_mean(np.sign, 0.64) == pytest.approx(math.erf(0.3 / math.sqrt(2 * 0.64)), abs=1e-13)


# ---- errors ----------------------------------------------------------------------------------------------------------

ZERO = np.zeros(2)
EYE = np.eye(2)
WIDE = Layer(np.full((2, 13), 0.5), ZERO, np.tanh)
SMALL = Layer(EYE, ZERO, np.tanh)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Layer(1.5 * EYE, ZERO, np.tanh), r"means holds 1\.5.*weights='fixed'"),
        (lambda: Layer(np.nan * EYE, ZERO, np.tanh), "means holds nan"),
        (lambda: Layer(np.zeros(2), ZERO, np.tanh), r"\(2,\).*N_out, N_in"),
        (lambda: Layer(EYE, np.zeros(3), np.tanh), r"bias \(3,\)"),
        (lambda: Layer(EYE, ZERO, np.tanh, "quaternary"), "quaternary.*choose"),  # pyright: ignore
        (lambda: Layer(EYE, ZERO, np.tanh, "ternary"), "rho is None for ternary"),
        (lambda: Layer(EYE, ZERO, np.tanh, "binary", 0.5), "rho is 0.5 for binary"),
        (lambda: Layer(0.6 * EYE, ZERO, np.tanh, "ternary", 0.5), r"rho holds 0\.5 at mean 0\.6"),
        (lambda: Layer(0.6 * EYE, ZERO, np.tanh, "ternary", 1.5), r"rho holds 1\.5"),
        (lambda: Layer(0.6 * EYE, ZERO, np.tanh, "ternary", np.ones(3)), r"rho has shape \(3,\)"),
        (lambda: initial(np.zeros(13)), "13 neurons"),
        (lambda: initial([0.5, 1.2]), r"holds 1\.2.*first_layer"),
        (lambda: initial(np.zeros((2, 2))), "give a vector"),
        (lambda: states(13), "13 neurons"),
        (lambda: transition(WIDE), "N_in: 13 neurons"),
        (lambda: propagate(np.ones(2**13) / 2**13, WIDE), "13 neurons"),
        (lambda: propagate(np.ones(2) / 2, SMALL), r"shape \(2,\).*\(4,\)"),
        (lambda: propagate([0.5, 0.5, 0.5, 0.0], SMALL), r"sum 1\.5"),
        (lambda: state_means(np.ones(3) / 3), r"shape \(3,\)"),
        (lambda: field_law(SMALL, 0, np.zeros(3)), r"shape \(3,\)"),
        (lambda: field_law(SMALL, 0, [2.0, 0.0]), r"holds 2\.0.*real_field_law"),
        (lambda: real_field_law(WIDE, 0, np.full(13, np.inf)), "inf"),
        (lambda: real_field_law(Layer(np.zeros((1, 20)), np.zeros(1), np.tanh), 0, np.ones(20)), r"1\.05e\+06 points"),
        (lambda: propagate(initial(ZERO), Layer(EYE, ZERO, lambda h: 2 * h)), "mean_given_field holds"),
        (lambda: propagate(initial(ZERO), Layer(EYE, ZERO, lambda h: h[0])), "entry by entry"),
    ],
)
def test_errors_name_the_value_and_the_remedy(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_one_wide_neuron_needs_no_states() -> None:
    assert marginal(WIDE, 0, np.zeros(13)) == pytest.approx(0, abs=EXACT)
