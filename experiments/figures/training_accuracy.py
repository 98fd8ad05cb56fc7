"""Figure 2: training accuracy over depth and sigma_m2, with 6 xi_c, and the fit of trainable depth = k xi_c.

Source: Stamatescu et al. 2020, figure 2; theory sheet, section 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import fitted, refuse, scales, trained
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_1_", "loss")
CURVE = np.linspace(0.02, 1, 197)


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid figure_2 of the preset, with theory and fit.

    surrogate_train_accuracy: (surrogate, depth, sigma_m2, seed), and other accuracies; xi_c: (surrogate, sigma_m2),
    layers; curve_xi_c: (surrogate, curve_m2); trainable depths and the fit as `fitted`.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "2")
    grid, data = trained("figure_2", preset, seed, tick, KEPT, images, data_dir)
    depth_scales, curves = [], []
    for name in data.surrogate.values:
        place = {"surrogate": str(name)}
        depth_scales.append(scales(grid, place, sigma_m2=data.sigma_m2.values).xi_c)
        curves.append(scales(grid, place, sigma_m2=CURVE).xi_c)
    axes = {"xi_c": (("surrogate", "sigma_m2"), depth_scales), "curve_xi_c": (("surrogate", "curve_m2"), curves)}
    return fitted(data.assign(axes).assign_coords(curve_m2=CURVE), "sigma_m2", seed)
