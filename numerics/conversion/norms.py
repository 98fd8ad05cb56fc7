"""Norms of torch.nn that layers of surrogates have too: over the batch, over units, without gain and shift."""

from __future__ import annotations

import torch
from torch import nn

from meanbits.numerics.layers.batch_norm import MOMENTUM
from meanbits.numerics.layers.norm import LEAST
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer

BATCH = (nn.BatchNorm1d, nn.BatchNorm2d)
KINDS: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "batch", nn.BatchNorm2d: "batch", nn.LayerNorm: "layer", nn.RMSNorm: "rms",
}  # fmt: skip


def is_norm(module: nn.Module) -> bool:
    """Whether it is a norm that a layer may have."""
    return type(module) in KINDS


def norm_objection(norm: nn.Module, layer: nn.Module) -> str | None:
    """Why the norm behind a layer is none that a surrogate layer has, and the remedy."""
    kind, name = KINDS[type(norm)], type(norm).__name__
    units = layer.weight.shape[0]  # pyright: ignore
    if isinstance(layer, nn.Conv2d) and not isinstance(norm, nn.BatchNorm2d):
        return f"feeds {name}, which norms more than channels; use BatchNorm2d"
    if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm2d):
        return f"feeds {name}, which is for images; use BatchNorm1d"
    shape = (norm.num_features,) if isinstance(norm, BATCH) else tuple(norm.normalized_shape)  # pyright: ignore
    if shape != (units,):
        return f"feeds {name} over {shape}, and has {units} units; norm its units"
    if norm.eps != LEAST:
        return f"feeds {name} of eps {norm.eps}; layers of meanbits have {LEAST:g}, give it that"
    if isinstance(norm, BATCH) and (norm.running_mean is None or norm.momentum != MOMENTUM):
        return f"feeds {name} of momentum {norm.momentum}, or without running moments; use {MOMENTUM} and keep them"
    if not _is_plain(norm):
        return f"feeds {name} with gains or shifts, which a {kind} norm of meanbits has not; train it without, affine"
    return None


def _is_plain(norm: nn.Module) -> bool:
    """Whether gains are 1 and shifts 0, or there are none."""
    gain, shift = (getattr(norm, name, None) for name in ("weight", "bias"))
    return (gain is None or bool((gain == 1).all())) and (shift is None or not bool(shift.any()))


@torch.no_grad()
def keep_moments_(made: SurrogateLayer, norm: nn.Module, kept: float) -> None:
    """Running moments of the plain layer's field, of which `kept` is left, where the norm has some."""
    if made.batch is None or not isinstance(norm, BATCH) or norm.running_mean is None or norm.running_var is None:
        return
    made.batch.running_mean.copy_(norm.running_mean * kept)
    made.batch.running_var.copy_(norm.running_var * kept**2)
