"""Dropout: units kept at random, and scaled up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, FourthMoments, Value
from meanbits.theory.errors import SurrogateError
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Dropout:
    """x -> x / keep with probability keep, else 0, drawn afresh for every unit, input and pass."""

    keep: Value
    assumes = Assumption.SELF_AVERAGING

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise SurrogateError(f"dropout {1 - self.keep}: the share that is dropped must lie in [0, 1)")

    @property
    def name(self) -> str:
        return f"dropout {1 - self.keep}"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """B -> B / p, C -> C."""
        return flow.with_noise(flow.total * (1 / self.keep - 1))

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return 1

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        return Factors(1 / self.keep, 1)

    def kurtosis(self, flow: Flow, of: FourthMoments) -> Value:
        """1/p."""
        return 1 / self.keep

    def apply(self, x: Any, draw: Any) -> Any:
        return draw.kept(self.keep, x)
