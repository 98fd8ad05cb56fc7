"""One layer of a chain of blocks at a point (q, c): what comes out, and what it does to gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, growth_at
from meanbits.numerics.emission.emit_layer import compile_layer
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.stages.layer_theory import derive_layer

OF = NeuronMoments()


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
        ValueError: a default where layers come to no fixed point, or a point where a map is no number.
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
        if layer.is_relative:
            gap_out = _gap_map(layer)(gap, q, sigma_m2, sigma_b2, T, *((common,) if layer.has_batch_norm else ()))
        else:
            gap_out = pair / norm
        chi = np.broadcast_to(slope(numbers.blocks, flow, OF), 2)[0] * quenched / norm
        growth = growth_at(layer, numbers, flow)
    if any(np.isnan(each) for each in (q_out, gap_out, chi)):
        raise ValueError(f"the maps of {layer.name} cannot be computed there; choose a q nearer to the fixed point")
    return LayerPoint(float(q_out), 1 - float(gap_out), float(gap_out), float(chi), float(growth))


def _gap_map(layer: Layer) -> Callable[..., Array]:
    """1 - c' where fields are integrated out, and it is what two overlaps differ by: the emitted formula."""
    maps = compile_layer(derive_layer(layer))
    if not hasattr(maps, "gap_map"):
        raise ValueError(f"{layer.name} has no gap map, since a block does more to what inputs differ by than to add "
                         "and multiply; give it blocks that do not")  # fmt: skip
    return maps.gap_map


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
