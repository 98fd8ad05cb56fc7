"""Faults of processes, streams, files and disks: nothing lost, nothing doubled, no traceback, no file by halves."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from counted import count
from faulty import PYTHON, STOPPED, Ended, ended, files_of, is_whole, killed, may_mount, mounted, struck
from sweep_cells import Toy, record

from meanbits.cli import main
from meanbits.experiments.sweep.grid import read_grid
from meanbits.experiments.sweep.ledger import DONE, LedgerError, Outcome, opened, stored
from meanbits.numerics import datasets, whole_files

RUN = "simulate --width 20 --depth 3 --seed 1 --workers 1"
POINT = "map --neurons tanh --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c 0.5"
# A command for every kind of file; the last word is a file, or the folder of a figure.
WRITERS = (
    "emit deterministic -o x.py", "phase --sigma-m2 0.1:0.9:3 --sigma-b2 0.1 -o x.nc",
    "phase --sigma-m2 0.1:0.9:3 --sigma-b2 0.1 -o x.png", f"{RUN} --realisations 3 -o x.nc",
    "report lrt -o x.html", "figure gain --preset smoke -o .", "export run.pt -o x.npz", "export run.pt -o x.pt",
    "train --sigma-m2 0.5 --sigma-b2 0.1 --width 8 --depth 1 --epochs 1 --samples 1 --checkpoint x.pt",
    "sweep grid.toml --workers 1 -o x.nc",
)  # fmt: skip
GRID = (
    'surrogate = "deterministic"\ndepth = [1, 2]\nwidth = 8\nepochs = 1\nsigma_m2 = 0.5\nsigma_b2 = 0.1\nsamples = 1\n'
)
TRAIN = WRITERS[8]
QUICK = (*WRITERS[:2], WRITERS[3])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("trained") / "run.pt"
    assert main([*TRAIN.split()[:-1], str(path)]) == 0
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, checkpoint: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a checkpoint and a grid."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "run.pt").write_bytes(checkpoint)
    (here / "grid.toml").write_text(GRID)
    monkeypatch.chdir(here)
    return here


def made(folder: Path) -> dict[str, Path]:
    """What a command wrote, drafts among it."""
    return {
        path.name: path for path in folder.rglob("*") if path.is_file() and path.name not in ("run.pt", "grid.toml")
    }


def refused(line: str, capfd: pytest.CaptureFixture[str], *words: str) -> None:
    capfd.readouterr()
    Ended(main(line.split()), *capfd.readouterr()).refused(*words)


# Streams


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_are_as_if_thrown_away(closed: str, tmp_path: Path) -> None:
    def without(line: str) -> Ended:
        return ended(["sh", "-c", f"{' '.join(PYTHON)} {line} {closed}"], tmp_path)

    done = without("emit deterministic -o x.py")
    assert (done.code, done.out) == (0, "")
    assert is_whole(tmp_path / "x.py")
    assert without("map --q x").code == 2
    assert without("catalogue").code == 0


@pytest.mark.parametrize("line", ["catalogue", "catalogue --json", "--version", "--help", "derive --steps"])
def test_a_full_standard_output_is_said_in_one_line(line: str, tmp_path: Path) -> None:
    command = " ".join([*PYTHON, *line.split()])
    ended(["sh", "-c", f"{command} > /dev/full"], tmp_path).refused("standard output: No space left on device")
    assert ended(["sh", "-c", f"{command} x > /dev/full 2> /dev/full"], tmp_path).code == 2


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    process = subprocess.Popen([*PYTHON, "catalogue", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == (b"", 141)
    process.stderr.close()


def test_a_folder_that_was_removed_is_said_in_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for line in ("phase --sigma-m2 0:1:3 --sigma-b2 0 -o x.nc", "sweep figure_2_smoke", "figure gain"):
        gone.mkdir()
        command = " ".join([*PYTHON, *line.split()])
        ended(["sh", "-c", f"rmdir {gone}; {command}"], gone).refused("working directory", "change to one that exists")


@pytest.mark.parametrize("home", [None, "/proc/nowhere", "/dev/null"])
def test_no_home_is_no_fault(
    home: str | None, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    assert ended([*PYTHON, "catalogue"], tmp_path, dict(os.environ)).code == 0
    capfd.readouterr()
    assert main(POINT.split()) == 0
    out, err = capfd.readouterr()
    assert out.startswith("q_out")
    assert err.count("\n") <= 1
    assert not list(tmp_path.iterdir())


def test_a_clock_that_is_set_back_is_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [2e9]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    assert main(POINT.split()) == 0
    for each in (*QUICK, QUICK[-1].replace("-o", "--extend")):
        assert main(each.split()) == 0
    assert all(map(is_whole, made(folder).values()))


# Disks


@pytest.mark.parametrize(
    "line", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in WRITERS if each not in QUICK)]
)
def test_a_full_disk_is_said_in_one_line_and_leaves_no_file(
    line: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole_files.os, "fsync", full)
    capfd.readouterr()
    code = main(line.split())
    said = capfd.readouterr().err.splitlines()
    assert (code, "No space left on device" in said[-1], "Traceback" in "".join(said)) == (2, True, False), said
    assert not [name for name in made(folder) if not name.endswith(".sqlite")]


@pytest.mark.parametrize("line", QUICK[:1] + QUICK[2:])
def test_on_a_full_disk_the_old_file_stays(line: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    before = {name: path.read_bytes() for name, path in made(folder).items()}
    again = line.replace("-o", "--force -o" if line.startswith("emit") else "--extend")
    capfd.readouterr()
    with files_of(1000):
        assert main(again.split()) == 2
    assert "File too large" in capfd.readouterr().err
    assert {name: path.read_bytes() for name, path in made(folder).items()} == before


@pytest.mark.parametrize("line", [QUICK[0], *(pytest.param(line, marks=pytest.mark.slow) for line in WRITERS[1:6])])
def test_a_small_file_system_and_one_that_is_read_only(line: str, folder: Path) -> None:
    if not may_mount(folder):
        pytest.skip("file systems cannot be mounted here")
    done = mounted("size=4k", line, folder)
    assert (done.code, "Traceback" in done.err, "No space left" in done.err) == (2, False, True), done
    mounted("ro", line, folder).refused("not writable")


def test_a_folder_that_cannot_be_written_is_refused_before_work(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode, **__: mode != os.W_OK)
    for line in WRITERS:
        refused(line, capfd, "not writable")
    assert not made(folder)


# Files


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Cut, with bytes changed, or with a part written over."""
    if chance.random() < 0.4:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 100))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("seed", range(2))
