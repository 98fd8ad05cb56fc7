"""The derivation of a chain of blocks as a JSON document, as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from meanbits.derivation import escaped, step_document, step_latex
from meanbits.experiments.equations import latex, legend
from meanbits.experiments.written import plain, written_step
from meanbits.present import wrapped
from meanbits.theory.stages.layer_theory import LayerTheory
from meanbits.theory.trace import Step

TITLES = {
    "total_map": ("total map", "T'", "T'"),
    "variance_map": ("variance map", "q'", "q'"),
    "correlation_map": ("correlation map", "c'", "c'"),
    "chi": ("slope of the correlation map", "chi = dc'/dc", r"\chi = \partial c'/\partial c"),
    "gradient_growth": ("growth of squared gradients", "chi_g", r"\chi_g"),
    "gradient_overlap": ("overlap of two gradients, a layer", "E d_a d_b / E d'_a d'_b",
                         r"\mathbb{E}\,\delta_a\delta_b / \mathbb{E}\,\delta'_a\delta'_b"),
}  # fmt: skip
SILENT = "no gradients: neurons jump and are flat elsewhere; give them a slope, as in --backward clip"


def document(theory: LayerTheory, steps: bool) -> dict[str, Any]:
    """Every formula as a string, its LaTeX under `latex` by the same name; None where gradients see no slope."""
    found, layer = theory.formulas, theory.layer
    result = {
        "surrogate": {"name": layer.name, "treatment": layer.treatment.name,
                      "blocks": layer.block_names},
        **{name: plain(found[name]) if name in found else None for name in TITLES},
        "latex": {name: latex(expression) for name, expression in found.items()},
        "forward": _documents(theory.forward),
        "legend": legend(found.values()),
    }  # fmt: skip
    return result | ({"steps": _documents(theory.trace)} if steps else {})


def _documents(steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [step_document(number, written_step(each)) for number, each in enumerate(steps, 1)]


def as_text(theory: LayerTheory, steps: bool) -> str:
    """The derivation for people, 100 columns wide."""
    layer, found = theory.layer, theory.formulas
    names = ", ".join(layer.block_names)
    lines = [wrapped(f"{names}; treatment {layer.treatment.name}", f"{layer.name}: ", "  "), ""]
    if theory.forward:
        lines += [
            "Forward equations: what a block makes of mean and variance (hbar, Sigma) of a field, or of mean and",
            "second moment (m, r) of a state; <.> is a mean over the units of a layer, or over a batch",
            "",
        ]
        lines += [*(_step_text(number, each) for number, each in enumerate(theory.forward, 1)), ""]
    lines += ["Maps of a layer", ""]
    for name, expression in found.items():
        title, left, _ = TITLES[name]
        lines += [f"  {title}", wrapped(str(expression), f"    {left} = ", " " * 8)]
    lines += [] if "gradient_growth" in found else [f"  ({SILENT})"]
    if steps:
        lines += ["", "Steps: what a block does to T, to the overlap c T and to that of a typical pair", ""]
        lines += [_step_text(number, each) for number, each in enumerate(theory.trace, 1)]
    shown: list[sp.Basic] = [
        *found.values(),
        *(each.after for each in theory.trace if steps),
        *(each.after for each in theory.forward),
    ]
    return "\n".join([*lines, "", "Symbols", "",
                      *(wrapped(text, f"  {name:<9} ", " " * 12) for name, text in legend(shown).items())])  # fmt: skip


def _step_text(number: int, step: Step) -> str:
    return "\n".join([wrapped(f"{step.name} ({step.assumption})", f"  {number:>2}. ", " " * 6),
                      wrapped(str(step.before), "      from ", " " * 12),
                      wrapped(str(step.after), "      to   ", " " * 12)])  # fmt: skip


def as_latex(theory: LayerTheory, steps: bool) -> str:
    """A fragment for a document that loads amsmath and amssymb."""
    rows = [rf"&\text{{{escaped(TITLES[name][0])}}} & {TITLES[name][2]} &= {latex(expression)}"
            for name, expression in theory.formulas.items()]  # fmt: skip
    lines = [f"% {theory.layer.name}; needs amsmath and amssymb", r"\begin{align*}", " \\\\\n".join(rows),
             r"\end{align*}"]  # fmt: skip
    items = [step_latex(written_step(each)) for each in (*theory.forward, *(theory.trace if steps else ()))]
    return "\n".join([*lines, *([r"\begin{enumerate}", *items, r"\end{enumerate}"] if items else [])])
