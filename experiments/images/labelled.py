"""Labelled images as networks take them: features in [-1, 1], labels 0 to K - 1, a training and a test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.images.scaling import Images, scaling_of

Labels = NDArray[np.int64]
Pair = tuple[Any, Any]  # images and their labels, as they were given
EVERY = 5  # of how many images of a class one is kept for testing, where no test set is given
MISSING = 5  # labels without images that a message names


class DataError(ValueError):
    """A data set that is unknown, missing, damaged or unfit; one line that names the remedy."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images, float64 of shape (n, features) in [-1, 1], and their labels, int64 of shape (n,).

    notes: what was done to data of one's own, a line each. shape: that of an image, as it was given; empty where it was
    given as features.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    notes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    @cached_property
    def classes(self) -> int:
        """K of the labels 0 to K - 1."""
        return int(self.train_labels.max()) + 1


def labelled(name: str, train: Pair, test: Pair | None) -> Dataset:
    """Check, scale and split images (n, ...) and labels (n,); without test images every fifth of each class is.

    Images of bytes are grey levels 0 to 255; of numbers in [0, 1], scaled to [-1, 1]; in [-1, 1], taken as they are.

    Raises:
        DataError: anything else, labels other than 0 to K - 1, or sets that do not fit each other.
    """
    given = [_counted(name, "training", train)]
    if test is not None:
        given.append(_counted(name, "test", test))
        shapes = [images.shape[1:] for images, _ in given]
        if shapes[0] != shapes[1]:
            raise DataError(f"{name}: training images have shape {shapes[0]} and test images {shapes[1]}; give both "
                            "one shape")  # fmt: skip
    _check_classes(name, given[0][1], given[-1][1])
    try:
        scaling = scaling_of([images for images, _ in given])
    except ValueError as error:
        raise DataError(f"{name}: {error}") from None
    parts = [(scaling.apply(images).reshape(len(images), -1), labels) for images, labels in given]
    notes = (f"{name}: {scaling.note}",)
    if test is None:
        parts, note = _split(name, *parts[0])
        notes += (note,)
    shape = given[0][0].shape[1:]
    return Dataset(name, *parts[0], *parts[1], notes, shape if len(shape) > 1 else ())


def inputs_alone(name: str, images: Any) -> Dataset:
    """Images (n, ...) without labels, scaled as `labelled` does.

    Raises:
        DataError: as `labelled`.
    """
    images = _images(name, "training", images)
    try:
        scaling = scaling_of([images])
    except ValueError as error:
        raise DataError(f"{name}: {error}") from None
    scaled, none = scaling.apply(images).reshape(len(images), -1), np.empty(0, np.int64)
    shape = images.shape[1:]
    return Dataset(name, scaled, none, scaled[:0], none, (f"{name}: {scaling.note}",), shape if len(shape) > 1 else ())


def _split(name: str, images: Images, labels: Labels) -> tuple[list[Pair], str]:
    """Every fifth image of each class, in their order, as a test set; and a line that says so."""
    kept = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        kept[np.flatnonzero(labels == label)[EVERY - 1 :: EVERY]] = True
    if not kept.any():
        raise DataError(f"{name}: no class has {EVERY} images, of which one would be kept for testing; give test "
                        "images, x_test and y_test")  # fmt: skip
    note = (f"{name}: no test set is given, so every {EVERY}th image of each class, {kept.sum()} of {len(kept)}, is "
            "kept for testing")  # fmt: skip
    return [(images[~kept], labels[~kept]), (images[kept], labels[kept])], note


def stacked(name: str, images: Sequence[Any]) -> NDArray[Any]:
    """Images one by one as one array.

    Raises:
        DataError: shapes or types that differ.
    """
    arrays = [np.asarray(each) for each in images]
    for attribute, what in (("shape", "shape"), ("dtype", "type")):
        first = getattr(arrays[0], attribute) if arrays else None
        for index, each in enumerate(arrays):
            if getattr(each, attribute) != first:
                raise DataError(f"{name}: item {index} has {what} {getattr(each, attribute)}, and item 0 {first}; "
                                f"give all of them one {what}, as torchvision's transforms do")  # fmt: skip
    return np.stack(arrays) if arrays else np.empty((0, 0))


def _counted(name: str, part: str, pair: Pair) -> tuple[NDArray[Any], Labels]:
    images, labels = _images(name, part, pair[0]), _array(name, pair[1])
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise DataError(f"{name}: {part} labels have shape {labels.shape}; give one number an image, for one-hot rows "
                        "their argmax(1)")  # fmt: skip
    labels = labels.reshape(-1)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{name}: {part} labels are of type {labels.dtype}; give integers 0 to K - 1, for names "
                        "numpy.unique(labels, return_inverse=True)[1]")  # fmt: skip
    if len(labels) != len(images):
        raise DataError(f"{name}: {len(images)} {part} images and {len(labels)} labels; give one label an image")
    if labels.min() < 0 or labels.max() > np.iinfo(np.int64).max:
        raise DataError(f"{name}: a {part} label is {labels.min() if labels.min() < 0 else labels.max()}; give "
                        "integers 0 to K - 1")  # fmt: skip
    return images, labels.astype(np.int64)


def _images(name: str, part: str, values: Any) -> NDArray[Any]:
    images = _array(name, values)
    if images.ndim < 2 or not images.size:
        raise DataError(f"{name}: {part} images have shape {images.shape}; give (n, features) or (n, rows, columns), "
                        "and at least one image")  # fmt: skip
    return images


def _array(name: str, values: Any) -> NDArray[Any]:
    """As an array; a list of images of several shapes is refused."""
    if hasattr(values, "detach"):  # a tensor, wherever it lies
        values = values.detach().cpu()
    if isinstance(values, list | tuple):
        return stacked(name, values)
    array = np.asarray(values)
    return stacked(name, list(array)) if array.dtype == object else array


def _check_classes(name: str, train: Labels, test: Labels) -> None:
    known, counts = np.unique(train, return_counts=True)
    if len(known) < 2:
        raise DataError(f"{name}: all training labels are {known[0]}; give two classes or more, 0 and 1")
    if len(counts) != known[-1] + 1:
        gaps = [label for label in range(min(int(known[-1]), len(known) + MISSING)) if label not in known][:MISSING]
        raise DataError(f"{name}: labels reach from {known[0]} to {known[-1]}, and no training image has label "
                        f"{', '.join(map(str, gaps))}; renumber them 0 to {len(known) - 1}, as "
                        "numpy.unique(labels, return_inverse=True)[1] does")  # fmt: skip
    foreign = np.setdiff1d(test, known)
    if len(foreign):
        raise DataError(f"{name}: test images have label {foreign[0]}, and training labels are 0 to {known[-1]}; drop "
                        "these images, or train on some")  # fmt: skip
