"""Signals forward and gradients backward over the weights: where either reaches farthest.

Source: Blumenfeld, Gilboa, Soudry 2019, beyond it; theory sheet, sections 8 and 9.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.blumenfeld_2019.best_step import no_surrogate
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.quantisers.straight_through import balanced_step, growth, weights
from meanbits.numerics.quantisers.uniform import best_uniform, loss
from meanbits.theory.declarations.surrogates import Surrogate

POINTS = {"smoke": 60, "quick": 400, "paper": 400}
LEVELS = (3, 4, 8, 16)
RANGE = (0.35, 1.45)  # of the step over the best one: to where the fixed point is about to go


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """sigma_m2, chi and growth = chi_g along the step, (levels, point); best, balanced: (levels,), the sigma_m2 where
    chi is largest and where chi_g = 1; growth_at_best: (levels,).

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    no_surrogate(surrogate, "blumenfeld-2019-5")
    factors, table, marks = np.linspace(*RANGE, sized(preset, POINTS)), [], []
    for done, levels in enumerate(LEVELS, 1):
        best = best_uniform(levels).step
        rows = [(weights(levels, best * f), 1 - loss(levels, best * f), growth(levels, best * f)) for f in factors]
        table.append(rows)
        marks.append((weights(levels, best), weights(levels, balanced_step(levels)), growth(levels, best)))
        tick(done, len(LEVELS))
    names = ("sigma_m2", "chi", "growth")
    planes = np.moveaxis(np.array(table), 2, 0)
    dims = ("levels", "point")
    curves = {name: (dims, values) for name, values in zip(names, planes, strict=True)}
    marked = zip(("best", "balanced", "growth_at_best"), np.transpose(marks), strict=True)
    at = {name: ("levels", values) for name, values in marked}
    return labelled(xr.Dataset(curves | at, {"levels": list(LEVELS)}), preset, seed)
