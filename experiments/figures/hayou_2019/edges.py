"""The edge of chaos of several activations in the plane of (sigma_b, sigma_w).

Source: Hayou, Doucet, Rousseau 2019, its figure of edges: curves, and one point for relu.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, edge_of_chaos
from meanbits.theory.declarations.surrogates import Surrogate

POINTS = {"smoke": 41, "quick": 161, "paper": 321}
NEURONS, DECADES = ("tanh", "erf", "hardtanh", "relu"), (-4, 1.5)


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """sigma_w, sigma_b along the edge by the variance of its fields, (neurons, q), NaN where it is not feasible.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "hayou-2019-1")
    variances = np.logspace(*DECADES, sized(preset, POINTS))
    table = np.full((2, len(NEURONS), len(variances)), np.nan)
    for index, name in enumerate(NEURONS):
        for place, value in enumerate(variances):
            found = edge_of_chaos(name, np.array([value]))
            if found[0].size:
                table[:, index, place] = np.sqrt(np.concatenate(found))
        tick(index + 1, len(NEURONS))
    data = {name: (("neurons", "q"), plane) for name, plane in zip(("sigma_w", "sigma_b"), table, strict=True)}
    return labelled(xr.Dataset(data, {"neurons": list(NEURONS), "q": variances}), preset, seed)
