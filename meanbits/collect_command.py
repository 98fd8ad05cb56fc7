"""The command collect: what ledgers hold of a grid, as far as its sweep has come."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meanbits.options import FOLDER, Command, fail, json_option
from meanbits.present import json_text
from meanbits.sweep_command import read_grid

if TYPE_CHECKING:
    from meanbits.experiments.sweep.grid import Grid
    from meanbits.experiments.sweep.ledger import Row


@click.command(
    cls=Command, epilog="\b\nExample: meanbits collect figure_2_smoke output/figure_2_smoke.sqlite -o so_far.nc"
)
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))
@click.argument("ledgers", metavar="LEDGER...", nargs=-1, required=True, type=FOLDER)
@click.option("--drop", metavar="NAME", multiple=True,
              help="Leave out the numbers of this name, as q or sampled_5; may be given again.")  # fmt: skip
@click.option("-o", "--output", metavar="F.nc", type=FOLDER, required=True, help="Results over the axes of the grid.")
@json_option
def collect(file: Path, ledgers: tuple[Path, ...], drop: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Write out what ledgers hold of a grid.

    Nothing is trained, and a sweep that is writing a ledger is left alone. Cells are known by their settings, so that
    ledgers of other grids give the cells they share with FILE.toml. Of cells not done yet status is 0 and the rest nan.
    """
    from meanbits.experiments.sweep.results import results
    from meanbits.experiments.sweep.trainings import DIMENSIONS
    from meanbits.numerics.datasets import save

    grid = read_grid(file)
    _check(output)
    rows = _rows(grid, ledgers)
    found = results(grid, rows, DIMENSIONS)
    left_out = {name: [each for each in found if str(each) == name or str(each).startswith(f"{name}_")]
                for name in drop}  # fmt: skip
    for name, variables in left_out.items():
        if not variables:
            fail(f"--drop {name}: there are no numbers of that name; drop one of {', '.join(map(str, found))}")
    save(found.drop_vars([each for names in left_out.values() for each in names], errors="ignore"), output)
    counts = Counter(row.status for row in rows.values())
    document = {"grid": grid.id, "cells": len(grid.cells), "done": counts["done"], "failed": counts["failed"],
                "files": [str(output)]}  # fmt: skip
    words = f"{counts['done']} of {len(grid.cells)} cells done, {counts['failed']} failed\n{output}"
    click.echo(json_text(document) if as_json else words)


def _check(output: Path) -> None:
    """Refuse, before anything is read, a file that cannot be written."""
    from meanbits.files import unwritable_file
    from meanbits.numerics.datasets import is_ours

    if output.suffix != ".nc":
        fail(f"--output {output}: the name must end in .nc")
    if output.exists() and not is_ours(output):
        fail(f"--output {output}: it is no dataset of meanbits; name another file")
    reason = unwritable_file(output)
    if reason is not None:
        fail(f"--output {output}: {reason}")


def _rows(grid: Grid, ledgers: tuple[Path, ...]) -> dict[str, Row]:
    """The cells of a grid that are in ledgers; where several hold one, the first done one, else the last."""
    from meanbits.experiments.sweep.ledger import DONE, LedgerError, stored

    known, rows = {cell.id for cell in grid.cells}, dict[str, "Row"]()
    for path in ledgers:
        try:
            found = stored(path)[1]
        except (LedgerError, OSError) as error:
            fail(str(error))
        rows |= {name: row for name, row in found.items()
                 if name in known and (name not in rows or rows[name].status != DONE)}  # fmt: skip
    if not rows:
        fail(f"{', '.join(map(str, ledgers))}: no cell of this grid is there yet; wait for one, or name "
             "another ledger")  # fmt: skip
    return rows
