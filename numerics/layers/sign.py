"""Sign neurons as a Torch module."""

from __future__ import annotations

from torch import Tensor, nn

from meanbits.numerics.layers.field import signs
from meanbits.numerics.layers.layer_rule import slope_of
from meanbits.numerics.layers.straight_through import with_slope
from meanbits.theory.declarations.compose import compose


class Sign(nn.Module):
    """Signs of a field (...), in {-1, 1}: +1 at 0. Gradients see `backward`, as `meanbits.compose` takes it.

    Raises:
        SurrogateError: an unknown slope, or exact, which is 0.

    >>> import torch
    >>> field = torch.tensor([-2.0, 0.5], requires_grad=True)
    >>> Sign("clip")(field).sum().backward()
    >>> field.grad
    tensor([0., 1.])
    """

    def __init__(self, backward: str = "clip") -> None:
        super().__init__()
        self.backward_slope = backward
        self.passed = with_slope(signs, slope_of(compose("continuous", neurons="sign", backward=backward)))

    def forward(self, field: Tensor) -> Tensor:
        """The signs."""
        return self.passed(field)

    def extra_repr(self) -> str:
        """The slope."""
        return f"backward={self.backward_slope!r}"
