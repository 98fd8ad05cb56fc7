"""The overlap E f(u_a) f(u_b) of a layer: what f, variance and correlation are, its ratios, and their limits in q."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import sympy as sp

from theory.correlation import Maps
from theory.difference import difference, in_gap, without_cancellation
from theory.gaussian import GaussianExpectation, evaluate_all, expectation, pair_expectation
from theory.gaussian_closing import flatten_all
from theory.limits import Ratios, infinite_variance, small_overlap, vanishing_variance
from theory.symbols import c, gap, overlap, q, u, v
from theory.tidy import tidy, tidy_rational


class AtExtremes(sp.Function):
    """The first argument; where the second, q, is 0 or infinite, the third and the fourth."""

    nargs = 4

    def _eval_evalf(self, prec: int) -> sp.Expr:
        value, at, zero, infinity = self.args
        chosen = zero if at == 0 else infinity if at == sp.oo else value
        return chosen.evalf(sp.core.evalf.prec_to_dps(prec))


class GaussianDifference(sp.Expr):
    """E f(u) f(v) at correlation 1 - rest less that at 1 - rest - drop, u and v of the given variance; f in u.

    What no rule of `theory.difference` closes: left to quadrature.
    """

    def __new__(cls, integrand: Any, variance: Any, rest: Any, drop: Any) -> GaussianDifference:
        return super().__new__(cls, *map(sp.sympify, (integrand, variance, rest, drop)))

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return {s for argument in self.args[1:] for s in argument.free_symbols} | self.args[0].free_symbols - {u, v}


@dataclass(frozen=True)
class Overlap:
    """C = E f(u) f(v), u and v of this variance and of correlation c times `correlation`; f in u."""

    function: sp.Expr
    variance: sp.Expr
    correlation: sp.Expr

    @property
    def kernel(self) -> sp.Expr:
        """C in terms of the replica overlap r, as an expectation."""
        return pair_expectation(self.function, self.function, self.variance, overlap * self.variance)


def overlap_of(maps: Maps) -> Overlap | None:
    """The overlap of a layer, None where it is no expectation of a product f(u) f(v)."""
    coefficient, node = flatten_all(maps.overlap.definition).as_independent(GaussianExpectation, as_Add=False)
    if not isinstance(node, GaussianExpectation):
        return None
    function = node.integrand.as_independent(v, as_Add=False)[0]
    if function.has(GaussianExpectation) or function * function.subs(u, v) != node.integrand:
        return None
    variance, covariance, _ = node.covariance
    return Overlap(sp.sqrt(coefficient) * function, variance, tidy_rational(covariance.subs(c, 1) / variance))


def overlap_ratios(found: Overlap) -> Ratios:
    """C at c = 1, and relative to it the gap and the slope of C, each with its limits in q."""
    values = [astuple(each) for each in (_ratios(found), _at_limit(found, sp.S.Zero), _at_limit(found, sp.oo))]
    return Ratios(*(_joined(*each) for each in zip(*values, strict=True)))


def _joined(inside: sp.Expr, zero: sp.Expr, infinity: sp.Expr) -> sp.Expr:
    """A quantity with its limits in q, unless it takes them of itself."""
    if not inside.has(q):
        return inside
    if inside.is_rational_function(q) and (inside.subs(q, 0), inside.subs(q, sp.oo)) == (zero, infinity):
        return inside
    return AtExtremes(inside, q, zero, infinity)


def _at_limit(found: Overlap, point: sp.Expr) -> Ratios:
    """The ratios as q -> 0 or infinity, where the variance or the correlation may vanish or the variance diverge."""
    variance, correlation = (sp.limit(value, q, point) for value in (found.variance, found.correlation))
    if variance == 0:
        return vanishing_variance(found.function)
    if variance == sp.oo:
        return infinite_variance(found.function)
    if correlation == 0:
        return small_overlap(found.function, variance)
    return _ratios(Overlap(found.function, variance, correlation))


def _ratios(found: Overlap) -> Ratios:
    """The ratios by the rules, or by quadrature."""
    rest, drop = tidy_rational(1 - found.correlation), found.correlation * gap
    kernel, slope = evaluate_all(found.kernel), evaluate_all(found.kernel.diff(overlap))
    alike = evaluate_all(found.kernel.subs(overlap, found.correlation))
    fall = None if kernel.has(GaussianExpectation) else difference(kernel, rest, drop)
    if fall is None:
        fall = GaussianDifference(found.function, found.variance, rest, drop)
    at_gap = in_gap(tidy(evaluate_all(slope.subs(overlap, found.correlation * c)))) * found.correlation
    unlike = without_cancellation(_unlike(found, alike))
    return Ratios(alike, unlike, fall / alike, without_cancellation(at_gap) / alike)


def _unlike(found: Overlap, alike: sp.Expr) -> sp.Expr:
    """1 - E f^2, as an expectation of its own where that closes, or where E f^2 is one too."""
    if found.correlation != 1:
        return 1 - alike
    value = evaluate_all(expectation(1 - found.function**2, 0, found.variance))
    return value if alike.has(GaussianExpectation) or not value.has(GaussianExpectation) else 1 - alike
