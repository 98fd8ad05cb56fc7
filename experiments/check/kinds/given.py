"""What a call was given, by place or by name."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from meanbits.experiments.check.records import Record

ARRANGING = {
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "contiguous",
    "clone", "detach", "to", "float", "double", "view_as", "reshape_as", "moveaxis", "swapaxes", "t", "alias",
    "lift_fresh", "unsafe_view", "identity", "requires_grad", "T", "swapdims", "expand", "mT",
    "H", "data", "type_as",
}  # fmt: skip
SLICING = {"split", "chunk", "getitem", "unbind", "narrow", "select", "slice", "tensor_split", "split_with_sizes"}


def argument(record: Record, place: int, name: str, without: Any = None) -> Any:
    """The argument of a call; what Torch takes where there is none."""
    found = record.arguments[place] if len(record.arguments) > place else record.keywords.get(name)
    return without if found is None else found


def is_arranging(record: Record) -> bool:
    """Whether a call moves numbers, and changes none."""
    given = record.followed
    return len(given) == 1 and record.name in ARRANGING and given[0].output.numel() == record.output.numel()


def source(record: Record) -> Record:
    """The record whose numbers another one has, however they are arranged."""
    while is_arranging(record) and record.followed:
        record = record.followed[0]
    return record


def whole(record: Record) -> Record:
    """The record that another one is, or is cut out of."""
    while len(record.followed) == 1 and (is_arranging(record) or record.name in SLICING):
        record = record.followed[0]
    return record


def sources(record: Record) -> tuple[Record, ...]:
    """What a call is given of the batch, each once."""
    return tuple(dict.fromkeys(source(each) for each in record.followed))


def square(tensor: Tensor | None, without: float = 0.0) -> float:
    """The mean square of weights."""
    return without if tensor is None else float(tensor.detach().double().square().mean())


def is_followed(record: Record, tensor: Any) -> bool:
    """Whether an argument depends on the batch."""
    return any(tensor is each.output for each in record.followed)
