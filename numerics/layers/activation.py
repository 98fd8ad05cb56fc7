"""One layer on tensors: from the states of the layer before to its field, and on to its own states."""

from __future__ import annotations

import torch
from torch import Tensor

from meanbits.numerics.layers.field import Field, accumulated, field_moments, mean_field, signs
from meanbits.numerics.layers.layer_rule import LayerRule
from meanbits.numerics.layers.state import State


def layer_field(rule: LayerRule, state: State, weights: Tensor, bias: Tensor) -> Field:
    """The field of a layer by a rule: states (..., batch, in), weights (..., out, in), biases (..., out)."""
    if rule.field == "sharp":
        m, means, biases = map(accumulated, (state.mean, weights, bias))
        return Field(mean_field(m, means, biases), None)
    field = field_moments(state, weights, bias, rule.weight_second_moment, rule.gradient_through_sigma)
    return settled(rule, state, field)


def settled(rule: LayerRule, state: State, field: Field) -> Field:
    """The field, one of variance 0 (known numbers) as of the least variance there is: to rounding the limit.

    Through it a neuron that jumps passes no gradient; one that does not, that of its value at the field.
    """
    hbar, variance = field
    if variance is None or (state.second_moment is None and rule.weight_second_moment is not None):
        return field  # bits under random weights vary
    least = torch.finfo(variance.dtype).tiny
    if rule.jumps:
        hbar = torch.where(variance < least, hbar.detach(), hbar)
    return Field(hbar, torch.clamp(variance, min=least))


def activate(
    rule: LayerRule,
    field: Field,
    gain: float | Tensor = 1.0,
    noise: Tensor | None = None,
    uniform: Tensor | None = None,
) -> State:
    """The states of a layer's neurons, each (..., neurons), from its field.

    gain: K of the paper form. noise: epsilon ~ N(0, 1) of a sampled field; uniform: numbers in [0, 1) that neurons are
    drawn by; both of the field's shape, drawn here if not given. Neurons that are drawn pass on +-1 and, straight
    through, the gradient of their means. The sign of a known field of exactly 0, which sums of bits often are, is +1.
    """
    arguments = _arguments(rule, field, gain, noise)
    mean = rule.mean(*arguments)
    second_moment = None
    if rule.second_moment is not None:
        second_moment = mean * mean if rule.knows_states else rule.second_moment(*arguments)
    if rule.draws_neurons:
        mean = drawn_signs(mean.detach(), uniform) + (mean - mean.detach())
    if rule.gives_bits:
        mean = torch.where(mean == 0, mean + 1, mean)
    return State(mean, second_moment)


def _arguments(rule: LayerRule, field: Field, gain: float | Tensor, noise: Tensor | None) -> tuple[Tensor, ...]:
    hbar, variance = field
    if variance is None or rule.field == "sharp":
        return (hbar,)
    if rule.field == "integrated":
        return (hbar if isinstance(gain, float) and gain == 1.0 else gain * hbar, variance)
    return (hbar + torch.sqrt(variance) * (torch.randn_like(hbar) if noise is None else noise),)


def drawn_signs(mean: Tensor, uniform: Tensor | None = None) -> Tensor:
    """Independent +-1 of these means, of their shape."""
    return -signs(2 * (torch.rand_like(mean) if uniform is None else uniform) - 1 - mean)
