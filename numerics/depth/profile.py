"""What a network of repeated layers carries and passes back, layer by layer (theory.md, section 10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanbits.numerics.depth.followed import Profile, check_start, cumulated, refuse_lost
from meanbits.numerics.depth.neuron_moments import NeuronMoments, Squares
from meanbits.numerics.solvers.domain import check_layer_domain
from meanbits.theory.declarations.blocks import Factors, Flow
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.layer import Layer

Array = Any


def profile(
    layer: Layer,
    depth: int,
    sigma_m2: float,
    sigma_b2: float,
    *,
    q0: float = 1.0,
    c0: float = 0.5,
    typical: float = 0.0,
) -> Profile:
    """The profile of `depth` layers; the first fields, or the inputs of a first layer, have variance (of inputs, mean
    square) q0 and, of two inputs, correlation c0.

    Where the field is integrated out q0 is relative to its annealed part, and T starts as for states +-1. typical: the
    correlation of the first fields of a typical pair of the batch, which batch norm removes.

    Raises:
        ValueError: a depth, a variance, q0 or c0 out of range, or fields that are no numbers.
    """
    check_start(depth, q0, c0)
    check_layer_domain(layer, sigma_m2, sigma_b2)
    numbers, of = layer.at(sigma_m2, sigma_b2), NeuronMoments()
    start = _inputs if layer.first else first_flow
    with np.errstate(all="ignore"):  # what is no number is refused
        flow = start(layer, numbers, q0, c0, typical)
        flows, factors = [flow], []
        for chain in numbers.chains(depth):
            factors.append(backward(chain, flow, of))
            flow = forward(chain, flow, of)
            flows.append(flow)
    total = np.array([float(each.total) for each in flows])
    pair, alike = (np.array([each.fall[k] for each in flows]) for k in (0, 1))
    squares = [float(growth_of(layer, each)) for each in factors]
    gradient, overlap = (cumulated(values) for values in (squares, [_of_both(each)[0] for each in factors]))
    if not layer.passes_gradient:
        gradient, overlap = (np.full(len(flows), np.nan) for _ in range(2))
    q, c = coordinates(layer, total, pair, alike)
    return refuse_lost(Profile(q, c, total, gradient, overlap))


def coordinates(layer: Layer, total: Array, pair: Array, alike: Array) -> tuple[Array, Array]:
    """q and c of fields of this total, which two inputs and two runs of one input fall short of by `pair`, `alike`."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if not layer.is_relative:
            return total, 1 - pair / total
        return (total - alike) / alike, (total - pair) / (total - alike)


def growth_of(layer: Layer, factors: Factors) -> Array:
    """chi_g: of gradients averaged over the noise where the field is integrated out, what two runs have in common."""
    return _of_both(factors)[1] if layer.is_relative else factors.square


def _of_both(factors: Factors) -> Array:
    """The factors of overlaps of two inputs and of two runs of one; one number where they do not depend on which."""
    return np.broadcast_to(factors.overlap, (2, *np.shape(factors.overlap)[1:]))


def growth_at(layer: Layer, numbers: Layer, flow: Flow) -> Array:
    """chi_g of one layer at a flow, `numbers` the layer with numbers in it; NaN where gradients see no slope."""
    if not layer.passes_gradient:
        return np.asarray(np.nan)
    return growth_of(layer, backward(numbers.blocks, flow, NeuronMoments() if layer.is_relative else Squares()))


def first_flow(
    layer: Layer, numbers: Layer, q0: float, c0: float, typical: float = 0.0, shape: tuple[int, ...] = ()
) -> Flow:
    """The flow of the first fields; `fall` holds that of two inputs, and of two noise-independent runs of one.

    shape: of the variances in `numbers`.
    """
    one = np.ones(shape)[()]
    if not layer.is_relative:
        return Flow(q0 * one, np.array([q0 * (1 - c0) * one, 0 * one]), q0 * (1 - typical) * one)
    start = Flow(one, np.zeros((2, *shape)), one)
    total = one * forward(numbers.blocks, start, NeuronMoments()).total
    quenched = total * q0 / (1 + q0)
    pairs = np.array([total - c0 * quenched, total / (1 + q0)])
    return Flow(total, pairs, total - typical * quenched)


def _inputs(layer: Layer, numbers: Layer, q0: float, c0: float, typical: float) -> Flow:
    """The flow of inputs, which are known: two runs of one see the same."""
    return Flow(np.float64(q0), np.array([q0 * (1 - c0), 0.0]), np.float64(q0 * (1 - typical)))
