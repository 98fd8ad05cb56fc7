"""Images of one's own in files: an .npz, a folder of idx files, or the folder of CIFAR-10's python batches."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.declared import PATH
from meanbits.experiments.images.labelled import DataError, Dataset, Pair, labelled
from meanbits.experiments.images.pickled import arrays_of_pickle
from meanbits.theory.errors import shown

NPZ_NAMES = (("x", "x_train"), ("y", "y_train"), ("x_test",), ("y_test",))
IDX_TYPES = {8: np.dtype(np.uint8), 9: np.dtype(np.int8), 11: np.dtype(">i2"), 12: np.dtype(">i4"),
             13: np.dtype(">f4"), 14: np.dtype(">f8")}  # fmt: skip
TRAINING, TESTING = ("train",), ("t10k", "test")
CIFAR_BATCHES, CIFAR_TEST = tuple(f"data_batch_{part}" for part in range(1, 6)), "test_batch"
CIFAR_SHAPE = (3, 32, 32)
BROKEN = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error, RuntimeError)


def of_npz(path: Path) -> Dataset:
    """x (or x_train), y (or y_train), and x_test, y_test where there are any.

    Raises:
        DataError: no such file, none of NumPy's, or without these arrays.
    """
    name = shown(path.name)
    try:
        with np.load(path, allow_pickle=False) as held:
            if not isinstance(held, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            found = [next((held[key] for key in keys if key in held.files), None) for keys in NPZ_NAMES]
            known = ", ".join(map(shown, held.files))
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
        raise DataError(f"{shown(path, PATH)} cannot be read ({reason}); give what "
                        "numpy.savez(FILE, x=images, y=labels) writes") from None  # fmt: skip
    x, y, x_test, y_test = found
    if x is None or y is None or (x_test is None) != (y_test is None):
        raise DataError(f"{name} holds {known or 'nothing'}; give x and y, and with x_test also y_test")
    return labelled(name, (x, y), None if x_test is None else (x_test, y_test))


def of_folder(folder: Path) -> Dataset:
    """A folder of idx files, packed or not, or of the python batches of CIFAR-10.

    Raises:
        DataError: a folder of neither, with files missing, damaged or more than one of a kind.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    if CIFAR_TEST in names:
        return _of_cifar(folder, names)
    name = shown(folder.resolve().name)
    train, test = ([_one_of(folder, names, when, what) for what in ("images", "labels")]
                   for when in (TRAINING, TESTING))  # fmt: skip
    if None in train or (None in test and test != [None, None]):
        part = "training" if None in train else "test"
        raise DataError(f"{shown(folder, PATH)} lacks a file of {part} images or labels; "
                        "give idx files named as MNIST's, train-images-idx3-ubyte.gz and so on, or the batches of "
                        "CIFAR-10")  # fmt: skip
    pairs = [tuple(_idx(path) for path in part if path is not None) for part in (train, test)]
    return labelled(name, _pair(pairs[0]), _pair(pairs[1]) if pairs[1] else None)


def _pair(arrays: tuple[NDArray[np.generic], ...]) -> Pair:
    images, labels = arrays
    return images, labels


def _one_of(folder: Path, names: list[str], when: tuple[str, ...], what: str) -> Path | None:
    """The idx file of images or labels of one set; None where there is none."""
    found = [name for name in names if what in name and "idx" in name and any(word in name for word in when)]
    if len(found) > 1:
        raise DataError(f"{shown(folder, PATH)} holds {', '.join(map(shown, found[:3]))}; leave one of them there")
    return folder / found[0] if found else None


def _idx(path: Path) -> NDArray[np.generic]:
    """The array of an idx file: 0, 0, type, number of dimensions; sizes; entries, all of highest byte first."""
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{shown(path, PATH)} cannot be read ({getattr(error, 'strerror', None) or error}); replace it"
        ) from None
    kind = IDX_TYPES.get(content[2]) if len(content) > 3 and content[:2] == b"\0\0" else None
    start = 4 + 4 * content[3] if kind is not None else 0
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if kind is None or len(content) != start + math.prod(shape) * kind.itemsize:
        raise DataError(f"{shown(path, PATH)} is no whole idx file: its length or its first bytes are not as its "
                        "header says; replace it")  # fmt: skip
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def _of_cifar(folder: Path, names: list[str]) -> Dataset:
    missing = [name for name in CIFAR_BATCHES if name not in names]
    if missing:
        raise DataError(
            f"{shown(folder, PATH)} lacks {', '.join(missing)} of CIFAR-10; unpack the python version again"
        )
    parts = [_cifar_batch(folder / name) for name in CIFAR_BATCHES]
    train = tuple(np.concatenate(each) for each in zip(*parts, strict=True))
    return labelled(shown(folder.resolve().name), _pair(train), _cifar_batch(folder / CIFAR_TEST))


def _cifar_batch(path: Path) -> Pair:
    held = arrays_of_pickle(path)
    images, labels = (held.get(key, held.get(key.decode())) for key in (b"data", b"labels")) if isinstance(
        held, dict) else (None, None)  # fmt: skip
    pixels = math.prod(CIFAR_SHAPE)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (pixels,):
        raise DataError(f"{shown(path, PATH)} holds no images of CIFAR-10, bytes of shape (n, {pixels}); replace it")
    return images.reshape(-1, *CIFAR_SHAPE), np.asarray(labels)
