"""Torch functions with stated derivatives: values from a quadrature, slopes from theorems.

A slope is again such a function, so every derivative is as accurate as a value.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

Real = float | Tensor
Elementwise = Callable[..., Tensor]  # (u, *parameters) -> value, all of one shape


class WithSlopes(torch.autograd.Function):
    """values(*points), whose gradient in points[k] is slopes[k](*points); slopes are differentiable in turn."""

    @staticmethod
    def forward(values: Callable[..., Tensor], slopes: list[Callable[..., Tensor]], *points: Tensor):
        return values(*points)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor):
        ctx.slopes = inputs[1]
        ctx.save_for_backward(*inputs[2:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor):
        needed = zip(ctx.slopes, ctx.needs_input_grad[2:], strict=True)
        return None, None, *(grads[0] * slope(*ctx.saved_tensors) if need else None for slope, need in needed)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any):
        values, slopes, *points = args
        size, rows = info.batch_size, zip(points, in_dims[2:], strict=True)
        stacks = [each.expand(size, *each.shape) if k is None else each.movedim(k, 0) for each, k in rows]
        flat: Any = WithSlopes.apply(values, slopes, *(each.reshape(-1) for each in stacks))
        return flat.reshape(stacks[0].shape), 0


class AtEnds(torch.autograd.Function):
    """A value, to whose gradient in points[k] slopes[k] = (slope, *ends) adds slope(*points) where that is an end.

    There 0 times infinity stands in the gradients of formulas, which are to be given points that are `held`.
    """

    @staticmethod
    def forward(slopes: list[Any], value: Tensor, *points: Tensor):
        return value.view_as(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor):
        ctx.slopes = inputs[0]
        ctx.save_for_backward(*inputs[2:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor):
        points = ctx.saved_tensors
        added: list[Tensor | None] = [None] * len(points)
        for k, (slope, *ends) in enumerate(ctx.slopes):
            at = at_one(points[k], ends) & (grads[0] != 0)
            found = anywhere(at) if ctx.needs_input_grad[2 + k] else False
            if found and slope is unknown:
                raise ValueError("no slope in a variance at 0 or infinity is known: detach it, or stay beside that")
            if found is not False:
                added[k] = torch.where(at, grads[0] * slope(*points), 0.0)
        return None, grads[0], *added

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any):
        slopes, *points = args
        size, rows = info.batch_size, zip(points, in_dims[1:], strict=True)
        stacks = [each.expand(size, *each.shape) if k is None else each.movedim(k, 0) for each, k in rows]
        return AtEnds.apply(slopes, *stacks), 0


def at_one(x: Tensor, ends: list[float]) -> Tensor:
    """Where x is one of the ends."""
    found = torch.zeros_like(x, dtype=torch.bool)
    for end in ends:
        found = found | (x == end)
    return found


def anywhere(mask: Tensor) -> bool | None:
    """Whether a mask holds somewhere; None where that cannot be read: compiled, or under vmap."""
    if torch.compiler.is_compiling():
        return None
    try:
        return bool(torch.any(mask))
    except RuntimeError:
        return None


def held(x: Tensor, *ends: float) -> Tensor:
    """x, which passes no gradient where it is one of the ends."""
    return torch.where(at_one(x, list(ends)), x.detach(), x)


def inside(x: Tensor) -> Tensor:
    """x where it is positive and finite, else 1."""
    return torch.where((x == 0) | torch.isinf(x), 1.0, x)


def with_ends(value: Tensor, slopes: list[Any], points: list[Tensor]) -> Tensor:
    """`AtEnds` of points that broadcast to the value."""
    if not torch.is_grad_enabled():
        return value
    return cast("Tensor", AtEnds.apply(slopes, *torch.broadcast_tensors(value, *points)))


def unknown(*points: Tensor) -> Tensor:
    """The slope of a function in a variance at 0 or infinity, where only its limit is derived."""
    return torch.full_like(points[0], math.nan)


def with_slopes(values: Callable[..., Tensor], slopes: list[Callable[..., Tensor]], *arguments: Real) -> Tensor:
    """WithSlopes on the arguments broadcast to float64 vectors (n,); the result has their shape and dtype."""
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    floating = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    dtype = floating.pop() if len(floating) == 1 else torch.float64
    device = tensors[0].device if tensors else None
    doubles = (torch.as_tensor(argument, dtype=torch.float64, device=device) for argument in arguments)
    points = torch.broadcast_tensors(*doubles)
    result: Any = WithSlopes.apply(values, slopes, *(point.reshape(-1) for point in points))
    return result.reshape(points[0].shape).to(dtype)


def correlations(rho: Real) -> Real:
    """rho, where a magnitude of 1 plus at most 4 ulp, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    value = torch.as_tensor(rho, dtype=torch.float64).detach()
    dtype = rho.dtype if isinstance(rho, Tensor) and rho.is_floating_point() else torch.float64
    if torch.any(torch.abs(value) > 1 + 4 * torch.finfo(dtype).eps):
        raise ValueError(f"correlation of magnitude {value.abs().max()}; give numbers in [-1, 1]")
    excess = value - torch.clamp(value, -1.0, 1.0)
    return rho - (excess.to(dtype) if isinstance(rho, Tensor) else excess.item())


def slope_of(f: Elementwise, index: int) -> Elementwise:
    """The derivative of an elementwise f in its argument of that index: elementwise, differentiable."""

    def derivative(*arguments: Tensor) -> Tensor:
        create_graph = any(argument.requires_grad for argument in arguments)
        with torch.enable_grad():
            live = list(torch.broadcast_tensors(*arguments))
            if not live[index].requires_grad:
                live[index] = live[index].detach().requires_grad_()
            value = f(*live)
            if not value.requires_grad:
                return torch.zeros_like(value)
            ones = torch.ones_like(value)
            return torch.autograd.grad(value, live[index], ones, create_graph=create_graph, materialize_grads=True)[0]

    return derivative


def require_closed(f: Elementwise, *arguments: Real) -> None:
    """Raise ValueError if f closes over a tensor that wants a gradient, which would be lost."""
    device = next((each.device for each in arguments if isinstance(each, Tensor)), None)
    one = (torch.as_tensor(each, dtype=torch.float64, device=device).detach().flatten()[:1] for each in arguments)
    if torch.is_grad_enabled() and f(*one).requires_grad:
        raise ValueError(f"{f} closes over a tensor that requires grad; pass that tensor as one of the parameters")


def require_continuous(f: Elementwise, near: Tensor, scale: Tensor, *parameters: Tensor) -> None:
    """Raise ValueError if f jumps at 0 for one of the points marked near, where slope_of(f, 0) misses a delta."""
    with torch.no_grad():
        s, *p = (each[near] for each in (scale, *parameters))
        tiny = torch.full_like(s, 1e-150)
        jump, size = torch.abs(f(tiny, *p) - f(-tiny, *p)), torch.abs(f(s, *p)) + torch.abs(f(-s, *p))
    if torch.any(jump > 1e-9 * size):
        raise ValueError(f"{f} jumps at 0: autograd misses the delta in its derivative; differentiate a closed form")
