"""`python -m meanbits.experiments.written`: derivations put into writing, those of the catalogue for `derivations`."""

from __future__ import annotations

import json
from dataclasses import asdict

import sympy as sp

from meanbits.experiments.derivations import PATH, Derivation, Side, WrittenEquation, WrittenStep
from meanbits.experiments.equations import equations, latex, legend, notes, notices
from meanbits.numerics.whole_files import write_text
from meanbits.theory.declarations.parts import parts
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive
from meanbits.theory.trace import Step


def written(theory: Theory, steps: bool) -> Derivation:
    """A derivation in writing, with its steps or without."""
    found, trace = equations(theory), theory.trace if steps else ()
    shown = [each.expression for each in found]
    return Derivation(
        parts=parts(theory.surrogate),
        sampled=theory.forward.sampled,
        gradient_through_sigma=None if theory.jacobian is None else theory.surrogate.gradient_through_sigma,
        equations=tuple(WrittenEquation(each.name, each.title, each.left, each.left_latex, side(each.expression))
                        for each in found),
        steps=tuple(map(written_step, trace)),
        notes=notes(theory),
        notices=notices(theory),
        legend=legend(shown),
        full_legend=legend([*shown, *(part for step in trace for part in (step.before, step.after))]),
    )  # fmt: skip


def written_step(step: Step) -> WrittenStep:
    """A step in writing."""
    return WrittenStep(step.name, str(step.assumption), side(step.before), side(step.after))


def side(expression: sp.Basic) -> Side:
    """An expression in writing."""
    text = plain(expression)
    is_equation = isinstance(expression, sp.Equality)
    readable = f"{expression.lhs} = {expression.rhs}" if is_equation else text or "undefined"
    return Side(text, readable, latex(expression))


def plain(expression: sp.Basic) -> str | None:
    """SymPy's own notation; infinities as the rest of the output writes them, None where undefined."""
    known = {sp.oo: "inf", -sp.oo: "-inf", sp.nan: None, sp.zoo: None}
    return known[expression] if expression in known else str(expression)


def catalogue_in_writing() -> str:
    """The text of the file of `derivations`."""
    return json.dumps({each.name: asdict(written(derive(each), True)) for each in CATALOGUE}, indent=1) + "\n"


if __name__ == "__main__":
    write_text(PATH, catalogue_in_writing())
    print(f"wrote {PATH}")
