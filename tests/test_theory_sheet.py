"""The derived equations against the theory sheet (sections 2 to 4), by SymPy: differences simplify to 0."""

from __future__ import annotations

from itertools import product

import pytest
import sympy as sp

from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import Neurons, continuous, stochastic
from meanbits.theory.declarations.noise import LOGISTIC, NOISES, NeuronNoise
from meanbits.theory.declarations.surrogates import (
    CATALOGUE,
    MARGINALISE,
    NETWORK,
    NONE,
    SAMPLE,
    Surrogate,
    Treatment,
    paper_form,
)
from meanbits.theory.declarations.weights import BINARY, FIXED, Weights, ternary
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.symbols import (
    MEANING,
    A,
    B,
    C,
    D,
    M,
    N,
    Q,
    Q_ab,
    S,
    Sigma,
    T,
    b,
    c,
    h,
    hbar,
    i,
    k,
    m,
    overlap,
    q,
    rho,
    sigma_b2,
    sigma_m2,
    u,
    x,
)  # fmt: skip

PHI = sp.Function("phi", real=True)(h)
GAIN = sp.Symbol("kappa", positive=True)
ALPHA = sp.Symbol("alpha", positive=True)
PHIS = {"any phi": PHI, "tanh": sp.tanh(h), "erf": sp.erf(h / sp.sqrt(2))}


def build(weights: Weights, neurons: Neurons, treatment: Treatment, **options: object) -> Theory:
    return derive(Surrogate("under test", weights, neurons, treatment, "", **options))


def of(name: str) -> Theory:
    return derive(next(row for row in CATALOGUE if row.name == name))


def equal(first: sp.Expr, second: sp.Expr) -> bool:
    return sp.simplify(evaluate_all(first) - evaluate_all(second)) == 0


def moment(f: sp.Expr, variance: sp.Expr) -> sp.Expr:
    return expectation(f.subs(h, u), 0, variance)


def pair(f: sp.Expr, variance: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    return pair_expectation(f.subs(h, u), f.subs(h, u), variance, variance * correlation)


@pytest.mark.parametrize(("weights", "rho_value"), [(BINARY, sp.S.One), (ternary(), rho), (FIXED, sigma_m2)])
def test_fields_of_the_general_recursion(weights: Weights, rho_value: sp.Expr) -> None:
    neurons = continuous("phi", PHI) if weights.is_random else stochastic(LOGISTIC)
    mean_field = build(weights, neurons, MARGINALISE).mean_field
    second_moment = B if weights.is_random else sp.S.One
    assert equal(mean_field.quenched, sigma_m2 * A + sigma_b2)
    assert equal(mean_field.annealed, rho_value * second_moment - sigma_m2 * A)
    assert equal(mean_field.covariance, sigma_m2 * C + sigma_b2)
    assert equal(mean_field.total, rho_value * second_moment + sigma_b2)


@pytest.mark.parametrize("treatment", [MARGINALISE, SAMPLE, NETWORK], ids=lambda treatment: treatment.name)
@pytest.mark.parametrize("weights", [BINARY, ternary()], ids=lambda weights: weights.name)
def test_replica_form_holds_for_any_continuous_neuron(weights: Weights, treatment: Treatment) -> None:
    density = sp.S.One if weights is BINARY else rho
    maps = build(weights, continuous("phi", PHI), treatment).maps
    total = density * moment(PHI**2, T) + sigma_b2
    assert equal(maps.total_map.closed, total)
    assert equal(maps.replica_map.closed, (sigma_m2 * pair(PHI, T, overlap) + sigma_b2) / total)


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)
@pytest.mark.parametrize("treatment", [MARGINALISE, SAMPLE, NETWORK], ids=lambda treatment: treatment.name)
def test_replica_form_is_one_map_for_all_exact_treatments(noise: NeuronNoise, treatment: Treatment) -> None:
    neurons = stochastic(noise, sp.Rational(1, 2))
    maps = build(BINARY, neurons, treatment).maps
    expected = (sigma_m2 * pair(neurons.mean, T, overlap) + sigma_b2) / (1 + sigma_b2)
    assert maps.total_map.closed == 1 + sigma_b2
    assert equal(maps.replica_map.closed, expected)


@pytest.mark.parametrize("name", ["deterministic", "soudry", "moment-matching"])
def test_marginalised_q_and_c_are_ratios_of_replica_overlaps(name: str) -> None:
    maps = of(name).maps
    r_aa, r_ab = q / (1 + q), c * q / (1 + q)
    g = maps.replica_map.closed
    assert equal(maps.variance_map.closed, g.subs(overlap, r_aa) / (1 - g.subs(overlap, r_aa)))
    assert equal(maps.correlation_map.closed, g.subs(overlap, r_ab) / g.subs(overlap, r_aa))


