"""Where repeated layers lead: to a fixed point, or, around skips, to a stream that grows without one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.layer_fixed_points import LARGEST, LayerPoints, layer_fixed_points
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.theory.declarations.blocks import Flow, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.layer import Layer

Law = tuple[float, float]  # a and p of a T^p
OF = NeuronMoments()
FAR = (LARGEST, 1e10, 1e12)  # T at which exponents are read off; they are multiples of 1/2 for what neurons are made of
CLEAR = 2e-3  # of an exponent from such a multiple
START, ROUNDS, SETTLED, SMALL = 0.5, 1000, 1e-14, 1e-9  # of the correlation of what is added
MARGINAL = 1e-5  # of a slope of 1 at c = 1 where T is large


@dataclass(frozen=True)
class StreamLaw:
    """How a stream and its gradients grow with the layer l, or over L layers.

    T ~ rate l^power, or rate^l where power is infinite. Squared gradients grow as L^exponent where `stretch` is 0;
    elsewhere their logarithm grows as exponent L^stretch. exponent is 0 where they stay bounded. c: the correlation
    that two inputs come to, and forgetting: they do as l^-forgetting, or where power is infinite by that many
    e-foldings a layer, more slowly where it is 0. c is NaN where it is kept; both are NaN where more inputs matter.

    Source: theory sheet, section 10; Yang & Schoenholz 2017, arXiv 1712.08969.
    """

    rate: float
    power: float
    exponent: float
    stretch: float
    c: float
    forgetting: float

    def __str__(self) -> str:
        if self.exponent == 0:
            gradients = "stay bounded"
        elif self.stretch == 0:
            gradients = f"grow as L^{self.exponent:.4g}"
        elif self.stretch == 1:
            gradients = f"grow as exp({self.exponent:.4g} L)"
        else:
            gradients = f"have a logarithm that grows as {self.exponent:.4g} L^{self.stretch:g}"
        power = "" if self.power == 1 else f"^{self.power:g}"
        size = f"T ~ {self.rate:.4g}^l" if math.isinf(self.power) else f"T ~ {self.rate:.4g} l{power}"
        return f"no fixed point: {size}, over L layers squared gradients {gradients}{self._inputs}"

    @property
    def _inputs(self) -> str:
        if math.isnan(self.forgetting):
            return ""
        if math.isnan(self.c):
            return ", and the correlation of two inputs is kept"
        kind = "exponentially" if math.isinf(self.power) else "any power of l"
        shown = f"exp(-{self.forgetting:.4g} l)" if math.isinf(self.power) else f"l^-{self.forgetting:.4g}"
        pace = f"more slowly than {kind}" if self.forgetting == 0 else f"as {shown}"
        return f", and the correlation of two inputs comes to {self.c:.4g} {pace}"


def settled(layer: Layer, sigma_m2: float, sigma_b2: float, *, q0: float = 1.0, c0: float = 0.5) -> LayerPoints | None:
    """The fixed point that fields of (q0, c0) come to within 10^5 layers; None where they come to none."""
    found = layer_fixed_points(layer, sigma_m2, sigma_b2, q0=q0, c0=c0)
    return found if found.found else None


def stream_law(layer: Layer, sigma_m2: float, sigma_b2: float) -> StreamLaw | None:
    """How a stream grows, from what its skip adds where T is large; None where no law is found, or T does not grow."""
    (around,) = layer.at(sigma_m2, sigma_b2).blocks if len(layer.blocks) == 1 else (None,)
    if layer.is_relative or not isinstance(around, Skip) or around.carry**2 < 1:
        return None
    flows = [Flow(np.float64(T), np.float64(0.0), np.float64(T)) for T in FAR]
    increments = [around.add**2 * float(forward(around.blocks, each, OF).total) for each in flows]
    squares = [around.add**2 * float(backward(around.blocks, each, OF).square) for each in flows]
    rise, excess = _power(increments), _power(squares)
    if rise is None or rise[1] > 1 or (excess is None and any(each != 0 for each in squares)):
        return None
    whole = around.carry**2 + (rise[0] if rise[1] == 1 else 0.0)
    if whole > 1:
        return _exponential(layer, around, float(whole), excess)
    return None if rise[1] == 1 else _powers(layer, around, rise, excess)


def _powers(layer: Layer, around: Skip, rise: Law, excess: Law | None) -> StreamLaw:
    """Of T' = T + a T^p, p < 1, and squared gradients that grow by 1 + b T^e."""
    power = 1 / (1 - rise[1])
    rate = ((1 - rise[1]) * rise[0]) ** power
    c, steep = _correlation(layer, around)
    strength, decay = (0.0, math.inf) if excess is None else (excess[0] * rate ** excess[1], -excess[1] * power)
    if decay > 1:
        return StreamLaw(rate, power, 0.0, 0.0, c, power * (1 - steep))
    exponent = strength / (1 - decay) if decay < 1 else strength
    return StreamLaw(rate, power, exponent, 1 - decay, c, power * (1 - steep))


def _exponential(layer: Layer, around: Skip, whole: float, excess: Law | None) -> StreamLaw | None:
    """Of T' = whole T, and squared gradients that grow by a constant factor; what is added is a constant part of it."""
    added = whole - around.carry**2
    if excess is not None and excess[1] > 0:
        return None
    factor = around.carry**2 + (excess[0] if excess is not None and excess[1] == 0 else 0.0)
    c, steep = _correlation(layer, around) if added else (math.nan, math.nan)
    pace = -math.log((around.carry**2 + added * steep) / whole) if added else math.nan
    return StreamLaw(whole, math.inf, math.log(factor), 1.0 if factor > 1 else 0.0, c, pace)


def _correlation(layer: Layer, around: Skip) -> tuple[float, float]:
    """The stable fixed point of the correlation of what is added, where T is large, and its slope there; NaN for a
    point where all are fixed, and for both where they need more than two inputs."""
    if layer.has_batch_norm:
        return math.nan, math.nan
    if abs(_image(around, START)[0] - START) <= SETTLED:
        return math.nan, 1.0
    if abs(_image(around, 0.0)[1] - 1) <= MARGINAL:
        return 1.0, 1.0
    gap = START
    for _ in range(ROUNDS):  # Newton's steps, from where the image contracts
        image, steep = _image(around, gap)
        step = (image - gap) / (1 - steep) if steep < 1 else image - gap
        gap = min(max(gap + step, 0.0), 1.0)
        if abs(step) <= SETTLED:
            break
    c = 1 - gap
    return 0.0 if abs(c) < SMALL else c, _image(around, gap)[1]


def _image(around: Skip, gap: float) -> tuple[float, float]:
    """1 - c of what is added to fields of this, and the slope of its correlation, where T is large."""
    total = np.float64(FAR[-1])
    flow = Flow(total, gap * total, gap * total)
    after = forward(around.blocks, flow, OF)
    steep = float(slope(around.blocks, flow, OF)) * total / after.total
    return float(after.fall / after.total), float(steep)


def _power(values: list[float]) -> Law | None:
    """(a, p) with values a T^p at FAR, p a multiple of 1/2; None where they are not."""
    if not all(each > 0 for each in values):
        return None
    decades = np.diff(np.log(FAR))
    powers = np.diff(np.log(values)) / decades
    nearest = round(2 * float(powers[-1])) / 2
    if np.max(np.abs(powers - nearest)) > CLEAR:
        return None
    return values[-1] / FAR[-1] ** nearest, nearest
