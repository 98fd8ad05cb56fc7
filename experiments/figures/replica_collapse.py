"""The replica collapse: the deterministic surrogate, LRT and the stochastic network on one orbit of g.

Source: theory sheet, section 3, replica form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from meanbits.experiments.data import ImagePair
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.random_networks.networks import Replicas, replicas
from meanbits.experiments.random_networks.orbits import replica_orbit
from meanbits.experiments.random_networks.propagation import Dynamics
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import EXACT, MARGINALISE, SAMPLE, Surrogate
from meanbits.theory.derive import Theory, derive

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """Of the random networks."""

    width: int
    realisations: int
    depth: int


SIZES = {"smoke": Size(200, 6, 6), "quick": Size(1000, 20, 8), "paper": Size(1000, 50, 10)}
NOISES = ("gaussian:0.5", "gaussian:0.2")
MEANS, BIASES = 0.9, 0.3
TREATMENTS = ("deterministic", "LRT", "stochastic network")
OVERLAPS = ("r_aa", "r_ab")
CURVE_POINTS = 101
AXES = ("network", "treatment", "overlap", "layer")


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """r_aa and r_ab: mean, standard error and z, (network, treatment, overlap, layer), and theory, without treatment.

    curve_in, curve_out: (network, curve_point), r and g(r) at the total variance of the last layer. The inputs are two
    unrelated patterns of signs, so r_aa starts high and r_ab low. Without a surrogate: Gaussian noise of scale 0.5 and
    of 0.2; else its weights and neurons.

    Raises:
        ValueError: an unknown preset, or an approximate form, whose replicas follow no map of their own.
    """
    size = sized(preset, SIZES)
    if surrogate is None:
        networks = {noise: compose("deterministic", noise=noise) for noise in NOISES}
    else:
        networks = {surrogate.neurons.name: surrogate}
    pair, total = _signs(size.width), len(networks) * len(TREATMENTS)
    table = np.empty((3, len(networks), len(TREATMENTS), len(OVERLAPS), size.depth))
    orbits, curves = [], []
    for i, network in enumerate(networks.values()):
        orbit, curve = _theory(network, pair, size.depth)
        orbits.append(orbit)
        curves.append(curve)
        for j, measured in enumerate(_measured(network, pair, size, (seed, i))):
            for k, overlap in enumerate(OVERLAPS):
                found = getattr(measured, overlap)
                table[:, i, j, k] = found.mean, found.error, found.z(orbit[k])
            tick(i * len(TREATMENTS) + j + 1, total)
    variables = {name: (AXES, values) for name, values in zip(("mean", "error", "z"), table, strict=True)}
    variables |= {"theory": (("network", "overlap", "layer"), np.array(orbits))}
    both = np.moveaxis(np.array(curves), 1, 0)
    variables |= {
        f"curve_{end}": (("network", "curve_point"), each) for end, each in zip(("in", "out"), both, strict=True)
    }
    coordinates = {"network": list(networks), "treatment": list(TREATMENTS), "overlap": list(OVERLAPS),
                   "layer": np.arange(1, size.depth + 1)}  # fmt: skip
    settings = {"width": size.width, "realisations": size.realisations, "sigma_m2": MEANS, "sigma_b2": BIASES}
    return labelled(xr.Dataset(variables, coordinates), preset, seed, **settings)


def _measured(network: Surrogate, pair: ImagePair, size: Size, seed: tuple[int, int]) -> Iterator[Replicas]:
    """Two noise-independent runs of both inputs, by treatment."""
    marginalised, sampled = (replace(network, treatment=treatment, form=EXACT) for treatment in (MARGINALISE, SAMPLE))
    given = {"width": size.width, "depth": size.depth, "realisations": size.realisations, "pair": pair}
    for k, (treated, is_network) in enumerate(((marginalised, False), (sampled, False), (sampled, True))):
        yield replicas(treated, sigma_m2=MEANS, sigma_b2=BIASES, seed=(*seed, k), network=is_network, **given)


def _theory(network: Surrogate, pair: ImagePair, depth: int) -> tuple[Array, Array]:
    """The orbits of r_aa and r_ab, (overlap, layer), and g on [0, 1], (2, curve_point)."""
    theory: Theory = derive(network)
    orbit = replica_orbit(Dynamics(theory, MEANS, BIASES), pair.mean_square, pair.overlap, depth)
    r = np.linspace(0, 1, CURVE_POINTS)
    return orbit[1:], np.array([r, compile_theory(theory).replica_map(r, orbit[0, -1], MEANS, BIASES)])


def _signs(size: int) -> ImagePair:
    """Two orthogonal patterns of signs."""
    index = np.arange(size)
    first, second = (np.where(index // period % 2, 1.0, -1.0) for period in (1, 2))
    return ImagePair(first, second, float(first @ second) / size, 1.0)
