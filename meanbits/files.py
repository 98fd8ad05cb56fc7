"""Why a file or folder cannot be written, asked before work begins."""

from __future__ import annotations

import os
from pathlib import Path


def unwritable_file(path: Path) -> str | None:
    """Why a file cannot be written, or None."""
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name too long, or with a null character
        return f"{getattr(error, 'strerror', None) or error}; name another file"
    if path.exists() and not path.is_file():
        return f"{path} is not a file; name a file"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; create it, or name another file"
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is not writable; name another file"
    return None


def unwritable_folder(path: Path) -> str | None:
    """Why a folder cannot be written or created, or None."""
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    except (OSError, ValueError) as error:
        return f"{getattr(error, 'strerror', None) or error}; name another one"
    if not existing.is_dir():
        return f"{existing} is not a folder; name another one"
    return None if os.access(existing, os.W_OK) else f"the folder {existing} is not writable; name another one"
