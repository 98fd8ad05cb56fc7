"""Distance of surrogates from the stochastic network: theorems on divergences, and sampling against enumeration."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import special

from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.experiments.chain.companions import companions
from meanbits.experiments.chain.distance import averaged, chain_laws, exact_distance, surrogate_laws
from meanbits.experiments.chain.divergence import divergence, jackknife, total_correlation
from meanbits.experiments.chain.networks import ChainSetting, FloatArray, StochasticNetwork, random_network
from meanbits.experiments.chain.sampled import network_runs, sampled_distance, surrogate_runs
from meanbits.experiments.chain.stochastic_layers import StochasticLayer
from meanbits.experiments.chain.surrogate_law import SurrogateLaw
from meanbits.experiments.figures.chain_distance import measure
from meanbits.numerics.chain.enumeration import state_means, states, transition
from meanbits.paper_figures.chain_distance import caption, draw
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import NETWORK, Surrogate

ROUNDING = 1e-12  # sums of 2^8 cancelling terms
SIGN, LOGISTIC = companions(compose("deterministic")), companions(compose("lrt"))
TERNARY = companions(compose("lrt", weights="ternary:0.8", noise="gaussian:0.5"))
COMPARED = (*SIGN, *LOGISTIC, *TERNARY)
SETTING = ChainSetting(width=6, depth=3, sigma_m2=0.5, sigma_b2=0.1)
PRODUCTS = [each for each in COMPARED if (each.treatment.field, each.treatment.propagates) == ("integrated", "mean")]


def named(surrogate: Surrogate) -> str:
    return f"{surrogate.name}, {surrogate.neurons.name}"


def overlap_law(p: FloatArray) -> tuple[float, float]:
    """Mean and variance of x.y/N, x and y independent of law p: |E x|^2/N, sum_ij (E x_i x_j)^2/N^2 less its square."""
    x = states(p.size.bit_length() - 1)
    mean = (state_means(p) ** 2).mean()
    return mean, (((x.T * p) @ x) ** 2).mean() - mean**2


# ---- the divergence and its parts ------------------------------------------------------------------------------------


def test_parts_of_the_divergence_add_up_and_have_their_signs() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 8):
        p, s = rng.dirichlet(np.full(2**n, 0.3)), rng.dirichlet(np.ones(2**n))
        found = divergence(p, np.log(s))
        assert found.kl == pytest.approx(found.marginals + found.dependence, abs=ROUNDING)
        assert found.kl == pytest.approx(special.rel_entr(p, s).sum(), abs=ROUNDING)
        assert min(found.kl, found.marginals, found.mean_square_error) > 0
        assert astuple(divergence(p, np.log(p))) == pytest.approx((0, 0, 0, 0), abs=ROUNDING)


def test_divergence_is_infinite_where_the_surrogate_excludes_a_state() -> None:
    found = divergence(np.array([0.25, 0.75]), np.array([-np.inf, 0.0]))
    assert (found.kl, found.marginals) == (np.inf, np.inf)
    assert np.isnan(found.dependence)
    assert divergence(np.array([0.0, 1.0]), np.array([-np.inf, 0.0])).kl == 0


@pytest.mark.parametrize("surrogate", PRODUCTS, ids=named)
def test_dependence_is_the_total_correlation_for_a_product_measure(surrogate: Surrogate) -> None:
    """Two routes: from the joint log-ratio less that of marginals, and by itself; nearly known weights included."""
    for sigma_m2 in (0.1, 0.63):
        found = exact_distance([surrogate], replace(SETTING, sigma_m2=sigma_m2), networks=2)
        np.testing.assert_allclose(found.dependence, found.total_correlation, rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(found.kl, found.marginals + found.total_correlation, rtol=0, atol=ROUNDING)


def test_nearly_known_weights_leave_a_finite_divergence() -> None:
    """Sigma -> 0: the surrogate's probabilities fall below the smallest float, and only their logarithms are left."""
    setting = replace(SETTING, sigma_m2=0.9999, sigma_b2=0.5)
    found = exact_distance(SIGN, setting, networks=4)
    assert np.isfinite(found.kl).all()
    for surrogate in SIGN:
        network = random_network(surrogate, setting, (0, 0, 0))
        logs = surrogate_laws(SurrogateLaw.of(surrogate), network, np.random.default_rng(0))
        assert logs[-1].min() < np.log(np.finfo(float).smallest_subnormal)
    np.testing.assert_allclose(found.kl, found.marginals + found.dependence, rtol=1e-9, atol=ROUNDING)


