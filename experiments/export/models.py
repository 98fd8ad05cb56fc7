"""The network of signs of a Torch model that holds layers of surrogates."""

from __future__ import annotations

import copy

import torch
from torch import nn

from meanbits.experiments.export.networks import ExportError
from meanbits.numerics.binary.sign_layers import SignConv2d, SignField, SignLayer, SignLinear
from meanbits.numerics.layers.convolution import BinaryConv2d
from meanbits.numerics.layers.linear import BinaryLinear
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer


def signs_of_model(model: nn.Module) -> nn.Module:
    """A copy of the model in evaluation, its surrogate layers as layers of signs; everything else as it is.

    Raises:
        ExportError: no such layer, or one whose weights are real numbers.
    """
    if not any(isinstance(each, SurrogateLayer) for each in model.modules()):
        raise ExportError(
            f"{type(model).__name__} has no layers of meanbits; meanbits.from_torch makes some of its own"
        )
    held = nn.ModuleDict({"model": copy.deepcopy(model).eval()})
    made: dict[nn.Module, SignLayer] = {}
    for parent_path, parent in list(held.named_modules()):
        for name, child in list(parent._modules.items()):
            if isinstance(child, SurrogateLayer):
                path = f"{parent_path}.{name}".removeprefix("model").removeprefix(".") or "the model"
                made[child] = made[child] if child in made else sign_layer(child, path)
                parent._modules[name] = made[child]
    return held["model"]


@torch.no_grad()
def sign_layer(layer: SurrogateLayer, path: str) -> SignLayer:
    """One layer: the signs of its means, or its rounded weights; dropout leaves evaluation as it is."""
    law = layer.rule.surrogate.weights
    if law.mean_limit is None:
        raise ExportError(f"{path}: weights {law.name} are real numbers, which have no network of signs; give "
                          "the layer weights='binary' or 'signs', or export network='surrogate'")  # fmt: skip
    means = layer.mean.detach().clone()
    weight = means if layer.is_latent else torch.where(means >= 0, 1.0, -1.0).to(means)
    bias = None if layer.bias is None else layer.bias.detach().clone() * layer.scale
    moments = None if layer.batch is None else (layer.batch.running_mean.clone(), layer.batch.running_var.clone())
    return SignLayer(_dense(layer, weight, bias), layer.normalise, moments, layer.units)


def _dense(layer: SurrogateLayer, weight: torch.Tensor, bias: torch.Tensor | None) -> SignField:
    scale = layer.scale * weight[0].numel() ** -0.5
    if isinstance(layer, BinaryConv2d):
        return SignConv2d(weight, None if bias is None else bias[:, None, None], scale, layer.patches)
    if isinstance(layer, BinaryLinear):
        return SignLinear(weight, bias, scale)
    raise ExportError(f"{type(layer).__name__} is no BinaryLinear or BinaryConv2d; export these")
