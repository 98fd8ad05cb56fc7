"""soudry: derived, not written. Soudry, Hubara, Meir 2014, NeurIPS 27.

Weights binary; neurons sign; treatment marginalise; form exact.
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


def scaled(share: Tensor, value: Tensor | float) -> Tensor:
    """share * value, 0 where share is 0, even if value is infinite."""
    value = torch.as_tensor(value, dtype=share.dtype, device=share.device)
    return share * torch.where((share == 0) & ~torch.isfinite(value), 0.0, value)


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


def mean(hbar: Tensor | float, Sigma: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return erf(0.7071067811865476 * hbar / torch.sqrt(Sigma))


def second_moment(hbar: Tensor | float, Sigma: Tensor | float) -> Tensor:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return broadcast(1, hbar, Sigma)


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
    given = q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    q = held(q, 0, torch.inf)
    q_inside = inside(q)
    x0 = 1 / torch.sqrt(1 + 2 * q_inside)
    x1 = 0.3183098861837907 * sigma_m2
    x2 = (1 - sigma_m2)
    return with_ends(at_extremes((sigma_b2 + 2 * x1 * torch.atan(q_inside * x0)) / (x2 + 4 * x1 * torch.atan(x0)), q, lambda: sigma_b2 / (x2 + sigma_m2), lambda: (sigma_b2 + sigma_m2) / x2), [(variance_slope, 0, torch.inf)], given)


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    q_inside = inside(q)
    x0 = 1 / torch.sqrt(1 + 2 * q_inside)
    x1 = 0.3183098861837907
    x2 = 2 * x1
    x3 = (1 - sigma_m2)
    x4 = 1 / (x3 + 4 * sigma_m2 * x1 * torch.atan(x0))
    x5 = 1 / (x3 + sigma_m2)
    return with_ends(at_extremes(sigma_m2 * ((x0 * x2 * x4)) * (((1 + x4 * (sigma_b2 + sigma_m2 * x2 * torch.atan(q_inside * x0))) / (1 + q_inside))), q, lambda: sigma_m2 * ((x2 * x5)) * ((1 + sigma_b2 * x5)), lambda: 0), [(unknown, 0, torch.inf)], given)


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
    x0 = 3.141592653589793 * sigma_b2
    x1 = 2 * sigma_m2
    return with_ends((x0 + x1 * torch.atan2(c * q, torch.sqrt(1 + q * (1 - c)) * torch.sqrt(1 + q * (1 + c)))) / (x0 + x1 * torch.atan(q / torch.sqrt(1 + 2 * q))), [(chi, -1, 1)], given)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = 2 * q
    return sigma_m2 * x0 / ((3.141592653589793 * sigma_b2 + 2 * sigma_m2 * torch.atan(q / torch.sqrt(1 + x0))) * torch.sqrt(1 + q * (1 - c)) * torch.sqrt(1 + q * (1 + c)))


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
    q_inside = inside(q)
    x0 = 0.3183098861837907
    x1 = torch.sqrt(1 + 2 * q_inside)
    x2 = torch.atan(q_inside / x1)
    x3 = 1 / (1 + q_inside)
    x4 = gap * q_inside
    x5 = 2 - gap
    return with_ends(at_extremes(portion(2 * sigma_m2 * x0 * x2, sigma_b2) * ((2 * torch.atan2(x3 * x4, x1 * x3 + x3 * torch.sqrt(1 + x4) * torch.sqrt(1 + q_inside * x5)) / x2)), q, lambda: gap * portion(0, sigma_b2), lambda: 4 * x0 * portion(sigma_m2, sigma_b2) * torch.atan2(gap, torch.sqrt(gap) * torch.sqrt(x5))), [(chi_at_gap, 0, 2), (unknown, 0, torch.inf)], given)


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    given = gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    q_inside = inside(q)
    x0 = torch.atan(q_inside / torch.sqrt(1 + 2 * q_inside))
    x1 = 0.6366197723675814
    x2 = 2 - gap
    return with_ends(at_extremes(portion(sigma_m2 * x0 * x1, sigma_b2) * ((q_inside / (x0 * torch.sqrt(1 + gap * q_inside) * torch.sqrt(1 + q_inside * x2)))), q, lambda: portion(0, sigma_b2), lambda: scaled(portion(sigma_m2, sigma_b2), x1 / (torch.sqrt(gap) * torch.sqrt(x2)))), [(unknown, ), (unknown, 0, torch.inf)], given)


def replica_map(r: Tensor | float, T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return broadcast((sigma_b2 + 0.6366197723675814 * sigma_m2 * torch.asin(r)) / (1 + sigma_b2), r, T, sigma_m2, sigma_b2)


def jacobian(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    T = 1 + sigma_b2
    return broadcast(0.6366197723675814 * sigma_m2 * (1 + q) / (T * torch.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, mu_4: Tensor | float) -> Tensor:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    T = 1 + sigma_b2
    x0 = 1 / torch.sqrt(1 + 2 * q)
    return broadcast(0.4052847345693511 * mu_4 * x0 * (1 + q) ** 2 * (2 + q) * torch.atan(q * x0 / torch.sqrt(1 + 4 * q)) / (T * T), q, sigma_m2, sigma_b2, mu_4)


def critical_sigma_m2(q: Tensor | float) -> Tensor:
    """Sigma_m2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = torch.sqrt(1 + 2 * q)
    return 1.5707963267948966 * x0 / (1 + x0 * torch.atan(q / x0))


def critical_sigma_b2(q: Tensor | float) -> Tensor:
    """Sigma_b2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = torch.sqrt(1 + 2 * q)
    x1 = x0 * torch.atan(q / x0)
    return (q - x1) / (1 + x1)
