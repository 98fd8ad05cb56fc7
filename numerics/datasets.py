"""Results as labelled arrays in netCDF files: written whole or not at all, and never over a file that is not ours.

A file has a digest of its own bytes, so that one that was cut or changed is not taken for a result.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from meanbits.numerics.labelled import Labelled
from meanbits.numerics.whole_files import read_bytes, write_bytes

if TYPE_CHECKING:
    import xarray as xr

PRODUCER = "meanbits"
UNSIGNED = f"sha256:{'0' * 64}"  # in the place of the digest, in the bytes that it is of


def save(dataset: xr.Dataset | Labelled, path: str | Path) -> Path:
    """Write a netCDF file, marked as ours; its folder is made.

    Raises:
        FileExistsError: a file that is no dataset of ours stands there, or a damaged one.
        OSError: the system refuses; it names the file, whose old content stays.
    """
    path = Path(path)
    if path.exists() and not is_ours(path):
        raise FileExistsError(f"{path} exists and is no dataset of {PRODUCER}; name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _content(dataset.assign_attrs(producer=PRODUCER, digest=UNSIGNED))
    write_bytes(path, content.replace(UNSIGNED.encode(), _digest(content), 1))
    return path


def _content(dataset: xr.Dataset | Labelled) -> bytes:
    """The bytes of its file; `to_netcdf` would load Dask to look for a scheduler."""
    if isinstance(dataset, Labelled):
        return dataset.content()
    from xarray.backends import ScipyDataStore

    content = BytesIO()
    store = ScipyDataStore(content, mode="w")
    dataset.dump_to_store(store)
    store.sync()
    return content.getvalue()


def is_ours(path: str | Path) -> bool:
    """Whether a file bears our mark, and so may be replaced: one of `save`, whole, or from before digests."""
    found = _marked(path)
    return found is not None and (not found[1] or _is_whole(*found))


def read(path: str | Path) -> xr.Dataset | None:
    """A dataset that `save` wrote, in memory; None of a file that is foreign, damaged or cannot be read."""
    found = _marked(path)
    if found is None or not _is_whole(*found):
        return None
    import xarray as xr

    with suppress(Exception):  # whatever bytes of others, though their digest is right, make xarray do
        dataset = xr.load_dataset(BytesIO(found[0]), engine="scipy")
        del dataset.attrs["digest"]
        return dataset
    return None


def _marked(path: str | Path) -> tuple[bytes, bytes] | None:
    """The bytes of a file that bears our mark, and the digest that it gives, empty where it gives none."""
    from scipy.io import netcdf_file

    try:
        content = read_bytes(Path(path))
        with netcdf_file(BytesIO(content), mmap=False) as file:
            producer, given = (getattr(file, name, b"") for name in ("producer", "digest"))
    except Exception:  # whatever damaged bytes make SciPy's reader do
        return None
    return (content, given if isinstance(given, bytes) else b"none of ours") if producer == PRODUCER.encode() else None


def _is_whole(content: bytes, given: bytes) -> bool:
    """Whether the digest that a file gives is that of its bytes."""
    return bool(given) and _digest(content.replace(given, UNSIGNED.encode(), 1)) == given


def _digest(content: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(content).hexdigest().encode()
