"""The folders of CIFAR-10 and CIFAR-100, python version, as published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.declared import PATH
from meanbits.experiments.images.labelled import DataError, Dataset, Pair, labelled
from meanbits.experiments.images.pickled import arrays_of_pickle
from meanbits.theory.errors import shown

SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Cifar:
    """A published data set: its files of training and of test images, and by what name these hold the labels.

    mark: a file that no other folder has.
    """

    name: str
    mark: str
    train: tuple[str, ...]
    test: str
    labels: str


CIFARS = (
    Cifar("CIFAR-10", "test_batch", tuple(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "labels"),
    Cifar("CIFAR-100", "meta", ("train",), "test", "fine_labels"),
)


def cifar_of(names: Sequence[str]) -> Cifar | None:
    """The data set whose files a folder holds, whole or not."""
    return next((each for each in CIFARS if each.mark in names), None)


def of_cifar(folder: Path, names: Sequence[str], kind: Cifar) -> Dataset:
    """Images and labels, of CIFAR-100 the fine ones.

    Raises:
        DataError: files that are missing or damaged.
    """
    missing = [name for name in (*kind.train, kind.test) if name not in names]
    if missing:
        raise DataError(
            f"{shown(folder, PATH)} lacks {', '.join(missing)} of {kind.name}; unpack the python version again"
        )
    parts = [_batch(folder / name, kind) for name in kind.train]
    train = tuple(np.concatenate(each) for each in zip(*parts, strict=True))
    return labelled(shown(folder.resolve().name), pair_of(train), _batch(folder / kind.test, kind))


def pair_of(arrays: tuple[NDArray[np.generic], ...]) -> Pair:
    """Images and labels."""
    images, labels = arrays
    return images, labels


def _batch(path: Path, kind: Cifar) -> Pair:
    held, pixels = arrays_of_pickle(path), math.prod(SHAPE)
    entries = held if isinstance(held, dict) else {}
    images, labels = (entries.get(key.encode(), entries.get(key)) for key in ("data", kind.labels))
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (pixels,):
        raise DataError(f"{shown(path, PATH)} holds no images of {kind.name}, bytes of shape (n, {pixels}); replace it")
    if labels is None:
        raise DataError(f"{shown(path, PATH)} holds no {kind.labels} of {kind.name}; replace it")
    return images.reshape(-1, *SHAPE), np.asarray(labels)