def test_neurons_are_independent_in_the_first_layer_and_dependent_after() -> None:
    found = exact_distance(SIGN, SETTING, networks=3)
    assert abs(found.total_correlation.sel(layer=1)).max() < ROUNDING
    assert found.total_correlation.sel(layer=[2, 3]).min() > 1e-4


def test_total_correlation_of_marginals_that_sum_to_more_than_one() -> None:
    """By rounding: a neuron that is always up."""
    beyond = np.nextafter(1.0, 2.0)
    assert total_correlation(np.array([0.0, 0.0, beyond / 3, 2 * beyond / 3])) == pytest.approx(0, abs=1e-15)
    assert total_correlation(np.array([0.5, 0.0, 0.0, 0.5])) == pytest.approx(np.log(2), rel=1e-15)


def test_total_correlation_is_what_entropies_of_the_neurons_exceed_that_of_all_by() -> None:
    p = np.random.default_rng(2).dirichlet(np.ones(32))
    up = p @ (states(5) > 0)
    expected = special.entr(up).sum() + special.entr(1 - up).sum() - special.entr(p).sum()
    assert total_correlation(p) == pytest.approx(expected, rel=1e-13)


def test_an_infinite_divergence_has_no_error_and_no_warning() -> None:
    kl = xr.DataArray([[[np.inf], [1.0]]], dims=("surrogate", "network", "layer"))
    found = averaged(xr.Dataset({"kl": kl}))
    assert found.kl.item() == np.inf
    assert np.isnan(found.kl_error.item())


def test_total_correlation_to_leading_order() -> None:
    """Weak weights: half the sum of squared correlations, Cov(x_i, x_k) = (slope^2/N) sum_j M_ij M_kj Var x_j."""
    errors = []
    for sigma_m2 in (0.04, 0.01):
        network = random_network(LOGISTIC[0], ChainSetting(8, 2, sigma_m2, 0.0), (1, 0, 0))
        first, second = chain_laws(network)
        means, slope = network.layers[1].means, logistic_slope()
        covariance = slope**2 * (means * (1 - state_means(first) ** 2)) @ means.T / 8
        leading = (covariance**2).sum() / 4 - (np.diag(covariance) ** 2).sum() / 4
        errors.append(abs(total_correlation(second) / leading - 1))
    assert errors[0] < 0.1
    assert errors[1] < errors[0] / 2  # of relative order sigma_m2


