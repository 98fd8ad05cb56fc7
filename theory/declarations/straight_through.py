"""The slopes that gradients see in place of a neuron's own: straight-through estimators (theory.md, section 8)."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from meanbits.theory.declarations.given import expression, require
from meanbits.theory.declarations.grammar import canonical, parse
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.options import pick
from meanbits.theory.errors import FormulaError, SurrogateError, shown
from meanbits.theory.functions.domain import check_growth, check_real
from meanbits.theory.functions.probes import at_some_value
from meanbits.theory.gaussian.special import Box
from meanbits.theory.symbols import h

EXACT = "exact"
SEPARATOR = ", backward "  # in the name of the neurons
SLOPES: dict[str, sp.Expr] = {
    "clip": Box(h),  # Hubara et al. 2016, eq. (4)
    "tanh": 1 - sp.tanh(h) ** 2,
    "triangle": sp.Max(0, 1 - sp.Abs(h)),
    "approxsign": sp.Max(0, 2 - 2 * sp.Abs(h)),  # Liu et al. 2018, Bi-Real Net, eq. (7)
    "unit": Box(2 * h - 1),  # 1 on [0, 1]: Zhou et al. 2016, DoReFa-Net, eq. (5)
    "identity": sp.S.One,  # Bengio et al. 2013
}


def straight_through(neurons: Neurons, slope: sp.Expr, name: str | None = None) -> Neurons:
    """The neurons with `slope`, an expression in h, in place of dE[x|h]/dh for gradients.

    Raises:
        SurrogateError: a slope that is 0 everywhere, or without a finite real value somewhere.

    >>> from meanbits.theory.declarations.neurons import SIGN
    >>> straight_through(SIGN, SLOPES["clip"], "clip").name
    'sign, backward clip'
    """
    require("straight_through: the neurons", neurons, Neurons)
    slope = expression("backward slope", slope)
    if slope.free_symbols and h not in slope.free_symbols:
        raise SurrogateError(f"backward slope {shown(slope)} is no function of h; write it in the field h, or a number")
    if slope == 0:
        raise SurrogateError("backward slope 0 passes no gradient; give one that is not 0 somewhere")
    try:
        check_real(at_some_value(slope))
        check_growth(at_some_value(slope))
    except FormulaError as error:
        raise SurrogateError(f"backward slope {shown(slope)}: {error}") from None
    return replace(neurons, name=f"{neurons.name}{SEPARATOR}{name or slope}", backward=slope)


def with_own_slope(neurons: Neurons) -> Neurons:
    """The neurons without the slope that `straight_through` gave them.

    >>> from meanbits.theory.declarations.neurons import SIGN
    >>> with_own_slope(straight_through(SIGN, SLOPES["clip"], "clip")) == SIGN
    True
    """
    if neurons.backward is None:
        return neurons
    return replace(neurons, name=neurons.name.partition(SEPARATOR)[0], backward=None)


def slope_named(text: str) -> tuple[str, sp.Expr | None]:
    """Name and slope of an option: exact (none), clip, tanh, triangle, approxsign, unit, identity or expr:EXPR.

    Raises:
        SurrogateError: an unknown name, or a formula outside the grammar.

    >>> slope_named("approxsign")
    ('approxsign', Max(0, 2 - 2*Abs(h)))
    """
    kind, _, formula = text.partition(":")
    if kind == "expr":
        return f"expr:{canonical(formula)}", parse(formula)
    return text, pick("backward slope", text, {EXACT: None, **SLOPES, "expr": None})
