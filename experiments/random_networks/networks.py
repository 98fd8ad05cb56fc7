"""Random networks of any surrogate, simulated from its forward equations and without its mean-field maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.devices import PROCESSOR, device_of
from meanbits.experiments.random_networks.layers import Fields, RandomNetwork, State, random_network
from meanbits.experiments.random_networks.measurements import Measurement, in_order
from meanbits.experiments.random_networks.weight_means import TWO_POINT
from meanbits.numerics.blocks import CORES
from meanbits.theory.declarations.surrogates import Surrogate

Array = NDArray[np.float64]
Seed = int | tuple[int, ...]
Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """q and c as in `stages.correlation.Maps`, and the total field variance T, measured layer by layer.

    With <.> the mean over the fields of a layer, and q and T averaged over the inputs a and b:
    marginalised: q = <hbar^2>/<Sigma>, c = <hbar_a hbar_b>/sqrt(<hbar_a^2><hbar_b^2>), T = <hbar^2> + <Sigma>;
    marginalised, neurons sampled: q = T = <hbar^2> + <Sigma>, c = <hbar_a hbar_b>/sqrt(T_a T_b);
    sampled or sharp: q = T = <h^2>, c = <h_a h_b>/sqrt(T_a T_b).
    """

    q: Measurement
    c: Measurement
    total: Measurement


@dataclass(frozen=True, eq=False)
class Replicas:
    """The total field variance T, and overlaps of noise-independent runs, layer by layer.

    f is hbar where the field is marginalised, h elsewhere: r_aa = <f_a f_a'>/T_a of two runs of one input, averaged
    over the inputs, and r_ab = <f_a f_b'>/sqrt(T_a T_b) of a run of each, averaged over the runs.
    """

    total: Measurement
    r_aa: Measurement
    r_ab: Measurement


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of `depth` layers of `width` neurons that a pair of inputs passes through, one a realisation.

    Realisation k depends on `seed` and k alone, not on the device or on how many are under way.
    """

    network: RandomNetwork
    width: int
    depth: int
    pair: ImagePair
    seed: Seed

    def __post_init__(self) -> None:
        require_positive(width=self.width, depth=self.depth)
        surrogate = self.network.surrogate
        if surrogate.real_input and self.depth != 1:
            raise ValueError(f"depth = {self.depth}: {surrogate.name} is a single layer on real inputs; use depth 1")

    def realisation(self, index: int) -> Array:
        """The network's quantities, layer by layer, (quantities, depth)."""
        network, rng = self.network, generator(self.seed, index)
        fields = network.fields(network.inputs(self.pair, rng), self.width, rng)
        layers = [network.measure(fields)]
        for _ in range(self.depth - 1):
            fields = network.fields(network.neurons(fields, rng), self.width, rng)
            layers.append(network.measure(fields))
        return network.device.numpy(network.device.xp.stack(layers, 1))

    def realisations(self, first: int, count: int, workers: int | None = None) -> Iterator[Array]:
        """Realisations first, first + 1, ..., as they come and in order; on every core unless told otherwise."""
        return in_order(self.realisation, range(first, first + count), CORES if workers is None else workers)


def simulate(
    surrogate: Surrogate,
    *,
    width: int,
    depth: int,
    realisations: int,
    sigma_m2: float,
    sigma_b2: float,
    pair: ImagePair,
    seed: Seed,
    means: str = TWO_POINT,
    network: bool = False,
    device: str = PROCESSOR.name,
    workers: int | None = None,
    progress: Progress | None = None,
) -> LayerStatistics:
    """Send an image pair through `realisations` random networks of `depth` layers of `width` neurons.

    network: the stochastic network the surrogate stands for, weights and neurons drawn for every input. Weights with
    fixed signs ignore `sigma_m2`. `progress(done, realisations)` is called after each. Source: Stamatescu et al. 2020,
    figure 1.

    Raises:
        ValueError: if a number is out of range, or the surrogate has no emitted forward equations.
    """
    law = random_network(surrogate, sigma_m2, sigma_b2, means, network=network, device=device_of(device))
    return LayerStatistics(*_measured(Ensemble(law, width, depth, pair, seed), realisations, workers, progress))


def replicas(
    surrogate: Surrogate,
    *,
    width: int,
    depth: int,
    realisations: int,
    sigma_m2: float,
    sigma_b2: float,
    pair: ImagePair,
    seed: Seed,
    means: str = TWO_POINT,
    network: bool = True,
    workers: int | None = None,
) -> Replicas:
    """Two noise-independent runs of each input of a pair, as `simulate`; of the surrogate itself without `network`."""
    law = random_network(surrogate, sigma_m2, sigma_b2, means, network=network, replicas=True)
    return Replicas(*_measured(Ensemble(law, width, depth, pair, seed), realisations, workers, None))


def one_layer(
    surrogate: Surrogate,
    *,
    width: int,
    realisations: int,
    sigma_m2: float,
    sigma_b2: float,
    variance: float,
    covariance: float,
    annealed: float,
    seed: Seed,
) -> LayerStatistics:
    """One random layer after `width` neurons with Gaussian fields of two inputs, of given variance and covariance.

    The fields are hbar, with Sigma = `annealed`, where they are integrated out, h elsewhere, and the inputs themselves
    where the surrogate is a layer on real inputs.

    Raises:
        ValueError: if a number is out of range, or the surrogate has no emitted forward equations.
    """
    network = random_network(surrogate, sigma_m2, sigma_b2)
    require_positive(width=width, realisations=realisations)
    if not 0 < variance < np.inf or not abs(covariance) <= variance:
        raise ValueError(f"variance = {variance}, covariance = {covariance}: need |covariance| <= variance > 0")
    c = covariance / variance
    mixing = np.sqrt(variance) * np.array([[1, 0], [c, np.sqrt(1 - c * c)]])

    def realisation(index: int) -> Array:
        rng = generator(seed, index)
        fields = mixing @ rng.standard_normal((2, width))
        drawn = None if surrogate.treatment.field == "integrated" else fields
        given = Fields(fields, np.full((2, 1), annealed), drawn)
        state = State(fields, fields**2) if surrogate.real_input else network.neurons(given, rng)
        return network.measure(network.fields(state, width, rng))[:, None]

    return LayerStatistics(*_stacked(in_order(realisation, range(realisations), CORES)))


def generator(seed: Seed, index: int) -> np.random.Generator:
    """The random numbers of one realisation."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(index,))))


def require_positive(**sizes: int) -> None:
    """Refuse sizes below 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} = {value}: it must be at least 1")


def _measured(
    ensemble: Ensemble, realisations: int, workers: int | None, progress: Progress | None
) -> tuple[Measurement, ...]:
    require_positive(realisations=realisations)
    return _stacked(_counted(ensemble.realisations(0, realisations, workers), realisations, progress))


def _counted(rows: Iterator[Array], total: int, progress: Progress | None) -> Iterator[Array]:
    for done, row in enumerate(rows, start=1):
        yield row
        if progress is not None:
            progress(done, total)


def _stacked(rows: Iterator[Array]) -> tuple[Measurement, ...]:
    return tuple(map(Measurement, np.moveaxis(np.array(list(rows)), 1, 0)))
