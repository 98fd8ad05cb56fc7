"""Which calls of a model together are a function of one number: found by running them on numbers of choice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from meanbits.experiments.check.records import Record
from meanbits.experiments.check.scalar import Scalar

PROBES = (-2.5, -0.7, -0.1, 0.0, 0.3, 1.1, 4.0)
ALONE = 3  # every so many of them are tried alone
ROUNDING = 1e-5  # relative: the same number takes other instructions alone and among others
DRAWN = ("dropout", "rand", "bernoulli", "normal", "rrelu", "gumbel")  # in names of calls that differ each time
NAMES = 24  # characters of a name made of calls


class Regions:
    """For each call that is part of a function of one number, made in one module: the record that function is of."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.base: dict[Record, Record] = {}
        for record in records:
            found = self._base(record)
            if found is not None and _is_pointwise(record, found):
                self.base[record] = found

    def ends(self, record: Record) -> bool:
        """Whether a call's output is used outside its region, or not at all."""
        within = [self.base.get(each) is self.base[record] and each.path == record.path for each in record.consumers]
        return not within or not all(within)

    def scalar(self, record: Record) -> Scalar:
        """The function that ends at a record, of what its region begins with."""
        base = self.base[record]
        calls = [each for each in self.base if self.base[each] is base and each.index <= record.index]
        names = ", ".join(each.name for each in calls if each.name != "detach")
        name = names if len(names) <= NAMES else f"{names[: NAMES - 3]}..."
        return Scalar(name, lambda x: again(record, {base: x}), base.output.dtype)

    def _base(self, record: Record) -> Record | None:
        """What a function of one number would be of: the same record for all that a call is given."""
        shape = record.output.shape
        if any(part in record.name for part in DRAWN):
            return None
        if not record.follows or record.is_first or record.output.dim() == 0:
            return None
        if any(each.output.shape != shape for each in record.followed):
            return None
        depending = {id(each.output) for each in record.followed}
        fixed = [each for each in _tensors(record) if id(each) not in depending]
        if any(each.numel() > 1 or (each.requires_grad and len(record.arguments) == 2) for each in fixed):
            return None  # a parameter that multiplies is a part of its own
        bases = {self.base[each] if each in self.base and each.path == record.path else each
                 for each in record.followed}  # fmt: skip
        found = bases.pop() if len(bases) == 1 else None
        return found if found is not None and found.output.is_floating_point() else None


def _is_pointwise(record: Record, base: Record) -> bool:
    """Whether numbers give the same alone, and in another order."""
    numbers = torch.tensor(PROBES, dtype=base.output.dtype)
    try:
        with torch.no_grad():
            together = again(record, {base: numbers})
            backwards = again(record, {base: numbers.flip(0)}).flip(0)
            alone = torch.cat([again(record, {base: each.reshape(1)}) for each in numbers[::ALONE]])
    except Exception:
        return False
    if together.shape != numbers.shape:
        return False
    pairs = ((together, backwards), (together[::ALONE], alone))
    close = (torch.allclose(one.double(), other.double(), ROUNDING, ROUNDING, equal_nan=True) for one, other in pairs)
    return all(close)


def again(record: Record, known: dict[Record, Tensor]) -> Tensor:
    """The output of a record where others are known to be something else."""
    if record in known:
        return known[record]
    outputs = {id(each.output): each for each in record.followed}

    def given(leaf: Any) -> Any:
        return again(outputs[id(leaf)], known).clone() if id(leaf) in outputs else leaf

    known[record] = record.function(*tree_map(given, record.arguments), **tree_map(given, record.keywords))
    return known[record]


def _tensors(record: Record) -> list[Tensor]:
    return [leaf for leaf in tree_leaves((record.arguments, record.keywords)) if isinstance(leaf, Tensor)]
