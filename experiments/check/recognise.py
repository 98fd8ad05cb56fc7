"""Recognise the parts of a model among the calls that were read: weights, norms, functions of one number, sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.check.norms import own_norms
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.pointwise import Regions
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import recognised
from meanbits.experiments.check.surrogate_part import surrogate_part
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.theory.declarations.blocks import Dense, Dropout, Neuron, Normalise
from meanbits.theory.declarations.weights import FIXED

ARRANGING = {
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "contiguous",
    "clone", "detach", "to", "float", "double", "view_as", "reshape_as", "moveaxis", "swapaxes", "t", "alias",
    "lift_fresh", "unsafe_view", "identity", "requires_grad", "T", "swapdims", "expand", "mT",
    "H", "data", "type_as",
}  # fmt: skip
SLICING = {"split", "chunk", "getitem", "unbind", "narrow", "select", "slice", "tensor_split", "split_with_sizes"}
SUMS = {"add", "iadd", "radd", "sub", "isub", "rsub"}
PRODUCTS = {"mul", "imul", "rmul", "div", "truediv", "multiply"}
MATRICES = {"matmul", "mm", "rmatmul"}


def parts_of(records: tuple[Record, ...]) -> tuple[Part, ...]:
    """The parts, in the order in which they ran."""
    followed = [each for each in records if each.follows and not each.is_first]
    regions = Regions(followed)
    norms = own_norms(followed, regions.base)
    inside = {each for *_, calls in norms.values() for each in calls}
    found = []
    for record in followed:
        if record in norms:
            found.append(_own_norm(record, *norms[record]))
        if (
            record in inside
            or record.cut is None
            or record.name in SLICING
            or is_arranging(record)
            or (record in regions.base and not regions.ends(record))
        ):
            continue
        found.append(_pointwise(record, regions) if record in regions.base else _part(record))
    return tuple(replace(part, blocks=None) if _is_dependent(part, found) else part for part in found)


def _is_dependent(part: Part, parts: list[Part]) -> bool:
    """Whether a sum is of a record and of what no weights between make of it: then the two are no independent parts."""
    made_by = {each.record: each for each in parts}

    def reached(record: Record, other: Record) -> bool:
        made = made_by.get(record)
        if record is other or made is None or made.is_dense:
            return record is other
        return any(reached(each, other) for each in made.sources)

    if len(part.sources) != 2:
        return False
    first, second = part.sources
    return reached(first, second) or reached(second, first)


def _own_norm(record: Record, given: Record, centred: bool, calls: tuple[Record, ...]) -> Part:
    """A norm of the module's own; its gain and shift are told by what comes out."""
    weights = [each for call in calls for each in call.arguments if isinstance(each, nn.Parameter)]
    gain = next((each for each in weights if each.dim() == 1), None)
    norm = (Normalise("batch" if centred else "rms"),)
    part = _norm("layer norm" if centred else "rms norm", record, norm, gain, None, over_units=centred)
    return replace(part, sources=(source(given),))


def source(record: Record) -> Record:
    """The record whose numbers another one has, however they are arranged."""
    while is_arranging(record) and record.followed:
        record = record.followed[0]
    return record


def is_arranging(record: Record) -> bool:
    """Whether a call moves numbers, and changes none."""
    given = record.followed
    return len(given) == 1 and record.name in ARRANGING and given[0].output.numel() == record.output.numel()


def _pointwise(record: Record, regions: Regions) -> Part:
    scalar = regions.scalar(record)
    neurons = recognised(scalar)
    name = scalar.name if neurons is scalar else neurons.name.split(",")[0]
    return Part(name, record, (source(regions.base[record]),), (Neuron(neurons),), scalar=scalar)  # type: ignore[arg-type]


def _part(record: Record) -> Part:
    if isinstance(record.function, SurrogateLayer):
        return surrogate_part(record, _sources(record), record.function)
    build = BUILDERS.get(record.name)
    found = None if build is None else build(record)
    return found or Part(record.name.replace("_", " "), record, _sources(record))


def _sources(record: Record) -> tuple[Record, ...]:
    return tuple(dict.fromkeys(source(each) for each in record.followed))


def _argument(record: Record, place: int, name: str) -> Any:
    return record.arguments[place] if len(record.arguments) > place else record.keywords.get(name)


def _square(tensor: Tensor | None, without: float = 0.0) -> float:
    return without if tensor is None else float(tensor.detach().double().square().mean())


def _follows(record: Record, tensor: Any) -> bool:
    return any(tensor is each.output for each in record.followed)


def _linear(record: Record) -> Part | None:
    weight, bias = _argument(record, 1, "weight"), _argument(record, 2, "bias")
    if _follows(record, weight):
        return None
    return _dense("linear", record, weight, weight.shape[1], weight.shape[0], bias)


def _matmul(record: Record) -> Part | None:
    """Inputs times a matrix of weights."""
    left, right = record.arguments[:2]
    if _follows(record, right) or right.dim() != 2 or not _follows(record, left):
        return None
    return _dense("linear", record, right, right.shape[0], right.shape[1], None)


