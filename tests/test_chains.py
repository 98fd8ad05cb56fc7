"""Named chains of blocks, in every command: against simulation, their formulas, and each other."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
import xarray as xr

import meanbits as mb
from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.experiments.training.cells import train_cell
from meanbits.experiments.training.settings import Settings
from meanbits.numerics.depth import layer_critical, neuron_moments
from meanbits.numerics.depth.foldings import foldings
from meanbits.numerics.depth.layer_advise import layer_advise
from meanbits.numerics.depth.layer_critical import layer_criticality
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.depth.layer_map import layer_map
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.layers.latent import rounded
from meanbits.theory.declarations.compose_layer import row_of
from meanbits.theory.declarations.latent_weights import ABSMEAN
from meanbits.theory.declarations.layer import as_layer
from meanbits.theory.declarations.rows import CHAINS, Row, row_of_layer
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.arbitrary_precision import FUNCTIONS

ROWS = pytest.mark.parametrize("row", CHAINS, ids=lambda row: row.name)
Call = Callable[[str], tuple[int, str, str]]
BIASES = 0.05
OWN = """
import meanbits as mb
neuron, dense = mb.layer_of(mb.compose("random-binary", backward="clip")).blocks
TWICE = mb.Layer("twice", (neuron, dense, mb.Normalise("rms"), mb.Neuron(mb.tanh), dense), mb.sharp)
NORMED = mb.Layer("normed", (mb.Normalise("rms"), neuron, dense), mb.sharp)
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """A command line, as exit code, stdout and stderr."""

    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def document(text: str) -> dict[str, Any]:
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def means_of(row: Row) -> float:
    settled = row.surrogate.weights.mean_square
    return 1.3 if settled is None else float(settled)


def words(row: Row) -> str:
    """The variances that a command needs."""
    return ("" if row.surrogate.weights.mean_square is not None else "--sigma-m2 1.3 ") + f"--sigma-b2 {BIASES}"


def test_ternary_weights_by_the_mean_size() -> None:
    """P(0) = erf(1/(2 sqrt pi)) = 0.310, and with the scale E|w| their mean square is 0.439 of the latent one."""
    zero = next(chance for value, chance in ABSMEAN.means if value == 0)
    assert float(zero) == pytest.approx(math.erf(0.5 / math.sqrt(math.pi)), rel=1e-14)
    scale = row_of("bitlinear").scale
    assert float(scale**2 * ABSMEAN.mean_square) == pytest.approx(2 / math.pi * math.erfc(0.5 / math.sqrt(math.pi)))
    assert float(scale**2 * ABSMEAN.mean_square) == pytest.approx(0.439, abs=5e-4)
    latent = torch.randn(1, 1000, 1000, generator=torch.Generator().manual_seed(0))
    ternary = rounded(ABSMEAN, latent, stacked=1)
    assert float((ternary == 0).double().mean()) == pytest.approx(float(zero), abs=4e-3)


@ROWS
def test_rows_are_reached_by_name_and_by_their_chain(row: Row) -> None:
    assert mb.compose(row.name) == row.layer
    again = row_of_layer(row.layer)
    assert (again.layer, again.normalise, again.behind) == (row.layer, row.normalise, row.behind)
    assert "arXiv" in row.surrogate.reference


def test_options_replace_parts() -> None:
    assert row_of("xnor", normalise="none", scale=1).layer.blocks == mb.compose("binaryconnect-ste").blocks
    assert row_of("bi-real", skip="none", normalise="batch").layer.blocks[0] == mb.Normalise("batch")
    kept = row_of("quantised-k", neurons="quantiser:16").surrogate.neurons
    assert kept.name == "quantiser:16, backward clip"
    assert row_of("quantised-k", backward="exact").surrogate.neurons.backward is None
    assert row_of("quantised-k", backward="tanh").surrogate.neurons.name == "quantiser:4, backward tanh"


def compare(row: Row, width: int, networks: int, depth: int = 3) -> None:
    expected = profile(row.layer, depth, means_of(row), BIASES)
    found = simulate_layers(row.layer, depth, means_of(row), BIASES, width=width, networks=networks)
    for name, values in (("T", expected.T), ("pair", expected.c), ("gradient", expected.gradient)):
        assert np.abs(found.z(name, values)).max() < 4, name
    assert np.abs(found.z("overlap", expected.overlap)[:-1]).max() < 4


