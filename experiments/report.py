"""The report of a run as one page: what was derived, checked and drawn."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from meanbits.experiments.page.caption import caption_markup
from meanbits.experiments.page.content import bibtex, check_rows, claim_rows, grouped_equations, notes_of, sources
from meanbits.experiments.page.page import Picture
from meanbits.experiments.page.shell import render
from meanbits.theory.derive import Theory

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.verification.verify import CheckResult

SURROGATE_HEADER = ("surrogate", "weights", "neurons", "treatment", "form", "derived in", "reference")
CONTENTS = (("figures", "Figures"), ("equations", "Equations"), ("claims", "Claims"), ("checks", "Checks"),
            ("surrogates", "Surrogates"), ("run", "This run"), ("cite", "Cite"))  # fmt: skip


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
    """The report as one file of HTML, the figures inside; their data are linked by name, so it lies in their folder."""
    cited = _cited(derivation.theory for derivation in derivations)
    failed = [check for check in checks if not check.passed]
    return render(
        "paper.html", title="meanbits report", heading="meanbits report", version=settings["meanbits"],
        contents=CONTENTS,
        verdict=f"{len(failed)} of {len(checks)} checks failed." if failed else f"All {len(checks)} checks passed.",
        figures=[_figure(each) for each in figures], theories=[_equations(each.theory) for each in derivations],
        claims=claim_rows(claims), evidence=[_evidence(each) for each in claims], checks=check_rows(checks),
        surrogate_header=SURROGATE_HEADER, surrogates=[_surrogate_row(each) for each in derivations],
        settings=[(escape(name), escape(str(value))) for name, value in settings.items()], references=cited,
        bibtex=bibtex(cited, str(settings["meanbits"])),
    )  # fmt: skip


def _cited(theories: Iterable[Theory]) -> list[str]:
    return list(dict.fromkeys(each for theory in theories for each in sources(theory.surrogate.reference)))


def _surrogate_row(derivation: Derivation) -> tuple[str, ...]:
    surrogate = derivation.theory.surrogate
    parts = (surrogate.weights, surrogate.neurons, surrogate.treatment, surrogate.form)
    return (
        escape(surrogate.name),
        *(escape(part.name) for part in parts),
        f"{derivation.seconds:.2f} s",
        surrogate.reference,
    )


def _evidence(outcome: Settled) -> dict[str, Any]:
    return {"id": outcome.claim.id, "lines": [(item.holds, item.line) for item in outcome.evidence]}


def _figure(figure: Figure) -> dict[str, Any]:
    shown = [
        Picture(_image(path, figure.title), caption_markup(figure.caption))
        for path in figure.paths
        if path.suffix == ".png"
    ]
    return {"title": figure.title, "pictures": shown, "files": [path.name for path in figure.paths]}


def _image(path: Path, title: str) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    return Markup(f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">')


def _equations(theory: Theory) -> dict[str, Any]:
    entries = [entry for _, group in grouped_equations(theory) for entry in group]
    return {"name": theory.surrogate.name, "equations": entries, "notes": notes_of(theory)}
