"""Mean and variance of the field of a layer (stage 2 of the theory) on tensors, with one hand-written gradient."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


class State(NamedTuple):
    """Means E x and second moments E x^2 of a layer's neurons, both (..., neurons); None where x^2 = 1."""

    mean: Tensor
    second_moment: Tensor | None = None


class Field(NamedTuple):
    """Mean hbar and variance Sigma of a layer's field, both (..., neurons); variance None where nothing is random."""

    mean: Tensor
    variance: Tensor | None


def accumulated(tensor: Tensor) -> Tensor:
    """In the type that sums are taken in: float32 for half precision, else its own."""
    return tensor.float() if tensor.dtype in HALF else tensor


def product(left: Tensor, right: Tensor, added: Tensor, scale: float = 1.0) -> Tensor:
    """scale left (..., n, k) right (..., k, m) plus a row (..., m); matrices, or stacks of matrices."""
    if left.dim() == 2:
        return torch.addmm(added, left, right, alpha=scale)
    return torch.baddbmm(added.unsqueeze(-2), left, right, alpha=scale)


class BitMoments(torch.autograd.Function):
    """hbar = M m / sqrt(N) + b and Sigma = (1/N) sum_j [R (1 - m_j^2) + V_ij m_j^2], V = R - M^2, for states of bits.

    Two matrix products forward and four backward; V is made again rather than kept. All terms of the sum are >= 0, so
    Sigma keeps its digits as means go to +-1.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(m: Tensor, weights: Tensor, bias: Tensor, second_moment: float) -> tuple[Tensor, Tensor]:
        return product(m, weights.mT, bias, 1 / math.sqrt(m.shape[-1])), _variance(m * m, None, weights, second_moment)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.second_moment = inputs[3]
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (m, weights), (of_mean, of_variance) = ctx.saved_tensors, grad_outputs
        n, second, of_m, of_weights = m.shape[-1], ctx.second_moment, None, None
        along, across = of_mean / math.sqrt(n), of_variance * (2 / n)
        if ctx.needs_input_grad[0]:
            of_square = across @ _spread(weights, second) - second * across.sum(-1, keepdim=True)
            of_m = torch.addcmul(along @ weights, m, of_square)
        if ctx.needs_input_grad[1]:
            of_weights = _less(weights, across.mT @ (m * m), along.mT, m)
        return of_m, of_weights, of_mean.sum(-2), None


def _variance(square: Tensor, r: Tensor | None, weights: Tensor, second_moment: float) -> Tensor:
    """(1/N) sum_j [R (r_j - m_j^2) + V_ij m_j^2], r = 1 if None; square = m^2."""
    rest = ((1 if r is None else r) - square).sum(-1, keepdim=True) * (second_moment / square.shape[-1])
    return torch.add(rest, square @ _spread(weights, second_moment).mT, alpha=1 / square.shape[-1])


def _spread(weights: Tensor, second_moment: float) -> Tensor:
    """V = R - M^2, in one pass."""
    return torch.addcmul(weights.new_full((), second_moment), weights, weights, value=-1)


def _less(weights: Tensor, slope: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left right - weights * slope, in the place of slope where no graph of it is wanted."""
    if torch.is_grad_enabled():
        return left @ right - weights * slope
    slope *= weights
    add = slope.addmm_ if slope.dim() == 2 else slope.baddbmm_
    return add(left, right, beta=-1)


def field_moments(
    state: State, weights: Tensor, bias: Tensor, second_moment: float | None, through_variance: bool = True
) -> Field:
    """The field of a layer: weights of means (..., out, in) and E S^2 = second_moment (None: M^2), biases (..., out).

    Sigma = (1/N) sum_j (R r - M^2 m^2) = (1/N) sum_j [R (r - m^2) + (R - M^2) m^2]. through_variance: whether Sigma
    passes gradients. Source: theory, `theory.moments`; Stamatescu et al. 2020, eqs. 6-7.
    """
    m, weights, bias = map(accumulated, (state.mean, weights, bias))
    if state.second_moment is None and second_moment is not None and through_variance:
        hbar, variance = BitMoments.apply(m, weights, bias, second_moment)  # pyright: ignore
        return Field(hbar, variance)
    hbar = product(m, weights.mT, bias, 1 / math.sqrt(m.shape[-1]))
    r = None if state.second_moment is None else accumulated(state.second_moment)
    with torch.set_grad_enabled(torch.is_grad_enabled() and through_variance):
        square = m * m
        if second_moment is None:
            rest = (1 if r is None else r) - square
            return Field(hbar, rest @ (weights * weights).mT / m.shape[-1])
        return Field(hbar, _variance(square, r, weights, second_moment))