@ROWS
def test_random_networks(row: Row) -> None:
    compare(row, width=200, networks=24, depth=2)


@pytest.mark.slow
@ROWS
def test_wide_networks(row: Row) -> None:
    compare(row, width=600, networks=48)


@ROWS
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_formulas_are_the_maps(row: Row, backend: str) -> None:
    """The emitted formulas of a chain against its blocks as numbers, two routes from the same declaration."""
    maps, layer, typical = mb.compile(mb.derive(row.name), backend), row.layer, 0.2
    for q, c in ((0.6, 0.3), (2.5, 0.9)):
        given = (q, means_of(row), BIASES, *((typical,) if layer.has_batch_norm else ()))
        given = given if backend == "numpy" else tuple(torch.tensor(each, dtype=torch.float64) for each in given)
        at = layer_map(layer, means_of(row), BIASES, q, 1 - c, typical=typical if layer.has_batch_norm else None)
        c = c if backend == "numpy" else torch.tensor(c, dtype=torch.float64)
        assert float(maps.variance_map(*given)) == pytest.approx(at.q_out, rel=1e-12)
        assert float(maps.total_map(*given)) == pytest.approx(at.q_out, rel=1e-12)
        assert float(maps.correlation_map(c, *given)) == pytest.approx(at.c_out, rel=1e-10)
        assert float(maps.chi(c, *given)) == pytest.approx(at.chi, rel=1e-9)
        assert float(maps.gradient_growth(*given)) == pytest.approx(at.chi_g, rel=1e-11)
        assert maps.gradient_overlap(c, *given) < maps.gradient_growth(*given)
        assert float(maps.gap_map(1 - c, *given)) == pytest.approx(at.gap_out, rel=1e-12)
        assert float(maps.chi_at_gap(1 - c, *given)) == pytest.approx(at.chi, rel=1e-12)


@pytest.mark.parametrize("options", [
    {"name": "deterministic", "normalise": "rms"}, {"name": "deterministic", "dropout": 0.2, "scale": 1.3},
    {"name": "lrt", "skip": "0.8:0.6"}, {"name": "moment-matching", "neurons": "tanh", "normalise": "batch"},
], ids=str)  # fmt: skip
def test_formulas_of_noisy_fields_are_the_maps(options: dict[str, Any]) -> None:
    layer = as_layer(mb.compose(**options))
    maps, q, c = mb.compile(mb.derive(layer)), 0.7, 0.4
    rest = {"typical": 0.1} if layer.has_batch_norm else {}
    at = layer_map(layer, 0.6, BIASES, q, 1 - c, total=1.1 if layer.is_relative else None, **rest)
    more = rest | ({"T": 1.1} if layer.is_relative else {})
    assert float(maps.variance_map(q, 0.6, BIASES, **more)) == pytest.approx(at.q_out, rel=1e-11)
    assert float(maps.correlation_map(c, q, 0.6, BIASES, **more)) == pytest.approx(at.c_out, rel=1e-10)
    assert float(maps.chi(c, q, 0.6, BIASES, **more)) == pytest.approx(at.chi, rel=1e-9)
    assert float(maps.gradient_growth(q, 0.6, BIASES, **more)) == pytest.approx(at.chi_g, rel=1e-9)


@pytest.mark.parametrize("name", ["xnor", "binaryconnect-ste", "quantised-k", "dorefa-like"])
def test_a_map_at_the_fixed_point_stays(name: str) -> None:
    row = row_of(name)
    found = layer_fixed_points(row.layer, means_of(row), BIASES)
    at = layer_map(row.layer, means_of(row), BIASES, float(found.q), 1 - float(found.c))
    assert (at.q_out, at.c_out) == pytest.approx((float(found.q), float(found.c)), abs=1e-11)
    assert (at.chi, at.chi_g) == pytest.approx((float(found.chi), float(found.chi_g)), rel=1e-9)


