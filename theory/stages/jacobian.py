"""Stage 6: mean squared singular value of the layer Jacobian, with and without the derivative of Sigma."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.functions.pieces import is_cut, pieces
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.gaussian.special import ExpErfc, VoigtProfile
from meanbits.theory.gaussian.tidy import tidy_rational, tidy_slope
from meanbits.theory.stages.correlation import Maps
from meanbits.theory.symbols import A, B, D, Q, Sigma, T, epsilon, h, hbar, mean_state, mean_weight, mu_4, u
from meanbits.theory.trace import Assumption, Formula, Step

MOST_BREAKS = 4
small = sp.Symbol("s", positive=True)
rest = sp.Symbol("H", real=True)
eta = sp.Symbol("eta", real=True)
slope_mean, slope_second = sp.symbols("m_h r_h", real=True)


@dataclass(frozen=True)
class Jacobian:
    """Of J_ij = dh_i/dh_j: mean squared singular value N E J_ij^2 = leading + sigma_derivative / N + ...

    h is the normalised field hbar/sqrt(Sigma) where the field is integrated out, and the field itself elsewhere.
    `sigma_derivative` is what the derivative of Sigma adds; soudry's gradient leaves it out. It holds at the fixed
    point of q and involves mu_4 = E M^4.
    """

    maps: Maps
    leading: Formula
    sigma_derivative: Formula
    steps: tuple[Step, ...]


def jacobian(maps: Maps) -> Jacobian | None:
    """Expand one element of J in 1/sqrt(N) and average its square; None where neurons have no derivative."""
    if not has_jacobian(maps):
        return None
    psi, second = neuron_functions(maps)
    direct, indirect = _elements(maps)
    variance = Q if maps.mean_field.forward.field is None else T
    leading_term = _average(maps, small**2 * direct**2)
    extra_term = _average(maps, sp.expand((small * direct + small**2 * indirect) ** 2 - small**2 * direct**2))
    values = {mean_state: psi, slope_mean: _slope(psi), slope_second: _slope(second)}
    leading, extra = (over_previous_field(maps, term, values, variance) for term in (leading_term, extra_term))
    steps = (
        Step("element of the Jacobian", Assumption.EXACT, sp.Symbol("J_ij"), small * direct + small**2 * indirect),
        Step("mean squared singular value", Assumption.SELF_AVERAGING, leading.definition, leading.closed),
        Step("what the derivative of Sigma adds, times 1/N", Assumption.SELF_AVERAGING, extra.definition, extra.closed),
    )
    return Jacobian(maps, leading, extra, steps)


def has_jacobian(maps: Maps) -> bool:
    """Whether the neurons of a layer have a derivative."""
    forward = maps.mean_field.forward
    if forward.sampled or forward.moments.kernel.surrogate.real_input:
        return False
    return forward.field is None or not _slope(neuron_functions(maps)[0]).has(sp.DiracDelta)


def neuron_functions(maps: Maps) -> tuple[sp.Expr, sp.Expr]:
    """Mean and second moment of the neuron as functions of u, the quenched or sampled field."""
    forward = maps.mean_field.forward
    at = {Sigma: D, hbar: u} if forward.field is None else {Sigma: 0, epsilon: 0, hbar: u}
    return substituted(forward.mean.definition, at), substituted(forward.second_moment.definition, at)


def neuron_slopes(maps: Maps) -> tuple[sp.Expr, sp.Expr]:
    """Slopes of both as functions of u, closed where arrays can evaluate it: at D where the field is marginalised."""
    mean, square = (_evaluable(_slope(each)) for each in neuron_functions(maps))
    return mean, square


def _slope(function: sp.Expr) -> sp.Expr:
    return tidy_slope(function.diff(u), u)


def _evaluable(slope: sp.Expr) -> sp.Expr:
    closed = evaluate_all(slope)
    closed = slope if closed.has(VoigtProfile) else closed  # arrays have no Voigt profile: by quadrature
    closed = closed.replace(sp.Heaviside, lambda x, *_: (1 + sp.sign(x)) / 2)
    one_sided = sp.expand(closed.replace(sp.erf, lambda x: ExpErfc(0, -x) - 1))  # 1 + erf(x) cancels for x < 0
    return closed if one_sided.is_Add else one_sided


def _elements(maps: Maps) -> tuple[sp.Expr, sp.Expr]:
    """J_ij = s direct + s^2 indirect + O(s^3), s = 1/sqrt(N): through hbar or h, and through Sigma.

    hbar' = H + s M m and Sigma' = D + s^2 (R r - M^2 m^2) when neuron j is singled out, H the sum over the others.
    """
    forward = maps.mean_field.forward
    moments = forward.moments
    weights = moments.kernel.surrogate.weights
    weight_2 = weights.average_second if weights.needs_equal_means else moments.kernel.weight_moments[1]
    mean_slope = mean_weight * slope_mean
    variance_slope = weight_2 * slope_second - 2 * mean_weight**2 * mean_state * slope_mean
    if moments.variance_term == 0:
        return mean_slope, sp.S.Zero
    if forward.field is None:
        field = rest + small * mean_weight * mean_state
        # h = hbar / sqrt(Sigma): the sqrt(D) of d/dh in the previous layer cancels one of the next
        return mean_slope, -field * variance_slope / (2 * D)
    return mean_slope, eta * variance_slope / (2 * sp.sqrt(D))


def _average(maps: Maps, square: sp.Expr) -> sp.Expr:
    """The lowest order in s that survives in N E[square], over symmetric weight means and the rest of the field."""
    variance = maps.mean_field.forward.moments.kernel.surrogate.weights.variance_of_means
    moments = ({0: 1, 2: Q}, {0: 1, 2: 1}, {0: 1, 2: variance, 4: mu_4})  # of H, eta, M; M^6 comes at higher order only
    orders: dict[int, sp.Expr] = {}
    for (order, *powers), coefficient in sp.Poly(square, small, rest, eta, mean_weight).terms():
        mean = sp.prod(moment.get(power, 0) for moment, power in zip(moments, powers, strict=True))
        orders[order] = orders.get(order, sp.S.Zero) + coefficient * mean
    return next((value for _, value in sorted(orders.items()) if value != 0), sp.S.Zero)


def over_previous_field(maps: Maps, term: sp.Expr, values: dict[sp.Symbol, sp.Expr], variance: sp.Symbol) -> Formula:
    """The average over the field of the previous layer, in terms of the state."""
    total = sp.S.Zero
    for summand in sp.Add.make_args(sp.expand(term)):
        coefficient, product = summand.as_independent(*values)
        total += coefficient * expectation(product.subs(values, simultaneous=True), 0, variance)
    definition = substituted(total, {**maps.state, D: _annealed(maps)})
    neuron = maps.mean_field.forward.moments.kernel.neuron_mean.subs(h, u)
    if is_cut(neuron) or len(pieces(neuron).breaks) > MOST_BREAKS:
        return Formula(definition, definition)  # products of sums over them would take minutes
    return Formula(definition, tidy_rational(evaluate_all(definition)))


def _annealed(maps: Maps) -> sp.Expr:
    """D in terms of the state: at the fixed point of q where the field is sampled."""
    if D in maps.state:
        return maps.state[D]
    mean_field = maps.mean_field
    at_fixed_point = {A: mean_field.mean_square.definition, B: mean_field.second_moment.definition}
    return substituted(substituted(mean_field.annealed, at_fixed_point), maps.state)
