"""shayer: derived, not written. Shayer, Levi, Fetaya 2017, arXiv 1710.07739.

Weights binary; neurons tanh; treatment sample; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

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


Real = float | Tensor


Elementwise = Callable[..., Tensor]  # (u, *parameters) -> value, all of one shape


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


def quadrant(sigma: Tensor, c: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, their weights, and 2 u v c / (sigma^2 (1 + c)).

    v = sigma eta x_i and u = sigma eta (x_i + 2 rho x_j), eta^2 = (1 + c) / 2, rho^2 = (1 - c) / 2, turn the bivariate
    density at correlation c into exp(-(x_i^2 + 2 rho x_i x_j + x_j^2) / 2). sigma and c are (p, 1, 1), x and w (n,).
    """
    eta, rho, row = torch.sqrt((1 + c) / 2), torch.sqrt((1 - c) / 2), x[:, None]
    gauss, ratio = w * torch.exp(-x * x / 2), row + 2 * rho * x
    weight = gauss * torch.exp(-rho * (row * x))
    return sigma * eta * row, sigma * eta * ratio, eta / (2 * math.pi) * gauss[:, None], weight, c * row * ratio


def signs_apart(
    f: Elementwise, g: Elementwise, s: Tensor, c: Tensor, sign: Tensor, p: list[Tensor], *rule: Tensor
) -> Tensor:
    """E f(u) g(sign v) over |u| > |v| at standard deviation s, correlation c; each sign of u v has nodes of its own.

    s, c and sign are (p, 1, 1), the result is (p,).
    """
    total = torch.zeros_like(s[:, 0, 0])
    for side in (1.0, -1.0):
        v, u, row_weight, weight, _ = quadrant(s, side * c, *rule)
        plus = torch.sum(weight * f(u, *p), -1, keepdim=True) * g(side * sign * v, *p)
        minus = torch.sum(weight * f(-u, *p), -1, keepdim=True) * g(-side * sign * v, *p)
        total = total + torch.sum(row_weight * (plus + minus), (1, 2))
    return total


def signs_together(
    f: Elementwise, g: Elementwise, s: Tensor, c: Tensor, sign: Tensor, p: list[Tensor], *rule: Tensor
) -> Tensor:
    """The same on one set of nodes, for 0 <= c < 1.

    The density at (u, -v) is the one at (u, v) times e^-y, y = 2 u v c / (s^2 (1 - c^2)). With weights e^-y for the sum
    of the quadrants and 1 - e^-y for (u, v), odd functions keep their digits as c -> 0, positive ones as c -> -1.
    """
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
    for folded, chosen in ((signs_together, ~unresolved), (signs_apart, unresolved)):
        points = torch.nonzero(chosen)[:, 0]
        for rule, part in batches(lambda s: half_line_rule(s, 4.0, 10.0), sharpness[points], 2):
            i = points[part]
            s, c, *q = (each[i, None, None] for each in (sigma, torch.abs(rho), *p))
            sign = torch.where(rho[i, None, None] < 0, -1.0, 1.0)
            value[i] = sum(folded(*order, s, c, sign, q, *rule) for order in orders) * (2 / len(orders))
    return value


def product_rule(f: Elementwise, g: Elementwise, f1: Elementwise, g1: Elementwise, s: Tensor, *rest: Tensor) -> Tensor:
    """E f1(u) g(v) + E f(u) g1(v), f1 and g1 being one operation on f and on g; equal terms if f is g."""
    first = gaussian_pair(f1, g, *rest, scale=s)
    return 2 * first if f is g else first + gaussian_pair(f, g1, *rest, scale=s)


