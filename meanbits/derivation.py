"""A derivation as a JSON document, as text and as LaTeX."""

from __future__ import annotations

from typing import Any

import sympy as sp

from meanbits.experiments.equations import (
    BACKWARD,
    CONDITIONS,
    CURVE,
    FORWARD,
    JACOBIAN,
    MAPS,
    SECTIONS,
    Equation,
    equations,
    latex,
    legend,
    notes,
    notices,
)
from meanbits.present import wrapped
from meanbits.theory.declarations.parts import parts
from meanbits.theory.derive import Theory
from meanbits.theory.trace import Step


def document(theory: Theory, steps: bool) -> dict[str, Any]:
    """Every formula as a string, its LaTeX under `latex` by the same name."""
    found = equations(theory)
    text = {equation.name: plain(equation.expression) for equation in found}
    critical = {name: text[name] for name in CONDITIONS if name in text}
    curve = {name: text[key] for key, name in CURVE.items() if key in text}
    result = {
        "surrogate": parts(theory.surrogate),
        "forward_equations": {name: text.get(name) for name in FORWARD} | {"sampled": theory.forward.sampled},
        **{name: text.get(name) for name in MAPS},
        "jacobian": _jacobian(theory, text),
        **{name: text.get(name) for name in BACKWARD},
        "critical_conditions": critical | {"curve": curve or None} if critical else None,
        "latex": {equation.name: latex(equation.expression) for equation in found},
        "legend": legend(equation.expression for equation in found),
        "notes": notes(theory),
        "notices": list(notices(theory)),
    }
    return result | ({"steps": [step_document(number, step) for number, step in _numbered(theory)]} if steps else {})


def plain(expression: sp.Basic) -> str | None:
    """SymPy's own notation; infinities as the rest of the output writes them, None where undefined."""
    known = {sp.oo: "inf", -sp.oo: "-inf", sp.nan: None, sp.zoo: None}
    return known[expression] if expression in known else str(expression)


def _jacobian(theory: Theory, text: dict[str, str | None]) -> dict[str, Any] | None:
    if theory.jacobian is None:
        return None
    terms = {name: text[key] for key, name in JACOBIAN.items()}
    return terms | {"gradient_through_sigma": theory.surrogate.gradient_through_sigma}


def _numbered(theory: Theory) -> list[tuple[int, Step]]:
    return list(enumerate(theory.trace, start=1))


def step_document(number: int, step: Step) -> dict[str, Any]:
    """A step of a derivation as part of a JSON document."""
    return {
        "number": number,
        "name": step.name,
        "assumption": str(step.assumption),
        "before": plain(step.before),
        "after": plain(step.after),
        "latex": {"before": latex(step.before), "after": latex(step.after)},
    }


def as_text(theory: Theory, steps: bool) -> str:
    """The derivation for people, 100 columns wide."""
    found = {equation.name: equation for equation in equations(theory)}
    said = notes(theory)
    lines = [_heading(theory)]
    for title, names in SECTIONS:
        if not any(name in found or name in said for name in names):
            continue
        lines += ["", title, ""]
        lines += [_equation(found[name]) for name in names if name in found]
        lines += [f"  ({said[name]})" for name in names if name in said]
    if steps:
        lines += ["", "Steps", "", *(_step_text(number, step) for number, step in _numbered(theory))]
    shown = [equation.expression for equation in found.values()]
    shown += [side for step in theory.trace for side in (step.before, step.after)] if steps else []
    lines += ["", "Symbols", "", *(wrapped(text, f"  {name:<9} ", " " * 12) for name, text in legend(shown).items())]
    return "\n".join([*lines, *("\n" + wrapped(text, indent="  ") for text in notices(theory))])


def _heading(theory: Theory) -> str:
    shown = parts(theory.surrogate)
    return (f"{shown['name']}: weights {shown['weights']}, neurons {shown['neurons']}, treatment {shown['treatment']}, "
            f"form {shown['form']}\n{shown['reference']}")  # fmt: skip


def _equation(equation: Equation) -> str:
    return f"  {equation.title}\n" + wrapped(_readable(equation.expression), f"    {equation.left} = ", " " * 8)


def _readable(side: sp.Basic) -> str:
    return f"{side.lhs} = {side.rhs}" if isinstance(side, sp.Equality) else plain(side) or "undefined"


def _step_text(number: int, step: Step) -> str:
    return "\n".join([
        f"  {number:>2}. {step.name} ({step.assumption})",
        wrapped(_readable(step.before), "      from ", " " * 12),
        wrapped(_readable(step.after), "      to   ", " " * 12),
    ])  # fmt: skip


def as_latex(theory: Theory, steps: bool) -> str:
    """A fragment for a document that loads amsmath and amssymb."""
    rows = [rf"&\text{{{escaped(equation.title)}}} & {equation.aligned}" for equation in equations(theory)]
    comment = f"% {theory.surrogate.name}; needs amsmath and amssymb"
    lines = [comment, r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]
    lines += [rf"\par {escaped(text)}" for text in (*notes(theory).values(), *notices(theory))]
    if steps:
        lines += [r"\begin{enumerate}", *(step_latex(step) for step in theory.trace), r"\end{enumerate}"]
    return "\n".join(lines)


def step_latex(step: Step) -> str:
    """A step as an item of a LaTeX list."""
    heading = rf"\item {escaped(step.name)} ({escaped(str(step.assumption))})"
    return f"{heading}\n\\[ {latex(step.before)} \\;\\to\\; {latex(step.after)} \\]"


def escaped(text: str) -> str:
    """Text with the characters that LaTeX reserves written out."""
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "{}$&#_%" else letter) for letter in text)
