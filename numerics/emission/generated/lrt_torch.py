"""lrt: derived, not written. Stamatescu et al. 2020, arXiv 1902.00177.

Weights binary; neurons stochastic (logistic); treatment sample; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
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


def at_extremes(
    value: Tensor, q: Tensor, zero: Callable[[], Tensor | float], infinity: Callable[[], Tensor | float]
) -> Tensor:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    for at, limit in ((q == 0, zero), (torch.isinf(q), infinity)):
        if anywhere(at) is not False:  # else its gradient, 0 times infinity, would count
            value = torch.where(at, torch.as_tensor(limit(), dtype=value.dtype, device=value.device), value)
    return value


def scaled(share: Tensor, value: Tensor | float) -> Tensor:
    """share * value, 0 where share is 0, even if value is infinite."""
    value = torch.as_tensor(value, dtype=share.dtype, device=share.device)
    return share * torch.where((share == 0) & ~torch.isfinite(value), 0.0, value)


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


def kolmogorov_density(s: Tensor) -> Tensor:
    """s times the density of Kolmogorov's law at s, by the series in s or, below 1, its dual in 1 / s.

    Source: Feller 1948, Ann. Math. Statist. 19, 177.
    """
    j = torch.arange(1, 8, dtype=torch.float64)[:, None]
    large = 2 * (j * torch.clamp(s, min=1)) ** 2
    dual = ((2 * j - 1) * math.pi / torch.clamp(s, max=1)) ** 2 / 8
    direct = torch.sum((-1) ** (j + 1) * 4 * large * torch.exp(-large), 0)
    return torch.where(s > 1, direct, math.sqrt(2 * math.pi) / s * torch.sum((2 * dual - 1) * torch.exp(-dual), 0))


@cache
def mixture_rule(step: float) -> tuple[Tensor, Tensor]:
    """Nodes log s and weights, each (n,), of the mixture: a trapezoidal sum, whose error falls as exp(-5 / step)."""
    with torch.inference_mode(False):
        first, last = -math.ceil(1.9 / step), math.ceil(1.6 / step)
        nodes = step * torch.arange(first, last + 1, dtype=torch.float64, device="cpu")
        return nodes, step * kolmogorov_density(torch.exp(nodes))


@cache
def mixture_pairs() -> tuple[Tensor, Tensor, Tensor]:
    """a + b, a b and weights, each (105,): E over independent a = s^2 and b of a symmetric function of both, by 2/pi.

    14 Gauss nodes in log s for the density over sqrt s serve every variance to 1e-15, as functions of (variance + s^2)
    have no singularity within pi/2 of real log s. Source: Golub and Welsch 1969, Math. Comp. 23, 221 (by Lanczos).
    """
    with torch.inference_mode(False):
        nodes, weights = mixture_rule(1 / 16)
        measure = weights * torch.exp(-nodes / 2)
        vector, previous, count = torch.sqrt(measure / torch.sum(measure)), torch.zeros_like(nodes), 14
        jacobi = torch.zeros(count + 1, count + 1, dtype=torch.float64, device="cpu")
        for k in range(count):
            jacobi[k, k] = torch.sum(nodes * vector * vector)
            residual = (nodes - jacobi[k, k]) * vector - jacobi[k, k - 1] * previous
            jacobi[k, k + 1] = jacobi[k + 1, k] = torch.sqrt(torch.sum(residual * residual))
            vector, previous = residual / jacobi[k, k + 1], vector
        points, vectors = torch.linalg.eigh(jacobi[:count, :count])
        share, square = vectors[0] ** 2 * torch.exp(points / 2), torch.exp(2 * points)
        share = share / torch.sum(share)
        j, k = torch.tril_indices(count, count, device="cpu")
        weights = share[j] * share[k] * torch.where(j == k, 2, 4) / math.pi
        return square[j] + square[k], square[j] * square[k], weights


def over_blocks(values: Callable[..., Tensor], width: int, *arguments: Real) -> Tensor:
    """values (elementwise, differentiable, `width` numbers a point) of the broadcast arguments, in blocks.

    Evaluated in float64, returned in the floating-point type of the arguments.
    """

    def in_blocks(*points: Tensor) -> Tensor:
        size = 1 + (2**15 if points[0].is_cpu else 2**22) // width
        blocks = zip(*(torch.split(point.detach(), size) for point in points), strict=True)
        return torch.cat([values(*block) for block in blocks])

    def slope(k: int) -> Callable[..., Tensor]:
        return lambda *points: over_blocks(slope_of(values, k), width, *points)

    return with_slopes(in_blocks, [slope(k) for k in range(len(arguments))], *arguments)


def over_pairs(term: Callable[..., Tensor], decay: int, variance: Real, *others: Real) -> Tensor:
    """E term(a + b, spread, min(V, 1), 1 / max(V, 1), *others) over max(V, 1)^decay, a = s^2 and b independent.

    spread is (V + a)(V + b) - V^2 over max(V, 1)^2: with low = min(V, 1) and correlation r, low^2 (1 - r^2) + spread is
    the determinant (V + a)(V + b) - (V r)^2 over the same. In it, variances beyond 1e200 count as 1e200.
    """

    def values(v: Tensor, *rest: Tensor) -> Tensor:
        if torch.any(v < 0):
            raise ValueError(f"expectations of tanh: variance {v.min()} is negative; give numbers >= 0")
        total, product, weight = (column.to(v.device) for column in mixture_pairs())
        low, most = torch.where(v > 1, 1.0, v)[:, None], torch.where(v > 1, v, 1.0)[:, None]
        high = 1 / torch.clamp(most, max=1e200)
        spread = low * high * total + high * high * product
        terms = term(total, spread, low, high, *(column[:, None] for column in rest))
        return torch.sum(weight * terms, -1) / most[:, 0] ** decay

    return over_blocks(values, 105, variance, *others)


def distances(value: Real, largest: float) -> Real:
    """value in [0, largest]; beyond, up to 8 ulp of 1 are rounding and count as the end, more a ValueError."""
    plain = torch.as_tensor(value, dtype=torch.float64).detach()
    dtype = value.dtype if isinstance(value, Tensor) and value.is_floating_point() else torch.float64
    excess = plain - torch.clamp(plain, 0.0, largest)
    if torch.any(torch.abs(excess) > 8 * torch.finfo(dtype).eps):
        raise ValueError(f"distances from {plain.min()} to {plain.max()}; give numbers in [0, {largest}]")
    return value - (excess.to(dtype) if isinstance(value, Tensor) else excess.item())


def tanh_mean(mean: Real, variance: Real, order: int = 0) -> Tensor:
    """E tanh(u), u ~ N(mean, variance), or its derivative in the mean of that order; mean and variance broadcast.

    Its absolute error is 1e-15; the relative error of a slope grows as it vanishes far out.
    """
    rule = mixture_rule(1 / 9)

    def values(m: Tensor, v: Tensor) -> Tensor:
        if torch.any(v < 0):
            raise ValueError(f"tanh_mean: variance {v.min()} is negative; give numbers >= 0")
        nodes, weights = (column.to(v.device) for column in rule)
        width = torch.sqrt(v[:, None] + torch.exp(2 * nodes))
        x = torch.clamp(m[:, None] / width, -50, 50)  # beyond, erf is 1 and the density 0
        if order == 0:
            return torch.sum(weights * torch.erf(x / math.sqrt(2)), -1)
        hermite, previous = torch.ones_like(x), torch.zeros_like(x)
        for k in range(order - 1):
            hermite, previous = x * hermite - k * previous, hermite
        density = torch.exp(-x * x / 2) * hermite / (-width) ** order
        return torch.sum(weights * density, -1) * -math.sqrt(2 / math.pi)

    return over_blocks(values, len(rule[0]), mean, variance)


def tanh_overlap(variance: Real, correlation: Real) -> Tensor:
    """E tanh(u) tanh(v), u and v of mean 0, one variance in [0, inf] and that correlation; the arguments broadcast.

    The arcsine law, asin(V r / sqrt((V + a)(V + b))), by the determinant (V + a)(V + b) - (V r)^2: nothing cancels.
    """

    def term(_: Tensor, spread: Tensor, low: Tensor, __: Tensor, r: Tensor) -> Tensor:
        return torch.atan2(r * low, torch.sqrt(low * low * (1 - r) * (1 + r) + spread))

    return over_pairs(term, 0, variance, correlations(correlation))


def tanh_difference(variance: Real, rest: Real, drop: Real) -> Tensor:
    """tanh_overlap at correlation 1 - rest less that at 1 - rest - drop >= -1, to its last digits as both vanish.

    asin x - asin y = 2 atan2(x - y, sqrt(1 - x^2) + sqrt(1 - y^2)).
    """

    def term(_: Tensor, spread: Tensor, low: Tensor, __: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        larger, smaller = torch.where(near > fall, near, fall), torch.where(near > fall, fall, near)
        beyond = torch.clamp(2 - larger - smaller, min=0)  # 1 + the second correlation, exact as it vanishes
        first = torch.sqrt(low * low * near * (2 - near) + spread)
        second = torch.sqrt(low * low * (near + fall) * beyond + spread)
        return torch.atan2(fall * low, first + second)

    return 2 * over_pairs(term, 0, variance, distances(rest, 2), distances(drop, 2))


def tanh_slope_overlap(variance: Real, apart: Real) -> Tensor:
    """E tanh'(u) tanh'(v), u and v of mean 0, one variance in [0, inf] and correlation r, apart = 1 - r^2."""

    def term(_: Tensor, spread: Tensor, low: Tensor, __: Tensor, apart: Tensor) -> Tensor:
        return 1 / torch.sqrt(low * low * apart + spread)

    return over_pairs(term, 1, variance, distances(apart, 1))


def tanh_curvature_overlap(variance: Real, apart: Real) -> Tensor:
    """E tanh''(u) tanh''(v) / r, the arguments as in tanh_slope_overlap."""

    def term(_: Tensor, spread: Tensor, low: Tensor, high: Tensor, apart: Tensor) -> Tensor:
        determinant = low * low * apart + spread
        return low * high / determinant / torch.sqrt(determinant)

    return over_pairs(term, 1, variance, distances(apart, 1))


def mean(h: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return torch.tanh(h / 2)


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
    return with_ends((sigma_b2 + sigma_m2 * tanh_overlap(q / 4, c)) / (1 + sigma_b2), [(chi, -1, 1)], given)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = q / 4
    return sigma_m2 * x0 * tanh_slope_overlap(x0, (1 - c) * (1 + c)) / (1 + sigma_b2)


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
    x0 = 1 / (1 + sigma_b2)
    x1 = q_inside / 4
    x2 = (1 - sigma_m2)
    x3 = sigma_m2 * x0
    return with_ends(at_extremes(x0 * (x2 + sigma_m2 * tanh_mean(0, x1, 1)) + x3 * tanh_difference(x1, 0, gap), q, lambda: x0 * (x2 + sigma_m2), lambda: x0 * x2 + 1.2732395447351628 * x3 * torch.atan2(gap, torch.sqrt(gap) * torch.sqrt(2 - gap))), [(chi_at_gap, 0, 2), (unknown, 0, torch.inf)], given)


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
    x0 = q_inside / 4
    x1 = 2 - gap
    x2 = sigma_m2 / (1 + sigma_b2)
    return with_ends(at_extremes(x0 * x2 * tanh_slope_overlap(x0, gap * x1), q, lambda: 0, lambda: scaled(x2, 0.6366197723675814 / (torch.sqrt(gap) * torch.sqrt(x1)))), [(unknown, ), (unknown, 0, torch.inf)], given)


def replica_map(r: Tensor | float, T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + sigma_m2 * tanh_overlap(T / 4, r)) / (1 + sigma_b2)


def jacobian(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, 0) / 4, q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, mu_4: Tensor | float) -> Tensor:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    x0 = q / 4
    return broadcast(mu_4 * tanh_curvature_overlap(x0, 0) / (16 * (1 - sigma_m2 * tanh_overlap(x0, 1))), q, sigma_m2, sigma_b2, mu_4)


def gradient_growth(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Growth of squared gradients, chi_g.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, 0) / 4, q, sigma_m2, sigma_b2)


def gradient_overlap(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Factor a layer of the overlap of the gradients of two inputs.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(sigma_m2 * tanh_slope_overlap(q / 4, (1 - c) * (1 + c)) / 4, c, q, sigma_m2, sigma_b2)
