"""Means of odd functions of a Gaussian field, for Torch: those of odd_means_numpy, with slopes in closed form."""

import math

import torch
from torch import Tensor

from meanbits.numerics.emission.runtime.elementwise_torch import exp_erfc
from meanbits.numerics.emission.runtime.slopes_torch import Real, with_slopes
from meanbits.numerics.emission.runtime.strips_torch import strip_rule

FLAT = 6.0  # 1 - erf there, and exp(-x^2), are below 2^-53


def bell(x: Tensor, y: Tensor, sign: int) -> Tensor:
    """(exp(-(x + y)^2) +- exp(-(x - y)^2)) / sqrt(pi)."""
    return (torch.exp(-((x + y) ** 2)) + sign * torch.exp(-((x - y) ** 2))) / math.sqrt(math.pi)


def erf_pair(x: Real, y: Real) -> Tensor:
    """(erf(x + y) + erf(x - y)) / 2; x and y broadcast."""

    def values(first: Tensor, second: Tensor) -> Tensor:
        size, far = torch.abs(first), torch.abs(second)
        apart = torch.special.erfc(far - size) - torch.special.erfc(far + size)
        beside = torch.special.erf(size + far) + torch.special.erf(size - far)
        t, w = (each.to(size) for each in strip_rule(1))
        near = torch.sum(w * torch.exp(-((far + size * (2 * t - 1)) ** 2)), 0)
        value = torch.where(size < far, apart, beside) / 2
        close = (size < 1) & (4 * size * far < 1)
        return torch.copysign(torch.where(close, 2 * size / math.sqrt(math.pi) * near, value), first)

    return with_slopes(values, [lambda a, b: bell(a, b, 1), lambda a, b: bell(a, b, -1)], x, y)


def clip_mean(mean: Real, variance: Real) -> Tensor:
    """E clip(u, -1, 1) for u of this mean and variance >= 0, which broadcast."""

    def values(h: Tensor, v: Tensor) -> Tensor:
        size, spread = torch.abs(h), torch.clamp(torch.sqrt(2 * v), min=1e-300)
        inner, low = torch.clamp(size, max=1.0), torch.abs(1 - size)
        width = torch.clamp(2 * inner, min=1e-300)
        reach = torch.clamp((FLAT * spread - low) / width, 0, 1)
        t, w = (each.to(size) for each in strip_rule(3))
        near = torch.sum(w * torch.special.erf((low + width * reach * t) / spread), 0)
        return torch.copysign(inner * (reach * near + (1 - reach)), h)

    def in_mean(h: Tensor, v: Tensor) -> Tensor:
        spread = torch.sqrt(2 * v)
        return erf_pair(1 / spread, h / spread)

    def in_variance(h: Tensor, v: Tensor) -> Tensor:
        spread = torch.sqrt(2 * v)
        return bell(1 / spread, h / spread, -1) / (2 * spread)

    return with_slopes(values, [in_mean, in_variance], mean, variance)


def laplace_slope(h: Tensor, v: Tensor) -> Tensor:
    """E exp(-|u|), even in h."""
    size, root = torch.abs(h), torch.sqrt(v / 2)
    return (exp_erfc(v / 2 - size, root - size / (2 * root)) + exp_erfc(v / 2 + size, root + size / (2 * root))) / 2


def laplace_mean(mean: Real, variance: Real) -> Tensor:
    """E sign(u) (1 - exp(-|u|)) for u of this mean and variance >= 0, which broadcast."""

    def values(h: Tensor, v: Tensor) -> Tensor:
        size, root = torch.abs(h), torch.sqrt(v / 2)
        end = size / torch.clamp(2 * root, min=1e-300)
        t, w = (each.to(size) for each in strip_rule(3))
        x = torch.clamp(end, max=FLAT) * t
        slope = torch.exp(-x * x) * (torch.special.erfcx(root - x) + torch.special.erfcx(root + x)) / 2
        beyond = torch.where(root < end, -torch.expm1(v / 2 - size), 1.0)
        return torch.copysign(torch.where(end <= FLAT, size * torch.sum(w * slope, 0), beyond), h)

    def in_variance(h: Tensor, v: Tensor) -> Tensor:
        return (laplace_mean(h, v) - torch.special.erf(h / torch.sqrt(2 * v))) / 2

    return with_slopes(values, [laplace_slope, in_variance], mean, variance)
