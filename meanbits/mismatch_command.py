"""The command mismatch: how far straight-through gradients are from the exact ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import Command, Number, fail, fail_about, json_option, surrogate_options
from meanbits.present import json_text, progress, table

if TYPE_CHECKING:
    from meanbits.experiments.chain.mismatch import MeasuredOverlaps
    from meanbits.numerics.chain.mismatch_law import Overlaps
    from meanbits.theory.declarations.surrogates import Surrogate

COLUMNS = {"norm": "exact norm", "bias": "bias", "cosine": "cosine", "size": "size", "deviation": "deviation"}
OF = {"biases": "biases", "means": "means of the weights"}
COUNT = click.IntRange(min=1)
ROUNDING = 1e-12


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits mismatch stochastic-binary --backward clip --width 6 --sigma-m2 0.8 --sigma-b2 0",
)
@surrogate_options
@click.option(
    "--width", type=COUNT, metavar="N", required=True, help="Neurons a layer; up to 12 gradients are enumerated."
)
@click.option("--depth", type=COUNT, metavar="L", default=3, help="Layers, default 3.")
@click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means.")
@click.option("--sigma-b2", type=Number(low=0, high=1e100), metavar="Y", required=True, help="Variance of the biases.")
@click.option("--means", metavar="LAW", default="two-point",
              help="Law of the weight means: two-point (default), clipped-gaussian, uniform or beta.")  # fmt: skip
@click.option("--networks", type=COUNT, metavar="R", default=16, help="Random networks, default 16.")
@click.option("--runs", type=COUNT, metavar="K", default=16, help="Runs of a network where N > 12, default 16.")
@click.option("--seed", type=click.IntRange(min=0), metavar="I", default=0, help="Seed, default 0.")
@json_option
def mismatch(surrogate: Surrogate, sigma_m2: float | None, networks: int, runs: int, seed: int, as_json: bool,
             **setting: Any) -> None:  # fmt: skip
    """How far straight-through gradients are from the exact gradient of the stochastic network of S.

    Up to N = 12 both by enumeration: the gradient of E[v . x], x the last layer, and the mean over all runs of the one
    that goes back through drawn states by the slope of --backward (without it, that of E[x|h]). Above, runs are
    sampled, and the exact gradient is that of the network with its fields integrated out; of a network without
    randomness, its own. Per layer, with respect to biases and to means of weights: norm of the exact gradient; bias,
    norm of the difference over it; cosine of the angle; size, the ratio of norms; deviation, of a run over the norm of
    the mean. In brackets what wide networks tend to.
    """
    from meanbits.experiments.chain.mismatch import enumerated_mismatch, sampled_mismatch
    from meanbits.experiments.chain.networks import ChainSetting
    from meanbits.numerics.chain.enumeration import MAX_NEURONS
    from meanbits.numerics.chain.mismatch_law import mismatch_law
    from meanbits.point import InputError, require_field, variance_of_means

    try:
        means = variance_of_means(surrogate, sigma_m2)
        require_field(means, setting["sigma_b2"])
        chosen = ChainSetting(sigma_m2=means, **setting)
        with progress("networks") as tick:
            if chosen.width <= MAX_NEURONS:
                measured = enumerated_mismatch(surrogate, chosen, networks, seed, tick)
            else:
                measured = sampled_mismatch(surrogate, chosen, networks, runs, seed, tick)
        law = mismatch_law(surrogate, chosen.depth, means, chosen.sigma_b2)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(surrogate, error)
    found = {name: _layers(measured, each, name) for name, each in zip(OF, law, strict=True)}
    settings = vars(chosen) | {"networks": networks, "runs": None if measured.is_exact else runs, "seed": seed}
    if as_json:
        document = {"surrogate": surrogate.name, "kind": "exact" if measured.is_exact else "sampled"}
        click.echo(json_text(document | settings | {"gradients": found}))
        return
    click.echo(_page(surrogate, settings, found, measured.is_exact))


def _layers(measured: MeasuredOverlaps, law: Overlaps, parameters: str) -> list[dict[str, Any]]:
    """A layer a row: of each quantity its value, standard error and theory."""
    values = {name: (*measured.value(parameters, name), getattr(law, name)) for name in COLUMNS}
    depth = len(law.norm)
    return [{"layer": k + 1} | {name: dict(zip(("value", "error", "theory"), (float(each[k]) for each in value),
                                                strict=True)) for name, value in values.items()}
            for k in range(depth)]  # fmt: skip


def _page(surrogate: Surrogate, settings: dict[str, Any], found: dict[str, list[dict[str, Any]]], exact: bool) -> str:
    how = "gradients enumerated" if exact else f"runs sampled ({settings['runs']} of what is random)"
    slope = ", slope that of E[x|h]" if surrogate.neurons.backward is None else ""
    lines = [f"{surrogate.weights.name} weights, {surrogate.neurons.name} neurons{slope}",
             f"width {settings['width']}, {settings['networks']} networks, sigma_m2 = {settings['sigma_m2']:g}, "
             f"sigma_b2 = {settings['sigma_b2']:g}, seed {settings['seed']}; {how}",
             "value +- standard error [wide networks]"]  # fmt: skip
    for name, rows in found.items():
        cells = [[str(row["layer"]), *(_cell(**row[column]) for column in COLUMNS)] for row in rows]
        lines += ["", f"gradient of the {OF[name]}", table(["layer", *COLUMNS.values()], cells)]
    return "\n".join(lines)


def _cell(value: float, error: float, theory: float) -> str:
    """A value, its standard error, and the theory in brackets."""
    expected = f"[{_short(theory)}]"
    if math.isnan(value) or error == 0 or math.isnan(error):
        return f"{_short(value)} {expected}"
    return f"{_short(value)} +- {error:.1g} {expected}"


def _short(value: float) -> str:
    return "undefined" if math.isnan(value) else "0" if abs(value) < ROUNDING else f"{value:.3g}"
