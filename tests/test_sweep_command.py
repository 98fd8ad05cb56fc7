"""The command sweep: what it prints and writes, how it refuses bad input, and that a kill changes no digit."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sweep_cells import train_settings

from meanbits import sweep_command
from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.experiments.sweep.ledger import DONE, Outcome, opened, stored
from meanbits.experiments.sweep.run import Failure, Trainer
from meanbits.experiments.sweep.trainings import GRIDS, shipped, shipped_names, training_grid

ROOT = Path(__file__).parents[1]
GRID = 'surrogate = ["deterministic --form paper", "lrt"]\ndepth = [1, 2]\nsigma_m2 = [0.2, 0.8]\nepochs = 3\n'

Call = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """A command line in an empty folder, as exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEANBITS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(line: str) -> tuple[int, str, str]:
        code = main(shlex.split(line))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that take no time."""
    trainer = Trainer(train_settings, shape=lambda settings: settings.shape)
    monkeypatch.setattr("meanbits.experiments.sweep.trainings.trainer", lambda *_: trainer)


# Grids


def test_a_surrogate_reads_as_on_the_command_line() -> None:
    grid = training_grid(GRID)
    assert [(cell.settings.surrogate, cell.settings.form) for cell in grid.cells[::4]] == [
        ("deterministic", "paper"), ("lrt", None)
    ]  # fmt: skip
    assert next(iter(grid.places)) == {"surrogate": "deterministic --form paper", "depth": 1, "sigma_m2": 0.2}
    same = training_grid('surrogate = "deterministic --gain=1.5 --phi tanh"').cells[0]
    assert same.id == training_grid('gain = 1.5\nphi = "tanh"').cells[0].id


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_grids_are_grids(name: str) -> None:
    path = shipped(f"{name}.toml")
    assert path == GRIDS / f"{name}.toml"
    assert len(training_grid(path.read_text()).cells) > 1


def test_there_is_a_grid_of_each_preset() -> None:
    kinds = {name.rpartition("_")[0] for name in shipped_names() if name != "figures_2_3_coarse"}
    assert kinds == {"figure_2", "figure_3", "depth_gain", "depth_blocks", "blumenfeld_2019", "schoenholz_2017"}
    assert {f"{kind}_{preset}" for kind in kinds for preset in ("smoke", "quick", "paper")} <= set(shipped_names())


# What it does


@pytest.mark.usefixtures("toys")
def test_results_and_ledger_are_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(GRID)
    code, out, err = call("sweep grid.toml --json --workers 2")
    assert code == 0
    assert "8 of 8 cells to train" in err
    assert json.loads(out) == {
        "grid": training_grid(GRID).id, "cells": 8, "done": 8, "failed": [],
        "ledger": "output/grid.sqlite", "files": ["output/grid.nc"],
    }  # fmt: skip
    with xr.open_dataset(tmp_path / "output" / "grid.nc", engine="scipy") as found:
        assert found.surrogate.values.tolist() == ["deterministic --form paper", "lrt"]
        np.testing.assert_array_equal(found.surrogate_train_accuracy, np.broadcast_to([0.2, 0.8], (2, 2, 2)))
        assert dict(found.sizes) == {"surrogate": 2, "depth": 2, "sigma_m2": 2, "epoch": 3}
        assert (found.attrs["grid"], found.attrs["epochs"]) == (GRID, 3)
        assert "form" not in found.attrs  # it varies with the surrogate
    code, out, err = call("sweep grid.toml --resume")
    assert (code, out) == (0, "8 cells done, 0 failed\noutput/grid.sqlite\noutput/grid.nc\n")
    assert "0 of 8 cells to train" in err


@pytest.mark.usefixtures("toys")
def test_progress_is_told_in_lines_away_from_a_terminal(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.toml").write_text(GRID)
    assert "trained" not in call("sweep grid.toml --workers 1 --batch 1")[2]
    monkeypatch.setattr(sweep_command, "SILENCE", 0.0)
    said = call("sweep grid.toml --workers 1 --batch 1 --ledger other.sqlite")[2]
    assert [f"{done} of 8 trained" in said for done in (1, 4, 8)] == [True] * 3


@pytest.mark.usefixtures("toys")
def test_failed_cells_are_told_apart(call: Call, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text("width = [12, 13]")
    code, out, _ = call("sweep grid.toml --json --workers 1 --ledger a.sqlite -o b.nc")
    assert code == 0
    assert json.loads(out)["failed"] == [{"width": 13, "reason": "the loss is nan at step 3"}]
    code, out, err = call("sweep grid.toml --resume --workers 1 --retry-failed --ledger a.sqlite -o b.nc")
    assert (code, out) == (0, "1 cells done, 1 failed\na.sqlite\nb.nc\n")
    assert "1 of 2 cells to train" in err
    assert "failed: width 13, reason the loss is nan at step 3" in err


# What is collected


def ledger_of(path: Path, text: str, cells: int) -> None:
    """A ledger in which so many cells of a grid are done."""
    grid = training_grid(text)
    with opened(path, grid, resume=False) as book:
        for cell in grid.cells[:cells]:
            (record,) = train_settings([cell.settings])
            assert not isinstance(record, Failure)
            book.add(Outcome(cell, DONE, record, {"seconds": 1.0, "meanbits": "0", "torch": "0"}))


def test_ledgers_are_collected_as_far_as_they_have_come(call: Call, tmp_path: Path) -> None:
    """Cells are known by their settings, whatever grid they were trained for."""
    text = "depth = [1, 2, 3]\nsigma_m2 = [0.2, 0.8]"
    (tmp_path / "grid.toml").write_text(text)
    ledger_of(tmp_path / "a.sqlite", text, 3)
    ledger_of(tmp_path / "b.sqlite", "depth = [2, 5]\nsigma_m2 = [0.8, 0.9]", 4)
    code, out, _ = call("collect grid.toml a.sqlite b.sqlite --drop loss -o c.nc")
    assert (code, out) == (0, "4 of 6 cells done, 0 failed\nc.nc\n")
    with xr.open_dataset(tmp_path / "c.nc", engine="scipy") as found:
        assert found.status.values.tolist() == [[1, 1], [1, 1], [0, 0]]
        expected = np.where(found.status == 1, found.sigma_m2, np.nan)
        np.testing.assert_array_equal(found.surrogate_train_accuracy, expected)
        assert "loss" not in found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("grid.toml a.sqlite -o c.txt", "--output c.txt: the name must end in .nc"),
        ("grid.toml a.sqlite --drop los -o c.nc", "--drop los: there are no numbers of that name; drop one of"),
        ("grid.toml none.sqlite -o c.nc", "none.sqlite is no ledger of meanbits"),
        ("other.toml a.sqlite -o c.nc", "a.sqlite: no cell of this grid is there yet"),
        ("grid.toml -o c.nc", "LEDGER..."),
        ("grid.toml a.sqlite -o mine.nc", "--output mine.nc: it is no dataset of meanbits"),
        ("grid.toml a.sqlite -o none/c.nc", "the folder none does not exist"),
    ],
)
def test_what_is_not_collected_is_refused_in_one_line(call: Call, tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "grid.toml").write_text("depth = [1, 2]")
    (tmp_path / "other.toml").write_text("depth = [3, 4]")
    (tmp_path / "mine.nc").write_text("mine")
    ledger_of(tmp_path / "a.sqlite", "depth = [1, 2]", 1)
    code, out, err = call(f"collect {line}")
    assert (code, out, err.count("\n")) == (EXIT_BAD_INPUT, "", 1)
    assert reason in err
    assert not (tmp_path / "c.nc").exists()


# What it refuses

BAD_GRIDS = {
    "": "grid.toml: the grid is empty",
    "dept = 5": "dept is no setting of a training; did you mean depth?",
    "depth = []": "depth has no values, so the grid is empty",
    "depth = 0": "depth = 0: give a whole number",
    "lr = 0": "lr = 0.0: give a finite number > 0",
    "lr = -1": "lr = -1.0: give a finite number > 0",
    "sigma_m2 = 1.5": "sigma_m2 = 1.5",
    'surrogate = "determinstic"': "did you mean deterministic?",
    'surrogate = "lrt --fom paper"': "surrogate: unknown option --fom; did you mean form?",
    'surrogate = "lrt --form"': "write them as in '--form paper --gain 1.5'",
    'surrogate = "lrt --gain x"': "--gain x is not a number",
    'surrogate = "lrt \'"': "No closing quotation",
    'surrogate = "deterministic --gain 2"\ngain = [1, 2]': "--gain 2 is given twice",
    'optimiser = "adm"': "optimiser = adm: choose adam",
    'dataset = "mnst"': "did you mean 'mnist'?",
    "train_size = 9999": "train_size = 9999: digits has 1437 training images",
}


@pytest.mark.parametrize("text", BAD_GRIDS)
def test_bad_grids_are_refused_in_one_line(call: Call, tmp_path: Path, text: str) -> None:
    (tmp_path / "grid.toml").write_text(text)
    code, out, err = call("sweep grid.toml")
    assert (code, out, err.count("\n")) == (EXIT_BAD_INPUT, "", 1)
    assert BAD_GRIDS[text] in err
    assert [path.name for path in tmp_path.iterdir()] == ["grid.toml"]


BAD_LINES = {
    "sweep": "issing argument 'FILE.toml'",
    "sweep nothing.toml": "there is no file nothing.toml; name a grid, or one of blumenfeld_2019_paper, ",
    "sweep grid.toml --ledger other.sqlite --resume": "other.sqlite is the ledger of another grid; name another file",
    "sweep grid.toml --ledger other.sqlite": "other.sqlite is the ledger of another grid",
    "sweep grid.toml --ledger same.sqlite": "same.sqlite exists; go on with --resume",
    "sweep grid.toml --ledger grid.toml": "grid.toml is no ledger of meanbits",
    "sweep grid.toml --ledger same.sqlite --resume --scheduler tcp://127.0.0.1:1 --timeout 0.5":
        "--scheduler tcp://127.0.0.1:1 does not answer within 0.5 s",
    "sweep grid.toml --scheduler tcp://127.0.0.1:1 --workers 2": "leave it or --scheduler out",
    "sweep grid.toml --retry-failed": "give --resume as well",
    "sweep mnist.toml --data-dir .": "put the published idx.gz files into one of these",
    "sweep mnist.toml --data-dir nowhere": "train-images-idx3-ubyte.gz of mnist not found in nowhere",
    "sweep grid.toml --device cuda:99": "--device cuda:99",
    "sweep grid.toml --device gpu": "--device gpu: unknown; choose cpu",
    "sweep grid.toml -o a.txt": "--output a.txt: the name must end in .nc",
    "sweep grid.toml -o .": "--output .: the name must end in .nc",
    "sweep grid.toml -o mine.nc": "--output mine.nc: it exists and is no dataset of meanbits",
    "sweep grid.toml -o grid.toml/a.nc": "grid.toml",
    "sweep grid.toml --workers 0": "--workers",
    "sweep grid.toml --batch 0": "--batch",
}  # fmt: skip


@pytest.mark.parametrize("line", BAD_LINES)
def test_bad_lines_are_refused_and_ledgers_left_alone(call: Call, tmp_path: Path, line: str) -> None:
    (tmp_path / "grid.toml").write_text("width = [8, 9]")
    (tmp_path / "mnist.toml").write_text('dataset = "mnist"')
    (tmp_path / "mine.nc").write_text("mine")
    for name, text in {"other": "width = [7]", "same": "width = [8, 9]"}.items():
        with opened(tmp_path / f"{name}.sqlite", training_grid(text), resume=False):
            pass
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    code, out, err = call(line)
    assert (code, out, err.count("\n")) == (EXIT_BAD_INPUT, "", 1)
    assert BAD_LINES[line] in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


# Real trainings

REAL = """surrogate = ["deterministic --form paper", "lrt"]
depth = [2, 3]
sigma_m2 = [0.3, 0.6, 0.9]
train_size = 256
width = 16
epochs = 2
samples = 1
"""


@pytest.mark.slow
def test_a_killed_sweep_ends_with_the_digits_of_one_in_a_single_go(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(REAL)

    def start(name: str) -> subprocess.Popen[bytes]:
        line = ["-m", "meanbits", "sweep", "grid.toml", "--resume", "--batch", "2", "-o", f"{name}.nc"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen([sys.executable, *line], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL)  # fmt: skip

    assert start("whole").wait(300) == 0
    chance, kills = random.Random(3), 0
    while not (tmp_path / "killed.nc").exists():
        process = start("killed")
        try:
            process.wait(chance.uniform(0, 20) if kills < 8 else 300)
        except subprocess.TimeoutExpired:
            kills += 1
        process.kill()
        process.wait()
    assert kills
    whole, killed = (stored(tmp_path / f"{name}.sqlite")[1] for name in ("whole", "killed"))
    assert len(whole) == 12
    assert {name: row.record for name, row in killed.items()} == {name: row.record for name, row in whole.items()}


@pytest.mark.slow
def test_the_example_of_the_help_runs(call: Call, tmp_path: Path) -> None:
    assert call("sweep figure_2_smoke -o output/figure_2_smoke.nc")[0] == 0
    with xr.open_dataset(tmp_path / "output" / "figure_2_smoke.nc", engine="scipy") as found:
        assert (found.status == 1).all()
        assert ((found.surrogate_train_accuracy >= 0) & (found.surrogate_train_accuracy <= 1)).all()
        assert {"pair", "layer", "weight_layer", "epoch"} <= set(found.sizes)
