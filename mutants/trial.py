"""Trials in a copy of the checkout, each a process forked from one that has the libraries and none of our code."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from mutants.sampling import Mutant

LIBRARIES = ("flint", "mpmath", "numpy", "scipy.integrate", "scipy.optimize", "scipy.stats", "sympy")
LEFT = shutil.ignore_patterns(".*", "build", "output", "__pycache__", "*.egg-info")
COLLECT = "--collect-only"  # a look at which tests there are; only it keeps what it compiles
PATIENCE, LOADING, MEMORY = 10, 1, 8 * 2**30  # processor seconds beside those that tests took, and a file; bytes


class Failed:
    """Pytest's reports: the first test that failed."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid


def _run(folder: Path, arguments: list[str], limit: int, answer: Connection) -> None:
    """In the forked process: pytest on a copy, its exit status and the first test that failed."""
    os.setsid()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))  # a browser reserves addresses without end
    sys.path[0], sys.dont_write_bytecode = str(folder), COLLECT not in arguments
    failed = Failed()
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments], plugins=[failed])
    answer.send((int(status), failed.name))


class Copy:
    """A copy of a checkout, in which mutants are tried one by one."""

    def __init__(self, root: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root, folder, symlinks=True, ignore=LEFT)
        self.folder, self.passed = folder, set[str]()
        for name in LIBRARIES:
            importlib.import_module(name)

    def tests(self, arguments: list[str], seconds: float) -> tuple[int, str] | None:
        """Exit status and first test that failed; None where they take too long, or end the process."""
        here, there = get_context("fork").Pipe(duplex=False)
        limit = round(PATIENCE + LOADING * len({name.partition("::")[0] for name in arguments}) + seconds)
        process = get_context("fork").Process(target=_run, args=(self.folder, arguments, limit, there))
        process.start()
        there.close()
        process.join(10 * limit)
        if process.is_alive():
            os.killpg(process.pid, 9)  # what it started too
            process.join()
        if process.exitcode > 0:
            raise RuntimeError(f"pytest itself failed, of {arguments}")
        return here.recv() if process.exitcode == 0 else None

    def find(self, tests: list[str]) -> None:
        """Refuse to begin unless these tests are there: without them every mutant would seem killed."""
        if self.tests([COLLECT, *tests], 600.0) != (0, ""):
            raise RuntimeError("tests that covered the code are gone: run them under coverage anew")

    def outcome(self, mutant: Mutant, tests: list[str], seconds: float) -> str:
        """How a mutant fares: killed, timed out or survived."""
        target = self.folder / mutant.path
        kept = shutil.copy2(target, self.folder / "kept")  # with its time, by which Python knows what it has compiled
        target.write_text(mutant.source, encoding="utf-8")
        try:
            found = self.tests(tests, seconds)
        finally:
            shutil.copy2(kept, target)
        if found is None:
            return "timed out"
        status, failed = found
        if failed and failed not in self.passed:
            if self.tests([failed], seconds) != (0, ""):
                raise RuntimeError(f"{failed} fails without a mutant, by itself")
            self.passed.add(failed)
        return "killed" if status else "survived"
