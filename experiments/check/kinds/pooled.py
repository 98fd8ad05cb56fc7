"""Means over windows of positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.kinds.given import argument, sources
from meanbits.experiments.check.measure import measured
from meanbits.experiments.check.parts import Part, flow_at
from meanbits.experiments.check.records import Record
from meanbits.theory.declarations.blocks import Flow


@dataclass(frozen=True, eq=False)
class AveragePool(Part):
    """Of fields or states whose statistics are the same at all positions: a window may lie anywhere.

    window: what every window of that size gives, wherever it lies, measured before the pool.
    """

    window: Flow | None = None

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """Second moments of a mean over a window, on average over all places of it."""
        return self.window

    def growth(self, flows: list[Flow], source: int, of: Moments) -> float:
        """Of gradients of windows that are independent where they overlap."""
        return self.back


def average_pool(record: Record) -> Part | None:
    """avg_pool1d, 2d, 3d of windows inside the borders; of the whole image there is no other place to compare."""
    given, x = sources(record), record.followed[0].output
    kernel = argument(record, 1, "kernel_size")
    if len(given) != 1 or argument(record, 6, "divisor_override") is not None:
        return None
    function, spatial = getattr(functional, record.name), int(record.name[-2])
    places = x.shape[-spatial:]
    size = math.prod(kernel) if isinstance(kernel, tuple | list) else kernel**spatial
    everywhere = function(x.detach(), kernel, 1)
    covered = record.output[0, 0].numel() * size / math.prod(places)
    window = None if everywhere[0, 0].numel() == 1 else _flow(everywhere, record)
    return AveragePool("average pool", record, given, (), back=covered / size**2, field=None, window=window)


def _flow(everywhere: Tensor, record: Record) -> Flow | None:
    with torch.no_grad():
        cut: Any = measured(everywhere, len(everywhere), 1)
    return None if cut is None else flow_at(cut)


def whole_pool(record: Record) -> Part | None:
    """The mean over all positions: gradients are known, and the mean square is what is measured."""
    given, x = sources(record), record.followed[0].output
    size = argument(record, 1, "output_size")
    if len(given) != 1 or any(each != 1 for each in (size if isinstance(size, tuple | list) else (size,))):
        return None
    positions = x[0, 0].numel()
    return AveragePool("global average pool", record, given, (), back=1 / positions**2, field=None)
