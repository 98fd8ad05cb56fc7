"""What map, fixed-point, critical and phase do with a chain of blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import fail, fail_about
from meanbits.present import filled, json_text, notice, number, table

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.options import Axis
    from meanbits.theory.declarations.layer import Layer


CURVES = {"forward": "chi_1 = 1", "backward": "chi_g = 1", "both": "both are 1"}


def means_of(layer: Layer, given: float | None) -> float:
    """sigma_m2 for a chain, or a refusal."""
    from meanbits.point import InputError, variance_of_means

    try:
        return variance_of_means(layer, given)
    except InputError as error:
        fail(str(error))


def named(layer: Layer) -> dict[str, Any]:
    """How documents name a chain."""
    return {"surrogate": layer.name, "blocks": layer.block_names}


def map_of_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float, q: float, c: float | None, gap: float | None,
                 total: float | None, typical: float | None, as_json: bool) -> None:  # fmt: skip
    """Print the maps of one layer at a point."""
    from meanbits.numerics.depth.layer_map import layer_map
    from meanbits.point import InputError, gap_of

    means = means_of(layer, sigma_m2)
    if q == 0:
        fail("--q 0: a field of variance 0 has no correlation; give a positive value")
    try:
        point = layer_map(layer, means, sigma_b2, q, gap_of(c, gap), total=total, typical=typical)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(layer, error)
    results = {name: None if math.isnan(value) else value for name, value in vars(point).items()}
    if as_json:
        inputs = {"sigma_m2": means, "sigma_b2": sigma_b2, "q": q, "total": total, "typical": typical}
        click.echo(json_text({**named(layer), **inputs, **results}))
    else:
        click.echo("\n".join(f"{name:<8} {number(value)}" for name, value in results.items()))


def fixed_point_of_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float, as_json: bool) -> None:
    """Print the fixed point that layers come to from q = 1, c = 1/2."""
    from meanbits.numerics.depth.stream import settled
    from meanbits.profile_command import at_fixed_point

    means = means_of(layer, sigma_m2)
    try:
        found = settled(layer, means, sigma_b2)
    except ValueError as error:
        fail_about(layer, error)
    if found is None:
        fail(f"{layer.name} ({', '.join(layer.block_names)}) comes to no fixed point; see with "
             "meanbits profile how it grows")  # fmt: skip
    values = at_fixed_point(found)
    if as_json:
        click.echo(json_text({**named(layer), "sigma_m2": means, "sigma_b2": sigma_b2, **values}))
        return
    known = [(name, value) for name, value in values.items() if not math.isnan(value)]
    click.echo("\n".join(f"{name:<12} {number(value)}" for name, value in known))


def phase_of_chain(layer: Layer, sigma_m2: Axis | None, sigma_b2: Axis) -> xr.Dataset:
    """The phase diagram of a chain, or a refusal."""
    from meanbits.numerics.depth.layer_fixed_points import MANY
    from meanbits.numerics.depth.layer_phase import layer_phase_diagram

    ends = (None, None) if sigma_m2 is None else (sigma_m2.start, sigma_m2.stop)
    means = [means_of(layer, end) for end in ends]
    try:
        diagram = layer_phase_diagram(layer, means[0] if sigma_m2 is None else sigma_m2.values(), sigma_b2.values())
    except ValueError as error:
        fail_about(layer, error)
    lost = int(diagram.sizes["sigma_m2"] * diagram.sizes["sigma_b2"] - diagram["found"].sum())
    if lost == diagram["found"].size:
        fail(f"{layer.name} ({', '.join(layer.block_names)}) comes to a fixed point nowhere on the grid; see with "
             "meanbits profile how it grows")  # fmt: skip
    if lost:
        notice(f"{lost} points come to no fixed point within {MANY:,} layers, and are empty")
    return diagram


def critical_of_chain(layer: Layer, as_json: bool) -> None:
    """Print where a chain is critical forward, backward and both ways."""
    from meanbits.numerics.depth.layer_critical import layer_criticality

    try:
        found = layer_criticality(layer)
    except ValueError as error:
        fail_about(layer, error)
    curves = {name: [{"q": point.q, found.parameter: point.value, "sigma_b2": point.sigma_b2, "chi_1": point.chi_1,
                      "chi_g": point.chi_g} for point in getattr(found, name)] for name in CURVES}  # fmt: skip
    feasible = "attained" if curves["forward"] else "none" if found.reason else "undecided"
    statement = f"not certified, found on a grid: {_told(found.parameter, curves, found.reason)}"
    if as_json:
        click.echo(json_text({**named(layer), "feasible": feasible, "certified": False, "statement": statement,
                              "certificate": None, "parameter": found.parameter, **curves,
                              "curve": curves["forward"]}))  # fmt: skip
        return
    click.echo(filled(statement, ""))
    for name, points in curves.items():
        if points:
            click.echo(f"\n{name}:")
            click.echo(table(list(points[0]), [[f"{value:.12g}" for value in each.values()] for each in points]))


def _told(parameter: str, curves: dict[str, list[dict[str, float]]], reason: str | None) -> str:
    """Of each direction, whether something was found."""
    said = []
    for name, what in CURVES.items():
        points = curves[name]
        why = f", since {reason}" if name == "forward" and reason else ""
        said.append(f"{name} ({what}) at {len(points)} points of ({parameter}, sigma_b2)" if points
                    else f"{name} ({what}) nowhere{why}")  # fmt: skip
    return "; ".join(said)
