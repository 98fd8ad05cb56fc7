"""Which claims concern a surrogate: those whose statement names what it is."""

from __future__ import annotations

from collections.abc import Callable

from meanbits.experiments.claims.catalogue import CLAIMS
from meanbits.experiments.claims.claim import Claim
from meanbits.theory.declarations.surrogates import Surrogate


def _sampled(surrogate: Surrogate) -> bool:
    return surrogate.treatment.name == "sample"


def _marginalised(surrogate: Surrogate) -> bool:
    return surrogate.treatment.name == "marginalise" and surrogate.neurons.is_binary


def _exact(surrogate: Surrogate) -> bool:
    return _marginalised(surrogate) and surrogate.form.name == "exact"


SPOKEN: tuple[tuple[str, Callable[[Surrogate], bool]], ...] = (
    ("paper form", lambda each: each.form.name == "paper"),
    ("exactly marginalised", _exact),
    ("exact marginalisation", _exact),
    ("deterministic surrogate has", _marginalised),
    ("lrt with binary neurons", lambda each: _sampled(each) and each.neurons.is_binary),
    ("lrt with continuous neurons", lambda each: _sampled(each) and not each.neurons.is_binary),
    ("random binary networks", lambda each: each.weights.mean_square is not None and each.neurons.is_binary),
    ("stochastic binary networks", lambda each: each.treatment.name == "network" and each.neurons.is_binary),
)


def claims_about(surrogate: Surrogate) -> tuple[Claim, ...]:
    """The claims whose statement names a kind of surrogate that this one is."""
    words = [phrase for phrase, holds in SPOKEN if holds(surrogate)]
    return tuple(claim for claim in CLAIMS if any(word in claim.statement.lower() for word in words))
