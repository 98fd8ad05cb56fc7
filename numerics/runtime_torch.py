"""Special functions that generated Torch modules call: those of runtime_numpy, differentiable to every order.

Values are the quadratures of runtime_numpy, in float64. Gradients are theorems, not derivatives of a quadrature: those
of Price and Stein for Gaussian expectations, closed forms for clipped normals. They call the same functions again, so
each derivative is as accurate as a value. `emit` copies these functions, so each uses math, torch and this file only.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

Real = float | Tensor
Elementwise = Callable[..., Tensor]  # (u, *parameters) -> value, all of one shape


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[Tensor, ...]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0; see runtime_numpy."""
    step, onset = 1 / 6, -math.log(bend * sharpness)
    first, last = math.floor((onset - 2.7) / step), math.ceil(math.log(math.expm1(reach / bend)) / step)
    s = step * torch.arange(first, last + 1, dtype=torch.float64)
    left = torch.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * torch.log1p(torch.exp(t)), bend * step * torch.special.expit(t) * (1 + left)


def unit_interval_rule(sharpness: float) -> tuple[Tensor, ...]:
    """Nodes x, 1 - x and weights w, each (n,), on (0, 1); see runtime_numpy."""
    step, onset = 1 / 6, -math.log(sharpness)
    s = step * torch.arange(math.floor((onset - 2.7) / step), math.ceil(2.7 / step) + 1, dtype=torch.float64)
    left, right = torch.exp(1.5 * (onset - s)), torch.exp(1.5 * s)
    t = s + (right - left) / 1.5
    x, rest = torch.special.expit(t), torch.special.expit(-t)
    return x, rest, step * x * rest * (1 + left + right)


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


class WithSlopes(torch.autograd.Function):
    """values(*points), whose gradient in points[k] is slopes[k](*points); slopes are differentiable in turn."""

    @staticmethod
    def forward(ctx: Any, values: Callable[..., Tensor], slopes: list[Callable[..., Tensor]], *points: Tensor):
        ctx.slopes = slopes
        ctx.save_for_backward(*points)
        return values(*points)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor):
        needed = zip(ctx.slopes, ctx.needs_input_grad[2:], strict=True)
        return None, None, *(grads[0] * slope(*ctx.saved_tensors) if need else None for slope, need in needed)


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


def gaussian_mean(
    f: Elementwise,
    mean: Real,
    variance: Real,
    *parameters: Real,
    scale: Real = 1.0,
) -> Tensor:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise on float64 tensors, analytic for Re u > 0 and for Re u < 0 (a kink at 0 is fine, and a jump if no
    gradient is asked for), and varies on no scale below scale / 100. d/dmean E f = E f'. NaN gives NaN.
    """
    require_closed(f, variance, *parameters)

    def in_mean(s: Tensor, m: Tensor, v: Tensor, *p: Tensor) -> Tensor:
        require_continuous(f, sees_zero(m, v) | (m == 0), s, *p)
        return gaussian_mean(slope_of(f, 0), m, v, *p, scale=s)

    slopes = [lambda s, *points: torch.zeros_like(s), in_mean, lambda *points: mean_by_variance(f, *points)]
    for k in range(len(parameters)):
        slopes.append(lambda s, *points, k=k: gaussian_mean(slope_of(f, k + 1), *points, scale=s))
    return with_slopes(lambda *points: mean_values(f, *points), slopes, scale, mean, variance, *parameters)


def quadrant(sigma: Tensor, c: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, their weights, and 2 u v c / (sigma^2 (1 + c)).

    v = sigma eta x_i and u = sigma eta (x_i + 2 rho x_j), eta^2 = (1 + c) / 2, rho^2 = (1 - c) / 2, turn the bivariate
    density at correlation c into exp(-(x_i^2 + 2 rho x_i x_j + x_j^2) / 2). sigma and c are (p, 1, 1), x and w (n,).
    """
    eta, rho, row = torch.sqrt((1 + c) / 2), torch.sqrt((1 - c) / 2), x[:, None]
    gauss, ratio = w * torch.exp(-x * x / 2), row + 2 * rho * x
    weight = gauss * torch.exp(-rho * (row * x))
    return sigma * eta * row, sigma * eta * ratio, eta / (2 * math.pi) * gauss[:, None], weight, c * row * ratio


