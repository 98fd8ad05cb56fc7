"""Commands about fixed points: fixed-point, critical and phase."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.certificate_command import certificate_text, require_writable, write_certificate
from meanbits.chain_commands import critical_of_chain, fixed_point_of_chain, phase_of_chain
from meanbits.layer_options import chain_of, kept_options, ready_options, theory_of
from meanbits.options import Command, Grid, Number, fail, fail_about, json_option
from meanbits.present import json_text, notice, number, table

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.criticality import Criticality
    from meanbits.layer_options import Subject
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.numerics.labelled import Labelled
    from meanbits.options import Axis
    from meanbits.theory.derive import Theory

SHOWN = ("q", "T", "r", "c", "gap", "chi", "chi_1", "dq", "xi_q", "xi_c", "chi_g", "xi_g", "phase",
         "error_bound")  # fmt: skip


@click.command(
    "fixed-point", cls=Command, epilog="\b\nExample: meanbits fixed-point deterministic --sigma-m2 0.5 --sigma-b2 0.001"
)
@kept_options
@click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means.")
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", required=True, help="Variance of the biases.")
@json_option
def fixed_point(subject: Subject, sigma_m2: float | None, sigma_b2: float, as_json: bool) -> None:
    """The stable fixed point of deep networks and its depth scales.

    q, the field variance, and c, the correlation of two inputs, after many layers; the slopes of their maps there; the
    depth scales xi_q, xi_c over which inputs are forgotten; chi_g, what squared gradients grow by a layer, and xi_g =
    1/ln chi_g, the layers over which they grow (or, where it is negative, vanish) by e.
    """
    from meanbits.numerics.solvers.stability import described
    from meanbits.point import InputError, variance_of_means

    chain = chain_of(subject)
    if chain is not None:
        fixed_point_of_chain(chain, sigma_m2, sigma_b2, as_json)
        return
    try:
        means = variance_of_means(subject, sigma_m2)
        found = described(theory_of(subject), means, sigma_b2)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(subject, error)
    if as_json:
        click.echo(json_text({"surrogate": subject.name, "sigma_m2": means, "sigma_b2": sigma_b2, **found}))
        return
    click.echo("\n".join(f"{name:<12} {number(found[name])}" for name in SHOWN))
    for name, law in found["decay"].items():
        click.echo(f"{name} decays as {law['amplitude']:.6g} l^-{law['exponent']:g} over l layers")
    if found["every_q"]:
        click.echo("every q is fixed: layers keep the variance of their input; the values are those at q = 1")
    others = [point for point in found["all_q"] if not math.isclose(point["q"], found["q"], rel_tol=1e-9)]
    for point in others:
        click.echo(f"also fixed   q = {number(point['q'])}, {'stable' if point['stable'] else 'unstable'}")
    if found["bistable"]:
        click.echo("bistable: layers come to the first q from q = 1, to another stable one from beyond the unstable q "
                   "between them; where a stable one ends, q jumps (a transition of first order)")  # fmt: skip


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits phase continuous --sigma-m2 0.1:4:200 --sigma-b2 0:1:200 -o phase.png",
)
@kept_options
@click.option("--sigma-m2", type=Grid(low=0), metavar="A:B:N", help="N values from A to B, or one.")
@click.option("--sigma-b2", type=Grid(low=0), metavar="A:B:N", required=True, help="N values from A to B, or one.")
@click.option("--gains", type=Grid(low=0, high=1e9), metavar="A:B:N",
              help="Gains instead of a grid of sigma_b2; form paper.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), required=True,
              help="FILE.nc for the data, FILE.png or FILE.pdf for a figure with its data beside it.")  # fmt: skip
@json_option
def phase(
    subject: Subject, sigma_m2: Axis | None, sigma_b2: Axis, gains: Axis | None, output: Path, as_json: bool
) -> None:
    """A phase diagram: the fixed point on a grid of (sigma_m2, sigma_b2), or of (sigma_m2, gain).

    q, c, chi, chi_1, xi_q and xi_c with their axes named, as netCDF; of a chain of blocks chi_g and xi_g too.
    """
    chain = chain_of(subject)
    if gains is not None and chain is not None:
        fail(f"--gains: {chain.name} is a chain of blocks and has no paper form; leave it out")
    if sigma_m2 is None and chain is None:
        fail("--sigma-m2 is missing; give A:B:N, N values from A to B, or one")

    if gains is not None and sigma_b2.points > 1:
        fail("--gains beside a grid of --sigma-b2; give one value of --sigma-b2")
    data = _data_beside(output)
    _check_memory((1 if sigma_m2 is None else sigma_m2.points) * (sigma_b2 if gains is None else gains).points)
    diagram: xr.Dataset | Labelled
    if chain is not None:
        diagram = phase_of_chain(chain, sigma_m2, sigma_b2)
    else:
        assert sigma_m2 is not None
        diagram = _diagram(subject, sigma_m2, sigma_b2, gains)
    written = _write(diagram, output, data)
    for path in written:
        notice(f"wrote {path}")
    if as_json:
        click.echo(json_text({"surrogate": subject.name, "files": [str(path) for path in written]}))


def _diagram(subject: Subject, sigma_m2: Axis, sigma_b2: Axis, gains: Axis | None) -> Labelled:
    from meanbits.numerics.solvers.phase import labelled_phases

    along = (sigma_b2.values(), None) if gains is None else (sigma_b2.start, gains.values())
    try:
        return labelled_phases(theory_of(subject), sigma_m2.values(), *along)
    except ValueError as error:
        fail_about(subject, error)


def _data_beside(output: Path) -> Path:
    """The file of the data; what cannot be written is refused."""
    from meanbits.files import unwritable_file
    from meanbits.numerics.datasets import is_ours

    if output.suffix not in (".nc", ".png", ".pdf"):
        fail(f"--output {output}: the name must end in .nc, .png or .pdf")
    data = output.with_suffix(".nc")
    for path in {output, data}:
        reason = unwritable_file(path)
        if reason is not None:
            fail(f"--output {path}: {reason}")
    if data.exists() and not is_ours(data):
        fail(f"--output {data}: it exists and is no dataset of meanbits; name another file")
    return data


def _check_memory(points: int) -> None:
    from meanbits.numerics.solvers.phase import BYTES_PER_POINT, available_memory

    needed, free = points * BYTES_PER_POINT, available_memory()
    if needed > free:
        fail(f"a grid of {points} points takes {needed:,} bytes, and {free:,} are free; use at most "
             f"{free // BYTES_PER_POINT} points")  # fmt: skip


def _write(diagram: xr.Dataset | Labelled, output: Path, data: Path) -> list[Path]:
    from meanbits import __version__
    from meanbits.numerics.datasets import save

    written = [save(diagram.assign_attrs(version=__version__), data)]
    if output != data:
        from meanbits.numerics.labelled import Labelled
        from meanbits.paper_figures.phase import draw

        written.append(draw(diagram.dataset() if isinstance(diagram, Labelled) else diagram, output))
    return written


@click.command(cls=Command, epilog="\b\nExample: meanbits critical deterministic --form paper --gain 1.5")
@ready_options
@click.option("--certificate", metavar="F", type=click.Path(path_type=Path),
              help="Write the proof as F.json or, for Rocq, F.v, for meanbits check-certificate.")  # fmt: skip
@json_option
def critical(subject: Subject, certificate: Path | None, as_json: bool) -> None:
    """Whether a critical initialisation exists, with a proof.

    It is a (sigma_m2, sigma_b2) within what the weights allow at which c = 1 is a fixed point of slope 1: signals
    reach any depth. The proof is by algebra and ball arithmetic; the curve is solved along q from 1e-12 to 1e6. Of a
    chain of blocks the points where differences of signals (chi_1 = 1), gradients (chi_g = 1) or both keep their size
    are found along sigma_b2; each direction says what of it is proven. Proofs of rows of the catalogue lie ready, and
    their certificates are checked anew, as meanbits check-certificate does.
    """
    require_writable(certificate)
    chain = chain_of(subject)
    if chain is not None:
        critical_of_chain(chain, certificate, as_json)
        return
    found = _criticality_of_row(subject, certificate) or _criticality(theory_of(subject), certificate)
    if as_json:
        click.echo(json_text(_document(found)))
        return
    _print(found)


def _criticality_of_row(subject: Subject, certificate: Path | None) -> Criticality | None:
    """What lies ready of a row, where that serves."""
    from meanbits.experiments.criticality import criticality_of_row
    from meanbits.numerics.emission.ready import Row

    if not isinstance(subject, Row) or (certificate is not None and certificate.suffix == ".v"):
        return None
    found = criticality_of_row(subject.name)
    if found is not None and found.standalone is not None and certificate is not None:
        write_certificate(certificate, found.standalone)
    return found


def _criticality(theory: Theory | ReadyTheory, certificate: Path | None) -> Criticality:
    from meanbits.experiments.written import written_criticality
    from meanbits.numerics.certificates.certify import certify
    from meanbits.numerics.emission.ready import derived

    stages = derived(theory)
    if stages.criticality is None:
        fail(f"{stages.surrogate.name} is a single layer on real inputs: no depth; choose another surrogate")
    proof = certify(stages)
    if certificate is not None:
        write_certificate(certificate, certificate_text(certificate, stages.surrogate, proof))
    return written_criticality(stages, proof)


def _document(found: Criticality) -> dict[str, Any]:
    proof = {"method": found.method, "steps": list(found.steps), "box": found.box}
    return {"surrogate": found.surrogate, "feasible": found.feasible, "certified": found.certified,
            "statement": found.statement, "certificate": proof, "curve": list(found.curve)}  # fmt: skip


def _print(found: Criticality) -> None:
    click.echo(f"{found.feasible}{'' if found.certified else ', not proven'}: {found.statement}\n\nby {found.method}:")
    for step in found.steps:
        click.echo(f"  {'proven ' if step['holds'] else 'OPEN   '} {step['claim']}\n          {step['how']}")
    for name, (low, high) in (found.box or {}).items():
        click.echo(f"{name:<9} in [{low!r}, {high!r}]")
    if found.curve:
        click.echo(f"\n{len(found.curve)} feasible points of the curve, 10 a decade of q (all with --json):")
        shown = ("q", "sigma_m2", "sigma_b2")
        click.echo(table(shown, [[f"{point[name]:.12g}" for name in shown] for point in found.curve[::10]]))
