"""Squared lengths and correlations over the layers of tanh networks: theory against random networks.

Source: Poole et al. 2016, figures 1A, 1B and 2B (sigma_b = 0.3, sigma_w = 1.3, 2.5, 4).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_layer, real_theory
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (100, 3, 3, 5), "quick": (600, 6, 8, 30), "paper": (1000, 40, 20, 30)}
SIGMA_W, SIGMA_B = (1.3, 2.5, 4.0), 0.3
LENGTHS, LAYERS = (4.0, 8.0, 12.0), 6  # about those of the paper's initial points
OVERLAPS = (0.2, 0.5, 0.8)
POINTS = 151


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """map, (sigma_w, q): the length map; map_mean, map_error at q_in. length, length_mean, length_error: (sigma_w,
    start, step), from several q. correlation and its mean and error: (sigma_w, overlap, layer), from q*. q_star and
    c_star: (sigma_w,). The presets set width, networks, points of the map and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "poole-2016-1")
    size = sized(preset, SIZES)
    lengths, parts = np.linspace(0, 15, POINTS), []
    maps = compile_theory(real_theory("tanh"))
    for done, width in enumerate(SIGMA_W, 1):
        parts.append(_one(width**2, size, (seed, done)))
        tick(done, len(SIGMA_W))
    data = xr.concat(parts, "sigma_w").assign_coords(sigma_w=list(SIGMA_W), q=lengths)
    curve = np.array([maps.variance_map(lengths, width**2, SIGMA_B**2) for width in SIGMA_W])
    data = data.assign(map=(("sigma_w", "q"), curve))
    return labelled(data, preset, seed, width=size[0], networks=size[1], sigma_b=SIGMA_B)


def _one(means: float, size: tuple[int, ...], seed: tuple[int, int]) -> xr.Dataset:
    width, networks, points, depth = size
    layer, settings = real_layer("tanh"), {"width": width, "networks": networks}
    found = fixed_point(real_theory("tanh"), means, SIGMA_B**2)
    number = 1000 * seed[0] + 100 * seed[1]
    inputs = np.linspace(0.5, 14.5, points)
    starts, overlaps = list(LENGTHS), list(OVERLAPS)

    def run(layers: int, k: int, **start: float) -> tuple[np.ndarray, ...]:
        seen = simulate_layers(layer, layers, means, SIGMA_B**2, seed=number + k, **settings, **start)
        told = profile(layer, layers, means, SIGMA_B**2, **start)
        name, line = ("pair", told.c) if "c0" in start else ("T", told.T)
        return line, seen.mean[name], seen.error[name]

    images = np.array([[each[1] for each in run(1, k, q0=float(q))[1:]] for k, q in enumerate(inputs)])
    tables = [np.array([run(LAYERS, 50 + k, q0=start) for k, start in enumerate(starts)]),
              np.array([run(depth, 70 + k, q0=float(found.q), c0=c) for k, c in enumerate(overlaps)])]  # fmt: skip
    data = {"map_mean": ("q_in", images[:, 0]), "map_error": ("q_in", images[:, 1]),
            "q_star": float(found.q), "c_star": float(found.c)}  # fmt: skip
    for name, dims, table in zip(("length", "correlation"), (("start", "step"), ("overlap", "layer")), tables,
                                 strict=True):  # fmt: skip
        kinds = zip((name, f"{name}_mean", f"{name}_error"), table.transpose(1, 0, 2), strict=True)
        data |= {kind: (dims, values) for kind, values in kinds}
    coordinates = {"q_in": inputs, "start": starts, "step": np.arange(LAYERS + 1), "overlap": overlaps,
                   "layer": np.arange(depth + 1)}  # fmt: skip
    return xr.Dataset(data, coordinates)
