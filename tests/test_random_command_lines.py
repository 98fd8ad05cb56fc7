"""Whatever is typed is answered or refused in one line, in bounded time: no traceback, no NaN, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from counted import count
from hypothesis import HealthCheck, given, note, settings
from random_command_lines import COMMANDS, LONG, command_lines

from meanbits.cli import EXIT_INTERRUPTED, main

EXAMPLES = int(os.environ.get("MEANBITS_EXAMPLES", "10000"))
PATIENCE = 60  # seconds of processor time that any other command may take
NOT_A_NUMBER = re.compile(r"\bnan\b|\bNaN\b|\bInfinity\b")
IN_CALLBACKS = "ignore::pytest.PytestUnraisableExceptionWarning"  # where an interrupt may come, and is not passed on
SEARCH = {"deadline": None, "suppress_health_check": list(HealthCheck)}


SIMULATE = "simulate --width 8 --depth 2 --realisations 3 --seed 1 -o"
TRAIN = "train --sigma-m2 0.5 --sigma-b2 0.1 --width 8 --depth 1 --epochs 1 --samples 1 --checkpoint"
GRID = 'surrogate = "deterministic"\ndepth = [1, 2]\nwidth = 8\nepochs = 1\nsigma_m2 = 0.5\n'


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what may stand where a file is named: foreign, damaged, empty, and runs that are whole."""
    folder = tmp_path_factory.mktemp("files")
    for name, made in (("run.nc", SIMULATE), ("run.pt", TRAIN)):
        assert main([*made.split(), str(folder / name)]) == 0
        whole = (folder / name).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 3] ^= 0xFF
        (folder / f"cut{Path(name).suffix}").write_bytes(whole[: len(whole) // 2])
        (folder / f"flipped{Path(name).suffix}").write_bytes(flipped)
    for suffix in ("nc", "pt", "npz", "toml", "html"):
        (folder / f"foreign.{suffix}").write_bytes(np.random.default_rng(1).bytes(300))
        (folder / f"empty.{suffix}").touch()
    (folder / "empty.sqlite").touch()
    (folder / "foreign.py").write_text("x = 3\n")
    (folder / "good.toml").write_text(GRID)
    for name in ("folder", "folder.nc"):
        (folder / name).mkdir()
    (folder / "loop.nc").symlink_to("loop.nc")
    (folder / "dangling.nc").symlink_to("nowhere/else.nc")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass
class Interrupt:
    """Ctrl-C after so many seconds, and whether it came."""

    seconds: float
    came: bool = False

    def __enter__(self) -> Interrupt:
        self.before = signal.signal(signal.SIGALRM, self._stop)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 20)  # again, where a callback swallowed the first
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt


def answered_or_refused(line: list[str], files: Path, capfd: pytest.CaptureFixture[str], folder: Path) -> int:
    """Run a command line in a copy of the files; the exit code."""
    note(ascii(line))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files, folder, symlinks=True)
    before, here = content(folder), Path.cwd()
    capfd.readouterr()
    os.chdir(folder)
    start = time.process_time()
    try:
        with Interrupt(LONG.get(line[0], 10 * PATIENCE)) as interrupt:
            code = main(line)
    finally:
        os.chdir(here)
    spent = time.process_time() - start
    out, err = capfd.readouterr()
    after = content(folder)
    assert not [name for name in after if name.endswith(".part")]
    count("command lines drawn at random", "interrupted" if interrupt.came else f"exit {code}")
    if interrupt.came:
        assert line[0] in LONG, f"{10 * PATIENCE} s"
        assert code in (EXIT_INTERRUPTED, 0, 1, 2), err
        return code
    assert spent < PATIENCE, f"{spent:.0f} s"
    assert code in (0, 1, 2), err
    if code == 2:
        assert (out, after) == ("", before)
        assert err.count("\n") == 1, err
        assert err[:-1].isprintable()
        assert len(err) < 1100
    if code == 0:
        assert line[0] == "emit" or not NOT_A_NUMBER.search(out), out  # code may say nan
        if "--json" in line and not {"--help", "--list"} & {*line}:
            json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    return code


def test_every_command_is_drawn() -> None:
    assert set(LONG) <= set(COMMANDS)


@settings(max_examples=60, derandomize=True, **SEARCH)
@given(line=command_lines())
def test_a_few_random_command_lines(line, files, capfd, tmp_path) -> None:
    answered_or_refused(line, files, capfd, tmp_path / "here")


@pytest.mark.slow
@pytest.mark.filterwarnings(IN_CALLBACKS)
@settings(max_examples=EXAMPLES, **SEARCH)
@given(line=command_lines())
def test_ten_thousand_random_command_lines(line, files, capfd, tmp_path) -> None:
    answered_or_refused(line, files, capfd, tmp_path / "here")
