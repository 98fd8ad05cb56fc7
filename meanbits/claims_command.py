"""The command claims: settle the claims of papers and print the verdicts with their evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from meanbits.experiments.claims.papers import KEYS
from meanbits.options import Command, fail, json_option
from meanbits.present import filled, json_text, progress

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Evidence, Settled


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits claims crit.deterministic crit.depth-bound\n"
    "         meanbits claims --paper blumenfeld-2019",
)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--paper", metavar="KEY", help=f"Those of one paper: {', '.join(KEYS)} (our own, of no paper).")
@json_option
def claims(ids: tuple[str, ...], paper: str | None, as_json: bool) -> None:
    """Settle claims of papers, each by running its checks.

    Without ID and without --paper, all those of Stamatescu et al. 2020 and of the theory beyond it; those of other
    papers by --paper or by ID. A verdict is holds, holds with a correction, or fails; the evidence stands below it.
    """
    from meanbits.experiments.claims.catalogue import chosen, settle

    try:
        asked = chosen(ids, paper)
    except ValueError as error:
        fail(str(error))
    if not as_json:
        outcomes = settle(asked, on_result=lambda outcome: click.echo(f"{_block(outcome)}\n"))
        click.echo(_tally(outcomes))
        return
    with progress("claims") as tick:
        done: list[Settled] = []

        def on_result(outcome: Settled) -> None:
            done.append(outcome)
            tick(len(done), len(asked))

        outcomes = settle(asked, on_result)
    click.echo(json_text({"claims": [document(outcome) for outcome in outcomes]}))


def _tally(outcomes: Sequence[Settled]) -> str:
    """How many claims got which verdict."""
    from meanbits.experiments.claims.claim import CORRECTED, FAILS, HOLDS

    counts = Counter(outcome.verdict for outcome in outcomes)
    return f"{len(outcomes)} claims; " + ", ".join(
        f"{verdict}: {counts[verdict]}" for verdict in (HOLDS, CORRECTED, FAILS)
    )


def document(outcome: Settled) -> dict[str, Any]:
    """A claim, its verdict and its evidence, as they stand in JSON."""
    claim = outcome.claim
    evidence = [{"of": "statement", **_plain(item)} for item in outcome.as_stated]
    evidence += [{"of": "correction", **_plain(item)} for item in outcome.correction]
    return {"id": claim.id, "paper": claim.paper, "statement": claim.statement, "source": claim.source,
            "verdict": outcome.verdict, "settled_by": list(outcome.settled_by), "evidence": evidence,
            "correction": claim.corrected if outcome.correction else None}  # fmt: skip


def _plain(item: Evidence) -> dict[str, Any]:
    return {"by": item.by, "what": item.what, "numbers": item.numbers, "holds": item.holds}


def _block(outcome: Settled) -> str:
    claim = outcome.claim
    lines = [f"{claim.id}: {outcome.verdict}", filled(claim.statement, "  "), filled(f"({claim.source})", "  ")]
    lines += [_line(item) for item in outcome.as_stated]
    if outcome.correction and claim.corrected is not None:
        lines += [filled(f"Correction: {claim.corrected}", "  "), *map(_line, outcome.correction)]
    return "\n".join(lines)


def _line(item: Evidence) -> str:
    return filled(f"{'+' if item.holds else '-'} {item.line}", "    ", hanging="      ")