def test_chi_of_a_map_is_its_derivative_and_tiny_gaps_keep_their_digits() -> None:
    layer, step = as_layer(mb.compose("continuous", normalise="rms", skip="0.6:0.8")), 1e-5
    at, ahead, behind = (layer_map(layer, 1.2, 0.1, 0.9, 0.5 + each) for each in (0.0, step, -step))
    assert at.chi == pytest.approx((ahead.gap_out - behind.gap_out) / (2 * step), rel=1e-8)
    tiny = layer_map(layer, 1.2, 0.1, 0.9, 1e-30)
    assert tiny.gap_out == pytest.approx(tiny.chi * 1e-30, rel=1e-12)


GAPS = (1e-20, 1e-12, 1e-5, 0.03, 0.7, 1.4, 2.0)
CLOSED = ({"name": "xnor"}, {"name": "binaryconnect-ste"}, {"name": "bi-real"}, {"name": "lrt", "skip": "0.8:0.6"},
          {"name": "deterministic", "normalise": "rms"}, {"name": "deterministic", "dropout": 0.2, "scale": 1.3},
          {"name": "continuous", "neurons": "erf", "normalise": "batch"},
          {"name": "continuous", "neurons": "relu", "skip": "0.6:0.8"})  # fmt: skip


@pytest.mark.parametrize("options", CLOSED, ids=str)
def test_gap_maps_against_arbitrary_precision(options: dict[str, Any]) -> None:
    """1 - c' of the closed correlation map at 60 digits, of which a gap of 1e-20 takes 20, at |c| <= 1."""
    layer = as_layer(mb.compose(**options))
    theory, maps, torch_maps = mb.derive(layer), mb.compile(mb.derive(layer)), mb.compile(mb.derive(layer), "torch")
    state = {"q": 0.7, "sigma_m2": 0.5, "sigma_b2": BIASES} | ({"T": 1.1} if layer.is_relative else {})
    state |= {"typical": 0.0} if layer.has_batch_norm else {}
    names = [mb.symbols.c, *(getattr(mb.symbols, name) for name in state)]
    closed = sp.lambdify(names, theory.correlation_map, modules=[FUNCTIONS, "mpmath"])
    for gap in GAPS:
        with mpmath.workdps(60):
            expected = float(1 - closed(1 - mpmath.mpf(gap), *map(mpmath.mpf, state.values())))
        assert float(maps.gap_map(gap, **state)) == pytest.approx(expected, rel=2e-14), gap
        given = {name: torch.tensor(value, dtype=torch.float64) for name, value in state.items()}
        tensor = torch.tensor(gap, dtype=torch.float64)
        assert float(torch_maps.gap_map(tensor, **given)) == pytest.approx(expected, rel=2e-14), gap


def test_a_gap_map_that_is_left_to_quadrature_is_chi_times_a_tiny_gap() -> None:
    """And at c = 0 it is 1 - c' of independent fields, at c = -1 that of opposite ones."""
    layer = as_layer(mb.compose("moment-matching", neurons="gelu", normalise="rms", dropout=0.1))
    maps = mb.compile(mb.derive(layer))
    given = (0.7, 0.5, BIASES, 1.1)
    for gap in (1e-20, 1e-12):
        assert float(maps.gap_map(gap, *given)) == pytest.approx(gap * float(maps.chi_at_gap(0.0, *given)), rel=1e-11)
    for gap in (0.5, 1.0, 2.0):
        at = 1 - float(maps.correlation_map(1 - gap, *given))
        assert float(maps.gap_map(gap, *given)) == pytest.approx(at, rel=1e-10)


def test_gradients_of_the_emitted_gap_map_are_its_slope() -> None:
    maps = mb.compile(mb.derive("quantised-k", normalise="batch"), "torch")
    gap = torch.tensor([1e-12, 0.1, 1.0], dtype=torch.float64, requires_grad=True)
    rest = [torch.tensor(each, dtype=torch.float64) for each in (0.7, 1.3, BIASES, 0.0)]
    maps.gap_map(gap, *rest).sum().backward()
    assert torch.allclose(gap.grad, maps.chi_at_gap(gap, *rest), rtol=1e-12)


def test_a_map_keeps_the_digits_of_a_tiny_gap(call: Call) -> None:
    """Where fields are integrated out too; and c_out is what the gap leaves of 1."""
    for line in ("deterministic --normalise rms --sigma-m2 0.5", "xnor --typical 0"):
        _, out, _ = call(f"map {line} --sigma-b2 0 --q 1 --gap 1e-20 --json")
        tiny = document(out)
        assert 0 < tiny["gap_out"] < 1e-9
        assert tiny["c_out"] == 1 - tiny["gap_out"]
    assert tiny["gap_out"] == pytest.approx(2 / math.pi * math.sqrt(2e-20), rel=1e-9)


