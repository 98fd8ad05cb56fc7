"""Straight-through and exact gradients of wide networks: `theory.stages.mismatch` along the forward maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions, is_emittable
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.theory.declarations.blocks import Dense, Flow
from meanbits.theory.declarations.layer import layer_of
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.surrogates import NETWORK, NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import derive
from meanbits.theory.stages.mismatch import mismatch
from meanbits.theory.symbols import T, overlap

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Of the gradients of a layer's fields (its biases), over all neurons, arrays (..., L), first layer first.

    exact: squared norm of the exact gradient. mixed: its product with the straight-through one. own: squared norm of
    the mean of that one over runs. square: mean over runs of its squared norm.
    """

    exact: FloatArray
    mixed: FloatArray
    own: FloatArray
    square: FloatArray

    @property
    def norm(self) -> FloatArray:
        """Of the exact gradient."""
        return np.sqrt(self.exact)

    @property
    def cosine(self) -> FloatArray:
        """Of the exact gradient and the mean straight-through one; NaN where one of them is 0."""
        return _ratio(self.mixed, np.sqrt(self.exact * self.own))

    @property
    def size(self) -> FloatArray:
        """Norm of the mean straight-through gradient over that of the exact one."""
        return np.sqrt(_ratio(self.own, self.exact))

    @property
    def bias(self) -> FloatArray:
        """Norm of their difference over that of the exact one."""
        return _root(_ratio(self.own - 2 * self.mixed + self.exact, self.exact))

    @property
    def deviation(self) -> FloatArray:
        """Root of the summed variances of a run's straight-through gradient, over the norm of its mean."""
        return _root(_ratio(self.square - self.own, self.own))


QUANTITIES = ("norm", "cosine", "size", "bias", "deviation")
ROUNDING = 1e-13  # of a sum of a million squares
OVERLAPS = ("exact", "mixed", "own", "square")


def mismatch_law(surrogate: Surrogate, depth: int, sigma_m2: float, sigma_b2: float) -> tuple[Overlaps, Overlaps]:
    """Overlaps in wide networks of the gradients of biases, and of the means of weights, each (depth,).

    Inputs are known and +-1; the readout is v . x / sqrt(N), E v^2 = 1. A network without randomness is the case of
    runs that are all alike.

    Raises:
        ValueError: neurons that jump and that nothing smooths, or without a slope that gradients see.
    """
    is_random = surrogate.neurons.is_random or surrogate.weights.is_random
    network = Surrogate(surrogate.name, surrogate.weights, surrogate.neurons, NETWORK if is_random else NONE, "")
    layer, of = layer_of(network).at(sigma_m2, sigma_b2), NeuronMoments()
    (dense,), factors = layer.dense, _factors(surrogate.neurons, is_random)
    flow, flows, states = Flow(1.0, 0.0, 1.0), [], [(1.0, 1.0)]  # the input is the same in all runs
    for _ in range(depth):
        flow = dense.forward(flow, of)
        flows.append(flow)
        flow = _neurons(surrogate.neurons, flow, of)
        states.append((float(flow.total - flow.fall), float(flow.total)))
    of_biases = _followed(dense, flows, factors)
    of_states = np.array([[common] * 3 + [square] for common, square in states[:-1]])
    return tuple(Overlaps(*each.T) for each in (of_biases, of_biases * of_states))  # type: ignore[return-value]


def _followed(dense: Dense, flows: list[Flow], factors: SimpleNamespace) -> FloatArray:
    """The overlaps of the fields' gradients, from the readout back, (depth, 4)."""
    values, found = np.ones(len(OVERLAPS)), []
    weights = np.array([dense.means] * 3 + [dense.second if dense.drawn else dense.means])
    for flow in reversed(flows):
        total, correlation = float(flow.total), float(1 - flow.fall / flow.total)
        values = values * [float(getattr(factors, name)(total, correlation)) for name in OVERLAPS]
        found.append(values)
        values = values * weights
    return np.array(found[::-1])


def _neurons(neurons: Neurons, flow: Flow, of: NeuronMoments) -> Flow:
    fall = float(of.fall(neurons, np.float64(flow.total), np.float64(flow.fall)))
    square = float(of.square(neurons, np.float64(flow.total)))
    return Flow(square, fall, square)


@lru_cache(maxsize=64)
def _factors(neurons: Neurons, is_random: bool) -> SimpleNamespace:
    """`stages.mismatch` as functions of T and r."""
    found = mismatch(neurons, overlap if is_random else sp.S.One)
    named = [EmittedFunction(name, (T, overlap), expression, f"factor {name}")
             for name, expression in found.factors.items()]  # fmt: skip
    if any(not is_emittable(each, takes_total=True) for each in named):
        raise ValueError(f"{neurons.name} neurons: no rule closes what their gradients have in common; choose another "
                         "slope or another noise")  # fmt: skip
    theory = derive(Surrogate(neurons.name, FIXED, neurons, NETWORK if neurons.is_random else NONE, ""))
    return compile_functions(theory, named, NUMPY)


def _root(difference: FloatArray) -> FloatArray:
    """The root of a difference of numbers of order 1; 0 where only their rounding, or noise of samples, is left."""
    return np.sqrt(np.where(difference < ROUNDING, 0.0, difference))


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / np.where(below > 0, below, 1.0), math.nan)
