"""What a layer is declared as: a surrogate, a named chain of blocks or one of one's own, and options that change it."""

from __future__ import annotations

from typing import Any

import sympy as sp

from meanbits.theory.declarations.compose_layer import BLOCKS, row_of, with_blocks
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.rows import Row, row_of_layer
from meanbits.theory.declarations.surrogates import Surrogate

Declared = Surrogate | Layer | str | None
TORCH_NORMS = {"batch": "BatchNorm1d(n, affine=False)", "rms": "RMSNorm(n, 1e-5, False)",
               "layer": "LayerNorm(n, elementwise_affine=False)"}  # fmt: skip


def declared_row(declared: Declared, options: dict[str, Any]) -> Row:
    """The surrogate and the blocks beside it of one layer between states: (dropout,) weights (, scale, norm), neurons.

    Raises:
        TypeError: options beside an object that has settled them. SurrogateError: blocks that do not fit together.
        ValueError: a skip, a number that is open.
    """
    if isinstance(declared, Surrogate | Layer):
        settled = [name for name in options if isinstance(declared, Layer) or name not in BLOCKS]
        if settled:
            raise TypeError(f"{', '.join(settled)} beside a {type(declared).__name__}, whose parts are settled: give "
                            "a name of the catalogue")  # fmt: skip
    if isinstance(declared, Layer):
        row = row_of_layer(declared)
    elif isinstance(declared, Surrogate):
        row = with_blocks(Row(declared), **options)
    else:
        row = row_of(declared, **options)
    if row.skip is not None:
        raise ValueError(f"{row.name}: {_skip_in_forward(row)}")
    if row != Row(row.surrogate):
        _ = row.layer  # refuses parts that fit no chain
    return row


def number(name: str, value: sp.Expr) -> float:
    """The number of an option.

    Raises:
        ValueError: an open symbol.
    """
    if not sp.sympify(value).is_number:
        raise ValueError(f"{name} = {value} is open; give its symbols values")
    return float(value)


def _skip_in_forward(row: Row) -> str:
    """Why a skip is refused, and what to write in its place."""
    carry, add = row.skip or (0, 1)
    why = "a skip adds the fields of two layers, and a module has one"
    if row.surrogate.treatment.field != "sharp":
        return (f"{why}; give skip='none', and in forward add what layer.field gives to the field before, means by "
                f"{carry} and {add}, variances by their squares")  # fmt: skip
    if row.normalise is None or row.behind:
        return f"{why}; give skip='none', and in forward h = {carry} * h + {add} * layer.field(layer.neurons(h)).mean"
    return (f"{why}; give skip='none', normalise='none', and in forward h = {carry} * h + {add} * "
            f"layer.field(layer.neurons(norm(h))).mean, norm = torch.nn.{TORCH_NORMS[row.normalise]}")  # fmt: skip
