"""The O(1/N) terms of the mean squared singular value of a layer, all of them, after a layer of Gaussian fields.

`stages.jacobian` has what the derivative of Sigma adds. Here is what the fluctuations of Sigma add to the direct term:
N E J_ij^2 = D E[M^2 m'^2 / Sigma], where Sigma_i = (1/N) sum_k (R r_k - M_ik^2 m_k^2) is correlated with M_ij^2 m_j^2
and varies from neuron to neuron. Both hold for independent fields u_k ~ N(0, Q) in the layer before, with the annealed
variance D there; in a deep network Q and D fluctuate, too, by 1/sqrt(N) from network to network.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.stages.correlation import Maps
from meanbits.theory.stages.jacobian import Jacobian, neuron_functions, neuron_slopes, over_previous_field, slope_mean
from meanbits.theory.symbols import D, Q, mean_state, mean_weight, mu_4, second_moment_state
from meanbits.theory.trace import Formula

small = sp.Symbol("s", positive=True)
rest = sp.Symbol("delta", real=True)


@dataclass(frozen=True)
class WidthCorrection:
    """N E J_ij^2 = leading + (fluctuation + sigma_derivative) / N + ..., in q, sigma_m2, sigma_b2, mu_4 = E M^4 and T.

    Without the derivative of Sigma, as in soudry's gradient, it is leading + fluctuation / N.
    """

    leading: Formula
    fluctuation: Formula
    sigma_derivative: Formula


def width_correction(jacobian: Jacobian | None) -> WidthCorrection | None:
    """The terms of a theory with this Jacobian; None where it has none, its neurons being without a derivative."""
    if jacobian is None:
        return None
    return WidthCorrection(jacobian.leading, _fluctuation(jacobian), jacobian.sigma_derivative)


def _fluctuation(jacobian: Jacobian) -> Formula:
    """What 1/Sigma adds at O(1/N); nothing where the element has no 1/Sigma, that is, where the field is kept."""
    maps = jacobian.maps
    forward = maps.mean_field.forward
    if forward.field is not None:
        return Formula(sp.S.Zero, sp.S.Zero)
    synapse = forward.moments.variance_term
    psi, second = neuron_functions(maps)
    values = {mean_state: psi, slope_mean: neuron_slopes(maps)[0], second_moment_state: second}
    variance_of_synapse = _mean_over_weights(maps, synapse**2) - D**2
    # Sigma = D + s delta + s^2 (synapse - D), delta the sum over the other neurons, of variance Var synapse
    inverse = 1 / (D + small * rest + small**2 * (synapse - D))
    second_order = inverse.diff(small, 2).subs(small, 0) / 2
    per_weight = sp.expand(D * mean_weight**2 * slope_mean**2 * second_order)
    term = _mean_over_weights(maps, per_weight.coeff(rest, 0))
    direct = _mean_over_weights(maps, per_weight.coeff(rest, 2))
    single, pair = (over_previous_field(maps, part, values, Q) for part in (term, direct))
    variance = over_previous_field(maps, variance_of_synapse, values, Q)
    return Formula(single.definition + pair.definition * variance.definition,
                   single.closed + pair.closed * variance.closed)  # fmt: skip


def _mean_over_weights(maps: Maps, expression: sp.Expr) -> sp.Expr:
    """The average over symmetric M: E M^2 and E M^4 in place of its powers."""
    weights = maps.mean_field.forward.moments.kernel.surrogate.weights
    moments = {0: sp.S.One, 2: weights.variance_of_means, 4: mu_4}
    polynomial = sp.Poly(sp.expand(expression), mean_weight)
    return sum((coefficient * moments[power] for (power,), coefficient in polynomial.terms()), sp.S.Zero)