@pytest.mark.parametrize("phi", PHIS.values(), ids=PHIS)
def test_paper_form(phi: sp.Expr) -> None:
    maps = build(BINARY, compose("deterministic").neurons, MARGINALISE, form=paper_form(phi, GAIN)).maps
    gained = phi.subs(h, GAIN * h)
    mean_square, overlap_ab = moment(gained**2, q), pair(gained, q, c)
    q_next = (sigma_m2 * mean_square + sigma_b2) / (1 - sigma_m2 * mean_square)
    c_next = (1 + q_next) / q_next * (sigma_m2 * overlap_ab + sigma_b2) / (1 + sigma_b2)
    slopes = pair(gained.diff(h), q, c)
    chi = (1 + q_next) / q_next * q * sigma_m2 * slopes / (1 + sigma_b2)
    assert equal(maps.variance_map.closed, q_next)
    assert equal(maps.correlation_map.closed, c_next)
    assert equal(maps.chi.closed, chi)


@pytest.mark.parametrize("phi", list(PHIS.values())[1:], ids=list(PHIS)[1:])
def test_paper_form_critical_curve(phi: sp.Expr) -> None:
    theory = build(BINARY, compose("deterministic").neurons, MARGINALISE, form=paper_form(phi))
    square, slope_square = moment(phi**2, q).doit(), moment(phi.diff(h) ** 2, q).doit()
    s = square / slope_square
    curve_m, curve_b = theory.critical_curve
    assert equal(curve_m, 1 / (slope_square + square))
    assert equal(curve_b, (q - s) / (1 + s))


def test_critical_curve_of_the_exact_sign_neuron_solves_its_conditions() -> None:
    theory = of("deterministic")
    solution = dict(zip((sigma_m2, sigma_b2), theory.critical_curve, strict=True))
    total = theory.total_map.subs(solution)
    assert sp.simplify(theory.criticality.fixed_point.subs(solution)) == 0
    assert sp.simplify(theory.criticality.marginal.subs(T, total).subs(solution)) == 0
    assert theory.critical_curve[0].limit(q, 0) == sp.pi / 2


def test_lrt_with_binary_neurons() -> None:
    maps, phi = of("lrt").maps, sp.tanh(h / 2)
    assert equal(maps.variance_map.closed, 1 + sigma_b2)
    assert equal(maps.correlation_map.closed, (sigma_m2 * pair(phi, q, c) + sigma_b2) / (1 + sigma_b2))


def test_lrt_with_continuous_neurons() -> None:
    maps, phi = of("shayer").maps, sp.tanh(h)
    q_next = moment(phi**2, q) + sigma_b2
    assert equal(maps.variance_map.closed, q_next)
    assert equal(maps.correlation_map.closed, (sigma_m2 * pair(phi, q, c) + sigma_b2) / q_next)


def test_random_binary_has_an_infinite_slope_at_equal_inputs() -> None:
    maps = of("random-binary").maps
    assert equal(maps.correlation_map.closed, (2 / sp.pi * sp.asin(c) + sigma_b2) / (1 + sigma_b2))
    assert maps.chi.closed.limit(c, 1, "-") == sp.oo


def test_stochastic_binary_follows_lrt() -> None:
    network, lrt = of("stochastic-binary").maps, of("lrt").maps
    assert network.correlation_map.closed == lrt.correlation_map.closed
    assert network.replica_map.closed == lrt.replica_map.closed


def test_continuous_networks_have_the_maps_of_poole_et_al() -> None:
    maps = build(FIXED, continuous("phi", PHI), NONE).maps
    q_next = sigma_m2 * moment(PHI**2, q) + sigma_b2
    assert equal(maps.variance_map.closed, q_next)
    assert equal(maps.correlation_map.closed, (sigma_m2 * pair(PHI, q, c) + sigma_b2) / q_next)
    assert equal(maps.chi.closed, q * sigma_m2 * pair(PHI.diff(h), q, c) / q_next)


def test_exact_marginals() -> None:
    assert equal(of("deterministic").forward.mean.closed, sp.erf(hbar / sp.sqrt(2 * Sigma)))
    gaussian = build(BINARY, stochastic(NOISES[0], ALPHA), MARGINALISE)
    assert equal(gaussian.forward.mean.closed, sp.erf(hbar / sp.sqrt(2 * (Sigma + ALPHA**2))))


def test_matched_tanh() -> None:
    neurons = stochastic(LOGISTIC, ALPHA)
    theory = build(BINARY, neurons, MARGINALISE, form=compose(noise="logistic", form="matched").form)
    expected = sp.tanh(hbar / (2 * ALPHA) / sp.sqrt(1 + sp.pi * Sigma / (8 * ALPHA**2)))
    assert equal(theory.forward.mean.closed, expected)


