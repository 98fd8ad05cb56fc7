"""Which depths train with N levels, each network at the step that keeps its field best, and the depth scale xi.

Source: Blumenfeld, Gilboa, Soudry 2019, figure 3, which draws 4, 6 and 9 xi over accuracies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import fitted, refuse, scales, trained
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "loss")


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid blumenfeld_2019 of the preset, with xi_c and the fit of trainable depth = k xi_c.

    surrogate_train_accuracy: (neurons, depth); xi_c: (neurons,), layers; count: (neurons,), the number of levels;
    trainable depths and the fit as `trained_grid.fitted`.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "blumenfeld-2019-3")
    grid, data = trained("blumenfeld_2019", preset, seed, tick, KEPT, images, data_dir)
    names = data.neurons.values
    xi_c = np.array([float(scales(grid, {"neurons": str(name)}).xi_c) for name in names])
    data = data.assign(xi_c=("neurons", xi_c), count=("neurons", [int(str(name).split(":")[1]) for name in names]))
    return fitted(data, "neurons", seed)
