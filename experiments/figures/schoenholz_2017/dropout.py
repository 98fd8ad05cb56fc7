"""What dropout does to the edge of chaos: correlation and depth scale over the weights, by the rate that is kept.

Source: Schoenholz et al. 2017, on dropout (section 3).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (21, 200, 4, 3, 3), "quick": (81, 500, 6, 6, 10), "paper": (161, 1000, 20, 12, 10)}
DROPPED, SIGMA_B2, SIGMA_W2 = (0.0, 0.01, 0.05, 0.2), 0.05, (0.6, 4.0)
NETWORKS = compose("continuous")


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """c and xi_c at the fixed point, (dropped, sigma_w2); c_seen, c_error: (dropped, weights), the correlation of
    two inputs behind the last layer of random networks, which started there.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "schoenholz-2017-2")
    points, width, networks, marks, depth = sized(preset, SIZES)
    weights, seen_at = np.linspace(*SIGMA_W2, points), np.linspace(SIGMA_W2[0], SIGMA_W2[1], marks)
    rows = []
    for done, dropped in enumerate(DROPPED):
        layer = layer_named(NETWORKS, dropout=dropped)
        everywhere = np.concatenate([weights, seen_at])  # solved together: a step costs the same for one as for all
        found = (layer_fixed_points(layer, everywhere, SIGMA_B2) if dropped
                 else fixed_point(real_theory("tanh"), everywhere, SIGMA_B2))  # fmt: skip
        starts = zip(seen_at, found.q[points:], found.c[points:], strict=True)
        seen = [_stationary(layer, depth, *map(float, start), width=width, networks=networks, seed=seed)
                for start in starts]  # fmt: skip
        rows.append((found.c[:points], found.xi_c[:points], *zip(*seen, strict=True)))
        tick(done + 1, len(DROPPED))
    dims = ("dropped", "sigma_w2"), ("dropped", "sigma_w2"), ("dropped", "weights"), ("dropped", "weights")
    names = ("c", "xi_c", "c_seen", "c_error")
    tables = (np.array(values) for values in zip(*rows, strict=True))
    data = {name: (each, table) for name, each, table in zip(names, dims, tables, strict=True)}
    data = xr.Dataset(data, {"dropped": list(DROPPED), "sigma_w2": weights, "weights": seen_at})
    return labelled(data, preset, seed, width=width, networks=networks, depth=depth, sigma_b2=SIGMA_B2)


def _stationary(layer: Layer, depth: int, means: float, q: float, c: float, **settings: int) -> tuple[float, float]:
    """Mean and error of the correlation behind the last layer, of fields that start at the fixed point."""
    found = simulate_layers(layer, depth, means, SIGMA_B2, q0=q, c0=c, **settings)
    return float(found.mean["pair"][-1]), float(found.error["pair"][-1])
