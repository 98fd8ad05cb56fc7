"""The command distance: how far surrogates are from the stochastic network they stand for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import Command, Number, fail, json_option, surrogates_options
from meanbits.present import json_text, progress, table

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.theory.declarations.surrogates import Surrogate

EXACT_COLUMNS = {"kl": "KL/neuron", "marginals": "by marginals", "dependence": "by dependence",
                 "mean_square_error": "rms of means"}  # fmt: skip
SAMPLED_COLUMNS = {"mean_square_error": "rms of means", "overlap": "overlap", "network_overlap": "of the network",
                   "overlap_std": "its std", "network_overlap_std": "of the network"}  # fmt: skip
PER_NEURON = ("kl", "marginals", "dependence", "total_correlation", "kl_noise")
ROUNDING = 1e-12  # a sum over 4096 states of cancelling terms leaves 1e-14
COUNT = click.IntRange(min=1)


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits distance deterministic peters-welling --width 8 --sigma-m2 0.5 --sigma-b2 0.1",
)
@surrogates_options
@click.option(
    "--width", type=COUNT, metavar="N", required=True, help="Neurons a layer; up to 12 all states are enumerated."
)
@click.option("--depth", type=COUNT, metavar="L", default=3, help="Layers, default 3.")
@click.option("--sigma-m2", type=Number(low=0), metavar="X", required=True, help="Variance of the weight means.")
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", required=True, help="Variance of the biases.")
@click.option(
    "--means",
    metavar="LAW",
    default="two-point",
    help="Law of the weight means: two-point (default), clipped-gaussian, uniform or beta.",
)
@click.option("--networks", type=COUNT, metavar="R", default=16, help="Random networks, default 16.")
@click.option("--runs", type=COUNT, metavar="K", default=1000, help="Runs of a network where N > 12, default 1000.")
@click.option("--seed", type=click.IntRange(min=0), metavar="I", default=0, help="Seed, default 0.")
@json_option
def distance(
    surrogates: tuple[Surrogate, ...], networks: int, runs: int, seed: int, as_json: bool, **setting: Any
) -> None:
    """The distance of surrogates from the stochastic network they stand for.

    Up to N = 12 by enumeration: the Kullback-Leibler divergence per neuron of the surrogate's joint law of a layer from
    the network's, in nats, its parts from the marginals and from the dependence between neurons, and the error of the
    means. Above, networks and surrogates are sampled: errors of means, and overlaps of two runs of one input. Without
    S, all surrogates of the sign network and of the one with logistic noise.
    """
    from meanbits.experiments.chain.companions import companions
    from meanbits.experiments.chain.distance import averaged, exact_distance
    from meanbits.experiments.chain.networks import ChainSetting
    from meanbits.experiments.chain.sampled import sampled_distance
    from meanbits.numerics.chain.enumeration import MAX_NEURONS
    from meanbits.point import variance_of_means
    from meanbits.theory.declarations.compose import compose

    compared = surrogates or (*companions(compose("deterministic")), *companions(compose("lrt")))
    try:
        for surrogate in compared:
            variance_of_means(surrogate, setting["sigma_m2"])
        chosen = ChainSetting(**setting)
        with progress("networks") as tick:
            if chosen.width <= MAX_NEURONS:
                measured = exact_distance(compared, chosen, networks, seed, tick=tick)
            else:
                measured = sampled_distance(compared, chosen, networks, runs, seed, tick=tick)
    except ValueError as error:
        fail(str(error))
    found = averaged(measured)
    click.echo(json_text(_document(found)) if as_json else _page(found))


def _document(found: xr.Dataset) -> dict[str, Any]:
    settings = {name: getattr(value, "item", lambda value=value: value)() for name, value in found.attrs.items()}
    return settings | {"surrogates": [
        {"name": name, "stands_for": stands_for, "layers": [
            {"layer": int(layer)} | _values(found.isel(surrogate=index).sel(layer=layer), settings["width"])
            for layer in found.layer.values]}
        for index, (name, stands_for) in enumerate(zip(found.surrogate.values, found.stands_for.values, strict=True))
    ]}  # fmt: skip


def _values(one: xr.Dataset, width: int) -> dict[str, float]:
    """Values and standard errors of one layer, divergences per neuron."""
    values = {}
    for name, value in one.data_vars.items():
        is_divergence = str(name).removesuffix("_error") in PER_NEURON
        values[f"{name}_per_neuron" if is_divergence else str(name)] = float(value) / (width if is_divergence else 1)
    return values


def _page(found: xr.Dataset) -> str:
    attributes = found.attrs
    is_exact = attributes["kind"] == "exact"
    columns = EXACT_COLUMNS if is_exact else SAMPLED_COLUMNS
    how = (
        "states enumerated"
        if is_exact
        else f"{attributes['runs']} runs of each sampled: no divergence, errors of means"
    )
    lines = [f"width {attributes['width']}, {attributes['networks']} networks, sigma_m2 = {attributes['sigma_m2']:g}, "
             f"sigma_b2 = {attributes['sigma_b2']:g}, seed {attributes['seed']}; {how}"]  # fmt: skip
    for network in dict.fromkeys(found.stands_for.values.tolist()):
        members = found.isel(surrogate=found.stands_for.values == network)
        rows = [
            [str(one.surrogate.item()), str(int(layer)), *_cells(one.sel(layer=layer), columns, attributes["width"])]
            for one in (members.isel(surrogate=index) for index in range(members.sizes["surrogate"]))
            for layer in found.layer.values
        ]
        lines += ["", network, table(["surrogate", "layer", *columns.values()], rows)]
    return "\n".join(lines)


def _cells(one: xr.Dataset, columns: dict[str, str], width: int) -> list[str]:
    """Each as value(error), the divergences per neuron, the mean-square error as its root."""
    cells = []
    for name in columns:
        value, error = float(one[name]), float(one[f"{name}_error"])
        if name == "mean_square_error":
            cells.append(_root(value, error, one.attrs["kind"] == "sampled"))
        else:
            scale = width if name in PER_NEURON else 1
            cells.append(_with_error(value / scale, error / scale))
    return cells


def _with_error(value: float, error: float) -> str:
    if math.isnan(value):
        return "undefined"
    if abs(value) < ROUNDING:
        return "0"
    return f"{value:.3g}" if math.isnan(error) else f"{value:.3g} +- {error:.1g}"


def _root(square: float, error: float, is_sampled: bool) -> str:
    """A root-mean-square error with its standard error, or a bound where sampling noise hides it."""
    if not math.isnan(error) and (square <= 0 or (is_sampled and square < 2 * error)):
        return f"< {math.sqrt(max(square, 0) + 2 * error):.2g}"
    if square <= 0:
        return "lost in noise"
    return _with_error(math.sqrt(square), error / (2 * math.sqrt(square)))
