"""Results as labelled arrays in netCDF files: written whole or not at all, and never over a file that is not ours."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.numerics.whole_files import write_bytes

PRODUCER = "meanbits"


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a netCDF file, marked as ours; its folder is made.

    Raises:
        FileExistsError: a file that is no dataset of ours stands there.
    """
    path = Path(path)
    if path.exists() and not is_ours(path):
        raise FileExistsError(f"{path} exists and is no dataset of {PRODUCER}; name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, dataset.assign_attrs(producer=PRODUCER).to_netcdf(engine="scipy"))
    return path


def is_ours(path: str | Path) -> bool:
    """Whether a file is a dataset written by `save`, and whole."""
    return read(path) is not None


def read(path: str | Path) -> xr.Dataset | None:
    """A dataset that `save` wrote, in memory; None of a file that is foreign, damaged or cannot be read."""
    try:
        found = xr.load_dataset(path, engine="scipy")
    except Exception:  # whatever damaged bytes make SciPy's reader do
        return None
    return found if found.attrs.get("producer") == PRODUCER else None
