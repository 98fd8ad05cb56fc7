"""Inference by packed bits: products of signs by XOR and popcount, bit for bit those of floating point.

>>> layer = SignLinear(torch.tensor([[1.0, -1.0, 1.0]]), torch.tensor([0.1]), 0.5)
>>> x = torch.tensor([[1.0, 1.0, -1.0]])
>>> torch.equal(PackedLinear(layer)(x), layer(x))
True
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from meanbits.numerics.binary.bits import SignBits, packed
from meanbits.numerics.binary.sign_layers import SignConv2d, SignLinear

ROWS, WEIGHTS = 4, 2**19  # at most, and at least: popcount then beats the product of matrices
IMAGES = 4  # dimensions of a batch of them
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
        return x.numel() <= ROWS * x.shape[-1] and self.layer.weight.numel() >= WEIGHTS and _is_exact(x)


class PackedConv2d(nn.Module):
    """A `SignConv2d` of whole weights that multiplies bits of patches where there are few of them, and all are signs.

    >>> from meanbits.numerics.layers.patches import Patches
    >>> layer = SignConv2d(torch.ones(1, 1, 3, 3), None, 1.0, Patches((3, 3), padding=(1, 1)))
    >>> PackedConv2d(layer).multiplied(torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """

    def __init__(self, layer: SignConv2d) -> None:
        super().__init__()
        self.layer = layer
        self.bits = [SignBits.of(each.flatten(1).cpu().numpy()) for each in layer.weight.chunk(layer.patches.groups)]

    def forward(self, x: Tensor) -> Tensor:
        """The field of states x."""
        if self.pays(x) and bool((x.abs() == 1).all()):
            return self.layer.finished(self.multiplied(x))
        return self.layer(x)

    def pays(self, x: Tensor) -> bool:
        """Whether bits are multiplied faster, and as exactly."""
        patches = x.shape[0] * math.prod(self._places(x)) if x.dim() == IMAGES else math.inf
        return patches <= ROWS and self.layer.weight.numel() >= WEIGHTS and _is_exact(x)

    def multiplied(self, x: Tensor) -> Tensor:
        """W x of signs x, (batch, out, rows, columns). What is padded with 0 is -1 in bits, and 1 is added there."""
        patches = self.layer.patches
        zeros = patches.mode == "zeros"
        padded = pad(x, patches.borders, "constant" if zeros else patches.mode, -1.0 if zeros else None)
        parts = [self._of_group(part, bits) for part, bits in zip(padded.chunk(patches.groups, 1), self.bits,
                                                                  strict=True)]  # fmt: skip
        products = torch.cat(parts, 1).reshape(len(x), -1, *self._places(x)).to(x.dtype)
        if not zeros or not any(patches.borders):
            return products
        border = pad(torch.zeros_like(x[:1]), patches.borders, value=1.0)
        return products + replace(patches, padding=(0, 0)).convolved(border, self.layer.weight.to(x.dtype))

    def _of_group(self, padded: Tensor, bits: SignBits) -> Tensor:
        """(batch, out of the group, positions)."""
        patches = self.layer.patches
        rows = unfold(padded, patches.kernel, patches.dilation, 0, patches.stride).transpose(1, 2)
        found = bits.times(packed(rows.reshape(-1, rows.shape[-1]).detach().numpy()))  # pyright: ignore
        return torch.from_numpy(found).reshape(*rows.shape[:2], -1).transpose(1, 2)  # pyright: ignore

    def _places(self, x: Tensor) -> tuple[int, int]:
        """Rows and columns of patches."""
        patches = self.layer.patches
        left, right, top, bottom = patches.borders
        sizes = (x.shape[-2] + top + bottom, x.shape[-1] + left + right)
        rows, columns = ((size - step * (kernel - 1) - 1) // stride + 1 for size, step, kernel, stride in
                         zip(sizes, patches.dilation, patches.kernel, patches.stride, strict=True))  # fmt: skip
        return rows, columns


def _is_exact(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in EXACT


def _packed(layer: nn.Module) -> nn.Module | None:
    """The layer by bits; None for what is no layer of whole weights."""
    if isinstance(layer, SignLinear) and layer.is_whole:
        return PackedLinear(layer)
    return PackedConv2d(layer) if isinstance(layer, SignConv2d) and layer.is_whole else None


def pack(module: nn.Module) -> nn.Module:
    """A copy of a network of signs whose layers multiply packed bits where that is faster.

    Its outputs are bit for bit those of the module, in evaluation on a processor; gradients do not pass. Layers of real
    weights, as a readout may have, stay as they are.

    Raises:
        ValueError: no layer of signs in it.
    """
    held = nn.ModuleList([copy.deepcopy(module).eval()])
    found = [(parent, name, made) for parent in held.modules() for name, child in parent.named_children()
             if (made := _packed(child)) is not None]  # fmt: skip
    if not found:
        raise ValueError(f"{type(module).__name__} has no layer of signs; give what meanbits.export gives")
    for parent, name, made in found:
        parent.register_module(name, made)
    return held[0]
