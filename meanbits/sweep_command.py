"""The command sweep: a grid of trainings that survives whatever is killed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import FOLDER, Command, Number, fail, json_option
from meanbits.present import json_text, notice, notices

if TYPE_CHECKING:
    from meanbits.experiments.sweep.grid import Grid
    from meanbits.experiments.sweep.ledger import Row
    from meanbits.experiments.sweep.pools import Pool

SILENCE = 60.0  # seconds between two lines about what is trained
EPILOG = """\b
A grid, for example:
  dataset = "digits"
  epochs = 5
  surrogate = ["deterministic --form paper", "deterministic", "lrt"]
  depth = { start = 5, stop = 20, count = 4 }
  sigma_m2 = [0.2, 0.5, 0.8]
\b
Example: meanbits sweep figure_2_smoke -o output/figure_2_smoke.nc"""


@click.command(cls=Command, epilog=EPILOG)
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with a ledger that exists.")
@click.option("--retry-failed", is_flag=True, help="Train the cells that failed once more; with --resume.")
@click.option("--workers", metavar="N", type=click.IntRange(min=1),
              help="Processes of this machine, default one a core, or one for a GPU.")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Train on the workers of a Dask scheduler, as tcp://host:8786.")
@click.option("--timeout", metavar="S", type=Number(low=0.1), default=30.0,
              help="Seconds a scheduler has to answer, default 30.")  # fmt: skip
@click.option("--batch", metavar="N", type=click.IntRange(min=1),
              help="Cells of one shape trained as one computation at most, default 8, or 64 on a GPU.")  # fmt: skip
@click.option("--data-dir", metavar="FOLDER", type=FOLDER, help="Folder of the idx.gz files.")
@click.option("--device", metavar="D", default="cpu", help="cpu, cuda or cuda:I, default cpu.")
@click.option("--ledger", metavar="PATH", type=FOLDER, help="Default: the output's name with .sqlite.")
@click.option("-o", "--output", metavar="F.nc", type=FOLDER,
              help="Results over the axes of the grid, default output/FILE.nc.")  # fmt: skip
@json_option
def sweep(file: Path, ledger: Path | None, output: Path | None, as_json: bool, **options: Any) -> None:
    """Train every cell of a grid.

    FILE.toml holds the settings of a training (`meanbits train --help`); one given as a list, or as a range with
    start, stop and count, is an axis, and a cell is a choice of one value of each. FILE may also be the name of a grid
    that comes with meanbits.

    A finished cell is in the ledger, an SQLite file, once and whole, whatever is killed and when; --resume trains
    the rest. Cells that share shapes train together as one computation. A cell whose loss is not finite is recorded
    as failed with the reason. At the end the ledger is written out as netCDF.
    """
    from meanbits.experiments.sweep.ledger import opened
    from meanbits.experiments.sweep.results import results
    from meanbits.experiments.sweep.trainings import DIMENSIONS
    from meanbits.numerics.datasets import save

    grid = read_grid(file)
    output = output or Path("output") / f"{file.stem}.nc"
    if output.suffix != ".nc":
        fail(f"--output {output}: the name must end in .nc")
    ledger = ledger or output.with_suffix(".sqlite")
    _check(grid, ledger, output, **options)
    try:
        with _pool(**options) as pool, opened(ledger, grid, options["resume"]) as book:
            _train(grid, book, pool, **options)
            rows = book.rows()
    except ValueError as error:
        fail(_from_whom(error, options["scheduler"]))
    save(results(grid, rows, DIMENSIONS), output)
    _show(grid, rows, ledger, output, as_json)


def read_grid(file: Path) -> Grid:
    """The grid of a file, or the one of that name that comes with meanbits; refused in one line."""
    from meanbits.experiments.sweep.grid import GridError
    from meanbits.experiments.sweep.trainings import shipped, shipped_names, training_grid

    path = file if file.is_file() else shipped(str(file))
    if path is None:
        fail(f"FILE.toml: there is no file {file}; name a grid, or one of {', '.join(shipped_names())}")
    try:
        return training_grid(path.read_text(encoding="utf-8"))
    except (GridError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}; name another file")


def _check(grid: Grid, ledger: Path, output: Path, data_dir: Path | None, device: str, **options: Any) -> None:
    """Refuse, before anything is written, what would fail later."""
    from meanbits.experiments.data import DataError
    from meanbits.experiments.random_networks.devices import device_of
    from meanbits.experiments.sweep.ledger import LedgerError, check
    from meanbits.experiments.sweep.trainings import check_data
    from meanbits.files import unwritable_file
    from meanbits.numerics.datasets import is_ours

    if options["retry_failed"] and not options["resume"]:
        fail("--retry-failed goes on with a ledger that exists; give --resume as well")
    if options["scheduler"] and options["workers"]:
        fail(f"--workers {options['workers']} are processes of this machine; leave it or --scheduler out")
    if ledger.resolve() == output.resolve():
        fail(f"--ledger {ledger}: it is the output as well; name another file")
    if output.exists() and not is_ours(output):
        fail(f"--output {output}: it exists and is no dataset of meanbits; name another file")
    try:
        device_of(device)
        notices(check_data(grid, data_dir))
        for option, path in (("--ledger", ledger), ("--output", output)):
            path.parent.mkdir(parents=True, exist_ok=True)
            reason = unwritable_file(path)
            if reason is not None:
                fail(f"{option} {path}: {reason}")
        check(ledger, grid, options["resume"])
    except (DataError, LedgerError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}; name another --ledger or --output")


def _pool(
    workers: int | None, scheduler: str | None, timeout: float, device: str, **_: Any
) -> AbstractContextManager[Pool]:
    from meanbits.experiments.sweep.pools import available_cores, cluster_pool, local_pool

    if scheduler is not None:
        return cluster_pool(scheduler, timeout)
    return local_pool(workers or (available_cores() if device == "cpu" else 1))


def _train(
    grid: Grid,
    ledger: Any,
    pool: Pool,
    batch: int | None,
    retry_failed: bool,
    data_dir: Path | None,
    device: str,
    **_: Any,
) -> None:
    from meanbits.experiments.sweep.run import run
    from meanbits.experiments.sweep.trainings import batch_limit, trainer

    folder = None if data_dir is None else data_dir.absolute()
    with _bar(len(grid.cells)) as tick:
        run(grid, ledger, trainer(folder, device), pool, limit=batch or batch_limit(device), again=retry_failed,
            tick=tick)  # fmt: skip


@contextmanager
def _bar(cells: int) -> Iterator[Callable[[int, int], None]]:
    """Cells done of those to do, and an estimate, on a terminal; elsewhere a line at the start, and one a minute."""
    shown = sys.stderr.isatty()
    with ExitStack() as stack:
        bars: list[Any] = []
        said = time.monotonic()

        def tick(done: int, total: int) -> None:
            nonlocal said
            if not bars:
                notice(f"{total} of {cells} cells to train")
                bar = click.progressbar(length=total, label="sweep", show_pos=True, file=sys.stderr, hidden=not shown)
                bars.append(stack.enter_context(bar))
            bars[0].update(done - bars[0].pos)
            if not shown and time.monotonic() - said >= SILENCE:
                said = time.monotonic()
                notice(f"{done} of {total} trained")

        yield tick


def _from_whom(error: ValueError, scheduler: str | None) -> str:
    return f"--scheduler {error}" if scheduler and str(error).startswith(scheduler) else str(error)


def _show(grid: Grid, rows: dict[str, Row], ledger: Path, output: Path, as_json: bool) -> None:
    counts = Counter(row.status for row in rows.values())
    failures = [place | {"reason": rows[cell.id].record["reason"]}
                for place, cell in zip(grid.places, grid.cells, strict=True)
                if cell.id in rows and rows[cell.id].status == "failed"]  # fmt: skip
    document = {"grid": grid.id, "cells": len(grid.cells), "done": counts["done"], "failed": failures,
                "ledger": str(ledger), "files": [str(output)]}  # fmt: skip
    if as_json:
        click.echo(json_text(document))
        return
    for failure in failures:
        notice("failed: " + ", ".join(f"{name} {value}" for name, value in failure.items()))
    click.echo(f"{counts['done']} cells done, {counts['failed']} failed\n{ledger}\n{output}")
