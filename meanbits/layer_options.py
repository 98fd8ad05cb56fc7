"""The options that make a layer a chain of blocks: norm, dropout, scale and skip."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import Function, Number, fail, surrogate_options

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

BLOCKS = (
    ("--normalise", "KIND", "batch, rms or layer norm of the field, before the neurons; default none."),
    ("--dropout", "P", "share of the neurons that is dropped, default 0."),
    ("--scale", "ALPHA", "weights times ALPHA, default 1."),
    ("--skip", "A[:B]", "x' = A x + B F(x) around the layer F, B default 1; default none."),
)


def block_options(command: Function) -> Function:
    """S and the options of its layer; the command is called with `surrogate` and `blocks`, the options given."""

    @surrogate_options
    @functools.wraps(command)
    def wrapped(**others: Any) -> Any:
        given = {option.lstrip("-"): others.pop(option.lstrip("-")) for option, *_ in BLOCKS}
        return command(blocks={name: value for name, value in given.items() if value is not None}, **others)

    for option, metavar, text in reversed(BLOCKS):
        wrapped = click.option(option, metavar=metavar, help=text)(wrapped)
    return wrapped


def composed_layer(surrogate: Surrogate, options: dict[str, str]) -> Layer:
    """The layer, or a refusal that says what does not fit."""
    from meanbits.theory.declarations.compose_layer import layer_named
    from meanbits.theory.errors import SurrogateError

    try:
        return layer_named(surrogate, **options)
    except SurrogateError as error:
        fail(str(error))


def point_options(command: Function) -> Function:
    """--sigma-m2, --sigma-b2, --q0 and --c0."""
    for option in reversed((
        click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means."),
        click.option("--sigma-b2", type=Number(low=0, high=1e100), metavar="Y", required=True,
                     help="Variance of the biases."),
        click.option("--q0", type=Number(low=0), metavar="Q", default=1.0,
                     help="Variance of the first field, default 1."),
        click.option("--c0", type=Number(low=-1, high=1), metavar="C", default=0.5,
                     help="Correlation of the first fields of two inputs, default 0.5."),
    )):  # fmt: skip
        command = option(command)
    return command
