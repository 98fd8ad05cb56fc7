"""Inference by packed bits: products of signs by XOR and popcount, bit for bit those of floating point.

>>> layer = SignLinear(torch.tensor([[1.0, -1.0, 1.0]]), torch.tensor([0.1]), 0.5)
>>> x = torch.tensor([[1.0, 1.0, -1.0]])
>>> torch.equal(PackedLinear(layer)(x), layer(x))
True
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from meanbits.numerics.binary.bits import SignBits, packed
from meanbits.numerics.binary.sign_layers import SignLinear

ROWS, WEIGHTS = 4, 2**19  # at most, and at least: popcount then beats the product of matrices
EXACT = (torch.float32, torch.float64)  # types in which sums of signs are exact


class PackedLinear(nn.Module):
    """A `SignLinear` of whole weights that multiplies bits where a few states are signs, and numbers elsewhere.

    Both give the same field, since sums of signs are exact in floating point too.
    """

    def __init__(self, layer: SignLinear) -> None:
        super().__init__()
        self.layer = layer
        self.bits = SignBits.of(layer.weight.cpu().numpy())

    def forward(self, x: Tensor) -> Tensor:
        """The field of states x."""
        if self.pays(x):
            rows: NDArray[np.floating[Any]] = x.detach().numpy().reshape(-1, x.shape[-1])  # pyright: ignore
            if bool((np.abs(rows) == 1).all()):
                products = torch.from_numpy(self.bits.times(packed(rows)))  # pyright: ignore
                return self.layer.finished(products.to(x.dtype)).reshape(*x.shape[:-1], -1)
        return self.layer(x)

    def pays(self, x: Tensor) -> bool:
        """Whether bits are multiplied faster, and as exactly."""
        is_few = x.numel() <= ROWS * x.shape[-1] and self.layer.weight.numel() >= WEIGHTS
        return is_few and x.device.type == "cpu" and x.dtype in EXACT


def pack(module: nn.Module) -> nn.Module:
    """A copy of a network of signs whose linear layers multiply packed bits where that is faster.

    Its outputs are bit for bit those of the module, in evaluation on a processor; gradients do not pass.

    Raises:
        ValueError: no linear layer of signs in it.
    """
    held = nn.ModuleList([copy.deepcopy(module).eval()])
    found = [(parent, name, child) for parent in held.modules() for name, child in parent.named_children()
             if isinstance(child, SignLinear) and child.is_whole]  # fmt: skip
    if not found:
        raise ValueError(f"{type(module).__name__} has no linear layer of signs; give what meanbits.export gives")
    for parent, name, child in found:
        parent.register_module(name, PackedLinear(child))
    return held[0]
