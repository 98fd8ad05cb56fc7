"""Stage 5: the variance map, the correlation map and its slope chi, in the surrogate's own (q, c); the replica form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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

    What follows from the state's A', B', C' and T' is derived when first asked for.
    """

    mean_field: MeanField
    state: dict[sp.Symbol, sp.Expr]
    mean_square: Formula
    second_moment: Formula
    overlap: Formula
    total_map: Formula

    @property
    def takes_total(self) -> bool:
        """Whether T is part of the state beside q: marginalised continuous neurons, whose T varies with the layer."""
        return is_relative(self.mean_field) and self.total_map.closed.has(T)

    @cached_property
    def total_slope(self) -> Formula:
        """dT'/dT."""
        return _slope(self.total_map, T)

    @cached_property
    def variance_map(self) -> Formula:
        """q'."""
        if is_relative(self.mean_field):
            return _ratio(self._quenched, self._field(self.mean_field.annealed))
        return _substituted(self.total_map.definition, {T: Formula(q, q)})

    @cached_property
    def variance_slope(self) -> Formula:
        """dq'/dq."""
        return _slope(self.variance_map, q)

    @cached_property
    def correlation_map(self) -> Formula:
        """c'."""
        norm = self._quenched if is_relative(self.mean_field) else self.variance_map
        return _ratio(self._field(self.mean_field.covariance), norm)

    @cached_property
    def chi(self) -> Formula:
        """dc'/dc."""
        return _slope(self.correlation_map, c)

    @cached_property
    def replica_map(self) -> Formula | None:
        """r' = g(r); None where the overlap depends on more than r and T."""
        return self._replica[0]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Of the derivation so far, in order."""
        total, variance, correlation, chi = self.total_map, self.variance_map, self.correlation_map, self.chi
        return (
            *self.mean_field.steps,
            *(Step(f"{symbol} in terms of the state", Assumption.EXACT, symbol, value)
              for symbol, value in self.state.items()),
            Step("total variance map T'", Assumption.SELF_AVERAGING, total.definition, total.closed),
            Step("variance map q'", Assumption.EXACT, variance.definition, variance.closed),
            Step("correlation map c'", Assumption.EXACT, correlation.definition, correlation.closed),
            Step("chi = dc'/dc", Assumption.EXACT, chi.definition, chi.closed),
            *self._replica[1],
        )  # fmt: skip

    @cached_property
    def _quenched(self) -> Formula:
        return self._field(self.mean_field.quenched)

    @cached_property
    def _replica(self) -> tuple[Formula | None, tuple[Step, ...]]:
        return _replica(self.mean_field)

    def _field(self, expression: sp.Expr) -> Formula:
        """A field of the next layer in terms of the state."""
        return _substituted(expression, {A: self.mean_square, B: self.second_moment, C: self.overlap})


def correlation_maps(mean_field: MeanField) -> Maps:
    """The recursion of A, B, C normalised to (q, c); chi and dq'/dq by differentiating it."""
    state = _state(mean_field)
    mean_square, second_moment, overlap = _outgoing(mean_field, state)
    return Maps(mean_field, state, mean_square, second_moment, overlap, _formula(_total(mean_field)))


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
