"""Distance of each surrogate from the stochastic network by sampling both, for widths that cannot be enumerated.

A mean estimated from runs scatters, and a squared difference of means would count the scatter as distance. So runs
come in two independent halves, and (e_1 - s_1)(e_2 - s_2), with e of the network and s of the surrogate, is an unbiased
estimate of (E x - E_s x)^2 whatever the number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from meanbits.experiments.chain.distance import NETWORK_KEY, NOISE_KEY, Tick, grouped, labelled
from meanbits.experiments.chain.networks import (
    ChainSetting,
    FloatArray,
    StochasticNetwork,
    check_comparable,
    random_network,
)
from meanbits.experiments.chain.stochastic_layers import StochasticLayer
from meanbits.experiments.chain.surrogate_law import Mixture, SurrogateLaw, known
from meanbits.numerics.solvers.phase import available_memory
from meanbits.theory.declarations.surrogates import Surrogate

RUN_KEY = 2
RUNS, BATCH = 1000, 200
SAMPLED = ("mean_square_error", "overlap", "overlap_std", "network_overlap", "network_overlap_std")
Step = Callable[[int, Mixture], tuple[FloatArray, Mixture]]


@dataclass(frozen=True, eq=False)
class LayerSample:
    """What runs say of a layer: E x from each half of them, (2, N), and the law of the overlap x.x'/N of two runs."""

    halves: FloatArray
    overlap_mean: float
    overlap_variance: float


def sampled_distance(
    surrogates: Sequence[Surrogate],
    setting: ChainSetting,
    networks: int,
    runs: int = RUNS,
    seed: int = 0,
    batch: int = BATCH,
    tick: Tick | None = None,
) -> xr.Dataset:
    """Error of each surrogate's means, and its law of overlaps beside the stochastic network's, for random networks.

    Variables (surrogate, network, layer): mean_square_error, unbiased, so it may be negative; mean and standard
    deviation of the overlap x.x'/N of two runs of one input, by the surrogate (overlap, overlap_std) and of the network
    itself (network_overlap, network_overlap_std). The result does not depend on `batch` beyond rounding.

    Raises ValueError for runs that are no even number above 2, no networks, too large a width, or a surrogate without a
    random network.
    """
    check_sampled(setting, networks, runs, batch)
    for surrogate in surrogates:
        check_comparable(surrogate, setting)
    table = np.empty((len(surrogates), networks, setting.depth, len(SAMPLED)))
    laws = [SurrogateLaw.of(surrogate) for surrogate in surrogates]
    for k in range(networks):
        for members in grouped(surrogates):
            network = random_network(surrogates[members[0]], setting, (seed, NETWORK_KEY, k))
            own = network_runs(network, runs, (seed, RUN_KEY, k), batch)
            for index in members:
                other = surrogate_runs(laws[index], network, runs, (seed, NOISE_KEY, k), batch)
                table[index, k] = [_compared(*pair) for pair in zip(own, other, strict=True)]
        if tick is not None:
            tick(k + 1, networks)
    attributes = {"kind": "sampled", "networks": networks, "runs": runs, "seed": str(seed)}
    return labelled(surrogates, setting, SAMPLED, table, attributes)


def check_sampled(setting: ChainSetting, networks: int, runs: int, batch: int) -> None:
    """Raise ValueError for sizes that make no sense or do not fit in memory."""
    if networks < 1:
        raise ValueError(f"--networks {networks}: it must be at least 1")
    if runs < 4 or runs % 2:
        raise ValueError(f"--runs {runs}: two halves of at least 2 need an even number from 4 on")
    if batch < 2 or batch % 2:
        raise ValueError(f"batch = {batch}: runs come in pairs; give an even number")
    per_layer, per_run = 8 * (8 + 4 * setting.depth), 8 * 12 * batch
    needed, free = per_layer * setting.width**2 + per_run * setting.width, available_memory()
    if needed > free:
        largest = int((np.sqrt(per_run**2 + 4 * per_layer * free) - per_run) / (2 * per_layer))
        raise ValueError(f"--width {setting.width}: it takes {needed:,} bytes, and {free:,} are free; use at most "
                         f"{largest}")  # fmt: skip


