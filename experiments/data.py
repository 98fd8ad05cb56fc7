"""Labelled images scaled to [-1, 1], and pairs of them whose overlap is known."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.declared import PATH
from meanbits.experiments.fetch import FetchError, fetched
from meanbits.experiments.images.files import of_folder, of_npz
from meanbits.experiments.images.given import of_name
from meanbits.experiments.images.labelled import DataError, Dataset, Labels
from meanbits.experiments.images.scaling import Images
from meanbits.numerics.user_cache import cache_root
from meanbits.numerics.whole_files import read_bytes
from meanbits.theory.errors import shown

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}
PUBLISHED_SHA256 = {
    "mnist": {
        "train_images": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train_labels": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "test_images": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "test_labels": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion-mnist": {
        "train_images": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train_labels": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "test_images": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "test_labels": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
}
DATASETS = ("digits", *PUBLISHED_SHA256)

DIGITS_TEST_SIZE = 360
DIGITS_SHAPE, MNIST_SHAPE = (8, 8), (28, 28)
PAIR_CANDIDATES = 200


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Two images, shape (features,) in [-1, 1], of one mean square q.

    `overlap` is the mean of their product over q, in [-1, 1]; `mean_square` is q > 0.
    """

    first: Images
    second: Images
    overlap: float
    mean_square: float


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load `digits`, `mnist`, `fashion-mnist`, or data of one's own: an .npz, a folder, or FILE.py:NAME.

    The idx.gz files of mnist and fashion-mnist are looked for in `data_dir`, `$MEANBITS_DATA` and the user's cache
    folder, in this order, in each under a folder of the data set's name first; where no `data_dir` is given and they
    are in none, they are fetched into the cache. Raises DataError for an unknown name, for a file that is missing or is
    not, byte for byte, the published one, for a `data_dir` beside data that are not looked for, and for data that
    `images.labelled` refuses.
    """
    check_folder(name, data_dir)
    if name == "digits":
        return _load_digits()
    if name not in PUBLISHED_SHA256:
        return _load_own(name)
    content = {part: _read_published(name, part, data_dir) for part in IDX_FILES}
    return Dataset(
        name=name,
        shape=MNIST_SHAPE,
        train_images=_scaled(_idx_images(content["train_images"]), 255),
        train_labels=_idx_labels(content["train_labels"]),
        test_images=_scaled(_idx_images(content["test_images"]), 255),
        test_labels=_idx_labels(content["test_labels"]),
    )


def check_folder(name: str, data_dir: str | Path | None) -> None:
    """Raises:
    DataError: a folder beside data that are not looked for in it.
    """
    if data_dir is not None and name not in PUBLISHED_SHA256:
        raise DataError(f"--data-dir {shown(data_dir, PATH)} is for {' and '.join(PUBLISHED_SHA256)}, and "
                        f"{shown(name, PATH)} is not looked for there; leave it out")  # fmt: skip


def _load_own(name: str) -> Dataset:
    path = _expanded(name)
    if path.suffix == ".npz":
        return of_npz(path)
    if path.is_dir():
        return of_folder(path)
    found = of_name(name)
    if found is None:
        nearest = difflib.get_close_matches(name, DATASETS, n=1, cutoff=0)[0]
        raise DataError(f"unknown data set {shown(name)!r}: did you mean {nearest!r}? There are {', '.join(DATASETS)}, "
                        "and yours: F.npz (x, y), a folder of idx files or CIFAR's batches, FILE.py:NAME")  # fmt: skip
    return found


def image_pairs(dataset: Dataset, count: int = 3, seed: int = 0) -> tuple[ImagePair, ...]:
    """Choose `count` pairs of training images, from the most to the least alike.

    The pairs are evenly spaced quantiles of the overlap among all pairs of a random subset, fixed by `seed`. The
    image of larger mean square is scaled down to that of the smaller one, so both stay in [-1, 1]. Raises DataError
    if `count` is not between 1 and the number of pairs, or if an image of the subset is zero everywhere.
    """
    images = dataset.train_images
    subset_size = min(PAIR_CANDIDATES, len(images))
    subset = images[np.random.default_rng(seed).choice(len(images), subset_size, replace=False)]
    first, second = np.triu_indices(subset_size, k=1)
    if not 1 <= count <= len(first):
        raise DataError(f"count = {count}: {dataset.name} offers 1 to {len(first)} image pairs, ask for one of these")
    norms = np.linalg.norm(subset, axis=1, keepdims=True)
    if not norms.all():
        raise DataError(f"{dataset.name} has an image that is zero everywhere, whose overlap is undefined: remove it")
    directions = subset / norms
    overlaps = (directions @ directions.T)[first, second]
    ranks = np.linspace(len(overlaps) - 1, 0, count).round().astype(int)
    chosen = np.argsort(overlaps, stable=True)[ranks]
    return tuple(_pair(subset[first[k]], subset[second[k]]) for k in chosen)


def _pair(first: Images, second: Images) -> ImagePair:
    squares = np.mean(first**2), np.mean(second**2)
    mean_square = min(squares)
    first, second = (
        image * np.sqrt(mean_square / square) for image, square in zip((first, second), squares, strict=True)
    )
    # Rounding may carry the overlap of equal images past one, where arccos is undefined.
    overlap = np.clip(np.mean(first * second) / mean_square, -1, 1)
    return ImagePair(first, second, float(overlap), float(mean_square))


def _load_digits() -> Dataset:
    grey_levels, classes = _digits()
    images, labels = _scaled(grey_levels, 16), classes.astype(np.int64)
    split = len(images) - DIGITS_TEST_SIZE
    return Dataset("digits", images[:split], labels[:split], images[split:], labels[split:], shape=DIGITS_SHAPE)


@cache
def _digits() -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Grey levels and classes: text, which takes a fifth of a second to read."""
    from sklearn.datasets import load_digits  # here, since scikit-learn is slow to import

    return load_digits(return_X_y=True)


