"""Gaussian expectations of neurons as SymPy expressions, closed where a rule closes them."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from meanbits.theory.declarations.blocks.flow import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.backward import mean_square, seen_slope
from meanbits.theory.symbols import h, u

OVERLAP = sp.Dummy("overlap", real=True)


class SymbolicMoments:
    """`declarations.blocks.Expectations` of expressions."""

    def square(self, neurons: Neurons, total: sp.Expr) -> sp.Expr:
        return evaluate_all(expectation(neurons.second_moment.subs(h, u), 0, total))

    def fall(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        return self.square(neurons, total) - _pair(neurons.mean.subs(h, u), total, fall)

    def slope(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        """By Price's theorem; where neurons jump, the derivative of what closes their overlap."""
        if not neurons.jumps:
            return _pair(seen_slope(replace(neurons, backward=None)), total, fall)
        mean = neurons.mean.subs(h, u)
        closed = evaluate_all(pair_expectation(mean, mean, total, OVERLAP))
        return closed.diff(OVERLAP).subs(OVERLAP, tidy_rational(total - fall))

    def gradients(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> Factors:
        """Undefined for the square of a jump, which no gradient sees."""
        if neurons.backward is None and neurons.jumps:
            return Factors(sp.nan, self.slope(neurons, total, fall))
        seen = seen_slope(neurons)
        return Factors(evaluate_all(mean_square(seen, total)), _pair(seen, total, fall))


def _pair(function: sp.Expr, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
    overlap = tidy_rational(sp.sympify(total - fall))
    if overlap == 0:
        return evaluate_all(expectation(function, 0, total)) ** 2
    return evaluate_all(pair_expectation(function, function, total, overlap))
