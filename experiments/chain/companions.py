"""The surrogates that stand for one and the same stochastic network, to be compared with each other."""

from __future__ import annotations

from dataclasses import replace

from meanbits.theory.declarations.compose import PAPER_PHI
from meanbits.theory.declarations.surrogates import (
    EXACT,
    MARGINALISE,
    MATCHED,
    NETWORK,
    SAMPLE,
    Form,
    Surrogate,
    SurrogateError,
    Treatment,
    paper_form,
)

PAPER = paper_form(PAPER_PHI["tanh"])
CANDIDATES: tuple[tuple[str, Treatment, Form], ...] = (
    ("marginalised", MARGINALISE, EXACT),
    ("marginalised, matched", MARGINALISE, MATCHED),
    ("paper form, tanh", MARGINALISE, PAPER),
    ("field sampled", SAMPLE, EXACT),
    ("neurons sampled", NETWORK, EXACT),
)


def companions(surrogate: Surrogate) -> tuple[Surrogate, ...]:
    """All that can be done with the network of a surrogate, the surrogate itself among them, named by what is done.

    Nothing is listed twice: where the neurons are not random, sampling their field is sampling the network. The paper
    form is listed for sign neurons alone, for which it is meant.
    """
    neurons, found = surrogate.neurons, []
    for name, treatment, form in CANDIDATES:
        if (treatment is SAMPLE and not neurons.is_random) or (form is PAPER and neurons.is_random):
            continue
        try:
            found.append(replace(surrogate, name=name, treatment=treatment, form=form, gradient_through_sigma=True))
        except SurrogateError:
            continue
    if not any(_same_law(surrogate, each) for each in found):
        found.append(surrogate)
    return tuple(found)


def _same_law(one: Surrogate, other: Surrogate) -> bool:
    """Whether two surrogates of one network give it the same law."""
    if one.form != other.form:
        return False
    sampled = [each.treatment.propagates == "sample" or
               (each.treatment is SAMPLE and not each.neurons.is_random) for each in (one, other)]  # fmt: skip
    return all(sampled) or (not any(sampled) and one.treatment == other.treatment)
