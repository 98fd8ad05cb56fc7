"""Gaussian expectations of neurons as SymPy expressions, closed where a rule closes them."""

from __future__ import annotations

import sympy as sp

from theory.blocks.flow import Factors
from theory.gaussian import evaluate_all, expectation, pair_expectation
from theory.neurons import Neurons
from theory.pieces import cut_at_breaks, slope_between_breaks
from theory.special import Box
from theory.symbols import h, u


class SymbolicMoments:
    """`theory.blocks.Expectations` of expressions."""

    def square(self, neurons: Neurons, total: sp.Expr) -> sp.Expr:
        return evaluate_all(expectation(neurons.second_moment.subs(h, u), 0, total))

    def fall(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        return self.square(neurons, total) - self._pair(neurons.mean, total, fall)

    def slope(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        return self._pair(_slope(neurons.mean), total, fall)

    def gradients(self, neurons: Neurons, total: sp.Expr, fall: sp.Expr) -> Factors:
        seen = _slope(neurons.mean) if neurons.backward is None else neurons.backward
        square = (seen.subs(h, u) ** 2).replace(lambda e: e.is_Pow and isinstance(e.base, Box), lambda e: e.base)
        return Factors(evaluate_all(expectation(square, 0, total)), self._pair(seen, total, fall))

    def _pair(self, function: sp.Expr, total: sp.Expr, fall: sp.Expr) -> sp.Expr:
        of_u = function.subs(h, u)
        if total - fall == 0:
            return evaluate_all(expectation(of_u, 0, total)) ** 2
        return evaluate_all(pair_expectation(of_u, of_u, total, total - fall))


def _slope(mean: sp.Expr) -> sp.Expr:
    has_pieces = not mean.atoms(sp.core.function.AppliedUndef)
    return slope_between_breaks(cut_at_breaks(mean).subs(h, u)).subs(u, h) if has_pieces else mean.diff(h)