def logistic_slope() -> float:
    """E phi'(z), z ~ the sum of 8 fair signs / sqrt(8), phi = tanh(h/2): how E x follows one input, times sqrt(8)."""
    x = np.arange(-7, 8, 2)
    odds = special.comb(7, (x + 7) // 2) / 2**7
    return float(odds @ (np.tanh((x + 1) / np.sqrt(8) / 2) - np.tanh((x - 1) / np.sqrt(8) / 2)) * np.sqrt(8) / 2)


# ---- surrogates that are exact, or equal -----------------------------------------------------------------------------


def test_sampled_neurons_are_exact_for_fixed_weights() -> None:
    """Given x the field is then known, and no central limit theorem is left: the divergence is 0 in every layer."""
    surrogate = compose("stochastic-binary", weights="fixed")
    found = exact_distance([surrogate, compose("lrt", weights="fixed")], replace(SETTING, sigma_m2=1.5), networks=2)
    assert abs(found.kl.isel(surrogate=0)).max() < ROUNDING
    assert found.kl.isel(surrogate=1).sel(layer=3).min() > 1e-3


def test_catalogue_surrogates_with_one_forward_pass_agree() -> None:
    same = [compose(name) for name in ("deterministic", "soudry")] + [compose("deterministic", phi="erf")]
    found = exact_distance([*same, compose("peters-welling"), SIGN[-1]], SETTING, networks=2)
    np.testing.assert_allclose(found.kl[1], found.kl[0], rtol=0, atol=0)
    np.testing.assert_allclose(found.kl[2], found.kl[0], rtol=1e-12)
    np.testing.assert_allclose(found.kl[4], found.kl[3], rtol=0, atol=0)
    assert SIGN[-1].treatment is NETWORK


def test_a_layer_on_real_inputs() -> None:
    """Known real inputs: neurons independent, so the divergence is that of the marginals."""
    found = exact_distance([compose("baldassi")], replace(SETTING, depth=1), networks=3)
    np.testing.assert_allclose(found.kl, found.marginals, rtol=1e-9)
    sampled = sampled_distance([compose("baldassi")], replace(SETTING, depth=1), networks=3, runs=4000)
    z = averaged(sampled - found[["mean_square_error"]])
    assert abs(z.mean_square_error / z.mean_square_error_error).max() < 4


def test_drawn_fields_give_the_divergence_without_bias() -> None:
    """Jackknife: few and many draws agree within their stated error; without it they differ by many errors."""
    few = exact_distance([LOGISTIC[2]], SETTING, networks=8, draws=10).sel(layer=3)
    many = exact_distance([LOGISTIC[2]], SETTING, networks=8, draws=2000).sel(layer=3)
    assert LOGISTIC[2].name == "field sampled"
    z = (few.kl - many.kl) / np.hypot(few.kl_noise, many.kl_noise)
    assert abs(z).max() < 4
    law, network = SurrogateLaw.of(LOGISTIC[2]), random_network(LOGISTIC[2], SETTING, (0, 0, 0))
    groups = np.exp(surrogate_laws(law, network, np.random.default_rng(0), 10)[2])
    plain = divergence(chain_laws(network)[2], np.log(groups.mean(axis=0))).kl
    assert plain > float(many.kl[0, 0]) + 5 * float(many.kl_noise[0, 0])


def test_jackknife_removes_the_bias_of_a_square() -> None:
    rng = np.random.default_rng(2)
    pairs = [jackknife(lambda x: x**2, rng.normal(3, 1, (5, 1))) for _ in range(4000)]
    values, errors = np.squeeze(np.array(pairs), axis=-1).T
    assert abs(values.mean() - 9) / (values.std() / np.sqrt(4000)) < 4
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.1)


# ---- symmetries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", [*SIGN, LOGISTIC[0], LOGISTIC[1], LOGISTIC[3], TERNARY[0]], ids=named)
def test_relabelled_and_flipped_neurons_are_as_far(surrogate: Surrogate) -> None:
    """M -> D' P' M P^T D, b -> D' P' b, x -> D P x with signs D and permutations P of each layer change no distance."""
    network, rng = random_network(surrogate, SETTING, (0, 0, 3)), np.random.default_rng(4)
    before = np.diag(rng.choice((-1.0, 1.0), 6))[rng.permutation(6)]
    inputs, layers = before @ network.inputs, []
    for layer in network.layers:
        after = np.diag(rng.choice((-1.0, 1.0), 6))[rng.permutation(6)]
        layers.append(replace(layer, means=after @ layer.means @ before.T, bias=after @ layer.bias))
        before = after
    turned = StochasticNetwork(inputs, tuple(layers), True, False)
    law, noise = SurrogateLaw.of(surrogate), np.random.default_rng(0)
    for one, other in zip(distances(law, network, noise), distances(law, turned, noise), strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=ROUNDING)


def distances(law: SurrogateLaw, network: StochasticNetwork, noise: np.random.Generator) -> list[tuple[float, ...]]:
    pairs = zip(chain_laws(network), surrogate_laws(law, network, noise), strict=True)
    return [astuple(divergence(p, logs[0])) for p, logs in pairs]


# ---- sampling against enumeration ------------------------------------------------------------------------------------

REPLICATES = 60


