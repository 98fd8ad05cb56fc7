"""Special functions that generated Torch modules call: the functions of runtime_numpy, differentiable.

Values are the quadratures of runtime_numpy, in float64. Gradients are theorems, not derivatives of a quadrature: Price's
and Stein's for Gaussian expectations, closed forms for clipped normals. They call the same functions again, so every
order of derivative is as accurate as a value. `emit` copies these functions, so each uses math, torch and this file.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


def half_line_rule(sharpness: float, reach: float, step: float) -> tuple[Tensor, ...]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = 4 log(1 + e^t) is logarithmic below 4 and linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid doubly
    exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    onset = -math.log(4 * sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(math.log(math.expm1(reach / 4)) / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left = torch.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return 4 * torch.log1p(torch.exp(t)), 4 * step * torch.special.expit(t) * (1 + left)


def unit_interval_rule(sharpness: float) -> tuple[Tensor, ...]:
    """Nodes x, 1 - x and weights w, each (n,), on (0, 1): logarithmic down to 1 / sharpness, then doubly exponential.

    Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -math.log(sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(2.7 / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left, right = torch.exp(1.5 * (onset - s)), torch.exp(1.5 * s)
    t = s + (right - left) / 1.5
    x, rest = torch.special.expit(t), torch.special.expit(-t)
    return x, rest, step * x * rest * (1 + left + right)


def double_points(*arguments: float | Tensor) -> tuple[torch.dtype, tuple[Tensor, ...]]:
    """The dtype to return, and the arguments as float64 tensors of one shape on one device."""
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    dtype, device = torch.float64, tensors[0].device if tensors else None
    if tensors and all(tensor.dtype != torch.float64 for tensor in tensors):
        dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float64)
    doubles = (torch.as_tensor(argument, dtype=torch.float64, device=device) for argument in arguments)
    return dtype, torch.broadcast_tensors(*doubles)


def batches(
    rule: Callable[[float], tuple[Tensor, ...]], sharpness: Tensor, dimension: int
) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks of about 2^15 nodes."""
    torch.empty(2**21, dtype=torch.float64)  # freed at once: glibc then keeps up to 32 MB between the blocks
    decade = torch.ceil(torch.log10(sharpness.clamp(min=10.0)))
    for exponent in torch.unique(decade[torch.isfinite(decade)]).tolist():
        table = tuple(column.to(sharpness.device) for column in rule(10.0**exponent))
        points = torch.nonzero(decade == exponent)[:, 0]
        for part in torch.split(points, 1 + 2**15 // len(table[0]) ** dimension):
            yield table, part


def partial(f: Callable[..., Tensor], index: int) -> Callable[..., Tensor]:
    """The derivative of an elementwise f in one of its arguments: elementwise, differentiable."""

    def derivative(*arguments: Tensor) -> Tensor:
        create_graph = any(argument.requires_grad for argument in arguments)
        with torch.enable_grad():
            live = list(torch.broadcast_tensors(*arguments))
            if not live[index].requires_grad:
                live[index] = live[index].detach().requires_grad_()
            value = f(*live)
            if not value.requires_grad:
                return torch.zeros_like(value)
            unit = torch.ones_like(value)
            return torch.autograd.grad(value, live[index], unit, create_graph=create_graph, materialize_grads=True)[0]

    return derivative
