"""Results for people (Markdown) and programs (JSON), with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.timing import Row

HEADER = ("", "measured", "median", "compared", "required", "met")
MACHINE = ("cpu", "cpu_count", "load", "load_at_end")
LEVELS = ("avx512f", "avx2", "avx", "sse2", "asimd")
PACKAGES = ("numpy", "scipy", "sympy", "mpmath", "python-flint", "torch")


def machine() -> dict[str, object]:
    """The processor, how busy it was, and the versions that matter."""
    versions = {name: version(name) for name in PACKAGES}
    return {
        "cpu": _processor(),
        "cpu_count": os.cpu_count(),
        "load": load(),
        "SIMD": simd(),
        "BLAS threads": blas_threads(),
        "python": platform.python_version(),
    } | versions


def load() -> float | None:
    """How many processes wait for a processor, on average over a minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def simd() -> str:
    """The widest vectors that the processor has, which NumPy and emitted C use, if it is of a kind that says so."""
    path = Path("/proc/cpuinfo")
    flags = set(path.read_text(encoding="utf-8").split()) if path.is_file() else set[str]()
    return next((level for level in LEVELS if level in flags), "unknown")


def blas_threads() -> str:
    """What the environment allows matrix products, else every core."""
    given = os.environ.get("OMP_NUM_THREADS") or os.environ.get("OPENBLAS_NUM_THREADS")
    return given or str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def as_json(rows: Sequence[Row], where: dict[str, object]) -> str:
    """One JSON document."""
    return json.dumps(document(rows, where), indent=2)


def document(rows: Sequence[Row], where: dict[str, object]) -> dict[str, Any]:
    """Rows and their machine as plain data."""
    return {"machine": where, "rows": [asdict(row) | {"met": row.met} for row in rows]}


def rows_of(found: dict[str, Any]) -> list[Row]:
    """The rows of a `document`."""
    names = [each.name for each in fields(Row)]
    return [Row(**{name: row[name] for name in names}) for row in found["rows"]]


def as_markdown(rows: Sequence[Row], where: dict[str, object]) -> str:
    """A Markdown table and a line about the machine."""
    return f"{rows_table(rows)}\n\n{machine_line(where)}"


def machine_line(where: dict[str, object]) -> str:
    """A machine, how busy it was, and its versions."""
    parts = (f"{name} {value}" for name, value in where.items() if name not in MACHINE)
    loads = f"load {where['load']} at the start, {where['load_at_end']} at the end"
    return f"{where['cpu']}, {where['cpu_count']} CPUs, {loads}; {', '.join(parts)}."


def rows_table(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    groups = [
        "" if row.group == before else row.group
        for row, before in zip(rows, [None, *(row.group for row in rows)], strict=False)
    ]
    cells = [HEADER, ["---"] * len(HEADER), *(_cells(group, row) for group, row in zip(groups, rows, strict=True))]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def _cells(group: str, row: Row) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    return group, row.what, _measured(row), _compared(row), _required(row), met


def _measured(row: Row) -> str:
    if row.value is None:
        return row.unit
    spread = "" if row.spread is None else f" ± {100 * row.spread:.0f} %"
    return f"{row.value:.3g} {row.unit}{spread}" + ("" if row.cpu is None else f" ({row.cpu:.3g} by processor time)")


def _compared(row: Row) -> str:
    if row.ratio is None:
        return ""
    cpu = "" if row.cpu_ratio is None else f" ({row.cpu_ratio:.2f} x by processor time)"
    return f"{row.ratio:.2f} x {row.base}{cpu}"


def _required(row: Row) -> str:
    unit = f" {row.unit}" if row.ratio is None else f" x {row.base}"
    limits = (("at most", row.limit), ("at least", row.least))
    return ", ".join(f"{text} {number:g}{unit}" for text, number in limits if number is not None)
