"""Modes of convolutional networks: their depth scales over the weights, and a wave over the layers.

Source: Xiao et al. 2018, on the modes of correlations.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.positions import correlation_at_positions, modes
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.layer import convolved
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {"smoke": (41, 60, 4, 4), "quick": (161, 150, 12, 10), "paper": (321, 400, 40, 20)}
SIGMA_B2, SIGMA_W2, WINDOW, POSITIONS = 0.05, (0.6, 4.0), 3, 12
SHOWN, WEIGHTS = (0, 1, 2, 3), 1.4  # modes, and the weights of the networks


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """xi_c, (mode, sigma_w2), layers; size of each mode of 1 - c: theory, mean and error of random networks, (mode,
    layer), relative to the first layer, from an input that differs at one position more than elsewhere.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "xiao-2018-1")
    points, width, networks, depth = sized(preset, SIZES)
    layer, theory, weights = (
        convolved(compose("continuous"), (WINDOW,)),
        real_theory("tanh"),
        np.linspace(*SIGMA_W2, points),
    )
    chi = fixed_point(theory, weights, SIGMA_B2).chi
    shrink = modes(layer, WEIGHTS, SIGMA_B2, (POSITIONS,)).chi
    scales = depth_scale(chi * (shrink / shrink[0])[list(SHOWN), None])
    tick(1, 2)
    q = float(fixed_point(theory, WEIGHTS, SIGMA_B2).q)
    start = np.where(np.arange(POSITIONS) == 0, 0.2, 0.8)
    told = correlation_at_positions(layer, depth, WEIGHTS, SIGMA_B2, start, q)[1]
    seen = simulate_layers(layer, depth, WEIGHTS, SIGMA_B2, width=width, networks=networks, q0=q, c0=start, seed=seed)
    tick(2, 2)
    rows = {"theory": _sizes(told), "mean": _sizes(seen.mean["pair"])}
    rows["error"] = np.sqrt((seen.error["pair"] ** 2).mean(1))[None].repeat(len(SHOWN), 0) / np.sqrt(POSITIONS)
    data = {name: (("mode", "layer"), values) for name, values in rows.items()}
    data = xr.Dataset(data | {"xi_c": (("mode", "sigma_w2"), scales)},
                      {"mode": list(SHOWN), "sigma_w2": weights, "layer": np.arange(depth + 1)})  # fmt: skip
    return labelled(data, preset, seed, width=width, networks=networks, sigma_b2=SIGMA_B2, weights=WEIGHTS,
                    positions=POSITIONS, window=WINDOW)  # fmt: skip


def _sizes(correlation: np.ndarray) -> np.ndarray:
    """Sizes of the modes of 1 - c over the positions, (mode, layer)."""
    return np.abs(np.fft.fft(1 - correlation, axis=1))[:, list(SHOWN)].T / POSITIONS
