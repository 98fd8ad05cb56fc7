"""Commands that compute: verify, figure, paper."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.figures import FIGURES, FigureKind, Settings, check_targets, figure_kind
from meanbits.layer_options import subjects_options
from meanbits.options import FOLDER, Command, fail, json_option, run_options, surrogates_options
from meanbits.present import json_text, notice, progress, table_line

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.report import Derivation, Figure
    from meanbits.experiments.verification.verify import CheckResult
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

SMOKE = "smoke"
WIDTHS = (68, 18, 16, 8, 4)
HEADER = table_line(("check", "expected", "got", "if wrong", ""), WIDTHS)


@click.command(cls=Command, epilog="\b\nExample: meanbits verify deterministic lrt")
@subjects_options
@click.option("--all", "everything", is_flag=True, help="Every surrogate of the catalogue, and every named chain.")
@json_option
@click.pass_context
def verify(ctx: click.Context, subjects: tuple[Surrogate | Layer, ...], everything: bool, as_json: bool) -> None:
    """Check derived formulas and emitted code, of surrogates and of chains of blocks.

    Without S, the deterministic surrogate. The exit code is 1 if a check fails.
    """
    from meanbits.theory.declarations.rows import CHAINS
    from meanbits.theory.declarations.surrogates import CATALOGUE

    if everything and subjects:
        fail("--all and a surrogate exclude each other; give one of the two")
    named = (*CATALOGUE, *(row.layer for row in CHAINS))
    chosen = named if everything else subjects or (_default(),)
    if as_json:
        checks = _checks(chosen)
        passed = all(check.passed for check in checks)
        click.echo(json_text({"passed": passed, "checks": [_check_document(check) for check in checks]}))
    else:
        click.echo(HEADER)
        checks = _checks(chosen, on_result=_printer(click.echo))
    if not all(check.passed for check in checks):
        ctx.exit(1)


LISTED = "\n".join(f"{kind.id:<17} {kind.description}" for kind in FIGURES.values())


FIGURES_AND_EXAMPLE = f"""\b
Figures:
{textwrap.indent(LISTED, "  ")}

\b
Example: meanbits figure 1 --preset smoke -o output"""


@click.command(cls=Command, epilog=FIGURES_AND_EXAMPLE)
@click.argument("figure_id", metavar="ID", required=False)
@surrogates_options
@click.option("--list", "listed", is_flag=True, help="List the figures, one a line.")
@click.option("--results", metavar="F.nc", type=FOLDER,
              help="Figures 2 and 3: results of a sweep, done or not, in place of the preset's.")  # fmt: skip
@run_options
@json_option
@click.pass_context
def figure(
    ctx: click.Context, figure_id: str | None, surrogates: tuple[Surrogate, ...], listed: bool, as_json: bool,
    results: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Draw figure ID, with its data.

    It is written as PDF and PNG, its data beside it as netCDF. S, or the options of one, replaces the surrogate that
    the figure shows; --results F.nc, what meanbits sweep or collect has written, replaces its trainings.
    """
    if listed:
        rows = [{"figure": kind.id, "paper": kind.paper, "shows": kind.description} for kind in FIGURES.values()]
        click.echo(json_text(rows) if as_json else LISTED)
        return
    if figure_id is None:
        fail("missing argument 'ID'; see meanbits figure --help, or --list for the figures")
    kind = figure_kind(figure_id)
    if results is not None:
        _check_results(ctx, kind, surrogates)
    from meanbits.experiments.data import DATASETS

    if len(surrogates) > 1:
        fail(f"{len(surrogates)} surrogates; a figure shows one, or its own choice without S")
    for option in ("dataset", "data_dir"):
        if options[option] is not None and not kind.images:
            fail(f"--{option.replace('_', '-')} {options[option]}: figure {kind.id} shows no images; leave it out")
    if kind.trains and options["dataset"] not in (None, *DATASETS):
        fail(f"--dataset {options['dataset']}: figure {kind.id} keeps its trainings by the name of the data, of ten "
             f"classes; use {', '.join(DATASETS)}, or meanbits sweep for yours")  # fmt: skip
    settings = replace(Settings.checked(**options, images=kind.images and results is None), results=results)
    with progress(f"figure {kind.id}") as tick:
        try:
            drawn = kind.made(surrogates[0] if surrogates else None, settings, tick)
        except ValueError as error:
            fail(f"figure {kind.id}: {error}")
    paths = [str(path) for path in drawn.paths]
    shown = {"surrogate": surrogates[0].name} if surrogates else {}
    document = {"figure": kind.id, **shown, **settings.shown(), "caption": drawn.caption, "files": paths}
    click.echo(json_text(document) if as_json else "\n".join(paths))


