"""`python -m meanbits.experiments.written`: derivations and proofs in writing, those of the catalogue in files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sympy as sp

from meanbits.experiments import criticality, derivations
from meanbits.experiments.criticality import Criticality
from meanbits.experiments.derivations import Derivation, Side, WrittenEquation, WrittenStep
from meanbits.experiments.equations import equations, latex, legend, notes, notices
from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.certificates.proof import Certificate
from meanbits.numerics.certificates.standalone import standalone
from meanbits.numerics.solvers.critical import critical_curve, is_feasible
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


def written_criticality(theory: Theory, proof: Certificate, certificate: str | None = None) -> Criticality:
    """What is proven of a theory, in writing, with the points of its critical curve; the certificate as it is."""
    points = [vars(point) for point in critical_curve(theory) if is_feasible(theory, point)]
    feasible, statement = proof.feasible, proof.statement
    if points and feasible == "undecided":
        feasible = "attained"
        statement = f"not proven, but found: {len(points)} points where q is fixed, stable, and chi_1 = 1 by quadrature"
    return Criticality(theory.surrogate.name, feasible, proof.certified, statement, proof.method,
                       tuple(map(vars, proof.steps)), proof.box, tuple(points), certificate)  # fmt: skip


def derivations_in_writing() -> str:
    """The text of the file of `derivations`."""
    return _in_writing({each.name: written(derive(each), True) for each in CATALOGUE})


def proofs_in_writing() -> str:
    """The text of the file of `criticality`: rows with layers to repeat, all of which have certificates."""
    deep = [theory for theory in map(derive, CATALOGUE) if theory.criticality is not None]
    proofs = [(theory, certify(theory)) for theory in deep]
    return _in_writing({theory.surrogate.name: written_criticality(theory, proof, standalone(theory.surrogate, proof))
                        for theory, proof in proofs})  # fmt: skip


def _in_writing(rows: Mapping[str, Any]) -> str:
    return json.dumps({name: asdict(row) for name, row in rows.items()}, indent=1) + "\n"


if __name__ == "__main__":
    for path, text in ((derivations.PATH, derivations_in_writing()), (criticality.PATH, proofs_in_writing())):
        write_text(path, text)
        print(f"wrote {path}")