def test_damaged_runs_are_refused_in_one_line(seed: int, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    chance, run = random.Random(seed), folder / "x.nc"
    assert main(WRITERS[3].split()) == 0
    whole = run.read_bytes()
    for _ in range(20):
        run.write_bytes(damaged(whole, chance))
        before = run.read_bytes()
        count("damaged files", "refused, or nothing lost")
        if before == whole:
            continue
        for line in (f"{RUN} --realisations 2 --extend x.nc", WRITERS[3], WRITERS[1]):
            refused(line, capfd, "x.nc")
            assert run.read_bytes() == before


@pytest.mark.parametrize("seed", range(2))
def test_damaged_checkpoints_are_refused_in_one_line(
    seed: int, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chance, whole = random.Random(seed), (folder / "run.pt").read_bytes()
    for _ in range(10):
        (folder / "run.pt").write_bytes(damaged(whole, chance))
        if (folder / "run.pt").read_bytes() == whole:
            continue
        for line in ("export run.pt -o x.npz", TRAIN.replace("x.pt", "run.pt --resume")):
            refused(line, capfd, "run.pt")
    assert not made(folder)


def test_damaged_ledgers_are_refused_or_lose_nothing(folder: Path) -> None:
    chance, ledger = random.Random(3), folder / "x.sqlite"
    grid = read_grid("depth = [1, 2, 3, 4]\nsigma_m2 = [0.1, 0.2, 0.3]", Toy)
    with opened(ledger, grid, resume=False) as book:
        for cell in grid.cells:
            book.add(Outcome(cell, DONE, record(cell.settings), {"host": "here"}))
    whole, cells, refused = ledger.read_bytes(), stored(ledger)[1], 0
    for _ in range(100):
        count("damaged files", "refused, or nothing lost")
        ledger.write_bytes(damaged(whole, chance))
        try:
            assert stored(ledger)[1] == cells
        except LedgerError as error:
            refused += "\n" not in str(error)
    assert refused > 50


FOREIGN = (
    "",
    "\0" * 4096,
    "CDF\x01",
    "SQLite format 3\0" + "x" * 100,
    "PK\x03\x04",
    "x,y\n1,2\n",
    "[]",
    "depth = ",
    "{",
)


@pytest.mark.parametrize("content", FOREIGN, ids=lambda text: ascii(text[:8]))
def test_foreign_files_are_refused_and_stay(content: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = {
        "a.nc": (f"{RUN} --extend a.nc", f"{RUN} -o a.nc", "phase --sigma-m2 0.5 --sigma-b2 0.1 -o a.nc",
                 "sweep grid.toml -o a.nc"),
        "a.pt": ("export a.pt -o b.pt", TRAIN.replace("x.pt", "a.pt --resume"), TRAIN.replace("x.pt", "a.pt")),
        "a.toml": ("sweep a.toml -o b.nc",),
        "a.html": ("report lrt -o a.html",),
        "a.sqlite": () if not content else ("sweep grid.toml --ledger a.sqlite -o b.nc",
                                            "sweep grid.toml --ledger a.sqlite -o b.nc --resume"),
        "figure_gain.nc": ("figure gain --preset smoke -o .",),
    }  # fmt: skip
    for name, each in lines.items():
        (folder / name).write_text(content)
        for line in each:
            refused(line, capfd, name)
        assert (folder / name).read_text() == content
        (folder / name).unlink()
    assert not made(folder)


READERS = (
    "check-certificate pipe.json", "check-certificate pipe.v", "export pipe.pt -o a.npz", "check pipe.py:model",
    "check pipe.pt2", "derive pipe.py:surrogate", "train lrt --dataset pipe.npz --sigma-m2 0.5 --sigma-b2 0.1",
    "train lrt --sigma-m2 0.5 --sigma-b2 0.1 --checkpoint pipe.pt", "sweep pipe.toml", "figure 2 --results pipe.nc",
    "sweep figure_2_smoke --ledger pipe.sqlite", "collect figure_2_smoke pipe.sqlite -o a.nc",
    "phase lrt --sigma-m2 0.5 --sigma-b2 0.1 -o pipe.nc", "report lrt -o pipe.html", "emit lrt -o pipe.py",
)  # fmt: skip


@pytest.mark.parametrize("line", READERS)
def test_what_has_no_end_is_not_read(line: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe that nobody writes to would be waited for, a device read until memory ends."""
    pipe = next(word for word in line.split() if word.startswith("pipe")).partition(":")[0]
    os.mkfifo(folder / pipe)
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
    signal.alarm(60)
    try:
        refused(line, capfd, pipe.partition(".")[0])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_devices_are_no_files(device: str) -> None:
    with pytest.raises(OSError, match="a device or a pipe"):
        whole_files.read_bytes(Path(device))


@pytest.mark.parametrize("ledger", ["b.nc", "./b.nc", "folder/../b.nc"])
def test_a_file_is_not_both_ledger_and_something_else(
    ledger: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "folder").mkdir()
    refused(f"sweep grid.toml --ledger {ledger} -o b.nc", capfd, "--ledger")
    assert not made(folder)


def test_two_processes_write_one_file_whole(folder: Path) -> None:
    line = "phase --sigma-m2 0.1:0.9:3 --sigma-b2 0.1 -o x.nc"
    both = [subprocess.Popen([*PYTHON, *line.split()], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    assert [each.communicate()[1].count(b"\n") for each in both] == [1, 1]
    assert [each.returncode for each in both] == [0, 0]
    assert [*made(folder)] == ["x.nc"]
    assert is_whole(folder / "x.nc")


# Signals


@pytest.mark.parametrize("line", [QUICK[0], *(pytest.param(line, marks=pytest.mark.slow) for line in WRITERS[1:])])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_midst_of_writing_leaves_no_half(number: signal.Signals, line: str, folder: Path) -> None:
    done = struck(number, line, folder)
    assert done.code == (-number if number == signal.SIGKILL else 128 + number), done
    assert "Traceback" not in done.err
    left = [name for name in made(folder) if not name.endswith((".sqlite", ".sqlite-wal", ".sqlite-shm"))]
    assert all(name.startswith(".") and name.endswith(".part") for name in left)
    assert len(left) == (number == signal.SIGKILL)
    again = ended([*PYTHON, *line.split(), *(["--resume"] if line.startswith("sweep") else [])], folder)
    assert again.code == 0, again
    assert not [name for name in made(folder) if name.endswith(".part")]
    assert all(is_whole(path) for path in made(folder).values() if path.suffix != ".sqlite")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGHUP))]
)
def test_a_run_that_is_stopped_is_saved(number: signal.Signals, folder: Path) -> None:
    done = ended([sys.executable, "-c", STOPPED.format(signal=int(number)), *f"{RUN} -o x.nc".split()], folder)
    assert done.code == 128 + number, done
    assert "wrote x.nc: 3 networks" in done.err
    assert same_as_unbroken(folder / "x.nc", 3)


def same_as_unbroken(path: Path, count: int) -> bool:
    """Whether a run equals one of as many networks in a single go."""
    unbroken = path.with_name("unbroken.nc")
    assert main([*RUN.split(), "--realisations", str(count), "-o", str(unbroken)]) == 0
    found, expected = (xr.load_dataset(each, engine="scipy") for each in (path, unbroken))
    unbroken.unlink()
    return all(np.allclose(found[name], expected[name], rtol=1e-12) for name in ("mean", "sum_of_squares"))


MOMENTS = (("report lrt -o x.html", 4), ("figure gain --preset smoke -o .", 6), ("export run.pt -o x.npz", 6),
           (f"{RUN} --realisations 5 --extend run.nc", 5),
           ("sweep grid.toml --workers 1 -o x.nc --resume", 12))  # fmt: skip


def kills(times: int, folder: Path, chance: random.Random, moments: tuple[tuple[str, float], ...] = MOMENTS) -> int:
    """Kill commands at random moments; what stands there is whole, and the next one goes on; how many were hit."""
    hits = 0
    assert main([*RUN.split(), "--realisations", "3", "-o", str(folder / "run.nc")]) == 0
    for k in range(times):
        line, seconds = moments[k % len(moments)]
        number = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
        hit = killed(number, line, folder, chance.uniform(0.3, seconds))
        count("commands killed at a random moment", f"{number.name}, {'hit' if hit else 'done before'}")
        hits += hit
        written = {name: path for name, path in made(folder).items() if not name.startswith(".")}
        assert all(is_whole(path) for name, path in written.items() if ".sqlite" not in name), (line, number)
        for name in ("x.npz", "x.html"):
            (folder / name).unlink(missing_ok=True)
    networks = int(xr.load_dataset(folder / "run.nc", engine="scipy").attrs["realisations"])
    assert same_as_unbroken(folder / "run.nc", networks)
    assert main([*MOMENTS[-1][0].split()]) == 0
    assert {int(each) for each in datasets.read(folder / "x.nc")["depth"]} == {1, 2}
    return hits


def test_a_few_kills(folder: Path) -> None:
    """Of commands that go on with what stands there."""
    kills(2, folder, random.Random(1), MOMENTS[-2:])


@pytest.mark.slow
def test_a_hundred_kills(folder: Path) -> None:
    assert kills(100, folder, random.Random(2)) > 50
