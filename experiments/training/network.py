"""Deep surrogates of many cells at once: every parameter has the cells as its first dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from meanbits.experiments.training.between import Between
from meanbits.experiments.training.settings import Settings, between_of, composed
from meanbits.numerics.layers.activation import activate, layer_field
from meanbits.numerics.layers.dropout import dropped
from meanbits.numerics.layers.field import Field, State, mean_field
from meanbits.numerics.layers.latent import draw_latent_, seen_through
from meanbits.numerics.layers.layer_rule import LayerRule, largest_mean, layer_rule
from meanbits.numerics.layers.mean_draws import draw_means_
from meanbits.numerics.layers.norm import Moments
from meanbits.theory.declarations.surrogates import SAMPLE

PLAIN = Between()
Draws = list["Draw"]


@dataclass(frozen=True, eq=False)
class Draw:
    """What is drawn for the neurons of a layer, each (cells, batch, width): epsilon of its field, uniform numbers.

    kept: uniform numbers that say which states dropout keeps; None keeps all, as in evaluation.
    """

    noise: Tensor | None = None
    uniform: Tensor | None = None
    kept: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """`depth` hidden layers and a readout, for each cell.

    parameters: of each layer the means (cells, out, in), or theta where M = limit tanh(theta), and biases (cells, out).
    gain: (cells, 1, 1), or 1. between: norm, dropout, scale and skip. moments: of what each hidden layer's norm is of,
    which batch norm uses in place of those of the batch at hand (`settled_norms`).
    """

    settings: Settings
    rule: LayerRule
    weights: list[Tensor]
    biases: list[Tensor]
    gain: Tensor | float
    between: Between = PLAIN
    moments: tuple[Moments | None, ...] = ()

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters."""
        return [*self.weights, *self.biases]

    @property
    def limit(self) -> float:
        """The largest |M| of the binary layers."""
        return largest_mean(self.rule.limit, self.weights[0].dtype)

    @property
    def reads_bits(self) -> bool:
        """Whether images are read as means of bits."""
        return self.settings.inputs == "means" and not self.rule.surrogate.real_input

    def is_real(self, layer: int) -> bool:
        """Whether a layer's weights are real numbers: those of readout `real`."""
        return self.settings.readout == "real" and layer == len(self.weights) - 1

    @property
    def is_latent(self) -> bool:
        """Whether weights are rounded from latent ones, which training moves."""
        return bool(self.rule.surrogate.weights.means)

    def means(self, layer: int) -> Tensor:
        """M of a layer, (cells, out, in), through which gradients see latent weights."""
        weights = self.weights[layer]
        if self.is_latent and not self.is_real(layer):
            return seen_through(self.rule.surrogate.weights, weights, stacked=1)
        if self.settings.keep == "tanh" and not self.is_real(layer):
            return self.limit * torch.tanh(weights)
        return weights

    def read(self, images: Tensor) -> State:
        """Images (cells, batch, features) as the state before the first layer."""
        return State(images, None if self.reads_bits else images * images)

    def fields(self, images: Tensor, draws: Draws | None = None) -> Iterator[Field]:
        """The field of each hidden layer, and of the readout, (cells, batch, out)."""
        for field, _ in self.layers(images, draws):
            yield field

    def layers(self, images: Tensor, draws: Draws | None = None) -> Iterator[tuple[Field, Field | None]]:
        """The fields, each with what its norm is of, if it has one."""
        field = layer_field(self.rule, self.read(images), self.means(0), self.biases[0])
        normed = None if self.between.behind else field
        for layer in range(self.settings.depth):
            yield field, normed
            draw = Draw() if draws is None else draws[layer]
            state = activate(self.rule, self.seen(field, layer), self.gain, draw.noise, draw.uniform)
            state = dropped(self.rule, state, self.between.dropout, draw.kept)
            if layer + 1 < self.settings.depth:
                after = layer_field(self.rule, state, self.means(layer + 1), self.biases[layer + 1])
                field = self.onward(field, after, layer + 1)
                normed = self.between.scaled(after) if self.between.behind else field
        yield self._readout(state), None

    def seen(self, field: Field, layer: int) -> Field:
        """The field that the neurons of a hidden layer see."""
        return field if self.between.behind else self.between.normalised(field, self._known(layer))

    def onward(self, before: Field, field: Field, layer: int) -> Field:
        """The field of a hidden layer, of that before and of what the weights make of its states."""
        return self.between.onward(before, field, self._known(layer))

    def _known(self, layer: int) -> Moments | None:
        return self.moments[layer] if self.moments else None

    def _readout(self, state: State) -> Field:
        layer, bias = len(self.weights) - 1, self.biases[-1]
        means = self.means(layer)
        if self.settings.readout == "moments":
            return layer_field(self.rule, state, means, bias)
        return Field(mean_field(state.mean, means, bias), None)

    def logits(self, images: Tensor, draws: Draws | None = None) -> Tensor:
        """Logits (cells, batch, classes).

        The mean field of the readout; where its variance is used, divided by sqrt(1 + pi Sigma / 8), which makes the
        softmax nearly that of a Gaussian field. Source: MacKay 1992, Neural Computation 4, 720.
        """
        *_, (hbar, variance) = self.fields(images, draws)
        return hbar if variance is None else hbar / torch.sqrt(1 + math.pi / 8 * variance)

    @torch.no_grad()
    def project_(self) -> None:
        """Bring the means back into their range."""
        if self.settings.keep == "project" and math.isfinite(self.limit):
            for layer, weights in enumerate(self.weights):
                if not self.is_real(layer):
                    weights.clamp_(-self.limit, self.limit)


