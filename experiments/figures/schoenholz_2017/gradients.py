"""Squared gradients over the layers of tanh networks in either phase and at the edge: theory against random networks.

Source: Schoenholz et al. 2017, on back-propagation (section 4).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_layer, real_theory
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (200, 4, 8), "quick": (500, 6, 30), "paper": (1000, 20, 60)}
SIGMA_B2, FACTORS = 0.05, (0.7, 1.0, 1.4)


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """Squared gradients relative to the last layer: theory, mean, error, (weights, layer); weights relative to the
    edge. sigma_w2, chi_1: (weights,). The presets set width, networks and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "schoenholz-2017-3")
    width, networks, depth = sized(preset, SIZES)
    edge, rows = edge_weights(SIGMA_B2), []
    for done, factor in enumerate(FACTORS, 1):
        means = factor * edge
        point, layer = fixed_point(real_theory("tanh"), means, SIGMA_B2), real_layer("tanh")
        seen = simulate_layers(
            layer, depth, means, SIGMA_B2, width=width, networks=networks, q0=float(point.q), seed=seed
        )
        told = profile(layer, depth, means, SIGMA_B2, q0=float(point.q)).gradient
        rows.append((told, seen.mean["gradient"], seen.error["gradient"], means, float(point.chi_1)))
        tick(done, len(FACTORS))
    dims = ("weights", "layer")
    names = {"theory": dims, "mean": dims, "error": dims, "sigma_w2": dims[:1], "chi_1": dims[:1]}
    tables = (np.array(values) for values in zip(*rows, strict=True))
    data = {name: (each, table) for (name, each), table in zip(names.items(), tables, strict=True)}
    data = xr.Dataset(data, {"weights": list(FACTORS), "layer": np.arange(depth + 1)})
    return labelled(data, preset, seed, width=width, networks=networks, sigma_b2=SIGMA_B2)


def edge_weights(biases: float) -> float:
    """sigma_w2 at the edge of chaos of tanh networks with these biases, between two variances of the fields."""
    from scipy.optimize import brentq

    theory = real_theory("tanh")

    def at(log_q: float) -> tuple[float, float]:
        (point,) = critical_curve(theory, [np.exp(log_q)])
        return point.sigma_m2, point.sigma_b2 - biases

    root = brentq(lambda log_q: at(log_q)[1], np.log(1e-6), np.log(100.0), xtol=1e-12)
    return at(float(root))[0]
