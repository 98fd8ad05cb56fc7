"""The network of signs of a Torch model that holds layers of surrogates."""

from __future__ import annotations

import copy

import torch
from torch import nn

from meanbits.experiments.export.networks import ExportError
from meanbits.numerics.binary.sign_layers import SignConv2d, SignField, SignLayer, SignLinear
from meanbits.numerics.layers.convolution import BinaryConv2d
from meanbits.numerics.layers.field import signs
from meanbits.numerics.layers.linear import BinaryLinear
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.numerics.layers.usable import has_hooks, not_finite, objection, unwrapped


def require_model(model: object) -> nn.Module:
    """The model, if it can be exported.

    Raises:
        ExportError: no module with layers of surrogates, half precision, or numbers that are missing or not finite.
    """
    found, kind = unwrapped(model), type(model).__name__
    why = objection(found)
    if why is not None or not isinstance(found, nn.Module):
        raise ExportError(
            f"the model {why}" + ("" if isinstance(found, nn.Module) else ", or a checkpoint by its path")
        )
    if not any(isinstance(each, SurrogateLayer) for each in found.modules()):
        raise ExportError(f"{kind} has no layers of meanbits; meanbits.from_torch makes some of its own")
    if (name := not_finite(found)) is not None:
        raise ExportError(f"{kind}: {name} holds numbers that are not finite; train again")
    return found


def signs_of_model(model: nn.Module) -> nn.Module:
    """A copy of the model in evaluation, its surrogate layers as layers of signs; everything else as it is.

    Raises:
        ExportError: a layer whose weights are real numbers, or that has hooks.
    """
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
    if has_hooks(layer):
        raise ExportError(f"{path} has hooks, which the layer in its place would not have; remove them first")
    law = layer.rule.surrogate.weights
    if law.mean_limit is None:
        raise ExportError(f"{path}: weights {law.name} are real numbers, which have no network of signs; give "
                          "the layer weights='binary' or 'signs', or export network='surrogate'")  # fmt: skip
    means = layer.mean.detach().clone()
    weight = means if layer.is_latent else signs(means)
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
