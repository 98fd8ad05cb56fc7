"""The command papers: draw the figures of other papers and settle their claims."""

from __future__ import annotations

import time
from typing import Any

import click

from meanbits.claims_command import document
from meanbits.experiments.claims.papers import LITERATURE, Paper
from meanbits.figures import FIGURES, FigureKind, Settings, check_targets
from meanbits.options import Command, fail, json_option, run_options
from meanbits.present import json_text, notice, progress

KEYS = tuple(paper.key for paper in LITERATURE)


@click.command(cls=Command, epilog="\b\nExample: meanbits papers blumenfeld-2019 --preset smoke -o output")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@run_options
@json_option
def papers(keys: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Draw the figures of papers KEY and settle their claims.

    Without KEY of every paper but Stamatescu et al. 2020, whose are those of meanbits paper. Trainings are kept, so
    that a run cut short goes on.
    """
    from meanbits.experiments.data import DATASETS
    from meanbits.theory.declarations.options import nearest

    for key in keys:
        if key not in KEYS:
            fail(f"unknown paper '{key}'{nearest(key, KEYS)}")
    if options["dataset"] not in (None, *DATASETS):
        fail(f"--dataset {options['dataset']}: trainings of figures are kept by the name of the data; use "
             f"{', '.join(DATASETS)}")  # fmt: skip
    settings = Settings.checked(**options)
    chosen = [paper for paper in LITERATURE if not keys or paper.key in keys]
    wanted = {paper.key for paper in chosen}
    check_targets([kind for kind in FIGURES.values() if kind.paper in wanted], settings.folder)
    found = [_settled(paper, settings) for paper in chosen]
    if as_json:
        click.echo(json_text(settings.shown() | {"papers": found}))
        return
    for each in found:
        click.echo(f"{each['key']}: {each['title']}")
        click.echo("\n".join(f"  {claim['id']}: {claim['verdict']}" for claim in each["claims"]))
        click.echo("\n".join(f"  {path}" for path in each["files"]))


def _settled(paper: Paper, settings: Settings) -> dict[str, Any]:
    """The claims of a paper with their evidence, and the files of its figures."""
    from meanbits.experiments.claims.catalogue import chosen, settle

    files = [path for kind in FIGURES.values() if kind.paper == paper.key for path in _drawn(kind, settings)]
    outcomes = settle(chosen(paper=paper.key), lambda each: notice(f"claim {each.claim.id}: {each.verdict}"))
    return {"key": paper.key, "title": paper.title, "arxiv": paper.arxiv,
            "claims": [document(outcome) for outcome in outcomes], "files": files}  # fmt: skip


def _drawn(kind: FigureKind, settings: Settings) -> list[str]:
    start = time.perf_counter()
    with progress(f"figure {kind.id}") as tick:
        try:
            paths = kind.made(None, settings, tick).paths
        except ValueError as error:
            fail(f"figure {kind.id}: {error}")
    notice(f"figure {kind.id} in {time.perf_counter() - start:.1f} s")
    return [str(path) for path in paths]
