"""The command that checks a user's model: check."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meanbits.files import unwritable_file
from meanbits.numerics.whole_files import write_bytes, write_text
from meanbits.options import Command, Number, fail, json_option
from meanbits.present import notices

if TYPE_CHECKING:
    from meanbits.experiments.check.result import Check

FILE = click.Path(path_type=Path)
FOUND = 1  # the exit status where a cause was found


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits check model.py:build --data digits --lr 0.001 --report check.html",
)
@click.argument("model", metavar="MODEL")
@click.option("--data", metavar="D",
              help="Inputs, scaled to [-1, 1]: digits, mnist, fashion-mnist, F.npz (x, and y if there are labels), a "
                   "folder of idx files or of CIFAR's batches, FILE.py:NAME. Default: the batch that MODEL gives, "
                   "else digits.")  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(2, 100_000), default=256, metavar="N", help="Inputs taken of D, default 256."
)
@click.option("--optimiser", metavar="O", help="sgd, adam or another of torch.optim; default adam where --lr is given.")
@click.option("--lr", type=Number(1e-300), metavar="R",
              help="Learning rate: then weights that it cannot flip are named.")  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1), default=10_000, metavar="N", help="Steps of a training, default 10,000."
)
@json_option
@click.option("--report", type=FILE, metavar="F.html", help="Write a page that needs nothing else.")
@click.option("-o", "--output", "figure", type=FILE, metavar="F.png", help="Draw q, c and gradients over the layers.")
def check(
    model: str, data: str | None, batch: int, optimiser: str | None, lr: float | None, steps: int, as_json: bool,
    report: Path | None, figure: Path | None,
) -> None:  # fmt: skip
    """What a model of yours does to a batch, layer by layer, beside the theory of its blocks, and why it fails.

    MODEL is FILE.py:NAME or MODULE:NAME, NAME a torch.nn.Module, or a function that gives one, or (model, batch), or
    (model, batch, labels); or a program saved by torch.export, FILE.pt2. Code of yours runs, since you name it. The
    model is not changed. Inputs are taken flat, or as images where only these fit.

    Exit status: 0 nothing was found, 1 a cause was found, 2 bad input.
    """
    from meanbits.experiments.check.check import check as examine
    from meanbits.experiments.check.given import given
    from meanbits.experiments.check.refusal import CheckError
    from meanbits.experiments.declared import DeclarationError

    _writable(report, "--report", ".html")
    _writable(figure, "--output", ".png")
    try:
        taken = given(model, data, batch)
        found = examine(taken.model, taken.batch, taken.labels, optimiser=optimiser, lr=lr, steps=steps)
    except (CheckError, DeclarationError) as error:
        fail(str(error))
    notices(taken.notes)
    _write(found, report, figure)
    click.echo(found.to_json() if as_json else str(found))
    if not found.ok:
        click.get_current_context().exit(FOUND)


def _writable(path: Path | None, option: str, ending: str) -> None:
    if path is None:
        return
    if path.suffix != ending:
        fail(f"{option} {path}: give a name that ends in {ending}")
    reason = unwritable_file(path)
    if reason is not None:
        fail(f"{option} {path}: {reason}")


def _write(found: Check, report: Path | None, figure: Path | None) -> None:
    if report is not None:
        write_text(report, found.to_html())
    if figure is not None:
        drawn = io.BytesIO()
        found.plot().savefig(drawn, format="png", dpi=150)
        write_bytes(figure, drawn.getvalue())
