"""Accuracy over depth and gain of the paper form, with 6 xi_c and the gain where chi_1 = 1.

Source: theory sheet, sections 3, 4 and 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import fitted, refuse, scales, trained
from meanbits.experiments.sweep.grid import Grid
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "sign_", "sampled_1_", "loss")
POINTS = 241


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid depth_gain of the preset, with theory and fit.

    surrogate_train_accuracy: (depth, gain, seed), and other accuracies; xi_c, chi_1: (gain,), layers and slope;
    curve_xi_c, curve_gradient: (curve_gain,), the latter 1/|ln chi_1|, over which squared gradients shrink or grow by
    e (Schoenholz et al. 2017, section 4); critical_gain: (), where chi_1 = 1, nan if that is nowhere between the gains;
    trainable depths and the fit as `fitted`, the latter of gains in the ordered phase, chi_1 < 1.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "depth-gain")
    grid, data = trained("depth_gain", preset, seed, tick, KEPT, images, data_dir)
    gains = data.gain.values
    along = np.linspace(gains[0], gains[-1], POINTS)
    there, between = scales(grid, {}, gain=gains), scales(grid, {}, gain=along)
    theory = {"xi_c": ("gain", there.xi_c), "chi_1": ("gain", there.chi_1),
              "curve_xi_c": ("curve_gain", between.xi_c),
              "curve_gradient": ("curve_gain", np.abs(depth_scale(between.chi_1))),
              "critical_gain": critical_gain(grid, gains[0], gains[-1])}  # fmt: skip
    data = data.assign(theory).assign_coords(curve_gain=along)
    return fitted(data, "gain", seed, told=data.chi_1 < 1)


def critical_gain(grid: Grid, low: float, high: float) -> float:
    """The gain between two where chi_1 = 1 at the parameters of a grid; nan if there is none."""

    def excess(gain: float) -> float:
        return float(scales(grid, {}, gain=gain).chi_1) - 1

    return float(brentq(excess, low, high)) if excess(low) < 0 < excess(high) else np.nan
