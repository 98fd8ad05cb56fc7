"""Mean-field theory against random networks, layer by layer: the data of figure 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distributions
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from meanbits.experiments.data import ImagePair, image_pairs, load
from meanbits.experiments.random_networks.networks import Array, Measurement, Progress, one_layer, simulate
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import A, B, C, D, Q, Q_ab, T, c, q, sigma_b2, sigma_m2

if TYPE_CHECKING:
    import xarray as xr

ORBIT, POINTS, CURVE = ("sigma_m2", "sigma_b2", "pair", "layer"), ("sigma_m2", "point"), ("sigma_m2", "curve_point")
Variables = dict[str, tuple[tuple[str, ...], Array]]
Tick = Callable[[], object]

MAP_SIGMA_B2 = 0.001
SETTLED, BOUNDLESS, PATIENCE = 1e-13, 1e99, 10_000
VERSION = next((found.version for found in distributions(name="meanbits")), "not installed")
COMPARED = ("mean", "std", "theory", "z")


@dataclass(frozen=True)
class Preset:
    """The size of figure 1: networks, settings, image pairs, and points of the correlation map and of its curve."""

    name: str
    width: int
    realisations: int
    depth: int
    sigma_m2: tuple[float, ...] = (0.2, 0.5, 0.99)
    sigma_b2: tuple[float, ...] = (0.001, 0.01, 0.1)
    pairs: int = 3
    map_points: int = 11
    curve_points: int = 201


SMOKE = Preset("smoke", 200, 5, 5, (0.2, 0.99), (0.001, 0.1), 2, 5, 21)
QUICK = Preset("quick", 1000, 20, 15)
PAPER = Preset("paper", 1000, 50, 20)
PRESETS: tuple[Preset, ...] = (SMOKE, QUICK, PAPER)


@dataclass(frozen=True)
class Dynamics:
    """The maps of a theory at one (sigma_m2, sigma_b2), acting on a state (q, c, T)."""

    theory: Theory
    sigma_m2: float
    sigma_b2: float

    def first(self, mean_square: float, overlap: float) -> tuple[float, float, float]:
        """(q, c, T) of the first layer, of inputs with mean square A and overlap C/A; binary inputs have B = 1."""
        mean_field, surrogate = self.theory.mean_field, self.theory.surrogate
        a = 1.0 if surrogate.real_input else mean_square
        b = a if surrogate.treatment.field == "sharp" else 1.0
        inputs = {A: b if surrogate.treatment.propagates == "sample" else a, B: b, C: a * overlap}
        fields = (mean_field.quenched, mean_field.annealed, mean_field.covariance, mean_field.total)
        quenched, annealed, covariance, total = (self._number(field, inputs) for field in fields)
        if is_relative(mean_field):
            return quenched / annealed if annealed else np.inf, covariance / quenched, total
        return total, covariance / total, total

    def following(self, q_in: float, c_in: float, total: float) -> tuple[float, float, float]:
        """(q, c, T) of the next layer."""
        q_out, c_out = self.call("variance_map", total, q_in), self.call("correlation_map", total, c_in, q_in)
        return float(q_out), float(c_out), float(self.call("total_map", total))

    def call(self, name: str, total: float, *state: float | Array) -> Array:
        """An emitted map of the state, and of T where T varies."""
        function = getattr(compile_theory(self.theory), name, None)
        if function is None:
            raise ValueError(f"{self.theory.surrogate.name}: no {name} was emitted, so its orbit is out of reach")
        extra = (total,) if self.theory.maps.takes_total and name != "total_map" else ()
        return function(*(state or (total,)), self.sigma_m2, self.sigma_b2, *extra)

    def settled(self) -> tuple[float, float]:
        """q and T at the fixed point that iteration from q = T = 1 reaches; ValueError if it reaches none."""
        state, steps = (1.0, 1.0), 0
        while max(state) < BOUNDLESS and (steps := steps + 1) < PATIENCE:
            before, state = state, self.following(state[0], 0.0, state[1])[::2]
            if np.allclose(before, state, rtol=SETTLED, atol=0):
                return state
        raise ValueError(f"sigma_m2 = {self.sigma_m2}: q and T reach {state} and no fixed point; lower sigma_m2")

    def fields(self, q_in: float, total: float) -> tuple[float, float, float]:
        """Of the fields a layer draws or integrates: variance, covariance at c = 1, and the variance it integrates."""
        if self.theory.surrogate.real_input:
            return 1.0, 1.0, 0.0
        if self.theory.surrogate.treatment.field != "integrated":
            return q_in, q_in, 0.0
        values = {q: q_in, c: 1, T: total, A: 1, B: 1}
        known = {D: self.theory.mean_field.annealed, **self.theory.maps.state}
        values[D] = self._number(known[D], values)
        return self._number(known[Q], values), self._number(known[Q_ab], values), values[D]

    def _number(self, expression: sp.Expr, values: dict[sp.Symbol, float]) -> float:
        return float(expression.subs({**values, sigma_m2: self.sigma_m2, sigma_b2: self.sigma_b2}))


def theory_orbit(theory: Theory, *, sigma_m2: float, sigma_b2: float, pair: ImagePair, depth: int) -> tuple[Array, ...]:
    """q and c of layers 1 to `depth`, each (depth,), by the emitted maps from the pair's mean square and overlap.

    Raises ValueError for a depth below 1, or above 1 for a layer on real inputs, and where a map was not emitted.
    """
    if depth < 1 or (theory.surrogate.real_input and depth > 1):
        raise ValueError(f"depth = {depth}: it must be at least 1, and 1 for a layer on real inputs")
    dynamics = Dynamics(theory, sigma_m2, sigma_b2)
    states = [dynamics.first(pair.mean_square, pair.overlap)]
    while len(states) < depth:
        states.append(dynamics.following(*states[-1]))
    return tuple(np.array(states).T[:2])


def figure_1(
    surrogate: Surrogate,
    preset: Preset,
    dataset_name: str = "mnist",
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Figure 1 of Stamatescu et al. 2020: q^l and c^l of image pairs, and the map c_in -> c_out at the fixed point q.

    q_*, c_* are (sigma_m2, sigma_b2, pair, layer), map_* (sigma_m2, point) at sigma_b2 = 0.001; * is mean and std over
    realisations, theory, and z of `Measurement`. The theory's curve (curve_c_in, curve_c_out) is (sigma_m2,
    curve_point). `progress(done, total)` counts simulated settings.

    Raises ValueError for a surrogate without fixed point or that cannot be simulated, DataError for missing images.
    """
    pairs = image_pairs(load(dataset_name, data_dir), preset.pairs)
    total, done = len(preset.sigma_m2) * (len(preset.sigma_b2) * len(pairs) + preset.map_points), count(1)
    tick = partial(next, done) if progress is None else lambda: progress(next(done), total)
    variables = _layers(surrogate, preset, pairs, seed, tick) | _map(surrogate, preset, seed, tick)
    images = {name: ("pair", [getattr(pair, name) for pair in pairs]) for name in ("overlap", "mean_square")}
    layers = np.arange(1, variables["q_mean"][1].shape[-1] + 1)
    axes = {"sigma_m2": list(preset.sigma_m2), "sigma_b2": list(preset.sigma_b2), "layer": layers}
    attributes = {"surrogate": surrogate.name, "dataset": dataset_name, "seed": str(seed), "version": VERSION}
    sizes = {"preset": preset.name, "width": preset.width, "realisations": preset.realisations}
    import xarray as xr

    return xr.Dataset(variables, axes | images, attributes | sizes | {"map_sigma_b2": MAP_SIGMA_B2})


