"""What map, fixed-point, critical and phase do with a chain of blocks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.certificate_command import certificate_text, write_certificate
from meanbits.options import fail, fail_about
from meanbits.present import filled, json_text, notice, number, table

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.numerics.certificates.proof import Certificate
    from meanbits.numerics.depth.layer_critical import LayerCriticality
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
    from meanbits.numerics.depth.layer_fixed_points import no_fixed_point
    from meanbits.numerics.depth.stream import settled
    from meanbits.profile_command import at_fixed_point

    means = means_of(layer, sigma_m2)
    try:
        found = settled(layer, means, sigma_b2)
    except ValueError as error:
        fail_about(layer, error)
    if found is None:
        fail(no_fixed_point(layer))
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
             "meanbits profile how it grows or vanishes")  # fmt: skip
    if lost:
        notice(f"{lost} points come to no fixed point within {MANY:,} layers, and are empty")
    return diagram


def critical_of_chain(layer: Layer, certificate: Path | None, as_json: bool) -> None:
    """Print where a chain is critical forward, backward and both ways, and what of it is proven."""
    from meanbits.numerics.certificates.chain_backward import backward_certificate
    from meanbits.numerics.depth.layer_critical import layer_criticality

    try:
        found = layer_criticality(layer)
    except ValueError as error:
        fail_about(layer, error)
    curves = {name: [{"q": point.q, found.parameter: point.value, "sigma_b2": point.sigma_b2, "chi_1": point.chi_1,
                      "chi_g": point.chi_g} for point in getattr(found, name)] for name in CURVES}  # fmt: skip
    proofs = _proofs(found, curves)
    if certificate is not None:
        backward = backward_certificate(found.free, ())
        if backward is None:
            fail(f"--certificate {certificate}: gradients see no slope; give one with --backward")
        write_certificate(certificate, certificate_text(certificate, layer, backward))
    forward = proofs["forward"]
    assert forward is not None
    if as_json:
        shown = {name: forward[name] for name in ("feasible", "certified", "statement", "certificate")}
        others = {f"{name}_certificate": proofs[name] for name in ("backward", "both")}
        click.echo(json_text({**named(layer), **shown, **others, "parameter": found.parameter, **curves,
                              "curve": curves["forward"]}))  # fmt: skip
        return
    for name, proof in proofs.items():
        _print_direction(name, proof, curves[name])


def _proofs(found: LayerCriticality, curves: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, Any] | None]:
    """Of each direction: feasible, certified, statement and certificate; None where gradients see no slope."""
    from meanbits.numerics.certificates.chain_backward import backward_certificate, is_one_condition
    from meanbits.numerics.certificates.chain_certificate import forward_certificate

    forward = forward_certificate(found.free, found.guesses("forward"))
    backward = backward_certificate(found.free, found.guesses("backward"))
    proofs = {name: None if each is None else _proof_document(each, len(curves[name]))
              for name, each in (("forward", forward), ("backward", backward))}  # fmt: skip
    if backward is None:
        return proofs | {"both": None}
    nowhere = [name for name, each in (("forward", forward), ("backward", backward))
               if each.certified and each.feasible == "none"]  # fmt: skip
    if nowhere:
        both = {"feasible": "none", "certified": True, "statement": f"nowhere, since {nowhere[0]} nowhere"}
    elif is_one_condition(found.free):
        both = {"feasible": forward.feasible, "certified": forward.certified,
                "statement": f"chi_g = chi_1 by algebra, so both where forward; {forward.statement}"}  # fmt: skip
    else:
        both = _found(len(curves["both"]))
    return proofs | {"both": both}


def _proof_document(proof: Certificate, points: int) -> dict[str, Any]:
    """A certificate as a document; where nothing is proven, what was found."""
    shown = {"feasible": proof.feasible, "certified": proof.certified, "statement": proof.statement}
    steps = {"method": proof.method, "steps": [vars(step) for step in proof.steps], "box": proof.box}
    return shown | ({} if proof.certified else _found(points)) | {"certificate": steps}


def _found(points: int) -> dict[str, Any]:
    where = f"at {points} points" if points else "nowhere"
    return {"feasible": "attained" if points else "undecided", "certified": False,
            "statement": f"not proven, found {where} on a grid of sigma_b2"}  # fmt: skip


def _print_direction(name: str, proof: dict[str, Any] | None, points: list[dict[str, float]]) -> None:
    if proof is None:
        click.echo(f"{name} ({CURVES[name]}): gradients see no slope; give one with --backward\n")
        return
    certified = "" if proof["certified"] else ", not proven"
    click.echo(f"{name} ({CURVES[name]}): {proof['feasible']}{certified}")
    click.echo(filled(proof["statement"], "  "))
    for step in proof.get("certificate", {}).get("steps", ()):
        click.echo(f"  {'proven ' if step['holds'] else 'OPEN   '} {step['claim']}\n          {step['how']}")
    for symbol, (low, high) in (proof.get("certificate", {}).get("box") or {}).items():
        click.echo(f"  {symbol:<9} in [{low!r}, {high!r}]")
    if points:
        click.echo(table(list(points[0]), [[f"{value:.12g}" for value in each.values()] for each in points]))
    click.echo()
