"""Functions of u far out, where floating point loses them: exp(u - exp(u)) is infinity less infinity at u = 710."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import sympy as sp

from meanbits.theory.functions.asymptotes import at_infinity
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.functions.magnitude import magnitude
from meanbits.theory.functions.pieces import Pieces
from meanbits.theory.symbols import u

OCTAVES = range(3, 101)  # of |u|
VANISHED = -690.0  # logarithm of what floating point counts as 0 beside anything


@lru_cache(maxsize=2048)
def finite(cut: Pieces) -> Pieces:
    """Pieces in which a part whose value is lost far out gives way to the constant that it then is, to rounding.

    A part that tends to no constant, or not before it is lost, stays as it is.
    """
    for side in (1, -1):
        part = cut.beside(side * sp.oo, side)
        edge = _lost_beyond(part, side)
        if edge is not None and (limit := _constant(cut, part, side, edge)) is not None:
            cut = _ended(cut, side, edge, limit)
    return cut


def _lost_beyond(part: sp.Expr, side: int) -> float | None:
    """Half the distance at which a part has no value, if there is one."""
    value = evaluator(part, u)
    for octave in OCTAVES:
        if math.isnan(value(side * 2.0**octave)):
            return 2.0 ** (octave - 1)
    return None


def _constant(cut: Pieces, part: sp.Expr, side: int, edge: float) -> sp.Expr | None:
    """What a part has become at the edge, 0 or the limit of its asymptote; None where it has not."""
    size = magnitude(part, u)
    if all(size(side * edge * 2.0**octave).logarithm < VANISHED for octave in range(9)):
        return sp.S.Zero
    found = at_infinity(replace(cut, parts=(sp.S.Zero,) * len(cut.breaks) + (part.subs(u, side * u),)))
    if found is None or found.power not in (None, 0):
        return None
    limit, value = found.above, evaluator(part, u)(side * edge)
    return limit if abs(value - float(limit)) <= 1e-290 + 1e-16 * abs(float(limit)) else None


def _ended(cut: Pieces, side: int, edge: float, limit: sp.Expr) -> Pieces:
    at = sp.Float(side * edge)
    inside = all(side * float(each) < edge for each in cut.breaks)
    if not inside:
        return cut
    if side > 0:
        return Pieces((*cut.breaks, at), (*cut.parts, limit))
    return Pieces((at, *cut.breaks), (limit, *cut.parts))
