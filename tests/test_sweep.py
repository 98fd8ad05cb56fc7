"""Sweeps: what a grid holds, that no kill loses or doubles a cell, that a resumed sweep equals an unbroken one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sweep_cells import TRAINER, Toy, record

from meanbits.experiments.sweep.grid import Cell, Grid, GridError, read_grid
from meanbits.experiments.sweep.ledger import DONE, FAILED, LedgerError, Outcome, Row, opened, stored
from meanbits.experiments.sweep.pools import LocalPool, local_pool
from meanbits.experiments.sweep.results import results
from meanbits.experiments.sweep.run import Trainer, batches, run
from meanbits.numerics.datasets import save

ROOT = Path(__file__).parents[1]
TEXT = "depth = [2, 1, 3]\nsigma_m2 = { start = 0, stop = 0.9, count = 4 }\n"
MADE = {"seconds": 1.0, "meanbits": "0", "torch": "0"}


def grid_of(text: str = TEXT) -> Grid:
    return read_grid(text, Toy)


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    with local_pool(2) as two:
        yield two


def swept(text: str, path: Path, pool: LocalPool, trainer: Trainer = TRAINER, **options: Any) -> dict[str, Row]:
    grid = grid_of(text)
    with opened(path, grid, resume=path.exists()) as ledger:
        run(grid, ledger, trainer, pool, **{"limit": 8, **options})
        return ledger.rows()


def expected(grid: Grid) -> dict[str, dict[str, Any]]:
    return {cell.id: record(cell.settings) for cell in grid.cells}


def records(rows: dict[str, Row]) -> dict[str, dict[str, Any]]:
    return {name: row.record for name, row in rows.items()}


def outcome(cell: Cell, status: str = DONE) -> Outcome:
    return Outcome(cell, status, record(cell.settings) if status == DONE else {"reason": "none"}, MADE)


# Grids


def test_a_grid_is_the_product_of_its_lists_and_ranges() -> None:
    grid = grid_of(TEXT + "lr = 1")
    assert dict(grid.axes) == {"depth": (2, 1, 3), "sigma_m2": (0.0, 0.3, 0.6, 0.9)}
    assert [(cell.settings.depth, cell.settings.sigma_m2) for cell in grid.cells] == [
        (depth, sigma_m2) for depth in (2, 1, 3) for sigma_m2 in (0.0, 0.3, 0.6, 0.9)
    ]
    assert all(type(cell.settings.lr) is float for cell in grid.cells)


def test_ids_depend_on_the_settings_and_on_nothing_else() -> None:
    grid = grid_of()
    same = grid_of("# the same\nlr = 0.001\nsigma_m2 = [0.9, 0.6, 0.3, 0]\ndepth = { start = 1, stop = 3, count = 3 }")
    assert grid.id == same.id
    assert {cell.id for cell in grid.cells} == {cell.id for cell in same.cells}
    assert len({cell.id for cell in grid.cells}) == 12
    others = {grid_of(f"depth = [2, 1, 3]\n{line}").id for line in ("", "sigma_m2 = 0.1", "lr = 0.002", "seconds = 1")}
    assert len(others | {grid.id}) == 5


BAD = {
    "": "the grid is empty; give",
    "depth = [": "not TOML",
    "dept = 5": "dept is no setting of a training; did you mean depth?",
    "banana = 5": "; known: depth, sigma_m2",
    "depth = []": "depth has no values, so the grid is empty",
    "depth = { start = 1, stop = 2, count = 0 }": "depth has no values",
    "depth = 0": "depth = 0: it must be 1 or more",
    "depth = [3, 0]": "depth = 0",
    "lr = 0": "lr = 0.0: it must be positive",
    "lr = -1e-3": "lr = -0.001",
    "lr = nan": "lr = NaN is not a finite number",
    "sigma_m2 = inf": "is not a finite number",
    "depth = 2.5": "depth = 2.5 is not a whole number",
    "depth = true": "depth = True is not a whole number",
    "depth = '5'": "depth = 5 is not a whole number",
    "surrogate = 5": "surrogate = 5 is not a text in quotes",
    "depth = [5, 5]": "depth has the value 5 twice",
    "sigma_m2 = [0.1, 1e-1]": "twice",
    "depth = [[5]]": "not a whole number",
    "depth = { start = 1, stop = 4, count = 3 }": "depth = 2.5 is not a whole number",
    "depth = { start = 1, stop = 4 }": "a range is { start, stop, count }, this one has start, stop",
    "depth = { start = 1, stop = 4, step = 1 }": "this one has start, stop, step",
    "depth = { start = 1, stop = inf, count = 2 }": "start and stop of a range are finite numbers",
    "depth = { start = 1, stop = 4, count = 1.5 }": "count = 1.5 of a range must be a whole number",
    "depth = { start = 1, stop = 4, count = 99999999999 }": "at most 1,000,000",
    "depth = { start = 1, stop = 2000, count = 2000 }\nsigma_m2 = { start = 0, stop = 1, count = 2000 }": "4,000,000",
    "[depth]": "a range is { start, stop, count }, this one has nothing",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_grids_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(GridError) as caught:
        grid_of(text)
    assert BAD[text] in str(caught.value)
    assert "\n" not in str(caught.value)


# The ledger


def test_a_ledger_keeps_what_is_written(tmp_path: Path) -> None:
    grid = grid_of()
    first, second, third, *_ = grid.cells
    with opened(tmp_path / "a.sqlite", grid, resume=False) as ledger:
        ledger.add(outcome(first))
        ledger.add(outcome(second, FAILED))
        ledger.add(Outcome(third, DONE, {"xi": float("inf"), "c": float("nan"), "n": 3}, MADE))
    with opened(tmp_path / "a.sqlite", grid, resume=True) as ledger:
        assert ledger.finished() == {first.id, second.id, third.id}
        assert ledger.finished(again=True) == {first.id, third.id}
        assert ledger.rows()[first.id] == Row(DONE, record(first.settings), MADE)
        assert ledger.rows()[third.id].record == {"xi": "inf", "c": None, "n": 3}
    assert list(tmp_path.iterdir()) == [tmp_path / "a.sqlite"]  # no log is left beside it


def test_a_done_cell_is_never_written_over_and_a_failed_one_is(tmp_path: Path) -> None:
    grid = grid_of()
    cell = grid.cells[0]
    with opened(tmp_path / "a.sqlite", grid, resume=False) as ledger:
        ledger.add(outcome(cell, FAILED))
        ledger.add(outcome(cell, FAILED))
        ledger.add(outcome(cell))
        for status in (DONE, FAILED):
            with pytest.raises(LedgerError, match="already"):
                ledger.add(outcome(cell, status))
        assert ledger.rows() == {cell.id: Row(DONE, record(cell.settings), MADE)}


def foreign(path: Path) -> None:
    path.write_text("mine, and no database of anyone's")


def another_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cells (id TEXT)")
    connection.commit()
    connection.close()


def another_grid(path: Path) -> None:
    grid = grid_of("depth = 7")
    with opened(path, grid, resume=False) as ledger:
        ledger.add(outcome(grid.cells[0]))


def same_grid(path: Path) -> None:
    with opened(path, grid_of(), resume=False):
        pass


@pytest.mark.parametrize(("make", "resume", "reason"), [
    (foreign, True, "is no ledger of meanbits; name another file with --ledger"),
    (another_database, True, "is no ledger of meanbits"),
    (another_grid, True, "is the ledger of another grid; name another file with --ledger"),
    (another_grid, False, "is the ledger of another grid"),
    (same_grid, False, "exists; go on with --resume, or name another file with --ledger"),
])  # fmt: skip
def test_a_ledger_that_does_not_fit_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], resume: bool, reason: str
) -> None:
    path = tmp_path / "a.sqlite"
    make(path)
    content = path.read_bytes()
    with pytest.raises(LedgerError, match=reason), opened(path, grid_of(), resume):
        pass
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_one_sweep_at_a_time_writes_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with opened(path, grid_of(), resume=False) as ledger:
        with pytest.raises(LedgerError, match="is in use by another sweep"), opened(path, grid_of(), resume=True):
            pass
        ledger.add(outcome(grid_of().cells[0]))
    assert len(stored(path)[1]) == 1


def test_a_ledger_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.touch()
    with opened(path, grid_of(), resume=False) as ledger:
        assert not ledger.rows()
    assert stored(path) == (TEXT, {})
    with pytest.raises(LedgerError, match="is no ledger"):
        stored(tmp_path / "b.sqlite")


def test_a_ledger_is_read_while_it_is_written(tmp_path: Path) -> None:
    """As far as its sweep has come, without a trace beside it."""
    path, cells = tmp_path / "a.sqlite", grid_of().cells
    with opened(path, grid_of(), resume=False) as ledger:
        for done, cell in enumerate(cells):
            assert len(stored(path)[1]) == done
            before = {each: each.read_bytes() for each in tmp_path.iterdir()}
            ledger.add(outcome(cell))
            assert stored(path) == (TEXT, ledger.rows())
            assert {each.name for each in tmp_path.iterdir()} == {each.name for each in before}
    assert len(stored(path)[1]) == len(cells)


def test_a_file_that_is_no_ledger_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    for content in (b"", b"mine", b"SQLite format 3\0" + bytes(84)):
        path.write_bytes(content)
        with pytest.raises(LedgerError, match="is no ledger of meanbits"):
            stored(path)
        assert path.read_bytes() == content


# Running


def test_every_cell_is_trained_once_in_batches_of_one_shape(tmp_path: Path, pool: LocalPool) -> None:
    grid, seen = grid_of(), []
    made = batches(grid, TRAINER, limit=3)
    assert [len(batch.cells) for batch in made] == [3, 3, 3, 1, 1, 1]
    assert all(len({cell.settings.depth for cell in batch.cells}) == 1 for batch in made)
    assert [batch.cells[0].settings.depth for batch in made] == [3, 2, 1, 3, 2, 1]  # the costliest first
    rows = swept(TEXT, tmp_path / "a.sqlite", pool, limit=3, tick=lambda *counts: seen.append(counts))
    assert records(rows) == expected(grid)
    assert seen == [(done, 12) for done in range(13)]
    assert {row.made["meanbits"] for row in rows.values()} != {"not installed"}


def test_a_resumed_sweep_trains_the_batches_of_an_unbroken_one(tmp_path: Path, pool: LocalPool) -> None:
    grid = grid_of()
    first = batches(grid, TRAINER, limit=4)[0].cells[2]
    with opened(tmp_path / "a.sqlite", grid, resume=False) as ledger:
        ledger.add(outcome(first))  # the rest of its batch was cut off
    rows = swept(TEXT, tmp_path / "a.sqlite", pool, limit=4)
    assert records(rows) == expected(grid)
    assert rows[first.id].made == MADE  # trained again with its batch, and not written again


def test_diverging_cells_fail_and_are_tried_again_only_if_asked(tmp_path: Path, pool: LocalPool) -> None:
    text, path = 'depth = [1, 2]\ntrouble = ["", "diverges"]', tmp_path / "a.sqlite"
    rows = swept(text, path, pool)
    reasons = [row.record for row in rows.values() if row.status == FAILED]
    assert sorted(map(str, reasons)) == [str({"reason": f"loss is not finite in layer {depth}"}) for depth in (1, 2)]
    calls: list[tuple[int, int]] = []
    assert swept(text, path, pool, tick=lambda *counts: calls.append(counts)) == rows
    assert calls == [(0, 0)]
    again = swept(text, path, pool, again=True, tick=lambda *counts: calls.append(counts))
    assert calls[1:] == [(0, 2), (1, 2), (2, 2)]
    assert records(again) == records(rows)


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, pool: LocalPool) -> None:
    text = TEXT + 'trouble = "too large"'
    rows = swept(text, tmp_path / "a.sqlite", pool, limit=4)
    assert records(rows) == expected(grid_of(text))


def test_a_process_that_dies_costs_nothing_and_a_cell_that_kills_it_each_time_has_failed(tmp_path: Path) -> None:
    text = f'depth = [1, 2, 3]\nseconds = 0.05\nfile = "{tmp_path}/once"\ntrouble = ["", "kills", "kills once"]'
    with local_pool(2) as pool:
        rows = swept(text, tmp_path / "a.sqlite", pool, limit=3)
    grid = grid_of(text)
    assert len(rows) == 9
    for cell in grid.cells:
        row = rows[cell.id]
        if cell.settings.trouble == "kills":
            assert (row.status, "memory" in row.record["reason"]) == (FAILED, True)
        else:
            assert (row.status, row.record) == (DONE, record(cell.settings))


def test_a_defect_stops_the_sweep_and_keeps_what_was_finished(tmp_path: Path) -> None:
    text, path = 'depth = [1, 2, 3]\ntrouble = ["", "defect"]', tmp_path / "a.sqlite"
    trainer = Trainer(TRAINER.train, cost=lambda settings: settings.trouble == "defect")
    with local_pool(1) as pool, pytest.raises(TypeError, match="a defect"):
        swept(text, path, pool, trainer)
    assert sorted(row.status for row in stored(path)[1].values()) == [DONE] * 3


def test_an_interrupt_keeps_every_cell_that_is_finished(tmp_path: Path, pool: LocalPool) -> None:
    grid, path = grid_of(), tmp_path / "a.sqlite"

    def interrupt(done: int, _: int) -> None:
        if done == 1:  # between the first two cells of a batch
            raise KeyboardInterrupt

    with opened(path, grid, resume=False) as ledger, pytest.raises(KeyboardInterrupt):
        run(grid, ledger, TRAINER, pool, limit=4, tick=interrupt)
    assert list(tmp_path.iterdir()) == [path]  # closed in order
    kept = stored(path)[1]
    assert len(kept) >= 4
    assert records(kept).items() <= expected(grid).items()
    assert records(swept(TEXT, path, pool, limit=4)) == expected(grid)


# Kill -9

KILLED = "depth = { start = 1, stop = 6, count = 6 }\nsigma_m2 = { start = 0, stop = 0.9, count = 6 }\nseconds = 0.1\n"


def start(text: str, ledger: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(ROOT / "tests" / "sweep_cells.py"), text, str(ledger)],
                            env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)  # fmt: skip


def sweeps_killed(times: int, folder: Path, chance: random.Random) -> list[int]:
    """Kill sweeps at random moments and resume each until it is done; how many cells each killed process left."""
    finished, path, grid = 0, folder / "0.sqlite", grid_of(KILLED)
    kept: dict[str, Row] = {}
    left: list[int] = []
    while len(left) < times:
        process = start(KILLED, path)
        try:
            assert process.wait(chance.uniform(0, 1.2)) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            left.append(len(left_whole(path, grid)))
        before, kept = kept, left_whole(path, grid)
        assert before.items() <= kept.items()  # nothing lost, nothing done again
        if len(kept) == len(grid.cells):
            finished, kept = finished + 1, {}
            path = folder / f"{finished}.sqlite"
    assert start(KILLED, path).wait(60) == 0
    assert records(left_whole(path, grid)) == expected(grid)
    return left


def left_whole(path: Path, grid: Grid) -> dict[str, Row]:
    """The rows of a ledger as it was left, each of them whole."""
    if not path.exists() or not path.stat().st_size:
        return {}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    named = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'cells'").fetchone() == (1,)
    connection.close()
    rows = stored(path)[1] if named else {}
    assert records(rows).items() <= expected(grid).items()
    return rows


def test_killed_sweeps_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    sweeps_killed(5, tmp_path, random.Random(1))


@pytest.mark.slow
def test_fifty_killed_sweeps(tmp_path: Path) -> None:
    left = sweeps_killed(50, tmp_path, random.Random(2))
    assert len(set(left)) > 5  # the moments were many


def test_workers_end_with_a_killed_sweep(tmp_path: Path) -> None:
    text = f'depth = [1, 2]\nseconds = 0.1\ntrouble = "present"\nfile = "{tmp_path}/worker"\nsigma_m2 = '
    process = start(f"{text} {{ start = 0, stop = 1, count = 400 }}", tmp_path / "a.sqlite")
    workers: set[int] = set()
    while len(workers) < 2:
        time.sleep(0.01)
        assert process.poll() is None
        workers = {int(path.suffix[1:]) for path in tmp_path.glob("worker.*")}
    process.kill()
    process.wait()
    limit = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < limit
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # a process whose parent does not wait for it stays as Z
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.5])
def test_ctrl_c_on_the_whole_group_of_processes(tmp_path: Path, wait_s: float) -> None:
    path = tmp_path / "a.sqlite"
    process = subprocess.Popen([sys.executable, str(ROOT / "tests" / "sweep_cells.py"), KILLED, str(path)],
                               env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    while not path.exists() or not path.with_name("a.sqlite-wal").exists():
        time.sleep(0.01)
    time.sleep(wait_s)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert err.count("Traceback") == 1  # of the script; the processes it started are quiet
    assert "KeyboardInterrupt" in err
    assert records(left_whole(path, grid_of(KILLED))).items() <= expected(grid_of(KILLED)).items()


# Results


def test_results_are_laid_out_over_the_axes(tmp_path: Path) -> None:
    text = "surrogate = ['lrt', 'shayer']\ndepth = [2, 1, 3]\nlr = 0.5"
    grid = grid_of(text)
    rows = {cell.id: Row(DONE, record(cell.settings), MADE) for cell in grid.cells}
    rows[grid.cells[1].id] = Row(FAILED, {"reason": "loss is nan in step 7"}, MADE)
    del rows[grid.cells[5].id]
    save(results(grid, rows), tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as found:
        assert dict(found.sizes) == {"surrogate": 2, "depth": 3, "loss_index": 3}
        np.testing.assert_array_equal(found.status, [[1, 2, 1], [1, 1, 0]])
        np.testing.assert_array_equal(found.loss.sel(surrogate="shayer", depth=2), [0.5, 0.25, np.nan])
        assert found.reason.sel(surrogate="lrt", depth=1).item() == "loss is nan in step 7"
        np.testing.assert_array_equal(found.surrogate_train_accuracy, [[1 / 2, np.nan, 1 / 3], [1 / 2, 1, np.nan]])
        assert (found.attrs["lr"], found.attrs["sigma_m2"], found.attrs["grid"]) == (0.5, 0.5, text)
        assert (found.attrs["grid_id"], found.attrs["torch"], found.attrs["version"]) == (grid.id, "0", "0")


def test_lists_share_the_dimensions_they_are_given() -> None:
    grid = grid_of("depth = [1, 2]")
    given = (
        {"q": {"theory": None, "before": [[1, 2, 3]]}, "depth": 1},
        {"q": {"theory": [[1]], "before": [[4]]}, "n": "inf"},
    )
    rows = {cell.id: Row(DONE, row, MADE) for cell, row in zip(grid.cells, given, strict=True)}
    found = results(grid, rows, {"q": ("pair", "layer")})
    assert dict(found.sizes) == {"depth": 2, "pair": 1, "layer": 3}
    np.testing.assert_array_equal(found.q_theory.sel(depth=2, pair=0), [1, np.nan, np.nan])
    np.testing.assert_array_equal(found.q_before.isel(pair=0), [[1, 2, 3], [4, np.nan, np.nan]])
    np.testing.assert_array_equal(found.n, [np.nan, np.inf])


def test_results_of_nothing_yet() -> None:
    found = results(grid_of(), {})
    assert dict(found.sizes) == {"depth": 3, "sigma_m2": 4}
    assert not found.status.any()


@pytest.mark.parametrize(("first", "second", "reason"), [
    ({"a": 1}, {"a": [1, 2]}, "a is a number in one record and a list in another"),
    ({"a": {"b": [1, "x"]}}, {}, "a.b of a record"),
    ({"a": [[1], [1, 2]]}, {}, "a of a record"),
])  # fmt: skip
def test_records_that_are_no_numbers_are_refused(first: dict[str, Any], second: dict[str, Any], reason: str) -> None:
    grid = grid_of("depth = [1, 2]")
    given = zip(grid.cells, (first, second), strict=True)
    with pytest.raises(ValueError, match=reason):
        results(grid, {cell.id: Row(DONE, row, MADE) for cell, row in given})


def test_what_a_kill_left_in_the_midst_of_a_change_is_rolled_back(tmp_path: Path) -> None:
    """A journal beside the file, which whoever opens it next has to play back before it can be read."""
    grid = read_grid("depth = [1, 2]", Toy)
    with opened(tmp_path / "a.sqlite", grid, resume=False):
        pass
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("UPDATE grid SET id = 'another', text = ?", ("x" * 10**6,))
        for part in ("", "-journal"):
            shutil.copy(tmp_path / f"a.sqlite{part}", tmp_path / f"killed.sqlite{part}")
        connection.rollback()
    assert stored(tmp_path / "killed.sqlite")[0] == grid.text
    with opened(tmp_path / "killed.sqlite", grid, resume=True) as book:
        assert book.rows() == {}
