"""The overlap E f(u_a) f(u_b) of a layer: what f, variance and correlation are, its ratios, and their limits in q."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import lru_cache

import sympy as sp
from sympy.core.evalf import prec_to_dps

from meanbits.theory.functions.pieces import is_cut
from meanbits.theory.gaussian.closing import evaluate_all, flatten_all
from meanbits.theory.gaussian.difference import difference, in_gap, without_cancellation
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope, OverlapNode
from meanbits.theory.gaussian.tidy import tidy, tidy_rational
from meanbits.theory.stages.correlation import Maps, is_relative
from meanbits.theory.stages.limits import (
    UNKNOWN,
    Ratios,
    Spike,
    closed_limit,
    detached,
    infinite_variance,
    small_overlap,
    vanishing_variance,
)
from meanbits.theory.symbols import T, c, gap, h, overlap, q, u, v


class AtExtremes(sp.Function):
    """The first argument; where the second, q, is 0 or infinite, the third and the fourth."""

    nargs = 4

    def _eval_evalf(self, prec: int) -> sp.Expr:
        value, at, zero, infinity = self.args
        chosen = zero if at == 0 else infinity if at == sp.oo else value
        return chosen.evalf(prec_to_dps(prec))


@dataclass(frozen=True)
class Overlap:
    """C = E f(u) f(v), u and v of this variance and of correlation c times `correlation`; f in u.

    spread: E[x^2|u] - f(u)^2, what the neuron itself fluctuates by.
    """

    function: sp.Expr
    variance: sp.Expr
    correlation: sp.Expr
    spread: sp.Expr = sp.S.Zero

    @property
    def kernel(self) -> sp.Expr:
        """C in terms of the replica overlap r, as an expectation."""
        return pair_expectation(self.function, self.function, self.variance, overlap * self.variance)

    @property
    def square(self) -> sp.Expr:
        """E f(u)^2."""
        return evaluate_all(self.kernel.subs(overlap, 1))

    @property
    def second(self) -> sp.Expr:
        """E[x^2|u], in u."""
        return sp.expand(self.function**2 + self.spread, deep=False) if self.spread != 0 else self.function**2

    @property
    def second_moment(self) -> sp.Expr:
        """E x^2."""
        if self.spread == 0:
            return self.square
        return self.second if self.second.is_number else evaluate_all(expectation(self.second, 0, self.variance))


def overlap_of(maps: Maps) -> Overlap | None:
    """The overlap of a layer, None where it is no expectation of a product f(u) f(v)."""
    coefficient, node = flatten_all(maps.overlap.definition).as_independent(GaussianExpectation, as_Add=False)
    if not isinstance(node, GaussianExpectation):
        return None
    function = _common_factor(node.integrand)
    if function is None:
        return None
    variance, covariance, _ = node.covariance
    correlation, function = tidy_rational(covariance.subs(c, 1) / variance), sp.sqrt(coefficient) * function
    return Overlap(function, variance, correlation, _spread(maps, function, variance))


def _common_factor(integrand: sp.Expr) -> sp.Expr | None:
    """f of f(u) f(v), None of what is no such product."""
    function = integrand.as_independent(v, as_Add=False)[0]
    if function.has(GaussianExpectation):
        return None
    if function * function.subs(u, v) == integrand:
        return function
    alike = sp.Dummy(real=True), sp.Dummy(real=True)  # substitution brings what is inside to one shape
    back = dict(zip(alike, (u, v), strict=True))
    written = integrand.subs(dict(zip((u, v), alike, strict=True)), simultaneous=True).subs(back)
    weight, parted = sp.expand_power_exp(written).as_independent(u, v, as_Add=False)  # of e^(f(u) + f(v))
    function = parted.as_independent(v, as_Add=False)[0]
    is_product = sp.expand_power_exp(function * function.subs(u, v)) == parted
    return sp.sqrt(weight) * function if is_product and weight.is_positive else None


def _spread(maps: Maps, function: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E[x^2|h] - f^2, h in the units of f: those in which a field of variance T has the variance of the overlap."""
    kernel = maps.mean_field.forward.moments.kernel
    if kernel.surrogate.neurons.is_binary:
        return 1 - function**2
    if not kernel.surrogate.neurons.is_random:
        return sp.S.Zero
    scale = sp.sqrt(tidy_rational(variance / (T if is_relative(maps.mean_field) else q)))
    return kernel.surrogate.neurons.fluctuation.subs(h, u / scale)