def _check_results(ctx: click.Context, kind: FigureKind, surrogates: tuple[Surrogate, ...]) -> None:
    """Refuse what does not go with results that exist."""
    if not kind.sweeps:
        can = " and ".join(each.id for each in FIGURES.values() if each.sweeps)
        fail(f"--results: figure {kind.id} shows no sweep; those that do are {can}")
    given = [f"--{name.replace('_', '-')}" for name in ("preset", "dataset", "data_dir")
             if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE]  # fmt: skip
    if given or surrogates:
        fail(f"--results: they say what was trained; leave {', '.join(given) or surrogates[0].name} out")


@click.command(cls=Command, epilog="\b\nExample: meanbits paper --preset smoke -o output")
@run_options
@json_option
@click.pass_context
def paper(ctx: click.Context, as_json: bool, **options: Any) -> None:
    """Derive, verify, settle the claims, draw, and write one report.

    Every surrogate of the catalogue is derived and verified, and every figure drawn; those that train networks only at
    preset smoke, since they take ten minutes at quick and days at paper. Claims and figures of other papers are those
    of meanbits papers. The exit code is 1 if a check fails.
    """
    from meanbits.experiments.report import report
    from meanbits.numerics.whole_files import write_text
    from meanbits.theory.declarations.surrogates import CATALOGUE

    start, settings = time.perf_counter(), Settings.checked(**options)
    check_targets([kind for kind in FIGURES.values() if kind.paper is None], settings.folder)
    derivations = _derivations(CATALOGUE)
    checks = _checks(CATALOGUE, on_result=_printer(notice))
    settled, figures = _claims(), _figures(settings)
    path = settings.folder / "report.html"
    made = settings.shown() | _versions() | {"seconds": f"{time.perf_counter() - start:.0f}"}
    write_text(path, report(made, derivations, checks, settled, figures))
    failed = sum(not check.passed for check in checks)
    verdict = f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"
    document = {"report": str(path), "passed": not failed, "verdict": verdict}
    click.echo(json_text(document) if as_json else f"{path}: {verdict}")
    ctx.exit(1 if failed else 0)


def _figures(settings: Settings) -> list[Figure]:
    figures = []
    for kind in (each for each in FIGURES.values() if each.paper is None):
        if kind.trains and settings.preset != SMOKE:
            notice(f"figure {kind.id} trains networks; draw it with meanbits figure {kind.id} "
                   f"--preset {settings.preset}")  # fmt: skip
            continue
        start = time.perf_counter()
        with progress(f"figure {kind.id}") as tick:
            figures.append(kind.made(None, settings, tick))
        notice(f"figure {kind.id} in {time.perf_counter() - start:.1f} s")
    return figures


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    from meanbits import __version__

    return {"meanbits": __version__} | {name: version(name) for name in ("sympy", "numpy", "torch")}


def _default() -> Surrogate:
    from meanbits.theory.declarations.compose import DEFAULT, compose

    return compose(DEFAULT)


def _derivations(surrogates: Sequence[Surrogate]) -> list[Derivation]:
    from meanbits.experiments.report import Derivation
    from meanbits.theory.derive import derive

    derivations = []
    for surrogate in surrogates:
        start = time.perf_counter()
        theory = derive(surrogate)
        derivations.append(Derivation(theory, time.perf_counter() - start))
        notice(f"derived {surrogate.name} in {derivations[-1].seconds:.2f} s")
    return derivations


def _claims() -> tuple[Settled, ...]:
    from meanbits.experiments.claims.catalogue import settle

    return settle(on_result=lambda outcome: notice(f"claim {outcome.claim.id}: {outcome.verdict}"))


def _checks(
    subjects: Sequence[Surrogate | Layer], on_result: Callable[[CheckResult], None] | None = None
) -> tuple[CheckResult, ...]:
    from meanbits.experiments.verification.verify import verify as verify_subjects

    try:
        return verify_subjects(subjects, on_result)
    except ValueError as error:
        fail(str(error))


def _check_document(check: CheckResult) -> dict[str, Any]:
    return {"surrogate": check.surrogate, "name": check.check, "expected": check.expected, "got": check.got,
            "error": check.error, "z": check.z, "tolerance": check.tolerance, "wrong_error": check.wrong_error,
            "pass": bool(check.passed)}  # fmt: skip


def _printer(echo: Callable[[str], None]) -> Callable[[CheckResult], None]:
    """Prints one line a check, below the name of its surrogate."""
    named: list[str] = []

    def on_result(check: CheckResult) -> None:
        if check.surrogate not in named[-1:]:
            named.append(check.surrogate)
            echo(check.surrogate)
        passed = "ok" if check.passed else "FAIL"
        echo(table_line((f"  {check.check}", check.expected, check.got, f"{check.wrong_error:.2g}", passed), WIDTHS))

    return on_result
