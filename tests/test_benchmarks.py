"""What the benchmarks compare computes the same; rows know whether they meet what is required."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import GROUPS, main
from benchmarks.kept import FOLDER, keep, page, processor_name
from benchmarks.peer import VARIABLE, every, peer_rows
from benchmarks.phase import axes, by_hand
from benchmarks.points import SIGMA_B2, SIGMA_M2, arbitrary
from benchmarks.table import MACHINE, as_markdown, machine, rows_of
from benchmarks.tanh import CHI, GAP, exact_maps, gap_map_by_hand
from benchmarks.timing import MILLISECONDS, Row, Timing, interleaved, millions_a_second, timed_row
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.phase import phase_diagram
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive


def test_every_group_can_be_measured() -> None:
    for _, target, _ in GROUPS:
        module, function = target.split(":")
        assert callable(getattr(import_module(module), function))


def test_an_unknown_group_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit):
        main()
    assert "unknown group 'speed'; known: maps, erf" in capsys.readouterr().err


@pytest.mark.parametrize(("row", "met"), [
    (Row("g", "w", 2.0, "s"), None), (Row("g", "w", 2.0, "s", limit=2.0), True),
    (Row("g", "w", 2.0, "s", limit=1.0), False), (Row("g", "w", 2.0, "s", least=3.0), False),
    (Row("g", "w", 2.0, "s", 0.9, "b", limit=1.0), True),
    (Row("g", "w", None, "not here", limit=1.0), None),
])  # fmt: skip
def test_rows_know_whether_they_meet_what_is_required(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_ratios_are_of_rounds_and_processor_time_is_shown_where_it_differs() -> None:
    base, timing = Timing((1.0, 4.0, 2.0), (1.0, 4.0, 2.0)), Timing((2.0, 8.0, 4.0), (3.0, 12.0, 6.0))
    row = timed_row("group", "case", timing, MILLISECONDS, ("base", base), limit=1.5)
    assert (row.ratio, row.cpu_ratio, row.value, row.cpu) == (2.0, 3.0, 4000.0, 6000.0)
    text = as_markdown([row], dict.fromkeys(MACHINE))
    assert "2.00 x base (3.00 x by processor time) | at most 1.5 x base | **no** |" in text
    assert millions_a_second(10**6).of(0.5) == 2.0


def test_each_round_runs_every_case_once() -> None:
    seen: list[str] = []
    timings = interleaved({name: lambda name=name: seen.append(name) for name in "abc"}, 4)
    assert [len(timing.wall) for timing in timings.values()] == [4, 4, 4]
    assert all(sorted(seen[start : start + 3]) == ["a", "b", "c"] for start in range(0, 15, 3))


def test_tanh_by_hand_and_by_mpmath_are_the_emitted_maps() -> None:
    maps, gap, q = compile_theory(derive(compose("continuous"))), np.array([0.01, 0.7, 1.6]), np.array([0.1, 0.02, 0.2])
    exact, point = exact_maps(gap, q), (gap, q, SIGMA_M2, SIGMA_B2)
    assert maps.gap_map(*point) == pytest.approx(exact[GAP], rel=1e-14)
    assert maps.chi_at_gap(*point) == pytest.approx(exact[CHI], rel=1e-14)
    assert gap_map_by_hand(*point) == pytest.approx(exact[GAP], rel=1e-9)


def test_layers_by_hand_reach_the_fixed_point() -> None:
    grid = axes(0.6, 3)[0], np.array([0.1, 0.5])
    found = phase_diagram(derive(compose("deterministic")), *grid)
    for name, values in zip(("q", "c", "chi_1"), by_hand(*grid), strict=True):
        assert values == pytest.approx(found[name].values, rel=1e-12)


def test_without_the_peer_a_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    (row,) = peer_rows()
    assert row.what == "not installed"
    assert VARIABLE in row.unit
    monkeypatch.setenv(VARIABLE, "/no/such/python")
    assert "/no/such/python: No such file" in peer_rows()[0].unit


def test_answers_are_evenly_spaced() -> None:
    c, _ = arbitrary(1000)
    assert every(c).size == 40


def test_results_are_kept_by_processor_and_a_group_measured_again_replaces_its_own(tmp_path: Path) -> None:
    where = machine() | {"load_at_end": 0.5}
    first, other = Row("g", "old", 1.0, "s", spread=0.1), Row("h", "stays", 2.0, "ms", 0.5, "base", limit=1.0)
    path = keep({"maps": [first], "erf": [other]}, where, tmp_path)
    again = Row("g", "new", 3.0, "s")
    assert keep({"maps": [again]}, where | {"load": 9.0}, tmp_path) == path
    known = json.loads(path.read_text())
    assert {name: rows_of(each) for name, each in known.items()} == {"maps": [again], "erf": [other]}
    shown = page(["erf", "maps"], tmp_path)
    assert "old" not in shown
    assert shown.index("stays") < shown.index("new")
    assert "load 9.0 at the start" in shown
    assert keep({"maps": [again]}, where | {"cpu": "another"}, tmp_path) != path


def test_committed_results_are_of_groups_that_there_are() -> None:
    names = {name for name, *_ in GROUPS}
    for path in FOLDER.glob("*.json"):
        known = json.loads(path.read_text(encoding="utf-8"))
        assert known.keys() <= names
        assert {processor_name(each["machine"]) for each in known.values()} == {path.stem}


def test_the_spread_is_half_the_middle_half() -> None:
    assert Timing((1.0, 2.0, 3.0, 4.0, 5.0), (1.0,) * 5).spread == pytest.approx(1 / 3)
    assert Timing((1.0, 2.0, 3.0), (1.0,) * 3).spread is None
