"""Figure 1 and its counterparts: q and c per layer and the correlation map, theory against random networks."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.experiments.figures.labels import Tick, sized
from meanbits.experiments.random_networks.propagation import PRESETS, figure_1
from meanbits.theory.declarations.surrogates import Surrogate


def measure(
    surrogate: Surrogate, preset: str, seed: int, tick: Tick, images: str = "digits", data_dir: Path | None = None
) -> xr.Dataset:
    """The dataset of `random_networks.propagation.figure_1`, of pairs of images of a data set.

    Raises:
        ValueError: an unknown preset, or a surrogate without fixed point or that cannot be simulated.
        DataError: missing images.
    """
    size = sized(preset, {each.name: each for each in PRESETS})
    return figure_1(surrogate, size, images, data_dir, seed, tick)
