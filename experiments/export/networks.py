"""What a trained surrogate is exported as: Torch modules of its network of signs and of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.training.between import Between
from meanbits.experiments.training.network import Network
from meanbits.numerics.binary.sign_layers import SignLinear
from meanbits.numerics.layers.field import Field, signs
from meanbits.numerics.layers.norm import Moments


class ExportError(ValueError):
    """A network that cannot be exported as asked; one line that names it and the remedy."""


class SignNetwork(nn.Module):
    """Weights -1, 1 (or -1, 0, 1) and sign neurons: images (n, features) to logits (n, classes).

    Sums over images are in double precision, where they are exact for images of single precision, whatever the order.
    The readout may have real weights. Norm, scale and skip are those of training, batch norm by fixed moments.
    """

    def __init__(self, layers: Sequence[SignLinear], between: Between, moments: Sequence[Moments | None]) -> None:
        super().__init__()
        self.layers, self.between = nn.ModuleList(layers), between
        for layer, known in enumerate(moments):
            for name, value in zip(("mean", "variance"), known or (), strict=False):
                self.register_buffer(f"{name}_{layer}", value)

    @property
    def features(self) -> int:
        """Of an image."""
        return int(self.layers[0].weight.shape[1])

    def forward(self, images: Tensor) -> Tensor:
        """The readout's field."""
        field = Field(self.layers[0](images), None)
        for layer in range(len(self.layers) - 1):
            seen = field if self.between.behind else self.between.normalised(field, self._known(layer))
            after = Field(self.layers[layer + 1](signs(seen.mean)), None)
            last = layer == len(self.layers) - 2
            field = after if last else self.between.onward(field, after, self._known(layer + 1))
        return field.mean

    def _known(self, layer: int) -> Moments | None:
        found = getattr(self, f"mean_{layer}", None)
        return None if found is None else (found, getattr(self, f"variance_{layer}"))


class SurrogateNetwork(nn.Module):
    """The surrogate: images (n, features) to logits (n, classes), through means, variances and gradients as trained."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        layers = range(len(network.weights))
        self.means = nn.ParameterList([nn.Parameter(network.means(layer)[0].detach().clone()) for layer in layers])
        self.biases = nn.ParameterList([nn.Parameter(bias[0].detach().clone()) for bias in network.biases])
        self.network = replace(network, settings=replace(network.settings, keep="project"))

    @property
    def features(self) -> int:
        """Of an image."""
        return int(self.means[0].shape[1])

    def forward(self, images: Tensor) -> Tensor:
        """Logits; a sampled field is drawn anew."""
        weights, biases = ([each.unsqueeze(0) for each in group] for group in (self.means, self.biases))
        return replace(self.network, weights=weights, biases=biases).logits(images.unsqueeze(0)).squeeze(0)


def sign_network(network: Network) -> SignNetwork:
    """The network of signs of a trained surrogate, of one cell.

    Raises:
        ExportError: weights that are real numbers.
    """
    weights = network.rule.surrogate.weights
    if weights.mean_limit is None:
        raise ExportError(f"{network.rule.surrogate.name}: weights {weights.name} are real numbers, which have no "
                          "network of signs; export --network surrogate, or train with weights binary or "
                          "signs")  # fmt: skip
    layers = [_sign_linear(network, layer) for layer in range(len(network.weights))]
    moments = [None if known is None else (known[0][0].clone(), known[1][0].clone()) for known in network.moments]
    return SignNetwork(layers, network.between, moments)


@torch.no_grad()
def _sign_linear(network: Network, layer: int) -> SignLinear:
    """Rounded weights as they are, means by their signs; sums over images in double precision."""
    means, bias = network.means(layer)[0].detach().clone(), network.biases[layer][0].detach().clone()
    kept = network.is_real(layer) or network.is_latent
    weight = means if kept else signs(means)
    return SignLinear(weight, bias, weight.shape[1] ** -0.5, torch.float64 if layer == 0 else None)


def structure_of(network: SignNetwork) -> dict[str, Any]:
    """What `rebuilt` needs besides the tensors of a network of signs."""
    between = {name: getattr(network.between, name) for name in Between.__dataclass_fields__}
    return {"scales": [layer.scale for layer in network.layers], "between": between}


def rebuilt(structure: dict[str, Any], state: dict[str, Tensor]) -> SignNetwork:
    """The network of signs of a structure and its tensors, weights as int8.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: tensors that are no such network's.
    """
    depth = len(structure["scales"])
    biases = [state[f"layers.{layer}.bias"] for layer in range(depth)]
    layers = [SignLinear(state[f"layers.{layer}.weight"].to(biases[layer]), biases[layer], float(scale),
                         torch.float64 if layer == 0 else None)
              for layer, scale in enumerate(structure["scales"])]  # fmt: skip
    names = [(f"mean_{layer}", f"variance_{layer}") for layer in range(depth - 1)]
    moments = [(state[mean], state[variance]) if mean in state else None for mean, variance in names]
    network = SignNetwork(layers, Between(**structure["between"]), moments)
    network.load_state_dict(state)
    return network