def same_sign(
    f: Elementwise,
    g: Elementwise,
    s: Tensor,
    c: Tensor,
    sign: Tensor,
    p: list[Tensor],
    *rule: Tensor,
) -> Tensor:
    """E f(u) g(sign v) over |u| > |v|, u v > 0, at standard deviation s, correlation c, all (p, 1, 1); result (p,)."""
    v, u, row_weight, weight, _ = quadrant(s, c, *rule)
    plus = torch.sum(weight * (f(u, *p)), -1, keepdim=True) * g(sign * v, *p)
    minus = torch.sum(weight * (f(-u, *p)), -1, keepdim=True) * g(-sign * v, *p)
    return torch.sum(row_weight * (plus + minus), (1, 2))


def any_sign(
    f: Elementwise,
    g: Elementwise,
    s: Tensor,
    c: Tensor,
    sign: Tensor,
    p: list[Tensor],
    *rule: Tensor,
) -> Tensor:
    """E f(u) g(sign v) over |u| > |v|, 0 <= c < 1; shapes as in same_sign, weights as in runtime_numpy."""
    v, u, row_weight, weight, exponent = quadrant(s, c, *rule)
    excess, rest = -weight * torch.expm1(exponent / (c - 1)), weight * torch.exp(exponent / (c - 1))
    f_plus, f_minus, g_plus, g_minus = f(u, *p), f(-u, *p), g(sign * v, *p), g(-sign * v, *p)
    both = torch.sum(rest * (f_plus + f_minus), -1, keepdim=True) * (g_plus + g_minus)
    plus = torch.sum(excess * f_plus, -1, keepdim=True) * g_plus
    minus = torch.sum(excess * f_minus, -1, keepdim=True) * g_minus
    return torch.sum(row_weight * (both + plus + minus), (1, 2))


def pair_values(f: Elementwise, g: Elementwise, scale: Tensor, variance: Tensor, rho: Tensor, *p: Tensor) -> Tensor:
    """The quadrature of gaussian_pair; all arguments and the result are (n,)."""
    if torch.any(variance < 0):
        raise ValueError(f"gaussian_pair: variance {variance.min()} is negative; give numbers >= 0")
    sigma, value = torch.sqrt(variance), torch.full_like(variance, math.nan)
    sharpness = torch.clamp(100 * sigma / scale, min=10.0)
    unresolved = sharpness * torch.sqrt(1 - torch.abs(rho)) < 3
    orders = ((f, g),) if f is g else ((f, g), (g, f))
    for apart in (False, True):
        points = torch.nonzero(unresolved == apart)[:, 0]
        for rule, part in batches(lambda s: half_line_rule(s, 4.0, 10.0), sharpness[points], 2):
            i = points[part]
            s, c, *q = (each[i, None, None] for each in (sigma, torch.abs(rho), *p))
            sign = torch.where(rho[i, None, None] < 0, -1.0, 1.0)
            if apart:
                halves = [same_sign(*h, s, c, sign, q, *rule) + same_sign(*h, s, -c, -sign, q, *rule) for h in orders]
            else:
                halves = [any_sign(*h, s, c, sign, q, *rule) for h in orders]
            value[i] = torch.stack(halves).sum(0) * (2 / len(halves))
    return value


