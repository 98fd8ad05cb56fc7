"""random-binary: derived, not written. Stamatescu et al. 2020, appendix; Blumenfeld et al. 2019, arXiv 1906.00771.

Weights fixed signs; neurons sign; treatment none; form exact.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor


def as_arrays(*arguments: Tensor | float) -> list[Tensor]:
    """The arguments as tensors of one device and type: those of the tensors among them, float64 where there is none."""
    found = [argument for argument in arguments if isinstance(argument, Tensor)]
    device, dtype = (found[0].device, found[0].dtype) if found else (None, torch.float64)
    for tensor in found:
        dtype = torch.promote_types(dtype, tensor.dtype)
    dtype = dtype if dtype.is_floating_point else torch.float64
    return [torch.as_tensor(argument, dtype=dtype, device=device) for argument in arguments]


def broadcast(value: Tensor | float, *arguments: Tensor) -> Tensor:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    return torch.broadcast_tensors(torch.as_tensor(value, dtype=arguments[0].dtype), *arguments)[0]


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


def with_ends(value: Tensor, slopes: list[Any], points: list[Tensor]) -> Tensor:
    """`AtEnds` of points that broadcast to the value."""
    if not torch.is_grad_enabled():
        return value
    return cast("Tensor", AtEnds.apply(slopes, *torch.broadcast_tensors(value, *points)))


def unknown(*points: Tensor) -> Tensor:
    """The slope of a function in a variance at 0 or infinity, where only its limit is derived."""
    return torch.full_like(points[0], math.nan)


def mean(h: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return torch.sign(h)


def second_moment(h: Tensor | float) -> Tensor:
    """Second moment, E x^2.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return broadcast(1, h)


def total_map(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, T, sigma_m2, sigma_b2)


def total_slope(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0, T, sigma_m2, sigma_b2)


def variance_map(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, q, sigma_m2, sigma_b2)


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(0, q, sigma_m2, sigma_b2)


def correlation_map(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    c = held(c, -1, 1)
    return with_ends(broadcast(0.3183098861837907 * (2 * torch.asin(c) + 3.141592653589793 * sigma_b2) / (1 + sigma_b2), c, q, sigma_m2, sigma_b2), [(chi, -1, 1)], given)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(0.6366197723675814 / (torch.sqrt(1 - c) * torch.sqrt(1 + c) * (1 + sigma_b2)), c, q, sigma_m2, sigma_b2)


def gap_map(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    gap = held(gap, 0, 2)
    return with_ends(broadcast(1.2732395447351628 * torch.atan2(gap, torch.sqrt(gap) * torch.sqrt(2 - gap)) / (1 + sigma_b2), gap, q, sigma_m2, sigma_b2), [(chi_at_gap, 0, 2)], given)


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    return broadcast(0.6366197723675814 / (torch.sqrt(gap) * torch.sqrt(2 - gap) * (1 + sigma_b2)), gap, q, sigma_m2, sigma_b2)


def replica_map(r: Tensor | float, T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return broadcast((sigma_b2 + 0.6366197723675814 * torch.asin(r)) / (1 + sigma_b2), r, T, sigma_m2, sigma_b2)
