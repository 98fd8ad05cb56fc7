"""A derivation in writing as a JSON document, as text and as LaTeX."""

from __future__ import annotations

from typing import Any

from meanbits.experiments.derivations import (
    BACKWARD,
    CONDITIONS,
    CURVE,
    FORWARD,
    JACOBIAN,
    MAPS,
    SECTIONS,
    Derivation,
    WrittenEquation,
    WrittenStep,
)
from meanbits.present import wrapped


def document(derivation: Derivation, steps: bool) -> dict[str, Any]:
    """Every formula as a string, its LaTeX under `latex` by the same name."""
    text = {equation.name: equation.right.plain for equation in derivation.equations}
    critical = {name: text[name] for name in CONDITIONS if name in text}
    curve = {name: text[key] for key, name in CURVE.items() if key in text}
    result = {
        "surrogate": derivation.parts,
        "forward_equations": {name: text.get(name) for name in FORWARD} | {"sampled": derivation.sampled},
        **{name: text.get(name) for name in MAPS},
        "jacobian": _jacobian(derivation, text),
        **{name: text.get(name) for name in BACKWARD},
        "critical_conditions": critical | {"curve": curve or None} if critical else None,
        "latex": {equation.name: equation.right.latex for equation in derivation.equations},
        "legend": derivation.legend,
        "notes": derivation.notes,
        "notices": list(derivation.notices),
    }
    numbered = enumerate(derivation.steps, start=1)
    return result | ({"steps": [step_document(number, step) for number, step in numbered]} if steps else {})


def _jacobian(derivation: Derivation, text: dict[str, str | None]) -> dict[str, Any] | None:
    if derivation.gradient_through_sigma is None:
        return None
    terms = {name: text[key] for key, name in JACOBIAN.items()}
    return terms | {"gradient_through_sigma": derivation.gradient_through_sigma}


def step_document(number: int, step: WrittenStep) -> dict[str, Any]:
    """A step of a derivation as part of a JSON document."""
    return {
        "number": number,
        "name": step.name,
        "assumption": step.assumption,
        "before": step.before.plain,
        "after": step.after.plain,
        "latex": {"before": step.before.latex, "after": step.after.latex},
    }


def as_text(derivation: Derivation, steps: bool) -> str:
    """The derivation for people, 100 columns wide."""
    found = {equation.name: equation for equation in derivation.equations}
    said, lines = derivation.notes, [_heading(derivation.parts)]
    for title, names in SECTIONS:
        if not any(name in found or name in said for name in names):
            continue
        lines += ["", title, ""]
        lines += [_equation(found[name]) for name in names if name in found]
        lines += [f"  ({said[name]})" for name in names if name in said]
    if steps:
        lines += ["", "Steps", "", *(_step_text(number, step) for number, step in enumerate(derivation.steps, 1))]
    legend = derivation.full_legend if steps else derivation.legend
    lines += ["", "Symbols", "", *(wrapped(text, f"  {name:<9} ", " " * 12) for name, text in legend.items())]
    return "\n".join([*lines, *("\n" + wrapped(text, indent="  ") for text in derivation.notices)])


def _heading(parts: dict[str, str]) -> str:
    return (f"{parts['name']}: weights {parts['weights']}, neurons {parts['neurons']}, treatment {parts['treatment']}, "
            f"form {parts['form']}\n{parts['reference']}")  # fmt: skip


def _equation(equation: WrittenEquation) -> str:
    return f"  {equation.title}\n" + wrapped(equation.right.readable, f"    {equation.left} = ", " " * 8)


def _step_text(number: int, step: WrittenStep) -> str:
    return "\n".join([
        f"  {number:>2}. {step.name} ({step.assumption})",
        wrapped(step.before.readable, "      from ", " " * 12),
        wrapped(step.after.readable, "      to   ", " " * 12),
    ])  # fmt: skip


def as_latex(derivation: Derivation, steps: bool) -> str:
    """A fragment for a document that loads amsmath and amssymb."""
    rows = [rf"&\text{{{escaped(each.title)}}} & {each.left_latex} &= {each.right.latex}"
            for each in derivation.equations]  # fmt: skip
    comment = f"% {derivation.parts['name']}; needs amsmath and amssymb"
    lines = [comment, r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]
    lines += [rf"\par {escaped(text)}" for text in (*derivation.notes.values(), *derivation.notices)]
    if steps:
        lines += [r"\begin{enumerate}", *map(step_latex, derivation.steps), r"\end{enumerate}"]
    return "\n".join(lines)


def step_latex(step: WrittenStep) -> str:
    """A step as an item of a LaTeX list."""
    heading = rf"\item {escaped(step.name)} ({escaped(step.assumption)})"
    return f"{heading}\n\\[ {step.before.latex} \\;\\to\\; {step.after.latex} \\]"


def escaped(text: str) -> str:
    """Text with the characters that LaTeX reserves written out."""
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "{}$&#_%" else letter) for letter in text)
