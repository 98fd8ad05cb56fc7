"""Singular values of deep Jacobians with Gaussian and orthogonal weights, on the edge of chaos.

Source: Pennington, Schoenholz, Ganguli 2017 and 2018: spectra of tanh and relu networks.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone, real_theory
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.numerics.spectra.isometry import variance_per_layer
from meanbits.numerics.spectra.slope_law import slope_law
from meanbits.numerics.spectra.spectrum import spectrum
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.symbols import h

SIZES = {"smoke": (9, 60, 2, 4), "quick": (41, 300, 4, 16), "paper": (81, 1000, 10, 32)}
NEURONS, DECADES = ("tanh", "erf", "hardtanh", "relu"), (-3, 1)
NETWORKS = (("tanh", "orthogonal"), ("tanh", "Gaussian"), ("relu", "orthogonal"))
EDGE_Q, RANGE, BINS = 0.02, (-2.0, 1.2), 64  # of the fields of the networks, and of log10 s


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """variance: (neurons, q), what a layer with orthogonal weights adds to the relative variance of s^2 on the edge.
    density: (network, bin), of log10 s of random networks; theory: (point,), of tanh with Gaussian weights. seen,
    told: (network,), the relative variance of s^2 over the depth.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "pennington-2017-1")
    points, width, networks, depth = sized(preset, SIZES)
    variances = np.logspace(*DECADES, points)
    spreads = [[_left(name, value) for value in variances] for name in NEURONS]
    tick(1, 1 + len(NETWORKS))
    edges, rows = np.linspace(*RANGE, BINS + 1), []
    for done, (neurons, weights) in enumerate(NETWORKS):
        values = _singular(neurons, weights, width, networks, depth, seed)
        heights = np.histogram(np.log10(np.maximum(values, 10 ** RANGE[0] / 10)), edges)[0]
        squares = values**2
        told = depth * (_left(neurons, EDGE_Q) + (weights == "Gaussian"))
        rows.append((heights / values.size / np.diff(edges), (squares**2).mean() / squares.mean() ** 2 - 1, told))
        tick(2 + done, 1 + len(NETWORKS))
    density, seen, told = (np.array(values) for values in zip(*rows, strict=True))
    log_s, curve = _theory(depth)
    data = xr.Dataset(
        {"variance": (("neurons", "q"), np.array(spreads)), "density": (("network", "bin"), density),
         "seen": ("network", seen), "told": ("network", told), "theory": ("point", curve)},
        {"neurons": list(NEURONS), "q": variances, "network": [", ".join(each) for each in NETWORKS],
         "bin": (edges[1:] + edges[:-1]) / 2, "point": log_s},
    )  # fmt: skip
    return labelled(data, preset, seed, width=width, networks=networks, depth=depth, edge_q=EDGE_Q)


def _left(neurons: str, value: float) -> float:
    return variance_per_layer("orthogonal", slope_law(real_theory(neurons), value, value).spread)


def _theory(depth: int) -> tuple[np.ndarray, np.ndarray]:
    """log10 s and its density of tanh networks with Gaussian weights, by free probability."""
    (point,) = critical_curve(real_theory("tanh"), [EDGE_Q])
    found = spectrum(slope_law(real_theory("tanh"), EDGE_Q, EDGE_Q), point.sigma_m2, depth)
    log_s = np.linspace(*RANGE, 281)
    rising = found.log_z[::-1] / (2 * np.log(10))
    return log_s, 2 * np.log(10) * np.interp(log_s, rising, found.density[::-1], left=0, right=0)


def _singular(neurons: str, kind: str, width: int, networks: int, depth: int, seed: int) -> np.ndarray:
    """Singular values of the Jacobians of random networks from fields at the fixed point, (networks, width)."""
    theory = real_theory(neurons)
    (point,) = critical_curve(theory, [EDGE_Q])
    f = theory.surrogate.neurons.mean
    phi, slope = sp.lambdify(h, f, "numpy"), sp.lambdify(h, f.diff(h), ["numpy", {"Heaviside": np.heaviside}])
    found = []
    for index in range(networks):
        rng = np.random.default_rng((seed, index))
        field, product = np.sqrt(EDGE_Q) * rng.standard_normal(width), np.eye(width)
        for _ in range(depth):
            drawn = rng.standard_normal((width, width)) / np.sqrt(width)
            weights = np.sqrt(point.sigma_m2) * (np.linalg.qr(drawn)[0] if kind == "orthogonal" else drawn)
            product = weights @ (slope(field)[:, None] * product)
            field = weights @ phi(field) + np.sqrt(max(point.sigma_b2, 0.0)) * rng.standard_normal(width)
        found.append(np.linalg.svd(product, compute_uv=False))
    return np.array(found)
