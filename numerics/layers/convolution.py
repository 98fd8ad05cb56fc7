"""The convolutional twin of the linear layer.

>>> layer = BinaryConv2d(1, 8, 3, padding=1)
>>> layer(torch.zeros(2, 1, 28, 28)).shape
torch.Size([2, 8, 28, 28])
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from meanbits.numerics.layers.activation import settled
from meanbits.numerics.layers.chain import Declared
from meanbits.numerics.layers.field import Field, accumulated
from meanbits.numerics.layers.patches import Patches, Size, pair
from meanbits.numerics.layers.state import State
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer


class BinaryConv2d(SurrogateLayer):
    """h = S * x / sqrt(N) + b, N = in_channels / groups times the size of the kernel: as `BinaryLinear` on every patch.

    It takes and gives tensors (batch, channels, rows, columns) of means, or a State; without the batch too. mean: (out,
    in / groups, *kernel_size); bias: (out,). Padding with zeros is with known numbers, which add nothing to mean or
    variance; a neuron that other padding lets a patch see twice is one neuron, and its variance counts with both
    weights. Options as in `BinaryLinear`, those of patches as in torch.nn.Conv2d. A norm over units is over the
    channels of each place, batch norm over all places of all inputs.
    """

    units = -3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        surrogate: Declared = None,
        *,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        inputs: str | None = None,
        keep: str = "project",
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        borders = padding if isinstance(padding, str) else pair(padding)
        patches = Patches(pair(kernel_size), pair(stride), borders, pair(dilation), groups, padding_mode)
        patches.check(in_channels, out_channels)
        factory = {"device": device, "dtype": dtype}
        shape = (out_channels, in_channels // groups, *patches.kernel)
        super().__init__(shape, surrogate, inputs, keep, bias, factory, options)
        self.in_channels, self.out_channels, self.patches = in_channels, out_channels, patches

    def dense(self, state: State) -> Field:
        """Mean and variance of what the weights make of states, each (batch, out, rows, columns)."""
        if state.mean.dim() not in (3, 4) or state.mean.shape[-3] != self.in_channels:
            raise ValueError(f"inputs of shape {tuple(state.mean.shape)}: give (batch, channels, rows, columns), "
                             f"in_channels is {self.in_channels}")  # fmt: skip
        rule, m, weights = self.rule, accumulated(state.mean), accumulated(self.weights())
        bias = None if self.bias is None else accumulated(self.bias)
        n = weights[0].numel()
        hbar = self.patches.convolved(m / math.sqrt(n), weights, bias)
        if rule.field == "sharp":
            return Field(hbar, None)
        with torch.set_grad_enabled(torch.is_grad_enabled() and rule.gradient_through_sigma):
            r = torch.ones_like(m) if state.second_moment is None else accumulated(state.second_moment)
            variance = (self._variance(m, r - m * m, weights) + self.patches.repeated(r - m * m, weights)) / n
        return settled(rule, state, Field(hbar, variance))

    def _variance(self, m: Tensor, spread: Tensor, weights: Tensor) -> Tensor:
        """The sum over a patch of R (r - m^2) + (R - M^2) m^2; spread = r - m^2."""
        second, groups = self.rule.weight_second_moment, self.patches.groups
        if second is None:
            return self.patches.convolved(spread, weights * weights)
        ones = torch.full_like(weights[:groups, :1], second)
        states = self.patches.convolved(spread.unflatten(-3, (groups, -1)).sum(-3), ones)
        means = self.patches.convolved(m * m, second - weights * weights)
        return (states.unsqueeze(-3) + means.unflatten(-3, (groups, -1))).flatten(-4, -3)

    def shape_repr(self) -> str:
        """As torch.nn.Conv2d."""
        return f"{self.in_channels}, {self.out_channels}, {self.patches}"
