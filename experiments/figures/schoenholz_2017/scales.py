"""Depth scales of lengths and correlations over the weights of tanh networks: theory, and rates of random layers.

Source: Schoenholz et al. 2017, on the depth scales xi_q and xi_c (section 3).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_layer, real_theory
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (41, 200, 4, 3), "quick": (161, 600, 6, 6), "paper": (321, 2000, 20, 12)}
SIGMA_B2, SIGMA_W2 = (0.001, 0.05, 0.3), (0.6, 4.0)
LAYERS, APART = 8, 0.02  # of what is told apart: of the length, and of the correlation from its fixed point


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """xi_q and xi_c, (sigma_b2, sigma_w2), in layers; xi_q_seen, xi_c_seen: (sigma_b2, weights), of random networks: by
    how much a layer brings two lengths, or correlations, nearer that lie about the fixed point.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "schoenholz-2017-1")
    points, width, networks, marks = sized(preset, SIZES)
    theory, weights = real_theory("tanh"), np.linspace(*SIGMA_W2, points)
    found = fixed_point(theory, weights, np.array(SIGMA_B2)[:, None])
    seen_at = np.linspace(SIGMA_W2[0] + 0.2, SIGMA_W2[1] - 0.2, marks)
    rates = []
    for biases in SIGMA_B2:
        rates.append([_rates(float(each), biases, width, networks, seed) for each in seen_at])
        tick(len(rates), len(SIGMA_B2))
    lengths, correlations = np.array(rates).transpose(2, 0, 1)
    dims, seen = ("sigma_b2", "sigma_w2"), ("sigma_b2", "weights")
    data = xr.Dataset(
        {"xi_q": (dims, found.xi_q), "xi_c": (dims, found.xi_c), "xi_q_seen": (seen, depth_scale(lengths)),
         "xi_c_seen": (seen, depth_scale(correlations))},
        {"sigma_b2": list(SIGMA_B2), "sigma_w2": weights, "weights": seen_at},
    )  # fmt: skip
    return labelled(data, preset, seed, width=width, networks=networks)


def _rates(means: float, biases: float, width: int, networks: int, seed: int) -> tuple[float, float]:
    """Slopes of length and correlation a layer, from differences of networks that share their draws."""
    point, layer = fixed_point(real_theory("tanh"), means, biases), real_layer("tanh")
    q, c = float(point.q), float(point.c)
    settings = {"width": width, "networks": networks, "seed": seed}

    def after(**start: float) -> tuple[np.ndarray, np.ndarray]:
        found = simulate_layers(layer, LAYERS, means, biases, **settings, **start)
        return found.mean["T"], found.mean["pair"]

    longer, shorter = (after(q0=q * (1 + sign * APART))[0] for sign in (1, -1))
    nearer, farther = (after(q0=q, c0=each)[1] for each in (min(1.0, c + APART), c - APART))
    return tuple(float(abs((high[-1] - low[-1]) / (high[0] - low[0])) ** (1 / LAYERS)) for high, low in
                 ((longer, shorter), (nearer, farther)))  # fmt: skip