def initialised(
    cells: Sequence[Settings], features: int, generators: Sequence[torch.Generator], classes: int = 10
) -> Network:
    """The networks of cells of one shape, each drawn from its own generator, on the processor."""
    first = cells[0]
    rule = rule_of(first)
    sizes = [features, *[first.width] * first.depth, classes]
    dtype = getattr(torch, first.dtype)
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        real = first.readout == "real" and layer == first.depth
        means = [torch.empty(outputs, inputs, dtype=dtype) for _ in cells]
        shifts = [torch.empty(outputs, dtype=dtype) for _ in cells]
        for cell, mean, shift, generator in zip(cells, means, shifts, generators, strict=True):
            if real:
                mean.normal_(generator=generator)
            else:
                draw_weights_(mean, cell, rule, generator)
            shift.normal_(generator=generator).mul_(math.sqrt(cell.sigma_b2))
        weights.append(_as_parameter(torch.stack(means), rule, first.keep == "tanh" and not real))
        biases.append(torch.stack(shifts))
    gains = [1.0 if cell.gain is None else float(cell.gain) for cell in cells]
    gain = 1.0 if first.gain is None else torch.tensor(gains, dtype=dtype)[:, None, None]
    return Network(first, rule, weights, biases, gain, between_of(first))


def draw_weights_(mean: Tensor, cell: Settings, rule: LayerRule, generator: torch.Generator) -> None:
    """Means of the law of the settings, or latent weights."""
    if rule.surrogate.weights.means:
        draw_latent_(mean, rule.surrogate.weights, generator)
    else:
        draw_means_(mean, cell.sigma_m2, cell.law, rule.limit, generator)


def _as_parameter(means: Tensor, rule: LayerRule, is_tanh: bool) -> Tensor:
    if not is_tanh:
        return means
    limit = largest_mean(rule.limit, means.dtype)
    return torch.atanh(torch.clamp(means / limit, -limit, limit))


@torch.no_grad()
def settled_norms(network: Network, images: Tensor) -> Network:
    """The network with the moments that batch norm takes of these images (n, features), for all that it is shown."""
    if not network.between.by_batch:
        return network
    *layers, _ = network.layers(images.expand(len(network.weights[0]), *images.shape))
    moments = (None if normed is None else network.between.moments(normed) for _, normed in layers)
    return replace(network, moments=tuple(moments))


def rule_of(settings: Settings) -> LayerRule:
    """The rule of the layers, without the gain, in which cells may differ."""
    return layer_rule(composed(replace(settings, gain=1.0) if settings.gain is not None else settings))


def network_rule(rule: LayerRule) -> LayerRule:
    """The rule of the stochastic network itself: what a neuron does at a given field."""
    surrogate = rule.surrogate
    if not surrogate.weights.is_random and not surrogate.neurons.is_random and not surrogate.neurons.is_binary:
        return rule
    return layer_rule(replace(surrogate, treatment=SAMPLE, form=type(surrogate.form)("exact"), real_input=False))


def moved(network: Network, device: torch.device | str) -> Network:
    """The network on a device."""
    gain = network.gain.to(device) if isinstance(network.gain, Tensor) else network.gain
    weights, biases = ([each.to(device) for each in group] for group in (network.weights, network.biases))
    return replace(network, weights=weights, biases=biases, gain=gain)
