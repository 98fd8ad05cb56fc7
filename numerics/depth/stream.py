"""Where repeated layers lead: to a fixed point, or, around skips, to a stream that grows without one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import coordinates, first_flow, growth_of
from meanbits.numerics.solvers.solve import depth_scale
from meanbits.theory.declarations.blocks import Factors, Flow, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.layer import Layer

MOST, SETTLED, VANISHED, GRID = 100_000, 1e-13, 1e-9, 200
FAR = (1e8, 1e10, 1e12)  # T at which exponents are read off; they are multiples of 1/2 for what neurons are made of
CLEAR = 2e-3  # of an exponent from such a multiple


@dataclass(frozen=True)
class Settled:
    """The fixed point that layers come to: q, c, T; chi = dc'/dc there, and chi_g, what squared gradients grow by.

    c is NaN at q = 0 of fields integrated out, where it is a ratio of overlaps that both vanish, by chi a layer.
    """

    q: float
    c: float
    T: float
    chi: float
    chi_g: float

    @property
    def xi_c(self) -> float:
        """-1/ln chi in layers."""
        return _scale(self.chi)

    @property
    def xi_g(self) -> float:
        """1/ln chi_g in layers: above 0 where gradients grow on their way back, below where they vanish."""
        return math.inf if math.isinf(_scale(self.chi_g)) else -_scale(self.chi_g)


@dataclass(frozen=True)
class StreamLaw:
    """After l layers T ~ rate l^power. Over L of them squared gradients grow as L^exponent where `stretch` is 0;
    elsewhere their logarithm grows as exponent L^stretch. exponent is 0 where they stay bounded.
    """

    rate: float
    power: float
    exponent: float
    stretch: float

    def __str__(self) -> str:
        if self.exponent == 0:
            gradients = "stay bounded"
        elif self.stretch == 0:
            gradients = f"grow as L^{self.exponent:.4g}"
        else:
            gradients = f"have a logarithm that grows as {self.exponent:.4g} L^{self.stretch:g}"
        power = "" if self.power == 1 else f"^{self.power:g}"
        return f"no fixed point: T ~ {self.rate:.4g} l{power}, and over L layers squared gradients {gradients}"


def settled(layer: Layer, sigma_m2: float, sigma_b2: float, *, q0: float = 1.0, c0: float = 0.5) -> Settled | None:
    """The fixed point that fields of (q0, c0) come to within 10^5 layers; None where they come to none."""
    numbers, of = layer.at(sigma_m2, sigma_b2), NeuronMoments()
    flow = first_flow(layer, numbers, q0, c0)
    if _grows(numbers, float(flow.total), of):
        return None
    for _ in range(MOST):
        after = forward(numbers.blocks, flow, of)
        still = all(np.all(np.abs(b - a) <= SETTLED * np.maximum(np.abs(b), SETTLED * after.total))
                    for a, b in zip(_values(flow), _values(after), strict=True))  # fmt: skip
        flow = after
        if still:
            return _at(layer, flow, slope(numbers.blocks, flow, of), backward(numbers.blocks, flow, of))
        if not 0 < after.total < FAR[0]:
            return None
    return None


def _grows(numbers: Layer, start: float, of: NeuronMoments) -> bool:
    """Whether T' > T from `start` on."""
    totals = np.geomspace(start, FAR[0], GRID)
    after = forward(numbers.blocks, Flow(totals, totals, totals), of).total
    return bool(np.all(np.broadcast_to(after, totals.shape) > totals))


def _at(layer: Layer, flow: Flow, steep: np.ndarray, factors: Factors) -> Settled:
    total, (pair, alike) = float(flow.total), flow.fall
    growth = growth_of(layer, factors) if layer.passes_gradient else math.nan
    vanished = layer.is_relative and total - alike <= VANISHED * total
    q, c = (0.0, math.nan) if vanished else coordinates(layer, total, pair, alike)
    return Settled(float(q), float(c), total, float(steep[0]), growth)


def stream_law(layer: Layer, sigma_m2: float, sigma_b2: float) -> StreamLaw | None:
    """How a skip that carries its input whole grows, from what it adds where T is large; None where no law is found."""
    (around,) = layer.at(sigma_m2, sigma_b2).blocks if len(layer.blocks) == 1 else (None,)
    if layer.is_relative or not isinstance(around, Skip) or around.carry**2 != 1:
        return None
    of, flows = NeuronMoments(), [Flow(np.float64(T), np.float64(0.0), np.float64(T)) for T in FAR]
    increments = [around.add**2 * float(forward(around.blocks, each, of).total) for each in flows]
    squares = [around.add**2 * float(backward(around.blocks, each, of).square) for each in flows]
    rise, excess = _power(increments), _power(squares)
    if rise is None or rise[1] >= 1:
        return None
    power = 1 / (1 - rise[1])
    rate = ((1 - rise[1]) * rise[0]) ** power
    if excess is None:
        return StreamLaw(rate, power, 0.0, 0.0) if all(each == 0 for each in squares) else None
    strength, decay = excess[0] * rate ** excess[1], -excess[1] * power
    if decay > 1:
        return StreamLaw(rate, power, 0.0, 0.0)
    return StreamLaw(rate, power, strength / (1 - decay) if decay < 1 else strength, 1 - decay)


def _power(values: list[float]) -> tuple[float, float] | None:
    """(a, p) with values a T^p at FAR, p a multiple of 1/2; None where they are not."""
    if not all(each > 0 for each in values):
        return None
    decades = np.diff(np.log(FAR))
    powers = np.diff(np.log(values)) / decades
    nearest = round(2 * float(powers[-1])) / 2
    if np.max(np.abs(powers - nearest)) > CLEAR:
        return None
    return values[-1] / FAR[-1] ** nearest, nearest


def _values(flow: Flow) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(each) for each in (flow.total, flow.fall, flow.typical))


def _scale(factor: float) -> float:
    return float(depth_scale(factor))
