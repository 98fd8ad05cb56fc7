"""Gaussian expectations as they stand: what is bound in them, how they are substituted in, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import sympy as sp

from meanbits.theory.symbols import u, v

BOUND = (u, v)
BINDING = (sp.Subs, sp.Derivative, sp.Integral, sp.Piecewise)  # where `subs` looks twice


class GaussianNode(sp.Expr):
    """E f(u) or E f(u, v) over Gaussian u, v: the form of it, which rules and quadratures take apart.

    The integrand is written in the bound symbols u, v of `theory.symbols`; mean and covariance stand outside their
    scope, so that an expectation whose mean contains the u of an enclosing one nests without renaming.
    """

    is_commutative = True
    integrand: sp.Expr
    mean: sp.Tuple
    covariance: sp.Tuple

    def __new__(cls, integrand: Any, mean: Iterable[Any], covariance: Iterable[Any]) -> Self:
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


def substituted(expression: sp.Expr, values: Mapping[sp.Symbol, Any]) -> sp.Expr:
    """`subs` of symbols, all at once, in one pass where none of them is bound inside: many times faster."""
    binding = (*BINDING, GaussianNode) if any(symbol in values for symbol in BOUND) else BINDING
    if expression.has(*binding):
        return expression.subs(values, simultaneous=True)
    return expression.xreplace({symbol: sp.sympify(value) for symbol, value in values.items()})
