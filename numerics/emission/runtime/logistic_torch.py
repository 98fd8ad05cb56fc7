"""Gaussian expectations of tanh, which generated Torch modules call: those of logistic_numpy, differentiable.

Every derivative, of any order, is autograd's of the sum over the mixture, block by block, with no graph kept between.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.slopes_torch import Real, correlations, slope_of, with_slopes


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


def tanh_overlap_growth(variance: Real, correlation: Real) -> Tensor:
    """The derivative of tanh_overlap in the variance, at fixed correlation."""

    def term(total: Tensor, spread: Tensor, low: Tensor, high: Tensor, r: Tensor) -> Tensor:
        root = torch.sqrt(low * low * (1 - r) * (1 + r) + spread)
        return r * (spread - low * high / 2 * total) / (low * low + spread) / root

    return over_pairs(term, 1, variance, correlations(correlation))


def tanh_slope_growth(variance: Real, apart: Real) -> Tensor:
    """The derivative of tanh_slope_overlap in the variance, at fixed correlation."""

    def term(total: Tensor, spread: Tensor, low: Tensor, high: Tensor, apart: Tensor) -> Tensor:
        determinant = low * low * apart + spread
        return -(low * apart + high / 2 * total) * high / determinant / torch.sqrt(determinant)

    return over_pairs(term, 1, variance, distances(apart, 1))
