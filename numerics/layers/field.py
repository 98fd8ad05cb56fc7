"""Mean and variance of the field of a layer (stage 2 of the theory) on tensors, with one hand-written gradient."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from meanbits.numerics.layers.state import State

HALF = (torch.float16, torch.bfloat16)


class Field(NamedTuple):
    """Mean hbar and variance Sigma of a layer's field, both (..., neurons); variance None where nothing is random."""

    mean: Tensor
    variance: Tensor | None


def accumulated(tensor: Tensor) -> Tensor:
    """In the type that sums are taken in: float32 for half precision, else its own."""
    return tensor.float() if tensor.dtype in HALF else tensor


def features(weights: Tensor) -> int:
    """How many neurons weights (..., out, in) come from: a constant in a trace, which takes shapes for tensors."""
    if not torch.jit.is_tracing():  # pyright: ignore
        return weights.shape[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # pyright: ignore
        return int(weights.shape[-1])


def product(left: Tensor, right: Tensor, added: Tensor, scale: float = 1.0) -> Tensor:
    """scale left (..., n, k) right (..., k, m) + added (..., n or 1, m or 1); matrices, or stacks of matrices."""
    add = torch.addmm if left.dim() == 2 else torch.baddbmm
    return add(added, left, right, alpha=scale)


def mean_field(m: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """hbar = M m / sqrt(N) + b, (..., n, out): states (..., n, N), weights (..., out, N), biases (..., out)."""
    return product(m, weights.transpose(-2, -1), bias.unsqueeze(-2), 1 / math.sqrt(features(weights)))


class BitMoments(torch.autograd.Function):
    """hbar = M m / sqrt(N) + b and Sigma = (1/N) sum_j [R (1 - m_j^2) + V_ij m_j^2], V = R - M^2, for states of bits.

    Two matrix products forward and four backward. All terms of the sum are >= 0, so Sigma has the digits that 1 - m^2
    and 1 - M^2 have. Squares are made again rather than kept, and the weights' gradient takes the place of theirs: at
    wide layers a fresh matrix costs as much as what fills it.
    """

    @staticmethod
    def forward(m: Tensor, weights: Tensor, bias: Tensor, second_moment: float) -> tuple[Tensor, Tensor]:
        return mean_field(m, weights, bias), _variance(m * m, None, weights, second_moment)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (m, weights), (of_mean, of_variance) = ctx.saved_tensors, grad_outputs
        of_m = of_weights = None
        place = weights * weights if ctx.needs_input_grad[0] else torch.empty_like(weights)
        if ctx.needs_input_grad[0]:
            of_m = _gradient(of_mean, of_variance @ place, weights, m)
        if ctx.needs_input_grad[1]:
            square = m * m
            slope = of_variance.mT @ square if torch.is_grad_enabled() else _add_product_(place, of_variance.mT, square)
            of_weights = _gradient(of_mean.mT, slope, m, weights)
        return of_m, of_weights, of_mean.sum(-2), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, int]]:
        """States mapped alone are more rows; where parameters are mapped too, everything is a stack."""
        (*tensors, second_moment), (of_m, *of_parameters, _) = args, in_dims
        if of_parameters == [None, None]:
            rows = tensors[0].movedim(of_m, -3).flatten(-3, -2)
            found = BitMoments.apply(rows, *tensors[1:], second_moment)  # pyright: ignore
            return tuple(each.unflatten(-2, (info.batch_size, -1)) for each in found), (-3, -3)
        stacks = [each.expand(info.batch_size, *each.shape) if dim is None else each.movedim(dim, 0)
                  for each, dim in zip(tensors, in_dims, strict=False)]  # fmt: skip
        shape = stacks[0].shape[:-2]
        found = BitMoments.apply(*(each.flatten(0, len(shape) - 1) for each in stacks), second_moment)  # pyright: ignore
        return tuple(each.unflatten(0, shape) for each in found), (0, 0)


def signs(values: Tensor) -> Tensor:
    """-1 below 0, else 1, in the type of the values."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # pyright: ignore (to ONNX, which has no copysign)
        return torch.where(values < 0, -1.0, 1.0).to(values.dtype)
    return torch.copysign(values.new_ones(()), values + 0.0)  # a tenth of the time; -0 is 0


def _gradient(of_mean: Tensor, slope: Tensor, other: Tensor, own: Tensor) -> Tensor:
    """of_mean other / sqrt(N) - 2 own slope / N, the gradient of either factor; in slope's place if that may be."""
    n = own.shape[-1]
    if torch.is_grad_enabled():
        return (of_mean @ other) / math.sqrt(n) - (2 / n) * own * slope
    slope *= own
    return _add_product_(slope, of_mean, other, 1 / math.sqrt(n), -2 / n)


def _add_product_(place: Tensor, left: Tensor, right: Tensor, scale: float = 1.0, kept: float = 0.0) -> Tensor:
    """scale left right + kept place, in its place."""
    add = place.addmm_ if place.dim() == 2 else place.baddbmm_
    return add(left, right, alpha=scale, beta=kept)


def _variance(square: Tensor, r: Tensor | None, weights: Tensor, second_moment: float) -> Tensor:
    """(1/N) sum_j [R (r_j - m_j^2) + V_ij m_j^2], r = 1 if None; square = m^2."""
    n = features(weights)
    rest = ((1 if r is None else r) - square).sum(-1, keepdim=True) * (second_moment / n)
    spread = torch.addcmul(weights.new_full((), second_moment), weights, weights, value=-1)
    return product(square, spread.transpose(-2, -1), rest, 1 / n)


def field_moments(
    state: State, weights: Tensor, bias: Tensor, second_moment: float | None, through_variance: bool = True
) -> Field:
    """The field of a layer: weights of means (..., out, in) and E S^2 = second_moment (None: M^2), biases (..., out).

    Sigma = (1/N) sum_j (R r - M^2 m^2) = (1/N) sum_j [R (r - m^2) + (R - M^2) m^2]. through_variance: whether Sigma
    passes gradients. Source: theory, `stages.moments`; Stamatescu et al. 2020, eqs. 6-7.
    """
    m, weights, bias = map(accumulated, (state.mean, weights, bias))
    is_traced = torch.jit.is_tracing()  # pyright: ignore (to ONNX, which has no node for a Function)
    if state.second_moment is None and second_moment is not None and through_variance and not is_traced:
        hbar, variance = BitMoments.apply(m, weights, bias, second_moment)  # pyright: ignore
        return Field(hbar, variance)
    hbar = mean_field(m, weights, bias)
    r = None if state.second_moment is None else accumulated(state.second_moment)
    with torch.set_grad_enabled(torch.is_grad_enabled() and through_variance):
        square = m * m
        if second_moment is None:
            rest = (1 if r is None else r) - square
            return Field(hbar, rest @ (weights * weights).transpose(-2, -1) / features(weights))
        return Field(hbar, _variance(square, r, weights, second_moment))