def network_runs(network: StochasticNetwork, runs: int, seed: tuple[int, ...], batch: int = BATCH) -> list[LayerSample]:
    """Runs of the stochastic network itself, layer by layer."""
    children = np.random.SeedSequence(seed).spawn(2 * len(network.layers) + 1)
    rngs = [np.random.default_rng(child) for child in children]
    samplers = [
        StochasticLayer.of(layer, network.is_binary, network.real_input and index == 0)
        for index, layer in enumerate(network.layers)
    ]
    given = network.inputs

    def begin(count: int) -> Mixture:
        if network.real_input:
            return _states(np.tile(given, (count, 1)))
        return _states(np.where(rngs[-1].random((count, given.size)) < (1 + given) / 2, 1.0, -1.0))

    def step(index: int, before: Mixture) -> tuple[FloatArray, Mixture]:
        means, drawn = samplers[index].run(before.means, rngs[2 * index], rngs[2 * index + 1])
        return means, _states(drawn)

    return _runs(begin, step, len(samplers), given.size, runs, batch)


def surrogate_runs(
    law: SurrogateLaw, network: StochasticNetwork, runs: int, seed: tuple[int, ...], batch: int = BATCH
) -> list[LayerSample]:
    """The same of a surrogate: independent draws of its noise, or the one thing it gives where it draws nothing."""
    children = np.random.SeedSequence(seed).spawn(2 * len(network.layers))
    rngs = [np.random.default_rng(child) for child in children]
    inputs = known(network.inputs, network.real_input)
    treatment = law.surrogate.treatment
    draws_nothing = treatment.field == "integrated" and treatment.propagates == "mean"

    def begin(count: int) -> Mixture:
        means, squares = (np.repeat(values[0], count, axis=0) for values in (inputs.means, inputs.second_moments))
        return Mixture(np.ones(count), means, squares)

    def step(index: int, before: Mixture) -> tuple[FloatArray, Mixture]:
        mean, variance = law.fields(before, network.layers[index])
        if law.sharp is None:
            known_field, arguments = law.integrated, (mean, variance)
        else:
            noise = rngs[2 * index].standard_normal(mean.shape)
            known_field, arguments = law.sharp, (mean + np.sqrt(variance) * noise,)
        means = known_field.mean(*arguments)
        if treatment.propagates == "mean":
            return means, Mixture(before.weights, means, known_field.second_moment(*arguments))
        if not network.is_binary:
            return means, _states(means)
        return means, _states(np.where(rngs[2 * index + 1].random(means.shape) < (1 + means) / 2, 1.0, -1.0))

    return _runs(begin, step, len(network.layers), network.inputs.size, 2 if draws_nothing else runs, batch)


def _states(values: FloatArray) -> Mixture:
    return Mixture(np.ones(len(values)), values, values**2)


def _runs(
    begin: Callable[[int], Mixture], step: Step, depth: int, size: int, runs: int, batch: int
) -> list[LayerSample]:
    """Runs in batches; even ones are the first half, odd ones the second, and neighbours are the pairs of overlaps."""
    sums, overlaps, spread = np.zeros((depth, 2, size)), np.empty((depth, runs // 2)), np.zeros((depth, runs // 2))
    for start in range(0, runs, batch):
        stop = min(start + batch, runs)
        state, pairs = begin(stop - start), slice(start // 2, stop // 2)
        for index in range(depth):
            estimate, state = step(index, state)
            sums[index] += estimate[0::2].sum(axis=0), estimate[1::2].sum(axis=0)
            products = state.means[0::2] * state.means[1::2]
            overlaps[index, pairs] = products.mean(axis=1)
            squares = state.second_moments[0::2] * state.second_moments[1::2]
            spread[index, pairs] = (squares - products**2).mean(axis=1) / size
    halves, count = sums / (runs // 2), runs // 2
    variance = spread.mean(axis=1) + (overlaps.var(axis=1, ddof=1) if count > 1 else 0.0)
    return [LayerSample(*layer) for layer in zip(halves, overlaps.mean(axis=1), variance, strict=True)]


def _compared(own: LayerSample, other: LayerSample) -> list[float]:
    error = (own.halves - other.halves).prod(axis=0).mean()
    spreads = np.sqrt(other.overlap_variance), np.sqrt(own.overlap_variance)
    return [float(error), other.overlap_mean, float(spreads[0]), own.overlap_mean, float(spreads[1])]
