"""How second moments grow with the variance, free of cancellation, with their limits: slopes of the variance map."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.functions.pieces import pieces, slope_between_breaks
from meanbits.theory.gaussian.closing import evaluate_all, normalise
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.limits import Ratios, infinite_growth, vanishing_growth
from meanbits.theory.stages.overlap import AtExtremes, Overlap, parted, slope_at
from meanbits.theory.symbols import gap, q, u

spread = sp.Symbol("V", positive=True)


def growth_of(found: Overlap, square: sp.Expr) -> sp.Expr:
    """(1 + q) dA/dq, by the slope of the overlap where the field is marginalised exactly, else by that of E square(u).

    The factor keeps it within floating point as far as 1 - A is, which falls as 1/(1 + q) at most.
    """
    variance = found.variance
    if not variance.has(q):
        steep = slope_at(found, tidy_rational(1 - found.correlation)).subs(gap, 0)
        inside = tidy_rational((1 + q) * found.correlation.diff(q)) * steep
        return AtExtremes(inside, q, inside.subs(q, 0), sp.S.Zero) if inside.has(q) else inside
    inside = (1 + q) * mean_growth(square, variance, q)
    zero, far = sp.limit(variance.diff(q), q, 0) * vanishing_growth(square), far_growth(found, square)
    return AtExtremes(inside, q, zero, far if far in (0, sp.nan) else sp.oo)


def mean_growth(second: sp.Expr, variance: sp.Expr, state: sp.Symbol) -> sp.Expr:
    """The derivative of E s(u), u of this variance, in `state`: by rules, else E u s'(u) / (2 variance), Stein's lemma.

    A jump J of s at t adds t J n(t) to E u s'(u).
    """
    closed = evaluate_all(expectation(second, 0, variance))
    if not closed.has(sp.Function, GaussianExpectation):  # powers of the variance: Stein's terms would cancel far out
        return tidy_rational(closed.diff(state))
    if not closed.has(GaussianExpectation):
        return tidy_rational(evaluate_all(expectation(second, 0, variance).diff(state)))
    found = pieces(second)
    total = normalise(expectation(u * slope_between_breaks(second), 0, spread))
    for at, rise in found.jumps:
        total += at * rise * sp.exp(-(at**2) / (2 * spread)) / sp.sqrt(2 * sp.pi * spread)
    return (total / (2 * spread)).subs(spread, variance) * variance.diff(state)


def far_growth(found: Overlap, square: sp.Expr) -> sp.Expr:
    """d E square(u)/dq as q -> infinity."""
    if sp.limit(found.variance, q, sp.oo) != sp.oo:
        return sp.S.Zero
    return sp.limit(found.variance.diff(q), q, sp.oo) * infinite_growth(square)


def steepest(ratios: Ratios) -> sp.Expr:
    """dC/dc at c = 1 as q -> infinity where C then is E x^2, else infinity: 1 - A is the larger the farther away."""
    (_, _, unlike), (_, _, alike), (_, _, slope) = map(parted, (ratios.unlike, ratios.alike, ratios.slope))
    value = (alike * slope).subs(gap, 0)
    return value if unlike == 0 and value.is_finite is not False else sp.oo
