"""Gaussian expectations of neurons as SymPy expressions, closed where a rule closes them."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from meanbits.theory.declarations.blocks.flow import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.stages.backward import mean_square, seen_slope
from meanbits.theory.symbols import h, u


class SymbolicMoments:
    """`declarations.blocks.Expectations` of expressions."""

    def square(self, neurons: Neurons, total: sp.Expr) -> sp.Expr:
        return evaluate_all(expectation(neurons.second_moment.subs(h, u), 0, total))

    def fall(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        return self.square(neurons, total) - self._pair(neurons.mean.subs(h, u), total, fall)

    def slope(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        return self._pair(seen_slope(replace(neurons, backward=None)), total, fall)

    def gradients(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> Factors:
        seen = seen_slope(neurons)
        return Factors(evaluate_all(mean_square(seen, total)), self._pair(seen, total, fall))

    def _pair(self, function: sp.Expr, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        if total - fall == 0:
            return evaluate_all(expectation(function, 0, total)) ** 2
        return evaluate_all(pair_expectation(function, function, total, total - fall))
