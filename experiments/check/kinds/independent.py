"""Which sums and products are of independent parts, as their theory takes them to be."""

from __future__ import annotations

from dataclasses import replace

from meanbits.experiments.check.kinds.given import whole
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record

JOINED = ("sum", "product")


def independent(parts: list[Part]) -> tuple[Part, ...]:
    """The parts; no theory for sums and products of what has an origin in common behind the same weights, nor for sums
    of two that both have a mean."""
    made_by = {each.record: each for each in parts}
    origins: dict[Record, frozenset[Record]] = {}
    for part in parts:
        before = () if part.is_dense else (_origins(each, origins) for each in part.sources)
        origins[part.record] = frozenset({part.record}).union(*before)
    return tuple(replace(part, blocks=None) if _is_bound(part, origins, made_by) else part for part in parts)


def _origins(record: Record, known: dict[Record, frozenset[Record]]) -> frozenset[Record]:
    held = whole(record)
    return frozenset({record, held}) | known.get(held, frozenset())


def _is_bound(part: Part, origins: dict[Record, frozenset[Record]], made_by: dict[Record, Part]) -> bool:
    if part.kind not in JOINED or len(part.sources) != len(JOINED):
        return False
    first, second = (_origins(each, origins) for each in part.sources)
    if _halves(part):
        first, second = (each - {whole(part.sources[0])} for each in (first, second))
    apart = not first & second
    return not apart or (part.kind == "sum" and not any(_is_centred(each, made_by) for each in part.sources))


def _halves(part: Part) -> bool:
    """Whether both are slices of one field: other units of it, with weights of their own."""
    first, second = part.sources
    return first is not second and whole(first) is whole(second) and whole(first) not in (first, second)


def _is_centred(record: Record, made_by: dict[Record, Part]) -> bool:
    """Whether the mean over weights is 0: fields, norms that take means away, and what keeps signs alike."""
    part = made_by.get(whole(record))
    while part is not None and not (part.is_dense or part.is_norm):
        if part.scalar is not None or part.blocks is None:
            return False
        if part.kind == "sum":
            return all(_is_centred(each, made_by) for each in part.sources)
        part = made_by.get(whole(part.sources[0])) if len(part.sources) == 1 else None
    return part is not None
