"""Norms, with gain and shift behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.check.kinds.given import argument, source, sources, square
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record
from meanbits.theory.declarations.blocks import Dense, Normalise
from meanbits.theory.declarations.weights import FIXED


def batch_norm(record: Record) -> Part:
    """Of the batch in training. In evaluation as of the batch too, unless the running moments are those of no batch."""
    exported = isinstance(record.function, torch._ops.OpOverload)
    order = ("weight", "bias", "running_mean", "running_var") if exported else (
        "running_mean", "running_var", "weight", "bias")  # fmt: skip
    given = {name: argument(record, 1 + k, name) for k, name in enumerate(order)}
    means, variances = given["running_mean"], given["running_var"]
    training = argument(record, 5, "training")
    untouched = means is not None and not training and not means.any() and bool((variances == 1).all())
    blocks = () if untouched else (Normalise("batch"),)
    return norm("batch norm", record, blocks, given["weight"], given["bias"])


def layer_norm(record: Record) -> Part:
    """Of states with a mean too: what is left of the mean square is measured, as with batch norm."""
    weight, bias = argument(record, 2, "weight"), argument(record, 3, "bias")
    return norm("layer norm", record, (Normalise("batch"),), weight, bias, over_units=True)


def rms_norm(record: Record) -> Part:
    """Of all units, no mean taken away."""
    return norm("rms norm", record, (Normalise("rms"),), argument(record, 2, "weight"), None)


def group_norm(record: Record) -> Part:
    """As layer norm: groups of many units are alike."""
    return replace(layer_norm(record), kind="group norm")


def own_norm(record: Record, given: Record, centred: bool, calls: tuple[Record, ...]) -> Part:
    """A norm of the module's own; its gain and shift are told by what comes out."""
    weights = [each for call in calls for each in call.arguments if isinstance(each, nn.Parameter)]
    gain = next((each for each in weights if each.dim() == 1), None)
    blocks = (Normalise("batch" if centred else "rms"),)
    part = norm("layer norm" if centred else "rms norm", record, blocks, gain, None, over_units=centred)
    return replace(part, sources=(source(given),))


def norm(
    kind: str, record: Record, blocks: tuple[Any, ...], weight: Tensor | None, bias: Tensor | None,
    over_units: bool = False,
) -> Part:  # fmt: skip
    """A norm and its gain and shift, unit by unit."""
    gain = square(weight, 1.0)
    blocks = (*blocks, Dense(FIXED, gain, gain, square(bias)))
    return Part(kind, record, sources(record)[:1], blocks, field=None, weights=(weight, bias), over_units=over_units)
