"""Recognise the parts of a model among the calls that were read: weights, norms, functions of one number, sums."""

from __future__ import annotations

from collections.abc import Callable

from meanbits.experiments.check.kinds import dense, joined, normed, pooled
from meanbits.experiments.check.kinds.given import SLICING, argument, is_arranging, source, sources
from meanbits.experiments.check.kinds.independent import independent
from meanbits.experiments.check.norms import own_norms
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.pointwise import Regions
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import recognised
from meanbits.experiments.check.surrogate_part import surrogate_part
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.theory.declarations.blocks import Dropout, Neuron

SUMS = ("add", "iadd", "radd", "sub", "isub", "rsub")
PRODUCTS = ("mul", "imul", "rmul", "div", "truediv", "multiply")
ATTENTION = ("scaled_dot_product_attention", "multi_head_attention_forward", "native_multi_head_attention")
NAMES = {**dict.fromkeys(ATTENTION, "attention"), "transformer_encoder_layer_fwd": "transformer layer"}


def parts_of(records: tuple[Record, ...]) -> tuple[Part, ...]:
    """The parts, in the order in which they ran."""
    followed = [each for each in records if each.follows and not each.is_first]
    regions = Regions(followed)
    norms = own_norms(followed, regions.base)
    inside = {each for *_, calls in norms.values() for each in calls}
    found = []
    for record in followed:
        if record in norms:
            found.append(normed.own_norm(record, *norms[record]))
        if (
            record in inside
            or record.cut is None
            or record.name in SLICING
            or is_arranging(record)
            or (record in regions.base and not regions.ends(record))
        ):
            continue
        found.append(_pointwise(record, regions) if record in regions.base else _part(record))
    return independent(found)


def _pointwise(record: Record, regions: Regions) -> Part:
    scalar = regions.scalar(record)
    neurons = recognised(scalar)
    name = scalar.name if neurons is scalar else neurons.name.split(",")[0]
    return Part(name, record, (source(regions.base[record]),), (Neuron(neurons),), scalar=scalar)  # type: ignore[arg-type]


def _part(record: Record) -> Part:
    if isinstance(record.function, SurrogateLayer):
        return surrogate_part(record, sources(record), record.function)
    build = BUILDERS.get(record.name)
    found = None if build is None else build(record)
    return found or Part(NAMES.get(record.name, record.name.replace("_", " ")), record, sources(record))


def _dropout(record: Record) -> Part | None:
    share = argument(record, 1, "p")
    training = argument(record, 2, "training")
    blocks = (Dropout(1 - share),) if training and 0 < share < 1 else ()
    return Part("dropout", record, sources(record), blocks)


BUILDERS: dict[str, Callable[[Record], Part | None]] = {
    "linear": dense.linear, "addmm": dense.addmm, **dict.fromkeys(("matmul", "mm", "rmatmul"), dense.matmul),
    **{f"conv{n}d": dense.conv for n in (1, 2, 3)}, **{f"conv_transpose{n}d": dense.conv_transpose for n in (1, 2, 3)},
    "batch_norm": normed.batch_norm, "layer_norm": normed.layer_norm, "rms_norm": normed.rms_norm,
    "group_norm": normed.group_norm,
    **dict.fromkeys(SUMS, joined.total), **dict.fromkeys(PRODUCTS, joined.product), "glu": joined.glu,
    **dict.fromkeys(("cat", "concat", "concatenate"), joined.concatenated),
    **{f"avg_pool{n}d": pooled.average_pool for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": pooled.whole_pool for n in (1, 2, 3)},
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"), _dropout),
}  # fmt: skip
