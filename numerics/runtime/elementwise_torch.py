"""Elementwise functions that generated Torch modules call; `emit` copies those a module uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from numerics.runtime.slopes_torch import with_slopes


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


def maximum(floor: float, u: Tensor) -> Tensor:
    """u where it exceeds floor, else floor."""
    return torch.clamp(u, min=floor)


def hard_tanh(u: Tensor) -> Tensor:
    """u clipped to [-1, 1]."""
    return torch.clamp(u, -1, 1)


def box(u: Tensor) -> Tensor:
    """1 where |u| < 1, else 0."""
    return torch.where(torch.abs(u) < 1, 1.0, 0.0).to(u.dtype)


def softplus(u: Tensor) -> Tensor:
    """log(1 + exp(u))."""
    return torch.clamp(u, min=0.0) + torch.log1p(torch.exp(-torch.abs(u)))


def arc_cosine_kernel(delta: Tensor) -> Tensor:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * torch.asin(torch.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return torch.where(t < 1, series, torch.sin(t) - t * torch.cos(t)) / (2 * torch.pi)


def arc_cosine_difference(rest: Tensor | float, drop: Tensor) -> Tensor:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop.

    It is the integral of (pi - t) sin t / (2 pi) between the angles, with mid and half their mean and half difference.
    """
    rest = torch.as_tensor(rest, dtype=drop.dtype, device=drop.device)
    outer = rest + drop
    half = torch.atan2(drop, torch.sqrt(rest * (2 - rest)) + torch.sqrt(outer * (2 - outer)))
    mid = 2 * torch.asin(torch.sqrt(rest / 2)) + half
    inner = 2 * torch.sin(half / 2) ** 2
    wedge = (torch.pi - mid) * torch.sin(mid) * torch.sin(half) / torch.pi
    return wedge - 2 * torch.cos(mid) * arc_cosine_kernel(inner)


def at_extremes(
    value: Tensor, q: Tensor, zero: Callable[[], Tensor | float], infinity: Callable[[], Tensor | float]
) -> Tensor:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = (torch.as_tensor(limit(), dtype=value.dtype, device=value.device) for limit in (zero, infinity))
    return torch.where(q == 0, low, torch.where(torch.isinf(q), high, value))


def portion(part: Tensor, rest: Tensor) -> Tensor:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    return torch.where(rest == 0, 1.0, 1 / (1 + rest / part))


def scaled(share: Tensor, value: Tensor) -> Tensor:
    """share * value, 0 where share is 0, even if value is infinite."""
    return torch.where(share == 0, 0.0, share * value)


def exp_erfc(a: Tensor | float, b: Tensor | float) -> Tensor:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b).

    There a difference a - b^2 of a few ulp, that of two formulas for one value, counts as 0.
    """

    def values(x: Tensor, y: Tensor) -> Tensor:
        positive = torch.clamp(y, min=0.0)
        square = positive * positive
        rest = torch.where(torch.abs(x - square) <= 8 * torch.finfo(square.dtype).eps * square, 0.0, x - square)
        root = torch.exp(rest / 2)
        return root * torch.where(y > 0, torch.special.erfcx(positive), torch.special.erfc(y)) * root

    return with_slopes(values, [exp_erfc, lambda x, y: -2 / math.sqrt(math.pi) * torch.exp(x - y * y)], a, b)


def no_limit() -> float:
    """A limit at 0 or infinity that is not derived: nan, for Torch takes the values of both sides of a choice."""
    return math.nan


def spike(x: Tensor) -> Tensor:
    """Infinite where x is 0, and 0 elsewhere."""
    return torch.where(x == 0, math.inf, 0.0).to(x.dtype)


def damped_sinh(a: Tensor, b: Tensor) -> Tensor:
    """exp(-a) sinh(b), |b| <= a."""
    above, below = torch.clamp(b, min=0.0), torch.clamp(-b, min=0.0)
    rise, fall = (torch.exp(part - a) * torch.expm1(-2 * part) / 2 for part in (above, below))
    return torch.where(b >= 0, -rise, fall)
