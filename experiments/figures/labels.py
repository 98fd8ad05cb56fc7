"""What every dataset of a figure says about itself, and which size a preset has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import xarray as xr

from meanbits.experiments.random_networks.propagation import VERSION

Tick = Callable[[int, int], object]  # (done, total)
Size = TypeVar("Size")


def labelled(dataset: xr.Dataset, preset: str, seed: int, **settings: str | float) -> xr.Dataset:
    """The dataset with preset, seed, version and further settings as attributes."""
    return dataset.assign_attrs(preset=preset, seed=str(seed), version=VERSION, **settings)


def sized(preset: str, sizes: Mapping[str, Size]) -> Size:
    """The size that a preset stands for.

    Raises:
        ValueError: an unknown preset.
    """
    if preset not in sizes:
        raise ValueError(f"--preset {preset}: unknown preset; use {', '.join(sizes)}")
    return sizes[preset]
