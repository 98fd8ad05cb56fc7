"""Figure 2: training accuracy over depth and sigma_m2, with 6 xi_c, and the fit of trainable depth = k xi_c.

Source: Stamatescu et al. 2020, figure 2; theory sheet, section 6.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import fitted, refuse, swept, trained, with_scales
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_1_", "loss")


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
    return fitted(with_scales(*trained("figure_2", preset, seed, tick, KEPT, images, data_dir)), "sigma_m2", seed)


def of_sweep(found: xr.Dataset, seed: int) -> xr.Dataset:
    """The same of the results of a sweep, as far as it has come; the seed is that of the fit's interval.

    Raises:
        ValueError: results of something else.
    """
    return fitted(with_scales(*swept(found, KEPT)), "sigma_m2", seed)
