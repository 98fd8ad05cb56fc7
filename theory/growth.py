"""The growth of the mean square A in q, free of cancellation and with its limits: the slope of the variance map."""

from __future__ import annotations

import sympy as sp

from theory.gaussian import evaluate_all, expectation
from theory.limits import Ratios, infinite_growth, vanishing_growth
from theory.overlap import AtExtremes, Overlap, parted, slope_at
from theory.symbols import gap, q
from theory.tidy import tidy_rational


def growth_of(found: Overlap) -> sp.Expr:
    """(1 + q) dA/dq, by the slope of the overlap where the field is marginalised exactly, else by that of E f(u)^2.

    The factor keeps it within floating point as far as 1 - A is, which falls as 1/(1 + q) at most.
    """
    variance = found.variance
    if not variance.has(q):
        steep = slope_at(found, tidy_rational(1 - found.correlation)).subs(gap, 0)
        inside = tidy_rational((1 + q) * found.correlation.diff(q)) * steep
        return AtExtremes(inside, q, inside.subs(q, 0), sp.S.Zero) if inside.has(q) else inside
    inside = (1 + q) * tidy_rational(evaluate_all(expectation(found.function**2, 0, variance).diff(q)))
    zero = sp.limit(variance.diff(q), q, 0) * vanishing_growth(found.function)
    return AtExtremes(inside, q, zero, sp.S.Zero if far_growth(found) == 0 else sp.oo)


def far_growth(found: Overlap) -> sp.Expr:
    """dA/dq as q -> infinity."""
    if sp.limit(found.variance, q, sp.oo) != sp.oo:
        return sp.S.Zero
    return sp.limit(found.variance.diff(q), q, sp.oo) * infinite_growth(found.function)


def steepest(ratios: Ratios) -> sp.Expr:
    """dC/dc at c = 1 as q -> infinity where C then is E x^2, else infinity: 1 - A is the larger the farther away."""
    (_, _, unlike), (_, _, alike), (_, _, slope) = map(parted, (ratios.unlike, ratios.alike, ratios.slope))
    value = (alike * slope).subs(gap, 0)
    return value if unlike == 0 and value.is_finite is not False else sp.oo
