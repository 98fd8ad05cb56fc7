"""Elementwise functions that generated Torch modules call; `emit` copies those a module uses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.slopes_torch import WithSlopes, anywhere, with_slopes


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


def sech_squared(u: Tensor) -> Tensor:
    """1 - tanh(u)^2, to the last digit far out."""
    decay = torch.exp(-2 * torch.abs(u))
    return 4 * decay / (1 + decay) ** 2


def softplus(u: Tensor) -> Tensor:
    """log(1 + exp(u))."""
    return torch.clamp(u, min=0.0) + torch.log1p(torch.exp(-torch.abs(u)))


def erf(x: Tensor) -> Tensor:
    """The error function, where the compiled one of processors errs by 1e-7 however small it is (torch 2.13) by others.

    Those are 1 - erfc, and below 1/2 the first terms of the Taylor series.
    """
    if not torch.compiler.is_compiling() or not x.is_cpu or x.dtype == torch.float64 or torch.compiler.is_exporting():
        return torch.erf(x)
    square = x * x
    series = 1 / 9360 - square / 75600
    for coefficient in (1 / 1320, 1 / 216, 1 / 42, 1 / 10, 1 / 3, 1.0):
        series = coefficient - square * series
    return torch.where(torch.abs(x) < 0.5, 2 / math.sqrt(math.pi) * x * series, 1 - torch.erfc(x))


def arc_cosine_angle(delta: Tensor) -> Tensor:
    """t in [0, pi], cos t = 1 - delta."""
    return 2 * torch.asin(torch.sqrt(delta / 2))


def arc_cosine_kernel(delta: Tensor) -> Tensor:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels.

    Its slope is t / (2 pi).
    """

    def values(d: Tensor) -> Tensor:
        t = arc_cosine_angle(d)
        series, term = 0 * t, t**3
        for k in range(10):
            series = series + term / (2 * k + 3)
            term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
        return torch.where(t < 1, series, torch.sin(t) - t * torch.cos(t)) / (2 * torch.pi)

    return cast("Tensor", WithSlopes.apply(values, [lambda d: arc_cosine_angle(d) / (2 * torch.pi)], delta))


def arc_cosine_difference(rest: Tensor | float, drop: Tensor) -> Tensor:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop.

    It is the integral of (pi - t) sin t / (2 pi) between the angles, with mid and half their mean and half difference.
    Its slopes are those of the kernel, (pi - t) / (2 pi) in the correlation.
    """

    def values(near: Tensor, fall: Tensor) -> Tensor:
        outer = near + fall
        half = torch.atan2(fall, torch.sqrt(near * (2 - near)) + torch.sqrt(outer * (2 - outer)))
        mid = arc_cosine_angle(near) + half
        inner = 2 * torch.sin(half / 2) ** 2
        wedge = (torch.pi - mid) * torch.sin(mid) * torch.sin(half) / torch.pi
        return wedge - 2 * torch.cos(mid) * arc_cosine_kernel(inner)

    def in_rest(near: Tensor, fall: Tensor) -> Tensor:
        return (arc_cosine_angle(near) - arc_cosine_angle(near + fall)) / (2 * torch.pi)

    def in_drop(near: Tensor, fall: Tensor) -> Tensor:
        return (torch.pi - arc_cosine_angle(near + fall)) / (2 * torch.pi)

    points = torch.broadcast_tensors(torch.as_tensor(rest, dtype=drop.dtype, device=drop.device), drop)
    return cast("Tensor", WithSlopes.apply(values, [in_rest, in_drop], *points))


def at_extremes(
    value: Tensor, q: Tensor, zero: Callable[[], Tensor | float], infinity: Callable[[], Tensor | float]
) -> Tensor:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    for at, limit in ((q == 0, zero), (torch.isinf(q), infinity)):
        if anywhere(at) is not False:  # else its gradient, 0 times infinity, would count
            value = torch.where(at, torch.as_tensor(limit(), dtype=value.dtype, device=value.device), value)
    return value


def quotient(part: Tensor, whole: Tensor, limit: Tensor | float) -> Tensor:
    """part / whole, limit where whole is 0."""
    nothing = whole == 0
    return torch.where(nothing, limit, part / torch.where(nothing, 1.0, whole))


def portion(part: Tensor | float, rest: Tensor) -> Tensor:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    part = torch.as_tensor(part, dtype=rest.dtype, device=rest.device)
    whole = ((rest == 0) & ~(part > 0)) | torch.isinf(part)
    found = torch.where(whole, 1.0, part)
    return torch.where(whole, 1.0, found / (found + rest))


def scaled(share: Tensor, value: Tensor | float) -> Tensor:
    """share * value, 0 where share is 0, even if value is infinite."""
    value = torch.as_tensor(value, dtype=share.dtype, device=share.device)
    return share * torch.where((share == 0) & ~torch.isfinite(value), 0.0, value)


def exp_erfc(a: Tensor | float, b: Tensor | float) -> Tensor:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b).

    There a difference a - b^2 of a few ulp, that of two formulas for one value, counts as 0.
    """

    def values(x: Tensor, y: Tensor) -> Tensor:
        positive = torch.clamp(y, min=0.0)
        square = positive * positive
        rest = torch.where(torch.abs(x - square) < 8 * torch.finfo(square.dtype).eps * square, 0.0, x - square)
        root = torch.exp(rest / 2)
        return root * torch.where(y > 0, torch.special.erfcx(positive), torch.special.erfc(y)) * root

    return with_slopes(values, [exp_erfc, lambda x, y: -2 / math.sqrt(math.pi) * torch.exp(x - y * y)], a, b)


def no_limit() -> float:
    """Raise ValueError: the limit at 0 or infinity that was asked for is not derived. nan while Torch compiles."""
    if torch.compiler.is_compiling():
        return math.nan
    raise ValueError("no limit of this map is derived at q = 0 or infinity; give a positive and finite q")


def spike(x: Tensor) -> Tensor:
    """Infinite where x is 0, and 0 elsewhere."""
    return torch.where(x == 0, math.inf, 0.0).to(x.dtype)


def damped_sinh(a: Tensor, b: Tensor) -> Tensor:
    """exp(-a) sinh(b), |b| <= a."""
    above, below = torch.clamp(b, min=0.0), torch.clamp(-b, min=0.0)
    rise, fall = (torch.exp(part - a) * torch.expm1(-2 * part) / 2 for part in (above, below))
    return torch.where(b >= 0, -rise, fall)
