"""Gaussian expectations of neurons as declared, by plain quadrature: nothing derived enters but where they break.

A pair of correlation c shares w: u = sqrt(c T) w + sqrt((1 - c) T) z. So E f(u) f(v) is the mean over w of the square
of f averaged over z, and by Price's theorem its slope that of the average's slope, E_z[z f], which needs no slope of f.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import sympy as sp

from meanbits.numerics.emission.definition import declared_function, knots_of
from meanbits.theory.declarations.blocks import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.stages.backward import seen_slope
from meanbits.theory.symbols import h, u

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
REACH, PANELS, MOST = 10.0, 40, 1280  # deviations; panels over them, doubled up to
SURE = 1e-13  # relative to the largest average of |f|: two numbers of panels that agree so far
SAMPLES = 6  # of w a length over which the average over z varies: the trapezoidal rule then errs by rounding


class PlainMoments:
    """`declarations.blocks.Expectations` of numbers: the gap `fall` is 0, or what leaves |c| some way below 1.

    Raises:
        ValueError: neurons that vary faster than `MOST` panels resolve, naming them.
    """

    def square(self, neurons: Neurons, total: float) -> float:
        return float(_average(_of(neurons.second_moment), np.zeros(1), np.sqrt(total))[0])

    def fall(self, neurons: Neurons, total: float, fall: float) -> float:
        return self.square(neurons, total) - _overlap(_of(neurons.mean), total, fall)

    def slope(self, neurons: Neurons, total: float, fall: float) -> float:
        if fall == 0:
            return np.inf if neurons.jumps else self.gradients(replace(neurons, backward=None), total, fall).square
        return _overlap(_of(neurons.mean), total, fall, order=1)

    def gradients(self, neurons: Neurons, total: float, fall: float) -> Factors:
        """Of the slope that gradients see, between breaks; undefined for the square of a jump, which none sees."""
        if neurons.backward is None and neurons.jumps:
            return Factors(np.nan, self.slope(neurons, total, fall))
        seen = _of(seen_slope(neurons).subs(u, h))
        return Factors(_overlap(seen, total, 0.0), _overlap(seen, total, fall))


@dataclass(frozen=True)
class _Declared:
    """A function of h, and where it breaks."""

    value: Callable[[np.ndarray], np.ndarray]
    knots: tuple[float, ...]
    text: str


@lru_cache(maxsize=64)
def _of(expression: sp.Expr) -> _Declared:
    return _Declared(declared_function(expression), knots_of(expression.subs(h, u)), str(expression))


def _overlap(f: _Declared, total: float, fall: float, order: int = 0) -> float:
    """E f(u) f(v), or for order 1 its derivative in E u v."""
    if fall == 0 and order == 0:
        return float(_average(f, np.zeros(1), np.sqrt(total), squared=True)[0])
    c = 1 - fall / total
    apart = 1 - abs(c)
    step = min(np.sqrt(apart / max(abs(c), 0.1)), 1) / SAMPLES
    w = step * np.arange(-np.ceil(REACH / step), np.ceil(REACH / step) + 1)
    density = step * np.exp(-w * w / 2) / np.sqrt(2 * np.pi)
    averages = _average(f, np.sqrt(abs(c) * total) * w, np.sqrt(apart * total), order)
    mirrored = averages if c >= 0 else averages[::-1]  # v = -sqrt(|c| T) w + ..
    return float(np.sum(density * averages * mirrored)) / (apart * total) ** order


def _average(f: _Declared, means: np.ndarray, deviation: float, order: int = 0, squared: bool = False) -> np.ndarray:
    """E_z z^order f(m + s z) of each mean m, f or its square: panels between breaks, doubled until they agree."""
    before, panels = np.full(means.size, np.nan), PANELS
    while panels <= MOST:
        found, size = _by_panels(f, means, deviation, order, squared, panels)
        if np.max(np.abs(found - before)) <= SURE * size:
            return found
        before, panels = found, 2 * panels
    raise ValueError(f"{f.text} varies too fast at fields of deviation {deviation:g} for {MOST} panels; take neurons "
                     "that vary less")  # fmt: skip


def _by_panels(
    f: _Declared, means: np.ndarray, deviation: float, order: int, squared: bool, panels: int
) -> tuple[np.ndarray, float]:
    """The averages, and the largest of the absolute value's."""
    breaks = np.clip((np.array(f.knots) - means[:, None]) / deviation, -REACH, REACH)
    even = np.broadcast_to(np.linspace(-REACH, REACH, panels + 1), (means.size, panels + 1))
    edges = np.sort(np.concatenate([even, breaks], axis=1), axis=1)
    middle, half = (edges[:, 1:] + edges[:, :-1]) / 2, (edges[:, 1:] - edges[:, :-1]) / 2
    z = middle[..., None] + half[..., None] * NODES
    values = f.value(means[:, None, None] + deviation * z) ** (2 if squared else 1)
    weighted = values * z**order * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * WEIGHTS * half[..., None]
    return weighted.sum((1, 2)), float(np.abs(weighted).sum((1, 2)).max())