def _scaled(grey_levels: NDArray[np.uint8] | NDArray[np.float64], white: int) -> Images:
    images = grey_levels / (white / 2)
    images -= 1
    return images


def _idx_images(content: bytes) -> NDArray[np.uint8]:
    """Pixels of an idx3 file, shape (n, features), after its header: magic, n, rows, columns."""
    count = int.from_bytes(content[4:8], "big")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, -1)


def _idx_labels(content: bytes) -> Labels:
    """Labels of an idx1 file, shape (n,), after its header: magic, n."""
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def _read_published(name: str, part: str, data_dir: str | Path | None) -> bytes:
    """Content of one idx.gz file; the checksum settles every kind of damage before it is unpacked."""
    path = _find(name, part, data_dir)
    try:
        packed = read_bytes(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): make it readable, or choose another --data-dir"
        ) from error
    found, expected = hashlib.sha256(packed).hexdigest(), PUBLISHED_SHA256[name][part]
    if found != expected:
        raise DataError(
            f"{path} is damaged or not {name}'s (SHA-256 {found}, published {expected}): "
            "replace it by the published file, or choose another --data-dir"
        )
    return gzip.decompress(packed)


def _find(name: str, part: str, data_dir: str | Path | None) -> Path:
    filename, folders, why = IDX_FILES[part], list(_folders(data_dir)), ""
    for folder in folders:
        for path in (folder / name / filename, folder / filename):
            if path.is_file():
                return path
    if data_dir is None:
        try:
            return fetched(name, filename, PUBLISHED_SHA256[name][part], cache_root())
        except FetchError as error:
            why = f", and could not be fetched ({error})"
    searched = ", ".join(map(str, folders))
    raise DataError(
        f"{filename} of {name} not found in {searched}, nor in a folder {name} there{why}: "
        "put the published idx.gz files into one of these, or name their folder with --data-dir"
    )


def _folders(data_dir: str | Path | None) -> Iterator[Path]:
    for folder in (data_dir, os.environ.get("MEANBITS_DATA"), cache_root()):
        if folder:
            yield _expanded(folder)


def _expanded(name: str | Path) -> Path:
    """A path, ~ and ~user expanded; of users that are not there as it is, and no file is found."""
    return Path(os.path.expanduser(name))
