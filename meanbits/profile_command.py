"""The command that follows a network of blocks layer by layer: profile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from meanbits.layer_options import point_options, row_options
from meanbits.options import Command, fail, fail_about, json_option
from meanbits.present import filled, json_text, number, table

if TYPE_CHECKING:
    from meanbits.layer_options import Subject
    from meanbits.numerics.depth.followed import Profile
    from meanbits.numerics.depth.layer_fixed_points import LayerPoints
    from meanbits.numerics.depth.stream import StreamLaw
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.numerics.solvers.solve import FixedPoint
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory

AT_FIXED_POINT = ("q", "c", "T", "chi", "chi_1", "chi_g", "xi_c", "xi_g")
COLUMNS = ("layer", "q", "c", "T", "gradient")


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits profile random-binary --backward clip --normalise batch --depth 20 --sigma-b2 0",
)
@row_options
@click.option("--depth", type=click.IntRange(1, 100_000), metavar="L", required=True, help="Number of layers.")
@point_options
@json_option
def profile(
    subject: Subject, depth: int, sigma_m2: float | None, sigma_b2: float, q0: float,
    c0: float, as_json: bool,
) -> None:  # fmt: skip
    """What a network carries and passes back, layer by layer.

    Row l is what l layers make of the first field (row 0): its variance q, the correlation c of two inputs, the total
    field variance T, and the mean square of the gradient with respect to it, relative to the last row. Below, where the
    layers lead: the fixed point with its depth scales, or, where a skip leaves none, how the stream and its gradients
    grow with depth.
    """
    from meanbits.point import InputError, variance_of_means

    try:
        means = variance_of_means(subject, sigma_m2)
        course = _course(subject, depth, means, sigma_b2, q0, c0)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(subject, error)
    found, end, law = course.profile, course.end, course.law
    rows = [{"layer": row, **{name: float(getattr(found, name)[row]) for name in COLUMNS[1:]}}
            for row in range(depth + 1)]  # fmt: skip
    if as_json:
        document: dict[str, Any] = {"surrogate": subject.name, "blocks": course.blocks,
                                    "sigma_m2": means, "sigma_b2": sigma_b2, "q0": q0, "c0": c0, "layers": rows,
                                    "fixed_point": end and at_fixed_point(end),
                                    "exponents": law and vars(law)}  # fmt: skip
        click.echo(json_text(document))
        return
    click.echo(f"{subject.name}: {', '.join(course.blocks)}\n")
    click.echo(table(COLUMNS, [[_cell(row[name]) for name in COLUMNS] for row in rows]))
    click.echo("\n" + filled(_end(course), "", "  "))


@dataclass(frozen=True)
class Course:
    """What is followed: its blocks by name, its profile, and where its layers lead, or else why that is not said."""

    blocks: list[str]
    profile: Profile
    end: LayerPoints | FixedPoint | None
    law: StreamLaw | None
    otherwise: str


def _course(subject: Subject, depth: int, means: float, sigma_b2: float, q0: float, c0: float) -> Course:
    """By its own maps where it is ready, or approximates a layer as a whole; else block by block."""
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(subject, ReadyTheory):
        return _course_of_row(subject, depth, means, sigma_b2, q0, c0)
    from meanbits.theory.declarations.surrogates import Surrogate

    approximates = isinstance(subject, Surrogate) and subject.form.name != "exact"
    return (_course_of_form if approximates else _course_of_layer)(subject, depth, means, sigma_b2, q0, c0)


def _course_of_layer(
    subject: Surrogate | Layer, depth: int, means: float, sigma_b2: float, q0: float, c0: float
) -> Course:
    from meanbits.numerics.depth.profile import profile as follow
    from meanbits.numerics.depth.stream import settled, stream_law
    from meanbits.theory.declarations.layer import as_layer

    layer = as_layer(subject)
    found = follow(layer, depth, means, sigma_b2, q0=q0, c0=c0)
    end = settled(layer, means, sigma_b2, q0=q0, c0=c0)
    law = None if end is not None else stream_law(layer, means, sigma_b2)
    return Course(layer.block_names, found, end, law,
                  "no fixed point within 100,000 layers, and no law of growth is derived")  # fmt: skip


def _course_of_row(row: ReadyTheory, depth: int, means: float, sigma_b2: float, q0: float, c0: float) -> Course:
    from meanbits.numerics.depth.map_profile import profile_of_maps

    end = None if row.traits.real_input else _end_of_maps(row, means, sigma_b2, c0)
    if end is None or not 0 < end.q < math.inf:  # there it depends on the inputs, which are followed
        return _course_of_layer(row.derived.surrogate, depth, means, sigma_b2, q0, c0)
    blocks = [f"{row.traits.neurons} neurons", f"dense ({row.weights.name} weights)"]
    return Course(blocks, profile_of_maps(row, depth, means, sigma_b2, q0=q0, c0=c0), end, None, "")


def _course_of_form(surrogate: Any, depth: int, means: float, sigma_b2: float, q0: float, c0: float) -> Course:
    from meanbits.numerics.depth.map_profile import profile_of_maps
    from meanbits.theory.derive import derive

    theory, form = derive(surrogate), surrogate.form
    found = profile_of_maps(theory, depth, means, sigma_b2, q0=q0, c0=c0)
    how = f"form {form.name}" if form.phi is None else f"phi = {form.phi}, gain {form.gain}"
    return Course([f"{surrogate.weights.name} weights and {how}, as a whole"], found,
                  _end_of_maps(theory, means, sigma_b2, c0), None,
                  "several fixed points, or inputs that are equal or opposite: see meanbits fixed-point")  # fmt: skip


def _end_of_maps(theory: Theory | ReadyTheory, means: float, sigma_b2: float, c0: float) -> FixedPoint | None:
    """The fixed point that all inputs but equal or opposite ones come to; None where there are several."""
    from meanbits.numerics.solvers.solve import fixed_point
    from meanbits.numerics.solvers.stability import all_variances

    stable = [point for point in all_variances(theory, means, sigma_b2) if point.stable]
    return fixed_point(theory, means, sigma_b2) if len(stable) == 1 and abs(c0) < 1 else None


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else "-" if math.isnan(value) else f"{value:.6g}"


def _end(course: Course) -> str:
    if course.law is not None:
        return str(course.law)
    if course.end is None:
        return course.otherwise
    known = {name: value for name, value in at_fixed_point(course.end).items() if not math.isnan(value)}
    return "fixed point  " + ", ".join(f"{name} {number(value)}" for name, value in known.items())


def at_fixed_point(end: LayerPoints | FixedPoint) -> dict[str, float]:
    """The fixed point of a layer by name, NaN where something is undefined."""
    return {name: float(getattr(end, name)) for name in AT_FIXED_POINT}
