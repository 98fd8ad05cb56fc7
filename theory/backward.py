"""Stage 6, backwards: what a layer does to squared gradients, and to the overlap of the gradients of two inputs.

With delta the gradient with respect to a field, E delta^2 = w E g(u)^2 E delta'^2 of the next layer's, g the slope that
gradients see and w the second moment of the weights they pass (theory.md, section 8; Schoenholz et al. 2017, eq. (13)).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.correlation import Maps, is_relative
from theory.gaussian import evaluate_all, expectation, pair_expectation
from theory.pieces import cut_at_breaks, slope_between_breaks
from theory.special import Box
from theory.symbols import c, h, q, u
from theory.trace import Assumption, Formula, Step


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

    Where the field is integrated out the factor is that of `theory.jacobian`.
    """
    surrogate = maps.mean_field.forward.moments.kernel.surrogate
    neurons, weights = surrogate.neurons, surrogate.weights
    if is_relative(maps.mean_field) or surrogate.real_input:
        return None
    if neurons.backward is None and neurons.jumps:
        return None
    seen = cut_at_breaks(neurons.mean if neurons.backward is None else neurons.backward).subs(h, u)
    slope = slope_between_breaks(seen) if neurons.backward is None else seen
    drawn = surrogate.treatment.propagates == "sample" and weights.is_random
    weight = weights.average_second if drawn else weights.variance_of_means
    square = (slope**2).replace(lambda e: e.is_Pow and isinstance(e.base, Box), lambda e: e.base)  # an indicator
    growth = _formula(weight * expectation(square, 0, q))
    overlap = _formula(weights.variance_of_means * pair_expectation(slope, slope, q, c * q))
    steps = (
        Step("growth of squared gradients", Assumption.INDEPENDENT, growth.definition, growth.closed),
        Step("overlap of the gradients of two inputs", Assumption.INDEPENDENT, overlap.definition, overlap.closed),
    )
    return Backward(slope, weight, growth, overlap, steps)


def _formula(definition: sp.Expr) -> Formula:
    return Formula(definition, evaluate_all(definition))
