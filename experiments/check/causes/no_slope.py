"""Neurons through which no gradient passes."""

from __future__ import annotations

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network


def no_slope(network: Network) -> Finding | None:
    """A function of one number that is flat almost everywhere, with weights before it."""
    if not network.keeps_slopes:
        return None
    for part, row in zip(network.parts, network.rows, strict=True):
        given = part.sources[0].gradient if part.sources else None
        if part.scalar is None or not part.scalar.is_flat or not row.gradient > 0 or (given and given.square):
            continue
        if not any(each.is_dense and each.record.index < part.record.index for each in network.parts):
            continue
        return Finding(
            "no slope", row.layer,
            f"{row.kind} is flat, and has no slope of its own for gradients: all weights before it get none",
            "give it a straight-through slope, as clip's",
            "x = torch.nn.functional.hardtanh(h); x = x + (torch.where(h >= 0, 1.0, -1.0) - x).detach()",
        )  # fmt: skip
    return None
