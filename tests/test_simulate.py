"""Runs of random networks: reproducible to the bit, extendable, beside theory; and the command around them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import meanbits.simulate_command
from meanbits.cli import EXIT_BAD_INPUT, EXIT_INTERRUPTED, main
from meanbits.experiments.random_networks.devices import torch_device
from meanbits.experiments.random_networks.layers import stochastic_network
from meanbits.experiments.random_networks.measurements import Moments
from meanbits.experiments.random_networks.memory import bytes_needed, require_memory
from meanbits.experiments.random_networks.networks import replicas
from meanbits.experiments.random_networks.simulation import (
    KINDS,
    Expected,
    Simulation,
    at_width,
    finished,
    overlapping_inputs,
    result,
)
from meanbits.numerics.datasets import save
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.mean_law import MEAN_LAWS
from meanbits.theory.declarations.surrogates import CATALOGUE, NETWORK, Surrogate
from meanbits.theory.derive import derive

LIMIT = 4  # as in test_random_networks: layers and quantities depend on each other
Call = Callable[[str], tuple[int, str, str]]
COMPOSED = (
    {"name": "deterministic", "weights": "ternary:0.8"},
    {"name": "deterministic", "phi": "tanh", "gain": 1.2},
    {"name": "lrt", "noise": "cauchy:0.5"},
    {"name": "shayer", "weights": "ternary:0.6", "neurons": "relu"},
    {"name": "lrt", "weights": "fixed"},
)


def simulation(surrogate: Surrogate, kind: str = "surrogate", **changes: Any) -> Simulation:
    settings = {"width": 400, "depth": 1 if surrogate.real_input else 5, "sigma_m2": 0.3, "sigma_b2": 0.05, "seed": 1}
    settings |= changes
    overlap = settings.pop("overlap", 0.5)
    pair = overlapping_inputs(overlap, settings["width"] + settings["width"] % 2)
    return Simulation(surrogate, pair=pair, inputs="overlap", kind=kind, overlapping=overlap, **settings)


def run(of: Simulation, realisations: int, after: Moments | None = None, workers: int | None = None) -> Moments:
    moments = after
    for moments in of.stream(realisations, after, workers):  # noqa: B007
        pass
    assert moments is not None
    return moments


def largest_z(of: Simulation, realisations: int = 20) -> float:
    return float(np.abs(run(of, realisations).z(of.theory)).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_catalogue_follows_its_theory(surrogate: Surrogate, kind: str) -> None:
    assert largest_z(simulation(surrogate, kind)) < LIMIT


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("parts", COMPOSED, ids=lambda parts: " ".join(map(str, parts.values())))
def test_composed_surrogates_follow_their_theory(parts: dict[str, Any], kind: str) -> None:
    assert largest_z(simulation(compose(**parts), kind)) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", [law.name for law in MEAN_LAWS])
def test_every_law_of_the_means_gives_one_theory(law: str, kind: str) -> None:
    assert largest_z(simulation(compose("deterministic"), kind, means=law, width=200, depth=4)) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("sigma_m2", [0.2, 0.5, 0.99])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_preset_quick(surrogate: Surrogate, kind: str, sigma_m2: float) -> None:
    depth = 1 if surrogate.real_input else 15
    setting = {"width": 1000, "depth": depth, "sigma_m2": sigma_m2, "sigma_b2": 0.01}
    assert largest_z(simulation(surrogate, kind, **setting), 20) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["deterministic", "lrt", "shayer", "moment-matching"])
def test_wrong_theory_is_detected(name: str, kind: str) -> None:
    of, wrong = (simulation(compose(name), kind, sigma_b2=sigma_b2) for sigma_b2 in (0.05, 0.15))
    z = run(of, 60).z(wrong.theory)
    assert (np.abs(z).max(axis=1) > LIMIT).all()


@pytest.mark.parametrize("name", ["deterministic", "stochastic-binary", "shayer"])
def test_replicas_and_inputs_lie_on_one_orbit_of_g(name: str) -> None:
    """r_aa and r_ab of the same run: g takes the measured overlap of a layer to that of the next."""
    surrogate = compose(name, noise="gaussian:0.3") if name == "stochastic-binary" else compose(name)
    pair, setting = overlapping_inputs(0.4, 600), {"sigma_m2": 0.8, "sigma_b2": 0.02}
    found = replicas(surrogate, width=600, depth=5, realisations=60, pair=pair, seed=3, **setting)
    maps = compile_theory(derive(stochastic_network(surrogate)))
    for overlap in (found.r_aa, found.r_ab):
        ahead = maps.replica_map(overlap.values[:, :-1], found.total.values[:, :-1], *setting.values())
        step = overlap.values[:, 1:] - ahead
        z = step.mean(axis=0) / step.std(axis=0, ddof=1) * np.sqrt(len(step))
        assert np.abs(z).max() < LIMIT


def test_marginalised_replicas_are_the_networks() -> None:
    """hbar is the mean of h over what is random: r of the surrogate's hbar is r of the network's h."""
    pair, setting = overlapping_inputs(0.4, 500), {"sigma_m2": 0.8, "sigma_b2": 0.02, "width": 500, "depth": 4}
    size = {"realisations": 60, "pair": pair, "seed": 4}
    runs = [replicas(compose("deterministic"), network=network, **setting, **size) for network in (False, True)]
    for of_means, of_states in ((runs[0].r_aa, runs[1].r_aa), (runs[0].r_ab, runs[1].r_ab)):
        z = (of_means.mean - of_states.mean) / np.hypot(of_means.error, of_states.error)
        assert np.abs(z).max() < LIMIT


def test_network_of_a_surrogate() -> None:
    assert stochastic_network(compose("deterministic", phi="tanh")).treatment == NETWORK
    assert stochastic_network(compose("random-binary")).treatment == compose("random-binary").treatment


def test_a_sharp_network_keeps_equal_inputs_equal() -> None:
    """Where sums of signs are 0 the sign is drawn, once for a neuron."""
    of = simulation(compose("random-binary"), overlap=1.0, sigma_b2=0.0, width=64)
    moments = run(of, 5)
    np.testing.assert_allclose(moments.mean[1], 1, rtol=1e-14)
    np.testing.assert_allclose(moments.mean[2, 1:] / run(replace(of, width=64), 5).mean[2, 1:], 1)


def test_finite_width_term_explains_what_theory_does_not() -> None:
    """Moment matching of relu is off by 1/N; half the width shows how much."""
    of = simulation(compose("moment-matching"), width=600, depth=7, sigma_m2=0.2, sigma_b2=0.001)
    moments, corrected = run(of, 250), at_width(of, 250)
    assert np.abs(moments.z(of.theory)).max() > LIMIT
    assert np.abs(moments.z(corrected.values, corrected.error)).max() < LIMIT
    assert (corrected.error < 0.8 * moments.error).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("means", ["two-point", "uniform"])
def test_workers_change_no_bit(means: str, kind: str) -> None:
    of = simulation(compose("peters-welling"), kind, means=means, width=70, depth=3)
    first, *others = (run(of, 9, workers=workers) for workers in (1, 2, 5))
    for other in others:
        np.testing.assert_array_equal(first.mean, other.mean)
        np.testing.assert_array_equal(first.squares, other.squares)


@pytest.mark.parametrize("kind", KINDS)
def test_extended_run_is_the_run_in_one_go(kind: str, tmp_path: Path) -> None:
    of = simulation(compose("lrt"), kind, width=50, depth=3)
    whole, part = run(of, 8), run(of, 3)
    path = save(result(of, part, Expected(of.theory)), tmp_path / "run.nc")
    continued = run(of, 5, after=finished(of, path))
    assert continued.count == whole.count == 8
    np.testing.assert_array_equal(continued.mean, whole.mean)
    np.testing.assert_array_equal(continued.squares, whole.squares)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("means", ["two-point", "clipped-gaussian"])
@pytest.mark.parametrize("name", ["deterministic", "lrt", "moment-matching", "random-binary"])
def test_torch_simulates_the_same_networks(name: str, means: str, kind: str) -> None:
    """One layer to rounding; deeper ones too, unless a rounding flips a bit that is drawn."""
    of = simulation(compose(name), kind, means=means, width=60, depth=1)
    by_torch = replace(of, device=torch_device("cpu"))
    for k in range(3):
        expected, got = of.ensemble.realisation(k), by_torch.ensemble.realisation(k)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    if of.ensemble.network.surrogate.treatment.propagates == "mean":
        deep, deep_torch = (replace(each, depth=3).ensemble.realisation(0) for each in (of, by_torch))
        np.testing.assert_allclose(deep_torch, deep, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("overlap", [-1.0, -0.3, 0.0, 0.999999, 1.0])
@pytest.mark.parametrize("features", [2, 6, 1000])
def test_inputs_have_their_overlap(features: int, overlap: float) -> None:
    pair = overlapping_inputs(overlap, features)
    for product, expected in ((pair.first**2, 0.5), (pair.second**2, 0.5), (pair.first * pair.second, 0.5 * overlap)):
        assert product.mean() == pytest.approx(expected, abs=1e-15)
    assert max(np.abs(pair.first).max(), np.abs(pair.second).max()) <= 1 + 1e-15


@pytest.mark.parametrize("kind", ["surrogate", "replicas"])
@pytest.mark.parametrize(("name", "means"), [("deterministic", "two-point"), ("shayer", "uniform"), ("lrt", "beta")])
def test_memory_is_what_is_said_at_most(name: str, means: str, kind: str) -> None:
    of = simulation(compose(name), kind, means=means, width=1500, depth=2)
    of.ensemble.realisation(0)
    tracemalloc.start()
    try:
        of.ensemble.realisation(1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bytes_needed(of.width, of.depth, 1)


def test_a_realisation_leaves_its_moments_behind_and_not_its_weights() -> None:
    of = simulation(compose("lrt"), width=20, depth=2)
    run(of, 10)
    peaks = []
    for realisations in (100, 1000):
        tracemalloc.start()
        run(of, realisations, workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    weights_of_one_layer = of.width**2 * np.dtype(np.float64).itemsize
    assert peaks[1] - peaks[0] < 0.1 * 900 * weights_of_one_layer


def test_sizes_that_do_not_fit() -> None:
    free = bytes_needed(5000, 10, 2)
    require_memory(5000, 10, 2, free)
    with pytest.raises(ValueError, match=r"width = 5001, depth = 10: 2 networks .* use a width of at most 5000"):
        require_memory(5001, 10, 2, free)
    with pytest.raises(ValueError, match="no width fits, use a depth of at most"):
        require_memory(10, 10**9, 1, free)
    with pytest.raises(ValueError, match="use a smaller width and depth"):
        require_memory(10**9, 10**9, 1, 1000)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """A command line, as exit code, stdout and stderr."""

    def run_line(line: str) -> tuple[int, str, str]:
        code = main(["simulate", *line.split()])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_line


SMALL = "--width 60 --depth 2 --realisations 4"


def document(text: str) -> dict[str, Any]:
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def test_command_gives_mean_error_theory_and_z(call: Call) -> None:
    code, out, _ = call(f"deterministic {SMALL} --sigma-m2 0.4 --json")
    found = document(out)
    assert code == 0
    assert [layer["layer"] for layer in found["layers"]] == [1, 2]
    of = simulation(compose("deterministic"), width=60, depth=2, sigma_m2=0.4, sigma_b2=0.001, seed=0)
    moments = run(of, 4)
    for k, name in enumerate(("q", "c", "T")):
        cells = [layer[name] for layer in found["layers"]]
        for column, values in (("mean", moments.mean), ("standard_error", moments.error), ("theory", of.theory),
                               ("z", moments.z(of.theory))):  # fmt: skip
            np.testing.assert_array_equal([cell[column] for cell in cells], values[k])
    code, out, _ = call(f"deterministic {SMALL} --sigma-m2 0.4")
    assert code == 0
    assert out.splitlines()[3].split()[:4] == ["layer", "q", "+-", "theory"]


def test_command_saves_and_extends(call: Call, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.nc", tmp_path / "part.nc"
    assert call(f"lrt --network --means uniform {SMALL} --realisations 6 -o {whole}")[0] == 0
    assert call(f"lrt --network --means uniform {SMALL} --realisations 2 -o {part}")[0] == 0
    code, out, err = call(f"lrt --extend {part} --realisations 4 --json")
    assert (code, document(out)["realisations"]) == (0, 6)
    assert f"wrote {part}: 6 networks" in err
    with xr.open_dataset(whole, engine="scipy") as one, xr.open_dataset(part, engine="scipy") as other:
        xr.testing.assert_identical(one, other)
    for line, message in (
        (f"shayer --extend {part}", "its surrogate is lrt, not shayer; give the same"),
        (f"lrt --width 61 --extend {part}", "its width is 60, not 61; give the same"),
        (f"lrt --extend {tmp_path / 'none.nc'}", "there is no such file; save a run with -o first"),
        (f"lrt {SMALL} -o {tmp_path / 'run.png'}", "the name must end in .nc"),
    ):
        code, out, err = call(line)
        assert (code, out) == (EXIT_BAD_INPUT, "")
        assert message in err


def test_interrupted_run_is_saved_and_goes_on(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped:
        def __enter__(self) -> Callable[[int, int], None]:
            return self.tick

        def __exit__(self, *_: object) -> None:
            pass

        def tick(self, done: int, _: int) -> None:
            if done == 3:
                raise KeyboardInterrupt

    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(meanbits.simulate_command, "progress", lambda _: Stopped())
        code, _, err = call(f"lrt {SMALL} --realisations 5 -o {path}")
    assert code == EXIT_INTERRUPTED
    assert "3 networks" in err
    _, out, _ = call(f"lrt --extend {path} --realisations 2 --json")
    _, in_one_go, _ = call(f"lrt {SMALL} --realisations 5 --json")
    assert document(out)["layers"] == document(in_one_go)["layers"]


def test_command_on_images_replicas_and_finite_width(call: Call) -> None:
    code, out, _ = call(f"lrt {SMALL} --dataset digits --json")
    assert (code, document(out)["inputs"]) == (0, "digits")
    code, out, _ = call(f"shayer --replicas {SMALL} --finite-width --json")
    assert code == 0
    assert set(document(out)["layers"][0]) == {"layer", "T", "r_aa", "r_ab"}
    code, out, err = call(f"deterministic --phi tanh --replicas {SMALL} --json")
    assert code == 0
    assert document(out)["layers"][1]["r_aa"]["theory"] is not None
    assert err == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--width 0", "'--width': 0 is not in the range x>=1"),
        ("--depth 0", "'--depth': 0 is not in the range x>=1"),
        ("baldassi --depth 2", "depth = 2: baldassi is a single layer on real inputs; use depth 1"),
        ("--realisations 0", "'--realisations': 0 is not in the range x>=2"),
        ("--workers 0", "'--workers': 0 is not in the range x>=1"),
        ("--sigma-m2 1.1", "--sigma-m2 1.1: it must be in [0, 1]"),
        ("--sigma-b2 -1", "'--sigma-b2': -1 is out of range; it must be in [0, 1e+100]"),
        ("--means uniform --sigma-m2 0.34", "the uniform law on [-1, 1] has at most 0.333333; use two-point"),
        ("--means uniforn", "unknown law of the means 'uniforn'; did you mean uniform?"),
        ("continuous --means beta", "the beta law of the means needs bounded weights"),
        ("--overlap 1.5", "'--overlap': 1.5 is out of range; it must be in [-1, 1]"),
        ("--dataset digits --overlap 0.5", "--overlap 0.5 beside --dataset digits"),
        ("--data-dir .", "--data-dir . without --dataset; name the data set there"),
        ("--dataset digit", "did you mean 'digits'?"),
        ("--network --replicas", "--network beside --replicas"),
        ("--device cuda:99", "--device cuda:99: torch finds"),
        ("--device gpu", "--device gpu: unknown; choose cpu, cuda or cuda:I"),
        ("--width 1000000000000", "bytes, and"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(call: Call, line: str, message: str, tmp_path: Path) -> None:
    code, out, err = call(f"{line} -o {tmp_path / 'run.nc'}")
    assert (code, out) == (EXIT_BAD_INPUT, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_mean_that_is_infinite_has_a_dash_for_its_spread(capsys) -> None:
    """Weights of one neuron that are their means: soon nothing is left that fluctuates, and q is infinite."""
    assert main(["simulate", "--sigma-m2", "1", "--width", "1", "--realisations", "8", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert "inf" in out.split()
    assert "nan" not in out


def test_where_nothing_fluctuates_theory_and_networks_are_infinite_alike(call: Call) -> None:
    line = "baldassi --sigma-m2 1 --width 60 --depth 1 --realisations 4 --json"
    for code, out, err in (call(line), call(f"{line} --finite-width")):
        assert (code, err) == (0, "")
        (layer,) = document(out)["layers"]
        assert [layer["q"][name] for name in ("mean", "theory", "z")] == ["inf", "inf", None]
