"""Which sums and products are of independent parts, as their theory takes them to be."""

from __future__ import annotations

from dataclasses import replace

from meanbits.experiments.check.kinds.given import source, whole
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.records import Record

JOINED = ("sum", "product")
PIECES = ("chunk", "split", "tensor_split", "split_with_sizes")  # calls whose outputs have no unit in common
WITH_WEIGHTS = ("multi_head_attention_forward", "native_multi_head_attention")  # calls that end in weights of their own
Origins = frozenset[Record]


def independent(parts: list[Part]) -> tuple[Part, ...]:
    """The parts; no theory for sums and products of what no weights tell apart, nor for sums of two with a mean."""
    made_by = {each.record: each for each in parts}
    origins: dict[Record, Origins] = {}
    for part in parts:
        before = () if _mixes(part) else tuple(_origins(each, origins) for each in part.sources)
        origins[part.record] = frozenset({part.record}).union(*before)
    return tuple(replace(part, blocks=None) if _is_bound(part, origins, made_by) else part for part in parts)


def _mixes(part: Part) -> bool:
    """Whether what comes out is a field of weights that nothing else has."""
    return part.is_dense or part.record.name in WITH_WEIGHTS


def _origins(record: Record, known: dict[Record, Origins]) -> Origins:
    """What a record is a function of without weights between, itself among them; pieces of fields for themselves."""
    held = whole(record)
    if held is record:
        return known.get(record, frozenset({record}))
    made = known.get(held, frozenset({held}))
    return frozenset({record}) if _is_piece(record) and made == {held} else made | {record}


def _is_piece(record: Record) -> bool:
    """Whether it has some of the units of a call, and no other output of that call has them."""
    before = source(record.followed[0])
    shapes = record.output.shape, before.output.shape
    return record.name in PIECES and whole(before) is before and shapes[0][record.axis] < shapes[1][record.axis]


def _is_bound(part: Part, known: dict[Record, Origins], made_by: dict[Record, Part]) -> bool:
    if part.kind not in JOINED or len(part.sources) != len(JOINED):
        return False
    first, second = (_origins(each, known) for each in part.sources)
    wholes = [{whole(each) for each in side} - side for side in (first, second)]
    together = first & second or wholes[0] & second or wholes[1] & first
    return bool(together) or (part.kind == "sum" and not any(_is_centred(each, made_by) for each in part.sources))


def _is_centred(record: Record, made_by: dict[Record, Part]) -> bool:
    """Whether the mean over weights is 0: fields, norms that take means away, and what keeps signs alike."""
    part = made_by.get(whole(record))
    while part is not None and not (_mixes(part) or part.is_norm):
        if part.scalar is not None or part.blocks is None:
            return False
        if part.kind == "sum":
            return all(_is_centred(each, made_by) for each in part.sources)
        part = made_by.get(whole(part.sources[0])) if len(part.sources) == 1 else None
    return part is not None
