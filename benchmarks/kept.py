"""Results kept by kind of processor, a JSON file each, which the documentation draws its tables from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import document, machine_line, rows_of, rows_table
from benchmarks.timing import Row

FOLDER = Path(__file__).parent / "results"


def keep(measured: Mapping[str, Sequence[Row]], where: dict[str, object], folder: Path = FOLDER) -> Path:
    """Put groups of rows, each with the machine as it was, in place of what the file of this processor has of them."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{processor_name(where)}.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known |= {name: document(rows, where) for name, rows in measured.items()}
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def processor_name(where: Mapping[str, object]) -> str:
    """The kind of a processor as a file name: its model, cores and vectors."""
    text = f"{where['cpu']} {where['cpu_count']} cpus {where['SIMD']}".lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def page(order: Sequence[str], folder: Path = FOLDER) -> str:
    """Every processor's table in Markdown, its groups in this order; what was measured together shares a last line."""
    parts: list[str] = []
    for path in sorted(folder.glob("*.json")):
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = [known[name] for name in order if name in known]
        machines = dict.fromkeys(machine_line(each["machine"]) for each in found)
        rows = [row for each in found for row in rows_of(each)]
        title = f"## {found[0]['machine']['cpu']}, {found[0]['machine']['SIMD']}"
        parts += [title, rows_table(rows), *machines]
    return "\n\n".join(parts) + "\n"
