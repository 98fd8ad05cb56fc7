"""A constant factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, FourthMoments, Value
from meanbits.theory.errors import SurrogateError
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Scale:
    """x -> factor x."""

    factor: Value
    assumes = Assumption.EXACT
    gives_field = None

    def __post_init__(self) -> None:
        if not _may_be_positive(self.factor):
            raise SurrogateError(f"scale {self.factor}: it must be positive")

    @property
    def name(self) -> str:
        return f"scale {self.factor}"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        return flow.scaled(self.factor**2)

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return self.factor**2

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        return Factors(self.factor**2, self.factor**2)

    def kurtosis(self, flow: Flow, of: FourthMoments) -> Value:
        return 1

    def apply(self, x: Any, draw: Any) -> Any:
        return self.factor * x


def _may_be_positive(factor: Value) -> bool:
    """Whether a number, or all of an array, is positive; an expression unless it is known not to be."""
    if isinstance(factor, sp.Expr):
        return factor.is_positive is not False
    above = factor > 0
    return bool(above.all() if hasattr(above, "all") else above)
