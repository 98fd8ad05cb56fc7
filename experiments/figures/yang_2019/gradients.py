"""Squared gradients on their way back through batch norm: theory of large batches against random networks.

Source: Yang et al. 2019, abstract; theory sheet, section 10.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (64, 64, 3, 4), "quick": (400, 256, 6, 16), "paper": (1000, 512, 20, 40)}
NEURONS = {"relu": {"name": "continuous", "neurons": "relu"}, "tanh": {"name": "continuous", "neurons": "tanh"},
           "linear": {"name": "continuous", "neurons": "linear"},
           "sign, slope clip": {"name": "random-binary", "backward": "clip"}}  # fmt: skip


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """theory, mean and error of squared gradients relative to the last layer, (neurons, layer); growth: (neurons,).

    growth: what a layer multiplies them by on their way back, in large batches. The presets set width, batch, networks
    and depth.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    if surrogate is not None:
        raise ValueError(f"{surrogate.name}: figure yang-2019-1 compares neurons of its own; leave S out")
    width, batch, networks, depth = sized(preset, SIZES)
    rows = []
    for done, options in enumerate(NEURONS.values(), 1):
        layer = layer_named(compose(**options), normalise="batch")
        found = simulate_layers(layer, depth, 1.0, 0.0, width=width, batch=batch, networks=networks, seed=seed)
        theory = profile(layer, depth, 1.0, 0.0).gradient
        rows.append((theory, found.mean["gradient"], found.error["gradient"]))
        tick(done, len(NEURONS))
    table = np.array(rows).transpose(1, 0, 2)
    quantities = zip(("theory", "mean", "error"), table, strict=True)
    named = {name: (("neurons", "layer"), values) for name, values in quantities}
    data = xr.Dataset(named, {"neurons": list(NEURONS), "layer": np.arange(depth + 1)})
    growth = data.theory.isel(layer=-2) / data.theory.isel(layer=-1)
    return labelled(data.assign(growth=growth), preset, seed, width=width, batch=batch, networks=networks)
