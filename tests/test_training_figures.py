"""Figures of trained grids: trainable depths, the fit of k in depth = k xi_c, and the theory laid over them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from meanbits.cli import main
from meanbits.experiments.figures import counterparts, depth_blocks, depth_gain, training_accuracy
from meanbits.experiments.figures.trained_grid import ACCURACY, CHANCE, chosen_grid, fitted, scales
from meanbits.experiments.sweep.ledger import Row
from meanbits.experiments.sweep.results import results
from meanbits.experiments.sweep.trainings import DIMENSIONS, training_grid
from meanbits.experiments.training.trainable_depth import (
    ALL_TRAIN,
    CROSSED,
    NONE_TRAINS,
    UNTRIED,
    Constant,
    constant,
    trainable_depth,
)
from meanbits.figures import FIGURES, Settings
from meanbits.numerics.datasets import save
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.paper_figures.accuracy_maps import edges
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

DEPTHS = np.geomspace(3, 200, 16)
TRAINED = ("2", "3", "depth-gain", "depth-blocks")


def logistic(depths: np.ndarray, middle: float) -> np.ndarray:
    """Accuracy that falls from 0.9 to chance, half way at `middle`."""
    return CHANCE + (0.9 - CHANCE) / (1 + (depths / middle) ** 3)


# Trainable depth


def test_trainable_depth_is_where_half_is_passed() -> None:
    """Linear interpolation between depths h apart in ln depth: an error of order h^2."""
    errors = []
    for points in (11, 21, 41):
        depths = np.geomspace(2, 100, points)
        found, kind = trainable_depth(depths, logistic(depths, 17.0), 0.5)
        assert kind == CROSSED
        errors.append(abs(np.log(found / 17.0)))
    assert errors[2] < errors[0] / 4
    assert errors[2] < np.log(50) ** 2 / 40**2


def test_depths_that_do_not_cross_are_bounds() -> None:
    assert trainable_depth(DEPTHS, np.full(16, 0.8), 0.5) == (pytest.approx(200), ALL_TRAIN)
    assert trainable_depth(DEPTHS, np.full(16, 0.1), 0.5) == (pytest.approx(3), NONE_TRAINS)


def test_one_lucky_network_moves_nothing_far() -> None:
    """A deep network that trains by chance is averaged with the shallower ones that do not."""
    accuracy = logistic(DEPTHS, 12.0)
    straight, _ = trainable_depth(DEPTHS, accuracy, 0.5)
    accuracy[-2] = 0.9
    lucky, kind = trainable_depth(DEPTHS, accuracy, 0.5)
    assert (lucky, kind) == (pytest.approx(straight), CROSSED)


# The fit


def drawn(k: float, scatter: float, seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """xi_c (n,), and depths and kinds (n, networks) of a known k, seen between depths 3 and 60."""
    xi_c = np.geomspace(0.2, 12, shape[0])
    depth = k * xi_c[:, None] * np.exp(scatter * np.random.default_rng(seed).normal(size=shape))
    kind = np.where(depth > 60, ALL_TRAIN, np.where(depth < 3, NONE_TRAINS, CROSSED))
    return np.clip(depth, 3, 60), kind, xi_c


def _fit(data: tuple[np.ndarray, ...], seed: int) -> Constant:
    depth, kind, xi_c = data
    return constant(depth, kind, xi_c, seed, resamples=300)


def test_the_fit_recovers_k_with_its_error() -> None:
    """Of 20 intervals of 95 %, fewer than 16 would hold the true k in one of 300 runs."""
    fits = [_fit(drawn(6.5, 0.2, seed, (12, 2)), seed) for seed in range(20)]
    assert sum(fit.low < 6.5 < fit.high for fit in fits) >= 16
    mean = np.mean([np.log(fit.k / 6.5) for fit in fits])
    assert abs(mean) < 3 * 0.2 / np.sqrt(20 * 14)  # 14 of 24 cross
    assert np.mean([fit.scatter for fit in fits]) == pytest.approx(0.2, rel=0.2)


def test_the_fit_is_that_of_scipy() -> None:
    """The maximum of one likelihood, by expectation maximisation and by a simplex."""
    depth, kind, xi_c = drawn(6.5, 0.3, 1, (15, 2))
    logs = np.log(depth / xi_c[:, None])
    censored = stats.CensoredData(logs[kind == CROSSED], left=logs[kind == NONE_TRAINS], right=logs[kind == ALL_TRAIN])
    location, scale = stats.norm.fit(censored)
    found = constant(depth, kind, xi_c, 0, resamples=10)
    assert (np.log(found.k), found.scatter) == (pytest.approx(location, abs=1e-3), pytest.approx(scale, abs=1e-3))


def test_a_fit_that_ignores_what_does_not_cross_is_wrong() -> None:
    """Dropping the censored depths biases k, which is why they are bounds."""
    depth, kind, xi_c = drawn(6.5, 0.6, 3, (400, 1))
    kept = constant(depth, kind, xi_c, 0, resamples=10).k
    crossing = np.exp(np.mean(np.log(depth / xi_c[:, None])))
    assert abs(np.log(kept / 6.5)) < 0.1 < abs(np.log(crossing / 6.5))


def test_without_crossings_there_are_bounds() -> None:
    none = constant([[60.0], [3.0]], [[ALL_TRAIN], [NONE_TRAINS]], [10.0, 0.2], 0)
    assert (np.isnan(none.k), none.low, none.high) == (True, pytest.approx(6), pytest.approx(15))
    critical = constant([[60.0]], [[ALL_TRAIN]], [np.inf], 0)
    assert np.isnan([critical.k, critical.low, critical.high]).all()


@pytest.mark.parametrize("seeds", [1, 3])
def test_fitted_counts_and_fits(seeds: int) -> None:
    """A dataset made of k = 9 gives 9, and its networks are counted on both sides of 6 xi_c."""
    xi_c = np.linspace(1, 8, 10)
    accuracy = np.stack([[logistic(DEPTHS, 9 * scale) for scale in xi_c]] * seeds)  # (seed, sigma_m2, depth)
    data = xr.Dataset({ACCURACY: (("seed", "sigma_m2", "depth"), accuracy), "xi_c": ("sigma_m2", xi_c)},
                      {"seed": range(seeds), "sigma_m2": np.linspace(0.1, 0.9, 10), "depth": DEPTHS})  # fmt: skip
    found = fitted(data if seeds > 1 else data.squeeze("seed", drop=True), "sigma_m2", 0)
    assert float(found.k) == pytest.approx(9, rel=0.05)
    assert found.trainable_depth.dims == (("seed", "sigma_m2") if seeds > 1 else ("sigma_m2",))
    assert int(found.within + found.beyond) == accuracy.size
    assert int(found.trains_within) == int(found.within)
    assert 0 < int(found.trains_beyond) < int(found.beyond)


def test_networks_not_trained_yet_count_for_nothing() -> None:
    """A fit of what there is: depths not tried are left out, and a sigma_m2 at which none was says nothing."""
    xi_c = np.linspace(1, 8, 10)
    accuracy = np.stack([logistic(DEPTHS, 9 * scale) for scale in xi_c])
    accuracy[:, 5] = accuracy[4] = np.nan
    data = xr.Dataset({ACCURACY: (("sigma_m2", "depth"), accuracy), "xi_c": ("sigma_m2", xi_c)},
                      {"sigma_m2": np.linspace(0.1, 0.9, 10), "depth": DEPTHS})  # fmt: skip
    found = fitted(data, "sigma_m2", 0)
    assert float(found.half) == pytest.approx(0.55)
    assert (int(found.trainable_kind[4]), np.isnan(found.trainable_depth[4])) == (UNTRIED, True)
    assert float(found.k) == pytest.approx(9, rel=0.1)
    assert int(found.within + found.beyond) == np.isfinite(accuracy).sum()


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """Results of a sweep of which the shallow networks of one surrogate are trained."""
    text = ('surrogate = ["deterministic --form paper", "shayer"]\ndepth = [3, 9]\nsigma_m2 = [0.2, 0.8]\n'
            'dataset = "digits"\ntrain_size = 64\n')  # fmt: skip
    grid = training_grid(text)
    accuracies = {"train_accuracy": 0.9, "test_accuracy": 0.8}
    record = {"surrogate": accuracies, "sign": accuracies, "sampled": dict.fromkeys(("1", "5", "100"), accuracies),
              "polarised": {"after": [0.1] * 4}}  # fmt: skip
    rows = {cell.id: Row("done", record, {"seconds": 1.0, "meanbits": "0", "torch": "0"}) for cell in grid.cells[:2]}
    return save(results(grid, rows, DIMENSIONS), tmp_path / "half.nc")


@pytest.mark.parametrize("name", ["2", "3"])
def test_a_sweep_is_shown_as_far_as_it_has_come(name: str, half_done: Path, tmp_path: Path) -> None:
    kind, settings = FIGURES[name], Settings("quick", None, None, 0, tmp_path, half_done)
    made = kind.made(None, settings, lambda *_: None)
    assert "Hatched: the 6 of 8 networks not trained yet. 64 images of scikit-learn's digits" in made.caption
    assert "nan" not in made.caption
    assert {path.suffix for path in made.paths} == {".pdf", ".png", ".nc"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("figure 2 --results none.nc", "none.nc: no results of a sweep; name a file"),
        ("figure 4 --results half.nc", "--results: figure 4 shows no sweep; those that do are 2 and 3"),
        ("figure 2 --results half.nc --preset smoke", "they say what was trained; leave --preset out"),
        ("figure 3 lrt --results half.nc", "they say what was trained; leave lrt out"),
        ("figure 2 --results figure.nc", "no results of a sweep; name a file that"),
        ("figure 2 --results narrow.nc", "a sweep over depth; sweep several depth and sigma_m2"),
        ("figure 3 --results bare.nc", "no average over 100 sampled networks; sweep with samples = 100"),
    ],
)
def test_other_results_are_refused(
    line: str, reason: str, half_done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with xr.open_dataset(half_done, engine="scipy") as data:
        save(data.drop_attrs(), tmp_path / "figure.nc")
        save(data.isel(surrogate=0, sigma_m2=0, drop=True), tmp_path / "narrow.nc")
        save(data.drop_vars("sampled_100_train_accuracy"), tmp_path / "bare.nc")
    assert main(line.split()) == 2
    captured = capsys.readouterr().err
    assert reason in captured
    assert captured.count("\n") == 1
    assert not (tmp_path / "output").exists()


# What is trained, and the theory over it


def test_the_grid_of_a_preset() -> None:
    grid = chosen_grid("figure_2", "quick", 0)
    assert {cell.settings.dataset for cell in grid.cells} == {"mnist"}
    other = chosen_grid("figure_2", "quick", 5, "digits")
    assert {(cell.settings.dataset, cell.settings.train_size) for cell in other.cells} == {("digits", 1437)}
    assert {cell.settings.seed for cell in other.cells} == {cell.settings.seed + 5 for cell in grid.cells}
    with pytest.raises(ValueError, match="--preset huge: unknown preset"):
        chosen_grid("figure_2", "huge", 0)


def test_theory_is_that_of_the_fixed_point() -> None:
    grid, means = chosen_grid("figure_2", "smoke", 0), np.array([0.3, 0.9])
    for name, options in (("deterministic --form paper", {"name": "deterministic", "form": "paper"}),
                          ("shayer", {"name": "shayer"}), ("lrt", {"name": "lrt"})):  # fmt: skip
        expected = fixed_point(derive(compose(**options)), means, 0.001)
        np.testing.assert_array_equal(scales(grid, {"surrogate": name}, sigma_m2=means).xi_c, expected.xi_c)


def test_the_critical_gain_has_chi_1_of_one() -> None:
    grid = chosen_grid("depth_gain", "smoke", 0)
    gain = depth_gain.critical_gain(grid, 0.7, 2.5)
    surrogate = compose("deterministic", form="paper", gain=gain)
    assert float(fixed_point(derive(surrogate), 0.5, 0.001).chi_1) == pytest.approx(1, abs=1e-11)
    assert np.isnan(depth_gain.critical_gain(grid, 0.7, 1.0))


def test_edges_lie_half_way() -> None:
    np.testing.assert_allclose(edges(np.array([1.0, 2.0, 5.0])), [0.5, 1.5, 3.5, 6.5])


@pytest.mark.parametrize("module", [training_accuracy, counterparts, depth_gain, depth_blocks])
def test_a_surrogate_of_ones_own_is_refused(module: object) -> None:
    with pytest.raises(ValueError, match="trains the surrogates of its grid"):
        module.measure(compose("lrt"), "smoke", 0, lambda done, total: None)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_smoke(name: str, tmp_path: Path) -> None:
    """Trained twice, the same; cells are counted from one to all."""
    told: list[tuple[int, int]] = []
    kind, settings = FIGURES[name], Settings("smoke", "digits", None, 0, tmp_path)
    data = kind.measure(None, settings, lambda done, total: told.append((done, total)))
    cells = int(np.prod(data.status.shape))
    assert [done for done, _ in told][-1] == cells
    assert bool((data.status == 1).all())
    assert bool(((data[ACCURACY] >= 0) & (data[ACCURACY] <= 1)).all())
    assert float(data[ACCURACY].max()) > 0.5  # it trains
    xr.testing.assert_equal(data.drop_vars("seconds"),
                            kind.measure(None, settings, lambda *_: None).drop_vars("seconds"))  # fmt: skip
    assert {path.suffix for path in kind.draw(data, tmp_path)} == {".pdf", ".png"}
    assert "nan" not in kind.caption(data)
