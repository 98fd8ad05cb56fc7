"""Layers of meanbits as parts: from means of states to means of states, by the chain that they are declared as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record
from meanbits.numerics.layers.state import State
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.theory.declarations.blocks import Dense, Dropout, Flow, Neuron, Normalise, Scale
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.neurons import continuous


@dataclass(frozen=True, eq=False)
class SurrogatePart(Part):
    """The theory carries total second moments; what is measured are means, and `noise` is what states have besides."""

    layer: SurrogateLayer | None = None
    noise: float = 0.0

    @property
    def is_dense(self) -> bool:
        return True

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """The flow of means behind the neurons."""
        if self.blocks is None:
            return None
        *before, neuron = self.blocks
        field = forward(tuple(before), self._total(flows[0]), of)
        if self.layer.rule.field == "sampled":  # means see the field as drawn
            mean = continuous(f"mean of {neuron.name}", neuron.neurons.mean)
            after = Neuron(mean).forward(field, of)
            return Flow(after.total, after.fall[:-1], after.typical)
        after = neuron.forward(field, of)
        alike = after.fall[-1]
        return Flow(after.total - alike, after.fall[:-1] - alike, after.typical - alike)

    def growth(self, flows: list[Flow], source: int, of: Moments) -> float:
        """Of gradients averaged over the noise where the field is integrated out: what two runs have in common."""
        if self.blocks is None:
            return float("nan")
        factors = backward(self.blocks, self._total(flows[source]), of)
        overlaps = np.atleast_1d(factors.overlap)
        return float(overlaps[-1] if self.layer.rule.field == "integrated" else np.asarray(factors.square)) * self.back

    def _total(self, flow: Flow) -> Flow:
        """Second moments of states; the last `fall` is that of two runs of one input."""
        return Flow(flow.total + self.noise, np.append(flow.fall, 0.0) + self.noise, flow.typical + self.noise)


def surrogate_part(record: Record, sources: tuple[Record, ...], layer: SurrogateLayer) -> Part:
    """The part that a layer is; without theory where neurons are drawn, or the form is no chain."""
    surrogate = layer.rule.surrogate
    weights = layer.mean.detach()
    known = surrogate.form.name == "exact" and not layer.rule.draws_neurons and len(sources) == 1
    blocks = _blocks(layer) if known else None
    return SurrogatePart(
        type(layer).__name__, record, sources, blocks, weights.shape[0] / weights[0].numel(),
        weights=(weights, layer.bias), layer=layer, noise=_noise(record.arguments[0], layer),
    )  # fmt: skip


def _blocks(layer: SurrogateLayer) -> tuple[Any, ...]:
    """(Dropout,) weights (, scale, norm), neurons."""
    rule = layer.rule
    means = float(layer.mean.detach().double().square().mean())
    second = means if rule.weight_second_moment is None else rule.weight_second_moment
    biases = 0.0 if layer.bias is None else float(layer.bias.detach().double().square().mean())
    averaged = rule.field == "integrated" or layer.training
    return (
        *((Dropout(1 - layer.dropout),) if layer.dropout and averaged else ()),
        Dense(rule.surrogate.weights, means, second, biases),
        *(() if layer.scale == 1 else (Scale(layer.scale),)),
        *(() if layer.normalise is None else (Normalise(layer.normalise),)),
        Neuron(rule.surrogate.neurons),
    )


def _noise(given: Any, layer: SurrogateLayer) -> float:
    """The mean variance of the states that a layer is given."""
    if layer.rule.field == "sharp" or (layer.inputs == "real" and not isinstance(given, State)):
        return 0.0
    state = given if isinstance(given, State) else State(given)
    square = state.mean.detach().double().square().mean()
    second = 1.0 if state.second_moment is None else state.second_moment.detach().double().mean()
    return float(second - square)
