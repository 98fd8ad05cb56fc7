"""deterministic: derived, not written. Stamatescu et al. 2020, arXiv 1902.00177.

Weights binary; neurons sign; treatment marginalise; form exact.
"""

from __future__ import annotations

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


def at_extremes(
    value: Tensor, q: Tensor, zero: Callable[[], Tensor | float], infinity: Callable[[], Tensor | float]
) -> Tensor:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = (torch.as_tensor(limit(), dtype=value.dtype, device=value.device) for limit in (zero, infinity))
    return torch.where(q == 0, low, torch.where(torch.isinf(q), high, value))


def portion(part: Tensor, rest: Tensor) -> Tensor:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    return torch.where(rest == 0, 1.0, 1 / (1 + rest / part))


def scaled(share: Tensor, value: Tensor) -> Tensor:
    """share * value, 0 where share is 0, even if value is infinite."""
    return torch.where(share == 0, 0.0, share * value)


def mean(hbar: Tensor | float, Sigma: Tensor | float) -> Tensor:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return torch.erf(0.7071067811865476 * hbar / torch.sqrt(Sigma))


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
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    x0 = 1 / torch.sqrt(1 + 2 * q)
    x1 = 0.3183098861837907 * sigma_m2
    x2 = (1 - sigma_m2)
    return at_extremes((sigma_b2 + 2 * x1 * torch.atan(q * x0)) / (x2 + 4 * x1 * torch.atan(x0)), q, lambda: sigma_b2 / (x2 + sigma_m2), lambda: (sigma_b2 + sigma_m2) / x2)


def variance_slope(q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    x0 = 1 / torch.sqrt(1 + 2 * q)
    x1 = 0.3183098861837907
    x2 = 2 * x1
    x3 = (1 - sigma_m2)
    x4 = 1 / (x3 + 4 * sigma_m2 * x1 * torch.atan(x0))
    x5 = 1 / (x3 + sigma_m2)
    return at_extremes(sigma_m2 * ((x0 * x2 * x4)) * (((1 + x4 * (sigma_b2 + sigma_m2 * x2 * torch.atan(q * x0))) / (1 + q))), q, lambda: sigma_m2 * ((x2 * x5)) * ((1 + sigma_b2 * x5)), lambda: 0)


def correlation_map(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = 3.141592653589793 * sigma_b2
    x1 = 2 * sigma_m2
    return (x0 + x1 * torch.atan2(c * q, torch.sqrt(1 + q * (1 - c)) * torch.sqrt(1 + q * (1 + c)))) / (x0 + x1 * torch.atan(q / torch.sqrt(1 + 2 * q)))


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
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    x0 = 0.3183098861837907
    x1 = torch.sqrt(1 + 2 * q)
    x2 = torch.atan(q / x1)
    x3 = 1 / (1 + q)
    x4 = gap * q
    x5 = 2 - gap
    return at_extremes(portion(2 * sigma_m2 * x0 * x2, sigma_b2) * ((2 * torch.atan2(x3 * x4, x1 * x3 + x3 * torch.sqrt(1 + x4) * torch.sqrt(1 + q * x5)) / x2)), q, lambda: gap * portion(0, sigma_b2), lambda: 4 * x0 * portion(sigma_m2, sigma_b2) * torch.atan2(gap, torch.sqrt(gap) * torch.sqrt(x5)))


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    x0 = torch.atan(q / torch.sqrt(1 + 2 * q))
    x1 = 0.6366197723675814
    x2 = 2 - gap
    return at_extremes(portion(sigma_m2 * x0 * x1, sigma_b2) * ((q / (x0 * torch.sqrt(1 + gap * q) * torch.sqrt(1 + q * x2)))), q, lambda: portion(0, sigma_b2), lambda: scaled(portion(sigma_m2, sigma_b2), x1 / (torch.sqrt(gap) * torch.sqrt(x2))))


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
