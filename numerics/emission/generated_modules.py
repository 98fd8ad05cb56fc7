"""The modules of `generated` by the name of a row of the catalogue: what would be emitted for it, which a test says."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from meanbits.numerics.emission.traits import module_name

PACKAGE = "meanbits.numerics.emission.generated"
GENERATED = {"numpy": "py", "torch": "py", "jax": "py", "c": "h", "javascript": "js"}  # how files of each end


def generated_source(name: str, backend: str) -> str | None:
    """The text of a module; None where none is generated."""
    if backend not in GENERATED:
        return None
    path = Path(__file__).parent / "generated" / file_name(name, backend)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def file_name(name: str, backend: str) -> str:
    """The file of a module."""
    return f"{module_name(name, backend)}.{GENERATED[backend]}"


def generated_module(name: str, backend: str) -> Mapping[str, Any]:
    """What a module defines."""
    return vars(import_module(f"{PACKAGE}.{module_name(name, backend)}"))


def generated_functions(name: str) -> tuple[str, ...]:
    """The functions of the modules of a row; none where it was not generated yet."""
    from meanbits.numerics.emission.generated.rows import ROWS  # late: what generates it loads this module

    return ROWS[name][1] if name in ROWS else ()
