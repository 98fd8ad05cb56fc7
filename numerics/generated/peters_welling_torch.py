"""peters-welling: derived, not written. Peters & Welling 2018, arXiv 1809.03368.

Weights binary; neurons sign; treatment sample-neurons; form exact.
"""

from __future__ import annotations

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
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(0.3183098861837907 * (3.141592653589793 * sigma_b2 + 2 * sigma_m2 * torch.asin(c)) / (1 + sigma_b2), c, q, sigma_m2, sigma_b2)


def chi(c: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    return broadcast(0.6366197723675814 * sigma_m2 / (torch.sqrt(1 - c) * torch.sqrt(1 + c) * (1 + sigma_b2)), c, q, sigma_m2, sigma_b2)


def gap_map(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    x0 = 1 / (1 + sigma_b2)
    return broadcast(x0 * ((1 - sigma_m2)) + 1.2732395447351628 * sigma_m2 * x0 * torch.atan2(gap, torch.sqrt(gap) * torch.sqrt(2 - gap)), gap, q, sigma_m2, sigma_b2)


def chi_at_gap(gap: Tensor | float, q: Tensor | float, sigma_m2: Tensor | float, sigma_b2: Tensor | float) -> Tensor:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    return broadcast(scaled(sigma_m2 / (1 + sigma_b2), 0.6366197723675814 / (torch.sqrt(gap) * torch.sqrt(2 - gap))), gap, q, sigma_m2, sigma_b2)


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
