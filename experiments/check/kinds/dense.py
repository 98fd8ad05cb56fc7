"""Weights between units: linear layers, convolutions and transposed ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from meanbits.experiments.check.kinds.given import argument, is_followed, sources, square
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record
from meanbits.theory.declarations.blocks import Dense
from meanbits.theory.declarations.weights import FIXED


def linear(record: Record) -> Part | None:
    """x W' + b."""
    weight, bias = argument(record, 1, "weight"), argument(record, 2, "bias")
    if is_followed(record, weight):
        return None
    return _dense("linear", record, weight, weight.shape[1], weight.shape[0], bias)


def matmul(record: Record) -> Part | None:
    """Inputs times a matrix of weights."""
    left, right = record.arguments[:2]
    if is_followed(record, right) or right.dim() != 2 or not is_followed(record, left):
        return None
    return _dense("linear", record, right, right.shape[0], right.shape[1], None)


def addmm(record: Record) -> Part | None:
    """The same and a bias, as graphs have it."""
    bias, left, right = record.arguments[:3]
    if any(is_followed(record, each) for each in (bias, right)) or not is_followed(record, left) or record.keywords:
        return None
    return _dense("linear", record, right, right.shape[0], right.shape[1], bias)


def conv(record: Record) -> Part | None:
    """A unit sums over the taps that lie inside borders."""
    weight, bias = argument(record, 1, "weight"), argument(record, 2, "bias")
    if is_followed(record, weight):
        return None
    options = _options(record, ("stride", "padding", "dilation", "groups"))
    groups, taps = options.pop("groups"), weight[0, 0].numel()
    valid, positions = _taps(record, weight, options)
    out_of = float(valid.sum()) / positions * weight.shape[0] / groups
    return _dense(record.name, record, weight, weight.shape[1] * taps, out_of, bias, float(valid.mean()) / taps)


def conv_transpose(record: Record) -> Part | None:
    """A unit sums over the taps that reach it, on average over positions: strides leave some with fewer."""
    weight, bias = argument(record, 1, "weight"), argument(record, 2, "bias")
    if is_followed(record, weight):
        return None
    options = _options(record, ("stride", "padding", "output_padding", "groups", "dilation"))
    groups = options.pop("groups")
    valid, positions = _taps(record, weight, options)
    into, out_of = weight.shape[0] / groups * float(valid.mean()), weight.shape[1] * float(valid.sum()) / positions
    return _dense(record.name.replace("conv_transpose", "transposed conv"), record, weight, into, out_of, bias)


def _options(record: Record, names: tuple[str, ...]) -> dict[str, Any]:
    default = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}
    return {name: argument(record, 3 + k, name, default[name]) for k, name in enumerate(names)}


def _taps(record: Record, weight: Tensor, options: dict[str, Any]) -> tuple[Tensor, int]:
    """How many taps each position that comes out sums over, and how many positions go in."""
    ones = torch.ones(1, 1, *record.arguments[0].shape[-(weight.dim() - 2) :], dtype=torch.float64)
    function = getattr(functional, record.name)
    return function(ones, torch.ones(1, 1, *weight.shape[2:], dtype=torch.float64), **options), ones.numel()


def _dense(
    kind: str, record: Record, weight: Tensor, into: float, out_of: float, bias: Tensor | None, seen: float = 1.0
) -> Part:
    """into: how many numbers a unit sums; out_of: how many units one goes to; seen: share of them inside borders."""
    mean_square = square(weight)
    means = into * mean_square * seen
    block = Dense(FIXED, means, means, square(bias))
    back = out_of * mean_square / means if means else 1.0
    return Part(kind, record, sources(record), (block,), back, True, weights=(weight, bias))
