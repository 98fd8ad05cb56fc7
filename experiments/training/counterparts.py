"""What a trained surrogate is worth as a binary network: its own accuracy, the sign network's, the sampled ones'."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from meanbits.experiments.training.draws import layer_draws
from meanbits.experiments.training.network import Network, network_rule
from meanbits.numerics.layers.activation import drawn_signs
from meanbits.numerics.layers.dropout import is_averaged
from meanbits.numerics.layers.field import Field, mean_field, signs

CHUNK = 1000  # images at a time
SAMPLES = (1, 5, 100)
Neurons = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images (n, features) and labels (n,)."""

    images: Tensor
    labels: Tensor

    def chunks(self, cells: int) -> Iterator[Tensor]:
        """The images in parts, each (cells, part, features)."""
        for part in self.images.split(CHUNK):
            yield part.expand(cells, *part.shape)


def accuracy(outputs: Tensor, labels: Tensor) -> list[float]:
    """The fraction of images whose largest output (cells, n, classes) is that of its label, for each cell."""
    return (outputs.argmax(-1) == labels).double().mean(-1).tolist()


@torch.no_grad()
def surrogate_outputs(network: Network, data: Labelled, generators: Sequence[torch.Generator]) -> Tensor:
    """Logits of the surrogate, (cells, n, classes); a field that is sampled is so once for each image."""
    depth, width = network.settings.depth, network.settings.width
    return torch.cat([
        network.logits(part, layer_draws(network.rule, generators, depth, part.shape[1], width, part.dtype))
        for part in data.chunks(len(generators))
    ], 1)  # fmt: skip


@torch.no_grad()
def sign_outputs(network: Network, data: Labelled) -> Tensor:
    """Logits of the network whose weights are the signs of the means, or are rounded as they are, and whose neurons
    are signs, +1 at 0."""
    weights = [
        network.means(layer) if network.is_real(layer) or network.is_latent else signs(network.means(layer))
        for layer in range(len(network.weights))
    ]
    return torch.cat([_through(network, weights, part, signs) for part in data.chunks(len(weights[0]))], 1)


@torch.no_grad()
def sampled_outputs(
    network: Network,
    sets: Sequence[Labelled],
    generators: Sequence[torch.Generator],
    samples: int,
    counts: Collection[int] = SAMPLES,
) -> Iterator[tuple[int, list[Tensor]]]:
    """Class probabilities averaged over so many stochastic networks, for each of `counts` up to `samples` and for
    these, with their number: those of each set of images.

    A sample draws its weights once and its neurons for each image; images that are read as means of bits are drawn too.
    So are masks of dropout where the surrogate averages over them. A norm over batches keeps the moments of the
    surrogate, whose fields are the average of these.
    """
    neurons, totals = _neurons(network, generators), [torch.zeros(()) for _ in sets]
    drawn_input = network.reads_bits and network.rule.weight_second_moment is not None
    for count in range(1, samples + 1):
        weights = [_drawn_weights(network, layer, generators) for layer in range(len(network.weights))]
        for k, data in enumerate(sets):
            parts = (_bits(part, generators) if drawn_input else part for part in data.chunks(len(generators)))
            logits = torch.cat([_through(network, weights, part, neurons) for part in parts], 1)
            totals[k] = totals[k].to(logits.device) + torch.softmax(logits, -1)
        if count == samples or count in counts:
            yield count, [total / count for total in totals]


def _through(network: Network, weights: list[Tensor], state: Tensor, neurons: Neurons) -> Tensor:
    """The readout's field in a network of given weights and neurons."""
    field = Field(mean_field(state, weights[0], network.biases[0]), None)
    for layer in range(len(weights) - 1):
        state = neurons(network.seen(field, layer).mean)
        after = Field(mean_field(state, weights[layer + 1], network.biases[layer + 1]), None)
        field = after if layer == len(weights) - 2 else network.onward(field, after, layer + 1)
    return field.mean


def _neurons(network: Network, generators: Sequence[torch.Generator]) -> Neurons:
    """The neurons of the stochastic network: drawn where they are bits, else functions of the field; and its masks."""
    rule, keep = network_rule(network.rule), 1 - network.between.dropout
    neurons: Neurons = rule.mean
    if rule.surrogate.neurons.is_binary:
        random = rule.surrogate.neurons.is_random
        neurons = (lambda field: _bits(rule.mean(field), generators)) if random else signs
    if keep == 1 or not is_averaged(network.rule):
        return neurons
    return lambda field: torch.where(_uniform(field, generators) < keep, neurons(field) / keep, 0.0)


def _bits(means: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    return drawn_signs(means, _uniform(means, generators))


def _uniform(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    shape = like.shape[1:]
    return torch.stack([torch.rand(shape, generator=each, dtype=like.dtype, device=like.device) for each in generators])


def _drawn_weights(network: Network, layer: int, generators: Sequence[torch.Generator]) -> Tensor:
    """S of means M: P(S = +-1) = (R +- M) / 2, else 0; fixed and real weights are what they are."""
    means, second = network.means(layer), network.rule.weight_second_moment
    if second is None or network.is_real(layer):
        return means
    uniform = _uniform(means, generators)
    up, down = 2 * uniform < second + means, 2 * (1 - uniform) <= second - means
    return up.to(means.dtype) - down.to(means.dtype)