def overlap_ratios(found: Overlap) -> Ratios:
    """C at c = 1, and relative to it the gap and the slope of C, each with its limits in q."""
    inside, zero, infinity = _ratios(found), _at_limit(found, sp.S.Zero), _at_limit(found, sp.oo)
    if zero.slope == Spike(gap):  # the overlap underflows long before q is 0
        inside = replace(inside, gap=_quotient(inside.gap, inside.alike, zero.gap),
                         slope=_quotient(inside.slope, inside.alike, zero.slope))  # fmt: skip
    values = [astuple(each) for each in (inside, zero, infinity)]
    return Ratios(*(joined(*each) for each in zip(*values, strict=True)))


class Quotient(sp.Function):
    """The first argument over the second, or where that is 0 the third."""

    nargs = 3

    def _eval_evalf(self, prec: int) -> sp.Expr:
        part, whole, limit = self.args
        return (limit if whole == 0 else part / whole).evalf(prec_to_dps(prec))


def _quotient(ratio: sp.Expr, whole: sp.Expr, limit: sp.Expr) -> sp.Expr:
    return Quotient(ratio * whole, whole, limit)


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
    variance, correlation = (_limit(value, point) for value in (found.variance, found.correlation))
    if variance == 0:
        return vanishing_variance(found.function, found.second)
    if variance == sp.oo:
        ratios = infinite_variance(found.function, found.second)
        return _closed_limit(found) if ratios.alike == sp.nan else ratios
    if correlation == 0:
        return small_overlap(found.function, variance, replace(found, variance=variance).second_moment)
    return _ratios(replace(found, variance=variance, correlation=correlation))


@lru_cache(maxsize=256)
def _limit(value: sp.Expr, point: sp.Expr) -> sp.Expr:
    """That of a variance or a correlation as q comes to a point: few are asked for, of many functions."""
    return sp.limit(value, q, point)


def _closed_limit(found: Overlap) -> Ratios:
    """The limit at infinite variance of a closed form, of a function that follows no power there."""
    variance, part = sp.Symbol("V", positive=True), sp.Symbol("r", positive=True)
    kernel = evaluate_all(replace(found, variance=variance).kernel.subs(overlap, 1 / (1 + part)))
    second = evaluate_all(expectation(found.second, 0, variance))
    if kernel.has(GaussianExpectation) or second.has(GaussianExpectation) or kernel.free_symbols > {variance, part}:
        return UNKNOWN
    apart, alike, total = (closed_limit(each, variance) for each in (kernel, kernel.subs(part, 0), second))
    known = apart == 0 and alike.is_finite and total.is_finite
    return detached(alike, total - alike) if known else UNKNOWN


def _ratios(found: Overlap) -> Ratios:
    """The ratios by the rules, or by quadrature."""
    rest, drop = tidy_rational(1 - found.correlation), found.correlation * gap
    alike = evaluate_all(found.kernel.subs(overlap, found.correlation))
    fall, slope, share = overlap_difference(found, rest, drop), slope_at(found, rest + drop), found.correlation
    if slope.has(sp.Function, OverlapNode):  # which grows with the field, and would overflow times a numerator
        share = kept_whole(share)
    return Ratios(alike, _unlike(found, alike, rest), fall / alike, slope * share / alike)


def kept_whole(part: sp.Expr) -> sp.Expr:
    """A difference such as 1 - sigma_m2, or a quotient, kept from merging: it would cancel later, or overflow first."""
    return part if part.is_number else sp.UnevaluatedExpr(part)


def overlap_difference(found: Overlap, rest: sp.Expr, drop: sp.Expr) -> sp.Expr:
    """The kernel at correlation 1 - rest less that at 1 - rest - drop, both in [0, 2]."""
    kernel = evaluate_all(found.kernel)
    fall = None if kernel.has(GaussianExpectation) else difference(kernel, rest, drop)
    return GaussianDifference(found.function, found.variance, rest, drop) if fall is None else fall


def slope_at(found: Overlap, distance: sp.Expr) -> sp.Expr:
    """The slope of the kernel in the correlation, at c times `correlation`, which is 1 - distance.

    Of branches that steps switch it closes only where the kernel does: algebra on products of their slopes is endless.
    """
    if is_cut(found.function) and evaluate_all(found.kernel).has(GaussianExpectation):
        return GaussianSlope(found.function, found.variance, distance)
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
    if found.spread != 0 and (angles := without_cancellation(plain)) != plain:
        return angles
    if rest != 0 and alike.has(GaussianExpectation):
        return plain
    varies = _variance(found) if found.spread != 0 else sp.S.Zero
    return varies + (0 if rest == 0 else overlap_difference(found, sp.S.Zero, rest))


def _variance(found: Overlap) -> sp.Expr:
    """E x^2 - E f^2, as an expectation of its own where that closes, or where E f^2 is one too."""
    value = evaluate_all(expectation(found.spread, 0, found.variance))
    closes = found.square.has(GaussianExpectation) or not value.has(GaussianExpectation)
    return value if closes else found.second_moment - found.square
