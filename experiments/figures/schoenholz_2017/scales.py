"""Depth scales of lengths and correlations over the weights of tanh networks: theory, and rates of random layers.

Source: Schoenholz et al. 2017, on the depth scales xi_q and xi_c (section 3).
"""

from __future__ import annotations

import numpy as np
import sympy as sp
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.symbols import h

SIZES = {"smoke": (41, 200, 20, 3), "quick": (161, 500, 80, 8), "paper": (321, 2000, 200, 12)}
SIGMA_B2, SIGMA_W2 = (0.001, 0.05, 0.3), (0.6, 4.0)
APART = 0.02  # of what is told apart: of the length, and of the correlation from its fixed point


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
    """Slopes of length and correlation over a layer, from fields of exact lengths and overlaps about the fixed point
    that share their weights."""
    theory = real_theory("tanh")
    point, phi = fixed_point(theory, means, biases), sp.lambdify(h, theory.surrogate.neurons.mean, "numpy")
    q, c = float(point.q), float(point.c)
    nearer, farther = min(1.0, c + APART), c - APART
    rows = np.array([[1, 0], [np.sqrt(1 + APART), 0], [np.sqrt(1 - APART), 0],
                     *([each, np.sqrt(1 - each**2)] for each in (nearer, farther))])  # fmt: skip
    found = []
    for index in range(networks):
        rng = np.random.default_rng((seed, index))
        pair = np.sqrt(width) * np.linalg.qr(rng.standard_normal((width, 2)))[0].T
        weights = np.sqrt(means / width) * rng.standard_normal((width, width))
        after = phi(np.sqrt(q) * rows @ pair) @ weights.T + np.sqrt(biases) * rng.standard_normal(width)
        sizes = (after**2).mean(-1)
        overlaps = (after @ after[0] / width) / np.sqrt(sizes * sizes[0])
        found.append((sizes[1] - sizes[2], overlaps[3] - overlaps[4]))
    lengths, correlations = np.mean(found, 0)
    return float(abs(lengths) / (2 * APART * q)), float(abs(correlations) / (nearer - farther))