def test_blocks_that_keep_no_gap_have_no_gap_map() -> None:
    """One that squares what inputs differ by, where two runs of one input differ."""

    @dataclass(frozen=True)
    class Odd:
        name = "odd"
        gives_field = None

        def forward(self, flow: Any, of: Any) -> Any:
            return replace(flow, fall=flow.fall**2 / flow.total)

        def slope(self, flow: Any, of: Any) -> Any:
            return 2 * flow.fall / flow.total

        def backward(self, flow: Any, of: Any) -> Any:
            return mb.Factors(1, 1)

        def apply(self, x: Any, draw: Any) -> Any:
            return x

    base = as_layer(mb.compose("deterministic", scale=1))
    layer = replace(base, blocks=(*base.blocks, Odd()))
    assert mb.derive(layer).gap_formulas == {}
    with pytest.raises(ValueError, match="has no gap map"):
        layer_map(layer, 0.5, 0.1, 1.0, 0.1, total=1.0)


def test_fixed_points_of_a_grid_are_those_of_points() -> None:
    layer, means, biases = mb.compose("quantised-k"), np.array([0.7, 1.5]), np.array([0.0, 0.4])
    grid = mb.fixed_point(layer, means[:, None], biases)
    for i, j in ((0, 1), (1, 0)):
        alone = layer_fixed_points(layer, means[i], biases[j])
        assert [grid.q[i, j], grid.c[i, j]] == pytest.approx([float(alone.q), float(alone.c)], abs=1e-10)
    assert not mb.fixed_point("bi-real", [1.0], 0.0).found.any()
    assert mb.phase_diagram("quantised-k", means, biases)["xi_g"].values == pytest.approx(grid.xi_g, rel=1e-12)


def test_critical_points_forward_backward_and_both() -> None:
    exact = layer_criticality(as_layer(mb.compose("continuous", neurons="erf", scale=1)))
    maps = mb.compile(mb.derive("continuous", neurons="erf"))
    for point in exact.forward:
        assert float(maps.chi_at_gap(0.0, point.q, point.value, point.sigma_b2)) == pytest.approx(1, abs=1e-9)
    assert len(exact.forward) > 5
    assert exact.both == exact.forward
    signs = layer_criticality(mb.compose("binaryconnect-ste"))
    assert (signs.parameter, signs.forward, signs.both) == ("scale", (), ())
    assert "infinite" in str(signs.reason)
    for point in signs.backward:
        T = point.value**2 * (1 + point.sigma_b2)
        assert point.value**2 * math.erf(1 / math.sqrt(2 * T)) == pytest.approx(1, abs=1e-9)
    assert layer_criticality(mb.compose("xnor")).backward == ()
    noisy = layer_criticality(as_layer(mb.compose("continuous", neurons="erf", dropout=0.1)))
    assert "do not stay equal" in str(noisy.reason)


def test_where_both_directions_are_critical_is_one_point() -> None:
    """A slope of its own moves the backward curve across the forward one."""
    layer = as_layer(mb.compose("continuous", neurons="erf", backward="expr:1.1*exp(-h**2/2)", scale=1))
    (point,) = layer_criticality(layer).both
    found = layer_fixed_points(layer, point.value, point.sigma_b2, c0=1.0)
    assert (float(found.chi_1), float(found.chi_g)) == pytest.approx((1, 1), abs=1e-8)


def test_where_both_directions_are_critical_gradients_may_grow_from_either_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer_critical, "BIASES", np.array([1e-4, 1e-2]))
    layer = as_layer(mb.compose("continuous", neurons="erf", backward="expr:1.2*exp(-2*h**2)", scale=1))
    found = layer_criticality(layer)
    growths = [point.chi_g for point in found.forward]
    assert growths == sorted(growths, reverse=True)
    (point,) = found.both
    assert (point.chi_1, point.chi_g) == pytest.approx((1, 1), abs=1e-9)
    assert growths[0] > 1 > growths[-1]


