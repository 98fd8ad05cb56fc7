"""Layers of a network of signs as Torch modules: h = scale W x + b, its norm, and the sign of it.

>>> layer = SignLinear(torch.tensor([[1.0, -1.0]]), torch.tensor([0.25]), 0.5)
>>> layer(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
tensor([[0.2500],
        [1.2500]])
>>> layer.state_dict()["weight"]
tensor([[ 1, -1]], dtype=torch.int8)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from meanbits.numerics.layers.field import Field, signs
from meanbits.numerics.layers.norm import Moments, over_batch, over_units
from meanbits.numerics.layers.patches import Patches

LEVELS = (-1, 0, 1)


class SignField(nn.Module):
    """h = scale W x + b, W in {-1, 0, 1}, or real as the readout of some networks is.

    Sums over products are taken in the type `sums`, as they come if that is None; scale and bias are applied to them
    one after the other, so that sums that are exact give the same field everywhere. state_dict holds W as int8.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: float, sums: torch.dtype | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight if sums is None else weight.to(sums))
        self.register_buffer("bias", bias)
        self.scale, self.sums = scale, sums
        self.is_whole = bool(torch.isin(weight, torch.tensor(LEVELS).to(weight)).all())

    def forward(self, x: Tensor) -> Tensor:
        """The field of states x."""
        sums = x.dtype if self.sums is None else self.sums
        return self.finished(self.products(x.to(sums), self.weight.to(sums)).to(x.dtype))

    def products(self, x: Tensor, weight: Tensor) -> Tensor:
        """W x."""
        raise NotImplementedError

    def finished(self, products: Tensor) -> Tensor:
        """scale (W x) + b."""
        return products * self.scale if self.bias is None else products * self.scale + self.bias

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.is_whole:
            destination[f"{prefix}weight"] = self.weight.to(torch.int8)

    def extra_repr(self) -> str:
        """The weights' shape and kind."""
        return f"{tuple(self.weight.shape)}, {'in {-1, 0, 1}' if self.is_whole else 'real'}, scale={self.scale:.6g}"


class SignLinear(SignField):
    """Of states (..., in): weight (out, in), bias (out,)."""

    def products(self, x: Tensor, weight: Tensor) -> Tensor:
        """W x, (..., out)."""
        return linear(x, weight)


class SignConv2d(SignField):
    """Of states (batch, channels, rows, columns) by patches: weight (out, in / groups, *kernel), bias (out, 1, 1)."""

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: float, patches: Patches) -> None:
        super().__init__(weight, bias, scale)
        self.patches = patches

    def products(self, x: Tensor, weight: Tensor) -> Tensor:
        """W x, (batch, out, rows, columns)."""
        return self.patches.convolved(x, weight)


class SignLayer(nn.Module):
    """A field, its norm and the signs of it: what becomes of a layer of a surrogate in its network of signs.

    normalise: rms, layer or batch, the last by the moments given. units: the dimension of the neurons.
    """

    def __init__(self, dense: SignField, normalise: str | None, moments: Moments | None, units: int) -> None:
        super().__init__()
        self.dense, self.normalise, self.units = dense, normalise, units
        self.register_buffer("mean", None if moments is None else moments[0])
        self.register_buffer("variance", None if moments is None else moments[1])

    def forward(self, state: Any, noise: Tensor | None = None) -> Tensor:
        """The signs, +1 at 0; nothing is drawn."""
        return signs(self.field(state).mean)

    def field(self, state: Any) -> Field:
        """The field that the neurons see, without variance."""
        field = self.dense(getattr(state, "mean", state) if isinstance(state, tuple) else state)
        if self.normalise is None:
            return Field(field, None)
        units, last_axis = field.dim() + self.units, field.dim() - 1
        last = Field(field.movedim(units, last_axis), None)
        known: Any = (self.mean, self.variance)
        normed = over_batch(last, known) if self.normalise == "batch" else over_units(last, self.normalise)
        return Field(normed.mean.movedim(last_axis, units), None)

    def neurons(self, field: Field | Tensor, noise: Tensor | None = None) -> Tensor:
        """The signs of a field, +1 at 0."""
        return signs(field.mean if isinstance(field, Field) else field)
