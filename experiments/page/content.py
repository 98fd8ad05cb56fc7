"""What a page says of a derivation: equations by section, steps with their assumptions and rules, symbols, sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from meanbits.experiments.derivations import SECTIONS
from meanbits.experiments.equations import equations, legend, notes
from meanbits.experiments.page.mathml import Formula, formula, inline_words
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.closing import rules_used
from meanbits.theory.stages.layer_theory import LayerTheory
from meanbits.theory.trace import Step

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.verification.verify import CheckResult

Group = tuple[str, list[tuple[str, Formula]]]
SOURCE = re.compile(r"(?P<authors>.+?)(?P<others> et al\.)? (?P<year>\d{4})(?:, (?:(?P<where>NeurIPS \d+)|appendix))?"
                    r"(?:,? ?arXiv (?P<arxiv>\d{4}\.\d{5}))?$")  # fmt: skip
PAPER = "Stamatescu et al. 2020, arXiv 1902.00177"
CHAIN_TITLES = {
    "total_map": ("total map", "T'"),
    "variance_map": ("variance map", "q'"),
    "correlation_map": ("correlation map", "c'"),
    "chi": ("slope of the correlation map", "chi"),
    "gradient_growth": ("growth of squared gradients", "chi_g"),
    "gradient_overlap": ("overlap of two gradients, a layer", "E d_a d_b / E d'_a d'_b"),
}


@dataclass(frozen=True)
class ShownStep:
    """A step for readers."""

    name: str
    assumption: str
    before: Formula
    after: Formula
    rules: tuple[str, ...]


def grouped_equations(theory: Theory) -> list[Group]:
    """Every equation of a surrogate's theory, by section."""
    found = {each.name: each for each in equations(theory)}
    groups = [(title, [(found[name].title, formula(found[name].left, found[name].expression))
                       for name in names if name in found]) for title, names in SECTIONS]  # fmt: skip
    return [(title, entries) for title, entries in groups if entries]


def chain_equations(theory: LayerTheory) -> list[Group]:
    """The maps of a chain of blocks."""
    shown = [(CHAIN_TITLES[name][0], formula(CHAIN_TITLES[name][1], side)) for name, side in theory.formulas.items()]
    return [("Maps of a layer", shown)]


def shown_steps(trace: Iterable[Step]) -> list[ShownStep]:
    """Steps with their formulas typeset, and the rules that close their expectations."""
    return [ShownStep(each.name, str(each.assumption), formula(each.before), formula("", each.after, between="→"),
                      tuple(" ".join((rule.__doc__ or rule.__name__).split()) for rule in rules_used(each.before)))
            for each in trace]  # fmt: skip


def legend_of(theory: Theory | LayerTheory) -> list[tuple[Markup, str]]:
    """Every symbol of the equations and the steps."""
    if isinstance(theory, Theory):
        sides, trace = [each.expression for each in equations(theory)], theory.trace
    else:
        sides, trace = list(theory.formulas.values()), (*theory.forward, *theory.trace)
    sides += [side for step in trace for side in (step.before, step.after)]
    return [(_name(name), meaning) for name, meaning in legend(sides).items()]


def _name(name: str) -> Markup:
    """A symbol typeset; an indexed one by its letter, a node as it is written."""
    letter = name.removesuffix("[...]")
    return Markup(inline_words(letter)) if letter.isidentifier() else escape(name)


def notes_of(theory: Theory) -> list[str]:
    """What a surrogate has not, and why."""
    return [f"{text[0].upper()}{text[1:]}" for text in notes(theory).values()]


def check_rows(checks: Iterable[CheckResult]) -> list[tuple[Any, ...]]:
    """Checks as rows of a table."""
    return [(escape(each.surrogate), each.check, each.expected, each.got,
             *(f"{value:.3g}" for value in (each.error if each.z is None else each.z, each.tolerance,
                                            each.wrong_error)), bool(each.passed)) for each in checks]  # fmt: skip


def claim_rows(outcomes: Iterable[Settled]) -> list[tuple[str, ...]]:
    """Claims as rows of a table, what is true instead behind a statement that fails."""
    rows = []
    for each in outcomes:
        corrected = f" Corrected: {each.claim.corrected}" if each.correction else ""
        rows.append((escape(each.claim.id), each.claim.statement + corrected, each.verdict, ", ".join(each.settled_by),
                     each.claim.source))  # fmt: skip
    return rows


def sources(reference: str) -> list[str]:
    """The works that a page rests on: those of the surrogate, then the theory's paper."""
    given = [part.strip() for part in reference.split(";") if part.strip()]
    return list(dict.fromkeys([*given, PAPER]))


def bibtex(references: Iterable[str], version: str) -> str:
    """BibTeX of the software, and of the works as far as they are known."""
    entries = [f"@software{{meanbits,\n  title = {{meanbits: a workbench for the mean-field theory of binary neural "
               f"networks}},\n  author = {{{{The meanbits authors}}}},\n  version = {{{version}}}\n}}"]  # fmt: skip
    entries += [_entry(found) for reference in references if (found := SOURCE.match(reference))]
    return "\n\n".join(entries)


def _entry(found: re.Match[str]) -> str:
    authors = re.split(r", | & | and ", found["authors"])
    names = " and ".join([*authors, *(["others"] if found["others"] else [])])
    where = [
        ("eprint", found["arxiv"]),
        ("archivePrefix", found["arxiv"] and "arXiv"),
        ("howpublished", found["where"]),
    ]
    lines = [("author", names), ("year", found["year"]), *where]
    fields = ",\n".join(f"  {name} = {{{value}}}" for name, value in lines if value)
    return f"@misc{{{re.sub('[^a-z]', '', authors[0].lower())}-{found['year']},\n{fields}\n}}"
