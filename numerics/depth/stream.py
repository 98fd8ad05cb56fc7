"""Where repeated layers lead: to a fixed point, or, around skips, to a stream that grows without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanbits.numerics.depth.layer_fixed_points import LARGEST, LayerPoints, layer_fixed_points
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.theory.declarations.blocks import Flow, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.layer import Layer

FAR = (LARGEST, 1e10, 1e12)  # T at which exponents are read off; they are multiples of 1/2 for what neurons are made of
CLEAR = 2e-3  # of an exponent from such a multiple


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


def settled(layer: Layer, sigma_m2: float, sigma_b2: float, *, q0: float = 1.0, c0: float = 0.5) -> LayerPoints | None:
    """The fixed point that fields of (q0, c0) come to within 10^5 layers; None where they come to none."""
    found = layer_fixed_points(layer, sigma_m2, sigma_b2, q0=q0, c0=c0)
    return found if found.found else None


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
