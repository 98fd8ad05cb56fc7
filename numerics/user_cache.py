"""The user's cache: whole files, each named by its key and by a digest of its own bytes, in folders of the user alone.

What was cut short, changed, or made from something else has another name, or not the bytes of its name, and is not
taken. Writers side by side put the same file in the same place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

DIGEST = 32  # hexadecimal digits
MOST = 256  # files of a folder; the oldest go first
REMEDY = "set XDG_CACHE_HOME to a folder of yours"


class CacheError(Exception):
    """Why the cache cannot be used, in one line."""


def cache_root() -> Path:
    """Where everything is kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meanbits"


def own_folder(kind: str) -> Path:
    """A folder of the cache, which nobody but the user may write to; made where it is not there.

    Raises:
        CacheError: it cannot be made or written to, or others may write to it.
    """
    try:
        folder = cache_root() / kind
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except RuntimeError as error:  # no home
        raise CacheError(f"{error}; {REMEDY}") from None
    except OSError as error:
        raise CacheError(f"{error.filename}: {error.strerror}; {REMEDY}") from None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise CacheError(f"{folder}: others may write to it; {REMEDY}")
    if not os.access(folder, os.W_OK):
        raise CacheError(f"{folder}: not writable; {REMEDY}")
    return folder


def digest(parts: Iterable[str | bytes]) -> str:
    """A key of everything that something was made from."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:DIGEST]


def kept(folder: Path, key: str, suffix: str) -> Iterator[tuple[Path, bytes]]:
    """Files of a key with the bytes that their names say; others are removed."""
    for path in sorted(folder.glob(f"{key}-*{suffix}")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if path.stem.endswith(f"-{digest([data])}"):
            yield path, data
        else:
            path.unlink(missing_ok=True)


def keep(draft: Path, folder: Path, key: str) -> Path:
    """Put a draft, a file beside the folder's others, in place whole.

    Raises:
        OSError: it cannot be read or moved.
    """
    target = folder / f"{key}-{digest([draft.read_bytes()])}{draft.suffix}"
    draft.replace(target)
    for path in sorted(folder.glob(f"*{draft.suffix}"), key=_age)[MOST:]:
        path.unlink(missing_ok=True)
    return target


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # another process was faster
        return 0.0