def _layers(surrogate: Surrogate, preset: Preset, pairs: tuple[ImagePair, ...], seed: int, tick: Tick) -> Variables:
    size = {"width": preset.width, "realisations": preset.realisations}
    depth = 1 if surrogate.real_input else preset.depth
    table = np.empty((2, 4, len(preset.sigma_m2), len(preset.sigma_b2), len(pairs), depth))
    for (i, m2), (j, b2), (k, pair) in product(*map(enumerate, (preset.sigma_m2, preset.sigma_b2, pairs))):
        setting = {"sigma_m2": m2, "sigma_b2": b2, "pair": pair, "depth": depth}
        measured = simulate(surrogate, seed=(seed, 0, i, j, k), **size, **setting)
        orbit = theory_orbit(derive(surrogate), **setting)
        table[:, :, i, j, k] = [_compare(*both) for both in zip((measured.q, measured.c), orbit, strict=True)]
        tick()
    return _named("q", ORBIT, table[0]) | _named("c", ORBIT, table[1])


def _map(surrogate: Surrogate, preset: Preset, seed: int, tick: Tick) -> Variables:
    size = {"width": preset.width, "realisations": preset.realisations, "sigma_b2": MAP_SIGMA_B2}
    table = np.empty((5, len(preset.sigma_m2), preset.map_points))
    curve = np.empty((2, len(preset.sigma_m2), preset.curve_points))
    for i, m2 in enumerate(preset.sigma_m2):
        dynamics = Dynamics(derive(surrogate), m2, MAP_SIGMA_B2)
        q_fixed, total = dynamics.settled()
        variance, covariance, annealed = dynamics.fields(q_fixed, total)
        curve[0, i] = np.linspace(0, min(1.0, variance / covariance), preset.curve_points)
        curve[1, i] = dynamics.call("correlation_map", total, curve[0, i], q_fixed)
        for k, c_in in enumerate(np.linspace(0, curve[0, i, -1], preset.map_points)):
            injected = {"variance": variance, "covariance": min(variance, c_in * covariance), "annealed": annealed}
            measured = one_layer(surrogate, sigma_m2=m2, seed=(seed, 1, i, k), **size, **injected)
            table[:, i, k] = c_in, *_compare(measured.c, dynamics.call("correlation_map", total, c_in, q_fixed))[:, 0]
            tick()
    given = {"map_c_in": (POINTS, table[0]), "curve_c_in": (CURVE, curve[0]), "curve_c_out": (CURVE, curve[1])}
    return given | _named("map", POINTS, table[1:])


def _compare(measured: Measurement, expected: Array) -> Array:
    """Mean, standard deviation, theory and z, (4, depth)."""
    return np.stack([measured.mean, measured.std, np.broadcast_to(expected, measured.mean.shape), measured.z(expected)])


def _named(name: str, dimensions: tuple[str, ...], table: Array) -> Variables:
    return {f"{name}_{kind}": (dimensions, values) for kind, values in zip(COMPARED, table, strict=True)}
