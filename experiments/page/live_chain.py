"""What the page of a chain of blocks computes by itself."""

from __future__ import annotations

from meanbits.experiments.page.live import (
    BIASES,
    FEW_BIASES,
    MEANS,
    MOST_BIASES,
    MOST_MEANS,
    ChainKind,
    Live,
    NotLiveError,
    Slider,
)
from meanbits.numerics.emission.emit_layer import heading_of_chain, layer_functions
from meanbits.numerics.emission.script import script_source
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.stages.layer_theory import LayerTheory

DEPTH, DEEPEST = 30.0, 100.0
NEEDED = {"gap_map", "chi_at_gap"}
UNUSED = 1.0  # sigma_m2 where the weights settle it


def live_chain(theory: LayerTheory, sigma_m2: float | None = None, sigma_b2: float | None = None) -> Live:
    """The part of a chain's page that computes, starting at these variances.

    Raises:
        NotLiveError: maps that JavaScript lacks.
    """
    layer = theory.layer
    try:
        offered = layer_functions(theory)
        source = script_source(heading_of_chain(theory), offered)
    except ValueError as error:
        raise NotLiveError(str(error)) from None
    names = [each.name for each in offered]
    if not set(names) >= NEEDED:
        raise NotLiveError(f"{layer.name} has no gap map, since a block does more to what inputs differ by than to add "
                           "and multiply")  # fmt: skip
    fixed = None if layer.open_weights else settled_means(layer)
    kind = ChainKind(layer.is_relative, layer.has_batch_norm, "gradient_growth" in names, fixed)
    return Live(f"{source}\nreturn {{ {', '.join(names)} }};", kind, _sliders(layer, sigma_m2, sigma_b2))


def settled_means(layer: Layer) -> float:
    """sigma_m2 where the weights settle it."""
    square = layer.dense[0].weights.mean_square
    return UNUSED if square is None else float(square)


def largest_means(layer: Layer) -> float | None:
    """The largest variance of the means that all open weights allow; None where they allow any."""
    limits = [float(each.mean_limit) ** 2 for each in layer.open_weights if each.mean_limit is not None]
    return min(limits, default=None)


def _sliders(layer: Layer, sigma_m2: float | None, sigma_b2: float | None) -> tuple[Slider, ...]:
    found: list[Slider] = []
    if layer.open_weights:
        limit = largest_means(layer)
        top = MOST_MEANS if limit is None else limit
        start = top / 2 if sigma_m2 is None else sigma_m2
        found.append(Slider(MEANS, "variance of the weight means", start, 0.0, max(top, start), limit))
    start = FEW_BIASES if sigma_b2 is None else sigma_b2
    found.append(Slider(BIASES, "variance of the biases", start, 0.0, max(MOST_BIASES, start)))
    found.append(Slider("depth", "layers", DEPTH, 1.0, DEEPEST, DEEPEST, 1.0))
    return tuple(found)
