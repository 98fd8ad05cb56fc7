"""The report of a surrogate or a chain of blocks: what is computed for it, and one page of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meanbits.experiments.page.live import Live
    from meanbits.experiments.page.page import Findings, Picture
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory

Said = Callable[[str], None]
TOP_MEANS, TOP_BIASES = 4.0, 0.5
STAGES = ("derivation", "pictures", "certificate", "checks", "claims", "page")


def report(
    surrogate: Surrogate | Layer | str | None,
    output: str | Path,
    *,
    sigma_m2: float | None = None,
    sigma_b2: float | None = None,
    **options: Any,
) -> Path:
    """Write a page about a surrogate, a chain of blocks or the name of either; the path of it.

    sigma_m2, sigma_b2: variances at which its sliders and its pictures start. options: those of `compose`.

    Raises:
        ValueError: a surrogate that is none, open symbols in a chain, or variances out of the domain.
        OSError: a file that cannot be written.
    """
    from meanbits.files import write_text
    from meanbits.theory.declarations.compose_layer import compose

    subject = compose(surrogate, **options) if surrogate is None or isinstance(surrogate, str) else surrogate
    path = Path(output)
    write_text(path, page_of(subject, sigma_m2, sigma_b2))
    return path


def page_of(
    subject: Surrogate | Layer, sigma_m2: float | None = None, sigma_b2: float | None = None,
    on_stage: Said = lambda _: None,
) -> str:  # fmt: skip
    """The page as text; `on_stage` hears what is computed next."""
    from meanbits import __version__, derive
    from meanbits.experiments.page.page import page
    from meanbits.theory.declarations.surrogates import Surrogate

    on_stage("derivation")
    theory = derive(subject)
    if isinstance(subject, Surrogate):
        found, lead, reference = _of_surrogate(theory, sigma_m2, sigma_b2, on_stage), _lead(subject), subject.reference
    else:
        found, lead, reference = _of_chain(subject, sigma_m2, sigma_b2, on_stage), _chain_lead(subject), _from(subject)
    on_stage("page")
    return page(theory, lead, reference, found, __version__)


def _lead(surrogate: Surrogate) -> str:
    from meanbits.derivation import parts

    shown = parts(surrogate)
    return (f"Weights {shown['weights']}, neurons {shown['neurons']}, treatment {shown['treatment']}, form "
            f"{shown['form']}. {shown['reference'].rstrip('.')}.")  # fmt: skip


def _chain_lead(layer: Layer) -> str:
    return f"A chain of blocks: {', '.join(layer.block_names)}; treatment {layer.treatment.name}. {_from(layer)}"


def _from(layer: Layer) -> str:
    from meanbits.theory.declarations.rows import CHAINS

    return next((row.surrogate.reference for row in CHAINS if row.layer == layer), "")


def _of_surrogate(theory: Theory, sigma_m2: float | None, sigma_b2: float | None, on_stage: Said) -> Findings:
    from meanbits.experiments.claims.catalogue import settle
    from meanbits.experiments.page.concerned import claims_about
    from meanbits.experiments.page.page import Findings
    from meanbits.experiments.verification.verify import verify
    from meanbits.numerics.certificates.certify import certify

    moving, remarks = _live(theory, sigma_m2, sigma_b2)
    on_stage("pictures")
    pictures = () if moving is None else _pictures(theory, moving)
    closed = not theory.surrogate.parameters
    on_stage("certificate")
    proof = certify(theory) if closed and theory.criticality is not None else None
    on_stage("checks")
    checks = verify((theory.surrogate,)) if closed else ()
    on_stage("claims")
    claims = settle(claims_about(theory.surrogate))
    return Findings(moving, pictures, proof, checks, claims, remarks)


def _live(theory: Theory, sigma_m2: float | None, sigma_b2: float | None) -> tuple[Live | None, tuple[str, ...]]:
    """The part that computes, or why there is none; variances out of the domain are an error."""
    from meanbits.experiments.page.live import NotLiveError, live

    try:
        return live(theory, sigma_m2, sigma_b2), ()
    except NotLiveError as error:
        return None, (f"Nothing moves on this page: {error}",)


def _pictures(theory: Theory, moving: Live) -> tuple[Picture, ...]:
    from meanbits.experiments.page.measured import correlation_maps, layers, plane
    from meanbits.paper_figures.page import layers_picture, maps_picture, plane_picture

    surrogate = theory.surrogate
    if surrogate.parameters:
        return ()
    means, biases = moving.start
    made = [
        (maps_picture, partial(correlation_maps, theory, means, biases),
         "The correlation map (blue) and its stable fixed point (dot)."),
        (layers_picture, partial(layers, theory, means, biases), "The correlation of two inputs, layer by layer."),
        (plane_picture, partial(plane, theory, moving.largest_means, means, TOP_BIASES),
         "The depth scale of correlations over the variances; the black line is $\\chi_1 = 1$."),
    ]  # fmt: skip
    return _drawn(made)


def _of_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float | None, on_stage: Said) -> Findings:
    from meanbits.experiments.page.measured import layers, plane
    from meanbits.experiments.page.page import Findings
    from meanbits.experiments.verification.verify import verify
    from meanbits.paper_figures.page import layers_picture, plane_picture
    from meanbits.point import variance_of_means

    on_stage("pictures")
    largest = _largest_means(layer)
    means = variance_of_means(layer, largest / 2 if sigma_m2 is None and layer.open_weights else sigma_m2)
    biases = 0.01 if sigma_b2 is None else sigma_b2
    made = [(layers_picture, partial(layers, layer, means, biases), "The correlation of two inputs, layer by layer.")]
    made += [(plane_picture, partial(plane, layer, largest if layer.open_weights else None, means, TOP_BIASES),
              "Depth scales of correlations and of gradients over the variances; the black lines are $\\chi_1 = 1$ "
              "and $\\chi_g = 1$.")]  # fmt: skip
    pictures = _drawn(made)
    on_stage("checks")
    return Findings(pictures=pictures, checks=verify((layer,)))


def _largest_means(layer: Layer) -> float:
    """The largest variance of the means that weights allow, or one that shows enough."""
    limits = [float(each.mean_limit) ** 2 for each in layer.open_weights if each.mean_limit is not None]
    return min(limits, default=TOP_MEANS)


def _drawn(made: Sequence[tuple[Any, Callable[[], Any], str]]) -> tuple[Picture, ...]:
    """Pictures of data that are measured now; what layers of these variances do not come to is left out."""
    from meanbits.experiments.page.caption import caption_markup
    from meanbits.experiments.page.page import Picture
    from meanbits.paper_figures.page import inline_svg

    found = []
    for draw, measure, caption in made:
        try:
            dataset = measure()
        except ValueError:
            continue
        found.append(Picture(inline_svg(draw, dataset, caption_markup(caption).striptags()), caption_markup(caption)))
    return tuple(found)
