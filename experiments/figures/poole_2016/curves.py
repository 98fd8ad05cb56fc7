"""A circle of inputs through tanh networks: curvature, stretching and turning over depth, theory against networks.

Source: Poole et al. 2016, figure 4C to E (sigma_b = 0.3, sigma_w = 1.3, 2.5, 4, width 1000).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.experiments.random_networks.curves import circle_through
from meanbits.numerics.depth.curve import curve_profile
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (200, 4, 6), "quick": (600, 6, 40), "paper": (1000, 40, 40)}
SIGMA_W, SIGMA_B = (1.3, 2.5, 4.0), 0.3
QUANTITIES = ("curvature", "expansion", "turning")


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """curvature = N q kappa^2, expansion and turning relative to the circle's, in theory, (sigma_w, layer); with _mean
    and _error of random networks. chi_1: (sigma_w,). The presets set width, networks and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "poole-2016-3")
    width, networks, depth = sized(preset, SIZES)
    theory, rows = real_theory("tanh"), []
    for done, sigma_w in enumerate(SIGMA_W):
        told = curve_profile(theory, depth, sigma_w**2, SIGMA_B**2)
        seen = circle_through(theory.surrogate.neurons, depth, sigma_w**2, SIGMA_B**2, told.q, width=width,
                              networks=networks, seed=(seed, done))  # fmt: skip
        row = {}
        for name in QUANTITIES:
            values = getattr(seen, name)
            row |= {name: getattr(told, name), f"{name}_mean": values.mean(0),
                    f"{name}_error": values.std(0, ddof=1) / np.sqrt(networks)}  # fmt: skip
        rows.append(row | {"q": told.q, "chi_1": told.expansion[1]})
        tick(done + 1, len(SIGMA_W))
    dims = ("sigma_w", "layer")
    data = {name: (dims[: 1 + np.ndim(rows[0][name])], np.array([row[name] for row in rows])) for name in rows[0]}
    data = xr.Dataset(data, {"sigma_w": list(SIGMA_W), "layer": np.arange(depth + 1)})
    return labelled(data, preset, seed, width=width, networks=networks, sigma_b=SIGMA_B)
