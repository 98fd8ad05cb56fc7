"""The record a derivation leaves: one step per line, with the assumption it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sympy as sp


class Assumption(StrEnum):
    """What a step assumes."""

    EXACT = "exact"
    CENTRAL_LIMIT = "central limit theorem"
    FACTORISED = "factorised"
    SELF_AVERAGING = "self-averaging"
    MATCHED = "matched"
    ANSATZ = "ansatz"
    INDEPENDENT = "independent backward weights"
    LARGE_BATCH = "large batch, its pairs alike"
    DECLARED = "as the block is declared"


@dataclass(frozen=True)
class Step:
    """One step of a derivation: `before` becomes `after` under `assumption`."""

    name: str
    assumption: Assumption
    before: sp.Basic
    after: sp.Basic


@dataclass(frozen=True)
class Formula:
    """An expression as defined (expectations unevaluated) and as closed by the rules of `gaussian.rules`."""

    definition: sp.Expr
    closed: sp.Expr
