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
from torch.nn.functional import conv2d

from meanbits.numerics.layers.activation import settled
from meanbits.numerics.layers.field import Field, accumulated
from meanbits.numerics.layers.linear import SurrogateLayer
from meanbits.numerics.layers.state import State
from meanbits.theory.declarations.surrogates import Surrogate

Size = int | tuple[int, int]


class BinaryConv2d(SurrogateLayer):
    """h = S * x / sqrt(N) + b, N = in_channels times the size of the kernel: as `BinaryLinear` on every patch.

    It takes and gives tensors (batch, channels, rows, columns) of means, or a State. mean: (out, in, *kernel_size);
    bias: (out,). Padding is with zeros, known numbers, which add nothing to mean or variance. Options as in
    `BinaryLinear`; stride, padding and dilation as in torch.nn.Conv2d.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        surrogate: Surrogate | str | None = None,
        *,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        inputs: str | None = None,
        keep: str = "project",
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        factory = {"device": device, "dtype": dtype}
        super().__init__((out_channels, in_channels, *kernel), surrogate, inputs, keep, bias, factory, options)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.patches: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}

    def field(self, state: Tensor | State) -> Field:
        """Mean and variance of the field, each (batch, out, rows, columns)."""
        given, rule = self.incoming(state), self.rule
        m, weights = accumulated(given.mean), accumulated(self.weights())
        bias = None if self.bias is None else accumulated(self.bias)
        n = weights[0].numel()
        hbar = self._convolved(m / math.sqrt(n), weights, bias)
        if rule.field == "sharp":
            return Field(hbar, None)
        with torch.set_grad_enabled(torch.is_grad_enabled() and rule.gradient_through_sigma):
            r = torch.ones_like(m) if given.second_moment is None else accumulated(given.second_moment)
            variance = self._variance(m, r - m * m, weights) / n
        return settled(rule, given, Field(hbar, variance))

    def shape_repr(self) -> str:
        """As torch.nn.Conv2d."""
        patches = ", ".join(f"{name}={value}" for name, value in self.patches.items())
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, {patches}"

    def _variance(self, m: Tensor, spread: Tensor, weights: Tensor) -> Tensor:
        """The sum over a patch of R (r - m^2) + (R - M^2) m^2; spread = r - m^2."""
        second = self.rule.weight_second_moment
        if second is None:
            return self._convolved(spread, weights * weights)
        ones = torch.full_like(weights[:1, :1], second)
        states = self._convolved(spread.sum(1, keepdim=True), ones)
        return states + self._convolved(m * m, second - weights * weights)

    def _convolved(self, images: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        return conv2d(images, weights, bias, **self.patches)
