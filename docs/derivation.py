"""`python docs/derivation.py`: write derivation.md, the derivation of the deterministic surrogate step by step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import sympy as sp

from meanbits.experiments.equations import latex, legend
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import Theory, derive
from meanbits.theory.trace import Step

PATH = Path(__file__).with_suffix(".md")
SURROGATE = "deterministic"
CURVE = (0.01, 0.1, 1.0, 10.0, 100.0, 1e4, 1e6)

OPENING = """# The derivation of the deterministic surrogate

Written by `python docs/derivation.py` from the trace that the engine leaves; the formulas are the engine's, the
paragraphs between them are ours. The network has weights in {-1, 1} with means $M_{ij}$ and sign neurons; the surrogate
integrates the field out (Stamatescu et al. 2020, arXiv 1902.00177). A step reads *before* $\\to$ *after*, with what it
assumes in brackets: *exact* assumes nothing beyond the steps before it.

`meanbits derive deterministic --steps` prints the same steps as text, and `meanbits derive S --steps` those of any
other surrogate. Symbols are listed at the end."""

READING = """The means of binary weights have $\\sigma_m^2 \\le 1$, and the whole curve lies above:
$\\sigma_m^2 > 1$ is the same as $\\sqrt{1 + 2q}\\,\\arccos\\frac{q}{1 + q} > 1$, and since
$\\arccos x \\ge \\sqrt{1 - x^2}$ the left side is at least $(1 + 2q)/(1 + q)$. The surrogate with its exact marginals
therefore has no critical initialisation at any $q > 0$. In numbers, from the emitted code:"""


@dataclass(frozen=True)
class Stage:
    """A file of theory/stages/, what it does, and the steps it leaves."""

    file: str
    title: str
    text: str
    steps: tuple[Step, ...]


def stages(theory: Theory) -> tuple[Stage, ...]:
    """The stages in order; a stage's record includes those before it up to the maps."""
    field, forward, mean_field, maps = theory.field, theory.forward, theory.mean_field, theory.maps
    records = [(), field.kernel.steps, field.steps, forward.steps, mean_field.steps, maps.steps]
    own = [after[len(before) :] for before, after in pairwise(records)]
    return tuple(
        Stage(*said, steps)
        for said, steps in zip(SAID, [*own, theory.jacobian.steps, theory.criticality.steps], strict=True)
    )


SAID = (
    ("kernel.py", "The network as a Markov chain",
     "The state $x'$ of a layer depends on the state $x$ of the layer before through the field $h$ alone. The kernel "
     "$p(x'|x)$ is kept through the moments of its parts, sums over the values a weight or a neuron can take."),
    ("moments.py", "Mean and variance of the field",
     "The previous layer is taken as factorised, with means $m_j$ and, for binary neurons, second moments 1. The "
     "field is a sum of $N$ terms, Gaussian for large $N$; its covariance between two neurons of a layer is dropped."),
    ("marginal.py", "The forward equations",
     "The surrogate integrates the field out. What it propagates is the mean of each neuron, and its forward pass is "
     "deterministic."),
    ("meanfield.py", "Order parameters at initialisation",
     "Weight means are drawn with variance $\\sigma_m^2$, biases with variance $\\sigma_b^2$. Sums over a wide layer "
     "become averages. $A$ is the mean square of the propagated state and $C$ its overlap for two inputs; $Q$ and "
     "$Q_{ab}$ are the quenched variance and covariance of the field, $D$ its annealed variance. Nested Gaussian "
     "expectations merge into one over a pair of total variance $D + Q$, which the arcsine law closes."),
    ("correlation.py", "Variance map, correlation map and its slope",
     "The state of a layer is written as $q = Q/D$ and $c = Q_{ab}/Q$, with $T = Q + D$. The slope $\\chi$ comes from "
     "Price's theorem: the derivative of a Gaussian expectation in the covariance is the expectation of the product "
     "of derivatives, here two delta functions. The last step shows that one map $g$ of the overlap $r$ carries both "
     "maps: $q' = g/(1 - g)$ at $r = q/(1 + q)$."),
    ("jacobian.py", "The Jacobian of a layer",
     "One element of $\\partial h_i/\\partial h_j$, $h$ the normalised field, to second order in $s = 1/\\sqrt{N}$, "
     "then squared and averaged. The leading term is $\\chi$ at $c = 1$ and at the fixed point of $q$; the derivative "
     "of $\\Sigma$ adds a term of order $1/N$."),
    ("criticality.py", "Critical conditions",
     "Critical means that two equal inputs stay equal and that the slope there is 1, both at the fixed point of $q$. "
     "The two conditions are solved for $(\\sigma_m^2, \\sigma_b^2)$ along $q$."),
)  # fmt: skip


def text(theory: Theory) -> str:
    """The whole document."""
    parts, number = [OPENING], 0
    for index, stage in enumerate(stages(theory), start=1):
        parts += [f"## {index}. {stage.title}", f"`theory/stages/{stage.file}`. {stage.text}"]
        for step in stage.steps:
            number += 1
            parts.append(_step(number, step))
    return "\n\n".join([*parts, _curve(theory), "## Symbols", _symbols(theory)]) + "\n"


def _step(number: int, step: Step) -> str:
    return f"**Step {number}: {step.name}** ({step.assumption})\n\n```math\n{_formula(step)}\n```"


def _formula(step: Step) -> str:
    after = _math(step.after)
    if isinstance(step.before, sp.Equality):
        return f"{_math(step.before.lhs)} = {_math(step.before.rhs)} = {after}"
    before = _math(step.before)
    if len(before) + len(after) < 300:
        return f"{before} \\;\\to\\; {after}"
    return f"\\begin{{aligned}}\n& {before} \\\\\n& \\to\\; {after}\n\\end{{aligned}}"


def _math(expression: sp.Basic) -> str:
    """LaTeX that GitHub renders: it has no operatorname."""
    return re.sub(r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}", latex(expression))


def _curve(theory: Theory) -> str:
    maps = compile_theory(theory)
    rows = [f"| {q:g} | {maps.critical_sigma_m2(q):.6f} | {maps.critical_sigma_b2(q):.6g} |" for q in CURVE]
    return "\n".join([READING, "", "| q | sigma_m2 | sigma_b2 |", "| --- | --- | --- |", *rows])


def _symbols(theory: Theory) -> str:
    sides = [side for step in theory.trace for side in (step.before, step.after)]
    rows = [f"| `{name}` | {meaning} |" for name, meaning in legend(sides).items()]
    return "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])


if __name__ == "__main__":
    PATH.write_text(text(derive(compose(SURROGATE))), encoding="utf-8", newline="\n")
