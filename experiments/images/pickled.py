"""Pickles of arrays and plain containers, read without running what else a pickle may ask for."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from meanbits.experiments.declared import PATH
from meanbits.experiments.images.labelled import DataError
from meanbits.numerics.whole_files import read_bytes
from meanbits.theory.errors import shown

RECONSTRUCT, FROM_BUFFER = np.empty(1).__reduce__()[0], np.empty(1).__reduce_ex__(5)[0]  # what NumPy makes arrays by


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes that protocol 2 writes as text of single bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in encoding {shown(encoding)}")
    return text.encode(encoding)


ADMITTED: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): RECONSTRUCT for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): FROM_BUFFER for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _encoded,
}  # fmt: skip


class ArraysOnly(pickle.Unpickler):
    """Admits NumPy's arrays of numbers and what a pickle holds without naming a function."""

    def find_class(self, module: str, name: str) -> Any:
        """What makes an array; nothing else is looked up."""
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {shown(module)}.{shown(name)}")
        return ADMITTED[module, name]


def arrays_of_pickle(path: Path) -> Any:
    """The content of a pickle of arrays, bytes, numbers, lists and dictionaries; text of Python 2 as bytes.

    Raises:
        DataError: it cannot be read, is none, or holds anything else.
    """
    try:
        return ArraysOnly(BytesIO(read_bytes(path)), encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything
        reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DataError(f"{shown(path, PATH)} is not read ({shown(reason)}): only arrays and plain containers are; "
                        "give the batch as published") from None  # fmt: skip