def pair_by_variance(f: Elementwise, g: Elementwise, *points: Tensor) -> Tensor:
    """d/dvariance E f g = E (u f' g + f v g') / (2 variance), or E (f'' g + 2 correlation f' g' + f g'') / 2 at 0.

    Its own slope in the variance cancels to an error of about 1e-16 / variance near 0.
    """
    f1, g1, zero = slope_of(f, 0), slope_of(g, 0), points[1] == 0
    for each in (f, g, f1, g1):
        require_continuous(each, zero, points[0], *points[3:])
    live = [each[~zero] for each in points]
    stein = product_rule(f, g, lambda u, *q: u * f1(u, *q), lambda u, *q: u * g1(u, *q), *live) / (2 * live[1])
    s, *rest = (each[zero] for each in points)
    curvature = product_rule(f, g, slope_of(f1, 0), slope_of(g1, 0), s, *rest) / 2
    limit = curvature + rest[1] * gaussian_pair(f1, g1, *rest, scale=s)
    return torch.zeros_like(zero, dtype=torch.float64).masked_scatter(~zero, stein).masked_scatter(zero, limit)


def gaussian_pair(
    f: Elementwise, g: Elementwise, variance: Real, correlation: Real, *parameters: Real, scale: Real = 1.0
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

    slopes = [lambda s, *points: torch.zeros_like(s), lambda *points: pair_by_variance(f, g, *points), in_correlation]
    for k in range(1, len(parameters) + 1):
        slopes.append(lambda *points, k=k: product_rule(f, g, slope_of(f, k), slope_of(g, k), *points))
    return with_slopes(
        lambda *points: pair_values(f, g, *points), slopes, scale, variance, correlations(correlation), *parameters
    )


def integrand_1(u: Tensor) -> Tensor:
    return torch.tanh(u) ** 2


def integrand_2(u: Tensor) -> Tensor:
    return (1 - 3 * torch.tanh(u) ** 2) * (1 - torch.tanh(u) ** 2)


def integrand_3(u: Tensor) -> Tensor:
    return torch.tanh(u)


def integrand_4(u: Tensor) -> Tensor:
    return 1 - torch.tanh(u) ** 2


def integrand_5(u: Tensor) -> Tensor:
    return (1 - torch.tanh(u) ** 2) ** 2


def integrand_6(u: Tensor) -> Tensor:
    return (1 - torch.tanh(u) ** 2) ** 2 * torch.tanh(u) ** 2


def mean(h: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return torch.tanh(h)


def second_moment(h: Tensor | float) -> Tensor:
    """Second moment, E x^2.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return torch.tanh(h) ** 2


def total_map(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_1, 0, T)
    return broadcast(sigma_b2 + expectation_1, T, sigma_m2, sigma_b2)


def variance_map(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_1, 0, q)
    return broadcast(sigma_b2 + expectation_1, q, sigma_m2, sigma_b2)


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_2, 0, q)
    return broadcast(expectation_1, q, sigma_m2, sigma_b2)


def correlation_map(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_1, 0, q)
    expectation_2 = gaussian_pair(integrand_3, integrand_3, q, c)
    return (sigma_b2 + expectation_2 * sigma_m2) / (sigma_b2 + expectation_1)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_pair(integrand_4, integrand_4, q, c)
    expectation_2 = gaussian_mean(integrand_1, 0, q)
    return expectation_1 * q * sigma_m2 / (sigma_b2 + expectation_2)


def replica_map(r: Tensor | float, T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_1, 0, T)
    expectation_2 = gaussian_pair(integrand_3, integrand_3, T, r)
    return (sigma_b2 + expectation_2 * sigma_m2) / (sigma_b2 + expectation_1)


def jacobian(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    expectation_1 = gaussian_mean(integrand_5, 0, q)
    return broadcast(expectation_1 * sigma_m2, q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, mu_4: Tensor | float) -> Tensor:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    expectation_1 = gaussian_mean(integrand_6, 0, q)
    expectation_2 = gaussian_mean(integrand_1, 0, q)
    return broadcast(expectation_1 * (1 + mu_4 - 2 * sigma_m2) / (expectation_2 * (1 - sigma_m2)), q, sigma_m2, sigma_b2, mu_4)
