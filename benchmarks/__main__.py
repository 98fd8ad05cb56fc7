"""`python -m benchmarks [--json]`: measure everything in one run and print the table."""

from __future__ import annotations

import argparse

import torch

from benchmarks.maps import closed_form_rows, quadrature_rows
from benchmarks.processes import derivation_rows, start_rows
from benchmarks.table import as_json, as_markdown, machine


def main() -> None:
    """Measure and print. Torch runs on one thread, like NumPy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speeds and print a table.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    where = machine()
    rows = [*closed_form_rows(), *quadrature_rows(), *derivation_rows(), *start_rows()]
    print(as_json(rows, where) if arguments.json else as_markdown(rows, where))


if __name__ == "__main__":
    main()
