"""The parts a model is made of, as the theory's blocks: what each does to second moments, and to squared gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.measure import Cut
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import Scalar
from meanbits.theory.declarations.blocks import Dense, Flow, Normalise
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.blocks.flow import Block


@dataclass(frozen=True, eq=False)
class Part:
    """What became of some calls: `kind`, as people call it, from the records it takes to the one it gives.

    blocks: those of the theory, or None where none is recognised. back: by what squared gradients per unit are
    multiplied besides the blocks' own factors, where a unit passes on to fewer or more than it is made of. field:
    whether a Gaussian field comes out, by the central limit theorem; None: where one comes in. scalar: the function of
    one number that it is. weights: tensors of its own, the second one a bias. over_units: whether a norm takes its mean
    over units, else over the batch. needs_field: whether its theory is of a Gaussian field that comes in.
    """

    kind: str
    record: Record
    sources: tuple[Record, ...]
    blocks: tuple[Block, ...] | None = None
    back: float = 1.0
    field: bool | None = False
    scalar: Scalar | None = None
    weights: tuple[Any, ...] = ()
    over_units: bool = False
    needs_field: bool = False

    @property
    def is_dense(self) -> bool:
        """Whether its weights mix units."""
        return any(isinstance(each, Dense) for each in self.blocks or ()) and self.field is True

    @property
    def is_norm(self) -> bool:
        """Whether it brings mean squares to 1."""
        return self.kind.endswith("norm") or any(isinstance(each, Normalise) for each in self.blocks or ())

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """The flow behind it, of one source or of the sum of independent ones; None where no theory is known."""
        if self.blocks is None or not flows:
            return None
        total = flows[0]
        for other in flows[1:]:
            total = total.plus(other)
        return forward(self.blocks, total, of)

    def growth(self, flows: list[Flow], source: int, of: Moments) -> float:
        """The factor of squared gradients on their way back to one of its sources; NaN where none is known."""
        if self.blocks is None:
            return math.nan
        return float(np.asarray(backward(self.blocks, flows[source], of).square)) * self.back


def flow_at(cut: Cut, over_units: bool = False) -> Flow:
    """What was measured, as the theory's second moments, each pair of inputs apart; `typical` is what a norm leaves."""
    left = cut.q - cut.level if over_units else cut.spread
    return Flow(np.float64(cut.q), cut.q * (1 - cut.pairs), np.float64(left))
