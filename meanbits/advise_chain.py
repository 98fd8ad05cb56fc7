"""What advise does with a chain of blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import fail, fail_about
from meanbits.present import filled, json_text, table

if TYPE_CHECKING:
    from meanbits.numerics.depth.layer_advise import Alternative, LayerAdvice
    from meanbits.theory.declarations.layer import Layer

SHOWN = 12


def advise_chain(layer: Layer, depth: int, sigma_b2: float, words: dict[str, str], as_json: bool) -> None:
    """Print whether a chain trains at a depth, and what to change where it does not."""
    from meanbits.numerics.depth.layer_advise import UNKNOWN, layer_advise
    from meanbits.theory.declarations.rows import row_of_layer
    from meanbits.theory.declarations.words import words_of_row

    try:
        row = row_of_layer(layer)
        advice = layer_advise(row, depth, sigma_b2, words if _compose(words) else words_of_row(row))
    except ValueError as error:
        fail(str(error)) if str(error).startswith("--") else fail_about(layer, error)
    if as_json:
        click.echo(json_text(_document(advice) | {"unknown": list(UNKNOWN)}))
        return
    click.echo(f"{layer.name}: {', '.join(layer.block_names)}\n")
    click.echo(filled(advice.verdict, "") + "\n")
    rows = [_row(advice, each) for each in (advice.given, *advice.tried[:SHOWN])]
    click.echo(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    click.echo("\nforward: e-foldings of a small difference in correlation over the depth; backward: of squared "
               "gradients\n\nnot known:")  # fmt: skip
    click.echo("\n".join(filled(each, "  ", "  ") for each in UNKNOWN))


def _compose(words: dict[str, str]) -> bool:
    """Whether the words compose the chain, so that others change its parts; those of a declaration do not."""
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.errors import SurrogateError

    try:
        compose(**words)
    except SurrogateError:
        return False
    return True


def _row(advice: LayerAdvice, each: Alternative) -> dict[str, Any]:
    changed = " ".join(f"--{option} {value}" for option, value in each.change.items()) or "(as it is)"
    means = {} if advice.given.sigma_m2 is None else {"sigma_m2": f"{each.sigma_m2:.6g}"}
    foldings = {name: "none" if math.isnan(value) else f"{value:.3g}"
                for name, value in (("forward", each.forward), ("backward", each.backward))}  # fmt: skip
    return {"change": changed, **means, **foldings, "trains": "yes" if each.trains else "no"}


def _document(advice: LayerAdvice) -> dict[str, Any]:
    def shown(each: Alternative | None) -> dict[str, Any] | None:
        if each is None:
            return None
        return {"options": advice.options(each), "change": each.change, "sigma_m2": each.sigma_m2,
                "forward": each.forward, "backward": each.backward, "trainable": each.trains}  # fmt: skip

    given, advised = advice.given, advice.advised
    return {"surrogate": given.layer.name, "depth": advice.depth, "sigma_b2": advice.sigma_b2,
            "trainable": given.trains, "options": advice.options(given), "sigma_m2": given.sigma_m2,
            "given": shown(given), "instead": None if advised is given else shown(advised),
            "tried": [shown(each) for each in advice.tried]}  # fmt: skip
