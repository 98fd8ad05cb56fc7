"""The command that follows a network of blocks layer by layer: profile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from meanbits.layer_options import block_options, composed_layer, point_options
from meanbits.options import Command, fail, fail_about, json_option
from meanbits.present import json_text, number, table

if TYPE_CHECKING:
    from meanbits.numerics.depth.stream import Settled, StreamLaw
    from meanbits.theory.declarations.surrogates import Surrogate

COLUMNS = ("layer", "q", "c", "T", "gradient")


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits profile random-binary --backward clip --normalise batch --depth 20 --sigma-b2 0",
)
@block_options
@click.option("--depth", type=click.IntRange(1, 100_000), metavar="L", required=True, help="Number of layers.")
@point_options
@json_option
def profile(
    surrogate: Surrogate, blocks: dict[str, str], depth: int, sigma_m2: float | None, sigma_b2: float, q0: float,
    c0: float, as_json: bool,
) -> None:  # fmt: skip
    """What a network carries and passes back, layer by layer.

    Row l is what l layers make of the first field (row 0): its variance q, the correlation c of two inputs, the total
    field variance T, and the mean square of the gradient with respect to it, relative to the last row. Below, where the
    layers lead: the fixed point with its depth scales, or, where a skip leaves none, how the stream and its gradients
    grow with depth.
    """
    from meanbits.numerics.depth.profile import profile as follow
    from meanbits.numerics.depth.stream import settled, stream_law
    from meanbits.point import InputError, variance_of_means

    layer = composed_layer(surrogate, blocks)
    try:
        means = variance_of_means(surrogate, sigma_m2)
        found = follow(layer, depth, means, sigma_b2, q0=q0, c0=c0)
        end = settled(layer, means, sigma_b2, q0=q0, c0=c0)
        law = None if end is not None else stream_law(layer, means, sigma_b2)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(surrogate, error)
    rows = [{"layer": row, **{name: float(getattr(found, name)[row]) for name in COLUMNS[1:]}}
            for row in range(depth + 1)]  # fmt: skip
    if as_json:
        document: dict[str, Any] = {"surrogate": surrogate.name, "blocks": [block.name for block in layer.blocks],
                                    "sigma_m2": means, "sigma_b2": sigma_b2, "q0": q0, "c0": c0, "layers": rows,
                                    "fixed_point": end and at_fixed_point(end),
                                    "exponents": law and vars(law)}  # fmt: skip
        click.echo(json_text(document))
        return
    click.echo(f"{surrogate.name}: {', '.join(block.name for block in layer.blocks)}\n")
    click.echo(table(COLUMNS, [[_cell(row[name]) for name in COLUMNS] for row in rows]))
    click.echo(f"\n{_end(end, law)}")


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else "-" if math.isnan(value) else f"{value:.6g}"


def _end(end: Settled | None, law: StreamLaw | None) -> str:
    if law is not None:
        return str(law)
    if end is None:
        return "no fixed point within 100,000 layers, and no law of growth is derived"
    known = {name: value for name, value in at_fixed_point(end).items() if not math.isnan(value)}
    return "fixed point  " + ", ".join(f"{name} {number(value)}" for name, value in known.items())


def at_fixed_point(end: Settled) -> dict[str, float]:
    """The fixed point of a layer by name, NaN where something is undefined."""
    return {**vars(end), "xi_c": end.xi_c, "xi_g": end.xi_g}
