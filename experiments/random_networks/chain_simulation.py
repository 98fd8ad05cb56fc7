"""Networks of a chain of blocks beside their profile, as a labelled dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.layer import Layer

MEASURED = {"T": "T", "c": "pair", "gradient": "gradient", "overlap": "overlap"}  # by the name it has when measured


def chain_simulation(
    layer: Layer, depth: int, sigma_m2: float, sigma_b2: float, *, c0: float = 0.5, **networks: Any
) -> xr.Dataset:
    """mean, standard_error, theory and z of T, c and, where gradients see a slope, their mean square and overlap
    relative to the last row, (quantity, layer), layers from 0.

    networks: width, networks, batch, seed, tick of `layer_networks.simulate_layers`.

    Raises:
        ValueError: as `layer_networks.simulate_layers` and `depth.profile.profile`.
    """
    expected = profile(layer, depth, sigma_m2, sigma_b2, c0=c0)
    found = simulate_layers(layer, depth, sigma_m2, sigma_b2, c0=c0, **networks)
    names = list(MEASURED) if layer.passes_gradient else ["T", "c"]
    theory = {name: getattr(expected, name) for name in names}
    variables = {
        "mean": [found.mean[MEASURED[name]] for name in names],
        "standard_error": [found.error[MEASURED[name]] for name in names],
        "theory": list(theory.values()),
        "z": [found.z(MEASURED[name], values) for name, values in theory.items()],
    }
    coordinates = {"quantity": names, "layer": np.arange(depth + 1)}
    axes = ("quantity", "layer")
    attributes = {"surrogate": layer.name, "depth": depth, "sigma_m2": sigma_m2, "sigma_b2": sigma_b2, "overlap": c0}
    return xr.Dataset({name: (axes, np.array(rows)) for name, rows in variables.items()}, coordinates, attributes)
