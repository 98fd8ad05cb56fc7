"""Gaussian expectations of the functions found in a model: by the engine where it has them, else from their values.

Source: theory sheet, sections 5 and 8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial.polynomial import polyval

from meanbits.experiments.check.scalar import Scalar
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.emission.definition import declared_function
from meanbits.theory.declarations.blocks import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.stages.backward import seen_slope
from meanbits.theory.symbols import h, u

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
        coefficients, left = _coefficients(neurons, float(total))
        c = 1 - np.clip(np.asarray(fall / total, float), 0.0, 2.0)
        squares = coefficients**2
        return squares.sum() - polyval(c, squares) + left * (1 - np.abs(c) ** TERMS)

    def slope(self, neurons: Neurons | Scalar, total: Value, fall: Value) -> Value:
        if isinstance(neurons, Neurons):
            return self.engine.slope(neurons, total, fall)
        powers = np.arange(1, TERMS)
        c = 1 - float(fall / total)
        coefficients, _ = _coefficients(neurons, float(total))
        return float(powers * c ** (powers - 1) @ coefficients[1:] ** 2) / float(total)

    def gradients(self, neurons: Neurons | Scalar, total: Value, fall: Value) -> Factors:
        if isinstance(neurons, Neurons):
            return self._gradients(neurons, total, fall)
        return Factors(float(WEIGHTS @ _values(neurons, float(total))[1] ** 2), np.nan)

    def _gradients(self, neurons: Neurons, total: Value, fall: Value) -> Factors:
        """A slope that gradients see in place of the neurons' own needs values alone, and no derivation."""
        if neurons.backward is None:
            return self.engine.gradients(neurons, total, fall)
        slope = declared_function(seen_slope(neurons).subs(u, h))
        return Factors(float(WEIGHTS @ np.broadcast_to(slope(np.sqrt(float(total)) * NODES), POINTS) ** 2), np.nan)


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