def pair_by_variance(f: Elementwise, g: Elementwise, *points: Tensor) -> Tensor:
    """d/dvariance E f g = E (u f' g + f v g') / (2 variance), or E (f'' g + 2 correlation f' g' + f g'') / 2 at 0.

    Its own slope in the variance cancels to an error of about 1e-16 / variance near 0.
    """
    f1, g1, zero = slope_of(f, 0), slope_of(g, 0), points[1] == 0
    for each in (f, g, f1, g1):
        require_continuous(each, zero, points[0], *points[3:])

    def either(a: Elementwise, b: Elementwise, s: Tensor, *rest: Tensor) -> Tensor:
        first = gaussian_pair(a, g, *rest, scale=s)
        return 2 * first if f is g else first + gaussian_pair(f, b, *rest, scale=s)

    live = [each[~zero] for each in points]
    stein = either(lambda u, *q: u * f1(u, *q), lambda u, *q: u * g1(u, *q), *live) / (2 * live[1])
    s, *rest = (each[zero] for each in points)
    limit = either(slope_of(f1, 0), slope_of(g1, 0), s, *rest) / 2 + rest[1] * gaussian_pair(f1, g1, *rest, scale=s)
    return torch.zeros_like(zero, dtype=torch.float64).masked_scatter(~zero, stein).masked_scatter(zero, limit)


def gaussian_pair(
    f: Elementwise,
    g: Elementwise,
    variance: Real,
    correlation: Real,
    *parameters: Real,
    scale: Real = 1.0,
) -> Tensor:
    """E f(u, *parameters) g(v, *parameters), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1.

    f and g are as in gaussian_mean, of any parity; the arguments broadcast. One function passed twice costs half.
    d/dcorrelation E f g = variance E f' g' (Price 1958, IRE Trans. Inf. Theory 4, 69). NaN gives NaN.
    """
    require_closed(f, variance, *parameters)
    require_closed(g, variance, *parameters)

    def in_correlation(s: Tensor, v: Tensor, c: Tensor, *p: Tensor) -> Tensor:
        require_continuous(f, v >= 0, s, *p)
        require_continuous(g, v >= 0, s, *p)
        slope = slope_of(f, 0)
        return v * gaussian_pair(slope, slope if f is g else slope_of(g, 0), v, c, *p, scale=s)

    def in_parameter(k: int, s: Tensor, *points: Tensor) -> Tensor:
        first = gaussian_pair(slope_of(f, k), g, *points, scale=s)
        return 2 * first if f is g else first + gaussian_pair(f, slope_of(g, k), *points, scale=s)

    slopes = [lambda s, *points: torch.zeros_like(s), lambda *points: pair_by_variance(f, g, *points), in_correlation]
    slopes += [lambda *points, k=k: in_parameter(k + 1, *points) for k in range(len(parameters))]
    return with_slopes(
        lambda *points: pair_values(f, g, *points), slopes, scale, variance, correlations(correlation), *parameters
    )


def corner_integrals(a: Tensor, rho: Tensor) -> tuple[Tensor, Tensor]:
    """Integrals of D(s) and of (|rho| - s) D(s) over 0 < s < |rho|, D = d/ds P(|x| < a, |y| < a), each (n,)."""
    if torch.any(a < 0):
        raise ValueError(f"clipped normals: a = {a.min()} is negative; give numbers >= 0")
    r = torch.abs(rho)
    low = torch.sqrt((1 - r) / (1 + r))
    width = 2 * r / ((1 + r) * (1 + low))
    first, second = torch.full_like(a, math.nan), torch.full_like(a, math.nan)
    for (t, rest, w), i in batches(unit_interval_rule, 100 / torch.where(a > 0, a, 1.0), 1):
        h, k, b = (each[i, None] for each in (a * a / 2, low, width))
        x = k + b * t
        square = 1 + x * x
        density = -2 / math.pi * b * w / square * torch.exp(-h * square)
        density = density * torch.expm1(-h * b * rest * (1 + x) * square / (x * x))
        first[i] = torch.sum(density, -1)
        second[i] = torch.sum(density * 2 * b * t * (x + k) / (square * (1 + k * k)), -1)
    return first, second


