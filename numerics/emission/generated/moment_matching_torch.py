"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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


def portion(part: Tensor | float, rest: Tensor) -> Tensor:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    part = torch.as_tensor(part, dtype=rest.dtype, device=rest.device)
    whole = ((rest == 0) & ~(part > 0)) | torch.isinf(part)
    found = torch.where(whole, 1.0, part)
    return torch.where(whole, 1.0, found / (found + rest))


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


def wedge(s: Tensor, along: Tensor, across: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, and their weights: `quadrant` at along^2 - across^2.

    along^2 + across^2 = 1; with both given, no digit is lost as the correlation goes to 1 or -1. The standard deviation
    s, along and across are (p, 1, 1), x and w (n,).
    """
    row, gauss = x[:, None], w * torch.exp(-x * x / 2)
    row_weight, weight = along / (2 * math.pi) * gauss[:, None], gauss * torch.exp(-across * (row * x))
    return s * along * row, s * along * (row + 2 * across * x), row_weight, weight


def mean(hbar: Tensor | float, Sigma: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = hbar / 2
    x1 = 1.4142135623730951
    x2 = torch.sqrt(Sigma)
    return x0 + x0 * erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * torch.exp(-hbar * hbar / (2 * Sigma))


def second_moment(hbar: Tensor | float, Sigma: Tensor | float) -> Tensor:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = Sigma / 2
    x1 = hbar * hbar / 2
    x2 = 1.4142135623730951
    x3 = torch.sqrt(Sigma)
    x4 = hbar / 2
    x5 = erf(x2 * x4 / x3)
    return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * torch.exp(-x1 / Sigma))


def total_map(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    T = held(T, 0, torch.inf)
    return with_ends(broadcast(sigma_b2 + T / 2, T, sigma_m2, sigma_b2), [(total_slope, 0, torch.inf)], given)


def total_slope(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0.5, T, sigma_m2, sigma_b2)


def variance_map(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    q = held(q, 0, torch.inf)
    q_inside = inside(q)
    x0 = 1 / (1 + q_inside)
    x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q_inside))
    x2 = (1 - sigma_m2)
    x3 = T / 2
    x4 = 0.3183098861837907 * x3
    return with_ends(at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, lambda: (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), lambda: 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2)), [(variance_slope, 0, torch.inf)], given)


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    q_inside = inside(q)
    x0 = 0.3183098861837907
    x1 = 1 / (1 + q_inside)
    x2 = 1 + 2 * q_inside
    x3 = T * arc_cosine_kernel(x1 * x2)
    x4 = 1 - sigma_m2
    x5 = (x4)
    x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1))
    x7 = T / 2
    x8 = x0 * x7
    x9 = 1 / (x7 - x8 + x5 * x8)
    return with_ends(at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * torch.atan(torch.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, lambda: sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), lambda: 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T), [(unknown, 0, torch.inf)], given)


def correlation_map(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    c = held(c, -1, 1)
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    return with_ends((sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q))), [(chi, -1, 1)], given)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    x2 = T * sigma_m2
    x3 = 1 / torch.sqrt(x0)
    return 0.3183098861837907 * q * x1 * x2 * torch.atan2(x3 * torch.sqrt(1 + q * (1 + c)), x3 * torch.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)))


def gap_map(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    gap = held(gap, 0, 2)
    q_inside = inside(q)
    x0 = 1 / (1 + q_inside)
    x1 = arc_cosine_kernel(x0 * (1 + 2 * q_inside))
    x2 = T * sigma_m2
    return with_ends(at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q_inside * x0) / x1)), q, lambda: 0, lambda: 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2)), [(chi_at_gap, 0, 2), (unknown, 0, torch.inf)], given)


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    given = gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    q_inside = inside(q)
    x0 = 1 + q_inside
    x1 = 1 / x0
    x2 = arc_cosine_kernel(x1 * (1 + 2 * q_inside))
    x3 = T * sigma_m2
    x4 = 0.3183098861837907
    x5 = 1 / torch.sqrt(x0)
    x6 = 2 - gap
    return with_ends(at_extremes(portion(x2 * x3, sigma_b2) * ((q_inside * x1 * x4 * torch.atan2(x5 * torch.sqrt(1 + q_inside * x6), x5 * torch.sqrt(1 + gap * q_inside)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * torch.atan2(torch.sqrt(x6), torch.sqrt(gap))), [(unknown, ), (unknown, 0, torch.inf)], given)


def replica_map(r: Tensor | float, T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2)


def jacobian(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    return broadcast(0.3183098861837907 * sigma_m2 * torch.atan(torch.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2, T)
