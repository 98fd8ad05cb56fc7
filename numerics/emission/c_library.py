"""C sources compiled once into the user's cache by the compiler at hand, and loaded only as they were written there."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from meanbits.numerics.user_cache import REMEDY, CacheError, cache_root, digest, keep, kept, own_folder

FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fPIC", "-shared",
         "-DMB_EXPORT=extern")  # fmt: skip
PLAIN = "-DMB_PLAIN"  # without variants and vector mathematics, which not every compiler has
COMPILERS = ("cc", "gcc", "clang")
MOST_SECONDS = 120
KIND = "c"  # the folder of the cache


class NoLibraryError(Exception):
    """Why there is no library, in one line."""


def cache_folder() -> Path:
    """Where libraries are kept."""
    return cache_root() / KIND


@lru_cache(maxsize=8)
def compiler(given: str | None, path: str | None) -> tuple[str, ...]:
    """The command of $CC, or of the first compiler on $PATH.

    Raises:
        NoLibraryError: if there is none.
    """
    names = [given] if given else COMPILERS
    for name in names:
        command = shlex.split(name)
        found = shutil.which(command[0], path=path) if command else None
        if found:
            return (found, *command[1:])
    raise NoLibraryError(f"no C compiler: {' or '.join(names)} is not on PATH; install one, or name it in CC")


def library(source: str) -> ctypes.CDLL:
    """The library of a C source: from the cache, or compiled.

    Raises:
        NoLibraryError: no compiler, one that fails, or a cache that cannot be used.
    """
    command = compiler(os.environ.get("CC"), os.environ.get("PATH"))
    try:
        folder = own_folder(KIND)
    except CacheError as error:
        raise NoLibraryError(str(error)) from None
    key = digest((source, *command, _version(tuple(command)), *FLAGS, platform.machine(), *platform.libc_ver()))
    for path, _ in kept(folder, key, ".so"):
        loaded = _loaded(path)
        if loaded is not None:
            return loaded
        path.unlink(missing_ok=True)
    made = _loaded(_built(source, command, folder, key))
    if made is None:
        raise NoLibraryError(f"the library that {command[0]} makes cannot be loaded; name another compiler in CC")
    return made


@lru_cache(maxsize=8)
def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoLibraryError(f"{command[0]} does not run: {error}") from None
    return done.stdout


def _loaded(path: Path) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _built(source: str, command: Sequence[str], folder: Path, key: str) -> Path:
    """The file of a library that was compiled, put in place whole."""
    try:
        with tempfile.TemporaryDirectory(prefix=f"{key}.", suffix=".part", dir=folder) as drafts:
            draft = Path(drafts) / "library.so"
            (Path(drafts) / "maps.c").write_text(source, encoding="utf-8")
            _compile(command, Path(drafts) / "maps.c", draft)
            return keep(draft, folder, key)
    except OSError as error:
        raise NoLibraryError(f"{folder}: {error.strerror}; {REMEDY}") from None


def _compile(command: Sequence[str], source: Path, target: Path) -> None:
    """Compile with vector code, or without it where the compiler has none."""
    said = ""
    for line in _lines(command, source, target):
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            raise NoLibraryError(f"{command[0]} does not run: {error}") from None
        if done.returncode == 0 and target.is_file():
            return
        said = said or next((each for each in done.stderr.splitlines() if "error" in each), "it says nothing")
    raise NoLibraryError(f"{command[0]} fails: {said.strip()[:200]}; name another compiler in CC")


def _lines(command: Sequence[str], source: Path, target: Path) -> Iterator[list[str]]:
    for flags in (FLAGS, (*FLAGS, PLAIN)):
        yield [*command, *flags, str(source), "-o", str(target), "-lm"]
