"""Stage 2: mean and variance of the field, the previous layer factorised."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.stages.kernel import Kernel, indexed
from meanbits.theory.symbols import M, N, Sigma, b, hbar, i, j, k
from meanbits.theory.trace import Assumption, Step


@dataclass(frozen=True)
class FieldMoments:
    """hbar_i and Sigma_ii as sums over j; the per-synapse terms behind them; the covariance that is dropped."""

    kernel: Kernel
    mean: sp.Expr
    variance: sp.Expr
    mean_term: sp.Expr
    variance_term: sp.Expr
    dropped_covariance: sp.Expr
    steps: tuple[Step, ...]


def field_moments(kernel: Kernel) -> FieldMoments:
    """Field mean sum_j M m / sqrt(N) + b and variance (1/N) sum_j (R r - M^2 m^2), from the moments of S and x.

    S_ij and x_j are independent, so the moments of their product are products of moments; the sum over independent
    synapses adds them.
    """
    (weight, weight_2), (state, state_2) = kernel.weight_moments, kernel.state_moments
    mean_term, variance_term = weight * state, sp.expand(weight_2 * state_2 - (weight * state) ** 2)
    shared = sp.factor(sp.expand(state_2 - state**2))
    covariance = indexed(shared) * M[i, j] * M[k, j]
    mean = sp.Sum(indexed(mean_term), (j, 1, N)) / sp.sqrt(N) + b[i]
    variance = sp.Sum(indexed(variance_term), (j, 1, N)) / N if variance_term != 0 else sp.S.Zero
    dropped = sp.Sum(covariance, (j, 1, N)) / N if shared != 0 else sp.S.Zero
    law = "N(hbar, Sigma)"
    steps = [
        Step("field mean", Assumption.FACTORISED, hbar, mean),
        Step("field variance", Assumption.FACTORISED, Sigma, variance),
    ]
    if variance_term != 0:
        steps.append(Step("law of the field", Assumption.CENTRAL_LIMIT, kernel.field, sp.Symbol(law)))
    if dropped != 0:
        steps.append(Step("covariance of two neurons of a layer dropped", Assumption.FACTORISED, dropped, sp.S.Zero))
    return FieldMoments(kernel, mean, variance, mean_term, variance_term, dropped, (*kernel.steps, *steps))
