"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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


def arc_cosine_kernel(delta: Tensor) -> Tensor:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * torch.asin(torch.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return torch.where(t < 1, series, torch.sin(t) - t * torch.cos(t)) / (2 * torch.pi)


def arc_cosine_difference(rest: Tensor | float, drop: Tensor) -> Tensor:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop.

    It is the integral of (pi - t) sin t / (2 pi) between the angles, with mid and half their mean and half difference.
    """
    rest = torch.as_tensor(rest, dtype=drop.dtype, device=drop.device)
    outer = rest + drop
    half = torch.atan2(drop, torch.sqrt(rest * (2 - rest)) + torch.sqrt(outer * (2 - outer)))
    mid = 2 * torch.asin(torch.sqrt(rest / 2)) + half
    inner = 2 * torch.sin(half / 2) ** 2
    wedge = (torch.pi - mid) * torch.sin(mid) * torch.sin(half) / torch.pi
    return wedge - 2 * torch.cos(mid) * arc_cosine_kernel(inner)


def at_extremes(
    value: Tensor, q: Tensor, zero: Callable[[], Tensor | float], infinity: Callable[[], Tensor | float]
) -> Tensor:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = (torch.as_tensor(limit(), dtype=value.dtype, device=value.device) for limit in (zero, infinity))
    return torch.where(q == 0, low, torch.where(torch.isinf(q), high, value))


def portion(part: Tensor, rest: Tensor) -> Tensor:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    return torch.where(rest == 0, 1.0, 1 / (1 + rest / part))


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
    return x0 + x0 * torch.erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * torch.exp(-hbar * hbar / (2 * Sigma))


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
    x5 = torch.erf(x2 * x4 / x3)
    return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * torch.exp(-x1 / Sigma))


def total_map(T: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(sigma_b2 + T / 2, T, sigma_m2, sigma_b2)


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
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    x0 = 1 / (1 + q)
    x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q))
    x2 = (1 - sigma_m2)
    x3 = T / 2
    x4 = 0.3183098861837907 * x3
    return at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, lambda: (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), lambda: 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2))


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    x0 = 0.3183098861837907
    x1 = 1 / (1 + q)
    x2 = 1 + 2 * q
    x3 = T * arc_cosine_kernel(x1 * x2)
    x4 = 1 - sigma_m2
    x5 = (x4)
    x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1))
    x7 = T / 2
    x8 = x0 * x7
    x9 = 1 / (x7 - x8 + x5 * x8)
    return at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * torch.atan(torch.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, lambda: sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), lambda: 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T)


def correlation_map(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    return (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)))


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
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    x0 = 1 / (1 + q)
    x1 = arc_cosine_kernel(x0 * (1 + 2 * q))
    x2 = T * sigma_m2
    return at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q * x0) / x1)), q, lambda: 0, lambda: 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2))


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float, T: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    x2 = arc_cosine_kernel(x1 * (1 + 2 * q))
    x3 = T * sigma_m2
    x4 = 0.3183098861837907
    x5 = 1 / torch.sqrt(x0)
    x6 = 2 - gap
    return at_extremes(portion(x2 * x3, sigma_b2) * ((q * x1 * x4 * torch.atan2(x5 * torch.sqrt(1 + q * x6), x5 * torch.sqrt(1 + gap * q)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * torch.atan2(torch.sqrt(x6), torch.sqrt(gap)))


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
