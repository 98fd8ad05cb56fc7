"""Neurons: a law of each unit given its field, and the slope that gradients see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, FourthMoments, Value
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Neuron:
    """x ~ p(x | h), by m(h) = E[x|h] and s(h) = E[x^2|h]."""

    neurons: Neurons
    assumes = Assumption.CENTRAL_LIMIT
    needs_field = True

    @property
    def name(self) -> str:
        return f"{self.neurons.name} neurons"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """B = E s, C = E m m."""
        fall, typical = (of.fall(self.neurons, flow.total, each) for each in (flow.fall, flow.typical))
        return flow.of(of.square(self.neurons, flow.total), fall, typical)

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return of.slope(self.neurons, flow.total, flow.fall)

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        """E g^2 and E g g."""
        return of.gradients(self.neurons, flow.total, flow.fall)

    def kurtosis(self, flow: Flow, of: FourthMoments) -> Value:
        """E g^4/(E g^2)^2."""
        return of.fourth(self.neurons, flow.total) / self.backward(flow, of).square ** 2

    def apply(self, x: Any, draw: Any) -> Any:
        return draw.neuron(self.neurons, x)
