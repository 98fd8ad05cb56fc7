"""Gaussian expectations as SymPy nodes: unevaluated, differentiable (Stein, Price), closed by rules."""

from __future__ import annotations

from typing import Any

import sympy as sp

from meanbits.theory.gaussian.arbitrary_precision import integrate
from meanbits.theory.gaussian.closing import evaluate
from meanbits.theory.gaussian.node import BOUND, GaussianNode
from meanbits.theory.gaussian.piecewise_rules import closed_with_jumps
from meanbits.theory.gaussian.special import Box
from meanbits.theory.gaussian.tidy import multiplied_out, simplified_almost_everywhere, tidy_slope
from meanbits.theory.symbols import u, v

STEPS = sp.sign, Box


class GaussianExpectation(GaussianNode):
    """E f(u) or E f(u, v) over Gaussian u, v.

    ``GaussianExpectation(f, (mean,), (variance,))`` or, for a pair,
    ``GaussianExpectation(f, (mean_u, mean_v), (variance_u, covariance, variance_v))``, f written in u and v.

    Derivatives: Stein's lemma for the mean and Price's theorem for the covariance
    (R. Price, IRE Trans. Inf. Theory 4 (1958) 69): dE f/dC_ij = E d_i d_j f, half of it on the diagonal.
    """

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        if s not in self.integrand.free_symbols and (closed := closed_with_jumps(self)) is not None:
            return closed.diff(s)
        f, variables = self.integrand, self.variables
        total = sp.S.Zero if s in BOUND else self._over(f.diff(s))
        for variable, mean in zip(variables, self.mean, strict=True):
            total += mean.diff(s) * self._over(_slope(f, variable))
        for a, row in enumerate(variables):
            for b, column in enumerate(variables):
                total += self.matrix[a, b].diff(s) * self._over(_slope(_slope(f, row), column)) / 2
        return total

    def _over(self, integrand: sp.Expr) -> sp.Expr:
        return sp.S.Zero if integrand == 0 else self.func(integrand, self.mean, self.covariance)

    def doit(self, **hints: Any) -> sp.Expr:
        """The closed form by `gaussian.closing`, or an expectation no rule applies to."""
        return evaluate(self)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return integrate(self, prec)


def _slope(integrand: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """The derivative, taken in the factors that hold the variable alone: a product of f(u) and g(v) stays one."""
    rest, dependent = integrand.as_independent(variable, as_Add=False)
    return rest * tidy_slope(_linear_in_steps(dependent).diff(variable), variable)


def _linear_in_steps(function: sp.Expr) -> sp.Expr:
    """Products of sums with steps multiplied out, so that sign^2 is 1 before it is differentiated.

    The slope of a product at a jump has the means of both sides in it, and those of a step's powers are not its own.
    """
    if not any(_has_steps_twice(part) for part in sp.preorder_traversal(function)):
        return function
    steps = function.replace(Box, lambda argument: Box(argument).rewrite("sign"))
    return simplified_almost_everywhere(multiplied_out(steps))


def _has_steps_twice(part: sp.Expr) -> bool:
    if part.is_Pow:
        return part.base.has(*STEPS)
    return bool(part.is_Mul) and sum(factor.has(*STEPS) for factor in part.args) > 1


def expectation(integrand: Any, mean: Any, variance: Any) -> GaussianExpectation:
    """E f(u), u ~ N(mean, variance); f written in u."""
    return GaussianExpectation(integrand, (mean,), (variance,))


def pair_expectation(first: sp.Expr, second: sp.Expr, variance: Any, covariance: Any) -> GaussianExpectation:
    """E f(u) g(v), both of mean 0 and the given variance; f and g both written in u."""
    return GaussianExpectation(first * second.subs(u, v), (0, 0), (variance, covariance, variance))
