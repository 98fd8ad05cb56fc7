"""A row for each part of a model: what was measured there, and the theory's numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.predict import Predicted
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.surrogate_part import SurrogatePart

FAR, RELATIVE, ABSOLUTE, FACTOR = 4.0, 0.2, 0.05, 2.0  # standard errors; of q; of c; of gradients


@dataclass(frozen=True)
class Row:
    """What was measured behind one part of a model, and beside it the theory, started from what was measured before.

    layer: the module's path, and call: which call of it, from 1, where modules are shared. q: mean square over inputs
    and units; c: mean correlation of two inputs, nothing subtracted; gradient: mean square of the gradient of the
    outputs times random signs, relative to that at the outputs. q_error, c_error: standard errors over units.
    sign_entropy: of the sign over the batch, in bits, mean over units. saturated: share of units and inputs at which a
    bounded function is flat to gradients; dead: share of units of a neuron that are the same for all inputs; beyond:
    share of |m| > 1 where means of bits are expected; bad: share that is NaN or infinite; known: whether there is a
    theory of its kind, else it is measured only. NaN stands for what has no meaning there, or no theory.
    """

    layer: str
    call: int
    kind: str
    shape: tuple[int, ...]
    q: float
    q_error: float
    q_theory: float
    c: float
    c_error: float
    c_theory: float
    gradient: float
    gradient_theory: float
    sign_entropy: float
    saturated: float
    dead: float
    beyond: float
    bad: float
    known: bool

    @property
    def parted(self) -> tuple[str, ...]:
        """Which of q, c and gradient differ from theory: by over `FAR` standard errors, and by `RELATIVE` of it, or by
        `ABSOLUTE` for c; gradients, whose errors are not independent, by a factor of `FACTOR`."""
        ratio = self.gradient / self.gradient_theory if self.gradient_theory else math.nan
        apart = {
            "q": abs(self.q - self.q_theory) > max(FAR * self.q_error, RELATIVE * self.q_theory),
            "c": abs(self.c - self.c_theory) > max(FAR * self.c_error, ABSOLUTE),
            "gradient": ratio < 1 / FACTOR or ratio > FACTOR,
        }
        return tuple(name for name, differs in apart.items() if differs)


def first_parted(rows: Sequence[Row]) -> Row | None:
    """The first row where measurement and theory part."""
    return next((row for row in rows if row.parted), None)


def row_of(part: Part, theory: Predicted, last: Record, takers: tuple[Part, ...]) -> Row:
    """The row of a part; takers: the parts that it goes to."""
    record, cut = part.record, part.record.cut
    assert cut is not None
    end = last.gradient.square if last.gradient else 0.0
    gradient = record.gradient.square / end if record.gradient and end else math.nan
    return Row(
        layer=record.path, call=max(record.call, 1), kind=part.kind, shape=cut.shape, q=cut.q, q_error=cut.q_error,
        q_theory=theory.q, c=cut.c, c_error=cut.c_error, c_theory=theory.c,
        gradient=gradient, gradient_theory=theory.gradient,
        sign_entropy=cut.sign_entropy, saturated=_saturated(part), bad=cut.bad,
        dead=cut.dead if part.scalar is not None or isinstance(part, SurrogatePart) else math.nan,
        beyond=cut.beyond if any(map(_reads_means, takers)) else math.nan, known=part.blocks is not None,
    )  # fmt: skip


def _saturated(part: Part) -> float:
    source = part.sources[0].cut if part.sources else None
    if part.scalar is None or source is None or not part.scalar.is_bounded:
        return math.nan
    return part.scalar.saturated(source.sample)


def _reads_means(part: Part) -> bool:
    return isinstance(part, SurrogatePart) and part.layer is not None and part.layer.inputs == "means"
