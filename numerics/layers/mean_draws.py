"""Draws of weight means on tensors, from the laws of `declarations.mean_law`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from meanbits.numerics.layers.layer_rule import largest_mean
from meanbits.theory.declarations.law import Law
from meanbits.theory.declarations.mean_law import mean_law


@torch.no_grad()
def draw_means_(
    mean: Tensor, sigma_m2: float, law: str, limit: float | None, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor with i.i.d. means of variance sigma_m2, |M| below limit (None: any real).

    Raises:
        ValueError: an unknown law, or a variance that it cannot have within the limit.
    """
    declared = mean_law(law)
    if mean.grad_fn is not None:
        raise ValueError("these means are computed, as layer.mean is where keep = tanh or weights are rounded, and "
                         "draws into them would be lost; draw into torch.empty_like(layer.mean) and assign "
                         "it")  # fmt: skip
    if not 0 <= sigma_m2 < math.inf:
        raise ValueError(f"sigma_m2 = {sigma_m2}: a variance must be finite and at least 0")
    if limit is not None and not 0 < limit < math.inf:
        raise ValueError(f"limit = {limit}: the largest |M| must be positive and finite; None is for no limit")
    if 0 < math.sqrt(sigma_m2) < torch.finfo(mean.dtype).tiny / torch.finfo(mean.dtype).eps:
        raise ValueError(f"sigma_m2 = {sigma_m2:g}: means as small as that lose their digits in {mean.dtype}; "
                         f"give 0, or use torch.float64")  # fmt: skip
    if limit is not None:
        declared.require(sigma_m2, limit)  # refuses a variance that the law cannot have
    elif law == "beta":
        raise ValueError("law = 'beta' needs bounded weights; use two-point, uniform or clipped-gaussian")
    top = largest_mean(limit, mean.dtype)
    at_edge = limit is not None and sigma_m2 == limit**2
    if law == "two-point" or at_edge or sigma_m2 == 0:
        up = torch.rand(mean.shape, generator=generator, device=mean.device) < 0.5
        value = min(math.sqrt(sigma_m2), top)
        return mean.fill_(-value).masked_fill_(up, value)
    if limit is None:
        scale = math.sqrt(sigma_m2)
        return mean.normal_(0, scale, generator=generator) if law == "clipped-gaussian" else mean.uniform_(
            -scale * math.sqrt(3), scale * math.sqrt(3), generator=generator)  # fmt: skip
    return mean.copy_(_bounded(mean, law, declared.scale_of(sigma_m2, limit), generator).mul_(limit)).clamp_(-top, top)


def drawn_values(law: Law, shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """Values of a law, pairs (value, probability); float64."""
    values, chances = (torch.tensor([float(each) for each in part], dtype=torch.float64)
                       for part in zip(*law, strict=True))  # fmt: skip
    return values[torch.multinomial(chances, math.prod(shape), True, generator=generator)].view(*shape)


def _bounded(like: Tensor, law: str, scale: float, generator: torch.Generator | None) -> Tensor:
    """Draws on [-1, 1] of a law that has a scale, in float64."""
    drawn = torch.empty(like.shape, dtype=torch.float64, device=like.device)
    if law == "uniform":
        return drawn.uniform_(-scale, scale, generator=generator)
    if law == "clipped-gaussian":
        return drawn.normal_(0, scale, generator=generator).clamp_(-1, 1)
    if law == "beta":
        return _beta(drawn, scale, generator)
    raise ValueError(f"law {law}: no draws are known for it")


def _beta(drawn: Tensor, scale: float, generator: torch.Generator | None) -> Tensor:
    """2 Beta(s, s) - 1 by its quantile function at uniform numbers, that of M^2, Beta(1/2, s): it keeps its digits."""
    from scipy import special

    centred = 2 * drawn.uniform_(0, 1, generator=generator).cpu().numpy() - 1
    size = special.betaincinv(0.5, scale, abs(centred)) ** 0.5
    return torch.copysign(torch.as_tensor(size), torch.as_tensor(centred)).to(drawn.device)
