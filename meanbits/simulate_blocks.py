"""Random networks of layers of blocks, forward and backward, beside their theory: simulate with a norm, skip, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from meanbits.options import fail, fail_about
from meanbits.present import json_text, progress, table

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer

TAKEN = ("width", "depth", "realisations", "sigma_m2", "sigma_b2", "overlap", "batch", "seed")
DEPTH, OVERLAP, BATCH = 10, 0.5, 256
COLUMNS, FORMS = ("mean", "standard_error", "theory", "z"), (".6g", ".1e", ".6g", ".2f")
MEASURED = {"T": "T", "c": "pair", "gradient": "gradient", "overlap": "overlap"}  # by the name it has when measured


def simulate_blocks(ctx: click.Context, layer: Layer, options: dict[str, Any], as_json: bool) -> None:
    """Print networks of these blocks beside their profile."""
    from meanbits.experiments.random_networks.layer_networks import simulate_layers
    from meanbits.numerics.depth.profile import profile
    from meanbits.point import InputError, variance_of_means

    _refuse_others(ctx, layer, options)
    depth = options["depth"] or DEPTH
    options["batch"] = BATCH if options["batch"] is None else options["batch"]
    c0 = OVERLAP if options["overlap"] is None else options["overlap"]
    try:
        means = variance_of_means(layer, options["sigma_m2"])
        expected = profile(layer, depth, means, options["sigma_b2"], c0=c0)
        with progress("networks") as tick:
            found = simulate_layers(
                layer, depth, means, options["sigma_b2"], width=options["width"], networks=options["realisations"],
                batch=options["batch"], c0=c0, seed=options["seed"], tick=tick,
            )  # fmt: skip
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(layer, error)
    names = list(MEASURED) if layer.passes_gradient else ["T", "c"]
    layers = [{"layer": row} | {name: _cells(found, MEASURED[name], getattr(expected, name), row) for name in names}
              for row in range(depth + 1)]  # fmt: skip
    if as_json:
        document = {"surrogate": layer.name, "blocks": layer.block_names, "sigma_m2": means,
                    **{name: options[name] for name in TAKEN if name != "sigma_m2"}, "depth": depth, "overlap": c0,
                    "layers": layers}  # fmt: skip
        click.echo(json_text(document))
        return
    click.echo(f"{layer.name}: {', '.join(layer.block_names)}; gradient and overlap relative to "
               "the last row\n")  # fmt: skip
    shown = [(name, column, form) for name in names for column, form in zip(COLUMNS, FORMS, strict=True)]
    rows = [
        [str(each["layer"]), *(format(each[name][column], form) for name, column, form in shown)] for each in layers
    ]
    click.echo(table(["layer", *(part for name in names for part in (name, "+-", "theory", "z"))], rows))


def _refuse_others(ctx: click.Context, layer: Layer, options: dict[str, Any]) -> None:
    """Refuse options that only networks of a surrogate take."""
    for name in options:
        if name not in TAKEN and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            fail(f"--{name.replace('_', '-')} beside {layer.name}: networks of a chain of blocks take "
                 f"{', '.join('--' + each.replace('_', '-') for each in TAKEN)}; leave it out")  # fmt: skip


def _cells(found: Any, name: str, expected: Any, row: int) -> dict[str, float]:
    values = found.mean[name], found.error[name], expected, found.z(name, expected)
    return {column: float(value[row]) for column, value in zip(COLUMNS, values, strict=True)}
