"""Results as labelled arrays in netCDF files: written whole or not at all, and never over a file that is not ours.

A file has a digest of its own bytes, so that one that was cut or changed is not taken for a result.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import xarray as xr
from xarray.backends import ScipyDataStore

from meanbits.numerics.whole_files import write_bytes

PRODUCER = "meanbits"
UNSIGNED = f"sha256:{'0' * 64}"  # in the place of the digest, in the bytes that it is of


def save(dataset: xr.Dataset, path: str | Path) -> Path:
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


def _content(dataset: xr.Dataset) -> bytes:
    """The bytes of its file; `to_netcdf` would load Dask to look for a scheduler."""
    content = BytesIO()
    store = ScipyDataStore(content, mode="w")
    dataset.dump_to_store(store)
    store.sync()
    return content.getvalue()


def is_ours(path: str | Path) -> bool:
    """Whether a file bears our mark, and so may be replaced: one of `save`, whole, or from before digests."""
    marked = _marked(path)
    return marked is not None and ("digest" not in marked[0].attrs or read(path) is not None)


def read(path: str | Path) -> xr.Dataset | None:
    """A dataset that `save` wrote, in memory; None of a file that is foreign, damaged or cannot be read."""
    marked = _marked(path)
    if marked is None:
        return None
    found, content = marked
    given = str(found.attrs.pop("digest", "")).encode()
    return found if _digest(content.replace(given, UNSIGNED.encode(), 1)) == given else None


def _marked(path: str | Path) -> tuple[xr.Dataset, bytes] | None:
    """A dataset that bears our mark, and the bytes of its file."""
    try:
        content = Path(path).read_bytes()
        found = xr.load_dataset(BytesIO(content), engine="scipy")
    except Exception:  # whatever damaged bytes make SciPy's reader do
        return None
    return (found, content) if found.attrs.get("producer") == PRODUCER else None


def _digest(content: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(content).hexdigest().encode()