def _dense(
    kind: str, record: Record, weight: Tensor, into: float, out_of: float, bias: Tensor | None, seen: float = 1.0
) -> Part:
    """into: how many numbers a unit sums; out_of: how many units one goes to; seen: share of them inside borders."""
    square = _square(weight)
    means = into * square * seen
    block = Dense(FIXED, means, means, _square(bias))
    back = out_of * square / means if means else 1.0
    return Part(kind, record, _sources(record), (block,), back, True, weights=(weight, bias))


def _conv(record: Record) -> Part | None:
    x, weight, bias = record.arguments[0], _argument(record, 1, "weight"), _argument(record, 2, "bias")
    if _follows(record, weight):
        return None
    options = _conv_options(record)
    groups = options.pop("groups")
    taps = weight[0, 0].numel()
    ones = torch.ones(1, 1, *x.shape[-(weight.dim() - 2) :], dtype=torch.float64)
    function = getattr(torch.nn.functional, record.name)
    valid = function(ones, torch.ones(1, 1, *weight.shape[2:], dtype=torch.float64), **options)
    out_of = float(valid.sum()) / ones.numel() * weight.shape[0] / groups
    return _dense(record.name, record, weight, weight.shape[1] * taps, out_of, bias, float(valid.mean()) / taps)


def _conv_options(record: Record) -> dict[str, Any]:
    names, default = ("stride", "padding", "dilation", "groups"), (1, 0, 1, 1)
    given = {name: _argument(record, 3 + k, name) for k, name in enumerate(names)}
    return {name: fallback if given[name] is None else given[name]
            for name, fallback in zip(names, default, strict=True)}  # fmt: skip


def _batch_norm(record: Record) -> Part:
    """Of the batch in training. In evaluation as of the batch too, unless the running moments are those of no batch."""
    exported = isinstance(record.function, torch._ops.OpOverload)
    order = ("weight", "bias", "running_mean", "running_var") if exported else (
        "running_mean", "running_var", "weight", "bias")  # fmt: skip
    given = {name: _argument(record, 1 + k, name) for k, name in enumerate(order)}
    training = _argument(record, 5, "training")
    weight, bias = given["weight"], given["bias"]
    means, variances = given["running_mean"], given["running_var"]
    untouched = means is not None and not training and not means.any() and bool((variances == 1).all())
    norm = () if untouched else (Normalise("batch"),)
    return _norm("batch norm", record, norm, weight, bias)


def _norm(
    kind: str, record: Record, norm: tuple[Any, ...], weight: Tensor | None, bias: Tensor | None,
    over_units: bool = False,
) -> Part:  # fmt: skip
    square = _square(weight, 1.0)
    blocks = (*norm, Dense(FIXED, square, square, _square(bias)))
    return Part(kind, record, _sources(record)[:1], blocks, field=None, weights=(weight, bias), over_units=over_units)


def _layer_norm(record: Record) -> Part:
    """Of states with a mean too: what is left of the mean square is measured, as with batch norm."""
    weight, bias = _argument(record, 2, "weight"), _argument(record, 3, "bias")
    return _norm("layer norm", record, (Normalise("batch"),), weight, bias, over_units=True)


def _rms_norm(record: Record) -> Part:
    return _norm("rms norm", record, (Normalise("rms"),), _argument(record, 2, "weight"), None)


def _group_norm(record: Record) -> Part:
    return replace(_layer_norm(record), kind="group norm")


def _sum(record: Record) -> Part | None:
    """Of two that follow the batch, or with a number or a parameter."""
    given = _sources(record)
    if len(given) == 2:
        return Part("sum", record, given, (), field=None)
    if len(given) == 1 and len(record.arguments) == 2:
        other = _other(record)
        if isinstance(other, Tensor):
            return Part(
                "shift", record, given, (Dense(FIXED, 1.0, 1.0, _square(other)),), field=None, weights=(None, other)
            )
    return None


def _product(record: Record) -> Part | None:
    """With a parameter, unit by unit or for all."""
    given, other = _sources(record), _other(record)
    if len(given) != 1 or not isinstance(other, Tensor) or _follows(record, other):
        return None
    by = other.reciprocal() if "div" in record.name else other
    return Part(
        "scale", record, given, (Dense(FIXED, _square(by), _square(by), 0.0),), field=None, weights=(other, None)
    )


def _other(record: Record) -> Any:
    rest = [each for each in record.arguments[:2] if not _follows(record, each)]
    return rest[0] if len(rest) == 1 else None


def _dropout(record: Record) -> Part | None:
    share = _argument(record, 1, "p")
    training = _argument(record, 2, "training")
    blocks = (Dropout(1 - share),) if training and 0 < share < 1 else ()
    return Part("dropout", record, _sources(record), blocks)


BUILDERS: dict[str, Callable[[Record], Part | None]] = {
    "linear": _linear, **dict.fromkeys(MATRICES, _matmul), **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    "batch_norm": _batch_norm, "layer_norm": _layer_norm, "rms_norm": _rms_norm, **dict.fromkeys(SUMS, _sum),
    **dict.fromkeys(PRODUCTS, _product), "group_norm": _group_norm,
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"), _dropout),
}  # fmt: skip
