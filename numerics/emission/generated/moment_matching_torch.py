"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
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


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[Tensor, ...]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -math.log(bend * sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(math.log(math.expm1(reach / bend)) / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left = torch.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * torch.log1p(torch.exp(t)), bend * step * torch.special.expit(t) * (1 + left)


def batches(
    rule: Callable[[float], tuple[Tensor, ...]], sharpness: Tensor, dimension: int
) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks that fit the cache."""
    torch.empty(2**21, dtype=torch.float64)  # freed at once: glibc then keeps up to 32 MB between the blocks
    decade = torch.ceil(torch.log10(torch.clamp(sharpness, min=10.0)))
    nodes = 2**15 if sharpness.is_cpu else 2**22
    for exponent in torch.unique(decade[torch.isfinite(decade)]).tolist():
        table = tuple(column.to(sharpness.device) for column in rule(10.0**exponent))
        points = torch.nonzero(decade == exponent)[:, 0]
        for part in torch.split(points, 1 + nodes // len(table[0]) ** dimension):
            yield table, part


def mean_values(f: Elementwise, scale: Tensor, mean: Tensor, variance: Tensor, *p: Tensor) -> Tensor:
    """The quadrature of gaussian_mean; all arguments and the result are (n,)."""
    if torch.any(variance < 0):
        raise ValueError(f"gaussian_mean: variance {variance.min()} is negative; give numbers >= 0")
    sigma, reach = torch.sqrt(variance), 50.0 if torch.any(mean) else 10.0
    centre = torch.where(sees_zero(mean, variance), 0.0, mean)
    offset = torch.where(sigma > 0, torch.abs(mean - centre) / sigma, 0.0)
    value = torch.full_like(sigma, math.nan)
    for (x, w), i in batches(lambda s: half_line_rule(s, 2.0, reach), 100 * sigma / scale, 1):
        c, d, step, *q = (each[i, None] for each in (centre, offset, torch.copysign(sigma, mean), *p))
        near, far = f(c + step * x, *q), f(c - step * x, *q)
        excess = -torch.expm1(-2 * d * x) * torch.exp(-((x - d) ** 2) / 2)
        total = (near + far) * torch.exp(-((x + d) ** 2) / 2) + near * excess
        value[i] = torch.sum(total * w, -1) / math.sqrt(2 * math.pi)
    return value


def sees_zero(mean: Tensor, variance: Tensor) -> Tensor:
    """Whether 0 is less than 40 standard deviations from the mean; (n,)."""
    return torch.abs(mean) < 40 * torch.sqrt(variance)


def mean_by_variance(f: Elementwise, *points: Tensor) -> Tensor:
    """d/dvariance E f = E (u - mean) f'(u) / (2 variance), or E f'' / 2 where 0 is far; points as in mean_values."""
    scale, mean, variance, *p = points
    slope, near = slope_of(f, 0), sees_zero(mean, variance)
    require_continuous(f, near | (mean == 0), scale, *p)
    require_continuous(slope, ~near & (mean == 0), scale, *p)
    s, m, v, *q = (each[near] for each in points)
    moment = gaussian_mean(lambda u, *r: u * slope(u, *r), m, v, *q, scale=s)
    stein = (moment - m * gaussian_mean(slope, m, v, *q, scale=s)) / (2 * v)
    s, m, v, *q = (each[~near] for each in points)
    curvature = gaussian_mean(slope_of(slope, 0), m, v, *q, scale=s) / 2
    return torch.zeros_like(mean).masked_scatter(near, stein).masked_scatter(~near, curvature)


def gaussian_mean(f: Elementwise, mean: Real, variance: Real, *parameters: Real, scale: Real = 1.0) -> Tensor:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise on float64 tensors, analytic for Re u > 0 and for Re u < 0 (a kink at 0 is fine, and a jump if no
    gradient is asked for), and varies on no scale below scale / 100. d/dmean E f = E f'. NaN gives NaN.
    """
    require_closed(f, variance, *parameters)

    def in_mean(s: Tensor, m: Tensor, v: Tensor, *p: Tensor) -> Tensor:
        require_continuous(f, sees_zero(m, v) | (m == 0), s, *p)
        return gaussian_mean(slope_of(f, 0), m, v, *p, scale=s)

    slopes = [lambda s, *points: torch.zeros_like(s), in_mean, lambda *points: mean_by_variance(f, *points)]
    for k in range(1, len(parameters) + 1):
        slopes.append(lambda s, *points, k=k: gaussian_mean(slope_of(f, k), *points, scale=s))
    return with_slopes(lambda *points: mean_values(f, *points), slopes, scale, mean, variance, *parameters)


def legendre_rule(n: int) -> tuple[Tensor, Tensor]:
    """The n nodes and weights of Gauss and Legendre on [-1, 1]. Source: Golub and Welsch 1969, Math. Comp. 23, 221."""
    k = torch.arange(1, n, dtype=torch.float64)
    beside = k / torch.sqrt(4 * k * k - 1)
    x, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    return x, 2 * vectors[0] ** 2


def wedge(s: Tensor, along: Tensor, across: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, and their weights: `quadrant` at along^2 - across^2.

    along^2 + across^2 = 1; with both given, no digit is lost as the correlation goes to 1 or -1. The standard deviation
    s, along and across are (p, 1, 1), x and w (n,).
    """
    row, gauss = x[:, None], w * torch.exp(-x * x / 2)
    row_weight, weight = along / (2 * math.pi) * gauss[:, None], gauss * torch.exp(-across * (row * x))
    return s * along * row, s * along * (row + 2 * across * x), row_weight, weight


def distances(value: Real, largest: float) -> Real:
    """value in [0, largest]; beyond, up to 8 ulp of 1 are rounding and count as the end, more a ValueError."""
    plain = torch.as_tensor(value, dtype=torch.float64).detach()
    dtype = value.dtype if isinstance(value, Tensor) and value.is_floating_point() else torch.float64
    excess = plain - torch.clamp(plain, 0.0, largest)
    if torch.any(torch.abs(excess) > 8 * torch.finfo(dtype).eps):
        raise ValueError(f"distances from {plain.min()} to {plain.max()}; give numbers in [0, {largest}]")
    return value - (excess.to(dtype) if isinstance(value, Tensor) else excess.item())


Shape = tuple[tuple[float, ...], ...]


Line = tuple[float, float]  # value and slope


def line_at(shape: Shape, point: float, side: int) -> Line:
    """Value and slope of f on that side of a point; on average where side is 0."""
    value, slope = shape[3][0] + shape[3][1] * point, shape[3][1]
    for t, jump, bend in zip(*shape[:3], strict=True):
        passed = (1 + side) / 2 if t == point else float(t < point)
        value, slope = value + passed * (jump + bend * (point - t)), slope + passed * bend
    return value, slope


@cache
def mirrored_lines(shape: Shape) -> list[tuple[float, float, Line, Line]]:
    """The intervals of |u| between breaks, and at the start of each the lines of f(u) and f(-u)."""
    starts = sorted({0.0, *(abs(t) for t in shape[0])})
    result: list[tuple[float, float, Line, Line]] = []
    for start, end in zip(starts, [*starts[1:], float("inf")], strict=True):
        value, slope = line_at(shape, -start, -1)
        result.append((start, end, line_at(shape, start, 1), (value, -slope)))
    return result


@cache
def parity_of(shape: Shape) -> int:
    """1 if f is even, -1 if f less a constant is odd, else 0."""
    t, jumps, bends = shape[:3]
    if t != tuple(-each for each in reversed(t)):
        return 0
    if jumps == jumps[::-1] and bends == tuple(-each for each in reversed(bends)):
        return -1
    even = jumps == tuple(-each for each in reversed(jumps)) and bends == bends[::-1]
    return int(even and abs(2 * shape[3][1] + sum(bends)) <= 1e-15 * sum(abs(bend) for bend in bends))


@cache
def turned_by(shape: Shape) -> int:
    """What C at the opposite correlation is times C: 1 or -1, or 0 where that is not so."""
    return 0 if parity_of(shape) == -1 and middle_value(shape) != 0 else parity_of(shape)


def middle_value(shape: Shape) -> float:
    """The mean of f on both sides of 0, exactly 0 where that is rounding."""
    value, size = line_at(shape, 0.0, 0)[0], abs(shape[3][0]) + sum(abs(jump) for jump in shape[1])
    size += sum(abs(bend * t) for t, bend in zip(shape[0], shape[2], strict=True))
    return 0.0 if abs(value) <= 1e-15 * size else value


def widest_break(shape: Shape) -> float:
    """The largest |t|."""
    return max((abs(t) for t in shape[0]), default=0.0)


@cache
def finest_gap(shape: Shape) -> float:
    """The least distance of two breaks, or of the widest from 0."""
    places = sorted(set(shape[0]))
    return min([widest_break(shape), *(b - a for a, b in pairwise(places))])


@cache
def is_box(shape: Shape) -> bool:
    """Whether f is steps up and down of one sign of area: 0 far out, of which sums over jumps lose few digits."""
    if has_bends(shape) or any(far_line(shape)):
        return False
    areas = [jump * t for t, jump in zip(*shape[:2], strict=True)]
    return abs(sum(areas)) > sum(map(abs, areas)) / 2


@cache
def closed_reach(shape: Shape) -> float:
    """The variance beyond which what is in closed form loses digits."""
    return (32 if is_box(shape) else 16) * finest_gap(shape) ** 2


@cache
def growth_reach(shape: Shape) -> float:
    """The variance beyond which sums over breaks lose digits of dC/dV."""
    fine = finest_gap(shape)
    return 256 * fine * fine * (fine / break_unit(shape)) ** 2


@cache
def straight_reach(shape: Shape) -> float:
    """The variance below which fields hardly see that f is no sloping line; 0 where they do."""
    nearest = min((abs(t) for t in shape[0]), default=0.0)
    return (nearest / 8) ** 2 if nearest and line_at(shape, 0.0, 0)[1] else 0.0


def break_unit(shape: Shape) -> float:
    """The largest |t|, or 1 where all breaks are at 0."""
    return widest_break(shape) or 1.0


def has_bends(shape: Shape) -> bool:
    """Whether f has a slope anywhere."""
    return any(shape[2]) or shape[3][1] != 0


def derivative_of(shape: Shape) -> Shape:
    """The shape of f' without its delta functions."""
    return shape[0], shape[2], (0.0,) * len(shape[0]), (shape[3][1], 0.0)


@cache
def threshold_pairs(shape: Shape, side: int, alone: bool = False) -> list[tuple[float, ...]]:
    """Of the pairs (t_i, side t_j), distinct, or those of D = 0: S, D and four weights.

    S and D are an eighth of the squares of t_i + side t_j and t_i - side t_j; the weights stand before
    exp(-E) / (1 + x^2) for jumps, V exp(-E) / (1 + x^2), exp(-E) and exp(-E) / x^2 for bends.
    """
    merged: dict[tuple[float, float], tuple[float, ...]] = {}
    known: dict[str, float] = {}
    for s, jump_s, bend_s in zip(*shape[:3], strict=True):
        for t, jump_t, bend_t in zip(*shape[:3], strict=True):
            total, apart = s + side * t, s - side * t
            pair = tuple(known.setdefault(f"{each * each:.12e}", each * each / 8) for each in (total, apart))
            mixed, turned = jump_s * bend_t, side * bend_s * jump_t
            new = jump_s * jump_t, bend_s * bend_t, (mixed + turned) * total / 4, (mixed - turned) * apart / 4
            old = merged.get((pair[0], pair[1]), (0.0,) * 4)
            merged[pair[0], pair[1]] = tuple(a + b for a, b in zip(old, new, strict=True))
    return [(s, d, *rest) for (s, d), rest in merged.items() if any(rest) and (d == 0 or not alone)]


@cache
def leading_pairs(shape: Shape, side: int) -> list[tuple[float, float]]:
    """S and D of those pairs beside which no other has a smaller S and D, of those with D = 0 and of the rest."""
    pairs = [(s, d) for s, d, *_ in threshold_pairs(shape, side)]
    return [
        (s, d)
        for s, d in pairs
        if not any((p, q) != (s, d) and p <= s and q <= d and (q == 0) == (d == 0) for p, q in pairs)
    ]


@cache
def threshold_products(
    shape: Shape, side: int, alone: bool
) -> tuple[list[float], list[tuple[float, list[tuple[float, int]]]]]:
    """The distinct D of the pairs of jumps; every distinct S, with the weights beside each D, by its index."""
    pairs = [(s, d, jumps) for s, d, jumps, *_ in threshold_pairs(shape, side, alone) if jumps]
    apart = sorted({d for _, d, _ in pairs})
    return apart, [(s, [(w, apart.index(d)) for p, d, w in pairs if p == s]) for s in sorted({s for s, _, _ in pairs})]


def total_of(terms: list[float]) -> float:
    """Their sum, 0 where that is rounding."""
    total = sum(terms)
    return total if abs(total) > 1e-15 * sum(map(abs, terms)) else 0.0


@cache
def far_line(shape: Shape) -> tuple[float, float, float, float]:
    """f far out: p + q u + s sign(u) + d |u|, u in units of the widest break."""
    level, slope, size = *shape[3], break_unit(shape)
    steps = [*shape[1], *(-k * t for t, k in zip(shape[0], shape[2], strict=True))]
    right, steep = total_of([level, *steps]), total_of([slope, *shape[2]])
    pairs = (right, level), (size * steep, size * slope), (right, -level), (size * steep, -size * slope)
    p, q, s, d = (total_of(list(pair)) / 2 for pair in pairs)
    return p, q, s, d


MOMENTS = 26  # with POWERS and TERMS they leave 2^-53 of sums over breaks within sqrt(1/2) conditional deviations


POWERS = 14


TERMS = 17


HALVES = tuple(1.0 / math.prod(range(1, 2 * n + 2, 2)) for n in range(MOMENTS // 2))  # 1 / (2 n + 1)!!


@cache
def compact_moments(shape: Shape, order: int) -> list[list[float]]:
    """Of the derivative of f of that order, but for its line far out: what stands before powers of y in the integrals
    of its product with exp(-y t^2) t^n, t in units of the widest break; for each power a list over n <= MOMENTS.
    """
    size, sums = break_unit(shape), list[float]()
    for n in range(2 - order, 1 - order + MOMENTS + 2 * POWERS):
        terms = [k * size * (t / size) ** n for t, k in zip(shape[0], shape[2], strict=True)]
        terms += [-n * j * (t / size) ** (n - 1) for t, j in zip(shape[0], shape[1], strict=True) if n and j]
        sums.append(total_of(terms) * (1.0, -1 / n if n else 0.0, 1 / (n * (n - 1)) if n > 1 else 0.0)[2 - order])
    factors = [(-1.0) ** k / math.factorial(k) for k in range(POWERS)]
    return [[factor * sums[n + 2 * k] for n in range(MOMENTS + 1)] for k, factor in enumerate(factors)]


@cache
def graded_moments(shape: Shape, order: int) -> list[list[float]]:
    """`compact_moments` times their powers of t."""
    rows = compact_moments(shape, order)
    return [[(n + 2 * k) * each for n, each in enumerate(row)] for k, row in enumerate(rows)]


@cache
def strip_rule(count: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes and weights on [0, 1] in `count` panels, each (16 count, 1): two resolve exp(-42 x)."""
    with torch.inference_mode(False):
        x, w = legendre_rule(16)
        x = (torch.arange(count, dtype=torch.float64)[:, None] + (x + 1) / 2) / count
        return x.reshape(-1, 1), (w / (2 * count)).repeat(count).reshape(-1, 1)


def active_range(s: Tensor, d: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where exp(-s (1 + y) - d (1 + 1 / y)) counts beside the largest of the pairs, low <= y <= high.

    s and d are (pairs, n). Up to where those of d = 0 count; from and up to where others do: each (n,).
    """
    best = torch.minimum(torch.maximum(torch.where(d == 0, 0.0, torch.sqrt(d) / torch.sqrt(s)), low), high)
    least = torch.amin(s * (1 + best) + torch.where(d == 0, 0.0, d + d / best), 0)
    room = least + 42 - s - d
    root = room * (1 + torch.sqrt(1 - 4 * (s / room) * (d / room)))
    lower, upper = 2 * d / root, torch.where(s == 0, math.inf, root / (2 * s))
    counts = (room >= 0) & ~torch.isnan(root) & torch.isfinite(least)
    alone, others = counts & (d == 0), counts & (d > 0)
    return (
        torch.amax(torch.where(alone, upper, 0.0), 0),
        torch.amin(torch.where(others, lower, math.inf), 0),
        torch.amax(torch.where(others, upper, 0.0), 0),
    )


def correlation_nodes(
    shape: Shape, side: int, v: Tensor, low: Tensor, width: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, bool]]:
    """Nodes and weights (nodes, p) over low < x < low + width, and the points (p,), block by block.

    Linear where pairs of D = 0 count alone, which is the last that is returned, then logarithmic.
    """
    pairs = torch.tensor(leading_pairs(shape, side), dtype=torch.float64, device=v.device)
    s, d = (torch.clamp(pair[:, None] / torch.clamp(v, min=1e-300), max=1e300) for pair in pairs.T)
    near, begin, far = (torch.sqrt(end) for end in active_range(s, d, low * low, (low + width) ** 2))
    start = torch.maximum(low, begin)
    inside = (begin < low + width) | ((begin <= low) & (width > 0))
    alone = torch.minimum(torch.where(inside, start, math.inf), near) - low
    alone = torch.minimum(torch.clamp(alone, min=0), width)
    t, w = (column.to(v.device) for column in strip_rule(2))
    for i in in_blocks_of(alone > 0, len(w)):
        yield low[i] + alone[i] * t, alone[i] * w, i, True
    first = torch.where(inside, start, 1.0)
    left = torch.where(inside, torch.where(first > low, low + width - first, width), 0.0)
    reach = torch.minimum(torch.clamp(torch.maximum(near, far) - first, min=0), left)
    length = torch.log1p(reach / first)
    panels = torch.where(length > 0, torch.clamp(torch.ceil(length / 1.5), min=2), 0).to(torch.int64)
    for count in torch.unique(panels[panels > 0]).tolist():
        t, w = (column.to(v.device) for column in strip_rule(count))
        for i in in_blocks_of(panels == count, len(w)):
            x = first[i] * torch.exp(length[i] * t)
            yield x, x * (length[i] * w), i, False


def in_blocks_of(chosen: Tensor, nodes: int) -> Iterator[Tensor]:
    """The indices of the chosen points in blocks that fit the cache."""
    size = 2**14 if chosen.is_cpu else 2**22
    points = torch.nonzero(chosen)[:, 0]
    yield from (part for part in torch.split(points, 1 + size // nodes) if len(part))


def correlation_integrals(shape: Shape, side: int, v: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """Over low < x < low + width: of the jumps; of the bends, and times the distance in s from either end: (4, n)."""
    total = torch.zeros_like(v) * torch.stack([v + low + width] * 4)
    if not (any(shape[1]) or any(shape[2])):
        return total
    for x, w, i, alone in correlation_nodes(shape, side, v, low, width):
        up = 1 + x * x
        if any(shape[1]):
            total[0, i] += torch.sum(jump_sum(shape, side, v[i], x, alone) * w / up, 0)
        if any(shape[2]):
            density = w * bend_sum(shape, side, v[i], x, alone)
            total[1, i] += torch.sum(density, 0)
            for row, end in ((2, low[i]), (3, low[i] + width[i])):
                total[row, i] += torch.sum(density * torch.abs(x - end) * (x + end) / up, 0) * 2 / (1 + end * end)
    return total / math.pi


def pair_exponents(v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """(1 + x^2) / V and (1 + 1 / x^2) / V, where 1 / x^2 may overflow."""
    return (1 + x * x) / v, 1 / v + (1 / (x * torch.sqrt(v))) ** 2


def pair_exponent(weight: float, rate: Tensor) -> Tensor:
    """weight rate, 0 where the weight is 0 even if the rate is infinite; at most 1e300."""
    return torch.clamp(weight * rate, max=1e300) if weight else torch.zeros_like(rate)


def jump_sum(shape: Shape, side: int, v: Tensor, x: Tensor, alone: bool = False) -> Tensor:
    """The sum over pairs, or those of D = 0, of J_i J_j exp(-E), one exponential for each distinct S and D."""
    apart, beside = threshold_products(shape, side, alone)
    up, down = pair_exponents(v, x)
    total = torch.zeros_like(x)
    decays = [torch.exp(-pair_exponent(b, down)) for b in apart]
    for a, terms in beside:
        share = torch.zeros_like(x)
        for weight, index in terms:
            share.add_(decays[index], alpha=weight)
        total.addcmul_(share, torch.exp(-pair_exponent(a, up)))
    return total


def bend_sum(shape: Shape, side: int, v: Tensor, x: Tensor, alone: bool = False) -> Tensor:
    """The sum over pairs, or those of D = 0, of exp(-E) (V k / (1 + x^2) + p + m / x^2).

    Where the k add up to 0 it is of the order of differences of exponents, which expm1 keeps.
    """
    pairs = threshold_pairs(shape, side, alone)
    (up, down), square, least = pair_exponents(v, x), x * x, torch.full_like(x, math.inf)
    for a, b, *_ in pairs:
        least = torch.minimum(least, pair_exponent(a, up) + pair_exponent(b, down))
    whole = sum(k for _, _, _, k, _, _ in pairs)
    whole = whole if abs(whole) > 1e-15 * sum(abs(k) for _, _, _, k, _, _ in pairs) else 0.0
    bent, mixed = torch.full_like(x, whole), torch.zeros_like(x)
    for a, b, _, k, p, m in pairs:
        excess = torch.expm1(least - (pair_exponent(a, up) + pair_exponent(b, down)))
        bent += k * excess
        if p or m:
            mixed += (1 + excess) * p + torch.where(excess > -1, (1 + excess) * (m / square), 0.0)
    return (v * bent / (1 + square) + mixed) * torch.exp(-least)


Lines = tuple[float, float, float, float]


Moments = list[list[float]]


def wide_from(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlations 1 and -1 from which series serve; 1 where none do."""
    square = 2 * (widest_break(shape) / torch.sqrt(v)) ** 2
    wide = (square > 0) & (square < 1)
    return torch.where(wide, square / (1 + torch.sqrt(1 - torch.where(wide, square, 0.0))), 1.0)


def closed_from(shape: Shape, v: Tensor) -> Tensor:
    """`wide_from` of what is in closed form, which loses few digits in fields that are not so wide."""
    return torch.where(v > closed_reach(shape), wide_from(shape, v), 1.0)


def slope_from(shape: Shape, v: Tensor) -> Tensor:
    """`wide_from` of slopes: sums over jumps which do not add up to 0 lose no digits, those of a box few."""
    if is_box(shape):
        return closed_from(shape, v)
    return wide_from(shape, v) if has_bends(shape) or far_line(shape)[2] == 0 else torch.ones_like(v)


def from_there(begin: Tensor, near: Tensor) -> Tensor:
    """Where series serve that begin there."""
    return (begin < 1) & (near >= begin)


def compact_sum(shape: Shape, order: int, v: Tensor, r: Tensor, near: Tensor) -> Tensor:
    """V^order E F(u) F(v) but for E h(u) h(v), F the derivative of f of that order."""
    unit, (p, q, s, d) = break_unit(shape) / torch.sqrt(v), far_part(shape, order)
    moments = compact_moments(shape, order)
    total = torch.zeros_like(unit)
    for n, part in enumerate(pair_roots(moments, order, unit, r, near)):
        total += torch.sign(r) ** n * part**2
    if not (p or q or s or d):
        return total
    level, line, sign, size = far_products(moments, unit, r, near)
    return total + 2 * (p * level + q * line + s * sign + d * size) * unit ** (-2 * order)


def compact_change(shape: Shape, order: int, v: Tensor, r: Tensor, near: Tensor) -> Tensor:
    """V times the slope of `compact_sum` in V: a moment of t^m adds as 1 / sigma^(m + 1), h as sigma or 1."""
    unit, (p, q, s, d) = break_unit(shape) / torch.sqrt(v), far_part(shape, order)
    moments, graded = compact_moments(shape, order), graded_moments(shape, order)
    total = torch.zeros_like(unit)
    pairs = (pair_roots(each, order, unit, r, near) for each in (moments, graded))
    for n, (part, change) in enumerate(zip(*pairs, strict=True)):
        total += torch.sign(r) ** n * part * ((order - 1) * part - change)
    if not (p or q or s or d):
        return total
    level, _, sign, _ = far_products(moments, unit, r, near)
    wider, line, steeper, size = far_products(graded, unit, r, near)
    own = 2 * order - 1
    change = p * (own * level - wider) - q * line + s * (own * sign - steeper) - d * size
    return total + change * unit ** (-2 * order)


def pair_roots(moments: Moments, order: int, unit: Tensor, r: Tensor, near: Tensor) -> Iterator[Tensor]:
    """What is squared in the terms of V^order E F(u) F(v) for h = 0."""
    w = torch.sqrt(near * (2 - near))
    at = power_sums([row[:TERMS] for row in moments], (unit / w) ** 2 / 2)
    factor, root = unit ** (1 - order) / torch.sqrt(2 * math.pi * w), torch.sqrt(torch.abs(r)) * unit / w
    for n in range(TERMS):
        yield factor * at[n]
        factor = factor * root / math.sqrt(n + 1)


def far_products(moments: Moments, unit: Tensor, r: Tensor, near: Tensor) -> tuple[Tensor, ...]:
    """E h(u) g(v) for h = 1, u, sign(u) and |u|, u in units of the widest break."""
    w = torch.sqrt(near * (2 - near))
    y = (unit / w) ** 2 / 2
    at, density = power_sums(moments, y), unit / math.sqrt(2 * math.pi)
    level, line = power_sums([row[:2] for row in moments], unit * unit / 2)
    halves = torch.tensor(HALVES, dtype=y.dtype, device=y.device)[:, None]
    ladder = halves * (2 * r * r * y) ** torch.arange(len(HALVES), device=y.device)[:, None]
    sign, bent = (torch.sum(ladder * each, 0) * unit * unit * r / (math.pi * w) for each in (at[1::2], at[2::2]))
    return density * level, density * r * line, sign, r * bent + w / math.pi * at[0]


def far_part(shape: Shape, order: int) -> Lines:
    """`far_line` of the derivative of f of that order, without delta functions."""
    p, q, s, d = far_line(shape)
    return ((p, q, s, d), (q, 0.0, d, 0.0), (0.0, 0.0, 0.0, 0.0))[order]


def power_sums(table: Moments, y: Tensor) -> Tensor:
    """Polynomials of y: (n of a row, n of y)."""
    rows = torch.tensor(table, dtype=y.dtype, device=y.device)[..., None]
    total = torch.zeros_like(rows[0] * y)
    for row in rows.flip(0):
        total = total * y + row
    return total


def arcsine(near: Tensor, size: Tensor) -> Tensor:
    """That of size = 1 - near >= 0."""
    return torch.where(size < 0.5, torch.arcsin(size), math.pi / 2 - 2 * torch.arctan(torch.sqrt(near / (2 - near))))


def step_overlap(middle: float, half: float, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Of middle + half sign(u), at correlation side size, size = 1 - near: of positive parts where there are such."""
    left, right, sharp = middle - half, middle + half, torch.arctan(torch.sqrt(near / (2 - near))) / math.pi
    if side == 1 or left * right < 0:
        return middle * middle + side * half * half * (2 / math.pi) * arcsine(near, size)
    return (left * left + right * right) * sharp + left * right * (1 - 2 * sharp)


def bent_overlap(slope: float, bend: float, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Of slope u + bend |u| at variance 1."""
    left, right, w = slope - bend, slope + bend, torch.sqrt(near * (2 - near))
    if side == 1 or left * right > 0:
        return side * slope * slope * size + bend * bend * (2 / math.pi) * (w + size * arcsine(near, size))
    sharp = 2 * torch.arctan(torch.sqrt(near / (2 - near)))
    open_part = w + (math.pi - sharp) * size
    return ((left * left + right * right) * sine_less(sharp) - 2 * left * right * open_part) / (2 * math.pi)


def sine_less(x: Tensor) -> Tensor:
    """sin x - x cos x, 0 <= x <= pi / 2, by its series."""
    total = torch.zeros_like(x)
    for k in reversed(range(1, 13)):
        total = 2 * k / math.factorial(2 * k + 1) - x * x * total
    return x**3 * total


def mixed_overlap(lines: Lines, side: int, near: Tensor, size: Tensor) -> Tensor:
    """Twice that of p + s sign(u) with q u + d |u| at variance 1."""
    p, q, s, d = lines
    if side == 1 or p * d * (s * q) <= 0:
        return (p * d + side * size * (s * q)) * math.sqrt(8 / math.pi)
    return ((p * d + s * q) * near + (p * d - s * q) * (2 - near)) * math.sqrt(2 / math.pi)


def far_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """E h(u) h(v), and V times its slope in V."""
    p, q, s, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    mixed = scale * mixed_overlap((p, q, s, d), side, near, size)
    bent = scale * (scale * bent_overlap(q, d, side, near, size))
    return step_overlap(p, s, side, near, size) + mixed + bent, mixed / 2 + bent


def wide_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """C."""
    return far_overlap(shape, side, v, near, size)[0] + compact_sum(shape, 0, v, side * size, near)


def wide_growth(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V dC/dV."""
    return far_overlap(shape, side, v, near, size)[1] + compact_change(shape, 0, v, side * size, near)


def steep_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V E h'(u) h'(v), without delta functions."""
    _, q, _, d = far_line(shape)
    scale = torch.sqrt(v) / break_unit(shape)
    return scale * (scale * step_overlap(q, d, side, near, size))


def wide_slope(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """dC/ds."""
    return steep_overlap(shape, side, v, near, size) + compact_sum(shape, 1, v, side * size, near)


def wide_slope_growth(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """V d^2 C/dV ds."""
    return steep_overlap(shape, side, v, near, size) + compact_change(shape, 1, v, side * size, near)


def wide_curvature(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """d^2 C/ds^2."""
    return compact_sum(shape, 2, v, side * size, near)


def interval_moments(start: Tensor, end: Tensor, count: int = 3) -> Tensor:
    """Integrals of (z - start)^k over 0 <= start < z < end with the standard normal density, k < count: (count, n)."""
    t, w = (column.to(start.device) for column in strip_rule(2))
    width = torch.minimum(end - start, 84 / (start + torch.sqrt(start * start + 84)))
    z = width * t
    density = width * w * torch.exp(-z * (start + z / 2)) * (torch.exp(-start * start / 2) / math.sqrt(2 * math.pi))
    return torch.stack([torch.sum(density * z**k, 0) for k in range(count)])


def mean_of(shape: Shape, v: Tensor) -> Tensor:
    """E f(u)."""
    sigma, total = torch.sqrt(v), torch.zeros_like(v)
    if parity_of(shape) == -1:
        return total + middle_value(shape)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        total += (value + other) * m[0] + sigma * (slope + fall) * m[1]
    return total


def opposite_overlap(shape: Shape, v: Tensor) -> Tensor:
    """E f(u) f(-u): C at correlation -1."""
    sigma, total = torch.sqrt(v), torch.zeros_like(v)
    for start, end, (value, slope), (other, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)
        cross = value * fall + slope * other
        total += 2 * (value * other * m[0] + sigma * cross * m[1] + v * slope * fall * m[2])
    return total


def bend_slope(shape: Shape, side: int, v: Tensor) -> Tensor:
    """The part of C' without a product of jumps, at correlation 0 (side 1) or -1 (side -1)."""
    sigma, total, mean = torch.sqrt(v), torch.zeros_like(v), torch.zeros_like(v)
    for start, end, (_, slope), (_, fall) in mirrored_lines(shape):
        m = interval_moments(start / sigma, end / sigma)[0]
        mean += (slope - fall) * m
        total -= 2 * v * slope * fall * m
    if side == 1:
        total = v * mean * mean
    for t, jump in zip(*shape[:2], strict=True):
        density = sigma * torch.exp(-((t / sigma) ** 2) / 2) / math.sqrt(2 * math.pi)
        total += 2 * jump * density * (mean if side == 1 else line_at(shape, -t, 0)[1])
    return total


def near_end(distance: Tensor) -> Tensor:
    """sqrt((1 - s) / (1 + s)) at s = 1 - distance."""
    return torch.sqrt(distance / (2 - distance))


def slope_peak(shape: Shape, v: Tensor) -> Tensor:
    """The distance from correlation -1 within which bends may give C' a peak."""
    square = widest_break(shape) ** 2 / v
    return 2 * square / (1 + square)


def smooth_slope(shape: Shape, side: int, v: Tensor, near: Tensor) -> Tensor:
    """The part of C' without a product of jumps, at correlation 1 - near (side 1) or near - 1 (side -1), near <= 1.

    From its value at correlation 0, or where series end; below, where it falls towards -1 or near that, from -1.
    """
    if not has_bends(shape):
        return torch.zeros_like(v)
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * smooth_slope(shape, 1, v, near)
    begin, x = torch.maximum(wide_from(shape, v), near), near_end(near)
    rest = 2 * (begin - near) / ((2 - near) * (2 - begin) * (near_end(begin) + x))
    change = correlation_integrals(shape, side, v, x, rest)[1]
    value = inner_slope(shape, side, v, begin) + side * change
    if side == -1:
        i = torch.nonzero((change > value) | (near < slope_peak(shape, v)))[:, 0]
        below = correlation_integrals(shape, -1, v[i], torch.zeros_like(x[i]), x[i])[1]
        value[i] = bend_slope(shape, -1, v[i]) + below
    return value


def inner_slope(shape: Shape, side: int, v: Tensor, begin: Tensor) -> Tensor:
    """`smooth_slope` where series end, or at correlation 0."""
    value, i = bend_slope(shape, 1, v), torch.nonzero(begin < 1)[:, 0]
    x = near_end(begin[i])
    jumps = jump_sum(shape, side, v[i], x) * (1 + x * x) / (4 * math.pi * x)
    value[i] = wide_slope(shape, side, v[i], begin[i], 1 - begin[i]) - jumps
    return value


def end_rise(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """`overlap_rise` where series do not serve."""
    if side == -1 and parity_of(shape) != 0:
        return -parity_of(shape) * end_rise(shape, 1, v, near, fall)
    if side == 1 or not any(shape[2]):
        return rise_by_parts(shape, side, v, near, fall)
    first = torch.minimum(torch.maximum(slope_peak(shape, v), near), torch.clamp(near + fall, max=1)) - near
    return rise_by_parts(shape, -1, v, near, first) + rise_by_parts(shape, -1, v, near + first, fall - first)


def rise_by_parts(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """The integral of C', its smooth part by parts from the end where that is smaller."""
    far = torch.clamp(near + fall, max=1)
    low, high = near_end(near), near_end(far)
    width = torch.where(fall == 0, 0.0, 2 * fall / ((2 - near) * (2 - far) * (low + high)))
    jumps, change, from_low, from_high = correlation_integrals(shape, side, v, low, width)
    if not has_bends(shape):
        return jumps
    at_far = (change >= 0) == (side == 1)
    smooth = fall * smooth_slope(shape, side, v, torch.where(at_far, far, near))
    return jumps + smooth + side * torch.where(at_far, from_low, -from_high)


def checked_variance(v: Tensor) -> Tensor:
    """Variances, where 0 counts as the limit. Raises ValueError below."""
    if torch.any(v < 0):
        raise ValueError(f"piecewise linear functions: variance {v.min()} is negative; give numbers >= 0")
    return torch.clamp(v, 1e-306, 1e306)


def overlap_at(shape: Shape, side: int, v: Tensor, near: Tensor, size: Tensor) -> Tensor:
    """C at correlation side size, size = 1 - near: by series, or from where they end; side 1 if C is even or odd."""
    begin, wide, value = wide_from(shape, v), from_there(wide_from(shape, v), near), torch.empty_like(v)
    i = torch.nonzero(wide)[:, 0]
    if len(i):
        value[i] = wide_overlap(shape, side, v[i], near[i], size[i])
    i = torch.nonzero(~wide)[:, 0]
    value[i] = end_overlap(shape, side, v[i], near[i], torch.where(begin < 1, begin - near, size)[i])
    return value


def end_overlap(shape: Shape, side: int, v: Tensor, near: Tensor, fall: Tensor) -> Tensor:
    """C nearer to correlation 1, or -1, than where series end, which is as far as fall, or than 0.

    From there; on the side of -1 from -1 where C is smaller there.
    """
    begin, middle = wide_from(shape, v), mean_of(shape, v) ** 2
    i = torch.nonzero(begin < 1)[:, 0]
    middle[i] = wide_overlap(shape, side, v[i], begin[i], 1 - begin[i])
    if side == 1:
        return middle + end_rise(shape, 1, v, near, fall)
    end = opposite_overlap(shape, v)
    from_middle = middle < torch.abs(end)
    rise = end_rise(shape, -1, v, torch.where(from_middle, near, 0.0), torch.where(from_middle, fall, near))
    return torch.where(from_middle, middle - rise, end + rise)


def overlap_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """C at correlations r, all (n,)."""
    value, size = torch.empty_like(v), torch.abs(r)
    if turned_by(shape):
        return overlap_at(shape, 1, v, 1 - size, size) * torch.where(r < 0, float(turned_by(shape)), 1.0).to(v.dtype)
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = torch.nonzero(chosen)[:, 0]
        value[i] = overlap_at(shape, side, v[i], 1 - size[i], size[i])
    return value


def pair_densities(shape: Shape, v: Tensor, far: Tensor) -> Iterator[tuple[Any, ...]]:
    """Of the distinct pairs: V n2(t_i, t_j) at correlation 1 - far, the two parts of its exponent, the four weights."""
    root, up, down = 2 * math.pi * torch.sqrt(far * (2 - far)), 2 / (2 - far) / v, 2 / far / v
    for s, d, *weights in threshold_pairs(shape, 1):
        above, below = pair_exponent(s, up), pair_exponent(d, down)
        value, meet = torch.exp(-above - below), ((far == 0) & (d == 0)) | ((far == 2) & (s == 0))
        density = torch.where(meet, math.inf, torch.where(value == 0, 0.0, value / root))
        yield density, above, below, *weights


def jump_slope(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """J_i J_j V n2(t_i, t_j) at correlation 1 - far."""
    value = 0 * (v + far)
    for density, _, _, jumps, *_ in pair_densities(shape, v, far):
        value = value + (jumps * density if jumps else 0.0)
    return value


DEVIATIONS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 26.0, 30.0, 34.0, 38.0)


def growth_values(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV at correlations r, all (n,). Sums over breaks cancel in wide fields, and near correlation -1."""
    value, size = torch.empty_like(v), torch.abs(r)
    wide = from_there(closed_from(shape, v), 1 - size)
    opposite = (r < -0.99) & (v > straight_reach(shape))
    along = ~wide & ((v > growth_reach(shape)) | opposite) & has_bends(shape)
    i = torch.nonzero(~wide & ~along)[:, 0]
    value[i] = overlap_growth(shape, v[i], r[i])
    i = torch.nonzero(along)[:, 0]
    if len(i):
        value[i] = growth_along(shape, v[i], r[i])
    for side, chosen in ((1, ~(r < 0)), (-1, r < 0)):
        i = torch.nonzero(wide & chosen)[:, 0]
        if len(i):
            value[i] = wide_growth(shape, side, v[i], 1 - size[i], size[i]) / v[i]
    return value


def conditional_law(v: Tensor, r: Tensor, at: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of v given u = at, at correlation r: of its mean side at - near side at both parts, and its deviation."""
    near = 1 - torch.abs(r)
    mean = torch.sign(r) * at
    return mean, near * mean, torch.sqrt(v * near * (2 - near))


def deviations(apart: Tensor, spread: Tensor) -> Tensor:
    """In standard deviations, 50 at most."""
    beyond = torch.copysign(torch.minimum(torch.abs(apart), 50 * spread), apart)
    return torch.where(spread > 0, beyond / spread, torch.sign(apart) * 50)


def given_field(shape: Shape, v: Tensor, r: Tensor, at: float | Tensor) -> Tensor:
    """E f(v) given u = at, at correlation r."""
    mean, less, spread = conditional_law(v, r, at)
    total = shape[3][0] + shape[3][1] * (r * at)
    for t, jump, bend in zip(*shape[:3], strict=True):
        apart = (t - mean) + less
        beyond = deviations(apart, spread)
        tail = torch.erfc(beyond / math.sqrt(2)) / 2
        total = total + jump * tail
        if bend:
            total = total + bend * (spread * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi) - apart * tail)
    return total


def given_widening(shape: Shape, v: Tensor, r: Tensor, at: float) -> Tensor:
    """2 V times the derivative in V of given_field, of a step function."""
    mean, less, spread = conditional_law(v, r, at)
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        beyond = deviations((t - mean) + less, spread)
        total = total + jump * beyond * torch.exp(-beyond * beyond / 2) / math.sqrt(2 * math.pi)
    return total


def normal_density(t: float | Tensor, v: Tensor) -> Tensor:
    """The density of N(0, v) at t."""
    sigma = torch.sqrt(v)
    return torch.exp(-((t / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)


def overlap_growth(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV: E f''(u) f(v) + r E f'(u) f'(v), where terms of two jumps cancel."""
    inner, total = derivative_of(shape), torch.zeros_like(v)
    if has_bends(shape):
        total += r * overlap_values(inner, v, r)
    for t, jump, bend in zip(*shape[:3], strict=True):
        steep = (bend + jump * (t / v)) * given_field(shape, v, r, t)
        if jump and has_bends(shape):
            steep += r * jump * given_field(inner, v, r, t)
        total += normal_density(t, v) * steep
    return total


def growth_along(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """dC/dV = E u f'(u) f(v) / V: an integral over u, between breaks, of what f(v) is there on average."""
    total = torch.zeros_like(v)
    for t, jump in zip(*shape[:2], strict=True):
        total = total + t / v * jump * normal_density(t, v) * given_field(shape, v, r, t)
    ends, (nodes, w) = panel_ends(shape, v, r), (column.to(v.device) for column in strip_rule(1))
    for k in range(len(ends) - 1):
        low, high = ends[k], ends[k + 1]
        for i in in_blocks_of(high > low, len(w)):
            u = low[i] + (high[i] - low[i]) * nodes
            mean = u / v[i] * slope_at(shape, u) * given_field(shape, v[i], r[i], u)
            total[i] += torch.sum(mean * normal_density(u, v[i]) * w, 0) * (high[i] - low[i])
    return total


def panel_ends(shape: Shape, v: Tensor, r: Tensor) -> Tensor:
    """The breaks, where v is about at one on average, and multiples of the standard deviation: (ends, n)."""
    sigma, breaks = torch.sqrt(v), torch.tensor(shape[0], dtype=v.dtype, device=v.device)[:, None]
    spread = sigma * torch.sqrt((1 - torch.abs(r)) * (1 + torch.abs(r)))
    across = [torch.where(r == 0, 0.0, (breaks + each * spread) / r) for each in (-8.0, -3.0, 0.0, 3.0, 8.0)]
    ends = [breaks + 0 * v, *across]
    ends = [torch.minimum(torch.maximum(each, -38 * sigma), 38 * sigma) for each in ends]
    ends += [side * torch.tensor(DEVIATIONS, dtype=v.dtype, device=v.device)[:, None] * sigma for side in (-1, 1)]
    return torch.sort(torch.cat(ends), 0)[0]


def slope_at(shape: Shape, u: Tensor) -> Tensor:
    """f' between breaks."""
    return sum((bend * (u > t).to(u.dtype) for t, bend in zip(shape[0], shape[2], strict=True)), shape[3][1] + 0 * u)


def piecewise_overlap(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """C at variance >= 0 and |correlation| <= 1, which broadcast."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return overlap_values(shape, checked_variance(v), r)

    def in_variance(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_growth(shape, v, r)

    def in_correlation(v: Tensor, r: Tensor) -> Tensor:
        return piecewise_slope(shape, v, 1 - r)

    return with_slopes(values, [in_variance, in_correlation], variance, correlations(correlation))


def piecewise_slope(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """dC/ds at s = 1 - distance, distance in [0, 2]; infinite at 0 where f jumps."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        begin = slope_from(shape, v)
        value, near = jump_slope(shape, v, far), torch.minimum(far, 2 - far)
        for side, chosen in ((1, ~(far > 1)), (-1, far > 1)):
            i = torch.nonzero(chosen & ~from_there(begin, near))[:, 0]
            value[i] += smooth_slope(shape, side, v[i], near[i])
        for side, i in wide_points(begin, far):
            value[i] = wide_slope(shape, side, v[i], near[i], 1 - near[i])
        return value

    def in_variance(v: Tensor, far: Tensor) -> Tensor:
        return piecewise_slope_growth(shape, v, far)

    def in_distance(v: Tensor, far: Tensor) -> Tensor:
        return -piecewise_curvature(shape, v, far)

    return with_slopes(values, [in_variance, in_distance], variance, distances(distance, 2))


def piecewise_growth(shape: Shape, variance: Real, correlation: Real) -> Tensor:
    """dC/dV at fixed correlation."""

    def values(v: Tensor, r: Tensor) -> Tensor:
        return growth_values(shape, checked_variance(v), r)

    return with_slopes(values, [no_slope, no_slope], variance, correlations(correlation))


def no_slope(*points: Tensor) -> Tensor:
    """Where a derivative of third order would be needed. Raises ValueError."""
    raise ValueError("piecewise linear functions: Torch has derivatives of the maps to first order; differentiate once")


def piecewise_curvature(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/ds^2 at s = 1 - distance; infinite at 0 unless f is linear."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        value, near = end_curvature(shape, v, far), torch.minimum(far, 2 - far)
        for side, i in wide_points(closed_from(shape, v), far):
            value[i] = wide_curvature(shape, side, v[i], near[i], 1 - near[i])
        return value

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def end_curvature(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """d^2 C/ds^2, from every pair of breaks."""
    value = 0 * (v + far)
    inside = torch.nonzero((far > 0) & (far < 2))[:, 0]
    if any(shape[2]):
        x = near_end(far[inside])
        value[inside] += bend_sum(shape, 1, v[inside], x) / x * (1 + x * x) ** 2 / (4 * math.pi)
    for density, above, below, jumps, bends, *_ in pair_densities(shape, v, far):
        rate = (1 - far) / (far * (2 - far)) + above / (2 - far) - below / far
        rate = torch.where((far == 0) | (far == 2), (1 - far) * math.inf, rate)
        if jumps:
            value = value + torch.where(density > 0, jumps * density * rate, 0.0)
        elif bends:
            value = value + torch.where(torch.isinf(density), bends * density, 0.0)
    return value


def wide_points(begin: Tensor, far: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Where series serve that begin there, on either side of correlation 0."""
    wide = from_there(begin, torch.minimum(far, 2 - far))
    for side, chosen in ((1, far <= 1), (-1, far > 1)):
        i = torch.nonzero(wide & chosen)[:, 0]
        if len(i):
            yield side, i


def piecewise_slope_growth(shape: Shape, variance: Real, distance: Real) -> Tensor:
    """d^2 C/dV ds at s = 1 - distance."""

    def values(v: Tensor, far: Tensor) -> Tensor:
        v = checked_variance(v)
        value, near = end_slope_growth(shape, v, far), torch.minimum(far, 2 - far)
        for side, i in wide_points(closed_from(shape, v), far):
            value[i] = wide_slope_growth(shape, side, v[i], near[i], 1 - near[i]) / v[i]
        return value

    return with_slopes(values, [no_slope, no_slope], variance, distances(distance, 2))


def end_slope_growth(shape: Shape, v: Tensor, far: Tensor) -> Tensor:
    """d^2 C/dV ds, from every break."""
    inner, value, r = derivative_of(shape), 0 * (v + far), 1 - far
    if has_bends(shape):
        value = value + overlap_values(inner, v, r) + v * overlap_growth(inner, v, r)
        for t, jump in zip(*shape[:2], strict=True):
            steep = (1 + t * (t / v)) * given_field(inner, v, r, t) + given_widening(inner, v, r, t)
            value = value + jump * normal_density(t, v) * steep
    for density, above, below, jumps, *_ in pair_densities(shape, v, far):
        counts = (density > 0) & (above + below > 0) & (jumps != 0)
        value = value + torch.where(counts, jumps * density * (above + below) / v, 0.0)
    return value


def integrand_1(u: Tensor) -> Tensor:
    return (1 + erf(u)) * (u + 0.5641895835477563 * torch.exp(-u * u) + u * erf(u)) ** 2


def integrand_2(u: Tensor) -> Tensor:
    return (1 + erf(u)) ** 2 * (u + 0.5641895835477563 * torch.exp(-u * u) + u * erf(u)) ** 2


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
    return with_ends(at_extremes(portion(x2 * x3, sigma_b2) * ((x4 * torch.atan2(x5 * torch.sqrt(1 + q_inside * x6), x5 * torch.sqrt(1 + gap * q_inside)) * ((q_inside * x1)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * torch.atan2(torch.sqrt(x6), torch.sqrt(gap))), [(unknown, ), (unknown, 0, torch.inf)], given)


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


def jacobian_sigma_derivative(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, mu_4: Tensor | float, T: Tensor | float) -> Tensor:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, mu_4, T = as_arrays(q, sigma_m2, sigma_b2, mu_4, T)
    expectation_1 = gaussian_mean(integrand_1, 0, q / 2)
    expectation_2 = gaussian_mean(integrand_2, 0, q / 2)
    x0 = 4 * expectation_1 * sigma_m2
    x1 = 8 * piecewise_overlap(((0,), (0,), (1,), (0, 0)), T, q / (1 + q))
    return broadcast((T * (-x0 + 2 * expectation_2 * mu_4) + q * (x1 + q * x1 + T * (-x0 + expectation_2 * mu_4))) / (8 * T), q, sigma_m2, sigma_b2, mu_4, T)