@pytest.mark.parametrize("means", ["two-point", "clipped-gaussian"])
@pytest.mark.parametrize("surrogate", [SIGN[0], LOGISTIC[0], TERNARY[0]], ids=named)
def test_sampled_chain_has_the_means_and_overlaps_of_the_enumerated_one(surrogate: Surrogate, means: str) -> None:
    setting = ChainSetting(10, 3, 0.3, 0.1, means)
    network = random_network(surrogate, setting, (0, 0, 1))
    assert StochasticLayer.of(network.layers[0], True).tabulated == (means == "two-point")
    drawn = [network_runs(network, 60, (seed, 2, 0)) for seed in range(REPLICATES)]
    for index, p in enumerate(chain_laws(network)):
        layer = [each[index] for each in drawn]
        expected_mean, expected_variance = overlap_law(p)
        if index > 0 or means != "two-point":  # else known without noise
            assert np.abs(z_scores([one.halves.mean(axis=0) for one in layer], state_means(p))).max() < 4
            assert np.abs(z_scores([one.halves.mean(axis=0) for one in layer], state_means(p) + 0.1)).min() > 4
        assert abs(z_scores([one.overlap_mean for one in layer], expected_mean)) < 4
        assert abs(z_scores([one.overlap_variance for one in layer], expected_variance)) < 4


def z_scores(values: list[FloatArray] | list[float], expected: FloatArray | float) -> FloatArray:
    return (np.mean(values, axis=0) - expected) / (np.std(values, axis=0, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("surrogate", [SIGN[0], LOGISTIC[2], SIGN[2], LOGISTIC[3]], ids=named)
def test_sampled_surrogates_have_the_law_of_the_enumerated_ones(surrogate: Surrogate) -> None:
    """The overlap of two draws of the surrogate's joint law, its mean and variance, and the means."""
    network, law = random_network(surrogate, SETTING, (0, 0, 2)), SurrogateLaw.of(surrogate)
    drawn = [surrogate_runs(law, network, 60, (seed, 1, 0)) for seed in range(REPLICATES)]
    logs = surrogate_laws(law, network, np.random.default_rng(1), 4000)
    for index, groups in enumerate(logs):
        layer, p = [each[index] for each in drawn], np.exp(groups).mean(axis=0)
        found = [[*one.halves.mean(axis=0), one.overlap_mean, one.overlap_variance] for one in layer]
        expected = np.array([*state_means(p / p.sum()), *overlap_law(p / p.sum())])
        error = np.std(found, axis=0, ddof=1) / np.sqrt(REPLICATES)
        assert (np.abs(np.mean(found, axis=0) - expected) < np.maximum(4.5 * error, ROUNDING)).all()


@pytest.mark.parametrize("surrogate", [SIGN[1], LOGISTIC[2]], ids=named)
def test_the_error_of_means_is_estimated_without_bias(surrogate: Surrogate) -> None:
    """Six runs are enough for an unbiased estimate; the plain square of the difference would be far too large."""
    network, law = random_network(surrogate, SETTING, (0, 0, 5)), SurrogateLaw.of(surrogate)
    groups = surrogate_laws(law, network, np.random.default_rng(1), 4000)[2]
    p, s = chain_laws(network)[2], np.exp(groups).mean(axis=0)
    expected = ((state_means(p) - state_means(s / s.sum())) ** 2).mean()
    split, plain = [], []
    for seed in range(600):
        own = network_runs(network, 6, (seed, 2, 0))[2].halves
        other = surrogate_runs(law, network, 6, (seed, 1, 0))[2].halves
        split.append((own - other).prod(axis=0).mean())
        plain.append((((own - other).mean(axis=0)) ** 2).mean())
    assert abs(z_scores(split, expected)) < 4
    assert z_scores(plain, expected) > 10


def test_results_do_not_depend_on_the_batch() -> None:
    compared, setting = (*SIGN, *LOGISTIC), ChainSetting(20, 3, 0.5, 0.1)
    one, other = (sampled_distance(compared, setting, 2, runs=30, seed=3, batch=batch) for batch in (6, 30))
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=ROUNDING)


def test_drawn_weights_do_not_depend_on_the_batch() -> None:
    network = random_network(LOGISTIC[0], ChainSetting(9, 2, 0.3, 0.1, "uniform"), (0, 0, 0))
    one, other = (network_runs(network, 12, (1, 2, 0), batch) for batch in (2, 12))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first.halves, second.halves, rtol=0, atol=ROUNDING)


def test_a_surrogate_does_not_change_the_others() -> None:
    alone = exact_distance([LOGISTIC[2]], SETTING, networks=2, seed=7)
    among = exact_distance([*SIGN, *LOGISTIC], SETTING, networks=2, seed=7).isel(surrogate=[len(SIGN) + 2])
    np.testing.assert_array_equal(alone.kl, among.kl)


