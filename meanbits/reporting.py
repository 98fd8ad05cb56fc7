"""The report of a surrogate or a chain of blocks: what is computed for it, and one page of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meanbits.experiments.claims.claim import Settled
    from meanbits.experiments.page.live import Live
    from meanbits.experiments.page.page import Findings, Picture
    from meanbits.experiments.verification.verify import CheckResult
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory

Said = Callable[[str], None]
Measured = Callable[[], Any]
TOP_MEANS, TOP_BIASES = 4.0, 0.5
STAGES = ("derivation", "pictures", "certificate", "checks and claims", "page")


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
    from meanbits.numerics.whole_files import write_text
    from meanbits.theory.declarations.compose_layer import compose

    subject = compose(surrogate, **options) if surrogate is None or isinstance(surrogate, str) else surrogate
    path = Path(output)
    named = {"name": surrogate} if isinstance(surrogate, str) else {}
    write_text(path, page_of(subject, sigma_m2, sigma_b2, words=named | options if subject is not surrogate else {}))
    return path


def page_of(
    subject: Surrogate | Layer, sigma_m2: float | None = None, sigma_b2: float | None = None,
    on_stage: Said = lambda _: None, words: Mapping[str, object] | None = None,
) -> str:  # fmt: skip
    """The page as text; `on_stage` hears what is computed next. words: what names the subject for `compose`."""
    from meanbits import __version__, derive
    from meanbits.experiments.page.page import page
    from meanbits.theory.declarations.surrogates import Surrogate

    on_stage("derivation")
    theory, given = derive(subject), words or {}
    if isinstance(subject, Surrogate):
        found = _of_surrogate(theory, sigma_m2, sigma_b2, on_stage, given)
        lead, reference = _lead(subject), subject.reference
    else:
        found = _of_chain(subject, sigma_m2, sigma_b2, on_stage, given)
        lead, reference = _chain_lead(subject), _from(subject)
    on_stage("page")
    return page(theory, lead, reference, found, __version__)


def _lead(surrogate: Surrogate) -> str:
    from meanbits.theory.declarations.parts import parts

    shown = parts(surrogate)
    return (f"Weights {shown['weights']}, neurons {shown['neurons']}, treatment {shown['treatment']}, form "
            f"{shown['form']}. {shown['reference'].rstrip('.')}.")  # fmt: skip


def _chain_lead(layer: Layer) -> str:
    return f"A chain of blocks: {', '.join(layer.block_names)}; treatment {layer.treatment.name}. {_from(layer)}"


def _from(layer: Layer) -> str:
    from meanbits.theory.declarations.rows import CHAINS

    return next((row.surrogate.reference for row in CHAINS if row.layer == layer), "")


def _of_surrogate(theory: Theory, sigma_m2: float | None, sigma_b2: float | None, on_stage: Said,
                  words: Mapping[str, object]) -> Findings:  # fmt: skip
    from meanbits.experiments.page.glance import answers, code_of
    from meanbits.experiments.page.page import Findings
    from meanbits.numerics.certificates.certify import certify

    surrogate = theory.surrogate
    moving, remarks = _live(theory, sigma_m2, sigma_b2)
    means, biases = _starts(theory, sigma_m2, sigma_b2) if moving is None else moving.start
    on_stage("pictures")
    measured = _measured(theory, moving, means, biases)
    on_stage("certificate")
    proof = certify(theory) if not surrogate.parameters and theory.criticality is not None else None
    on_stage("checks and claims")
    checks, claims = _checked(surrogate)
    glance = answers(surrogate, proof, *(measured.get(name, (None,))[0] for name in ("plane", "map")))
    return Findings(moving, _drawn(measured, moving is not None), proof, checks, claims, remarks, glance,
                    code_of(surrogate, words, means, biases))  # fmt: skip


def _checked(subject: Surrogate | Layer) -> tuple[tuple[CheckResult, ...], tuple[Settled, ...]]:
    """The checks of a subject, unless its symbols are open, and the claims about it, settled side by side."""
    from meanbits.experiments.page.concerned import claims_about
    from meanbits.experiments.side_by_side import side_by_side

    work = [] if getattr(subject, "parameters", ()) else [partial(_verified, subject)]
    about = groupby(claims_about(subject), key=lambda claim: claim.id.partition(".")[0])  # they share what they measure
    work += [partial(_settled, tuple(group)) for _, group in about]
    results = [each for found in side_by_side(_called, work) for each in found]
    checks = tuple(each for each in results if hasattr(each, "check"))
    return checks, tuple(each for each in results if not hasattr(each, "check"))


def _called(work: Measured) -> Any:
    return work()


def _verified(subject: Surrogate | Layer) -> tuple[CheckResult, ...]:
    from meanbits.experiments.verification.verify import results_of

    return results_of(subject)


def _settled(claims: tuple[Any, ...]) -> tuple[Settled, ...]:
    from meanbits.experiments.claims.claim import settled

    return tuple(map(settled, claims))


def _starts(theory: Theory, sigma_m2: float | None, sigma_b2: float | None) -> tuple[float, float]:
    """Variances where a page that does not move starts."""
    fixed, limit = theory.surrogate.weights.mean_square, theory.surrogate.weights.mean_limit
    means = float(fixed) if fixed is not None else (TOP_MEANS if limit is None else float(limit) ** 2) / 2
    return means if sigma_m2 is None else sigma_m2, 0.01 if sigma_b2 is None else sigma_b2


def _live(theory: Theory, sigma_m2: float | None, sigma_b2: float | None) -> tuple[Live | None, tuple[str, ...]]:
    """The part that computes, or why there is none; variances out of the domain are an error."""
    from meanbits.experiments.page.live import NotLiveError, live

    try:
        return live(theory, sigma_m2, sigma_b2), ()
    except NotLiveError as error:
        return None, (f"Nothing moves on this page: {error}",)


def _measured(theory: Theory, moving: Live | None, means: float, biases: float) -> dict[str, tuple[Any, ...]]:
    """Data, how it is drawn and what is seen, by name, of a surrogate without open symbols that has fixed points."""
    from meanbits.experiments.page.measured import correlation_maps, layers, plane
    from meanbits.paper_figures.page import layers_picture, maps_picture, plane_picture

    if theory.surrogate.parameters or theory.surrogate.real_input:
        return {}
    largest = _top(theory) if moving is None else moving.largest_means
    return dict(_found([
        ("map", maps_picture, partial(correlation_maps, theory, means, biases),
         "The correlation map (blue) and its stable fixed point (dot)."),
        ("layers", layers_picture, partial(layers, theory, means, biases),
         "The correlation of two inputs, layer by layer."),
        ("plane", plane_picture, partial(plane, theory, largest, means, TOP_BIASES),
         "The depth scale of correlations over the variances; the black line is $\\chi_1 = 1$."),
    ]))  # fmt: skip


def _top(theory: Theory) -> float | None:
    weights = theory.surrogate.weights
    if weights.mean_square is not None:
        return None
    return TOP_MEANS if weights.mean_limit is None else float(weights.mean_limit) ** 2


def _of_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float | None, on_stage: Said,
              words: Mapping[str, object]) -> Findings:  # fmt: skip
    from meanbits.experiments.page.glance import answers, code_of
    from meanbits.experiments.page.live_chain import largest_means
    from meanbits.experiments.page.measured import layers, plane
    from meanbits.experiments.page.page import Findings
    from meanbits.paper_figures.page import layers_picture, plane_picture
    from meanbits.point import variance_of_means

    largest = largest_means(layer) or TOP_MEANS
    means = variance_of_means(layer, largest / 2 if sigma_m2 is None and layer.open_weights else sigma_m2)
    biases = 0.01 if sigma_b2 is None else sigma_b2
    moving, remarks = _live_chain(layer, None if math.isnan(means) else means, biases)
    on_stage("pictures")
    measured = dict(_found([
        ("layers", layers_picture, partial(layers, layer, means, biases),
         "The correlation of two inputs, layer by layer."),
        ("plane", plane_picture, partial(plane, layer, largest if layer.open_weights else None, means, TOP_BIASES),
         "Depth scales of correlations and of gradients over the variances; the black lines are $\\chi_1 = 1$ "
         "and $\\chi_g = 1$."),
    ]))  # fmt: skip
    on_stage("certificate")
    proof = _certificate_of_chain(layer)
    on_stage("checks and claims")
    checks, claims = _checked(layer)
    glance = answers(layer, proof, measured.get("plane", (None,))[0], None)
    return Findings(moving, _drawn(measured, moving is not None), proof, checks, claims, remarks, glance,
                    code_of(layer, words, means, biases))  # fmt: skip


def _live_chain(layer: Layer, sigma_m2: float | None, sigma_b2: float) -> tuple[Live | None, tuple[str, ...]]:
    from meanbits import derive
    from meanbits.experiments.page.live import NotLiveError
    from meanbits.experiments.page.live_chain import live_chain

    try:
        return live_chain(derive(layer), sigma_m2, sigma_b2), ()
    except NotLiveError as error:
        return None, (f"Nothing moves on this page: {error}",)


def _certificate_of_chain(layer: Layer) -> Any:
    """The proof whether signals can be critical; None for a chain that has no criticality."""
    from meanbits.numerics.certificates.chain_certificate import forward_certificate
    from meanbits.numerics.depth.layer_critical import layer_criticality

    try:
        found = layer_criticality(layer)
    except ValueError:
        return None
    return forward_certificate(found.free, found.guesses("forward"))


def _found(made: Sequence[tuple[str, Any, Measured, str]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What is measured, how it is drawn and its caption, by name; what these variances do not come to is left out."""
    for name, draw, measure, caption in made:
        try:
            yield name, (measure(), draw, caption)
        except ValueError:
            continue


def _drawn(measured: Mapping[str, tuple[Any, ...]], moves: bool) -> tuple[Picture, ...]:
    """The pictures of what was measured; moves: whether the page itself draws those at one point."""
    from meanbits.experiments.page.caption import caption_markup
    from meanbits.experiments.page.page import Picture
    from meanbits.paper_figures.page import inline_svg

    return tuple(Picture(inline_svg(draw, dataset, caption_markup(caption).striptags()), caption_markup(caption),
                         moves and name != "plane") for name, (dataset, draw, caption) in measured.items())  # fmt: skip
