"""The two phases of tanh networks over (sigma_b, sigma_w): q*, c*, and the edge chi_1 = 1 between them.

Source: Poole et al. 2016, figures 1C, 2C and 2D.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, edge_of_chaos, real_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate

POINTS = {"smoke": 21, "quick": 81, "paper": 161}
SIGMA_W, SIGMA_B = (1.0, 5.0), (0.0, 4.0)
VARIANCES = np.logspace(-6, 2, 161)
MARKED = (1.3, 2.5, 4.0)


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """q, c and chi_1 at the fixed point, (sigma_w, sigma_b); edge_w, edge_b: (point,), sigma along the edge of chaos.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "poole-2016-2")
    points = sized(preset, POINTS)
    weights, biases = np.linspace(*SIGMA_W, points), np.linspace(*SIGMA_B, points)
    found = fixed_point(real_theory("tanh"), weights[:, None] ** 2, biases**2)
    tick(1, 2)
    edge = np.sqrt(np.array(edge_of_chaos("tanh", VARIANCES)))
    tick(2, 2)
    dims = ("sigma_w", "sigma_b")
    planes = {name: (dims, getattr(found, name)) for name in ("q", "c", "chi_1")}
    lines = {name: ("point", values) for name, values in zip(("edge_w", "edge_b"), edge, strict=True)}
    data = xr.Dataset(planes | lines, {"sigma_w": weights, "sigma_b": biases, "marked": list(MARKED)})
    return labelled(data, preset, seed, marked_b=0.3)
