"""Stage 5: the variance map, the correlation map and its slope chi, in the surrogate's own (q, c); the replica form."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.functions.pieces import is_cut
from meanbits.theory.gaussian.closing import evaluate_all, flatten_all
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.gaussian.piecewise_overlap import PiecewiseMean, PiecewiseOverlap
from meanbits.theory.gaussian.tidy import tidy, tidy_rational
from meanbits.theory.stages.meanfield import MeanField
from meanbits.theory.symbols import A, B, C, D, Q, Q_ab, T, c, overlap, q, u, v
from meanbits.theory.trace import Assumption, Formula, Step


@dataclass(frozen=True)
class Maps:
    """Layer-to-layer maps.

    q is Q/D where the field is marginalised and the field variance T where it is sampled or sharp; c is the
    correlation of Q_ab, relative to Q in the first case and to T in the second. `total_map` is T' (constant in T for
    binary neurons); `variance_map` q', `correlation_map` c', `chi` dc'/dc, `variance_slope` dq'/dq, `chi` and
    `correlation_map` at any q, not only at its fixed point. `mean_square` and `overlap` are A' and C' in terms of the
    state, `total_slope` dT'/dT. `replica_map` is r' = g(r) of an exact surrogate, r = Q_ab/T.
    """

    mean_field: MeanField
    state: dict[sp.Symbol, sp.Expr]
    mean_square: Formula
    overlap: Formula
    total_map: Formula
    total_slope: Formula
    variance_map: Formula
    correlation_map: Formula
    chi: Formula
    variance_slope: Formula
    replica_map: Formula | None
    steps: tuple[Step, ...]

    @property
    def takes_total(self) -> bool:
        """Whether T is part of the state beside q: marginalised continuous neurons, whose T varies with the layer."""
        return is_relative(self.mean_field) and self.total_map.closed.has(T)


def correlation_maps(mean_field: MeanField) -> Maps:
    """The recursion of A, B, C normalised to (q, c); chi and dq'/dq by differentiating it."""
    state = _state(mean_field)
    total_map = _formula(_total(mean_field))
    mean_square, second_moment, overlap = _outgoing(mean_field, state)
    quenched, annealed, covariance = (
        _substituted(field, {A: mean_square, B: second_moment, C: overlap})
        for field in (mean_field.quenched, mean_field.annealed, mean_field.covariance)
    )
    if is_relative(mean_field):
        variance_map, norm = _ratio(quenched, annealed), quenched
    else:
        variance_map = norm = _substituted(total_map.definition, {T: Formula(q, q)})
    correlation_map = _ratio(covariance, norm)
    chi, slope = _slope(correlation_map, c), _slope(variance_map, q)
    replica_map, collapse = _replica(mean_field)
    steps = (
        *(Step(f"{symbol} in terms of the state", Assumption.EXACT, symbol, value) for symbol, value in state.items()),
        Step("total variance map T'", Assumption.SELF_AVERAGING, total_map.definition, total_map.closed),
        Step("variance map q'", Assumption.EXACT, variance_map.definition, variance_map.closed),
        Step("correlation map c'", Assumption.EXACT, correlation_map.definition, correlation_map.closed),
        Step("chi = dc'/dc", Assumption.EXACT, chi.definition, chi.closed),
        *collapse,
    )
    return Maps(mean_field, state, mean_square, overlap, total_map, _slope(total_map, T), variance_map,
                correlation_map, chi, slope, replica_map, (*mean_field.steps, *steps))  # fmt: skip


def is_relative(mean_field: MeanField) -> bool:
    """Whether correlations are relative to Q (marginalised fields) rather than to T."""
    return mean_field.forward.field is None and not mean_field.forward.sampled


def _state(mean_field: MeanField) -> dict[sp.Symbol, sp.Expr]:
    """The fields in terms of the state (q, c), and T where it varies."""
    if is_relative(mean_field):
        return {Q: T * q / (1 + q), D: T / (1 + q), Q_ab: c * T * q / (1 + q)}
    return {Q: q - D, T: q, Q_ab: c * q}


def _total(mean_field: MeanField) -> sp.Expr:
    """T' in terms of T."""
    mean_square, second_moment, _ = _outgoing(mean_field, {Q: T - D})
    return substituted(mean_field.total, {A: mean_square.definition, B: second_moment.definition})


def _outgoing(mean_field: MeanField, state: dict[sp.Symbol, sp.Expr]) -> tuple[Formula, ...]:
    """A', B' and C' in terms of the state; a single layer on real inputs has inputs of mean square 1, correlation c."""
    if mean_field.forward.moments.kernel.surrogate.real_input:
        return Formula(sp.S.One, sp.S.One), Formula(sp.S.One, sp.S.One), Formula(c, c)
    parameters = (mean_field.mean_square, mean_field.second_moment, mean_field.overlap)
    return tuple(_formula(substituted(parameter.definition, state)) for parameter in parameters)


def _substituted(expression: sp.Expr, values: dict[sp.Symbol, Formula]) -> Formula:
    return _formula(substituted(expression, {symbol: value.definition for symbol, value in values.items()}))


def _ratio(numerator: Formula, denominator: Formula) -> Formula:
    return Formula(numerator.definition / denominator.definition, tidy_rational(numerator.closed / denominator.closed))


def _slope(formula: Formula, variable: sp.Symbol) -> Formula:
    """The derivative by Stein's and Price's theorems, expectations flattened first so that few covariances vary.

    That of what no rule closes stays as it is: numbers come from `stages.gap`. The overlap of piecewise linear neurons
    knows its own derivatives, of which Price's theorem would write a term for each pair of breaks.
    """
    if any(is_cut(node.integrand.subs(v, u)) for node in formula.closed.atoms(GaussianExpectation)):
        unevaluated = sp.Derivative(formula.definition, variable)
        return Formula(unevaluated, unevaluated)
    definition = flatten_all(formula.definition).diff(variable)
    if formula.closed.has(GaussianExpectation):
        return Formula(definition, definition)
    if formula.closed.has(PiecewiseOverlap, PiecewiseMean):
        return Formula(definition, tidy_rational(formula.closed.diff(variable)))
    return Formula(definition, tidy_rational(evaluate_all(definition)))


def _formula(definition: sp.Expr) -> Formula:
    return Formula(definition, evaluate_all(definition))


def _replica(mean_field: MeanField) -> tuple[Formula | None, tuple[Step, ...]]:
    """r' = g(r), r = Q_ab/T, and the step that shows the general recursion collapse to it.

    Exact treatments only: the overlap C' depends on Q, D, Q_ab through Q + D = T and Q_ab alone.
    """
    if mean_field.forward.moments.kernel.surrogate.real_input:
        return None, ()
    on_orbit = {Q: T - D, Q_ab: overlap * T}
    general = evaluate_all(substituted(mean_field.overlap.definition, on_orbit))
    if general.has(D):
        return None, ()
    total = _total(mean_field)
    definition = mean_field.covariance.subs(C, substituted(mean_field.overlap.definition, on_orbit)) / total
    closed = tidy_numerator(mean_field.covariance.subs(C, general)) / evaluate_all(total)
    step = Step("collapse to the replica map g", Assumption.EXACT, definition, closed)
    return Formula(definition, closed), (step,)


def tidy_numerator(expression: sp.Expr) -> sp.Expr:
    """The expression with its roots factored and each term a plain product."""
    return tidy(sp.expand(expression, deep=False))
