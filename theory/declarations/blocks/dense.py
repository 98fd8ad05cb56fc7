"""Independent weights and biases between all units of two layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, Value
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Dense:
    """h = S x / sqrt(N) + b: E M^2 = means, E S^2 = second, E b^2 = biases; expressions or numbers.

    drawn: whether a pass draws the weights, so that gradients run through the draws and not through the means.
    """

    weights: Weights
    means: Value
    second: Value
    biases: Value
    drawn: bool = False
    assumes = Assumption.SELF_AVERAGING
    gives_field = mixes = True

    @property
    def name(self) -> str:
        return f"dense ({self.weights.name} weights)"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """T' = rho B + sigma_b2, Q' = sigma_m2 C + sigma_b2."""
        apart = (self.second - self.means) * flow.total
        total = self.second * flow.total + self.biases
        return flow.of(total, apart + self.means * flow.fall, apart + self.means * flow.typical)

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return self.means

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        return Factors(self.second if self.drawn else self.means, self.means)

    def apply(self, x: Any, draw: Any) -> Any:
        return draw.dense(self, x)
