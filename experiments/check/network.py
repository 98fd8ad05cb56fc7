"""A model as it was read and measured: what causes are looked for in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.fx import GraphModule

from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.predict import predicted
from meanbits.experiments.check.recognise import parts_of
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.rows import Row, row_of
from meanbits.experiments.check.running import Run

LEARNT = 0.5


@dataclass(frozen=True)
class Steps:
    """How weights are moved: the step of one whose gradient, of the mean loss, is g, and how many are taken."""

    rate: float
    adaptive: bool
    count: int

    def reach(self, gradient: Tensor) -> Tensor:
        """How far so many steps of one sign carry a weight; an adaptive optimiser's are `rate` each."""
        return self.count * self.rate * ((gradient != 0).to(gradient) if self.adaptive else gradient.abs())


@dataclass(frozen=True, eq=False)
class Network:
    """parts and their rows, in the order in which they ran; labelled: whether the loss is that of labels."""

    run: Run
    parts: tuple[Part, ...]
    rows: tuple[Row, ...]
    labelled: bool
    steps: Steps | None

    @classmethod
    def of(cls, run: Run, labelled: bool, steps: Steps | None) -> Network:
        """Recognise the parts, and put the theory beside what was measured."""
        parts = parts_of(run.records)
        theory = predicted(parts, run.last)
        rows = tuple(row_of(part, theory[part], run.last, takers(parts, part)) for part in parts)
        return cls(run, parts, rows, labelled, steps)

    @property
    def inputs(self) -> tuple[Record, ...]:
        """The batch."""
        return tuple(each for each in self.run.records if each.is_first)

    @property
    def keeps_slopes(self) -> bool:
        """Whether slopes of its own reach the backward pass; an exported program has only what is computed forward."""
        return not isinstance(self.run.model, GraphModule)

    @property
    def batch(self) -> int:
        """How many inputs there are."""
        return len(self.inputs[0].output)

    @property
    def is_learnt(self) -> bool:
        """Whether the loss is below `LEARNT` of what chance gives, so that weights may well stand still."""
        if self.run.loss is None:
            return False
        return self.run.loss / self.batch < LEARNT * math.log(max(self.run.last.output.shape[-1], 2))

    @cached_property
    def made_by(self) -> dict[Record, Part]:
        """The part that gives a record."""
        return {part.record: part for part in self.parts}

    def before(self, part: Part) -> tuple[Part, ...]:
        """The parts that a part takes."""
        return tuple(self.made_by[each] for each in part.sources if each in self.made_by)

    @cached_property
    def deep(self) -> tuple[Part, ...]:
        """The parts with a field in a row of hidden layers: those with weights between all units."""
        return tuple(part for part in self.parts if part.is_dense)

    def name_of(self, tensor: Tensor) -> str | None:
        """The name of the parameter that a tensor is."""
        return next((name for name, each in self.run.model.named_parameters() if each is tensor), None)

    def total_gradient(self, part: Part) -> float:
        """The sum of squared gradients over units, mean over inputs."""
        found = part.record.gradient
        return math.nan if found is None else found.square * part.record.output.numel()


def takers(parts: tuple[Part, ...], part: Part) -> tuple[Part, ...]:
    """The parts that a part goes to."""
    return tuple(each for each in parts if part.record in each.sources)
