"""Jacobian spectra: singular values of deep Jacobians, free probability against random networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.random_networks.jacobians import JacobianNetwork, singular_values
from meanbits.numerics.solvers.critical import critical_curve, is_feasible
from meanbits.numerics.spectra.isometry import variance_per_layer
from meanbits.numerics.spectra.spectrum import spectrum
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.mean_law import mean_law
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import Theory, derive

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """Width, networks and depths of a preset."""

    width: int
    realisations: int
    depths: tuple[int, ...]


SIZES = {
    "smoke": Size(100, 4, (1, 3, 10)),
    "quick": Size(400, 10, (1, 3, 10, 30)),
    "paper": Size(1000, 50, (1, 3, 10, 30)),
}
CRITICAL, EXACT = compose("deterministic", phi="tanh", gain="1.5"), compose("deterministic")
CRITICAL_Q = 0.1
ELSEWHERE = (0.9, 0.01)  # (sigma_m2, sigma_b2) of a surrogate without a critical initialisation
LAW = "two-point"
BINS, POINTS, RANGE = 70, 281, (-6.0, 1.0)  # of log10 s
RESOLVED = 1e-14  # of the largest singular value: those below are rounding


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """Densities of log10 s, s the singular values of Jacobians of several depths, for two surrogates.

    The first is the one given, by default the paper form of gain 1.5, at a critical initialisation if it has one at q =
    0.1; the second the exact sign at the same (sigma_m2, sigma_b2). theory: (setting, depth, point); simulated:
    (setting, depth, bin), NaN where the bin is below what floating point resolves. distance: (setting, depth),
    Kolmogorov's, of all singular values from theory. variance, variance_theory, variance_orthogonal: (setting, depth),
    of s^2 over its squared mean, measured, and in theory with independent and with orthogonal weight means.

    Raises:
        ValueError: an unknown preset, or a surrogate without a Jacobian or without a fixed point there.
    """
    size, first = sized(preset, SIZES), CRITICAL if surrogate is None else surrogate
    point, critical = _point(derive(first))
    networks = [JacobianNetwork(derive(each), mean_law(LAW), *point) for each in (first, EXACT)]
    total = len(networks) * size.realisations

    def on(done: int) -> Tick:
        return lambda part, _: tick(done + part, total)

    measured = [_measured(network, size, seed, on(k * size.realisations)) for k, network in enumerate(networks)]
    axes = np.linspace(*RANGE, POINTS), (np.linspace(*RANGE, BINS + 1)[1:] + np.linspace(*RANGE, BINS + 1)[:-1]) / 2
    coordinates = {
        "setting": [network.theory.surrogate.name for network in networks],
        "depth": list(size.depths),
        "point": axes[0],
        "bin": axes[1],
        "q": ("setting", [network.state[0] for network in networks]),
        "chi_1": ("setting", [network.sigma_m2 * network.slopes.moment(1) for network in networks]),
    }
    variables = {name: (("setting", "depth", *extra), np.array([one[name] for one in measured]))
                 for name, extra in SHAPES.items()}  # fmt: skip
    dataset = xr.Dataset(variables, coordinates)
    numbers = {"width": size.width, "realisations": size.realisations, "sigma_m2": point[0], "sigma_b2": point[1]}
    return labelled(dataset, preset, seed, means=LAW, critical=int(critical), **numbers)


SHAPES = {"theory": ("point",), "simulated": ("bin",), "distance": (), "variance": (), "variance_theory": (),
          "variance_orthogonal": ()}  # fmt: skip


def kolmogorov_distance(values: Array, cdf: Array) -> float:
    """The largest distance of the empirical distribution of ascending values from a distribution function at them."""
    steps = np.arange(values.size + 1) / values.size
    return float(max(np.max(np.abs(cdf - steps[1:])), np.max(np.abs(cdf - steps[:-1]))))


def _point(theory: Theory) -> tuple[tuple[float, float], bool]:
    points = [point for point in critical_curve(theory, [CRITICAL_Q]) if is_feasible(theory, point)]
    return ((points[0].sigma_m2, points[0].sigma_b2), True) if points else (ELSEWHERE, False)


def _measured(network: JacobianNetwork, size: Size, seed: int, tick: Tick) -> dict[str, list[Array | float]]:
    found = singular_values(network, width=size.width, depths=size.depths, realisations=size.realisations, seed=seed,
                            progress=tick)  # fmt: skip
    rows = [_at_depth(network, depth, values) for depth, values in found.items()]
    return {name: [row[name] for row in rows] for name in SHAPES}


def _at_depth(network: JacobianNetwork, depth: int, values: Array) -> dict[str, Array | float]:
    """The row of one depth; values is (realisations, width)."""
    theory = spectrum(network.slopes, network.sigma_m2, depth)
    lowest, edges = RESOLVED * values.max(), np.linspace(*RANGE, BINS + 1)
    squares = np.sort(values.ravel()) ** 2
    heights = np.histogram(np.log10(np.maximum(values, lowest)), edges)[0] / (values.size * np.diff(edges))
    log_z = 2 * np.log(10) * np.linspace(*RANGE, POINTS)
    per_decade = 2 * np.log(10) * np.interp(log_z, theory.log_z[::-1], theory.density[::-1], left=0, right=0)
    resolved = squares > lowest**2
    gap = kolmogorov_distance(squares, np.where(resolved, theory.cdf(np.maximum(squares, lowest**2)),
                                                (np.arange(squares.size) + 0.5) / squares.size))  # fmt: skip
    return {
        "theory": per_decade,
        "simulated": np.where(edges[:-1] > np.log10(lowest), heights, np.nan),
        "distance": gap,
        "variance": float(np.mean(squares**2) / np.mean(squares) ** 2 - 1),
        "variance_theory": depth * variance_per_layer("independent", network.slopes.spread),
        "variance_orthogonal": depth * variance_per_layer("orthogonal", network.slopes.spread),
    }
