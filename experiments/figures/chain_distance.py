"""The distance of surrogates from the stochastic network: divergence by width, sigma_m2 and depth, errors by width.

Source: theory sheet, section 4, item 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from meanbits.experiments.chain.companions import companions
from meanbits.experiments.chain.distance import averaged, exact_distance
from meanbits.experiments.chain.networks import ChainSetting, network_name
from meanbits.experiments.chain.sampled import sampled_distance
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import Surrogate

DIVERGENCES = ("kl", "marginals", "dependence", "total_correlation")


@dataclass(frozen=True)
class Size:
    """Sweeps and how much is averaged. width, sigma_m2: where the other one is swept; layer: where depth is not."""

    widths: tuple[int, ...]
    sampled_widths: tuple[int, ...]
    sigma_m2s: tuple[float, ...]
    depth: int
    networks: int
    sampled_networks: int
    runs: int
    width: int = 10
    layer: int = 3
    sigma_m2: float = 0.5
    sigma_b2: float = 0.1

    @property
    def setting(self) -> ChainSetting:
        """The setting that the sweeps depart from."""
        return ChainSetting(self.width, self.layer, self.sigma_m2, self.sigma_b2)


SIGMA_M2S = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
SIZES = {
    "smoke": Size((4, 6), (20, 60), (0.2, 0.5, 0.9), 4, 3, 2, 100, width=6),
    "quick": Size((4, 6, 8, 10, 12), (25, 50, 100, 200, 400), SIGMA_M2S, 10, 8, 4, 800),
    "paper": Size((4, 5, 6, 7, 8, 9, 10, 11, 12), (25, 50, 100, 200, 400, 700, 1000), SIGMA_M2S, 20, 50, 50, 1000),
}


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """Divergences a neuron and errors of the means of all that can be done with a stochastic network.

    NAME_by_width (surrogate, width), NAME_by_sigma_m2 (surrogate, sigma_m2) and NAME_by_layer (surrogate, layer), NAME
    one of kl, marginals, dependence and total_correlation, in nats a neuron, with standard errors NAME_by_AXIS_error;
    mean_square_error (surrogate, any_width) with its error, by enumeration up to 12 neurons and sampled above, where it
    may be negative. Coordinate stands_for (surrogate,). Without a surrogate: the network of sign neurons and that with
    logistic noise.

    Raises:
        ValueError: an unknown preset, or a surrogate whose network has no states to enumerate or no depth.
    """
    size = sized(preset, SIZES)
    compared = [each for one in _chosen(surrogate) for each in companions(one)]
    steps = _Steps(tick, size)
    by_width = [steps.exact(compared, replace(size.setting, width=width), seed) for width in size.widths]
    by_mean = [steps.exact(compared, replace(size.setting, sigma_m2=value), seed) for value in size.sigma_m2s]
    by_layer = steps.exact(compared, replace(size.setting, depth=size.depth), seed)
    sampled = [steps.sampled(compared, replace(size.setting, width=width), seed) for width in size.sampled_widths]
    last = [each.sel(layer=size.layer, drop=True) for each in (*by_width, *sampled)]
    variables = dict(_divergences(by_layer, "layer", size.width))
    variables |= _divergences(_joined(last[: len(by_width)], "width", size.widths), "width", np.array(size.widths))
    means = [each.sel(layer=size.layer, drop=True) for each in by_mean]
    variables |= _divergences(_joined(means, "sigma_m2", size.sigma_m2s), "sigma_m2", size.width)
    errors = [each[["mean_square_error", "mean_square_error_error"]] for each in last]
    variables |= (
        _joined(errors, "any_width", (*size.widths, *size.sampled_widths)).transpose("surrogate", ...).data_vars
    )
    settings = {"chain_width": size.width, "chain_layer": size.layer, "chain_sigma_m2": size.sigma_m2,
                "sigma_b2": size.sigma_b2, "networks": size.networks, "sampled_networks": size.sampled_networks,
                "runs": size.runs}  # fmt: skip
    return labelled(xr.Dataset(variables).drop_attrs(), preset, seed, **settings).assign_coords(
        surrogate=[each.name for each in compared],
        stands_for=("surrogate", [network_name(each) for each in compared]),
    )


def _chosen(surrogate: Surrogate | None) -> tuple[Surrogate, ...]:
    if surrogate is None:
        return compose("deterministic"), compose("lrt")
    if surrogate.real_input or not surrogate.neurons.is_binary:
        reason = "is a single layer" if surrogate.real_input else f"has {surrogate.neurons.name} neurons"
        raise ValueError(f"{surrogate.name}: it {reason}, and the figure enumerates deep networks of binary neurons; "
                         "choose sign or stochastic neurons")  # fmt: skip
    return (surrogate,)


class _Steps:
    """Runs one setting after another, and reports progress in networks over all of them."""

    def __init__(self, tick: Tick, size: Size) -> None:
        self.tick, self.size, self.done = tick, size, 0
        exact = len(size.widths) + len(size.sigma_m2s) + 1
        self.total = exact * size.networks + len(size.sampled_widths) * size.sampled_networks

    def exact(self, compared: list[Surrogate], setting: ChainSetting, seed: int) -> xr.Dataset:
        return averaged(exact_distance(compared, setting, self.size.networks, seed, tick=self._advance))

    def sampled(self, compared: list[Surrogate], setting: ChainSetting, seed: int) -> xr.Dataset:
        size = self.size
        measured = sampled_distance(compared, setting, size.sampled_networks, size.runs, seed, tick=self._advance)
        return averaged(measured)

    def _advance(self, _done: int, _total: int) -> None:
        self.done += 1
        self.tick(self.done, self.total)


def _joined(parts: list[xr.Dataset], axis: str, values: tuple[float, ...]) -> xr.Dataset:
    shared = [part.drop_vars(["stands_for", "surrogate"]).drop_attrs() for part in parts]
    return xr.concat(shared, dim=axis).assign_coords({axis: list(values)})


def _divergences(
    found: xr.Dataset, axis: str, width: int | np.ndarray
) -> Iterator[tuple[str, tuple[tuple[str, str], np.ndarray]] | tuple[str, xr.DataArray]]:
    """The divergences a neuron and their errors, named by the axis along which they are."""
    for name in DIVERGENCES:
        for suffix in ("", "_error"):
            values = found[f"{name}{suffix}"].transpose("surrogate", axis) / width
            yield f"{name}_by_{axis}{suffix}", values.drop_vars(["stands_for", "surrogate"], errors="ignore")
