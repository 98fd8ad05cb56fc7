"""Sweeps on a Dask cluster: a real scheduler and two workers on loopback, and what is lost when one is killed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweep_cells import TRAINER, Toy, record

from meanbits.experiments.sweep.grid import read_grid
from meanbits.experiments.sweep.ledger import opened, stored
from meanbits.experiments.sweep.pools import PoolError, cluster_pool
from meanbits.experiments.sweep.run import run

ROOT = Path(__file__).parents[1]
TEXT = "depth = [1, 2, 3, 4]\nsigma_m2 = { start = 0, stop = 0.9, count = 6 }\nseconds = 0.2"

# What distributed warns of when its peers are killed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:distributed")


@contextlib.contextmanager
def dask(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    process = subprocess.Popen([sys.executable, "-m", "dask", *arguments], cwd=folder, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and the processes: the scheduler's, then the workers'."""
    file = folder / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(dask("scheduler", *options, folder=folder))]
        while not file.exists() or not file.read_text().strip():
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        one = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        processes += [stack.enter_context(dask("worker", address, *one, folder=folder)) for _ in range(workers)]
        yield address, processes


@pytest.mark.slow
def test_a_sweep_survives_the_death_of_a_worker(tmp_path: Path) -> None:
    grid, path = read_grid(TEXT, Toy), tmp_path / "a.sqlite"
    with cluster(tmp_path, 2) as (address, (_, first, _)), cluster_pool(address, 30) as pool:
        while pool.room < 4:
            time.sleep(0.05)

        def kill(done: int, _: int) -> None:
            if done == 5:
                first.kill()

        with opened(path, grid, resume=False) as ledger:
            run(grid, ledger, TRAINER, pool, limit=2, tick=kill)
    rows = stored(path)[1]
    assert {name: row.record for name, row in rows.items()} == {c.id: record(c.settings) for c in grid.cells}
    assert len({row.made["process"] for row in rows.values()}) == 2
    assert os.getpid() not in {row.made["process"] for row in rows.values()}


@pytest.mark.slow
def test_a_sweep_that_loses_its_scheduler_keeps_what_was_finished_and_goes_on(tmp_path: Path) -> None:
    grid, path = read_grid(TEXT, Toy), tmp_path / "a.sqlite"
    with cluster(tmp_path, 2) as (address, (scheduler, *_)), cluster_pool(address, 5) as pool:

        def kill(done: int, _: int) -> None:
            if done == 4:
                scheduler.kill()

        with opened(path, grid, resume=False) as ledger, pytest.raises(PoolError, match=r"scheduler was lost.*resume"):
            run(grid, ledger, TRAINER, pool, limit=2, tick=kill)
    kept = stored(path)[1]
    assert 4 <= len(kept) < 24
    (tmp_path / "scheduler.json").unlink()
    with (
        cluster(tmp_path, 2) as (address, _),
        cluster_pool(address, 30) as pool,
        opened(path, grid, resume=True) as ledger,
    ):
        run(grid, ledger, TRAINER, pool, limit=2)
    rows = stored(path)[1]
    assert kept.items() <= rows.items()
    assert {name: row.record for name, row in rows.items()} == {c.id: record(c.settings) for c in grid.cells}


def refused(address: str, reason: str) -> None:
    with pytest.raises(PoolError) as caught, cluster_pool(address, 1):
        pass
    assert str(caught.value).startswith(f"{address} {reason}")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_scheduler_without_workers_is_refused(tmp_path: Path) -> None:
    with cluster(tmp_path, 0) as (address, _):
        refused(address, "has no worker; start one with `dask worker")


def test_what_is_no_scheduler_or_does_not_answer_is_refused() -> None:
    with socket.socket() as silent:  # accepts connections, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        refused(address, "does not answer within 1 s")
    for wrong in (address, "tcp://127.0.0.1:x", "nonsense://127.0.0.1:1", "no host:1"):
        refused(wrong, "does not answer within 1 s")
