"""How slowly two inputs become one on the edge of chaos: relu and smooth activations, theory, laws, random networks.

Source: Hayou, Doucet, Rousseau 2019, on the rates l^-2 of relu and 1/l of smooth activations.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.experiments.random_networks.networks import simulate
from meanbits.experiments.random_networks.propagation import theory_orbit
from meanbits.experiments.random_networks.simulation import even, overlapping_inputs
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.stages.decay import gap_decay
from meanbits.theory.symbols import q, sigma_b2, sigma_m2

SIZES = {"smoke": (200, 4, 10), "quick": (500, 6, 100), "paper": (2000, 20, 300)}
NETWORKS = (("relu", 1.0), ("hardtanh", 1.0), ("tanh", 1.0), ("tanh", 0.1))  # neurons, and the variance of their fields
OVERLAP = 0.5


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """1 - c: theory, law (amplitude l^-exponent), mean and error of random networks, (networks, layer); exponent,
    amplitude, sigma_w2, sigma_b2: (networks,). The presets set width, networks and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "hayou-2019-2")
    width, networks, depth = sized(preset, SIZES)
    layers, rows = np.arange(1, depth + 1), []
    for done, (neurons, variance) in enumerate(NETWORKS, 1):
        theory = real_theory(neurons)
        (point,) = critical_curve(theory, [variance])
        square = (variance - point.sigma_b2) / point.sigma_m2
        pair = overlapping_inputs(OVERLAP, even(width), mean_square=square)
        setting = {"sigma_m2": point.sigma_m2, "sigma_b2": point.sigma_b2, "pair": pair, "depth": depth}
        seen = simulate(theory.surrogate, width=width, realisations=networks, seed=(seed, done), **setting).c
        law = gap_decay(theory.maps)
        assert law is not None
        values = {q: variance, sigma_m2: point.sigma_m2, sigma_b2: point.sigma_b2}
        power, size = float(law.exponent), float(law.amplitude.subs(values).evalf(15))
        rows.append((1 - theory_orbit(theory, **setting)[1], size * layers**-power, 1 - seen.mean,
                     seen.std / np.sqrt(networks), power, size, point.sigma_m2, point.sigma_b2))  # fmt: skip
        tick(done, len(NETWORKS))
    names = ("theory", "law", "mean", "error", "exponent", "amplitude", "sigma_w2", "sigma_b2")
    tables = [np.array(values) for values in zip(*rows, strict=True)]
    data = {name: (("networks", "layer")[: table.ndim], table) for name, table in zip(names, tables, strict=True)}
    labels = [f"{neurons}, q = {variance:g}" for neurons, variance in NETWORKS]
    return labelled(xr.Dataset(data, {"networks": labels, "layer": layers}), preset, seed, width=width, count=networks)
