"""Runs of random networks whose moments stream by: memory does not grow with them, and a run can be extended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.devices import PROCESSOR, Device
from meanbits.experiments.random_networks.layers import random_network
from meanbits.experiments.random_networks.measurements import UNKNOWN, Moments, apart
from meanbits.experiments.random_networks.networks import Ensemble, Progress, require_positive
from meanbits.experiments.random_networks.orbits import layer_theory
from meanbits.experiments.random_networks.propagation import VERSION
from meanbits.experiments.random_networks.weight_means import TWO_POINT
from meanbits.numerics.datasets import read
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive

Array = NDArray[np.float64]
KINDS = ("surrogate", "network", "replicas")
AXES = ("quantity", "layer")


@dataclass(frozen=True, eq=False)
class Simulation:
    """What is simulated, but for the number of realisations.

    kind: the surrogate; the stochastic network it stands for; or two noise-independent replicas of that network.
    inputs: what the pair is called. overlapping: its overlap, where `overlapping_inputs` made it.

    Raises:
        ValueError: a number out of range, a law of the means beyond its bounds, or what has no forward equations.
    """

    surrogate: Surrogate
    width: int
    depth: int
    sigma_m2: float
    sigma_b2: float
    pair: ImagePair
    inputs: str
    kind: str = "surrogate"
    means: str = TWO_POINT
    seed: int = 0
    device: Device = PROCESSOR
    overlapping: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind}: unknown; choose {', '.join(KINDS)}")
        _ = self.ensemble

    @cached_property
    def ensemble(self) -> Ensemble:
        """The networks."""
        law = random_network(
            self.surrogate, self.sigma_m2, self.sigma_b2, self.means,
            network=self.kind != "surrogate", replicas=self.kind == "replicas", device=self.device,
        )  # fmt: skip
        return Ensemble(law, self.width, self.depth, self.pair, self.seed)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is measured in each layer: (q, c, T), or (T, r_aa, r_ab) of replicas."""
        return self.ensemble.network.quantities

    @cached_property
    def theory(self) -> Array:
        """What mean-field theory expects, (quantities, depth). ValueError where it has no maps."""
        law = self.ensemble.network
        variances = (law.means.sigma_m2, law.sigma_b2)
        return layer_theory(derive(law.surrogate), law.replicas, variances, self.pair.mean_square, self.pair.overlap,
                            self.depth)  # fmt: skip

    def settings(self) -> dict[str, str | int | float]:
        """What a realisation depends on, by name."""
        law = self.ensemble.network
        return {
            "surrogate": self.surrogate.name, "kind": self.kind, "width": self.width, "depth": self.depth,
            "sigma_m2": law.means.sigma_m2, "sigma_b2": self.sigma_b2, "means": law.means.law.name,
            "inputs": self.inputs, "overlap": self.pair.overlap, "mean_square": self.pair.mean_square,
            "seed": str(self.seed),
        }  # fmt: skip

    def stream(self, realisations: int, after: Moments | None = None, workers: int | None = None) -> Iterator[Moments]:
        """The moments after each further realisation; the same for any number of workers, to the bit."""
        require_positive(realisations=realisations)
        moments = Moments.none((len(self.quantities), self.depth)) if after is None else after
        for values in self.ensemble.realisations(moments.count, realisations, workers):
            moments = moments.with_next(values)
            yield moments


@dataclass(frozen=True, eq=False)
class Expected:
    """What is expected of the means, (quantities, depth), and the standard error of that."""

    values: Array
    error: Array | float = 0.0


