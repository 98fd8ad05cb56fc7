"""Squared singular values of the Jacobian of a network of blocks, as gradients see it: their mean and spread.

Weights of independent entries are free of what stands between them, so relative variances add; slopes and masks between
the same weights are diagonal, and their moments multiply. Source: Pennington, Schoenholz & Ganguli 2018, arXiv
1802.09979, section 2.5; theory sheet, section 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, first_flow
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.blocks.flow import Block
from meanbits.theory.declarations.layer import Layer

OF = NeuronMoments()
CORRELATED = "a skip carries fields on, so that the slopes of layers in turn are correlated and not free"
OWN = "a block of one's own, whose singular values are not known"


@dataclass(frozen=True)
class LayerSpectrum:
    """At depth L: mean, of squared singular values; relative_variance: their variance over mean^2, or None where it is
    not derived, for this `reason`. factor: the mean squared singular value of the last layer."""

    mean: float
    relative_variance: float | None
    factor: float
    reason: str | None


def layer_spectrum(
    layer: Layer, depth: int, sigma_m2: float, sigma_b2: float, *, q0: float = 1.0, typical: float = 0.0
) -> LayerSpectrum:
    """Of `depth` layers from a field of variance q0; typical: correlation of a typical pair of the batch, which batch
    norm takes away.

    Raises:
        ValueError: fields that are integrated out, or gradients that see no slope.
    """
    if layer.is_relative:
        raise ValueError(f"{layer.name}: singular values of chains are derived where the field is not integrated out; "
                         "use treatment none, sample or network")  # fmt: skip
    if not layer.passes_gradient:
        raise ValueError(f"{layer.name}: neurons jump and are flat elsewhere; give gradients a slope, as in "
                         "--backward clip")  # fmt: skip
    numbers = layer.at(sigma_m2, sigma_b2)
    flow = first_flow(layer, numbers, q0, 0.0, typical)
    mean, spread, factor, reason = 1.0, 0.0, 1.0, _reason(layer)
    for chain in numbers.chains(depth):
        factor = float(backward(chain, flow, OF).square)
        added, flow = (np.nan, forward(chain, flow, OF)) if reason else _spread(chain, flow)
        mean, spread = mean * factor, spread + float(added)
    return LayerSpectrum(mean, None if reason else spread, factor, reason)


def _reason(layer: Layer) -> str | None:
    blocks = [each for part in layer.parts for each in part]
    if any(hasattr(each, "blocks") for each in blocks):
        return CORRELATED
    return None if all(hasattr(each, "mixes") or hasattr(each, "kurtosis") for each in blocks) else OWN


def _spread(chain: tuple[Block, ...], flow: Flow) -> tuple[Array, Flow]:
    """The relative variance that a chain adds, and the flow behind it."""
    spread, diagonal = 0.0, 1.0  # of what is between weights, E d^4/(E d^2)^2
    for block in chain:
        if getattr(block, "mixes", False):  # independent entries: s_1 = -1
            spread, diagonal = spread + diagonal, 1.0
        else:
            diagonal = diagonal * block.kurtosis(flow, OF)  # type: ignore[attr-defined]
        flow = block.forward(flow, OF)
    return spread + diagonal - 1, flow
