"""Independent weights between the channels of two layers, shared by all positions of a circle or a torus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.dense import Dense
from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, Value, Window
from meanbits.theory.errors import SurrogateError


def offsets(size: int) -> range:
    """Where a window of so many positions along an axis lies around its unit."""
    return range(-((size - 1) // 2), size // 2 + 1)


@dataclass(frozen=True)
class Convolution(Dense):
    """h(p) = sum_d S_d x(p + d) / sqrt(N K) + b, d over a window of K positions around p, padded circularly.

    window: positions along each axis. To overlaps it is a dense block on their average over the window; where they
    are not the same at all positions, their deviations shrink mode by mode by the window's Fourier transform.

    Source: Xiao et al. 2018, arXiv 1806.05393, equations (2.6) and (2.13).
    """

    window: Window = (3, 3)

    def __post_init__(self) -> None:
        if not self.window or min(self.window) < 1:
            raise SurrogateError(f"convolution of window {self.window}: give the positions along each axis, 1 or more")

    @property
    def name(self) -> str:
        return f"convolution {'x'.join(map(str, self.window))} ({self.weights.name} weights)"

    @property
    def offsets(self) -> tuple[range, ...]:
        """d along each axis; of an even number one more lies ahead."""
        return tuple(map(offsets, self.window))

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        return super().forward(flow.averaged(self.window), of)

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return self.means * flow.passed(self.window)

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        left, dense = flow.passed(self.window), super().backward(flow, of)
        return Factors(dense.square * left, dense.overlap * left)

    def apply(self, x: Any, draw: Any) -> Any:
        return draw.convolution(self, x)
