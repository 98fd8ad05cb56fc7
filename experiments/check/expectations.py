"""Gaussian expectations of the functions found in a model: by the engine where it has them, else from their values.

Source: theory sheet, sections 5 and 8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from meanbits.experiments.check.scalar import Scalar
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.theory.declarations.blocks import Factors
from meanbits.theory.declarations.neurons import Neurons

REACH, POINTS = 8.0, 4000  # deviations; midpoints between them, none at 0
TERMS = 160  # of the Hermite expansion: of a jump it leaves a share 1/sqrt(TERMS) of what c = 1 adds
Value = Any


class Moments:
    """`declarations.blocks.Expectations` of declared neurons and of functions known by their values alike."""

    def __init__(self) -> None:
        self.engine = NeuronMoments()

    def square(self, neurons: Neurons | Scalar, total: Value) -> Value:
        if isinstance(neurons, Neurons):
            return self.engine.square(neurons, total)
        return float(WEIGHTS @ _values(neurons, float(total))[0] ** 2)

    def fall(self, neurons: Neurons | Scalar, total: Value, fall: Value) -> Value:
        if isinstance(neurons, Neurons):
            return self.engine.fall(neurons, np.broadcast_to(total, np.shape(fall)), fall)
        powers = np.arange(TERMS)
        coefficients, left = _coefficients(neurons, float(total))
        gap = np.clip(np.asarray(fall / total, float), 0.0, 2.0)
        lost = 1 - np.sign(1 - gap)[..., None] ** powers * np.abs(1 - gap)[..., None] ** powers
        return lost @ coefficients**2 + left * (1 - np.abs(1 - gap) ** TERMS)

    def slope(self, neurons: Neurons | Scalar, total: Value, fall: Value) -> Value:
        if isinstance(neurons, Neurons):
            return self.engine.slope(neurons, total, fall)
        powers = np.arange(1, TERMS)
        c = 1 - float(fall / total)
        coefficients, _ = _coefficients(neurons, float(total))
        return float(powers * c ** (powers - 1) @ coefficients[1:] ** 2) / float(total)

    def gradients(self, neurons: Neurons | Scalar, total: Value, fall: Value) -> Factors:
        if isinstance(neurons, Neurons):
            return self.engine.gradients(neurons, total, fall)
        return Factors(float(WEIGHTS @ _values(neurons, float(total))[1] ** 2), np.nan)


@lru_cache(maxsize=256)
def _values(function: Scalar, total: float) -> tuple[np.ndarray, np.ndarray]:
    return function(np.sqrt(total) * NODES)


@lru_cache(maxsize=256)
def _coefficients(function: Scalar, total: float) -> tuple[np.ndarray, float]:
    """Those of normalised Hermite polynomials, and what they leave of the mean square."""
    values, _ = _values(function, total)
    found = HERMITE @ (WEIGHTS * values)
    return found, max(float(WEIGHTS @ values**2 - found @ found), 0.0)


def _hermite() -> np.ndarray:
    """Normalised polynomials at the nodes, (terms, nodes)."""
    rows = [np.ones_like(NODES), NODES]
    for k in range(1, TERMS - 1):
        rows.append((NODES * rows[k] - np.sqrt(k) * rows[k - 1]) / np.sqrt(k + 1))
    return np.stack(rows)


NODES = REACH * (2 * np.arange(POINTS) + 1 - POINTS) / POINTS
WEIGHTS = np.exp(-(NODES**2) / 2) / np.exp(-(NODES**2) / 2).sum()
HERMITE = _hermite()
