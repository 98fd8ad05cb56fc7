"""One layer of a chain of blocks at a point (q, c): what comes out, and what it does to gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, growth_at
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer

OF = NeuronMoments()
KEPT = 1e-6  # relative error of gap_out that is worth printing, where it is a difference


@dataclass(frozen=True)
class LayerPoint:
    """What comes out of a layer: q, c, the gap 1 - c; chi = dc'/dc, and chi_g, NaN where gradients see no slope."""

    q_out: float
    c_out: float
    gap_out: float
    chi: float
    chi_g: float


def layer_map(
    layer: Layer,
    sigma_m2: float,
    sigma_b2: float,
    q: float,
    gap: float,
    *,
    total: float | None = None,
    typical: float | None = None,
) -> LayerPoint:
    """The maps of a layer at field variance q > 0 and at c = 1 - gap.

    total: T, where the field is integrated out. typical: the correlation of a typical pair of the batch. Both by
    default those that layers come to.

    Raises:
        ValueError: a default where layers come to no fixed point, or a gap whose image has lost its digits.
    """
    T, alike, quenched = _fields(layer, sigma_m2, sigma_b2, q, total)
    common = _typical(layer, sigma_m2, sigma_b2, typical)
    flow = Flow(np.float64(T), np.array([alike + gap * quenched, alike]), np.float64(T - common * quenched))
    numbers = layer.at(sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # what is undefined is refused below
        after = forward(numbers.blocks, flow, OF)
        pair, same = np.broadcast_to(after.fall, 2)
        norm = after.total - same if layer.is_relative else after.total
        q_out = norm / same if layer.is_relative else norm
        gap_out = (pair - same if layer.is_relative else pair) / norm
        chi = np.broadcast_to(slope(numbers.blocks, flow, OF), 2)[0] * quenched / norm
        growth = growth_at(layer, numbers, flow, OF)
    _check(layer, (q_out, gap_out, chi), gap, same / norm if layer.is_relative else 0.0)
    return LayerPoint(float(q_out), round(1 - float(gap_out), 15), float(gap_out), float(chi), float(growth))


def _fields(layer: Layer, means: float, biases: float, q: float, total: float | None) -> tuple[float, float, float]:
    """T, what two runs of one input differ by, and the variance that correlations are relative to."""
    if not layer.is_relative:
        if total is not None:
            raise ValueError(f"--total {total:g}: the maps of {layer.name} do not depend on T beside q; leave it out")
        return q, 0.0, q
    T = float(layer_fixed_points(layer, means, biases).T) if total is None else total
    if not T > 0:
        raise ValueError("--total is missing, and layers come to no fixed point at these variances; give T")
    return T, T / (1 + q), T * q / (1 + q)


def _typical(layer: Layer, means: float, biases: float, given: float | None) -> float:
    if given is not None:
        if not layer.has_batch_norm or not given < 1:
            reason = "without batch norm nothing depends on it; leave it out"
            raise ValueError(f"--typical {given:g}: {'it must lie below 1' if layer.has_batch_norm else reason}")
        return given
    if not layer.has_batch_norm:
        return 0.0
    found = layer_fixed_points(layer, means, biases)
    if not found.found:
        raise ValueError("--typical is missing, and layers come to no fixed point that has one; give the correlation "
                         "of a typical pair of the batch, 0 for centred inputs")  # fmt: skip
    return float(found.typical)


def _check(layer: Layer, values: tuple[Array, ...], gap: float, lost: Array) -> None:
    """Refuse what is no number, and a gap that is a difference of overlaps without the digits for it."""
    if any(np.isnan(each) for each in values):
        raise ValueError(f"the maps of {layer.name} cannot be computed there; choose a q nearer to the fixed point")
    if gap > 0 and lost * np.finfo(float).eps > KEPT * values[1]:
        raise ValueError(f"--gap {gap:g}: chains whose field is integrated out have no gap map, and a difference has "
                         "no digits left of it; give a larger gap, or a surrogate without blocks")  # fmt: skip
