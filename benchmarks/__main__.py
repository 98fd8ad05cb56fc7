"""`python -m benchmarks [GROUP ...] [--json] [--keep]`: measure the groups named, or everything; print the table."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks.kept import keep
from benchmarks.table import as_json, as_markdown, load, machine
from benchmarks.timing import Row

# Name, the function that measures it, and what it is.
GROUPS = (
    ("maps", "benchmarks.maps:closed_form_rows", "emitted maps beside the same formulas by hand, NumPy and Torch"),
    ("erf", "benchmarks.erf:erf_rows", "the erf map, its gap form and chi beside one arcsine a point, and floors"),
    ("c", "benchmarks.c:c_rows", "erf and tanh maps in C, beside C by hand and NumPy"),
    ("tanh", "benchmarks.tanh:tanh_rows", "tanh maps, direct and through a table, with their errors"),
    ("quadrature", "benchmarks.maps:quadrature_rows", "maps that are two-dimensional quadratures"),
    ("scalar", "benchmarks.scalar:scalar_rows", "calls with numbers instead of arrays"),
    ("phase", "benchmarks.phase:phase_rows", "phase diagrams"),
    ("certificates", "benchmarks.critical:certificate_rows", "proofs about critical initialisations"),
    ("critical", "benchmarks.critical:critical_rows", "critical curves"),
    ("neural-tangents", "benchmarks.peer:peer_rows", "beside neural-tangents, where it is installed"),
    ("simulation", "benchmarks.simulation:simulation_rows", "random networks"),
    ("layers", "benchmarks.layers:layer_rows", "Torch layers and batched trainings"),
    ("derivation", "benchmarks.processes:derivation_rows", "derivations in fresh processes"),
    ("start", "benchmarks.processes:start_rows", "whole commands, the interpreter's start included"),
)


def main() -> None:
    """Measure and print."""
    listed = "\n".join(f"  {name:<16} {title}" for name, _, title in GROUPS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure speeds and print a table.", epilog=f"groups:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="what to measure, by default everything")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--keep", action="store_true", help="keep the results for this processor in benchmarks/results")
    arguments = parser.parse_args()
    known = [name for name, _, _ in GROUPS]
    for name in arguments.groups:
        if name not in known:
            parser.error(f"unknown group '{name}'; known: {', '.join(known)}")
    where, chosen = machine(), arguments.groups or known
    measured = {name: _rows(target) for name, target, _ in GROUPS if name in chosen}
    where["load_at_end"] = load()
    rows = [row for each in measured.values() for row in each]
    print(as_json(rows, where) if arguments.json else as_markdown(rows, where))
    if arguments.keep:
        print(f"kept in {keep(measured, where)}", file=sys.stderr)


def _rows(target: str) -> list[Row]:
    module, function = target.split(":")
    return list(getattr(import_module(module), function)())


if __name__ == "__main__":
    main()
