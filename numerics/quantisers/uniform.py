"""Uniform quantisers of a standard normal field: how well they keep it, and the step that keeps it best.

At sigma_b = 0 an odd neuron f forgets correlations at the rate chi(0) = (E f')^2 q/E f^2 = (E u f)^2/(q E f^2), so that
1 - chi(0) = min over a of E (u - a f(u))^2/q, the least relative distortion of u read from f(u). Theory sheet, section
9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]

WIDE, ORDERS = 0.1, (6, 12)  # of the Gauss-Legendre rule in cells up to so wide, and in wider ones: to rounding
MOST = 10**6  # levels: what a float resolves of the step
GRID = np.geomspace(0.4, 1.6, 9)  # of the step's order, in which the best one lies


@dataclass(frozen=True)
class Best:
    """The best uniform quantiser of so many levels: its step in standard deviations, and 1 - chi(0)."""

    levels: int
    step: float
    loss: float

    @property
    def chi(self) -> float:
        """Slope of the correlation map at c = 0."""
        return 1 - self.loss

    @property
    def xi(self) -> float:
        """-1/ln chi, in layers."""
        return -1 / math.log1p(-self.loss)


def checked_levels(levels: int) -> int:
    """The number of levels.

    Raises:
        ValueError: fewer than 2, or more than a float resolves.
    """
    if not 2 <= levels <= MOST:
        raise ValueError(f"levels = {levels}: give from 2 to {MOST}")
    return levels


def loss(levels: int, step: float) -> float:
    """1 - chi(0) of thresholds and levels `step` standard deviations of the field apart, about 0; without cancellation.

    With G = E (u - f)^2 and e = E u (u - f) it is (G - e^2)/(1 - 2 e + G).

    Raises:
        ValueError: a number of levels out of range, or a step that is not positive.

    >>> round(loss(2, 1.0), 12) == round(1 - 2 / math.pi, 12)
    True
    """
    count = checked_levels(levels)
    if not step > 0:
        raise ValueError(f"step = {step:g}: give a positive number")
    thresholds: Array = (np.arange(1, count, dtype=np.float64) - count / 2) * step
    granular, excess = _inner(thresholds, step), _outer(float(thresholds[-1]), step)
    error = 1 - step * float(np.sum(_density(thresholds)))
    total = granular + excess
    return (total - error**2) / (1 - 2 * error + total)


def _inner(thresholds: Array, step: float) -> float:
    """E (u - f)^2 between the outermost thresholds."""
    nodes, weights = _rule(ORDERS[int(step > WIDE)])
    offsets = step / 2 * nodes
    middles = (thresholds[1:] + thresholds[:-1]) / 2
    return float(step / 2 * np.sum(_density(middles[:, None] + offsets) @ (weights * offsets**2)))


def _outer(edge: float, step: float) -> float:
    """E (u - f)^2 beyond them; the outermost level lies half a step further out."""
    beyond, density, level = float(special.ndtr(-edge)), float(_density(np.float64(edge))), edge + step / 2
    return 2 * ((1 + level**2) * beyond + (edge - 2 * level) * density)


@lru_cache(maxsize=2)
def _rule(order: int) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return np.asarray(nodes), np.asarray(weights)


def _density(x: Any) -> Any:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


@lru_cache(maxsize=4096)
def best_uniform(levels: int) -> Best:
    """The step that keeps the field best; of 2 levels every step does, and 1 is given.

    The bracket is the least of a grid, so that no unimodality is assumed beyond its spacing; for up to 64 levels
    `certificates.best_step` proves the maximum.

    Raises:
        ValueError: a number of levels out of range.

    >>> best = best_uniform(4)
    >>> round(best.step, 4), round(best.chi, 5)
    (0.9957, 0.88115)
    """
    if checked_levels(levels) == 2:
        return Best(2, 1.0, loss(2, 1.0))
    scale = 4 * math.sqrt(math.log(levels)) / levels  # the step's order, Hui & Neuhoff 2001
    steps = [scale * float(factor) for factor in GRID]
    least = int(np.argmin([loss(levels, step) for step in steps]))
    if not 0 < least < len(steps) - 1:
        raise ValueError(f"levels = {levels}: no best step near {scale:g}")
    found = optimize.minimize_scalar(lambda step: loss(levels, step), bracket=tuple(steps[least - 1 : least + 2]),
                                     options={"xtol": 1e-10})  # fmt: skip
    return Best(levels, float(found.x), float(found.fun))
