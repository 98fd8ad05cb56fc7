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


def product(left: Tensor, right: Tensor, added: Tensor | None = None, scale: float = 1.0) -> Tensor:
    """scale left (..., n, k) right (..., k, m), plus a row; matrices, or stacks of matrices."""
    row = left.new_zeros(()) if added is None else added
    if left.dim() == 2:
        return torch.addmm(row, left, right, beta=int(added is not None), alpha=scale)
    return torch.baddbmm(row.unsqueeze(-2) if row.dim() else row, left, right, beta=int(added is not None), alpha=scale)


class BitMoments(torch.autograd.Function):
    """hbar = M m / sqrt(N) + b and Sigma = (1/N) sum_j [R (1 - m_j^2) + V_ij m_j^2], V = R - M^2, for states of bits.

    Two matrix products forward and four backward. All terms of the sum are >= 0, so Sigma keeps its digits as means go
    to +-1.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(m: Tensor, weights: Tensor, bias: Tensor, second_moment: float) -> tuple[Tensor, Tensor, Tensor]:
        n, square = m.shape[-1], m * m
        spread = torch.addcmul(weights.new_full((), second_moment), weights, weights, value=-1)
        states = (1 - square).sum(-1, keepdim=True) * (second_moment / n)
        variance = product(square, spread.mT, scale=1 / n)
        return product(m, weights.mT, bias, 1 / math.sqrt(n)), variance + states, spread

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.second_moment = inputs[3]
        ctx.save_for_backward(inputs[0], inputs[1], output[2])
        ctx.mark_non_differentiable(output[2])
        ctx.set_materialize_grads(False)  # those of the spread would be zeros as large as the weights

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        m, weights, spread = ctx.saved_tensors
        n, of_m, of_weights = m.shape[-1], None, None
        shape = (*m.shape[:-1], weights.shape[-2])
        of_mean, of_variance = (m.new_zeros(shape) if grad is None else grad for grad in grad_outputs[:2])
        if torch.is_grad_enabled():  # the spread was made out of sight of autograd
            spread = ctx.second_moment - weights * weights
        if ctx.needs_input_grad[0]:
            of_square = product(of_variance, spread) - ctx.second_moment * of_variance.sum(-1, keepdim=True)
            of_m = torch.addcmul(product(of_mean, weights, scale=1 / math.sqrt(n)), m, of_square, value=2 / n)
        if ctx.needs_input_grad[1]:
            slope = product(of_variance.mT, m * m, scale=2 / n)
            of_weights = _less(weights, slope, of_mean.mT, m, 1 / math.sqrt(n))
        return of_m, of_weights, of_mean.sum(-2), None


def _less(weights: Tensor, slope: Tensor, left: Tensor, right: Tensor, scale: float) -> Tensor:
    """scale left right - weights * slope, in the place of slope where no graph of it is wanted."""
    if torch.is_grad_enabled():
        return product(left, right, scale=scale) - weights * slope
    slope *= weights
    add = slope.addmm_ if slope.dim() == 2 else slope.baddbmm_
    return add(left, right, beta=-1, alpha=scale)


def field_moments(
    state: State, weights: Tensor, bias: Tensor, second_moment: float | None, through_variance: bool = True
) -> Field:
    """The field of a layer: weights of means (..., out, in) and E S^2 = second_moment (None: M^2), biases (..., out).

    Sigma = (1/N) sum_j (R r - M^2 m^2) = (1/N) sum_j [R (r - m^2) + (R - M^2) m^2]. through_variance: whether Sigma
    passes gradients. Source: theory, `theory.moments`; Stamatescu et al. 2020, eqs. 6-7.
    """
    m, weights, bias = map(accumulated, (state.mean, weights, bias))
    if state.second_moment is None and second_moment is not None and through_variance:
        hbar, variance, _ = BitMoments.apply(m, weights, bias, second_moment)  # pyright: ignore
        return Field(hbar, variance)
    hbar = product(m, weights.mT, bias, 1 / math.sqrt(m.shape[-1]))
    with torch.set_grad_enabled(torch.is_grad_enabled() and through_variance):
        square = m * m
        rest = (1 if state.second_moment is None else accumulated(state.second_moment)) - square
        if second_moment is None:
            return Field(hbar, product(rest, (weights * weights).mT, scale=1 / m.shape[-1]))
        from_weights = product(square, (second_moment - weights * weights).mT, scale=1 / m.shape[-1])
        return Field(hbar, from_weights + second_moment * rest.mean(-1, keepdim=True))
