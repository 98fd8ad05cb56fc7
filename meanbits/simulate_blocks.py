"""Random networks of layers of blocks, forward and backward, beside their theory: simulate with a norm, skip, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from meanbits.options import fail, fail_about
from meanbits.present import cell, json_text, progress, table

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer

TAKEN = ("width", "depth", "realisations", "sigma_m2", "sigma_b2", "overlap", "batch", "seed")
DEPTH, OVERLAP, BATCH = 10, 0.5, 256
COLUMNS, FORMS = ("mean", "standard_error", "theory", "z"), (".6g", ".1e", ".6g", ".2f")


def simulate_blocks(ctx: click.Context, layer: Layer, options: dict[str, Any], as_json: bool) -> None:
    """Print networks of these blocks beside their profile."""
    from meanbits.experiments.random_networks.chain_simulation import chain_simulation
    from meanbits.point import InputError, variance_of_means

    _refuse_others(ctx, layer, options)
    depth = options["depth"] or DEPTH
    options["batch"] = BATCH if options["batch"] is None else options["batch"]
    c0 = OVERLAP if options["overlap"] is None else options["overlap"]
    try:
        means = variance_of_means(layer, options["sigma_m2"])
        with progress("networks") as tick:
            found = chain_simulation(
                layer, depth, means, options["sigma_b2"], width=options["width"], networks=options["realisations"],
                batch=options["batch"], c0=c0, seed=options["seed"], tick=tick,
            )  # fmt: skip
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(layer, error)
    names = [str(name) for name in found["quantity"].values]
    layers = [{"layer": row} | {name: {column: float(found[column].sel(quantity=name, layer=row)) for column in COLUMNS}
                                for name in names} for row in range(depth + 1)]  # fmt: skip
    if as_json:
        document = {"surrogate": layer.name, "blocks": layer.block_names, "sigma_m2": means,
                    **{name: options[name] for name in TAKEN if name != "sigma_m2"}, "depth": depth, "overlap": c0,
                    "layers": layers}  # fmt: skip
        click.echo(json_text(document))
        return
    click.echo(f"{layer.name}: {', '.join(layer.block_names)}; gradient and overlap relative to "
               "the last row\n")  # fmt: skip
    shown = [(name, column, form) for name in names for column, form in zip(COLUMNS, FORMS, strict=True)]
    rows = [[str(each["layer"]), *(cell(each[name][column], form) for name, column, form in shown)] for each in layers]
    click.echo(table(["layer", *(part for name in names for part in (name, "+-", "theory", "z"))], rows))


def _refuse_others(ctx: click.Context, layer: Layer, options: dict[str, Any]) -> None:
    """Refuse options that only networks of a surrogate take."""
    for name in options:
        if name not in TAKEN and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            fail(f"--{name.replace('_', '-')} beside {layer.name}: networks of a chain of blocks take "
                 f"{', '.join('--' + each.replace('_', '-') for each in TAKEN)}; leave it out")  # fmt: skip
