"""By how many e-foldings a depth changes what a chain of blocks carries, and what it passes back."""

from __future__ import annotations

import numpy as np

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, first_flow, growth_at
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer

OVERLAP = 0.5  # correlation of the first fields of two inputs
OF = NeuronMoments()


def foldings(layer: Layer, depth: int, means: Array, sigma_b2: float) -> tuple[Array, Array]:
    """ln of the growth of a small difference in the correlation of two inputs over `depth` layers, on its way through,
    and of squared gradients on their way back; the latter NaN where gradients see no slope.

    means: sigma_m2, an array. First fields have variance 1 and correlation `OVERLAP`, under batch norm less what a
    typical pair has in common.
    """
    numbers = layer.at(means, np.full(means.shape, sigma_b2))
    flow = first_flow(layer, numbers, 1.0, OVERLAP, 0.0 if layer.has_batch_norm else OVERLAP, means.shape)
    out, back = np.zeros(means.shape), np.zeros(means.shape)
    with np.errstate(all="ignore"):  # a field that vanishes or explodes is no number, and never chosen
        for _ in range(depth):
            after = forward(numbers.blocks, flow, OF)
            steep = np.broadcast_to(slope(numbers.blocks, flow, OF), (2, *means.shape))[0]
            out = out + np.log(np.abs(steep) * _norm(layer, flow) / _norm(layer, after))
            back, flow = back + np.log(growth_at(layer, numbers, flow)), after
    return out, back


def _norm(layer: Layer, flow: Flow) -> Array:
    """What correlations are relative to."""
    fall = np.broadcast_to(flow.fall, (2, *np.shape(flow.total)))
    return flow.total - fall[1] if layer.is_relative else flow.total
