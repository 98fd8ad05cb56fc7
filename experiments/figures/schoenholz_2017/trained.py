"""Accuracy over depth and weights of tanh networks, with 6 xi_c.

Source: Schoenholz et al. 2017, its figure of training accuracy (sigma_b2 = 0.05, MNIST).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import fitted, refuse, scales, trained
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "loss")
POINTS = 241


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid schoenholz_2017 of the preset, with xi_c and the fit of trainable depth = k xi_c.

    surrogate_train_accuracy: (depth, sigma_m2); xi_c: (sigma_m2,), curve_xi_c: (weights,), layers; the fit as
    `trained_grid.fitted`, of weights in the ordered phase.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "schoenholz-2017-4")
    grid, data = trained("schoenholz_2017", preset, seed, tick, KEPT, images, data_dir)
    weights = data.sigma_m2.values
    along = np.linspace(weights[0], weights[-1], POINTS)
    there, between = (scales(grid, {}, sigma_m2=each) for each in (weights, along))
    theory = {"xi_c": ("sigma_m2", there.xi_c), "chi_1": ("sigma_m2", there.chi_1),
              "curve_xi_c": ("weights", between.xi_c)}  # fmt: skip
    data = data.assign(theory).assign_coords(weights=along)
    return fitted(data, "sigma_m2", seed, told=data.chi_1 < 1)
