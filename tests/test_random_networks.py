"""Random networks agree with the theory of every surrogate, and disagree with a wrong one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from spoiled_maps import with_wrong

from meanbits.experiments.data import ImagePair, image_pairs, load
from meanbits.experiments.random_networks.field_sums import fair_octets, signs_of
from meanbits.experiments.random_networks.layers import State, random_network
from meanbits.experiments.random_networks.measurements import Measurement
from meanbits.experiments.random_networks.networks import LayerStatistics, one_layer, simulate
from meanbits.experiments.random_networks.propagation import PRESETS, figure_1, theory_orbit
from meanbits.numerics.datasets import save
from meanbits.paper_figures.figure_1 import draw
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.declarations.weights import ternary
from meanbits.theory.derive import Theory, derive
from meanbits.theory.trace import Formula

# One false alarm in 16,000 independent comparisons: z is a normal quantile, and 60 layers times (q, c) depend on each
# other. The bias of finite width, a few percent of 1/N, is a tenth of the standard error at this size.
LIMIT = 4
SIZE = {"width": 600, "realisations": 64}
SETTING = {"sigma_m2": 0.6, "sigma_b2": 0.05}
SMOKE, _, PAPER = PRESETS

COMPOSED = (
    {"name": "deterministic", "neurons": "stochastic", "noise": "gaussian:0.5"},
    {"name": "deterministic", "neurons": "stochastic", "form": "matched"},
    {"name": "deterministic", "neurons": "stochastic", "noise": "logistic:0.5"},
    {"name": "deterministic", "phi": "tanh", "gain": 1.2},
    {"name": "deterministic", "weights": "ternary:0.8"},
    {"name": "moment-matching", "neurons": "tanh"},
    {"name": "lrt", "noise": "uniform:0.5"},
    {"name": "lrt", "weights": "fixed"},
    {"name": "shayer", "weights": "ternary:0.8"},
    {"name": "shayer", "treatment": "network"},
    {"name": "continuous", "neurons": "erf"},
)


@pytest.fixture(scope="module")
def pair() -> ImagePair:
    return image_pairs(load("digits"), count=3)[1]


def depth_of(surrogate: Surrogate) -> int:
    return 1 if surrogate.real_input else 6


def deviation(measured: LayerStatistics, theory: Theory, pair: ImagePair, **setting: float) -> float:
    q, c = theory_orbit(theory, pair=pair, depth=measured.q.values.shape[1], **setting)
    return float(np.abs([measured.q.z(q), measured.c.z(c)]).max())


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_catalogue_follows_its_theory(surrogate: Surrogate, pair: ImagePair) -> None:
    measured = simulate(surrogate, **SIZE, **SETTING, depth=depth_of(surrogate), pair=pair, seed=1)
    assert deviation(measured, derive(surrogate), pair, **SETTING) < LIMIT


LONG = (COMPOSED[0], COMPOSED[5])  # to derive: like other noises and relu
EACH = [
    pytest.param(parts, id=" ".join(map(str, parts.values())), marks=[pytest.mark.slow] * (parts in LONG))
    for parts in COMPOSED
]


@pytest.mark.parametrize("parts", EACH)
def test_composed_surrogates_follow_their_theory(parts: dict[str, str], pair: ImagePair) -> None:
    surrogate = compose(**parts)
    measured = simulate(surrogate, width=400, realisations=32, **SETTING, depth=5, pair=pair, seed=2)
    assert deviation(measured, derive(surrogate), pair, **SETTING) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("sigma_m2", PAPER.sigma_m2)
@pytest.mark.parametrize("name", ["deterministic", "lrt", "shayer", "peters-welling", "stochastic-binary"])
def test_settings_of_the_paper(name: str, sigma_m2: float, pair: ImagePair) -> None:
    surrogate, setting = compose(name), {"sigma_m2": sigma_m2, "sigma_b2": 0.001}
    size = {"width": PAPER.width, "realisations": PAPER.realisations, "depth": PAPER.depth}
    measured = simulate(surrogate, **size, **setting, pair=pair, seed=3)
    assert deviation(measured, derive(surrogate), pair, **setting) < LIMIT


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_wrong_biases_are_detected(surrogate: Surrogate, pair: ImagePair) -> None:
    size = {"width": 600, "realisations": 150, "depth": min(4, depth_of(surrogate))}
    measured = simulate(surrogate, **size, sigma_m2=0.6, sigma_b2=0.5, pair=pair, seed=4)
    assert deviation(measured, derive(surrogate), pair, sigma_m2=0.6, sigma_b2=0.5) < LIMIT
    assert deviation(measured, derive(surrogate), pair, sigma_m2=0.6, sigma_b2=0.55) > LIMIT


def spoiled_theory(theory: Theory, spoiled: str) -> Theory:
    """The theory with one map off by 5 %; the variance map is emitted with its limits, which are derived later."""
    right = getattr(theory.maps, spoiled)
    factor = 1.05 if spoiled == "variance_map" else 0.95
    wrong = Formula(factor * right.definition, factor * right.closed)
    false = replace(theory, maps=with_wrong(theory.maps, **{spoiled: wrong}))
    assert theory.gap is not None
    if spoiled == "variance_map":
        formulas = replace(theory.gap.formulas, variance_map=factor * theory.gap.formulas.variance_map)
        vars(false)["gap"] = replace(theory.gap, formulas=formulas)
    return false


@pytest.mark.parametrize("name", ["deterministic", "lrt", "moment-matching", "continuous"])
@pytest.mark.parametrize("spoiled", ["variance_map", "correlation_map"])
def test_wrong_map_is_detected(spoiled: str, name: str, pair: ImagePair) -> None:
    theory = derive(compose(name))
    measured = simulate(theory.surrogate, **SIZE, sigma_m2=0.6, sigma_b2=0.5, depth=4, pair=pair, seed=5)
    false = spoiled_theory(theory, spoiled)
    assert deviation(measured, false, pair, sigma_m2=0.6, sigma_b2=0.5) > LIMIT


def test_finite_width_excess_falls_as_one_over_width(pair: ImagePair) -> None:
    surrogate, setting = compose("moment-matching"), {"sigma_m2": 0.2, "sigma_b2": 0.001}
    _, theory = theory_orbit(derive(surrogate), pair=pair, depth=7, **setting)
    excess, error = [], []
    for width, realisations in ((150, 500), (600, 125)):
        measured = simulate(surrogate, width=width, realisations=realisations, depth=7, pair=pair, seed=6, **setting)
        excess.append(width * (measured.c.mean - theory)[-1])
        error.append(width * measured.c.error[-1])
    assert np.abs(np.divide(excess, error)).min() > LIMIT
    assert abs(excess[0] - excess[1]) / np.hypot(*error) < LIMIT


def test_layer_is_the_sum_over_synapses() -> None:
    surrogate = replace(compose("shayer"), weights=ternary(compose("shayer").weights.mean_limit / 2))
    network = random_network(surrogate, sigma_m2=0.2, sigma_b2=0)
    rng = np.random.default_rng(7)
    state = State(rng.uniform(-1, 1, (2, 30)), rng.uniform(1, 2, (2, 30)))
    fields = network.fields(state, 20, np.random.default_rng(8))
    means = np.sqrt(0.2) * signs_of(fair_octets(30, 20, np.random.default_rng(8)), 30)
    np.testing.assert_allclose(fields.mean, state.mean @ means.T / np.sqrt(30), atol=1e-14)
    sigma = (0.5 * state.second_moment[:, None] - means**2 * state.mean[:, None] ** 2).mean(axis=2)
    np.testing.assert_allclose(np.broadcast_to(fields.variance, (2, 20)), sigma, rtol=1e-12)


def test_sampled_neurons_have_their_means() -> None:
    network = random_network(compose("peters-welling"), sigma_m2=0.5, sigma_b2=0)
    fields = network.fields(State(np.zeros((2, 10)), np.ones((2, 10))), 100_000, np.random.default_rng(9))
    drawn = network.neurons(replace(fields, mean=np.full((2, 100_000), 0.7)), np.random.default_rng(10))
    assert set(np.unique(drawn.mean)) == {-1, 1}
    probability = network.forward.mean(0.7, fields.variance)[:, 0]
    z = (drawn.mean.mean(axis=1) - probability) / np.sqrt((1 - probability**2) / 100_000)
    assert np.abs(z).max() < LIMIT


@pytest.mark.parametrize("name", ["deterministic", "lrt", "peters-welling", "stochastic-binary"])
def test_seed_fixes_each_realisation(name: str, pair: ImagePair) -> None:
    setting = {"width": 50, "depth": 3, **SETTING, "pair": pair}
    longer, shorter, other = (
        simulate(compose(name), realisations=realisations, seed=seed, **setting).c.values
        for realisations, seed in ((5, 12), (3, 12), (3, 13))
    )
    np.testing.assert_array_equal(longer[:3], shorter)
    assert not np.isin(shorter, other).any()


def test_progress_counts_networks(pair: ImagePair) -> None:
    seen = []
    size = {"width": 10, "depth": 1, "realisations": 3}
    simulate(compose("lrt"), **size, **SETTING, pair=pair, seed=0, progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_single_realisation_has_no_error(pair: ImagePair) -> None:
    measured = simulate(compose("lrt"), width=10, depth=2, realisations=1, **SETTING, pair=pair, seed=0)
    assert np.isfinite(measured.q.mean).all()
    assert np.isnan(measured.q.error).all()
    assert np.isnan(measured.q.z(measured.q.mean)).all()


def test_z_is_normal_with_few_realisations() -> None:
    values = np.random.default_rng(14).standard_normal((4, 100_000))
    z = Measurement(values).z(np.zeros(100_000))
    for limit, tail in ((1, 0.31731), (2, 0.04550), (3, 0.00270)):
        assert abs(np.mean(np.abs(z) > limit) - tail) < LIMIT * np.sqrt(tail / 100_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width = 0: it must be at least 1"),
        ({"depth": 0}, "depth = 0: it must be at least 1"),
        ({"realisations": -1}, "realisations = -1: it must be at least 1"),
        ({"sigma_b2": -0.1}, "sigma_b2 = -0.1: a variance must be finite and at least 0"),
        ({"sigma_m2": float("nan")}, "sigma_m2 = nan: a variance"),
        ({"sigma_m2": 1.1}, "sigma_m2 = 1.1: binary weights need at most 1"),
    ],
)
def test_numbers_out_of_range(change: dict[str, float], message: str, pair: ImagePair) -> None:
    arguments = {"width": 10, "depth": 2, "realisations": 2, **SETTING} | change
    with pytest.raises(ValueError, match=message):
        simulate(compose("deterministic"), **arguments, pair=pair, seed=0)


def test_weights_with_a_free_parameter(pair: ImagePair) -> None:
    surrogate = replace(compose("shayer"), weights=ternary())
    with pytest.raises(ValueError, match="E S\\^2 = rho is open; give its symbols values"):
        simulate(surrogate, width=10, depth=1, realisations=1, **SETTING, pair=pair, seed=0)


def test_layer_on_real_inputs_is_alone(pair: ImagePair) -> None:
    with pytest.raises(ValueError, match="baldassi is a single layer on real inputs; use depth 1"):
        simulate(compose("baldassi"), width=10, depth=2, realisations=1, **SETTING, pair=pair, seed=0)
    with pytest.raises(ValueError, match=r"depth = 2: .* 1 for a layer on real inputs"):
        theory_orbit(derive(compose("baldassi")), **SETTING, pair=pair, depth=2)


def test_fields_that_do_not_exist() -> None:
    arguments = {"width": 10, "realisations": 2, **SETTING, "annealed": 0.5, "seed": 0}
    with pytest.raises(ValueError, match=r"variance = 1, covariance = 1.5: need \|covariance\| <= variance > 0"):
        one_layer(compose("deterministic"), variance=1, covariance=1.5, **arguments)


def test_growing_fields_have_no_fixed_point() -> None:
    preset = replace(SMOKE, sigma_m2=(1.1,), pairs=1, depth=1)
    with pytest.raises(ValueError, match=r"sigma_m2 = 1.1: q and T reach .* no fixed point; lower sigma_m2"):
        figure_1(compose("continuous", neurons="linear"), preset, "digits")


@pytest.fixture(scope="module", params=["deterministic", "peters-welling", "shayer", "baldassi"])
def smoke(request: pytest.FixtureRequest) -> xr.Dataset:
    return figure_1(compose(request.param), SMOKE, "digits", seed=15)


def test_figure_1_agrees(smoke: xr.Dataset) -> None:
    for name in ("q_z", "c_z", "map_z"):
        assert np.abs(smoke[name]).max() < LIMIT
    assert smoke.q_mean.dims == ("sigma_m2", "sigma_b2", "pair", "layer")
    assert {"surrogate", "preset", "seed", "dataset", "version"} <= set(smoke.attrs)


def test_figure_1_is_written_whole(smoke: xr.Dataset, tmp_path: Path) -> None:
    written = [save(smoke, tmp_path / "deep" / "figure_1.nc"), *draw(smoke, tmp_path / "deep")]
    assert sorted(tmp_path.rglob("*.*")) == sorted(written)
    assert [path.read_bytes()[:4] for path in written] == [b"CDF\x02", b"%PDF", b"\x89PNG"]
    with xr.open_dataset(written[0], engine="scipy") as read:
        xr.testing.assert_equal(read, smoke)
        assert read.attrs["surrogate"] == smoke.attrs["surrogate"]


def test_figure_1_is_reproducible(tmp_path: Path) -> None:
    preset = replace(SMOKE, width=20, depth=2, pairs=1)
    first, again = (figure_1(compose("lrt"), preset, "digits", seed=16) for _ in range(2))
    assert first.identical(again)
    assert draw(first, tmp_path / "a")[0].read_bytes() == draw(again, tmp_path / "b")[0].read_bytes()
