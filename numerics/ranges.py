"""Numbers that a layer refuses, looked at once a forward pass: eagerly, under torch.func, and compiled."""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.field import accumulated
from numerics.state import State

ROUNDING = 4  # ulp: how far images scaled to [-1, 1] may be off
CANCELLED = 16  # ulp of the largest second moment: what those of neurons lose as they vanish


def within(numbers: Tensor, most: float, refusal: str) -> Tensor:
    """The numbers, each at most `most` in size: those beyond by rounding become it, and pass gradients all the same.

    refusal: says what is refused; {found} in it stands for the largest size. Not looked at: what a capture of a CUDA
    graph, a trace or a meta device computes.

    Raises:
        ValueError: a size beyond that, or nan (compiled: a RuntimeError without the size).

    >>> within(torch.tensor([0.5, -3.0]), 1.0, "|m| = {found}")
    Traceback (most recent call last):
    ValueError: |m| = 3
    """
    if not numbers.is_floating_point() or numbers.numel() == 0 or numbers.is_meta or torch.jit.is_tracing():
        return numbers
    slack = most * (1 + ROUNDING * torch.finfo(numbers.dtype).eps)
    if torch.compiler.is_compiling():
        torch._assert_async((numbers.abs() <= slack).all(), refusal.format(found=f"more than {most:g}"))
        return _rounded(numbers, most)
    if numbers.is_cuda and torch.cuda.is_current_stream_capturing():
        return numbers
    found = _largest(numbers)
    if not found <= slack:
        raise ValueError(refusal.format(found=f"{found:.9g}"))
    return numbers if found <= most else _rounded(numbers, most)


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


def _largest(numbers: Tensor) -> float:
    """The largest size among numbers, all that torch.func maps over together; nan if one is."""
    plain = numbers.detach()
    while torch._C._functorch.is_functorch_wrapped_tensor(plain):  # pyright: ignore
        plain = torch._C._functorch.get_unwrapped(plain)  # pyright: ignore
    low, high = torch.aminmax(plain)
    return float(torch.maximum(-low, high))


def _rounded(numbers: Tensor, most: float) -> Tensor:
    return numbers + (numbers.clamp(-most, most) - numbers).detach()
