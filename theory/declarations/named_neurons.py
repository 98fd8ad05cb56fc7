"""Neurons by name, as options give them: KIND, KIND:VALUE or expr:EXPR."""

from __future__ import annotations

from collections.abc import Callable

from meanbits.theory.declarations.grammar import canonical, parse
from meanbits.theory.declarations.neurons import (
    CONTINUOUS,
    SIGN,
    Neurons,
    bits,
    continuous,
    dead_zone,
    leaky_relu,
    quantiser,
    step,
)
from meanbits.theory.declarations.options import number, pick
from meanbits.theory.errors import SurrogateError, shown

PLAIN = {"sign": SIGN, **{neurons.name: neurons for neurons in CONTINUOUS}}


def neurons_named(text: str) -> Neurons:
    """The neurons of an option.

    Raises:
        SurrogateError: an unknown kind, a value that is none, or a formula outside the grammar.

    >>> neurons_named("deadzone:0.5").mean
    sign(h - 1/2)/2 + sign(h + 1/2)/2
    """
    kind, colon, value = text.partition(":")
    builders: dict[str, Callable[[], Neurons]] = {
        "step": lambda: step(number("--neurons step:THETA, THETA", value or "0")),
        "deadzone": lambda: dead_zone(number("--neurons deadzone:DELTA, DELTA", value)),
        "quantiser": lambda: _quantiser(value),
        "bits": lambda: bits(_count(value, "bits:2")),
        "leaky": lambda: leaky_relu(number("--neurons leaky:A, A", value)),
        "expr": lambda: continuous(f"expr:{canonical(value)}", parse(value)),
    }
    found = pick("neurons", kind, {**PLAIN, **builders, "stochastic": SIGN})
    if not isinstance(found, Neurons):
        return found()
    if colon:
        raise SurrogateError(f"{kind} neurons take no value, and {shown(text)} has one; for a formula write expr:EXPR")
    return found


def _quantiser(value: str) -> Neurons:
    count, colon, width = value.partition(":")
    return quantiser(_count(count, "quantiser:4"), number("--neurons quantiser:K:STEP, STEP", width) if colon else None)


def _count(text: str, example: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise SurrogateError(f"K = {shown(text)!r} is no whole number; write {example}")
    return int(text)
