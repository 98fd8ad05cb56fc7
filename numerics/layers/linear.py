"""Layers of surrogates as Torch modules: parameters are the means of weights, outputs those of neurons.

>>> layer = BinaryLinear(784, 300, treatment="marginalise")
>>> layer(torch.zeros(64, 784)).shape
torch.Size([64, 300])
>>> layer.field(torch.zeros(64, 784)).variance.shape
torch.Size([64, 300])
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from meanbits.numerics.layers.activation import layer_field
from meanbits.numerics.layers.chain import Declared
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.state import State
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer


class BinaryLinear(SurrogateLayer):
    """A fully connected layer: h = S x / sqrt(in_features) + b, S of means `mean` (out, in), b = `bias` (out,).

    It takes and gives tensors (..., features) of means, or a State where second moments matter. Options as in
    `meanbits.compose`; the others as in `SurrogateLayer`.

    >>> layer = BinaryLinear(3, 2, phi="tanh", gain=1.2, dtype=torch.float64)
    >>> hbar, Sigma = layer.field(torch.ones(1, 3, dtype=torch.float64))
    >>> torch.equal(layer(torch.ones(1, 3, dtype=torch.float64)), torch.tanh(1.2 * hbar / torch.sqrt(Sigma)))
    True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        surrogate: Declared = None,
        *,
        inputs: str | None = None,
        keep: str = "project",
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        factory = {"device": device, "dtype": dtype}
        super().__init__((out_features, in_features), surrogate, inputs, keep, bias, factory, options)
        self.in_features, self.out_features = in_features, out_features

    def dense(self, state: State) -> Field:
        """Mean and variance of what the weights make of states, each (..., out)."""
        if state.mean.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"inputs of shape {tuple(state.mean.shape)}: in_features is {self.in_features}, the last of them"
            )
        mean = self.weights()
        bias = mean.new_zeros(self.out_features) if self.bias is None else self.bias
        second = None if state.second_moment is None else state.second_moment.reshape(-1, self.in_features)
        rows = State(state.mean.reshape(-1, self.in_features), second)
        shape = (*state.mean.shape[:-1], self.out_features)
        hbar, variance = layer_field(self.rule, rows, mean, bias)
        return Field(hbar.reshape(shape), None if variance is None else variance.reshape(shape))

    def shape_repr(self) -> str:
        """As torch.nn.Linear."""
        return f"in_features={self.in_features}, out_features={self.out_features}"


def project_(module: nn.Module) -> None:
    """Bring the means of all layers of a module back into range; to be called after each step of an optimiser."""
    for layer in module.modules():
        if isinstance(layer, SurrogateLayer):
            layer.project_()
