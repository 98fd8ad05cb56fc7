"""The page of a surrogate or of a chain of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp
from markupsafe import Markup

from meanbits.experiments.equations import notices
from meanbits.experiments.page.content import (
    bibtex,
    chain_equations,
    check_rows,
    claim_rows,
    grouped_equations,
    legend_of,
    notes_of,
    shown_steps,
    sources,
)
from meanbits.experiments.page.live import Live
from meanbits.experiments.page.mathml import inline
from meanbits.experiments.page.shell import json_text, render, script_text
from meanbits.numerics.certificates.proof import Certificate
from meanbits.theory import symbols
from meanbits.theory.derive import Theory
from meanbits.theory.stages.layer_theory import LayerTheory

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.verification.verify import CheckResult

READOUTS = (
    ("phase", "phase"), ("q", "q, field variance"), ("c", "c*, correlation of deep layers"),
    ("gap", "1 − c*"), ("chi", "χ, slope at c*"), ("chi_1", "χ<sub>1</sub>, slope at c = 1"),
    ("xi_c", "ξ<sub>c</sub>, layers"), ("xi_q", "ξ<sub>q</sub>, layers"),
)  # fmt: skip
CHAIN_READOUTS = (
    ("phase", "phase"), ("q", "q, field variance"), ("c", "c*, correlation of deep layers"),
    ("chi", "χ, slope at c*"), ("chi_1", "χ<sub>1</sub>, slope at c = 1"), ("xi_c", "ξ<sub>c</sub>, layers"),
    ("chi_g", "χ<sub>g</sub>, growth of squared gradients"), ("xi_g", "ξ<sub>g</sub>, layers"),
)  # fmt: skip
NAMED = {"sigma_m2": symbols.sigma_m2, "sigma_b2": symbols.sigma_b2}


@dataclass(frozen=True)
class Picture:
    """A picture as markup, and what is seen, as text or markup."""

    markup: Markup
    caption: str
    moves: bool = False  # whether the page draws the same by itself, where scripts run


@dataclass(frozen=True)
class Findings:
    """What was found out of a subject beside its derivation; empty parts are left out of the page."""

    live: Live | None = None
    pictures: Sequence[Picture] = ()
    certificate: Certificate | None = None
    checks: Sequence[CheckResult] = ()
    claims: Sequence[Settled] = ()
    remarks: Sequence[str] = field(default_factory=tuple)
    glance: Sequence[tuple[str, str]] = ()
    code: str = ""


def page(theory: Theory | LayerTheory, lead: str, reference: str, found: Findings, version: str) -> str:
    """The page: equations and pictures first, then the derivation, then checks and claims.

    lead: a sentence of the parts; reference: where the subject comes from.
    """
    subject = _of_surrogate(theory) if isinstance(theory, Theory) else _of_chain(theory)
    cited = sources(reference)
    content: dict[str, Any] = {
        **subject, "lead": lead, "version": version, "references": cited, "bibtex": bibtex(cited, version),
        "live": found.live, "pictures": found.pictures, "critical": _critical(found.certificate),
        "checks": check_rows(found.checks), "claims": claim_rows(found.claims),
        "glance": found.glance, "code": found.code,
        "readouts": CHAIN_READOUTS if found.live is not None and found.live.kind.isChain else READOUTS,
        "symbols": {name: inline(NAMED.get(name, sp.Symbol(name))) for name in _slider_names(found.live)},
    }  # fmt: skip
    content["notices"] = [*content["notices"], *found.remarks]
    if found.live is not None:
        content |= {"data": json_text(found.live.data), "maps": script_text(found.live.maps)}
    return render("surrogate.html", **content, contents=_contents(content))


def _slider_names(live: Live | None) -> list[str]:
    return [] if live is None else [slider.name for slider in live.sliders]


def _of_surrogate(theory: Theory) -> dict[str, Any]:
    name = theory.surrogate.name
    return {"title": f"{name}: mean-field theory", "heading": name, "equations": grouped_equations(theory),
            "steps": shown_steps(theory.trace), "legend": legend_of(theory), "notes": notes_of(theory),
            "notices": [f"{text[0].upper()}{text[1:]}" for text in notices(theory)]}  # fmt: skip


def _of_chain(theory: LayerTheory) -> dict[str, Any]:
    name, trace = theory.layer.name, (*theory.forward, *theory.trace)
    return {"title": f"{name}: mean-field theory", "heading": name, "equations": chain_equations(theory),
            "steps": shown_steps(trace), "legend": legend_of(theory), "notes": [], "notices": []}  # fmt: skip


def _critical(found: Certificate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    rows = [(step.name, step.claim, step.how, step.holds) for step in found.steps]
    box = [(name, repr(low), repr(high)) for name, (low, high) in (found.box or {}).items()]
    return {**asdict(found), "statement": found.statement.rstrip("."), "rows": rows, "box": box}


def _contents(content: dict[str, Any]) -> list[tuple[str, str]]:
    entries = (("glance", "At a glance"), ("equations", "Equations"), ("live", "Deep layers"), ("pictures", "Pictures"),
               ("critical", "Critical"), ("derivation", "Derivation"), ("checks", "Checks"), ("claims", "Claims"),
               ("cite", "Cite"))  # fmt: skip
    always = {"equations", "derivation", "cite"}
    return [(name, title) for name, title in entries if name in always or content[name]]
