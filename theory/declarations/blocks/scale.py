"""A constant factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, Value
from meanbits.theory.errors import SurrogateError
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Scale:
    """x -> factor x."""

    factor: Value
    assumes = Assumption.EXACT

    def __post_init__(self) -> None:
        positive = self.factor > 0 if not isinstance(self.factor, sp.Expr) else self.factor.is_positive is not False
        if not (positive if isinstance(positive, bool) else positive.all()):
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

    def apply(self, x: Any, draw: Any) -> Any:
        return self.factor * x