def test_the_trace_follows_the_typical_pair_where_batch_norm_takes_it_away() -> None:
    c, typical = mb.symbols.c, mb.symbols.typical
    for norm, expected in (("batch", (1, (c - typical) / (1 - typical), 0)), ("rms", (1, c))):
        step = mb.derive(as_layer(mb.compose("continuous", neurons="erf", normalise=norm))).trace[0]
        assert sp.simplify(sp.Matrix(step.after) - sp.Matrix(expected)).is_zero_matrix


def test_inputs_that_become_one_by_a_power_of_depth_do_so_in_a_batch_too() -> None:
    """relu at sigma_m2 = 2: T stays, and chi_1 = 1; a typical pair is one as any other where no norm sees the batch."""
    found = layer_fixed_points(as_layer(mb.compose("continuous", neurons="relu", scale=1)), 2.0, 0.0)
    assert (float(found.T), float(found.c), float(found.typical)) == (pytest.approx(1, rel=1e-12), 1, 1)


@pytest.mark.parametrize("biases", [1e-3, 1.0, 1e7, 1e20, 1e290])
def test_biases_of_any_size_have_their_fixed_point(biases: float) -> None:
    """T = s/(1 - m) of neurons that are linear, s + m of neurons that are signs where it is large."""
    linear, tanh = (as_layer(mb.compose("continuous", neurons=name, scale=1)) for name in ("linear", "tanh"))
    assert float(layer_fixed_points(linear, 0.9, biases).T) == pytest.approx(biases / (1 - 0.9), rel=1e-11)
    assert biases < 1e7 or float(layer_fixed_points(tanh, 0.9, biases).T) == pytest.approx(biases + 0.9, rel=1e-10)


def test_small_fields_that_settle_slowly_are_reached_by_leaps() -> None:
    """T = s/(1 - m) of neurons that are linear, the distance to which falls by m = 1 - 1e-3 a layer."""
    linear = as_layer(mb.compose("continuous", neurons="linear", scale=1))
    assert float(layer_fixed_points(linear, 1 - 1e-3, 1e-5, most=1000).T) == pytest.approx(1e-2, rel=1e-9)


@pytest.mark.parametrize("name", ["xnor", "quantised-k"])
def test_advised_chains_train_and_their_options_name_them(name: str) -> None:
    advice = layer_advise(row_of(name), 50, 0.001, {"name": name})
    best = advice.advised
    assert best is not None
    assert not advice.given.trains
    pasted = advice.options(best).replace(name, "").replace("--", "").split()
    again = mb.compose(name, **dict(zip(pasted[::2], pasted[1::2], strict=True)))
    assert again == best.layer
    means = 1.0 if best.sigma_m2 is None else best.sigma_m2
    gradient = profile(again, 50, means, 0.001).gradient
    assert math.log(gradient[0]) == pytest.approx(best.backward, rel=1e-9)
    assert abs(best.backward) < 6


