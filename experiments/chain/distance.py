"""How far each surrogate is from the stochastic network it stands for, layer by layer, by enumeration of its states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple

import numpy as np
import xarray as xr

from meanbits.experiments.chain.divergence import QUANTITIES, divergence, jackknife, total_correlation
from meanbits.experiments.chain.networks import (
    ChainSetting,
    FloatArray,
    StochasticNetwork,
    check_comparable,
    network_name,
    random_network,
    same_network,
)
from meanbits.experiments.chain.surrogate_law import SurrogateLaw, known, log_law
from meanbits.numerics.chain.enumeration import MAX_NEURONS, first_layer, initial, propagate
from meanbits.theory.declarations.surrogates import Surrogate

Tick = Callable[[int, int], object]

GROUPS, DRAWS = 10, 800  # of a surrogate that samples its field: independent groups, and draws in each
NETWORK_KEY, NOISE_KEY = 0, 1
DIMENSIONS = ("surrogate", "network", "layer")


def exact_distance(
    surrogates: Sequence[Surrogate],
    setting: ChainSetting,
    networks: int,
    seed: int = 0,
    draws: int = DRAWS,
    tick: Tick | None = None,
) -> xr.Dataset:
    """Divergence of each surrogate's law of a layer from that of its stochastic network, for random networks.

    Variables (surrogate, network, layer): kl, marginals, dependence, mean_square_error as in `Divergence`, kl_noise,
    the standard error of kl from the drawn fields of a surrogate that samples them (their bias is removed), and
    total_correlation of the network's own law. Coordinate `stands_for` (surrogate,): the stochastic network. Draws do
    not depend on the surrogates, so surrogates of one stochastic network are compared on the same networks.

    Raises ValueError for widths above 12, neurons that are not binary, or a surrogate without a random network.
    """
    check_countable(networks, setting)
    for surrogate in surrogates:
        check_comparable(surrogate, setting)
        if not surrogate.neurons.is_binary:
            raise ValueError(f"{surrogate.name}: {surrogate.neurons.name} neurons have no states to enumerate; give "
                             f"--width above {MAX_NEURONS}, where networks are sampled")  # fmt: skip
    table = np.empty((len(surrogates), networks, setting.depth, len(QUANTITIES) + 2))
    laws = [SurrogateLaw.of(surrogate) for surrogate in surrogates]
    for k in range(networks):
        for members in grouped(surrogates):
            network = random_network(surrogates[members[0]], setting, (seed, NETWORK_KEY, k))
            chain = chain_laws(network)
            correlations = [total_correlation(p) for p in chain]
            for index in members:
                noise = np.random.default_rng((seed, NOISE_KEY, k))
                layers = surrogate_laws(laws[index], network, noise, draws)
                table[index, k, :, :-1] = [_measured(*pair) for pair in zip(chain, layers, strict=True)]
                table[index, k, :, -1] = correlations
        if tick is not None:
            tick(k + 1, networks)
    names = (*QUANTITIES, "kl_noise", "total_correlation")
    attributes = {"kind": "exact", "networks": networks, "seed": str(seed), "draws": GROUPS * draws}
    return labelled(surrogates, setting, names, table, attributes)


def check_countable(networks: int, setting: ChainSetting) -> None:
    """Raise ValueError for no networks, or more neurons than can be enumerated."""
    if networks < 1:
        raise ValueError(f"--networks {networks}: it must be at least 1")
    if setting.width > MAX_NEURONS:
        raise ValueError(f"--width {setting.width}: states are enumerated up to {MAX_NEURONS} neurons; sample instead")


def grouped(surrogates: Sequence[Surrogate]) -> list[list[int]]:
    """Indices of the surrogates, those of one stochastic network together."""
    groups: dict[tuple[str, str, bool], list[int]] = {}
    for index, surrogate in enumerate(surrogates):
        groups.setdefault(same_network(surrogate), []).append(index)
    return list(groups.values())


def labelled(
    surrogates: Sequence[Surrogate],
    setting: ChainSetting,
    names: Sequence[str],
    table: FloatArray,
    attributes: dict[str, str | int],
) -> xr.Dataset:
    """A dataset of (surrogate, network, layer) variables, `table` with one more axis for their names."""
    variables = {name: (DIMENSIONS, table[..., k]) for k, name in enumerate(names)}
    axes = {
        "surrogate": [surrogate.name for surrogate in surrogates],
        "stands_for": ("surrogate", [network_name(surrogate) for surrogate in surrogates]),
        "layer": np.arange(1, setting.depth + 1),
    }
    return xr.Dataset(variables, axes, vars(setting) | attributes)


def chain_laws(network: StochasticNetwork) -> list[FloatArray]:
    """The exact law of every layer of a stochastic network with binary neurons, each (2^N,)."""
    if network.real_input:
        laws = [first_layer(network.layers[0], network.inputs)]
    else:
        laws = [propagate(initial(network.inputs), network.layers[0])]
    for layer in network.layers[1:]:
        laws.append(propagate(laws[-1], layer))
    return laws


def surrogate_laws(
    law: SurrogateLaw, network: StochasticNetwork, noise: np.random.Generator, draws: int = DRAWS
) -> list[FloatArray]:
    """Log of the law that a surrogate gives to every layer, each (groups, 2^N).

    A surrogate that samples its field has `GROUPS` independent groups of `draws` from the second layer on, each an
    unbiased estimate of its law; others have one group, exact.
    """
    state, laws = known(network.inputs, network.real_input), []
    for layer in network.layers:
        fields = law.fields(state, layer)
        laws.append(log_law(state.weights, *law.log_probabilities(*fields)))
        state = law.following(fields, np.exp(laws[-1]), noise, (GROUPS, draws))
    return laws


def _measured(p: FloatArray, log_groups: FloatArray) -> FloatArray:
    """The quantities of `Divergence`, and the standard error of kl."""
    if len(log_groups) == 1:
        return np.array([*astuple(divergence(p, log_groups[0])), 0.0])

    def measure(law: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.array(astuple(divergence(p, np.log(law))))

    value, error = jackknife(measure, np.exp(log_groups))
    return np.array([*value, error[0]])


def averaged(measured: xr.Dataset) -> xr.Dataset:
    """Mean over networks of every variable, and its standard error NAME_error, NaN of one and of infinite ones."""
    count = measured.sizes["network"]
    means = measured.mean("network", skipna=False, keep_attrs=True)
    with np.errstate(invalid="ignore"):
        errors = measured.std("network", ddof=1, skipna=False) / np.sqrt(count) if count > 1 else means * np.nan
    return means.assign({f"{name}_error": values for name, values in errors.data_vars.items()})
