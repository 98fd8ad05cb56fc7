"""Neurons through which no gradient passes."""

from __future__ import annotations

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.surrogate_part import SurrogatePart

PLAIN = "x = torch.nn.functional.hardtanh(h); x = x + (torch.where(h >= 0, 1.0, -1.0) - x).detach()"
SURROGATE = 'layer = mb.BinaryLinear(inputs, outputs, treatment="sample", neurons="stochastic", noise="gaussian:0.5")'


def no_slope(network: Network) -> Finding | None:
    """A function of one number that is flat almost everywhere, with weights before it."""
    if not network.keeps_slopes:
        return None
    for part, row in zip(network.parts, network.rows, strict=True):
        given = part.sources[0].gradient if part.sources else None
        drawn = isinstance(part, SurrogatePart)
        flat = drawn or (part.scalar is not None and part.scalar.is_flat)
        if not flat or not row.gradient > 0 or (given.square if given else drawn):
            continue
        if not any(each.is_dense and each.record.index < part.record.index for each in network.parts):
            continue
        return Finding("no slope", row.layer, f"{row.kind} is flat, and has no slope of its own for gradients: all "
                       "weights before it get none", "give it a straight-through slope, as clip's, or noise to average",
                       SURROGATE if drawn else PLAIN)  # fmt: skip
    return None
