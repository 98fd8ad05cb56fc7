"""Convolutions whose inputs are not alike at all positions: their overlaps, and the modes in which these decay.

Source: Xiao et al. 2018, arXiv 1806.05393, sections 2.2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points, no_fixed_point
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import Array, growth_of
from meanbits.numerics.shown import Shown
from meanbits.numerics.solvers.scales import depth_scale, gradient_scale
from meanbits.theory.declarations.blocks import Convolution, Flow
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.blocks.convolution import offsets
from meanbits.theory.declarations.blocks.flow import Window
from meanbits.theory.declarations.layer import Layer, flattened

OF = NeuronMoments()


@dataclass(frozen=True)
class PlacedFlow(Flow):
    """Second moments at each position of a circle or a torus, the last axes of the arrays."""

    def averaged(self, window: Window) -> PlacedFlow:
        """Over the window around each position."""
        means = (_window_mean(each, window) for each in (self.total, self.fall, self.typical))
        return PlacedFlow(*means)


@dataclass(frozen=True)
class ModeFlow(Flow):
    """The same at all positions but for a small deviation of the overlap, a wave of these angles along each axis."""

    angles: tuple[Array, ...] = ()

    def passed(self, window: Window) -> Array:
        """The Fourier transform of the window."""
        return np.prod([_transform(size, angle) for size, angle in zip(window, self.angles, strict=True)], 0)


@dataclass(frozen=True, eq=False, repr=False)
class Modes(Shown):
    """Of each wave over the positions, arrays of their shape in the order of `numpy.fft.fftfreq`, mode 0 the first.

    chi: by how much a layer shrinks a deviation of the correlation, in size; chi_g: likewise of squared gradients, NaN
    where they see no slope.
    """

    chi: Array
    chi_g: Array

    shown = ("chi", "chi_g", "xi_c", "xi_g")

    @property
    def xi_c(self) -> Array:
        """-1/ln chi in layers."""
        return depth_scale(self.chi)

    @property
    def xi_g(self) -> Array:
        """1/ln chi_g in layers, negative where they vanish."""
        return gradient_scale(self.chi_g)


def modes(layer: Layer, sigma_m2: float, sigma_b2: float, positions: tuple[int, ...]) -> Modes:
    """The modes of a chain with convolutions at its fixed point, on a circle or a torus of so many positions.

    Raises:
        ValueError: a chain without convolutions, of windows that do not fit, or that comes to no fixed point.

    >>> from meanbits.theory.declarations.compose import compose
    >>> from meanbits.theory.declarations.layer import convolved
    >>> found = modes(convolved(compose("continuous"), (3,)), 1.5, 0.1, (6,))
    >>> [round(float(each), 3) for each in found.chi / found.chi[0]]
    [1.0, 0.667, 0.0, 0.333, 0.0, 0.667]
    """
    _check(layer, positions)
    point = layer_fixed_points(layer, sigma_m2, sigma_b2)
    if not point.found:
        raise ValueError(no_fixed_point(layer))
    if layer.is_relative:
        raise ValueError(f"{layer.name}: modes are derived for fields that are not integrated out; use treatment "
                         "none, sample or network")  # fmt: skip
    numbers = layer.at(sigma_m2, sigma_b2)
    angles = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(size) for size in positions), indexing="ij")
    total = np.float64(point.T)
    flow = ModeFlow(total, total * (1 - point.c), total * (1 - point.typical), tuple(angles))
    shown = np.ones(positions)
    chi = np.abs(slope(numbers.blocks, flow, OF)) * shown
    growth = np.abs(growth_of(layer, backward(numbers.blocks, flow, OF))) if layer.passes_gradient else np.nan
    return Modes(chi, growth * shown)


def correlation_at_positions(
    layer: Layer, depth: int, sigma_m2: float, sigma_b2: float, c0: ArrayLike, q0: ArrayLike = 1.0
) -> tuple[Array, Array]:
    """q and c of two inputs at each position, arrays (depth + 1, *positions), row 0 the first fields, of these.

    Raises:
        ValueError: a chain without convolutions, windows that do not fit, batch norm, or values out of range.
    """
    variance, overlap = np.broadcast_arrays(np.asarray(q0, np.float64), np.asarray(c0, np.float64))
    _check(layer, overlap.shape)
    if layer.has_batch_norm or layer.is_relative:
        raise ValueError(f"{layer.name}: overlaps at each position are derived without batch norm, which mixes "
                         "positions, and for fields that are not integrated out")  # fmt: skip
    if not (np.all(np.abs(overlap) <= 1) and np.all(variance > 0) and np.all(np.isfinite(variance))):
        raise ValueError("c0 must lie in [-1, 1] and q0 be positive at each position")
    numbers = layer.at(sigma_m2, sigma_b2)
    flow: Flow = PlacedFlow(variance, variance * (1 - overlap), variance)
    rows: list[Flow] = [flow]
    for _ in range(depth):
        flow = forward(numbers.blocks, flow, OF)
        rows.append(flow)
    q = np.array([np.broadcast_to(each.total, overlap.shape) for each in rows])
    return q, 1 - np.array([np.broadcast_to(each.fall, overlap.shape) for each in rows]) / q


def _check(layer: Layer, positions: tuple[int, ...]) -> None:
    windows = [each.window for each in flattened(layer.blocks) if isinstance(each, Convolution)]
    if not windows:
        raise ValueError(f"{layer.name} has no convolution, so all its positions are alike; use fixed_point or profile")
    for window in windows:
        if len(window) != len(positions) or any(size > most for size, most in zip(window, positions, strict=True)):
            raise ValueError(f"positions {positions} and a window {window}: give as many axes, each at least as long")


def _window_mean(values: Array, window: Window) -> Array:
    """The mean over the window around each position of the last axes, circular."""
    for axis, size in zip(range(-len(window), 0), window, strict=True):
        if np.ndim(values) >= len(window):
            values = np.mean([np.roll(values, -shift, axis) for shift in offsets(size)], 0)
    return values


def _transform(size: int, angle: Array) -> Array:
    return np.mean([np.exp(1j * shift * angle) for shift in offsets(size)], 0)
