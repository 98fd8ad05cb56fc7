"""Checks against the exact chain: field moments to rounding, and the rate of the central limit theorem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from meanbits.experiments.chain.networks import is_enumerated, weight_kind
from meanbits.numerics.chain.enumeration import field_moments as exact_field_moments
from meanbits.numerics.chain.enumeration import initial
from meanbits.numerics.chain.field_law import Layer, marginal
from meanbits.numerics.emission.emit import compile_neurons
from meanbits.theory.declarations.neurons import stochastic
from meanbits.theory.declarations.noise import CAUCHY, GAUSSIAN, LOGISTIC, NeuronNoise
from meanbits.theory.declarations.surrogates import MARGINALISE, SAMPLE, Surrogate
from meanbits.theory.derive import derive
from meanbits.theory.symbols import mean_state, mean_weight, second_moment_state

FloatArray = NDArray[np.float64]
Mean = Callable[[FloatArray, FloatArray], FloatArray]

SMALL = 10
SIZES = (129, 257, 513)
SPREAD, SHIFT = 0.3, 0.4
STEEP = 2.5  # slope of a neuron whose noise is about as narrow as the lattice of 129 weights is fine
SMOOTH_NOISES: tuple[NeuronNoise, ...] = (GAUSSIAN, LOGISTIC, CAUCHY)


@dataclass(frozen=True, eq=False)
class ChainSubject:
    """Formulas to hold against enumeration: per-synapse field moments, and the marginal mean of a neuron.

    field_mean and field_variance: functions of (M, m) for a layer of binary inputs with means m. mean: E x given
    (hbar, Sigma), the field integrated out exactly. neuron: E[x | h].
    """

    weights: str
    rho: float | None
    field_mean: Callable[[FloatArray, FloatArray], FloatArray]
    field_variance: Callable[[FloatArray, FloatArray], FloatArray]
    mean: Mean
    neuron: Callable[[FloatArray], FloatArray]

    @classmethod
    def of(cls, surrogate: Surrogate, noise: NeuronNoise | None = None) -> ChainSubject:
        """The formulas of a surrogate's network with its neurons, or with stochastic neurons of another noise."""
        neurons = surrogate.neurons if noise is None else stochastic(noise)
        twin = replace(surrogate, neurons=neurons, treatment=MARGINALISE, real_input=False)
        theory = derive(twin)
        arguments, binary = (mean_weight, mean_state), {second_moment_state: 1}
        terms = (theory.field.mean_term, theory.field.variance_term)
        mean, variance = (sp.lambdify(arguments, sp.expand(term).subs(binary), "numpy") for term in terms)
        kind, rho = weight_kind(surrogate.weights, surrogate.name)
        sharp = derive(replace(twin, treatment=SAMPLE))
        return cls(kind, rho, mean, variance,
                   compile_neurons(theory).mean, compile_neurons(sharp).mean)  # fmt: skip

    def wrong(self) -> ChainSubject:
        """The subject with the term M^2 m^2 of the variance left out, and with it Sigma = E R."""
        density = 1.0 if self.rho is None else self.rho

        def forgetful(means: FloatArray, states: FloatArray) -> FloatArray:
            return np.broadcast_to(density, np.broadcast_shapes(np.shape(means), np.shape(states)))

        return replace(self, field_variance=forgetful)


def applies(surrogate: Surrogate) -> bool:
    """Whether the chain is random, its states binary and its weights those that are enumerated."""
    weights = surrogate.weights
    random = weights.is_random and is_enumerated(weights)
    return random and surrogate.neurons.is_binary and surrogate.form.name == "exact"


def rate_noises(surrogate: Surrogate) -> tuple[NeuronNoise | None, ...]:
    """Noises of the neurons to measure `marginal_order` with, None for the surrogate's own.

    Own ones with kinks off 0, which lie elsewhere between two points of the lattice at each N, have an error O(1/N)
    without an order; narrow ones are jumps to a lattice of that size, but not to a finer one.
    """
    neurons = surrogate.neurons
    if neurons.noise is not None and (neurons.noise.is_kinked or neurons.slope_at_zero > STEEP):
        return SMOOTH_NOISES
    return (None, *SMOOTH_NOISES)


def field_moment_error(subject: ChainSubject) -> float:
    """Mean and variance of the first layer's fields against enumeration of all 2^10 states, absolute."""
    rng = np.random.default_rng(5)
    density = 1.0 if subject.rho is None else subject.rho
    means = rng.uniform(-density, density, (4, SMALL))
    states, bias = rng.uniform(-1, 1, SMALL), rng.normal(size=4)
    layer = Layer(means, bias, subject.neuron, subject.weights, subject.rho)
    exact_mean, exact_variance = exact_field_moments(initial(states), layer)
    mean = subject.field_mean(means, states).sum(axis=1) / np.sqrt(SMALL) + bias
    variance = subject.field_variance(means, states).sum(axis=1) / SMALL
    return float(max(np.abs(mean - exact_mean).max(), np.abs(variance - exact_variance).max()))


def marginal_order(subject: ChainSubject) -> float:
    """Distance from -1 of the order in N at which the marginals' error falls.

    Terms M_j x_j = +-s, as many of either sign and one 0, plus a shift delta/sqrt(N) that keeps the mean field at
    delta: the skewness of the field is O(1/N), and for odd N a jump at h = 0 lies midway between two points of the
    lattice, so that the central limit theorem errs by a series in 1/N (Edgeworth expansion) whatever the neuron. The
    order between N and 2N then is -1 + O(1/N), and of two such orders the O(1/N) is removed (Richardson).
    """
    errors, density = [], 1.0 if subject.rho is None else subject.rho
    for size in SIZES:
        balanced = np.append(np.resize([1.0, -1.0], size - 1), 0.0)
        means = density * (SPREAD * balanced + SHIFT / np.sqrt(size))[None, :]
        known = np.ones(size)
        layer = Layer(means, np.zeros(1), subject.neuron, subject.weights, subject.rho)
        hbar = subject.field_mean(means, known).sum() / np.sqrt(size)
        variance = subject.field_variance(means, known).sum() / size
        errors.append(abs(marginal(layer, 0, known) - float(subject.mean(hbar, variance))))
    first, second = np.diff(np.log(errors)) / np.diff(np.log(SIZES))
    return float(abs(2 * second - first + 1))
