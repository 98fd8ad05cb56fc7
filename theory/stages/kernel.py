"""Stage 1: the network as a Markov chain, p(x'|x) = E_S prod_i p(x_i | h_i(S, x))."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.declarations.law import Law
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.functions.pieces import cut_at_breaks, cut_square
from meanbits.theory.symbols import M, N, S, b, h, i, j, m, mean_state, mean_weight, r, second_moment_state, x
from meanbits.theory.trace import Assumption, Step


@dataclass(frozen=True)
class Kernel:
    """The transition kernel, through the moments of its parts.

    weight_moments: E S and E S^2 given the mean M. state_moments: E x and E x^2 of the layer before.
    neuron_mean, neuron_second_moment: E[x|h] and E[x^2|h], expressions in h. field: h_i as a sum over j.
    """

    surrogate: Surrogate
    weight_moments: tuple[sp.Expr, sp.Expr]
    state_moments: tuple[sp.Expr, sp.Expr]
    neuron_mean: sp.Expr
    neuron_second_moment: sp.Expr
    field: sp.Expr
    steps: tuple[Step, ...]


def markov_kernel(surrogate: Surrogate) -> Kernel:
    """The kernel of a surrogate's network (theory of Stamatescu et al. 2020, section 2)."""
    weights, neurons = surrogate.weights, surrogate.neurons
    field = sp.Sum(S[i, j] * x[j], (j, 1, N)) / sp.sqrt(N) + b[i]
    mean = cut_at_breaks(neurons.mean)
    second_moment = cut_square(mean) if neurons.second is None else cut_at_breaks(neurons.second)
    steps = (
        Step("field", Assumption.EXACT, h, field),
        Step("weight mean, sum over the support", Assumption.EXACT, _average("S", weights.law), mean_weight),
        Step("weight second moment, likewise", Assumption.EXACT, _average("S^2", weights.law), weights.second),
        Step("neuron mean given the field", Assumption.EXACT, _average("x|h", neurons.values), mean),
        Step("neuron second moment given the field", Assumption.EXACT, _average("x^2|h", neurons.law),
             second_moment),
    )  # fmt: skip
    moments = mean_weight, weights.second
    return Kernel(surrogate, moments, _state_moments(surrogate), mean, second_moment, field, steps)


def indexed(expression: sp.Expr) -> sp.Expr:
    """A per-synapse expression in M, m, r as an element of a sum over j."""
    return expression.subs({mean_weight: M[i, j], mean_state: m[j], second_moment_state: r[j]})


def _state_moments(surrogate: Surrogate) -> tuple[sp.Expr, sp.Expr]:
    known = surrogate.real_input or surrogate.treatment.propagates == "sample" or surrogate.treatment.field == "sharp"
    if known:
        return mean_state, mean_state**2
    second = surrogate.neurons.second_moment
    return mean_state, second if second.is_number else second_moment_state


def _average(label: str, law: Law) -> sp.Expr:
    if not law:
        return sp.Symbol(f"E[{label}]")
    terms = [sp.Mul(value, probability, evaluate=False) for value, probability in law]
    return sp.Eq(sp.Symbol(f"E[{label}]"), sp.Add(*terms, evaluate=False), evaluate=False)
