"""Weights rounded from latent ones: forward the rounded, while gradients move the latent straight through."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor, nn

from meanbits.numerics.layers.field import signs
from meanbits.theory.declarations.latent_weights import ABSMEAN
from meanbits.theory.declarations.weights import FIXED_SIGNS, Weights

DEVIATION = 0.25  # of latent weights at first: 1, where they are kept, is four of them away


def _signs(latent: Tensor, own: tuple[int, ...]) -> Tensor:
    return signs(latent)


def _by_mean_size(latent: Tensor, own: tuple[int, ...]) -> Tensor:
    size = latent.abs().mean(own, keepdim=True).clamp(min=torch.finfo(latent.dtype).tiny)
    return (latent / size).round().clamp(-1, 1)


ROUNDING = MappingProxyType[str, Callable[[Tensor, tuple[int, ...]], Tensor]](
    {FIXED_SIGNS.name: _signs, ABSMEAN.name: _by_mean_size}
)


def rounded(weights: Weights, latent: Tensor, stacked: int = 0) -> Tensor:
    """The weights that latent ones (out, ...) are rounded to, whose first `stacked` dimensions count layers.

    Raises:
        ValueError: a law without a rounding.
    """
    if weights.name not in ROUNDING:
        raise ValueError(f"weights {weights.name}: how latent ones are rounded to them is not known; use "
                         f"{' or '.join(ROUNDING)}, or add a function to ROUNDING in {__name__}")  # fmt: skip
    return ROUNDING[weights.name](latent, tuple(range(stacked, latent.dim())))


def seen_through(weights: Weights, latent: Tensor, stacked: int = 0) -> Tensor:
    """The same, passing gradients on to the latent weights as they come: Hinton's straight-through estimator.

    Source: Bengio, Leonard, Courville 2013, arXiv 1308.3432; Hubara et al. 2016, arXiv 1602.02830.
    """
    known = latent.detach()
    return rounded(weights, known, stacked) + (latent - known)


@torch.no_grad()
def draw_latent_(latent: Tensor, weights: Weights, generator: torch.Generator | None = None) -> Tensor:
    """Latent weights before training: uniform in [-1, 1] for signs, else Gaussian and well within it."""
    if weights == FIXED_SIGNS:
        return latent.uniform_(-1, 1, generator=generator)
    return latent.normal_(0, DEVIATION, generator=generator)


class Rounded(nn.Module):
    """The parametrisation of a layer's weights by latent ones; what is assigned to the weights becomes these.

    >>> from meanbits.theory.declarations.weights import FIXED_SIGNS
    >>> latent = torch.tensor([[-0.2, 0.7]], requires_grad=True)
    >>> weights = Rounded(FIXED_SIGNS)(latent)
    >>> (3 * weights).sum().backward()
    >>> weights.tolist(), latent.grad.tolist()
    ([[-1.0, 1.0]], [[3.0, 3.0]])
    """

    def __init__(self, law: Weights) -> None:
        super().__init__()
        self.law = law

    def forward(self, latent: Tensor) -> Tensor:
        """The weights."""
        return seen_through(self.law, latent)

    def right_inverse(self, latent: Tensor) -> Tensor:
        """The latent weights themselves."""
        return latent
