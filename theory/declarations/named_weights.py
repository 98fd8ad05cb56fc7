"""Weights by name, as options give them: KIND or KIND:VALUE."""

from __future__ import annotations

from collections.abc import Callable

from meanbits.theory.declarations.latent_weights import ABSMEAN
from meanbits.theory.declarations.options import number, pick
from meanbits.theory.declarations.weights import (
    BINARY,
    FIXED,
    FIXED_SIGNS,
    Weights,
    gaussian_weights,
    levels,
    ternary,
    ternary_free,
)
from meanbits.theory.errors import SurrogateError, shown

DENSITY = "0.5"  # P(S != 0) of ternary weights that give none
PLAIN = {"binary": BINARY, "fixed": FIXED, "signs": FIXED_SIGNS, "absmean": ABSMEAN}


def weights_named(text: str) -> Weights:
    """The weights of an option.

    Raises:
        SurrogateError: an unknown kind, or a value that is none.

    >>> weights_named("levels:-1,-0.5,0.5,1").average_second
    Max(1/4, 3*sqrt(sigma_m2)/2 - 1/2)
    """
    kind, colon, value = text.partition(":")

    builders: dict[str, Callable[[], Weights]] = {
        "ternary": lambda: ternary(number("--weights ternary:RHO, RHO", value or DENSITY)),
        "ternary-free": lambda: ternary_free(number("--weights ternary-free:RHO, RHO", value or DENSITY)),
        "gaussian": lambda: gaussian_weights(number("--weights gaussian:V, V", value)),
        "levels": lambda: levels(tuple(number("--weights levels:V1,V2,.., a level", v) for v in value.split(","))),
    }
    found = pick("weights", kind, {**PLAIN, **builders})
    if not isinstance(found, Weights):
        return found()
    if colon:
        raise SurrogateError(f"{kind} weights take no value, and {shown(text)} has one; ternary:0.5 does")
    return found
