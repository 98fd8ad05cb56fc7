"""Files read, and written whole or not at all: whatever fails, and when, the old file stays, or none is there."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from pathlib import Path

SUFFIX = ".part"


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: the system refuses, or it is a device or a pipe, which may have no end.
    """
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))
    return path.read_bytes()


def write_text(path: Path, text: str) -> None:
    """Replace a file by one of this text; as `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace a file by one of this content, which is on the disk before it takes the name.

    Raises:
        OSError: the system refuses; it names the file, whose old content stays.
    """
    target = path
    try:
        target = path.resolve()
        _clear(target)
        draft = target.with_name(f"{_stem(target)}.{os.getpid()}{SUFFIX}")
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _stem(target: Path) -> str:
    """How names of a file's drafts on this machine begin; short where the file's name is as long as names may be."""
    return f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}.{socket.gethostname()[:64]}"


def _clear(target: Path) -> None:
    """Remove drafts of the file whose process was killed."""
    stem = _stem(target)
    for draft in target.parent.glob(f"{stem}.*{SUFFIX}"):
        process = draft.name.removeprefix(f"{stem}.").removesuffix(SUFFIX)
        if process.isdecimal() and not _runs(int(process)):
            draft.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, OSError):  # another user's
        return True
    return True
