"""Results for people (Markdown) and programs (JSON), with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.timing import Row

HEADER = ("", "measured", "median", "compared", "required", "met")
PACKAGES = ("numpy", "scipy", "sympy", "torch")


def machine() -> dict[str, object]:
    """The processor, how busy it was, and the versions that matter."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    versions = {name: version(name) for name in PACKAGES}
    return {
        "cpu": _processor(),
        "cpu_count": os.cpu_count(),
        "load": load,
        "python": platform.python_version(),
    } | versions


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def as_json(rows: Sequence[Row], where: dict[str, object]) -> str:
    """One JSON document."""
    return json.dumps({"machine": where, "rows": [asdict(row) | {"met": row.met} for row in rows]}, indent=2)


def as_markdown(rows: Sequence[Row], where: dict[str, object]) -> str:
    """A Markdown table and a line about the machine."""
    parts = (f"{name} {value}" for name, value in where.items() if name not in ("cpu", "cpu_count", "load"))
    line = f"{where['cpu']}, {where['cpu_count']} CPUs, load {where['load']} at the start; {', '.join(parts)}."
    groups = [
        "" if row.group == before else row.group
        for row, before in zip(rows, [None, *(row.group for row in rows)], strict=False)
    ]
    cells = [HEADER, ["---"] * len(HEADER), *(_cells(group, row) for group, row in zip(groups, rows, strict=True))]
    return "\n".join([*("| " + " | ".join(row) + " |" for row in cells), "", line])


def _cells(group: str, row: Row) -> tuple[str, ...]:
    compared = "" if row.ratio is None else f"{row.ratio:.2f} x {row.base}"
    unit = f" x {row.base}" if row.ratio is not None else f" {row.unit}"
    required = "" if row.limit is None else f"at most {row.limit:g}{unit}"
    return (
        group,
        row.what,
        f"{row.value:.3g} {row.unit}",
        compared,
        required,
        {None: "", True: "yes", False: "**no**"}[row.met],
    )