def test_skips_are_tried_at_the_best_means_and_slopes_where_gradients_see_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the search for the best has come to, here after one of its passes."""
    monkeypatch.setattr("meanbits.numerics.depth.layer_advise.PASSES", 1)
    smooth = layer_advise(Row(mb.compose("continuous"), normalise="rms"), 200, 0.001)
    assert {each.sigma_m2 for each in smooth.tried if "skip" in each.change} == {smooth.given.sigma_m2} != {1.0}
    integrated = layer_advise(Row(mb.compose("deterministic"), normalise="rms"), 200, 0.001)
    assert integrated.tried
    assert not any("backward" in each.change for each in (*smooth.tried, *integrated.tried))


def test_advice_of_a_depth_that_trains_changes_nothing() -> None:
    advice = layer_advise(row_of("quantised-k"), 5, 0.001)
    assert advice.advised is advice.given
    assert advice.tried == ()


COMMANDS = ("profile {} --depth 3 {}", "map {} {} --q 0.8 --c 0.4 --typical 0", "derive {} --steps",
            "simulate {} --width 20 --depth 2 --realisations 2 {}", "emit {}")  # fmt: skip


@ROWS
@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_takes_every_row(call: Call, row: Row, line: str) -> None:
    if not row.layer.has_batch_norm:
        line = line.replace("--typical 0", "")
    code, out, err = call(f"{line.format(row.name, words(row))} --json")
    assert code == 0, err
    named = document(out)["surrogate"]
    assert (named["name"] if isinstance(named, dict) else named) == row.name


def test_the_catalogue_lists_chains(call: Call) -> None:
    _, out, _ = call("catalogue --json")
    found = document(out)
    assert [each["name"] for each in found["chains"]] == [row.name for row in CHAINS]
    assert len(found["surrogates"]) == len(mb.catalogue()) == 10
    _, text, _ = call("catalogue")
    assert all(row.name in text for row in CHAINS)


def test_fixed_point_critical_phase_and_advise(call: Call, tmp_path: Path) -> None:
    _, out, _ = call("fixed-point xnor --sigma-b2 0.05 --json")
    assert document(out)["chi_g"] == pytest.approx(math.erf(1 / math.sqrt(2)), rel=1e-12)
    _, out, _ = call("critical binaryconnect-ste --json")
    found = document(out)
    assert (found["feasible"], found["certified"], found["parameter"]) == ("none", True, "scale")
    assert all(step["holds"] for step in found["certificate"]["steps"])
    backward = found["backward_certificate"]
    assert (backward["feasible"], backward["certified"]) == ("attained", True)
    low, high = backward["certificate"]["box"]["scale"]
    assert any(low < point["scale"] < high for point in found["backward"])
    assert (found["both_certificate"]["feasible"], found["both_certificate"]["certified"]) == ("none", True)
    target = tmp_path / "phase.png"
    assert call(f"phase quantised-k --sigma-m2 0.5:2:3 --sigma-b2 0:0.2:2 -o {target}")[0] == 0
    with xr.open_dataset(target.with_suffix(".nc"), engine="scipy") as saved:
        assert saved["xi_g"].shape == (3, 2)
        assert np.all(saved["found"] == 1)
    assert call(f"phase xnor --sigma-b2 0:1:3 -o {tmp_path / 'line.png'}")[0] == 0
    assert (tmp_path / "line.png").stat().st_size > 10_000
    _, out, _ = call("advise xnor --depth 20 --json")
    found = document(out)
    assert (found["trainable"], found["instead"]["trainable"]) == (False, True)
    assert len(found["unknown"]) > 2


def test_layers_declared_in_a_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    for line in ("profile {}:TWICE --depth 2 --sigma-b2 0.1", "derive {}:TWICE", "fixed-point {}:NORMED --sigma-b2 0.1",
                 "advise {}:NORMED --depth 5"):  # fmt: skip
        code, _, err = call(line.format(tmp_path / "own.py") + (" --json" if "advise" in line else ""))
        assert code == 0, err
    code, _, err = call(f"advise {tmp_path / 'own.py'}:TWICE --depth 5")
    assert code == EXIT_BAD_INPUT
    assert "another form" in err


BAD = (
    ("profile xnorr --depth 2 --sigma-b2 0", "did you mean xnor"),
    ("profile xnor --depth 2 --sigma-b2 0 --sigma-m2 0.5", "leave the option out"),
    ("profile random-binary --normalise batch:before --depth 2 --sigma-b2 0", "KIND:behind"),
    ("profile random-binary --dropout 1 --depth 2 --sigma-b2 0", "must lie in [0, 1)"),
    ("profile deterministic --backward clip --skip 1 --depth 2 --sigma-b2 0", "would be ignored"),
    ("profile xnor --treatment marginalise --depth 2 --sigma-b2 0", "would be ignored"),
    ("profile random-binary --backward expr:q --depth 2 --sigma-b2 0", "unknown"),
    ("simulate xnor --batch 1 --sigma-b2 0", "at least 2 inputs"),
    ("simulate xnor --network --sigma-b2 0", "leave it out"),
    ("train xnor --batch-size 1 --sigma-b2 0", "at least 2 images"),
    ("train quantised-k --sigma-b2 0", "--sigma-m2 is missing"),
    ("map xnor --sigma-b2 0 --q 1 --c 0.5 --typical 1", "below 1"),
    ("map quantised-k --sigma-m2 1 --sigma-b2 0 --q 1 --c 0.5 --typical 0", "leave it out"),
    ("map bi-real --sigma-b2 0 --q 1 --c 0.5", "--typical is missing"),
    ("fixed-point bi-real --sigma-b2 0", "no fixed point"),
    ("critical bi-real", "no fixed point"),
    ("phase bi-real --sigma-b2 0.1:1:3 -o x.nc", "a fixed point nowhere"),
    ("phase xnor --gains 0:1:2 --sigma-b2 0 -o x.nc", "no paper form"),
    ("phase continuous --sigma-b2 0 -o x.nc", "--sigma-m2 is missing"),
    ("phase xnor --sigma-m2 0.1:1:3 --sigma-b2 0 -o x.nc", "leave the option out"),
    ("advise xnor --depth 5000", "from 1 to"),
    ("jacobian deterministic --normalise rms --sigma-m2 0.5 --sigma-b2 0.1", "not integrated out"),
)


@pytest.mark.parametrize(("line", "said"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_refused_in_one_line(call: Call, line: str, said: str) -> None:
    code, out, err = call(line)
    assert (code, out) == (EXIT_BAD_INPUT, "")
    assert err.count("\n") == 1
    assert said in err


def test_a_slope_that_none_would_see_is_refused_in_a_chain_too() -> None:
    neuron, dense = mb.compose("binaryconnect-ste").blocks
    with pytest.raises(SurrogateError, match="would be ignored"):
        mb.Layer("mine", (neuron, dense), mb.marginalise)
    with pytest.raises(SurrogateError, match="no function of h"):
        mb.straight_through(mb.sign, mb.symbols.q)


@ROWS
def test_every_row_trains(row: Row) -> None:
    means = 1.3 if row.surrogate.weights.mean_square is None else None
    record = train_cell(Settings(surrogate=row.name, depth=2, width=32, epochs=6, train_size=400, sigma_m2=means,
                                 readout="real", lr=1e-2, samples=1))  # fmt: skip
    assert record["loss"][-1] < record["loss"][0]
    assert record["q"]["theory"] is not None
    assert record["surrogate"]["train_accuracy"] > 0.15


def test_a_norm_behind_the_weights_settles_for_evaluation() -> None:
    """What a network answers to an image does not depend on the others it is shown with."""
    from meanbits.experiments.training.draws import streams
    from meanbits.experiments.training.network import initialised, settled_norms

    settings = Settings(surrogate="bi-real", depth=3, width=16)
    network = initialised([settings], 20, streams([settings]).initial)
    images = torch.rand(50, 20, generator=torch.Generator().manual_seed(1)) * 2 - 1
    known = settled_norms(network, images)
    assert torch.allclose(known.logits(images[None]), network.logits(images[None]), atol=1e-5)
    assert torch.allclose(known.logits(images[None])[:, :5], known.logits(images[None, :5]), atol=1e-5)


@pytest.mark.parametrize("name", ["xnor", "bi-real", "bitlinear", "binaryconnect-ste"])
def test_compiled_chains_give_numbers_or_refuse(name: str) -> None:
    maps = mb.compile(mb.derive(name))
    fields: dict[str, tuple[float, ...]] = {
        "c": (-1, 0, 1), "gap": (0, 1, 2), "q": (0, 1e-300, 1, 1e300), "T": (0, 1), "sigma_m2": (0, 0.5),
        "sigma_b2": (0, 0.1), "typical": (0, 0.3, 1)}  # fmt: skip
    functions = {key: value for key, value in vars(maps).items() if callable(value)}
    for function in functions.values():
        names = inspect.signature(function).parameters
        for point in itertools.product(*(fields[each] for each in names)):
            try:
                assert not np.isnan(function(*map(float, point))).any()
            except ValueError as error:
                assert "cannot be computed" in str(error) or "of magnitude" in str(error)  # noqa: PT017
    with pytest.raises(ValueError, match="2 typical - 1 < c"):
        mb.compile(mb.derive("xnor")).correlation_map(-1.0, 1.0, 0.5, 0.1, 0.3)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_gradients_overlap_wholly_where_every_field_is_inside_the_clip(c: float) -> None:
    maps = mb.compile(mb.derive("binaryconnect-ste"))
    assert maps.gradient_overlap(c, 0.0, 0.5, 0.1) == 1
    torch_maps = mb.compile(mb.derive("binaryconnect-ste"), backend="torch")
    assert float(torch_maps.gradient_overlap(torch.tensor(c), torch.tensor(0.0), 0.5, 0.1)) == 1


def test_initialisation_of_chains() -> None:
    """Where sigma_m2 is open, no other value changes correlations and gradients less over 30 layers."""
    mean, blocks = torch.empty(100, 400), {"neurons": "tanh", "dropout": "0.1"}
    generator = torch.Generator().manual_seed(1)
    mb.init.critical_(mean, "continuous", generator=generator, parametrisation="ntk", **blocks)
    chosen = float(mean.var(unbiased=False))
    out, back = foldings(mb.compose("continuous", **blocks), 30, np.append(np.linspace(0.2, 5, 25), chosen), 0.0)
    worst = np.maximum(np.abs(out), np.abs(back))
    assert worst[-1] <= worst[:-1].min() + 0.02
    with pytest.warns(UserWarning, match="squared gradients by -1.*e-foldings; meanbits advise"):
        latent = mb.init.critical_(torch.empty(30, 40), "xnor")
    assert latent.abs().max() <= 1
    assert latent.std() > 0.5


def test_simulations_and_trainings_from_python() -> None:
    found = mb.simulate("binaryconnect-ste", 2, width=200, realisations=8)
    assert found["quantity"].values.tolist() == ["T", "c", "gradient", "overlap"]
    assert abs(found["z"]).max() < 4
    common = {"depth": 2, "width": 20, "sigma_b2": 0.0, "epochs": 1, "train_size": 100, "samples": 1}
    assert mb.train(mb.derive("xnor"), **common) == mb.train("xnor", **common)
    with pytest.raises(ValueError, match="the parts of xnor are settled"):
        mb.train(mb.compose("xnor"), neurons="tanh", **common)


@pytest.mark.parametrize("neurons", ["relu", pytest.param("leaky:0.3", marks=pytest.mark.slow)])
def test_inputs_that_become_one_by_a_power_of_depth_come_to_a_fixed_point(neurons: str) -> None:
    """Behind rms norm neurons of degree 1 have chi_1 = 1 without biases."""
    layer = mb.compose("continuous", neurons=neurons, normalise="rms")
    found = layer_fixed_points(layer, [1.3], [0.0])
    assert found.chi_1 == pytest.approx(1, rel=1e-14)
    assert found.c == 1
    apart = 1 - profile(layer, 400, 1.3, 0.0).c
    assert 1.8 < math.log2(apart[200] / apart[400]) < 2  # as l^-2


def test_fields_that_vanish_come_to_no_fixed_point_without_a_warning() -> None:
    """Three levels let nothing through where fields are far below their thresholds: T underflows."""
    layer = as_layer(mb.compose("continuous", neurons="quantiser:3"))
    assert not layer_fixed_points(layer, [0.5], [0.0]).found.any()


def test_a_chain_looks_at_no_point_of_a_quadrature_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a norm all fields have one variance, whatever the variances of weights and biases."""
    alone, seen = neuron_moments._checked, []

    def watched(*given: Any) -> Any:
        found = alone(*given)
        return SimpleNamespace(
            **vars(found) | {"gap_map": lambda *points: seen.append(points) or found.gap_map(*points)}
        )

    layer = row_of(neurons="gelu", normalise="batch").layer
    expected = layer_fixed_points(layer, [0.5, 1.0], [0.1, 0.2])
    neuron_moments._maps.cache_clear()
    neuron_moments._fall.cache_clear()
    monkeypatch.setattr(neuron_moments, "_checked", watched)
    found = layer_fixed_points(layer, [0.5, 1.0], [0.1, 0.2])
    neuron_moments._maps.cache_clear()
    assert seen
    for points in seen:
        rows = np.stack(np.broadcast_arrays(*points))
        assert rows.shape[1] == np.unique(rows, axis=1).shape[1]
    np.testing.assert_array_equal(found.q, expected.q)


@pytest.mark.parametrize("biases", [0.0, 0.3])
def test_behind_weights_of_zero_nothing_is_passed_on_however_steep_neurons_are(biases: float) -> None:
    found = mb.fixed_point("quantised-k", [0.0, 5e-324], biases)
    assert (found.chi[0], found.chi_1[0], found.chi_g[0]) == (0, 0, 0)
    np.testing.assert_array_equal(found.q, biases)
