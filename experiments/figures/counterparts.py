"""Figure 3: accuracy of the surrogate, of its sign network and of its sampled networks.

Source: Stamatescu et al. 2020, figure 3; theory sheet, section 6.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import refuse, swept, trained, with_scales
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_", "polarised_", "loss")


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid figure_3 of the preset, and xi_c.

    surrogate_, sign_, sampled_N_ train_accuracy and test_accuracy: (surrogate, depth, sigma_m2), N networks averaged;
    polarised_ before, after: (surrogate, depth, sigma_m2, weight_layer), the fraction of means near +-1; xi_c:
    (surrogate, sigma_m2), layers; curve_xi_c: (surrogate, curve_m2).

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "3")
    return with_scales(*trained("figure_3", preset, seed, tick, KEPT, images, data_dir))


def of_sweep(found: xr.Dataset, seed: int) -> xr.Dataset:
    """The same of the results of a sweep, as far as it has come, whose networks were sampled up to 100 times.

    Raises:
        ValueError: results of something else, or of fewer samples.
    """
    if "sampled_100_train_accuracy" not in found:
        raise ValueError("--results: no average over 100 sampled networks; sweep with samples = 100")
    return with_scales(*swept(found, KEPT))