@pytest.mark.parametrize("weights", ["binary", "ternary:0.75", "fixed"])
@pytest.mark.parametrize("noise", ["logistic", "uniform:0.5"])
def test_tabulated_means_are_those_of_the_transition(weights: str, noise: str) -> None:
    surrogate = compose("lrt", weights=weights, noise=noise)
    layer = random_network(surrogate, SETTING, (0, 0, 8)).layers[0]
    sampler = StochasticLayer.of(layer, True)
    assert sampler.tabulated
    np.testing.assert_allclose(sampler.means_given(states(6)), transition(layer) @ states(6), rtol=0, atol=1e-13)


# ---- how the error of the means falls with N -------------------------------------------------------------------------

WIDTHS = (32, 64, 128, 256, 512)


def first_layer_errors(surrogate: Surrogate, sigma_b2: float) -> FloatArray:
    """Mean-square error of the means of the first layer, free of noise: the network's means come from the table."""
    settings = [ChainSetting(width, 1, 0.5, sigma_b2) for width in WIDTHS]
    return np.array([float(sampled_distance([surrogate], each, 8, 4).mean_square_error.mean()) for each in settings])


def order(errors: FloatArray) -> float:
    return float(np.polyfit(np.log(WIDTHS), np.log(errors) / 2, 1)[0])


def test_exact_marginals_err_as_one_over_n_for_smooth_neurons() -> None:
    assert order(first_layer_errors(LOGISTIC[0], 0.1)) == pytest.approx(-1, abs=0.1)


def test_exact_marginals_of_sign_neurons_err_as_the_root_of_one_over_n() -> None:
    """The field lies on a lattice of step 2/sqrt(N) and the sign jumps by 2 at 0, anywhere between its points.

    Euler-Maclaurin: the error is 2 step density(0) B_1(t), t uniform, so E error^2 = (4/3) E density(0)^2 / N, density
    that of N(hbar, Sigma): E density^2 = 1/(2 pi sqrt(Sigma (Sigma + 2 Q))).
    """
    errors = first_layer_errors(SIGN[0], 0.1)
    density = 1 / (2 * np.pi * np.sqrt(0.5 * (0.5 + 2 * 0.6)))
    assert order(errors) == pytest.approx(-0.5, abs=0.06)
    assert errors[-1] * WIDTHS[-1] == pytest.approx(4 / 3 * density, rel=0.1)


@pytest.mark.parametrize("surrogate", [SIGN[1], LOGISTIC[1]], ids=named)
def test_approximate_forms_keep_an_error_of_order_one(surrogate: Surrogate) -> None:
    errors = np.sqrt(first_layer_errors(surrogate, 0.1))
    assert errors[-1] > 0.75 * errors[-2]
    assert errors[-1] > 1e-3


def test_dependence_a_neuron_does_not_fall_with_n() -> None:
    """It stays for surrogates that factorise and shrinks for the one that samples neurons."""
    compared = (LOGISTIC[0], LOGISTIC[3])
    found = [averaged(exact_distance(compared, replace(SETTING, width=n), 6)).sel(layer=2).kl / n for n in (4, 8)]
    assert found[1][0] > 0.8 * found[0][0]
    assert found[1][1] < 0.5 * found[0][1]


@pytest.mark.slow
def test_dropped_dependence_leaves_an_error_of_order_one_over_root_n_from_the_third_layer_on() -> None:
    """Neurons of layer 2 depend on each other through layer 1, by correlations ~ N^-1/2.

    They change the variance of a field of layer 3 by ~ N^-1/2, so N times the mean-square error of the marginalised
    surrogate tends to a constant there, and to 0 in the layers before. Sampled fields or neurons carry dependence on.
    """
    surrogates = [each for each in companions(compose("lrt", noise="gaussian:0.2")) if "matched" not in each.name]
    found = {n: averaged(sampled_distance(surrogates, ChainSetting(n, 3, 0.8, 0.1), 10, 8000)) * n for n in (32, 256)}
    third = {n: each.isel(surrogate=0).sel(layer=3) for n, each in found.items()}
    assert third[256].mean_square_error > 4 * third[256].mean_square_error_error
    assert third[256].mean_square_error > 0.5 * third[32].mean_square_error
    first = {n: each.isel(surrogate=0).sel(layer=1) for n, each in found.items()}
    assert first[256].mean_square_error < 0.2 * first[32].mean_square_error
    rest = found[256].isel(surrogate=[1, 2]).sel(layer=[2, 3])
    assert abs(rest.mean_square_error / rest.mean_square_error_error).max() < 4


