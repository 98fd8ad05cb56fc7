"""Dropout of states: averaged over where the field is integrated out, else drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from meanbits.numerics.layers.layer_rule import LayerRule
from meanbits.numerics.layers.state import State


def is_averaged(rule: LayerRule) -> bool:
    """Whether masks are noise of the chain like any other, over which the layer averages."""
    return rule.field == "integrated"


def dropped(rule: LayerRule, state: State, share: float, uniform: Tensor | None) -> State:
    """States behind dropout of this share: x -> x/p with probability p = 1 - share, else 0.

    Averaged over masks m stays and r becomes r/p. Else uniform, numbers in [0, 1) of their shape, says what is kept;
    None for all, unscaled, as in evaluation.
    """
    if share == 0 or (uniform is None and not is_averaged(rule)):
        return state
    keep, m = 1 - share, state.mean
    r = torch.ones_like(m) if state.second_moment is None else state.second_moment
    if is_averaged(rule) or uniform is None:
        return State(m, r / keep)
    mask = (uniform < keep).to(m.dtype) / keep
    return State(m * mask, None if rule.field == "sharp" else r * mask.square())
