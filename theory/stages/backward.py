"""Stage 6, backwards: what a layer does to squared gradients, and to the overlap of the gradients of two inputs.

With delta the gradient with respect to a field, E delta^2 = w E g(u)^2 E delta'^2 of the next layer's, g the slope that
gradients see and w the second moment of the weights they pass (theory.md, section 8; Schoenholz et al. 2017, eq. (13)).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.functions.pieces import cut_at_breaks, slope_between_breaks
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.gaussian.special import Box
from meanbits.theory.stages.correlation import Maps, is_relative
from meanbits.theory.symbols import c, h, q, u
from meanbits.theory.trace import Assumption, Formula, Step


@dataclass(frozen=True)
class Backward:
    """Factors a layer, at field variance q: `growth` of squared gradients, chi_g; `overlap` of two inputs' gradients.

    slope: g, in u. weight: w, E S^2 where weights are drawn for the pass and E M^2 where it runs through their means;
    two inputs draw their own, and share the means alone.
    """

    slope: sp.Expr
    weight: sp.Expr
    growth: Formula
    overlap: Formula
    steps: tuple[Step, ...]


def backward(maps: Maps) -> Backward | None:
    """The factors of a layer whose field is sampled or sharp; None elsewhere, and where neurons only jump.

    Where the field is integrated out the factor is that of `stages.jacobian`.
    """
    surrogate = maps.mean_field.forward.moments.kernel.surrogate
    neurons, weights = surrogate.neurons, surrogate.weights
    if is_relative(maps.mean_field) or surrogate.real_input:
        return None
    if neurons.backward is None and neurons.jumps:
        return None
    slope = seen_slope(neurons)
    drawn = surrogate.treatment.propagates == "sample" and weights.is_random
    weight = weights.average_second if drawn else weights.variance_of_means
    growth = _formula(weight * mean_square(slope, q))
    overlap = _formula(weights.variance_of_means * pair_expectation(slope, slope, q, c * q))
    steps = (
        Step("growth of squared gradients", Assumption.INDEPENDENT, growth.definition, growth.closed),
        Step("overlap of the gradients of two inputs", Assumption.INDEPENDENT, overlap.definition, overlap.closed),
    )
    return Backward(slope, weight, growth, overlap, steps)


def seen_slope(neurons: Neurons) -> sp.Expr:
    """The slope that gradients see, in u: the declared one, or that of the mean between its breaks."""
    if neurons.backward is not None:
        return cut_at_breaks(neurons.backward).subs(h, u)
    if neurons.mean.atoms(sp.core.function.AppliedUndef):
        return neurons.mean.subs(h, u).diff(u)
    return slope_between_breaks(cut_at_breaks(neurons.mean).subs(h, u))


def mean_square(slope: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E g(u)^2, unevaluated; the square of an indicator is itself."""
    square = (slope**2).replace(lambda e: e.is_Pow and isinstance(e.base, Box), lambda e: e.base)
    return expectation(square, 0, variance)


def _formula(definition: sp.Expr) -> Formula:
    return Formula(definition, evaluate_all(definition))
