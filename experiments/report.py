"""The report of a run in Markdown: what was derived, checked and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meanbits.experiments.equations import equations, latex, notes
from meanbits.theory.derive import Theory

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.verification.verify import CheckResult

SURROGATE_HEADER = ("surrogate", "weights", "neurons", "treatment", "form", "derived in", "reference")
CHECKS = "A check passes if its error (or |z|) is within tolerance and that of a formula made wrong on purpose is not."
CLAIMS = "A claim is settled by running its checks, listed below the table: + where one holds, - where it does not."
CLAIM_HEADER = ("claim", "statement", "verdict", "settled by")
CHECK_HEADER = ("surrogate", "check", "expected", "got", "error or z", "tolerance", "if wrong", "passed")


@dataclass(frozen=True, eq=False)
class Derivation:
    """A theory and how long it took to derive."""

    theory: Theory
    seconds: float


@dataclass(frozen=True)
class Figure:
    """A figure's files and what they show, settings included."""

    title: str
    caption: str
    paths: tuple[Path, ...]


def report(
    settings: Mapping[str, str | int],
    derivations: Sequence[Derivation],
    checks: Sequence[CheckResult],
    claims: Sequence[Settled],
    figures: Sequence[Figure],
) -> str:
    """The report in Markdown; figures are linked by name, so it lies in their folder."""
    failed = [check for check in checks if not check.passed]
    verdict = f"**{len(failed)} of {len(checks)} checks failed.**" if failed else f"All {len(checks)} checks passed."
    parts = [
        "# meanbits report", verdict, _markdown_table(("setting", "value"), settings.items()),
        "## Surrogates", _markdown_table(SURROGATE_HEADER, map(_surrogate_row, derivations)),
        "## Checks", CHECKS, _markdown_table(CHECK_HEADER, map(_check_row, checks)),
        "## Claims", CLAIMS, _markdown_table(CLAIM_HEADER, map(_claim_row, claims)), "\n".join(map(_evidence, claims)),
        "## Figures", *(_figure(figure) for figure in figures),
        "## Equations", *(_equations(derivation.theory) for derivation in derivations),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines: list[Sequence[object]] = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def _surrogate_row(derivation: Derivation) -> tuple[str, ...]:
    surrogate = derivation.theory.surrogate
    parts = (surrogate.weights, surrogate.neurons, surrogate.treatment, surrogate.form)
    return (surrogate.name, *(part.name for part in parts), f"{derivation.seconds:.2f} s", surrogate.reference)


def _check_row(check: CheckResult) -> tuple[str, ...]:
    measured = check.error if check.z is None else check.z
    numbers = (f"{value:.3g}" for value in (measured, check.tolerance, check.wrong_error))
    return (check.surrogate, check.check, check.expected, check.got, *numbers, "yes" if check.passed else "**no**")


def _claim_row(outcome: Settled) -> tuple[str, ...]:
    claim, statement = outcome.claim, outcome.claim.statement
    if outcome.correction:
        statement = f"{statement} *Corrected:* {claim.corrected}"
    return (claim.id, statement, f"**{outcome.verdict}**", ", ".join(outcome.settled_by))


def _evidence(outcome: Settled) -> str:
    lines = [f"    - `{'+' if item.holds else '-'} {item.line}`" for item in outcome.evidence]
    return "\n".join([f"- {outcome.claim.id} ({outcome.claim.source})", *lines])


def _figure(figure: Figure) -> str:
    shown = [f"![{figure.title}]({path.name})" for path in figure.paths if path.suffix == ".png"]
    files = ", ".join(f"[{path.name}]({path.name})" for path in figure.paths)
    return "\n\n".join([f"### {figure.title}", *shown, figure.caption, f"Files: {files}"])


def _equations(theory: Theory) -> str:
    shown = [f"{item.title}:\n\n$$\n{item.left_latex} = {latex(item.expression)}\n$$" for item in equations(theory)]
    return "\n\n".join([f"### {theory.surrogate.name}", *shown, *(f"- {text}" for text in notes(theory).values())])
