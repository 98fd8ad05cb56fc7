"""Images of one's own in files: an .npz, a folder of idx files, or a folder of CIFAR's python batches."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.declared import PATH
from meanbits.experiments.images.cifar import cifar_of, of_cifar, pair_of
from meanbits.experiments.images.labelled import DataError, Dataset, inputs_alone, labelled
from meanbits.numerics.whole_files import read_bytes
from meanbits.theory.errors import shown

NPZ_NAMES = (("x", "x_train"), ("y", "y_train"), ("x_test",), ("y_test",))
IDX_TYPES = {8: np.dtype(np.uint8), 9: np.dtype(np.int8), 11: np.dtype(">i2"), 12: np.dtype(">i4"),
             13: np.dtype(">f4"), 14: np.dtype(">f8")}  # fmt: skip
TRAINING, TESTING = ("train",), ("t10k", "test")
BROKEN = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error, RuntimeError)


def of_npz(path: Path) -> Dataset:
    """x (or x_train), y (or y_train), and x_test, y_test where there are any.

    Raises:
        DataError: no such file, none of NumPy's, or without these arrays.
    """
    name, (x, y, x_test, y_test), known = _arrays(path)
    if x is None or y is None or (x_test is None) != (y_test is None):
        raise DataError(f"{name} holds {known or 'nothing'}; give x and y, and with x_test also y_test")
    return labelled(name, (x, y), None if x_test is None else (x_test, y_test))


def unlabelled(path: Path) -> Dataset | None:
    """The inputs of an .npz without labels, none of them kept for testing; None where it has some.

    Raises:
        DataError: as `of_npz`.
    """
    name, (x, y, *_), known = _arrays(path)
    if x is None:
        raise DataError(f"{name} holds {known or 'nothing'}; give x, and y where there are labels")
    return inputs_alone(name, x) if y is None else None


def _arrays(path: Path) -> tuple[str, list[NDArray[np.generic] | None], str]:
    """The name of a file, its arrays of the names of `NPZ_NAMES`, and all the names that it has."""
    try:
        with np.load(BytesIO(read_bytes(path)), allow_pickle=False) as held:
            if not isinstance(held, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            found = [next((held[key] for key in keys if key in held.files), None) for keys in NPZ_NAMES]
            return shown(path.name), found, ", ".join(map(shown, held.files))
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
        raise DataError(f"{shown(path, PATH)} cannot be read ({reason}); give what "
                        "numpy.savez(FILE, x=images, y=labels) writes") from None  # fmt: skip


def of_folder(folder: Path) -> Dataset:
    """A folder of idx files, packed or not, or of the python batches of CIFAR-10 or CIFAR-100.

    Raises:
        DataError: a folder of neither, with files missing, damaged or more than one of a kind.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    cifar = cifar_of(names)
    if cifar is not None:
        return of_cifar(folder, names, cifar)
    name = shown(folder.resolve().name)
    train, test = ([_one_of(folder, names, when, what) for what in ("images", "labels")]
                   for when in (TRAINING, TESTING))  # fmt: skip
    if None in train or (None in test and test != [None, None]):
        part = "training" if None in train else "test"
        raise DataError(f"{shown(folder, PATH)} lacks a file of {part} images or labels; "
                        "give idx files named as MNIST's, train-images-idx3-ubyte.gz and so on, or the batches of "
                        "CIFAR-10 or CIFAR-100")  # fmt: skip
    pairs = [tuple(_idx(path) for path in part if path is not None) for part in (train, test)]
    return labelled(name, pair_of(pairs[0]), pair_of(pairs[1]) if pairs[1] else None)


def _one_of(folder: Path, names: list[str], when: tuple[str, ...], what: str) -> Path | None:
    """The idx file of images or labels of one set; None where there is none."""
    found = [name for name in names if what in name and "idx" in name and any(word in name for word in when)]
    if len(found) > 1:
        raise DataError(f"{shown(folder, PATH)} holds {', '.join(map(shown, found[:3]))}; leave one of them there")
    return folder / found[0] if found else None


def _idx(path: Path) -> NDArray[np.generic]:
    """The array of an idx file: 0, 0, type, number of dimensions; sizes; entries, all of highest byte first."""
    try:
        packed = read_bytes(path)
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
