"""Images given as objects: arrays, Torch datasets and pairs of them, from Python or from a file of the user."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from typing import Any

from meanbits.experiments.declared import PATH, DeclarationError, called, value_called
from meanbits.experiments.images.labelled import DataError, Dataset, Pair, labelled, stacked
from meanbits.theory.errors import shown

EXAMPLE = "give (x, y), (x, y, x_test, y_test), a Torch dataset of (image, label), or (train, test) of two"


def of_name(text: str) -> Dataset | None:
    """The data that FILE.py:NAME or MODULE:NAME gives: an object, or a function that makes it; None for other texts.

    Raises:
        DataError: no such file or name, an exception there, or an object that is no data.
    """
    try:
        value = value_called(text, f"write FILE.py:NAME, and let NAME {EXAMPLE}")
        if isfunction(value):
            value = called(value, text)
    except DeclarationError as error:
        raise DataError(str(error)) from None
    return None if value is None else of_object(value, shown(text, PATH))


def of_object(value: Any, name: str = "the data given") -> Dataset:
    """Arrays (x, y), (x, y, x_test, y_test), a mapping of these names, a Torch dataset, or a training and a test one.

    Raises:
        DataError: anything else, items that are no (image, label), and as `labelled`.
    """
    if isinstance(value, Dataset):
        return value
    if isinstance(value, Mapping):
        named = [value.get(key) for key in ("x", "y", "x_test", "y_test")]
        value = tuple(named[:2] if named[2] is None and named[3] is None else named)
    if _is_items(value):
        return labelled(name, _of_items(name, value), None)
    if not isinstance(value, tuple | list) or len(value) not in (2, 4) or any(part is None for part in value):
        raise DataError(f"{name} is of type {type(value).__name__}, not labelled images; {EXAMPLE}")
    if all(map(_is_items, value)) and len(value) == 2:
        return labelled(name, _of_items(name, value[0]), _of_items(name, value[1]))
    return labelled(name, (value[0], value[1]), (value[2], value[3]) if len(value) == 4 else None)


def _is_items(value: Any) -> bool:
    """Whether something gives pairs one by one, as a Torch dataset does, and is no array or list."""
    from torch.utils.data import Dataset as TorchDataset

    return isinstance(value, TorchDataset)


def _of_items(name: str, items: Any) -> Pair:
    images: list[Any] = []
    labels: list[Any] = []
    try:
        for item in (items[k] for k in range(len(items))) if hasattr(items, "__len__") else items:
            image, label = item
            images.append(image)
            labels.append(label)
    except Exception as error:  # of the user's code
        reason = shown(next(iter(str(error).splitlines()), "") or "no message")
        raise DataError(f"{name}, item {len(labels)}: {type(error).__name__}: {reason}; each item is to be (image, "
                        "label)") from None  # fmt: skip
    return stacked(name, images), stacked(name, labels)