@UNKNOWN
def at_width(simulation: Simulation, realisations: int, workers: int | None = None,
             progress: Progress | None = None) -> Expected:  # fmt: skip
    """Theory plus its 1/N term, estimated from four times as many networks of half the width.

    A mean over a layer of N neurons is theory + a/N + O(1/N^2), so half of what is seen at N/2. The inputs of the
    narrow networks have half as many features where they are given by their overlap; images keep theirs.

    Raises:
        ValueError: a width below 4, or as `Simulation.theory`.
    """
    if simulation.width < 4:
        raise ValueError(f"width = {simulation.width}: networks of half the width need at least 4")
    half, theory = simulation.width // 2, simulation.theory
    pair = simulation.pair if simulation.overlapping is None else overlapping_inputs(simulation.overlapping, even(half))
    ensemble = replace(simulation.ensemble, width=half, pair=pair, seed=(simulation.seed, half))
    moments = Moments.none(theory.shape)
    for values in ensemble.realisations(0, 4 * realisations, workers):
        moments = moments.with_next(values)
        if progress is not None:
            progress(moments.count, 4 * realisations)
    share = half / simulation.width
    return Expected(theory + share * apart(moments.mean, theory), share * moments.error)


def result(simulation: Simulation, moments: Moments, expected: Expected | None) -> xr.Dataset:
    """mean, standard error, sum of squares, and theory and z where there is a theory, all (quantity, layer).

    q, c, T are those of `random_networks.LayerStatistics`, T, r_aa, r_ab those of `random_networks.Replicas`; z is
    Student's t as a normal quantile.
    """
    expected = Expected(np.full(moments.mean.shape, np.nan)) if expected is None else expected
    variables = {
        "mean": moments.mean, "standard_error": moments.error, "theory": expected.values,
        "z": moments.z(expected.values, expected.error), "sum_of_squares": moments.squares,
    }  # fmt: skip
    coordinates = {"quantity": list(simulation.quantities), "layer": np.arange(1, simulation.depth + 1)}
    attributes = simulation.settings() | {"realisations": moments.count, "version": VERSION}
    return xr.Dataset({name: (AXES, values) for name, values in variables.items()}, coordinates, attributes)


def finished(simulation: Simulation, path: Path) -> Moments:
    """The moments of a run of the same settings, from the file it was saved to.

    Raises:
        ValueError: no such run, or one of other settings, the first of which is named.
    """
    saved = saved_run(path)
    for name, value in simulation.settings().items():
        if saved.attrs[name] != value:
            option = name.replace("_", "-")
            raise ValueError(f"--extend {path}: its {option} is {saved.attrs[name]}, not {value}; give the same")
    return Moments(int(saved.attrs["realisations"]), saved["mean"].values, saved["sum_of_squares"].values)


def saved_run(path: Path) -> xr.Dataset:
    """A saved run. ValueError where the file is none."""
    if not path.is_file():
        raise ValueError(f"--extend {path}: there is no such file; save a run with -o first")
    saved = read(path)
    if saved is None:
        raise ValueError(f"--extend {path}: it is damaged or no dataset of meanbits; name a file that simulate wrote")
    if "sum_of_squares" not in saved:
        raise ValueError(f"--extend {path}: it holds no run of simulate; name a file that simulate wrote")
    return saved


def overlapping_inputs(overlap: float, features: int, mean_square: float = 0.5) -> ImagePair:
    """Two inputs of this overlap and mean square, exactly, in [-1, 1] for a mean square of at most 1/2.

    The first is a pattern of signs; the second mixes it with another one that is orthogonal to it.

    Raises:
        ValueError: an overlap outside [-1, 1], or an odd number of features.
    """
    if not -1 <= overlap <= 1:
        raise ValueError(f"overlap = {overlap}: it is the correlation of two inputs and must be in [-1, 1]")
    if features < 2 or features % 2:
        raise ValueError(f"features = {features}: two orthogonal patterns need an even number of them")
    index = np.arange(features)
    pattern, other = np.where(index // 2 % 2, 1.0, -1.0), np.where(index % 2, 1.0, -1.0)
    orthogonal = pattern * other
    first, second = pattern, overlap * pattern + np.sqrt((1 - overlap) * (1 + overlap)) * orthogonal
    return ImagePair(np.sqrt(mean_square) * first, np.sqrt(mean_square) * second, overlap, mean_square)


def even(size: int) -> int:
    """The size, or one more."""
    return size + size % 2
