"""What jacobian does with a chain of blocks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from meanbits.chain_commands import means_of, named
from meanbits.options import fail, fail_about
from meanbits.present import json_text, number

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer


def jacobian_of_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float, depth: int, as_json: bool) -> None:
    """Print the squared singular values of a deep network of blocks: mean and spread, and where gradients go.

    From the fixed point that layers come to; without one, as around a skip, from a first field of variance 1.
    """
    from meanbits.numerics.depth.layer_jacobian import layer_spectrum
    from meanbits.numerics.depth.stream import settled

    means = means_of(layer, sigma_m2)
    try:
        end = settled(layer, means, sigma_b2)
        start = 1.0 if end is None else float(end.q)
        if start == 0:
            fail(f"{layer.name} ({', '.join(layer.block_names)}): fields vanish at these variances; choose others")
        typical = 0.0 if end is None else float(end.typical)
        found = layer_spectrum(layer, depth, means, sigma_b2, q0=start, typical=typical)
    except ValueError as error:
        fail_about(layer, error)
    document: dict[str, Any] = {**named(layer), "sigma_m2": means, "sigma_b2": sigma_b2, "depth": depth, "q0": start,
                                "spectrum": asdict(found)}  # fmt: skip
    if end is not None:
        document["gradients"] = {"factor": float(end.chi_g), "xi_g": float(end.xi_g),
                                 "xi_forward": float(end.xi_c), "c": float(end.c)}  # fmt: skip
    if as_json:
        click.echo(json_text(document))
        return
    rows = {"field variance it starts from": start}
    if end is not None:
        rows |= {"gradients: mean square a layer": float(end.chi_g),
                 "gradients: depth scale xi_g, layers": float(end.xi_g),
                 "forward: depth scale xi_c, layers": float(end.xi_c)}  # fmt: skip
    rows |= {f"squared singular values at L = {depth}: mean": found.mean}
    if found.relative_variance is not None:
        rows |= {"  variance / mean^2": found.relative_variance}
    click.echo(f"{layer.name}: {', '.join(layer.block_names)}\n")
    click.echo("\n".join(f"{name:<{max(map(len, rows))}}  {number(value)}" for name, value in rows.items()))
    if found.reason is not None:
        click.echo(f"their variance is not derived: {found.reason}")
