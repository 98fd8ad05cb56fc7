"""What every test gets: no network, and a cache of its own; one thread a process, and room for SymPy's memory."""

import gc
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from counted import record

from meanbits.experiments import fetch

NOWHERE = "http://127.0.0.1:9/"  # the discard port: refused at once

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of processes side by side wait for each other's cores
os.environ.setdefault("SYMPY_CACHE_SIZE", "20000")  # read when SymPy is first imported
gc.set_threshold(100_000, 10, 10)  # from the first import on: what is imported lives as long as the run


_approx = pytest.approx


def approx(expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> Any:
    """pytest's, where a relative tolerance alone is alone: pytest lets 1e-12 pass beside it, whatever the value."""
    return _approx(expected, rel, 0 if rel is not None and abs is None else abs, nan_ok)


pytest.approx = approx


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for a cache each, by number: `mktemp` looks through all before for the next."""
    root = tmp_path_factory.mktemp("caches")
    return (root / str(number) for number in count())


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, caches: Iterator[Path]) -> Path:
    """Data sets are not fetched, and nothing is left in the user's cache; the folder of the test's cache."""
    cache = next(caches)
    cache.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(fetch, "MIRRORS", dict.fromkeys(fetch.MIRRORS, (NOWHERE,)))
    return cache


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, and as it was after the test: a training command sets it for its process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures of the run for the page on reliability, where they are asked for."""
    record(*(len(terminalreporter.stats.get(outcome, ())) for outcome in ("passed", "failed")))


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the run: modules, tests and the tables of SymPy."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)  # behind what takes the fixtures of the session down
def pytest_sessionfinish() -> None:
    """Garbage is found once, its complaints with it: pytest looks five times through all that lives on."""
    gc.collect()
    gc.freeze()
