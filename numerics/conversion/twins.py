"""A plain layer as a surrogate layer of the same field, as far as its means have room, and a surrogate layer as plain.

h = W x + b of torch.nn is h = S x / sqrt(N) + b here, so that M = sqrt(N) W has the same field; where that is beyond
the range of the means, M is shrunk into it, and the bias with it, so that the field is `kept` of what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from meanbits.numerics.conversion.refusal import ConversionError
from meanbits.numerics.layers.convolution import BinaryConv2d
from meanbits.numerics.layers.linear import BinaryLinear
from meanbits.numerics.layers.norm import LEAST
from meanbits.numerics.layers.sign import Sign
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer

NEURONS: dict[str, Callable[[], nn.Module]] = {
    "sign": Sign, "tanh": nn.Tanh, "relu": nn.ReLU, "hardtanh": nn.Hardtanh, "linear": nn.Identity, "gelu": nn.GELU,
    "silu": nn.SiLU, "softplus": nn.Softplus,
}  # fmt: skip


def surrogate_twin(layer: nn.Module, surrogate: Any, options: dict[str, Any]) -> SurrogateLayer:
    """A surrogate layer of the shape, padding, groups, device and type of a Linear or Conv2d, as it is drawn."""
    weight: Any = layer.weight
    bias: Any = layer.bias
    shared: dict[str, Any] = {"bias": bias is not None, "device": weight.device,
                              "dtype": weight.dtype, **options}  # fmt: skip
    made: SurrogateLayer
    if isinstance(layer, nn.Conv2d):
        kernel: Any = layer.kernel_size
        where: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
                                 "groups": layer.groups, "padding_mode": layer.padding_mode}  # fmt: skip
        made = BinaryConv2d(layer.in_channels, layer.out_channels, kernel, surrogate, **where, **shared)
    else:
        plain: Any = layer
        made = BinaryLinear(plain.in_features, plain.out_features, surrogate, **shared)
    return made.train(layer.training)


@torch.no_grad()
def keep_means_(made: SurrogateLayer, layer: nn.Module) -> float:
    """Give a surrogate layer the weights of a plain one; what share of the field is kept, 1 where nothing is lost."""
    weight: Tensor = layer.weight  # pyright: ignore
    full = math.sqrt(weight[0].numel()) / made.scale
    largest = float(weight.abs().max())
    factor = min(full, made.limit / largest) if largest > 0 else full
    set_latent_(made, torch.clamp(weight * factor, -made.limit, made.limit))
    kept = factor / full
    if made.bias is not None:
        bias: Tensor = layer.bias  # pyright: ignore
        made.bias.copy_(bias * kept / made.scale)
    return kept


@torch.no_grad()
def set_latent_(made: SurrogateLayer, values: Tensor) -> None:
    """Means, or the latent weights that they are rounded from."""
    if parametrize.is_parametrized(made, "mean"):
        made.mean = values  # pyright: ignore
    else:
        made.mean.copy_(values)


@torch.no_grad()
def plain_twin(layer: SurrogateLayer, path: str, activation: Callable[[], nn.Module] | None) -> nn.Sequential:
    """Dropout, a Linear or Conv2d of the mean weights, the norm, and the neuron at a known field, as torch.nn has them.

    Raises:
        ConversionError: neurons without a twin in torch.nn where no activation is given.
    """
    name = layer.rule.surrogate.neurons.name
    if activation is None and name not in NEURONS:
        raise ConversionError(f"{path}: neurons {name} have no twin in torch.nn; give activation, as torch.nn.Tanh")
    mean = layer.mean.detach()
    shared: dict[str, Any] = {"bias": layer.bias is not None, "device": mean.device, "dtype": mean.dtype}
    plain: nn.Linear | nn.Conv2d
    if isinstance(layer, BinaryConv2d):
        patches = layer.patches
        mode: Any = patches.mode
        plain = nn.Conv2d(layer.in_channels, layer.out_channels, patches.kernel, patches.stride, patches.padding,
                          patches.dilation, patches.groups, padding_mode=mode, **shared)  # fmt: skip
    else:
        plain = nn.Linear(mean.shape[1], mean.shape[0], **shared)
    plain.weight.copy_(mean * (layer.scale / math.sqrt(mean[0].numel())))
    if layer.bias is not None and plain.bias is not None:
        plain.bias.copy_(layer.bias * layer.scale)
    before = [nn.Dropout(layer.dropout)] if layer.dropout else []
    neuron = (NEURONS[name] if activation is None else activation)()
    return nn.Sequential(*before, plain, *_norm(layer, path), neuron).train(layer.training)


def _norm(layer: SurrogateLayer, path: str) -> list[nn.Module]:
    if layer.normalise is None:
        return []
    units, is_conv = layer.mean.shape[0], isinstance(layer, BinaryConv2d)
    if layer.batch is not None:
        norm = (nn.BatchNorm2d if is_conv else nn.BatchNorm1d)(units, LEAST, affine=False)
        norm.running_mean, norm.running_var = layer.batch.running_mean.clone(), layer.batch.running_var.clone()
        return [norm]
    if is_conv:
        raise ConversionError(f"{path}: {layer.normalise} norm over channels has no twin in torch.nn; use batch norm")
    if layer.normalise == "rms":
        return [nn.RMSNorm(units, LEAST, elementwise_affine=False)]
    return [nn.LayerNorm(units, LEAST, elementwise_affine=False)]


def put(model: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module in the place of another."""
    parent, _, name = path.rpartition(".")
    model.get_submodule(parent).register_module(name, module)
