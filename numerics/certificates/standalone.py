"""Certificates as data: a model, steps and a statement that `certificates.checker` verifies by itself.

Nothing here is trusted: what is found is handed to the checker, and refused unless that accepts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

from flint import arb, ctx

from meanbits.numerics.certificates import checker
from meanbits.numerics.certificates.balls import UnprovedError
from meanbits.numerics.certificates.declared_models import model_of, subject_of, words
from meanbits.numerics.certificates.expressions import around, text_of
from meanbits.numerics.certificates.proof import Certificate
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import Surrogate

POINTS = (1, -1, "1/3", 3, "-1/3", -3, "5/4", "1/10")
CUTS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 32)
SEARCH = 4  # times the work of a check
SMALLEST = 2.0**-12  # width of a cell
Step = list[Any]
Part = tuple[Any, Any, checker.Tree]
Facts = dict[str, dict[str, Any]]


def standalone(subject: Surrogate | Layer, proof: Certificate) -> str:
    """The file of a certificate of what is proven of the subject, which the checker accepts.

    Raises:
        UnprovedError: where nothing was proven, or no steps were found that the checker accepts.
    """
    if not proof.certified:
        raise UnprovedError("there is nothing to certify: %s", proof.statement)
    model = model_of(subject)
    try:
        checker.work["left"] = SEARCH * checker.MOST_WORK
        with ctx.workprec(checker.PRECISION):
            steps, point = _steps(checker.Model(model), proof)
        statement = {"surrogate": words(subject), "verdict": proof.feasible,
                     "largest sigma_m2": model["weights"]["largest"], "point": point}  # fmt: skip
        document = {"format": checker.FORMAT, "statement": statement, "model": model, "steps": steps}
        text = "{\n" + ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in document.items()) + "\n}\n"
        checker.check(text)
    except (checker.RefusedError, *checker.REFUSALS) as error:
        raise UnprovedError("it is proven, but no certificate that stands alone was found: %s", error) from error
    return text


def checked(text: str) -> tuple[dict[str, Any], bool]:
    """The statement of a certificate, and whether its model was compared with the words that declare its surrogate.

    Raises:
        RefusedError: one that is not proven, or whose words declare another model.
        SurrogateError: words that name no surrogate.
        UnprovedError: words that name one without a certificate.
    """
    statement = checker.check(text)
    subject = subject_of(statement["surrogate"])
    if subject is not None and model_of(subject) != json.loads(text)["model"]:
        raise checker.RefusedError(f"{statement['surrogate']} is not what its model describes")
    return statement, subject is not None


def _steps(model: checker.Model, proof: Certificate) -> tuple[list[Step], dict[str, list[int | str]]]:
    """Steps that lead the checker to the verdict, none of them idle, and the point that it then has."""
    steps: list[Step] = []
    facts: Facts = {}
    for alternatives in _alternatives(model, proof):
        for step in alternatives:
            try:
                facts[step[0]] = checker.fact(model, *step)
            except (checker.RefusedError, *checker.REFUSALS):
                continue
            steps.append(step)
            break
        if _leads(model, proof.feasible, facts):
            break
    for name in [step[0] for step in steps]:
        fewer = {other: value for other, value in facts.items() if other != name}
        facts = fewer if _leads(model, proof.feasible, fewer) else facts
    found = checker.conclude(model, proof.feasible, facts)
    return [step for step in steps if step[0] in facts], {name: around(value) for name, value in found.items()}


def _leads(model: checker.Model, verdict: str, facts: Facts) -> bool:
    try:
        checker.conclude(model, verdict, facts)
    except (checker.RefusedError, *checker.REFUSALS):
        return False
    return True


def _alternatives(model: checker.Model, proof: Certificate) -> Iterator[Iterable[Step]]:
    """For each kind of step those that may hold, the cheap kinds first."""
    box = {name: [_exact(end) for end in ends] for name, ends in (proof.box or {}).items()}
    yield [["point", at] for at in box.get("q", ())[:1]]
    yield [["ratio"]] if model.kind == "norm" else []
    yield [["jump", place] for place in range(len(model.neuron.gaps))]
    yield [["bend", *pair] for pair in combinations(POINTS, 2)]
    yield [["crossing", *box.get("T", box.get("q", ()))]] if box else []
    yield _covers(model)


def _exact(value: float) -> int | str:
    return text_of(Fraction(value))


def _covers(model: checker.Model) -> Iterator[Step]:
    """Knots between which the checker finds the margin negative, if there are some."""
    if model.top is not None and model.kind in ("overlap", "form"):
        yield ["below", *(_knots(model, part) for part in model.neuron.parts)]


def _knots(model: checker.Model, part: Part) -> list[int | str]:
    left, right, tree = part
    if right is not None:
        return [text_of(knot) for knot in _halved(model, part, [])]
    cuts = [cut for cut in CUTS if not cut or left < cut]
    tails = {cut: _holds(model, (arb(cut) if cut else left, None, tree)) for cut in cuts}
    for cut in sorted(cuts, key=lambda each: not tails[each]):  # where the margin is negative, not 0, if there are some
        if tails[cut] is not None:
            return [text_of(knot) for knot in _halved(model, (left, arb(cut), tree), [])] + [cut] if cut else []
    raise checker.RefusedError("the margin was not shown to be negative far out")


def _halved(model: checker.Model, part: Part, above: list[Fraction]) -> list[Fraction]:
    """Knots inside a part, each cell halved until the checker finds the margin negative on it."""
    left, right, tree = part
    if _holds(model, part) is not None:
        return above
    middle = Fraction(float((left + right) / 2))
    if right - left < SMALLEST:
        raise checker.RefusedError(f"the margin was not shown to be negative at x = {float(middle):.6g}")
    knot = arb(float(middle))
    return [*_halved(model, (left, knot, tree), []), middle, *_halved(model, (knot, right, tree), above)]


def _holds(model: checker.Model, part: Part) -> bool | None:
    """Whether the checker finds the margin negative; None where it may be positive."""
    try:
        return model.cell(*part)
    except checker.RefusedError:
        return None
