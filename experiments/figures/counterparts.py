"""Figure 3: accuracy of the surrogate, of its sign network and of its sampled networks.

Source: Stamatescu et al. 2020, figure 3; theory sheet, section 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import refuse, scales, trained
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_", "polarised_", "loss")


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid figure_3 of the preset, and xi_c.

    surrogate_, sign_, sampled_N_ train_accuracy and test_accuracy: (depth, sigma_m2), N networks averaged; polarised_
    before, after: (depth, sigma_m2, weight_layer), the fraction of means near +-1; xi_c: (sigma_m2,), layers.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "3")
    grid, data = trained("figure_3", preset, seed, tick, KEPT, images, data_dir)
    depth_scales = np.asarray(scales(grid, {}, sigma_m2=data.sigma_m2.values).xi_c)
    return data.assign(xi_c=("sigma_m2", depth_scales))
