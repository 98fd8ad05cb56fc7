"""Weights whose signs do not change within a training."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.surrogate_part import SurrogatePart

FEW = 0.1  # share of weights that could flip, below which a layer stands still
LEVELS = 3  # values of quantised weights, relative to the largest


def standstill(network: Network) -> Finding | None:
    """Latent weights or means that so many steps of one sign could not carry through 0."""
    if not network.keeps_slopes:
        return None
    for part in network.parts:
        held = _latent(network, part)
        if held is None:
            continue
        name, latent = held
        gradient = network.run.gradients.get(name)
        share = _share(network, latent, gradient)
        if share is not None and share < FEW:
            return _finding(network, part, name, latent, gradient, share)
    return None


def _latent(network: Network, part: Part) -> tuple[str, Tensor] | None:
    """The parameter whose signs a part uses as weights, with its name."""
    if isinstance(part, SurrogatePart) and part.layer is not None:
        latent = part.layer.latent
    else:
        found = _behind(network, part)
        if found is None:
            return None
        latent = found
    name = network.name_of(latent)
    return None if name is None else (name, latent.detach())


def _behind(network: Network, part: Part) -> Tensor | None:
    """The parameter that quantised weights are a function of."""
    weight = part.weights[0] if part.weights and part.is_dense else None
    if weight is None or network.name_of(weight) is not None or not _is_quantised(weight.detach()):
        return None
    record = next((each for each in part.record.parents if each.output is weight), None)
    parameters = {id(each): each for _, each in network.run.model.named_parameters()}
    while record is not None:
        for each in record.arguments:
            if id(each) in parameters and each.shape == weight.shape:
                return each
        record = _same_shape(record, weight)
    return None


def _same_shape(record: Record, weight: Tensor) -> Record | None:
    return next((each for each in record.parents if each.output.numel() == weight.numel()), None)


def _is_quantised(weight: Tensor) -> bool:
    """Few sizes a unit, as signs times a scale have."""
    flat = weight.flatten(1) if weight.dim() > 1 else weight[None]
    return all(len(torch.unique(row.abs().round(decimals=6))) <= LEVELS - 1 for row in flat[:8])


def _share(network: Network, latent: Tensor, gradient: Tensor | None) -> float | None:
    """Share of weights that could reach 0; None where nothing tells: without a rate only a gradient of 0 does."""
    steps = network.steps
    passes = any(each.record.gradient and each.record.gradient.square for each in network.deep)
    moves = 0.0 if gradient is None else float((gradient != 0).double().mean())
    if not passes or (moves >= FEW and (steps is None or not (network.labelled or steps.adaptive))):
        return None
    if moves < FEW or steps is None or gradient is None:
        return moves
    if network.labelled and network.is_learnt:
        return None
    return float((latent.abs() <= steps.reach(gradient / network.batch)).double().mean())


def _finding(network: Network, part: Part, name: str, latent: Tensor, gradient: Tensor | None, share: float) -> Finding:
    steps, size = network.steps, float(latent.abs().median())
    slope = 0.0 if gradient is None else float(gradient.square().mean().sqrt()) / network.batch
    if steps is None or not slope:
        why = f"a gradient reaches {share:.1%} of {name}, whose signs are the weights"
    else:
        step = steps.rate if steps.adaptive else steps.rate * slope
        why = (f"{name} has a median size of {size:.3g} and moves by {step:.2g} a step: {size / step:.2g} steps of one "
               f"sign to flip, and within {steps.count:,} {share:.1%} can")  # fmt: skip
    if isinstance(part, SurrogatePart) and steps is not None and slope:
        rate = steps.rate * size / (max(step, 1e-300) * steps.count) * 10
        return Finding(
            "learning rate cannot flip a mean",
            part.record.path,
            why,
            "raise the learning rate of the means",
            f'optimiser = torch.optim.Adam([{{"params": [model.get_parameter("{name}")], "lr": {rate:.1g}}}])',
        )
    bound = 1 / math.sqrt(latent[0].numel()) if latent.dim() > 1 else 0.1
    return Finding("weights never flip", part.record.path, why,
                   "start latent weights near 0, clip them to [-1, 1] after each step, and raise their learning rate",
                   f'weight = model.get_parameter("{name}").data\n'
                   f"weight.uniform_(-{bound:.2g}, {bound:.2g})  # and clamp_(-1, 1) after each step")  # fmt: skip