# ---- continuous neurons, the command line, the figure ----------------------------------------------------------------


def test_continuous_neurons_are_sampled_and_not_enumerated() -> None:
    compared = (compose("shayer"), compose("moment-matching", neurons="tanh"))
    found = averaged(sampled_distance(compared, ChainSetting(30, 2, 0.5, 0.1), 4, runs=400))
    assert len(set(found.stands_for.values.tolist())) == 1
    np.testing.assert_array_equal(found.network_overlap[0], found.network_overlap[1])
    z = (found.overlap - found.network_overlap) / np.hypot(found.overlap_error, found.network_overlap_error)
    assert abs(z).max() < 4
    with pytest.raises(ValueError, match=r"no states to enumerate; give --width above 12"):
        exact_distance(compared, SETTING, 1)


def call(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(line.split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_distance_as_json_and_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--width 4 --depth 2 --sigma-m2 0.5 --sigma-b2 0.1 --networks 2"
    code, out, _ = call(f"distance deterministic peters-welling {options} --json", capsys)
    found = json.loads(out)
    assert code == 0
    expected = averaged(exact_distance([compose("deterministic")], ChainSetting(4, 2, 0.5, 0.1), 2))
    first = found["surrogates"][0]["layers"][1]
    assert first["kl_per_neuron"] == pytest.approx(float(expected.kl[0, 1]) / 4)
    assert found["kind"] == "exact"
    code, text, _ = call(f"distance {options}", capsys)
    assert code == 0
    assert "sign neurons" in text
    assert "paper form, tanh" in text
    code, text, _ = call("distance lrt --width 20 --sigma-m2 0.5 --sigma-b2 0 --networks 1 --runs 20", capsys)
    assert code == 0
    assert "no divergence" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--width 0 --sigma-m2 0.5 --sigma-b2 0", "--width"),
        ("--width 4 --depth 0 --sigma-m2 0.5 --sigma-b2 0", "--depth"),
        ("--width 4 --sigma-m2 1.5 --sigma-b2 0", "1.5"),
        ("--width 4 --sigma-b2 0", "--sigma-m2"),
        ("--width 4 --sigma-m2 0.5 --sigma-b2 0 --means unifrm", "uniform"),
        ("--width 4 --sigma-m2 0.5 --sigma-b2 0 --means uniform", "1/3|0.333"),
        ("deterministic --width 4 --sigma-m2 1 --sigma-b2 0", "nothing in its network is random"),
        ("random-binary --width 4 --sigma-m2 1 --sigma-b2 0", "nothing in its network is random"),
        ("baldassi --width 4 --sigma-m2 0.5 --sigma-b2 0", "--depth 1"),
        ("shayer --width 4 --sigma-m2 0.5 --sigma-b2 0", "--width above 12"),
        ("--width 20 --sigma-m2 0.5 --sigma-b2 0 --runs 7", "--runs 7"),
        ("--width 10000000 --sigma-m2 0.5 --sigma-b2 0", "bytes.*at most"),
    ],
)
def test_bad_input_is_refused_in_one_line(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = call(f"distance {line}", capsys)
    assert (code, out, error.count("\n")) == (EXIT_BAD_INPUT, "", 1)
    with pytest.raises(ValueError, match=message):
        raise ValueError(error)


def test_figure_is_measured_and_drawn(tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    found = measure(compose("lrt"), "smoke", 1, lambda done, total: ticks.append((done, total)))
    assert ticks[-1][0] == ticks[-1][1] == len(ticks)
    assert {"preset", "seed", "version", "networks", "sigma_b2"} <= set(found.attrs)
    assert [path.suffix for path in draw(found, tmp_path)] == [".pdf", ".png"]
    assert "logistic" in caption(found)
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())
    for name in ("shayer", "baldassi"):
        with pytest.raises(ValueError, match="choose sign or stochastic"):
            measure(compose(name), "smoke", 0, lambda *_: None)
