"""Correlations of two inputs over depth about the best weights: theory against random networks.

Source: Blumenfeld, Gilboa, Soudry 2019, figure 1 (16 levels, several sigma_w).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.blumenfeld_2019.best_step import no_surrogate
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.random_networks.networks import simulate
from meanbits.experiments.random_networks.propagation import theory_orbit
from meanbits.experiments.random_networks.simulation import even, overlapping_inputs
from meanbits.numerics.quantisers.straight_through import weights
from meanbits.numerics.quantisers.uniform import best_uniform
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive

SIZES = {"smoke": (4, 200, 4, 8), "quick": (16, 1000, 10, 40), "paper": (16, 2000, 20, 100)}
FACTORS = (0.9, 1.0, 1.2, 1.5)  # of the best sigma_w
OVERLAP = 0.9  # of the inputs


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """c of theory, mean and standard error of c in random networks, (factor, layer); factor of the best sigma_w.

    sigma_m2: (factor,). The presets set levels, width, networks and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    no_surrogate(surrogate, "blumenfeld-2019-1")
    levels, width, networks, depth = sized(preset, SIZES)
    shown = compose("continuous", neurons=f"quantiser:{levels}")
    pair, best = overlapping_inputs(OVERLAP, even(width)), weights(levels, best_uniform(levels).step)
    variances, rows = best * np.array(FACTORS) ** 2, []
    for done, means in enumerate(variances, 1):
        setting = {"sigma_m2": float(means), "sigma_b2": 0.0, "pair": pair, "depth": depth}
        measured = simulate(shown, width=width, realisations=networks, seed=(seed, done), **setting).c
        rows.append((theory_orbit(derive(shown), **setting)[1], measured.mean, measured.std / np.sqrt(networks)))
        tick(done, len(variances))
    theory, mean, error = np.array(rows).transpose(1, 0, 2)
    dims = ("factor", "layer")
    data = xr.Dataset({"theory": (dims, theory), "mean": (dims, mean), "error": (dims, error),
                       "sigma_m2": ("factor", variances)},
                      {"factor": list(FACTORS), "layer": np.arange(1, depth + 1)})  # fmt: skip
    return labelled(data, preset, seed, levels=levels, width=width, networks=networks, overlap=OVERLAP,
                    xi=best_uniform(levels).xi)  # fmt: skip
