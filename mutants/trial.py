"""One mutant, tried in a copy of the checkout: a process forked from one that has the libraries, but none of our code."""

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
PATIENCE, MEMORY = 10, 8 * 2**30  # processor seconds beside those that tests took; bytes


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
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.path[0] = str(folder)
    failed = Failed()
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments], plugins=[failed])
    answer.send((int(status), failed.name))


class Copy:
    """A copy of a checkout, in which mutants are tried one by one."""

    def __init__(self, root: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root, folder, symlinks=True, ignore=LEFT)
        self.root, self.folder, self.passed = root, folder, set[str]()
        for name in LIBRARIES:
            importlib.import_module(name)

    def tests(self, arguments: list[str], seconds: float) -> tuple[int, str] | None:
        """Exit status and first test that failed; None where they take too long, or end the process."""
        here, there = get_context("fork").Pipe(duplex=False)
        limit = round(PATIENCE + seconds)
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

    def outcome(self, mutant: Mutant, tests: list[str], seconds: float) -> str:
        """How a mutant fares: killed, timed out or survived."""
        target = self.folder / mutant.path
        target.write_text(mutant.source, encoding="utf-8")
        try:
            found = self.tests(tests, seconds)
        finally:
            shutil.copy2(self.root / mutant.path, target)
        if found is None:
            return "timed out"
        status, failed = found
        if failed and failed not in self.passed:
            if self.tests([failed], seconds) != (0, ""):
                raise RuntimeError(f"{failed} fails without a mutant, by itself")
            self.passed.add(failed)
        return "killed" if status else "survived"
