"""What joins two parts of a model, or a part and a parameter: sums, products, gates, units side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.kinds.given import argument, is_followed, sources, square
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import Scalar
from meanbits.theory.declarations.blocks import Dense, Flow
from meanbits.theory.declarations.weights import FIXED

SIGMOID = Scalar("sigmoid", torch.sigmoid)
OF_TWO = 2


@dataclass(frozen=True, eq=False)
class Product(Part):
    """Of two independent parts, unit by unit: overlaps multiply, and gradients to one see the square of the other."""

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """T = T_1 T_2, Q = Q_1 Q_2."""
        return _times(*flows) if self.blocks is not None and len(flows) == OF_TWO else None

    def growth(self, flows: list[Flow], source: int, of: Moments) -> float:
        """T of the other one."""
        known = self.blocks is not None and len(flows) == OF_TWO
        return float(flows[1 - source].total) if known else float("nan")


@dataclass(frozen=True, eq=False)
class Gate(Part):
    """a sigmoid(b) of the halves a, b of the units of a field, as torch's GLU."""

    needs_field: bool = True

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """Halves have weights of their own, so that they are independent and alike."""
        (flow,) = flows
        opened = Flow(of.square(SIGMOID, flow.total), of.fall(SIGMOID, flow.total, flow.fall),
                      of.fall(SIGMOID, flow.total, flow.typical))  # fmt: skip
        return _times(flow, opened)

    def growth(self, flows: list[Flow], source: int, of: Moments) -> float:
        """Mean over both halves."""
        total = float(flows[0].total)
        return 0.5 * (of.square(SIGMOID, total) + total * float(of.gradients(SIGMOID, total, 0.0).square))


@dataclass(frozen=True, eq=False)
class Side(Part):
    """Units side by side: each has its share of the moments, and passes gradients on as they are."""

    def forward(self, flows: list[Flow], of: Moments) -> Flow | None:
        """Means over the units of all."""
        if self.blocks is None:
            return None
        sizes = np.array([each.output.numel() for each in self.sources], float)
        parts = [flow.scaled(share) for flow, share in zip(flows, sizes / sizes.sum(), strict=True)]
        first, *others = parts
        for other in others:
            first = first.plus(other)
        return first


def _times(first: Flow, second: Flow) -> Flow:
    """Of overlaps T - fall, of which what both lose keeps its digits."""

    def fall(one: Any, other: Any) -> Any:
        return one * second.total + other * first.total - one * other

    return Flow(first.total * second.total, fall(first.fall, second.fall), fall(first.typical, second.typical))


def total(record: Record) -> Part | None:
    """Of two that follow the batch, or with a number or a parameter."""
    given = sources(record)
    if len(given) == OF_TWO and argument(record, OF_TWO, "alpha", 1) == 1:
        return Part("sum", record, given, (), field=None)
    other = _other(record)
    if len(given) == 1 and len(record.arguments) == OF_TWO and isinstance(other, Tensor):
        blocks = (Dense(FIXED, 1.0, 1.0, square(other)),)
        return Part("shift", record, given, blocks, field=None, weights=(None, other))
    return None


def product(record: Record) -> Part | None:
    """Of two that follow the batch, or with a parameter, unit by unit or for all."""
    given, other = sources(record), _other(record)
    if len(given) == OF_TWO:
        return None if "div" in record.name else Product("product", record, given, ())
    if len(given) != 1 or not isinstance(other, Tensor) or is_followed(record, other):
        return None
    by = square(other.reciprocal() if "div" in record.name else other)
    return Part("scale", record, given, (Dense(FIXED, by, by, 0.0),), field=None, weights=(other, None))


def glu(record: Record) -> Part | None:
    """Halved along units; along others the two are no independent halves."""
    dim = argument(record, 1, "dim", -1) % record.output.dim()
    given = sources(record)
    if len(given) != 1 or dim != given[0].axis % record.output.dim():
        return None
    return Gate("glu", record, given, ())


def concatenated(record: Record) -> Part | None:
    """Tensors that follow the batch, side by side along their units."""
    given = sources(record)
    dim = argument(record, 1, "dim", 0) % record.output.dim()
    if len(given) < OF_TWO or len(given) != len(record.parents) or dim != given[0].axis % record.output.dim():
        return None
    return Side("concatenation", record, given, (), field=None)


def _other(record: Record) -> Any:
    rest = [each for each in record.arguments[:2] if not is_followed(record, each)]
    return rest[0] if len(rest) == 1 else None
