"""The command jacobian: singular values of the Jacobian, and how far gradients reach."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from meanbits.jacobian_of_chain import jacobian_of_chain
from meanbits.layer_options import chain_of, row_options, theory_of
from meanbits.options import Command, Number, fail, json_option
from meanbits.present import filled, json_text, number

if TYPE_CHECKING:
    from meanbits.layer_options import Subject
    from meanbits.numerics.emission.ready import Row
    from meanbits.numerics.solvers.solve import FixedPoint
    from meanbits.theory.derive import Theory

AGREEMENT = 1e-8  # of the mean squared slope with chi_1
LARGEST_LOG = 700.0
DEEPEST = 10**5
NO_JACOBIAN = ("no Jacobian: its neurons jump, are drawn from their means, or form a single layer on real inputs; "
               "chi_g of meanbits fixed-point says what gradients do that see another slope (--backward)")  # fmt: skip


@click.command(
    cls=Command, epilog="\b\nExample: meanbits jacobian lrt --sigma-m2 0.5 --sigma-b2 0.001 --width 300 --depth 10"
)
@row_options
@click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means.")
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", required=True, help="Variance of the biases.")
@click.option("--means", "law", metavar="LAW", default="two-point",
              help="two-point (default), clipped-gaussian, uniform or beta.")  # fmt: skip
@click.option("--width", type=click.IntRange(min=1), metavar="N", default=1000, help="Neurons a layer, default 1000.")
@click.option("--depth", type=click.IntRange(1, DEEPEST), metavar="L", default=10, help="Layers, default 10.")
@json_option
@click.pass_context
def jacobian(
    ctx: click.Context, subject: Subject, sigma_m2: float | None, sigma_b2: float, law: str, width: int,
    depth: int, as_json: bool,
) -> None:  # fmt: skip
    """Singular values of the Jacobian at the fixed point, and the depth scale of gradients.

    The mean squared singular value of a layer and its 1/N term, with and without the derivative of Sigma; the forward
    and backward depth scales; moments of the squared singular values at depth L; whether dynamical isometry can be had.
    Of a chain of blocks, as gradients see it: depth scales and moments.
    """
    chain = chain_of(subject)
    if chain is not None:
        for name in ("law", "width"):
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                fail(f"--{'means' if name == 'law' else name} beside {chain.name}: the singular values of a chain of "
                     "blocks are those of wide layers, whatever the law of the means; leave it out")  # fmt: skip
        jacobian_of_chain(chain, sigma_m2, sigma_b2, depth, as_json)
        return
    _jacobian_of_surrogate(subject, sigma_m2, sigma_b2, law, width, depth, as_json)


def _jacobian_of_surrogate(
    surrogate: Subject, sigma_m2: float | None, sigma_b2: float, law: str, width: int, depth: int, as_json: bool
) -> None:
    from meanbits.point import InputError, variance_of_means

    try:
        means = variance_of_means(surrogate, sigma_m2)
    except InputError as error:
        fail(str(error))
    document: dict[str, Any] = {"surrogate": surrogate.name, "sigma_m2": means, "sigma_b2": sigma_b2, "means": law,
                                "width": width, "depth": depth}  # fmt: skip
    try:
        document |= _described(surrogate, means, sigma_b2, law, width, depth)
    except ValueError as error:
        text = str(error)
        fail(text if text.startswith("--") else f"{surrogate.name}: {text}")
    if as_json:
        click.echo(json_text(document))
    else:
        _print(document)


def _described(surrogate: Subject, means: float, biases: float, law: str, width: int, depth: int) -> dict[str, Any]:
    """Everything at one point; None throughout where there is no Jacobian."""
    from meanbits.numerics.solvers.gradients import gradient_scales
    from meanbits.numerics.solvers.solve import fixed_point
    from meanbits.numerics.spectra.ingredients import ingredients_of
    from meanbits.numerics.spectra.isometry import dynamical_isometry

    theory = theory_of(surrogate)
    fourth = _fourth_moment(theory, law, means)
    if not ingredients_of(theory).has_jacobian:
        return {"fourth_moment": fourth, "mean_squared": None, "gradients": None, "spectrum": None, "isometry": None,
                "reason": NO_JACOBIAN}  # fmt: skip
    found = fixed_point(theory, means, biases)
    scales, verdict = gradient_scales(theory, found), dynamical_isometry(theory, _critical(theory))
    assert scales is not None
    assert verdict is not None
    gradients = {"factor": float(scales.mean_squared), "xi_backward": float(scales.backward),
                 "xi_forward": float(scales.forward), "c": float(found.c)}  # fmt: skip
    squares = _mean_squared(theory, found, fourth, width)
    return {"fourth_moment": fourth, "mean_squared": squares, "gradients": gradients,
            "spectrum": _spectrum(theory, found, depth), "isometry": asdict(verdict)}  # fmt: skip


def _critical(theory: Theory | Row) -> str:
    """Whether critical initialisations are feasible, as it was proven or is now."""
    from meanbits.experiments.criticality import criticality_of_row
    from meanbits.numerics.emission.ready import Row, derived

    row = criticality_of_row(theory.name) if isinstance(theory, Row) else None
    if row is not None:
        return row.feasible
    from meanbits.numerics.certificates.certify import certify

    return certify(derived(theory)).feasible


def _fourth_moment(theory: Theory | Row, law: str, means: float) -> float | None:
    """E M^4; None where the weights have no limit and so no such law."""
    from meanbits.numerics.emission.ready import traits_of
    from meanbits.numerics.spectra.width_terms import fourth_moment

    try:
        limit = traits_of(theory).weights.mean_limit
        return None if limit is None else fourth_moment(law, means, limit)
    except ValueError as error:
        fail(f"--means {law}: {error}")


def _mean_squared(theory: Theory | Row, found: FixedPoint, fourth: float | None, width: int) -> dict[str, float]:
    from meanbits.numerics.emission.ready import traits_of
    from meanbits.numerics.spectra.width_terms import width_terms

    unbounded = 0.0 if fourth is None else fourth  # fixed weights have no Sigma, and no term in E M^4
    terms = width_terms(theory, found, unbounded)
    assert terms is not None
    return {**asdict(terms), "at_width": terms.at_width(width, traits_of(theory).through_sigma),
            "at_width_without_sigma_derivative": terms.at_width(width, False)}  # fmt: skip


def _spectrum(theory: Theory | Row, found: FixedPoint, depth: int) -> dict[str, float | None]:
    """Moments at a depth, and the largest singular value: None where J is 0 or the spectrum is not resolved."""
    from meanbits.numerics.spectra.isometry import variance_per_layer
    from meanbits.numerics.spectra.slope_law import slope_law
    from meanbits.numerics.spectra.spectrum import spectrum

    law, means = slope_law(theory, float(found.q), float(found.T)), float(found.sigma_m2)
    factor = means * law.moment(1)
    if not math.isclose(factor, float(found.chi_1), rel_tol=AGREEMENT, abs_tol=AGREEMENT):
        raise ValueError(f"q = {float(found.q):g}: the field does not settle, so that squared gradients grow by "
                         f"{factor:g} a layer and relative ones by chi_1 = {float(found.chi_1):g}; choose another "
                         "sigma_m2")  # fmt: skip
    if factor and abs(depth * math.log(factor)) > LARGEST_LOG:
        raise ValueError(f"--depth {depth}: the mean squared singular value, {factor:g}^{depth}, is out of range; "
                         f"choose at most {int(LARGEST_LOG / abs(math.log(factor)))} layers")  # fmt: skip
    mean = factor**depth
    variance = depth * variance_per_layer("independent", law.spread) if mean else None
    moments = {"mean": mean, "relative_variance": variance, "zeros": law.flat}
    try:
        return {**moments, "largest": spectrum(law, means, depth).largest}
    except ValueError:
        return {**moments, "largest": None}


def _print(document: dict[str, Any]) -> None:
    if document["mean_squared"] is None:
        click.echo(f"{document['surrogate']}: {document['reason']}")
        return
    width, depth, squares = document["width"], document["depth"], document["mean_squared"]
    gradients, spectrum, verdict = document["gradients"], document["spectrum"], document["isometry"]
    rows = {
        "mean squared singular value of a layer": squares["leading"],
        "  1/N term: fluctuations of Sigma": squares["fluctuation"],
        "  1/N term: derivative of Sigma": squares["sigma_derivative"],
        f"  at N = {width}": squares["at_width"],
        f"  at N = {width}, without derivative of Sigma": squares["at_width_without_sigma_derivative"],
        "gradients: mean square a layer": gradients["factor"],
        "gradients: depth scale, layers": gradients["xi_backward"],
        "forward: depth scale xi_c, layers": gradients["xi_forward"],
        f"squared singular values at L = {depth}: mean": spectrum["mean"],
        "  variance / mean^2": spectrum["relative_variance"],
        "  fraction of zeros": spectrum["zeros"],
        "  largest singular value": spectrum["largest"],
    }
    breadth = max(map(len, rows))
    click.echo("\n".join(f"{name:<{breadth}}  {_shown(value)}" for name, value in rows.items()))
    click.echo(
        filled(f"dynamical isometry: {'possible' if verdict['possible'] else 'no'}; {verdict['reason']}.", "", "  ")
    )


def _shown(value: float | None) -> str:
    return number(None if value is None or math.isnan(value) else value)
