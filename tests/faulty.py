"""What befalls processes, for tests: streams closed, disks full, kills at a moment; and whether a file is whole."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meanbits.experiments.export.export import load_network
from meanbits.experiments.training.checkpoint import read as read_checkpoint
from meanbits.numerics import datasets

ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
PYTHON = (sys.executable, "-m", "meanbits")
# In the place of a file's last step, which all files of ours take: the worst moment there is.
STRUCK = """
import os, sys
from meanbits.numerics import whole_files
def strike(_): os.kill(os.getpid(), {signal})
whole_files.os.fsync = strike
from meanbits.cli import main
raise SystemExit(main(sys.argv[1:]))
"""
# In the midst of simulating, with three networks done.
STOPPED = """
import os, sys
from meanbits.experiments.random_networks.measurements import Moments
with_next = Moments.with_next
def stop(done, values):
    if done.count == 3: os.kill(os.getpid(), {signal})
    return with_next(done, values)
Moments.with_next = stop
from meanbits.cli import main
raise SystemExit(main(sys.argv[1:]))
"""
MOUNTED = 'mount -t tmpfs -o {options} none "$0" && cd "$0" && exec "$@"'


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """In one line, with these words."""
        assert (self.code, self.err.count("\n"), "Traceback" in self.err) == (2, 1, False), self
        assert all(word in self.err for word in words), self.err


def ended(arguments: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Ended:
    """A process to its end."""
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300,
                          env=ONE_THREAD if environment is None else environment)  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def struck(number: signal.Signals, line: str, folder: Path) -> Ended:
    """A command to which a signal is sent as it writes its first file."""
    return ended([sys.executable, "-c", STRUCK.format(signal=int(number)), *line.split()], folder)


def killed(number: signal.Signals, line: str, folder: Path, seconds: float) -> bool:
    """A command that gets a signal after some seconds, unless it is done; whether it got it."""
    process = subprocess.Popen([*PYTHON, *line.split()], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=ONE_THREAD, start_new_session=True)  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=120)
    early = "site" in said or "runpy" in said or "importlib" in said  # before there is a main function to take it
    assert "Traceback" not in said or early, said
    return process.returncode != 0


def mounted(options: str, line: str, folder: Path) -> Ended:
    """A command in a file system of its own, with these options; in a namespace where mounting is allowed."""
    return ended(["unshare", "-Urm", "sh", "-c", MOUNTED.format(options=options), str(folder), *PYTHON, *line.split()],
                 folder)  # fmt: skip


def may_mount(folder: Path) -> bool:
    """Whether this machine lets us."""
    if shutil.which("unshare") is None:
        return False
    return (
        ended(["unshare", "-Urm", "sh", "-c", MOUNTED.format(options="size=4k"), str(folder), "true"], folder).code == 0
    )


@contextmanager
def files_of(limit: int) -> Iterator[None]:
    """Within, no file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def is_whole(path: Path) -> bool:
    """Whether a file holds all that was to be written, by its kind."""
    content = path.read_bytes()
    match path.suffix:
        case ".nc":
            return datasets.read(path) is not None
        case ".html":
            return content.rstrip().endswith(b"</html>")
        case ".pdf":
            return content.rstrip().endswith(b"%%EOF")
        case ".png":
            return content.endswith(b"IEND\xaeB`\x82")
        case ".pt":
            return _is_checkpoint(path) or load_network(path) is not None
        case ".npz":
            return load_network(path) is not None
        case _:
            return content.endswith(b"\n")


def _is_checkpoint(path: Path) -> bool:
    try:
        return bool(read_checkpoint(path))
    except ValueError:
        return False
