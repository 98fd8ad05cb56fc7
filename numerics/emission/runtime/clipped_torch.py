"""Clipped bivariate normals, which generated Torch modules call: those of clipped_numpy, with slopes in closed form."""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.quadrature_torch import batches, unit_interval_rule
from meanbits.numerics.emission.runtime.slopes_torch import Real, correlations, with_slopes

FARTHEST = 50.0  # the normal density there is exp(-1250), which float64 rounds to 0, as beyond


def strip_integrals(a: Tensor, low: Tensor, width: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
    """Integrals of D(s) and of (r - s) D(s), D = d/ds P(|x| < a, |y| < a), each (n,).

    s runs below r: sqrt((1 - s) / (1 + s)) from low, where s = r, to low + width = 1 - top <= 1.
    """
    if torch.any(a < 0):
        raise ValueError(f"clipped normals: a = {a.min()} is negative; give numbers >= 0")
    first, second = torch.full_like(a, math.nan), torch.full_like(a, math.nan)
    for (t, rest, w), i in batches(unit_interval_rule, 100 / torch.where(a > 0, a, 1.0), 1):
        h, k, b, end = (each[i, None] for each in (torch.clamp(a, max=FARTHEST) ** 2 / 2, low, width, top))
        x = k + b * t
        square = 1 + x * x
        density = -2 / math.pi * b * w / square * torch.exp(-h * square)
        density = density * torch.expm1(-h * (end + b * rest) * (1 + x) * square / (x * x))
        first[i] = torch.sum(density, -1)
        second[i] = torch.sum(density * 2 * b * t * (x + k) / (square * (1 + k * k)), -1)
    return first, second


def corner_integrals(a: Tensor, rho: Tensor) -> tuple[Tensor, Tensor]:
    """`strip_integrals` over 0 < s < r = |rho|."""
    r = torch.abs(rho)
    low = torch.sqrt((1 - r) / (1 + r))
    return strip_integrals(a, low, 2 * r / ((1 + r) * (1 + low)), torch.zeros_like(r))


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


def box_apart(a: Real, apart: Real) -> Tensor:
    """box_probability in terms of apart = 1 - rho^2 in [0, 1], to its last digits as that vanishes."""

    def values(edge: Tensor, square: Tensor) -> Tensor:
        r = torch.sqrt(1 - square)
        low = torch.sqrt(square) / (1 + r)
        width = 2 * r / ((1 + r) * (1 + low))
        return torch.special.erf(edge / math.sqrt(2)) ** 2 + strip_integrals(edge, low, width, torch.zeros_like(r))[0]

    def in_edge(edge: Tensor, square: Tensor) -> Tensor:
        return box_in_edge(edge, torch.sqrt(1 - square))

    return with_slopes(values, [in_edge, box_in_apart], a, apart)


def box_in_apart(a: Tensor, square: Tensor) -> Tensor:
    """-1 / (2 rho) of `box_in_rho`, in square = 1 - rho^2: a sinh of rho over rho, as that vanishes by its series."""
    rate = a * a / square
    size = rate * rate * (1 - square)
    r, z = torch.sqrt(torch.where(size < 1, 0.5, 1 - square)), torch.where(size < 1, size, 0.0)
    series = torch.ones_like(z)
    for k in range(8, 0, -1):
        series = 1 + z / (2 * k * (2 * k + 1)) * series
    near = -rate * torch.exp(-rate) * series / (math.pi * torch.sqrt(square))
    beyond = torch.exp(-a * a / (1 + r)) * torch.expm1(-2 * rate * r) / (2 * math.pi * r * torch.sqrt(square))
    return torch.where(size < 1, near, beyond)


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


def clip_difference(a: Real, rest: Real, drop: Real) -> Tensor:
    """clip_covariance at correlation 1 - rest less that at 1 - rest - drop; a, rest and drop broadcast, rest <= 1.

    The integral of box_probability between them, by parts: a sum of positive terms. A correlation below 0 is reached
    by way of 0, about which the covariance is odd.
    """

    def values(edge: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        crosses = near + fall > 1
        far, part = torch.where(crosses, 1.0, near + fall), torch.where(crosses, 1 - near, fall)
        low, high = (torch.sqrt(distance / (2 - distance)) for distance in (near, far))
        width = torch.where(part > 0, 2 * part / ((2 - near) * (2 - far) * (low + high)), 0.0)
        below = 2 * (1 - far) / ((2 - far) * (1 + high))
        inside = torch.special.erf(edge / math.sqrt(2)) ** 2
        inside = inside + strip_integrals(edge, high, below, torch.zeros_like(high))[0]
        _, second = strip_integrals(edge, low, width, below)
        beyond = torch.where(crosses, near + fall - 1, 0.0)
        return part * inside + second + clip_covariance(edge, beyond)

    def in_edge(edge: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return clip_in_edge(edge, 1 - near) - clip_in_edge(edge, 1 - near - fall)

    def in_rest(edge: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return box_probability(edge, 1 - near - fall) - box_probability(edge, 1 - near)

    def in_drop(edge: Tensor, near: Tensor, fall: Tensor) -> Tensor:
        return box_probability(edge, 1 - near - fall)

    return with_slopes(values, [in_edge, in_rest, in_drop], a, rest, drop)
