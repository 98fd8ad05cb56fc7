"""Results as labelled arrays in netCDF files: written whole or not at all, and never over a file that is not ours."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr

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
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        dataset.assign_attrs(producer=PRODUCER).to_netcdf(Path(folder) / path.name, engine="scipy")
        os.replace(Path(folder) / path.name, path)
    return path


def is_ours(path: str | Path) -> bool:
    """Whether a file is a dataset written by `save`."""
    try:
        with xr.open_dataset(path, engine="scipy") as dataset:
            return dataset.attrs.get("producer") == PRODUCER
    except (OSError, ValueError, TypeError):
        return False
