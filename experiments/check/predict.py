"""The theory of each part, started from what was measured before it: forward q and c, backward squared gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.kinds.given import source, whole
from meanbits.experiments.check.parts import Part, flow_at
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import Scalar, recognised
from meanbits.theory.declarations.blocks import Flow, Neuron

Taker = tuple[Part, int, Record]  # a part, which of its sources, and that source
NOTHING = 1e-30  # of q: below it there is no field to speak of


@dataclass(frozen=True)
class Predicted:
    """q and c behind a part, and the mean square of gradients there; NaN where no theory is known."""

    q: float
    c: float
    gradient: float


def predicted(parts: tuple[Part, ...], last: Record) -> dict[Part, Predicted]:
    """The theory of each part; the gradient from what was measured behind the parts that it goes to."""
    of, fields, takers = Moments(), _fields(parts), _takers(parts)
    growth = _growths(parts, fields, of)
    found = {}
    for part in parts:
        q, c = _forward(part, fields, of)
        found[part] = Predicted(q, c, _gradient(part, takers.get(part.record, []), growth, last))
    return found


def _takers(parts: Iterable[Part]) -> dict[Record, list[Taker]]:
    """By record, the parts that take it, or some units of it."""
    found: dict[Record, list[Taker]] = {}
    for part in parts:
        for place, given in enumerate(part.sources):
            found.setdefault(whole(given), []).append((part, place, given))
    return found


def _fields(parts: Iterable[Part]) -> dict[Record, tuple[Record, Scalar | None]]:
    """What each record is a function of one number of, where that is a Gaussian field; a field of itself."""
    found: dict[Record, tuple[Record, Scalar | None]] = {}
    for part in parts:
        known = [found.get(whole(each)) for each in part.sources]
        if part.scalar is not None:
            if known[0] is not None:
                field, before = known[0]
                found[part.record] = field, part.scalar if before is None else before.then(part.scalar)
        elif part.field or (part.field is None and known and all(each and each[1] is None for each in known)):
            found[part.record] = part.record, None
    return found


def _flow(part: Part, record: Record) -> Flow | None:
    cut = record.cut
    return None if cut is None or not NOTHING < cut.q < math.inf else flow_at(cut, part.over_units)


def _flows(part: Part, fields: dict[Record, tuple[Record, Scalar | None]]) -> list[Flow] | None:
    """What was measured of all that a part takes; None where its theory is not of that."""
    known = [fields.get(whole(each), (None, None)) for each in part.sources]
    if part.needs_field and not all(field is not None and scalar is None for field, scalar in known):
        return None
    flows = [_flow(part, each) for each in part.sources]
    return None if None in flows else flows  # type: ignore[return-value]


def _forward(part: Part, fields: dict[Record, tuple[Record, Scalar | None]], of: Moments) -> tuple[float, float]:
    if part.scalar is not None:
        if part.record not in fields:
            return math.nan, math.nan
        field, scalar = fields[part.record]
        own = scalar is part.scalar
        flow = _flow(part, part.sources[0] if own else field)
        after = None if flow is None else _block(part, scalar, own).forward(flow, of)  # type: ignore[arg-type]
    else:
        flows = _flows(part, fields)
        after = None if flows is None else part.forward(flows, of)
    if after is None:
        return math.nan, math.nan
    q = float(after.total)
    return q, float(np.mean(1 - np.asarray(after.fall) / q)) if q > NOTHING else math.nan


def _block(part: Part, scalar: Scalar | None, own: bool) -> Neuron:
    assert scalar is not None
    return part.blocks[0] if own and part.blocks else Neuron(recognised(scalar))  # type: ignore[return-value, arg-type]


def _growths(
    parts: Iterable[Part], fields: dict[Record, tuple[Record, Scalar | None]], of: Moments
) -> dict[Part, tuple[float, ...]]:
    """By what each part multiplies squared gradients, to each of its sources."""
    found = {}
    for part in parts:
        flows = _flows(part, fields)
        direct = part.scalar is None or fields.get(part.record, (None, None))[1] is part.scalar
        known = flows is not None and direct
        found[part] = tuple(part.growth(flows, k, of) if known else math.nan  # type: ignore[arg-type]
                            for k in range(len(part.sources)))  # fmt: skip
    return found


def _gradient(part: Part, taken: list[Taker], growth: dict[Part, tuple[float, ...]], last: Record) -> float:
    """The sum of what comes back from all parts that take this one, or some units of it."""
    if part.record is source(last):
        return 1.0
    end, total = last.gradient, 0.0
    if end is None or not end.square or not taken:
        return math.nan
    for taker, place, given in taken:
        back, share = taker.record.gradient, given.output.numel() / part.record.output.numel()
        total += (0.0 if back is None else back.square / end.square) * growth[taker][place] * share
    return total