def box_in_rho(a: Tensor, rho: Tensor) -> Tensor:
    """d/drho P(|x| < a, |y| < a) = 2 n2(a, a; rho) - 2 n2(a, -a; rho), odd in rho, infinite at |rho| = 1."""
    sign = torch.where(rho < 0, -1.0, 1.0)
    r = sign * rho
    rest = (1 - r) * (1 + r)
    return -sign * torch.exp(-a * a / (1 + r)) * torch.expm1(-2 * a * a * r / rest) / (math.pi * torch.sqrt(rest))


def given_edge(a: Tensor, rho: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Given x = a: P(|y| < a), P(y > a) - P(y < -a), E clip(y, -a, a); and the density of x at a."""
    low = torch.sqrt((1 - rho) / (1 + rho))
    inner, outer = torch.special.erf(a * low / math.sqrt(2)), torch.special.erf(a / low / math.sqrt(2))
    inside, beyond = (inner + outer) / 2, (outer - inner) / 2
    gap = torch.expm1(-((a / low) ** 2) / 2) - torch.expm1(-((a * low) ** 2) / 2)
    spread = torch.sqrt((1 - rho) * (1 + rho) / (2 * math.pi)) * gap
    return inside, beyond, a * (rho * inside + beyond) + spread, torch.exp(-a * a / 2) / math.sqrt(2 * math.pi)


def box_in_edge(a: Tensor, rho: Tensor) -> Tensor:
    """d/da P(|x| < a, |y| < a) = 4 n(a) P(|y| < a | x = a)."""
    inside, _, _, density = given_edge(a, rho)
    return 4 * density * inside


def box_probability(a: Real, rho: Real) -> Tensor:
    """P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    Its slope in rho is infinite at |rho| = 1. Source: Plackett 1954, Biometrika 41, 351.
    """

    def values(edge: Tensor, c: Tensor) -> Tensor:
        return torch.special.erf(edge / math.sqrt(2)) ** 2 + corner_integrals(edge, c)[0]

    return with_slopes(values, [box_in_edge, box_in_rho], a, correlations(rho))


def clip_in_edge(a: Tensor, rho: Tensor) -> Tensor:
    """d/da E clip(x, -a, a) clip(y, -a, a) = 2 / a E (clip(x) - x 1(|x| < a)) clip(y), by Stein's theorem."""

    def values(edge: Tensor, c: Tensor) -> Tensor:
        _, _, mean, density = given_edge(edge, c)
        return 2 / edge * (clip_covariance(edge, c) - c * box_probability(edge, c) + 2 * density * mean)

    def in_edge(edge: Tensor, c: Tensor) -> Tensor:
        inside, beyond, mean, density = given_edge(edge, c)
        return (clip_in_edge(edge, c) + 4 * density * (beyond - c * inside - edge * mean)) / edge

    return with_slopes(values, [in_edge, box_in_edge], a, rho)


def clip_covariance(a: Real, rho: Real) -> Tensor:
    """E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    Its slope in rho is box_probability (Price 1958, IRE Trans. Inf. Theory 4, 69).
    """

    def values(edge: Tensor, c: Tensor) -> Tensor:
        inside = torch.special.erf(edge / math.sqrt(2)) ** 2
        return c * inside + torch.copysign(corner_integrals(edge, c)[1], c)

    return with_slopes(values, [clip_in_edge, box_probability], a, correlations(rho))


def exp_erfc(a: Real, b: Real) -> Tensor:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b)."""

    def values(x: Tensor, y: Tensor) -> Tensor:
        positive = torch.clamp(y, min=0.0)
        root = torch.exp((x - positive * positive) / 2)
        return root * torch.where(y > 0, torch.special.erfcx(positive), torch.special.erfc(y)) * root

    return with_slopes(values, [exp_erfc, lambda x, y: -2 / math.sqrt(math.pi) * torch.exp(x - y * y)], a, b)