def test_variance_slope_at_the_fixed_point() -> None:
    """dq'/dq = (1+q)^2/(1+sigma_b2) sigma_m2 d E phi^2/dq for a marginalised binary surrogate."""
    maps = build(BINARY, compose("deterministic").neurons, MARGINALISE, form=paper_form(sp.tanh(h))).maps
    square = moment(sp.tanh(h) ** 2, q)
    q_next = maps.variance_map.closed
    assert equal(maps.variance_slope.closed, (1 + q_next) ** 2 / (1 + sigma_b2) * sigma_m2 * square.diff(q))


@pytest.mark.parametrize("name", ["continuous", "deterministic", "soudry", "lrt", "shayer", "moment-matching"])
def test_mean_squared_singular_value_is_chi_1_at_the_fixed_point(name: str) -> None:
    """For every treatment whose c = 1 is a fixed point the leading term is chi_1; for LRT it is the backward scale."""
    theory = of(name)
    slope = theory.criticality.marginal + 1
    assert equal(theory.jacobian.leading.closed, slope)


def test_sigma_derivative_of_the_jacobian() -> None:
    """mu_4 (2 + q) E psi^2 psi'^2 / D, psi the marginal mean: worked out by hand from one element of the Jacobian."""
    theory = of("deterministic")
    mu_4 = sp.Symbol("mu_4", nonnegative=True)
    psi = sp.erf(u / sp.sqrt(2 * D))
    spread = expectation(psi**2 * psi.diff(u) ** 2, 0, Q).doit().subs({Q: T * q / (1 + q), D: T / (1 + q)})
    assert equal(theory.jacobian.sigma_derivative.closed, mu_4 * (2 + q) * spread * (1 + q) / T)


def test_dropped_covariance_and_field_variance() -> None:
    field = build(BINARY, continuous("phi", PHI), MARGINALISE).field
    assert str(field.variance) == "Sum(-M[i, j]**2*m[j]**2 + r[j], (j, 1, N))/N"
    assert str(field.dropped_covariance) == "Sum((-m[j]**2 + r[j])*M[i, j]*M[k, j], (j, 1, N))/N"


def test_mean_field_names_the_general_arguments() -> None:
    mean_field = of("deterministic").mean_field
    assert mean_field.overlap.closed.free_symbols == {Q, D, Q_ab}


def test_what_cannot_fall_below_0_is_a_symbol_that_does_not() -> None:
    """By what symbols mean: squares, variances and distances, beside what has either sign."""
    signless = ("variance ", "mean square", "second moment", "fourth moment", "total", "quenched field variance",
                "annealed", "1 - c", "Q/D")  # fmt: skip
    for symbol, meaning in MEANING.items():
        assert symbol.is_nonnegative is (True if meaning.startswith(signless) else None), symbol
        assert symbol.is_real


def test_the_field_of_two_synapses() -> None:
    (step,) = (each for each in of("deterministic").trace if each.name == "field")
    expected = b[i] + (S[i, 1] * x[1] + S[i, 2] * x[2]) / sp.sqrt(2)
    assert sp.expand(step.after.subs(N, 2).doit() - expected) == 0


def test_field_moments_are_those_of_all_states_of_two_synapses() -> None:
    """Of h_i = sum_j S_ij x_j / sqrt(2) + b_i with weights and states +-1 of means M and m: each of the 64 cases."""
    found = of("deterministic").forward.moments
    means = [sp.Rational(1, 3), sp.Rational(-1, 4), sp.Rational(1, 5), sp.Rational(-1, 2)]  # M_i1, M_i2, m_1, m_2
    other = [sp.Rational(2, 3), sp.Rational(1, 7)]  # M_k1, M_k2
    field, both, second = sp.S.Zero, sp.S.Zero, sp.S.Zero
    for states in product((1, -1), repeat=6):
        chance = sp.prod((1 + mean * state) / 2 for mean, state in zip([*means, *other], states, strict=True))
        first_field, other_field = ((states[a] * states[2] + states[a + 1] * states[3]) / sp.sqrt(2) for a in (0, 4))
        field += chance * (first_field + 5)
        second += chance * first_field**2
        both += chance * first_field * other_field
    numbers = {M[i, 1]: means[0], M[i, 2]: means[1], m[1]: means[2], m[2]: means[3], b[i]: 5,
               M[k, 1]: other[0], M[k, 2]: other[1]}  # fmt: skip
    mean, variance, dropped = (each.subs(N, 2).doit().subs(numbers)
                               for each in (found.mean, found.variance, found.dropped_covariance))  # fmt: skip
    assert sp.simplify(mean - field) == 0
    assert sp.simplify(variance - (second - (field - 5) ** 2)) == 0
    other_mean = (other[0] * means[2] + other[1] * means[3]) / sp.sqrt(2)
    assert sp.simplify(dropped - (both - (field - 5) * other_mean)) == 0
