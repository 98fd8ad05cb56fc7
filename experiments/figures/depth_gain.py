"""Accuracy over depth and gain of the paper form, with 6 xi_c and the gain where chi_1 = 1.

Source: theory sheet, sections 3, 4 and 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from experiments.figures.labels import Tick
from experiments.figures.trained_grid import fitted, refuse, scales, trained
from experiments.sweep.grid import Grid
from theory.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_1_", "loss")
POINTS = 241


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid depth_gain of the preset, with theory and fit.

    surrogate_train_accuracy: (depth, gain), and other accuracies; xi_c: (gain,), layers; curve_xi_c: (curve_gain,);
    chi_1: (gain,); critical_gain: (), where it is 1, nan if that is nowhere between the gains; trainable depths and the
    fit as `fitted`, of gains in the ordered phase, chi_1 < 1.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "depth-gain")
    grid, data = trained("depth_gain", preset, seed, tick, KEPT, images, data_dir)
    gains = data.gain.values
    along = np.linspace(gains[0], gains[-1], POINTS)
    there = scales(grid, {}, gain=gains)
    theory = {"xi_c": ("gain", there.xi_c), "chi_1": ("gain", there.chi_1),
              "curve_xi_c": ("curve_gain", scales(grid, {}, gain=along).xi_c),
              "critical_gain": critical_gain(grid, gains[0], gains[-1])}  # fmt: skip
    data = data.assign(theory).assign_coords(curve_gain=along)
    return fitted(data, "gain", seed, told=data.chi_1 < 1)


def critical_gain(grid: Grid, low: float, high: float) -> float:
    """The gain between two where chi_1 = 1 at the parameters of a grid; nan if there is none."""

    def excess(gain: float) -> float:
        return float(scales(grid, {}, gain=gain).chi_1) - 1

    return float(brentq(excess, low, high)) if excess(low) < 0 < excess(high) else np.nan
