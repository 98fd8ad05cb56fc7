"""Gaussian expectations as SymPy nodes: unevaluated, differentiable (Stein, Price), closed by rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from meanbits.theory.gaussian.tidy import tidy_slope
from meanbits.theory.symbols import u, v

BOUND = (u, v)


class GaussianExpectation(sp.Expr):
    """E f(u) or E f(u, v) over Gaussian u, v.

    ``GaussianExpectation(f, (mean,), (variance,))`` or, for a pair,
    ``GaussianExpectation(f, (mean_u, mean_v), (variance_u, covariance, variance_v))``.
    The integrand is written in the bound symbols u, v of `theory.symbols`; mean and covariance stand outside their
    scope, so that an expectation whose mean contains the u of an enclosing one nests without renaming.

    Derivatives: Stein's lemma for the mean and Price's theorem for the covariance
    (R. Price, IRE Trans. Inf. Theory 4 (1958) 69): dE f/dC_ij = E d_i d_j f, half of it on the diagonal.
    """

    is_commutative = True
    integrand: sp.Expr
    mean: sp.Tuple
    covariance: sp.Tuple

    def __new__(cls, integrand: Any, mean: Iterable[Any], covariance: Iterable[Any]) -> GaussianExpectation:
        means, moments = sp.Tuple(*mean), sp.Tuple(*covariance)
        if (len(means), len(moments)) not in ((1, 1), (2, 3)):
            raise ValueError(
                f"a Gaussian expectation has 1 mean and 1 variance, or 2 means and 3 covariances; got "
                f"{len(means)} and {len(moments)}"
            )
        node = super().__new__(cls, sp.sympify(integrand), means, moments)
        node.integrand, node.mean, node.covariance = node.args
        return node

    @property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """The bound symbols in use: (u,) or (u, v)."""
        return BOUND[: len(self.mean)]

    @property
    def is_pair(self) -> bool:
        """Whether the expectation is over two variables."""
        return len(self.mean) == 2

    @property
    def matrix(self) -> sp.ImmutableMatrix:
        """The covariance as a matrix."""
        if not self.is_pair:
            return sp.ImmutableMatrix([[self.covariance[0]]])
        variance_u, covariance, variance_v = self.covariance
        return sp.ImmutableMatrix([[variance_u, covariance], [covariance, variance_v]])

    @property
    def free_symbols(self) -> set[sp.Basic]:
        inside = self.integrand.free_symbols - set(self.variables)
        return inside | self.mean.free_symbols | self.covariance.free_symbols

    @property
    def bound_symbols(self) -> list[sp.Symbol]:
        return list(self.variables)

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Expr | None:
        if old not in BOUND:
            return None
        return self.func(self.integrand, self.mean.subs(old, new), self.covariance.subs(old, new))

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        from meanbits.theory.gaussian.piecewise_rules import closed_with_jumps

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
        from meanbits.theory.gaussian.closing import evaluate

        return evaluate(self)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        from meanbits.theory.gaussian.arbitrary_precision import integrate

        return integrate(self, prec)

    def _sympystr(self, printer: Any) -> str:
        names = ", ".join(map(str, self.variables))
        mean = ", ".join(printer.doprint(entry) for entry in self.mean)
        covariance = ", ".join(printer.doprint(entry) for entry in self.covariance)
        return f"E[{printer.doprint(self.integrand)}; {names} ~ N([{mean}], [{covariance}])]"

    def _latex(self, printer: Any) -> str:
        names = ",".join(map(str, self.variables))
        mean = printer.doprint(sp.Matrix(self.mean)) if self.is_pair else printer.doprint(self.mean[0])
        covariance = printer.doprint(self.matrix if self.is_pair else self.covariance[0])
        law = rf"{names} \sim \mathcal{{N}}\left({mean}, {covariance}\right)"
        return rf"\mathbb{{E}}_{{{law}}}\left[{printer.doprint(self.integrand)}\right]"


def _slope(integrand: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """The derivative, taken in the factors that hold the variable alone: a product of f(u) and g(v) stays one."""
    rest, dependent = integrand.as_independent(variable, as_Add=False)
    return rest * tidy_slope(dependent.diff(variable), variable)


def expectation(integrand: Any, mean: Any, variance: Any) -> GaussianExpectation:
    """E f(u), u ~ N(mean, variance); f written in u."""
    return GaussianExpectation(integrand, (mean,), (variance,))


def pair_expectation(first: sp.Expr, second: sp.Expr, variance: Any, covariance: Any) -> GaussianExpectation:
    """E f(u) g(v), both of mean 0 and the given variance; f and g both written in u."""
    return GaussianExpectation(first * second.subs(u, v), (0, 0), (variance, covariance, variance))


def evaluate_all(expression: sp.Expr) -> sp.Expr:
    """Every outermost expectation of an expression by its closed form where a rule gives one."""
    if isinstance(expression, GaussianExpectation):
        return expression.doit()
    if not expression.has(GaussianExpectation):
        return expression
    return expression.func(*map(evaluate_all, expression.args))
