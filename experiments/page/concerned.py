"""Which claims concern a surrogate: those whose statement names what it is."""

from __future__ import annotations

from collections.abc import Callable

from meanbits.experiments.claims.catalogue import CLAIMS, LITERATURE_CLAIMS
from meanbits.experiments.claims.claim import Claim
from meanbits.theory.declarations.layer import Layer
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


def claims_about(surrogate: Surrogate | Layer) -> tuple[Claim, ...]:
    """The claims whose statement names a kind of surrogate, or a part of a chain, that this one is."""
    if isinstance(surrogate, Layer):
        return tuple(claim for claim in LITERATURE_CLAIMS if _of_chain(surrogate, claim))
    words = [phrase for phrase, holds in SPOKEN if holds(surrogate)]
    return tuple(claim for claim in CLAIMS if any(word in claim.statement.lower() for word in words))


def _of_chain(layer: Layer, claim: Claim) -> bool:
    """Whether a claim is about a part that the chain has: batch norm, or neurons of equal levels."""
    blocks, paper = " ".join(layer.block_names), claim.id.partition(".")[0]
    if paper == "yang":
        return "batch norm" in blocks and ("relu networks" not in claim.statement or "relu" in blocks)
    return paper == "blumenfeld" and "quantiser" in blocks
