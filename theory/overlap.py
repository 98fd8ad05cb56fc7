"""The overlap E f(u_a) f(u_b) of a layer: what f, variance and correlation are, its ratios, and their limits in q."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any

import sympy as sp
from sympy.core.evalf import prec_to_dps

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
        return chosen.evalf(prec_to_dps(prec))


class GaussianDifference(sp.Expr):
    """E f(u) f(v) at correlation 1 - rest less that at 1 - rest - drop, u and v of the given variance; f in u.

    What no rule of `theory.difference` closes: left to quadrature.
    """

    def __new__(cls, integrand: Any, variance: Any, rest: Any, drop: Any) -> GaussianDifference:
        return super().__new__(cls, *map(sp.sympify, (integrand, variance, rest, drop)))

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return {s for argument in self.args[1:] for s in argument.free_symbols} | self.args[0].free_symbols - {u, v}


class GaussianSlope(sp.Expr):
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance; f in u, distance in [0, 2].

    What no rule closes: left to quadrature, which takes the distance to its last digit.
    """

    def __new__(cls, integrand: Any, variance: Any, distance: Any) -> GaussianSlope:
        return super().__new__(cls, *map(sp.sympify, (integrand, variance, distance)))

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return {s for argument in self.args[1:] for s in argument.free_symbols} | self.args[0].free_symbols - {u, v}


@dataclass(frozen=True)
class Overlap:
    """C = E f(u) f(v), u and v of this variance and of correlation c times `correlation`; f in u.

    is_binary: whether neurons are -1 or 1, so that E x^2 = 1; else it is E f(u)^2.
    """

    function: sp.Expr
    variance: sp.Expr
    correlation: sp.Expr
    is_binary: bool = True

    @property
    def kernel(self) -> sp.Expr:
        """C in terms of the replica overlap r, as an expectation."""
        return pair_expectation(self.function, self.function, self.variance, overlap * self.variance)

    @property
    def square(self) -> sp.Expr:
        """E f(u)^2."""
        return evaluate_all(self.kernel.subs(overlap, 1))

    @property
    def second_moment(self) -> sp.Expr:
        """E x^2."""
        return sp.S.One if self.is_binary else self.square


def overlap_of(maps: Maps) -> Overlap | None:
    """The overlap of a layer, None where it is no expectation of a product f(u) f(v)."""
    coefficient, node = flatten_all(maps.overlap.definition).as_independent(GaussianExpectation, as_Add=False)
    if not isinstance(node, GaussianExpectation):
        return None
    function = node.integrand.as_independent(v, as_Add=False)[0]
    if function.has(GaussianExpectation) or function * function.subs(u, v) != node.integrand:
        return None
    variance, covariance, _ = node.covariance
    is_binary = maps.mean_field.forward.moments.kernel.surrogate.neurons.is_binary
    correlation = tidy_rational(covariance.subs(c, 1) / variance)
    return Overlap(sp.sqrt(coefficient) * function, variance, correlation, is_binary)


def overlap_ratios(found: Overlap) -> Ratios:
    """C at c = 1, and relative to it the gap and the slope of C, each with its limits in q."""
    values = [astuple(each) for each in (_ratios(found), _at_limit(found, sp.S.Zero), _at_limit(found, sp.oo))]
    return Ratios(*(joined(*each) for each in zip(*values, strict=True)))


def joined(inside: sp.Expr, zero: sp.Expr, infinity: sp.Expr) -> sp.Expr:
    """A quantity with its limits in q, unless it takes them of itself."""
    if not inside.has(q):
        return inside
    if inside.is_rational_function(q) and (inside.subs(q, 0), inside.subs(q, sp.oo)) == (zero, infinity):
        return inside
    return AtExtremes(inside, q, zero, infinity)


def parted(expression: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """A formula in quantities with limits: itself without them, its limit at q = 0, its limit at q = infinity."""
    inside, zero, infinity = (expression.replace(AtExtremes, lambda *args, k=k: args[k]) for k in (0, 2, 3))
    return inside, zero.subs(q, 0), infinity.subs(q, sp.oo)


def _at_limit(found: Overlap, point: sp.Expr) -> Ratios:
    """The ratios as q -> 0 or infinity, where the variance or the correlation may vanish or the variance diverge."""
    variance, correlation = (sp.limit(value, q, point) for value in (found.variance, found.correlation))
    if variance == 0:
        return vanishing_variance(found.function)
    if variance == sp.oo:
        return infinite_variance(found.function)
    if correlation == 0:
        return small_overlap(found.function, variance, replace(found, variance=variance).second_moment)
    return _ratios(replace(found, variance=variance, correlation=correlation))


def _ratios(found: Overlap) -> Ratios:
    """The ratios by the rules, or by quadrature."""
    rest, drop = tidy_rational(1 - found.correlation), found.correlation * gap
    alike = evaluate_all(found.kernel.subs(overlap, found.correlation))
    fall, slope = _difference(found, rest, drop), slope_at(found, rest + drop) * found.correlation
    return Ratios(alike, _unlike(found, alike, rest), fall / alike, slope / alike)


def _difference(found: Overlap, rest: sp.Expr, drop: sp.Expr) -> sp.Expr:
    """The kernel at correlation 1 - rest less that at 1 - rest - drop."""
    kernel = evaluate_all(found.kernel)
    fall = None if kernel.has(GaussianExpectation) else difference(kernel, rest, drop)
    return GaussianDifference(found.function, found.variance, rest, drop) if fall is None else fall


def slope_at(found: Overlap, distance: sp.Expr) -> sp.Expr:
    """The slope of the kernel in the correlation, at c times `correlation`, which is 1 - distance."""
    slope = evaluate_all(found.kernel.diff(overlap))
    if slope.has(GaussianExpectation):
        return GaussianSlope(found.function, found.variance, distance)
    at = in_gap(tidy(evaluate_all(slope.subs(overlap, found.correlation * c))))
    return without_cancellation(at)


def _unlike(found: Overlap, alike: sp.Expr, rest: sp.Expr) -> sp.Expr:
    """E x^2 less E m^2: what the neurons vary by given their fields, and what these lack of a correlation of 1.

    The second part as a difference of its own where it closes; by quadrature it would cost tens of times the rest.
    """
    plain = found.second_moment - alike
    if found.is_binary and (angles := without_cancellation(plain)) != plain:
        return angles
    if rest != 0 and alike.has(GaussianExpectation):
        return plain
    varies = _variance(found) if found.is_binary else sp.S.Zero
    return varies + (0 if rest == 0 else _difference(found, sp.S.Zero, rest))


def _variance(found: Overlap) -> sp.Expr:
    """1 - E f^2, as an expectation of its own where that closes, or where E f^2 is one too."""
    value = evaluate_all(expectation(1 - found.function**2, 0, found.variance))
    return value if found.square.has(GaussianExpectation) or not value.has(GaussianExpectation) else 1 - found.square
