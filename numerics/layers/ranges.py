"""Numbers that a layer refuses, looked at once a forward pass: eagerly, under torch.func, and compiled."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from meanbits.numerics.layers.field import accumulated
from meanbits.numerics.layers.state import State

ROUNDING = 4  # ulp: how far images scaled to [-1, 1] may be off
CANCELLED = 16  # ulp of the largest second moment: what those of neurons lose as they vanish


def within(numbers: Tensor, most: float, refusal: str) -> Tensor:
    """The numbers, each at most `most` in size: those beyond by rounding become it, and pass gradients all the same.

    refusal: says what is refused; {found} in it stands for the largest size. Not looked at: what a capture of a CUDA
    graph, a trace, an export or a meta device computes.

    Raises:
        ValueError: a size beyond that, or nan.

    >>> within(torch.tensor([0.5, -3.0]), 1.0, "|m| = {found}")
    Traceback (most recent call last):
    ValueError: |m| = 3
    """
    if not numbers.is_floating_point() or numbers.numel() == 0 or numbers.is_meta or _is_recorded(numbers):
        return numbers
    slack, plain = most * (1 + ROUNDING * torch.finfo(numbers.dtype).eps), numbers.detach()
    if torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(plain):  # pyright: ignore
        top = torch.clamp(_found_by_operator(plain, slack, refusal), max=most)
        return numbers + (plain.clamp(-top, top) - plain)
    found = float(_found(plain, slack, refusal))
    return numbers if found <= most else numbers + (plain.clamp(-most, most) - plain)


def _is_recorded(numbers: Tensor) -> bool:
    if torch.compiler.is_compiling():
        return torch.compiler.is_exporting()
    captured = numbers.is_cuda and torch.cuda.is_current_stream_capturing()
    return captured or torch.jit.is_tracing()  # pyright: ignore


def _found(numbers: Tensor, slack: float, refusal: str) -> Tensor:
    low, high = torch.aminmax(numbers)
    found = torch.maximum(-low, high)
    if not float(found) <= slack:
        raise ValueError(refusal.format(found=f"{float(found):.9g}"))
    return found


_found_by_operator = torch.library.custom_op("meanbits::found", _found, mutates_args=())


@_found_by_operator.register_fake
def _(numbers: Tensor, slack: float, refusal: str) -> Tensor:
    return numbers.new_empty(())


@_found_by_operator.register_vmap
def _(info: Any, in_dims: Any, numbers: Tensor, slack: float, refusal: str) -> tuple[Tensor, None]:
    return _found_by_operator(numbers, slack, refusal), None


def consistent(state: State) -> State:
    """The state, no second moment of it below the square of its mean by more than rounding.

    Raises:
        ValueError: one that is.
    """
    if state.second_moment is not None and state.mean.numel():
        m, r = accumulated(state.mean.detach()), accumulated(state.second_moment.detach())
        scale, tiny = CANCELLED * torch.finfo(m.dtype).eps, torch.finfo(m.dtype).tiny
        within(m * m / (r + scale * r.amax() + tiny), 1.0, "a State whose (E x)^2 is {found} E x^2: at most 1 is right")
    return state
