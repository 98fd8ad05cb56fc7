"""Norms of fields that have a mean and a variance: what the norm of the stochastic network does to both.

Its norm sees h = hbar + sqrt(Sigma) z. By the law of total variance the spread of h over a large batch is that of hbar
and the mean of Sigma together, so that (hbar, Sigma) -> ((hbar - mu)/sqrt(V), Sigma/V).
"""

from __future__ import annotations

import torch
from torch import Tensor

from meanbits.numerics.layers.field import Field

LEAST = 1e-5  # added to variances, as in torch.nn: a unit may be constant over a batch
Moments = tuple[Tensor, Tensor]  # mu and V of each unit


def batch_moments(field: Field, axes: tuple[int, ...], correction: int = 0) -> Moments:
    """mu = <hbar> and V = Var hbar + <Sigma> of each unit over the axes of a batch, which are kept."""
    mean = field.mean.mean(axes, keepdim=True)
    squares = (field.mean - mean).square()  # Tensor.var takes ten times as long
    spread = squares.sum(axes, keepdim=True) / (squares.numel() // mean.numel() - correction)
    return mean, _plus(spread, field.variance, axes)


def over_batch(field: Field, moments: Moments) -> Field:
    """Batch norm by these moments."""
    return _divided(Field(field.mean - moments[0], field.variance), moments[1])


def over_units(field: Field, kind: str) -> Field:
    """rms or layer norm of each input, V = <hbar^2> + <Sigma> over the last dimension, for layer norm less <hbar>."""
    hbar, variance = field
    centred = hbar if kind == "rms" else hbar - hbar.mean(-1, keepdim=True)
    spread = _plus(centred.square().mean(-1, keepdim=True), variance, (-1,))
    return _divided(Field(centred, variance), spread)


def scaled(field: Field, factor: float) -> Field:
    """The field times a factor > 0."""
    if factor == 1:
        return field
    return Field(factor * field.mean, None if field.variance is None else _positive(factor**2 * field.variance))


def _divided(field: Field, spread: Tensor) -> Field:
    """Over sqrt(V); a variance stays above 0, where neurons may jump."""
    mean, variance = field
    variance = None if variance is None else _positive(variance / (spread + LEAST))
    return Field(mean / (spread + LEAST).sqrt(), variance)


def _plus(spread: Tensor, variance: Tensor | None, axes: tuple[int, ...]) -> Tensor:
    return spread if variance is None else spread + variance.mean(axes, keepdim=True)


def _positive(variance: Tensor) -> Tensor:
    return torch.clamp(variance, min=torch.finfo(variance.dtype).tiny)
