"""Overlaps of neurons in the limits q -> 0 and q -> infinity, where the maps are ratios 0/0 or infinity/infinity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from meanbits.theory.functions.asymptotes import Asymptote, at_infinity, at_zero, taylor_coefficient
from meanbits.theory.functions.pieces import Pieces, pieces
from meanbits.theory.gaussian.difference import difference, in_gap, without_cancellation
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope
from meanbits.theory.gaussian.special import ArcCosineKernel
from meanbits.theory.gaussian.tidy import tidy
from meanbits.theory.symbols import c, gap, overlap, u

ORDERS = 6
HALF = sp.Rational(1, 2)


class Spike(sp.Function):
    """Infinite at 0, and 0 elsewhere."""

    nargs = 1

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return sp.oo if self.args[0] == 0 else sp.S.Zero


@dataclass(frozen=True)
class Ratios:
    """The overlap of equal inputs, E x^2 less it; relative to it the gap 1 - C/C(1) and the slope of C, in the gap."""

    alike: sp.Expr
    unlike: sp.Expr
    gap: sp.Expr
    slope: sp.Expr


UNKNOWN = Ratios(sp.nan, sp.nan, sp.nan, sp.nan)


def ratios(kernel: sp.Expr) -> Ratios:
    """The ratios of a kernel in the replica overlap r = 1 - gap; ValueError where no rule takes its difference."""
    fall = difference(kernel, sp.S.Zero, gap)
    if fall is None:
        raise ValueError(
            f"no rule takes the difference of {kernel} between two overlaps; add one to theory/gaussian/difference.py"
        )
    alike, slope = kernel.subs(overlap, 1), in_gap(tidy(kernel.diff(overlap).subs(overlap, c)))
    return Ratios(alike, 1 - alike, fall / alike, without_cancellation(slope) / alike)


def small_overlap(function: sp.Expr, variance: sp.Expr, second_moment: sp.Expr = sp.S.One) -> Ratios:
    """Correlation -> 0 at positive variance: the lowest Hermite coefficient alone, C = a_k^2 r^k."""
    seen = function.subs(u, u * max([sp.S.One, *map(abs, pieces(function).breaks)]))  # at a variance that shows breaks
    orders = (k for k in range(ORDERS) if abs(expectation(seen * _hermite(k), 0, 1).evalf(15)) > 1e-12)
    order = next(orders, None)
    if order is None:
        return UNKNOWN
    if order == 0:
        mean = expectation(function, 0, variance).doit()
        return Ratios(mean**2, second_moment - mean**2, sp.S.Zero, sp.S.Zero)
    fall = difference(overlap**order, sp.S.Zero, gap)
    assert fall is not None
    return Ratios(sp.S.Zero, second_moment, fall, order * (1 - gap) ** (order - 1))


def _hermite(order: int) -> sp.Expr:
    return sp.polys.orthopolys.hermite_prob_poly(order, u)


def vanishing_variance(function: sp.Expr, second: sp.Expr) -> Ratios:
    """Variance -> 0: the neuron is its lowest power of h on either side; E x^2 becomes that of `second` at 0."""
    return _scale_free(function, second, at_zero, sp.S.Zero)


def infinite_variance(function: sp.Expr, second: sp.Expr) -> Ratios:
    """Variance -> infinity: the neuron is its highest power of h on either side."""
    return _scale_free(function, second, at_infinity, sp.oo)


def _scale_free(function: sp.Expr, second: sp.Expr, end: Callable[[Pieces], Asymptote | None], far: sp.Expr) -> Ratios:
    found = end(pieces(function))
    if found is None:
        return UNKNOWN
    if found.power is None or found.power <= -HALF:  # nothing is left but where f^2 is integrable
        return detached(sp.S.Zero, _limit_of_mean(second, end))
    if found.power == 0:
        value = _jump(found.above, found.below)
        return Ratios(value.alike, sp.simplify(_limit_of_mean(second, end) - value.alike), value.gap, value.slope)
    vanishes = found.power > 0 if far == 0 else found.power < 0
    alike = sp.S.Zero if vanishes else sp.oo
    value = _bend(found.above, found.below) if found.power == 1 else _power(found.power, found.above, found.below)
    total = _limit_of_mean(second, end)
    unlike = _limit_of_mean(second - function**2, end) if total == sp.oo else total - alike
    return Ratios(alike, unlike, value.gap, value.slope)


def closed_limit(closed: sp.Expr, variance: sp.Symbol) -> sp.Expr:
    """The limit of a closed form as a variance diverges; nan where SymPy knows none."""
    try:
        return sp.limit(closed.rewrite(sp.exp), variance, sp.oo)
    except (NotImplementedError, ValueError, TypeError):
        return sp.nan


def vanishing_mean(function: sp.Expr) -> sp.Expr:
    """E g(u) as the variance vanishes."""
    return _limit_of_mean(function, at_zero)


def infinite_mean(function: sp.Expr) -> sp.Expr:
    """E g(u) as the variance diverges; nan where no power tells."""
    return _limit_of_mean(function, at_infinity)


def _limit_of_mean(function: sp.Expr, end: Callable[[Pieces], Asymptote | None]) -> sp.Expr:
    """E g(u) as the variance vanishes or diverges."""
    if function == 0:
        return sp.S.Zero
    found = end(pieces(function))
    if found is None:
        return sp.nan
    if found.power == 0:
        return (found.above + found.below) / 2
    grows = found.power is not None and (found.power > 0) == (end is at_infinity)
    return sp.oo if grows else sp.S.Zero


def spread_beside(function: sp.Expr, spread: sp.Expr, far: bool) -> sp.Expr:
    """The limit of E spread(u) / E f(u)^2 as the variance vanishes or, far, diverges; nan where no powers tell."""
    own, other = (end(pieces(each)) for end in [at_infinity if far else at_zero] for each in (function, spread))
    if own is None or other is None or (own.power is None and other.power is None):
        return sp.nan
    if own.power is None or other.power is None:
        return sp.oo if own.power is None else sp.S.Zero
    if other.power == 2 * own.power:
        return sp.simplify((other.above + other.below) / (own.above**2 + own.below**2))
    return sp.oo if (other.power > 2 * own.power) == far else sp.S.Zero


def _jump(above: sp.Expr, below: sp.Expr) -> Ratios:
    step = (above + below) / 2 + (above - below) / 2 * sp.sign(u)
    return ratios(pair_expectation(step, step, 1, overlap).doit())


def _bend(above: sp.Expr, below: sp.Expr) -> Ratios:
    """a relu(u) + b u has the kernel a^2 K + (a b + b^2) r: E relu(u) v = r / 2."""
    return ratios((above + below) ** 2 * ArcCosineKernel(1 + overlap) - above * below * overlap)


def _power(power: sp.Expr, above: sp.Expr, below: sp.Expr) -> Ratios:
    """above u^p on u > 0, below |u|^p on u < 0, at variance 1: by rules, or by quadrature."""
    size = sp.Abs(u) ** power
    function = (above + below) / 2 * size + (above - below) / 2 * sp.sign(u) * size
    if power.is_Integer:
        right, left = above * u**power, below * sp.Integer(-1) ** power * u**power
        function = right if right == left else (right + left) / 2 + sp.sign(u) * (right - left) / 2
    kernel = pair_expectation(function, function, 1, overlap).doit()
    if not kernel.has(GaussianExpectation) and difference(kernel, sp.S.Zero, gap) is not None:
        return ratios(kernel)
    alike = expectation(function**2, 0, 1).doit()
    return Ratios(alike, 1 - alike, GaussianDifference(function, 1, 0, gap) / alike,
                  GaussianSlope(function, 1, gap) / alike)  # fmt: skip


def detached(alike: sp.Expr, unlike: sp.Expr) -> Ratios:
    """What is left where the slightest gap parts two inputs."""
    return Ratios(alike, unlike, sp.sign(gap), Spike(gap))


def vanishing_growth(second: sp.Expr) -> sp.Expr:
    """d E s(u) / d variance as the variance vanishes; infinite where s is not even to first order at 0."""
    found = pieces(second)
    orders = [sp.Add(*(taylor_coefficient(found.beside(sp.S.Zero, side), side, k) for side in (1, -1))) for k in (1, 2)]
    if all(each.is_finite for each in orders):
        return orders[1] / 2 if orders[0] == 0 else sp.oo * sp.sign(orders[0])
    above, below = (found.beside(sp.S.Zero, side).subs(u, 0) for side in (1, -1))
    rest = at_zero(Pieces(found.breaks, tuple(part - (above if part == found.beside(sp.S.Zero, 1) else below)
                                              for part in found.parts)))  # fmt: skip
    if rest is None or rest.power is None:
        return sp.nan
    return sp.oo * sp.sign(rest.above + rest.below) if rest.power < 2 else sp.S.Zero


def infinite_growth(second: sp.Expr) -> sp.Expr:
    """d E s(u) / d variance as the variance diverges: by the squares far out."""
    found = at_infinity(pieces(second))
    if found is None:
        return sp.nan
    if found.power is None or found.power < 2:
        return sp.S.Zero
    return (found.above + found.below) / 2 if found.power == 2 else sp.oo
