"""Gaussian expectations that generated Torch modules call: those of gaussian_numpy, differentiable to every order.

Gradients are the theorems of Price and Stein, which call the same functions again.
"""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.quadrature_torch import batches, half_line_rule
from meanbits.numerics.emission.runtime.slopes_torch import (
    Elementwise,
    Real,
    correlations,
    require_closed,
    require_continuous,
    slope_of,
    with_slopes,
)


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
