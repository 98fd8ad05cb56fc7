"""Lengths, gradients and correlations over the layers of residual networks: theory against random networks.

Source: Yang, Schoenholz 2017, on x + v phi(w x + b) + a with tanh and relu.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.blocks import Dense, Neuron, Skip
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.layer import Layer, layer_of
from meanbits.theory.declarations.surrogates import NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.symbols import sigma_b2, sigma_m2

SIZES = {"smoke": (150, 3, 8), "quick": (400, 6, 40), "paper": (1000, 20, 100)}
INNER, INNER_BIAS = sp.Rational(3, 2), sp.Rational(1, 10)
SETTINGS = {"tanh, residual": (0.7, 0.2), "relu, residual": (0.2, 0.2), "tanh, plain": (3.0, 0.2)}
QUANTITIES = {"T": "T", "gradient": "gradient", "c": "pair"}


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """T, squared gradients relative to the last layer, and c, (network, layer), with _mean and _error of random
    networks. The presets set width, networks and layers.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "yang-schoenholz-2017-1")
    width, networks, depth = sized(preset, SIZES)
    rows = []
    for done, (name, (outer, bias)) in enumerate(SETTINGS.items(), 1):
        layer = _layer(name)
        told = profile(layer, depth, outer, bias, c0=0.5)
        seen = simulate_layers(layer, depth, outer, bias, width=width, networks=networks, seed=seed)
        row = {}
        for quantity, measured in QUANTITIES.items():
            row |= {quantity: getattr(told, quantity), f"{quantity}_mean": seen.mean[measured],
                    f"{quantity}_error": seen.error[measured]}  # fmt: skip
        rows.append(row)
        tick(done, len(SETTINGS))
    data = {name: (("network", "layer"), np.array([row[name] for row in rows])) for name in rows[0]}
    data = xr.Dataset(data, {"network": list(SETTINGS), "layer": np.arange(depth + 1)})
    return labelled(data, preset, seed, width=width, networks=networks)


def _layer(name: str) -> Layer:
    neurons, kind = name.split(", ")
    base = compose("continuous", neurons=neurons)
    if kind == "plain":
        return layer_of(base)
    inner, outer = Dense(FIXED, INNER, INNER, INNER_BIAS), Dense(FIXED, sigma_m2, sigma_m2, sigma_b2)
    return Layer(name, (Skip(sp.S.One, sp.S.One, (inner, Neuron(base.neurons), outer)),), NONE)
