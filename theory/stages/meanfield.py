"""Stage 4: the recursion of the order parameters A = E m^2, B = E x^2, C = E m_a m_b over random means and biases."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.stages.marginal import Forward
from meanbits.theory.symbols import (
    A,
    B,
    C,
    D,
    Q,
    Q_ab,
    Sigma,
    T,
    epsilon,
    hbar,
    mean_state,
    second_moment_state,
    sigma_b2,
    u,
)
from meanbits.theory.trace import Assumption, Formula, Step


@dataclass(frozen=True)
class MeanField:
    """The general recursion: (A, B, C) -> fields (Q, D, Q_ab, T) -> (A', B', C').

    quenched, annealed, covariance, total: Q, D, Q_ab and T in terms of A, B, C. mean_square, second_moment, overlap:
    A', B' and C' in terms of Q, D, Q_ab (and of T = Q + D where the field is sampled).
    """

    forward: Forward
    quenched: sp.Expr
    annealed: sp.Expr
    covariance: sp.Expr
    total: sp.Expr
    mean_square: Formula
    second_moment: Formula
    overlap: Formula
    steps: tuple[Step, ...]


def mean_field(forward: Forward) -> MeanField:
    """Average the field moments over i.i.d. means and biases, and the neurons over the fields."""
    moments, weights = forward.moments, forward.moments.kernel.surrogate.weights
    (_, state_2), rho, variance = moments.kernel.state_moments, weights.average_second, weights.variance_of_means
    quenched = variance * A + sigma_b2
    annealed = sp.expand(rho * state_2.subs({second_moment_state: B, mean_state: sp.sqrt(A)}) - variance * A)
    covariance = quenched.subs(A, C)
    mean_square, second_moment, overlap = map(_close, _order_parameters(forward))
    equal = Step("weight means +-sigma_m", Assumption.ANSATZ, weights.second, rho)
    steps = (
        *((equal,) if weights.needs_equal_means else ()),
        Step("quenched field variance Q", Assumption.SELF_AVERAGING, moments.mean, quenched),
        Step("annealed field variance D", Assumption.SELF_AVERAGING, moments.variance, annealed),
        Step("field covariance of two inputs Q_ab", Assumption.SELF_AVERAGING, Q_ab, covariance),
        Step("mean square A'", Assumption.CENTRAL_LIMIT, mean_square.definition, mean_square.closed),
        Step("second moment B'", Assumption.CENTRAL_LIMIT, second_moment.definition, second_moment.closed),
        Step("overlap C'", Assumption.CENTRAL_LIMIT, overlap.definition, overlap.closed),
    )
    return MeanField(forward, quenched, annealed, covariance, sp.expand(quenched + annealed), mean_square,
                     second_moment, overlap, (*forward.steps, *steps))  # fmt: skip


def _order_parameters(forward: Forward) -> tuple[GaussianExpectation | sp.Expr, ...]:
    surrogate = forward.moments.kernel.surrogate
    if surrogate.treatment.field == "integrated":
        psi = substituted(forward.mean.definition, {Sigma: D, hbar: u})
        mean_square, variance = expectation(psi**2, 0, Q), Q
        second_moment = expectation(substituted(forward.second_moment.definition, {Sigma: D, hbar: u}), 0, Q)
    else:
        sampled = {Sigma: 0, epsilon: 0, hbar: u}
        psi = substituted(forward.mean.definition, sampled)
        mean_square, variance = expectation(psi**2, 0, T), T
        second_moment = expectation(substituted(forward.second_moment.definition, sampled), 0, T)
    if forward.sampled:
        mean_square = second_moment
    return mean_square, second_moment, pair_expectation(psi, psi, variance, Q_ab)


def _close(node: sp.Expr) -> Formula:
    return Formula(node, evaluate_all(node))
