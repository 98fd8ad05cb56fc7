"""The law that a surrogate gives to the neurons of a layer, from its emitted forward equations.

Whatever the treatment, the fields of a layer are independent given the state (m, r) of the layer before, so the law of
its binary neurons is a mixture of product measures over those states:

    marginalise       one state, m' = E_z phi(hbar + sqrt(Sigma) z)
    sample            states m' = phi(hbar + sqrt(Sigma) eps), random through eps
    sampled neurons   states x, all 2^N of them with the law of the layer before

Within the mixture the field is integrated out exactly; only the states of `sample` have to be drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import sympy as sp
from scipy import special

from meanbits.experiments.chain.networks import FloatArray, forward_equations
from meanbits.numerics.chain.enumeration import states
from meanbits.numerics.chain.field_law import Layer
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.theory.declarations.surrogates import EXACT, MARGINALISE, SAMPLE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.symbols import Sigma, hbar

LOG_PROBABILITY = {  # log P(x = +1) of a mean E x = function(argument), without rounding near E x = -1
    sp.erf: lambda argument: special.log_ndtr(np.sqrt(2) * argument),
    sp.tanh: lambda argument: special.log_expit(2 * argument),
}


@dataclass(frozen=True, eq=False)
class Mixture:
    """States of a layer: means and second moments (..., K, N), in groups along the leading axis; weights (..., K)."""

    weights: FloatArray
    means: FloatArray
    second_moments: FloatArray


@dataclass(frozen=True, eq=False)
class SurrogateLaw:
    """The forward equations of a surrogate, as functions of arrays.

    integrated: mean and second_moment of (hbar, Sigma). sharp: the same of the field h, where it is drawn.
    argument: of an integrated mean outer(argument), outer erf or tanh; both None for others. divides: by Sigma.
    """

    surrogate: Surrogate
    integrated: SimpleNamespace
    sharp: SimpleNamespace | None
    argument: SimpleNamespace | None
    outer: type[sp.Function] | None
    divides: bool

    @classmethod
    @lru_cache(maxsize=128)
    def of(cls, surrogate: Surrogate) -> SurrogateLaw:
        """The law of a surrogate on binary or continuous neurons; a layer on real inputs has the same equations."""
        own = replace(surrogate, real_input=False)
        theory = derive(own if own.treatment.field == "integrated" else replace(own, treatment=MARGINALISE, form=EXACT))
        sharp = None
        if own.treatment.field == "sampled":
            sharp = forward_equations(derive(replace(own, treatment=SAMPLE)))
        closed = theory.forward.mean.closed
        outer = closed.func if closed.func in LOG_PROBABILITY else None
        own_form, neurons = theory.surrogate.form, theory.surrogate.neurons
        divides = neurons.is_binary and (own_form.name == "paper" or not neurons.slope_at_zero.is_finite)
        argument = _emitted_argument(theory, closed, outer)
        return cls(surrogate, forward_equations(theory), sharp, argument, outer, divides)

    def fields(self, before: Mixture, layer: Layer) -> tuple[FloatArray, FloatArray]:
        """hbar, (..., K, N_out), and Sigma of the layer's neurons, of that shape or (..., K, 1) where all are equal.

        Raises ValueError where Sigma is 0 and the surrogate divides by it.
        """
        size = layer.means.shape[1]
        mean = before.means @ layer.means.T / np.sqrt(size) + layer.bias
        variance = _variance(before, layer)
        if self.divides and not (variance > 0).all():
            raise ValueError(f"{self.surrogate.name}: the variance Sigma of a field is 0, and it divides by it; "
                             "lower sigma_m2")  # fmt: skip
        return mean, variance

    def log_probabilities(self, mean: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """log P(x = -1) and log P(x = +1) given the state before, of the shape of hbar and Sigma.

        Without rounding where the mean is an erf or a tanh; for others a probability below 1e-16 may become 0.
        """
        if self.argument is not None and self.outer is not None:
            argument = self.argument.argument(mean, variance)
            log_up = LOG_PROBABILITY[self.outer]
            return log_up(-argument), log_up(argument)
        neuron = self.integrated.mean(mean, variance)
        with np.errstate(divide="ignore"):  # log 0 = -inf: an outcome that cannot happen
            return np.log((1 - neuron) / 2), np.log((1 + neuron) / 2)

    def following(
        self,
        fields: tuple[FloatArray, FloatArray],
        laws: FloatArray,
        noise: np.random.Generator,
        shape: tuple[int, int],
    ) -> Mixture:
        """The states of a layer, from its fields (..., K, N), and from the law of its binary neurons (..., 2^N).

        shape: groups and draws in a group, of a surrogate that samples its field.
        """
        mean, variance = fields
        if self.surrogate.treatment.propagates == "sample":
            everything = states(mean.shape[-1])[None]
            return Mixture(laws, everything, np.ones_like(everything))
        if self.sharp is None:
            return Mixture(np.ones((1, 1)), self.integrated.mean(mean, variance),
                           self.integrated.second_moment(mean, variance))  # fmt: skip
        field = mean + np.sqrt(variance) * noise.standard_normal((*shape, mean.shape[-1]))
        equal = np.full(shape, 1 / shape[1])
        return Mixture(equal, self.sharp.mean(field), self.sharp.second_moment(field))


def _variance(before: Mixture, layer: Layer) -> FloatArray:
    """Sigma = (1/N) sum_j (R_ij r_j - M_ij^2 m_j^2)."""
    activity, squares, states_squared = layer.second_moments, layer.means**2, before.means**2
    if (activity == activity[0, 0]).all() and (squares == squares[0, 0]).all():
        sums = (before.second_moments.mean(axis=-1), states_squared.mean(axis=-1))
        return (activity[0, 0] * sums[0] - squares[0, 0] * sums[1])[..., None]
    return (before.second_moments @ activity.T - states_squared @ squares.T) / layer.means.shape[1]


def _emitted_argument(theory: Theory, closed: sp.Expr, outer: type[sp.Function] | None) -> SimpleNamespace | None:
    if outer is None:
        return None
    argument = EmittedFunction("argument", (hbar, Sigma), closed.args[0], f"argument of {outer.__name__}")
    return compile_functions(theory, [argument], NUMPY)


def known(values: FloatArray, is_real: bool) -> Mixture:
    """The state of independent inputs: binary ones of these means, (N,), or real ones of these values."""
    return Mixture(np.ones((1, 1)), values[None, None], (values**2 if is_real else np.ones_like(values))[None, None])


def log_law(weights: FloatArray, log_down: FloatArray, log_up: FloatArray) -> FloatArray:
    """Log of a mixture of product measures over n neurons, (..., K), (..., K, n), (..., K, n) -> (..., 2^n).

    States in the order of `chain.enumeration`. A single component stays in logarithms; for several the neurons are
    split in two halves, so that the sum over components is a product of K x 2^(n/2) matrices, and a state whose
    probability is below the smallest float is summed in logarithms.
    """
    if weights.shape[-1] == 1:
        return (np.log(weights)[..., None] + _log_product(log_down, log_up))[..., 0, :]
    half = log_up.shape[-1] // 2
    low = np.exp(_log_product(log_down[..., :half], log_up[..., :half]))
    high = np.exp(_log_product(log_down[..., half:], log_up[..., half:]))
    joint = np.swapaxes(high * weights[..., None], -1, -2) @ low
    law = joint.reshape(*joint.shape[:-2], -1)
    with np.errstate(divide="ignore"):  # log 0 = -inf: a component or a state that cannot be
        logs, log_weights = np.log(law), np.log(weights)
    for *group, state in np.argwhere(law == 0):
        bits = (state >> np.arange(log_up.shape[-1])) & 1
        components = np.where(bits, log_up[tuple(group)], log_down[tuple(group)]).sum(axis=-1)
        logs[(*group, state)] = special.logsumexp(components + log_weights[tuple(group)])
    return logs


def _log_product(log_down: FloatArray, log_up: FloatArray) -> FloatArray:
    law = np.zeros((*log_up.shape[:-1], 1))
    for j in range(log_up.shape[-1]):
        law = np.concatenate((law + log_down[..., j, None], law + log_up[..., j, None]), axis=-1)
    return law
