"""Criticality of a sharp field: r = 1 is a fixed point, T = sigma_m2 E phi^2 + sigma_b2, chi_1 = sigma_m2 E phi'^2.

Either at the limit of sigma_m2 alone (random weights, all means at their bounds), or everywhere (fixed weights).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import Ball, ball, exact, hull
from meanbits.numerics.certificates.branches import Branches, gaussian_mean, is_continuous, jumps, x
from meanbits.numerics.certificates.mean_signs import IN_MEAN, negative_in_mean
from meanbits.numerics.certificates.network_law import NetworkLaw, is_odd
from meanbits.numerics.certificates.proof import Enclosures, Verdict, check
from meanbits.numerics.certificates.signs import POINTWISE, Margin, Margins, negative_almost_everywhere
from meanbits.numerics.certificates.variance_stability import critical_slope, is_stable, stable_step
from meanbits.theory.derive import Theory
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import h

EXPONENTS = range(-20, 21)
REFINEMENTS = 34
METHOD = "convexity of the replica map, and a bound at its end"


def free_sharp_field(theory: Theory, law: NetworkLaw) -> Verdict:
    """Fixed weights, sigma_m2 unbounded: sigma_m2 = 1/E phi'^2 and sigma_b2 = q - sigma_m2 E phi^2 >= 0 for some q."""
    if not is_continuous(law.branches):
        return infinite_slope(law)
    for variance in (arb(1), *(arb(4) ** power for power in EXPONENTS)):
        spread = 1 / gaussian_mean(squares(law.branches, slope=True), variance)
        bias = variance - spread * gaussian_mean(squares(law.branches), variance)
        if bias > 0 and is_stable(law.branches, variance):
            return _with_bias(law, {"q": variance, "sigma_m2": spread, "sigma_b2": bias})
    return _without_bias(theory, law)


def _with_bias(law: NetworkLaw, point: Enclosures) -> Verdict:
    variance, bias = point["q"], point["sigma_b2"]
    step = check("critical point", f"sigma_b2 = q - E phi^2/E phi'^2 = {bias} > 0 at q = {variance}",
                 "Gaussian integrals by balls", lambda: bool(bias > 0))  # fmt: skip
    steps = step, stable_step(critical_slope(law.branches, variance))
    return Verdict("attained", "critical where sigma_m2 = 1/E phi'^2, sigma_b2 = q - sigma_m2 E phi^2 >= 0 and q is "
                   "stable (the edge of chaos)", "critical curve", steps, point)  # fmt: skip


def _without_bias(theory: Theory, law: NetworkLaw) -> Verdict:
    curve = theory.critical_curve
    vanishes = check("critical point", "sigma_b2 = 0 along the whole derived curve", "by algebra",
                     lambda: curve is not None and sp.simplify(curve[1]) == 0)  # fmt: skip
    spread = 1 / gaussian_mean(squares(law.branches, slope=True), arb(1))
    box = {"q": arb(1), "sigma_m2": spread, "sigma_b2": arb(0)}
    return Verdict("attained", f"critical at sigma_m2 = {_shown(spread)}, sigma_b2 = 0, where every q is a fixed point",
                   "critical curve", (vanishes,), box)  # fmt: skip


def sharp_field(theory: Theory, law: NetworkLaw) -> Verdict:
    """At sigma_m2 = limit: whether some T >= 0 has limit E phi'^2 = 1 and sigma_b2 = T - rho E x^2 >= 0."""
    if not is_continuous(law.branches):
        return infinite_slope(law)
    assert law.limit is not None
    margins = slope_margins(law)
    claim = f"{law.limit} E phi'(u)^2 < 1 for u ~ N(0, T) and every T > 0"
    below = check("chi_1 < 1", claim, POINTWISE, lambda: negative_almost_everywhere(margins))
    if not below.holds:
        parts = tuple(margin.branch for margin in margins)
        crossing = bracket(lambda total: gaussian_mean(parts, total))
        if crossing is not None:
            return _attained(theory, law, parts, crossing)
        below = check("chi_1 < 1", claim, IN_MEAN, lambda: negative_in_mean(margins))
    start = sp.simplify(law.limit * _mean_at_zero([part.value.diff(x) ** 2 for part in _inner(law)]) - 1)
    origin = sp.simplify(_mean_at_zero([part.value**2 for part in _inner(law)]))
    domain = f"{law.domain}, sigma_b2 >= 0"
    if start == 0 and origin == 0:
        feasible = check("sigma_b2 >= 0", "E phi^2 <= T E phi'^2 < T for odd phi (Gaussian Poincare inequality)",
                         "phi(-h) = -phi(h), by algebra", lambda: is_odd(law.phi))  # fmt: skip
        return Verdict(
            "limit",
            f"no critical initialisation for {domain}: chi_1 < 1, and it tends to 1 only as "
            f"(sigma_m2, sigma_b2) -> ({law.limit}, 0), where T -> 0",
            METHOD,
            (below, feasible),
        )
    away = check("T -> 0", "chi_1 stays below 1, or T -> 0 is no fixed point since phi(0) != 0", "balls",
                 lambda: bool(origin != 0 or ball(start) < 0))  # fmt: skip
    return Verdict(
        "none",
        f"no critical initialisation for {domain}: at a fixed point r < 1 the slope is below 1, and "
        f"at r = 1 (sigma_m2 = {law.limit}) chi_1 < 1 for every T, and as T -> 0",
        METHOD,
        (below, away),
    )


def infinite_slope(law: NetworkLaw) -> Verdict:
    """Neurons that jump: chi_1 is infinite at r = 1."""
    step = check("r = 1", "phi jumps, so E phi'^2 and the slope at r = 1 are infinite", "one-sided limits, by balls",
                 lambda: jumps(law.branches))  # fmt: skip
    return Verdict("none", f"no critical initialisation for any {law.domain}, sigma_b2 >= 0: the slope is below 1 at a "
                   "fixed point r < 1, and infinite at r = 1", "convexity of the replica map", (step,))  # fmt: skip


def linear_neurons(theory: Theory, law: NetworkLaw) -> Verdict:
    """phi = a + b h, the exception to strict convexity: g is affine, critical iff limit b^2 = 1 and a = 0."""
    assert law.limit is not None
    slope, offset = law.phi.diff(h), law.phi.subs(h, 0)
    excess = sp.simplify(law.limit * slope**2 - 1)
    step = check("linear exception", f"g is affine of slope sigma_m2 b^2 with b = {slope}; rho b^2 <= 1 for T' = T",
                 "by algebra", lambda: bool(excess == 0 or ball(excess) < 0))  # fmt: skip
    if excess != 0 or offset != 0:
        return Verdict("none", f"no critical initialisation for {law.domain}: linear neurons of slope below "
                       "1, or with an offset that leaves T no fixed point", "linear neurons", (step,))  # fmt: skip
    box = {"q": arb(1), "sigma_m2": ball(law.limit), "sigma_b2": arb(0)}
    return Verdict(
        "attained",
        f"critical at (sigma_m2, sigma_b2) = ({law.limit}, 0) and every q: the exception of "
        "linear neurons, whose replica map is the identity there",
        "linear neurons",
        (step,),
        box,
    )


def _attained(theory: Theory, law: NetworkLaw, parts: Branches, crossing: tuple[arb, arb]) -> Verdict:
    """A T where limit E phi'^2 crosses 1, between two T where balls give its sign."""
    low, high = crossing
    total = hull(low, high)
    bias = total - ball(law.limit) * gaussian_mean(squares(law.branches), total)
    steps = (
        check("chi_1 = 1", f"chi_1 - 1 changes sign in T between {low} and {high}: intermediate value theorem",
              "Gaussian integrals by balls", lambda: crosses(lambda value: gaussian_mean(parts, value), low, high)),
        check("sigma_b2 >= 0", f"sigma_b2 = T - limit E phi^2 = {bias}", "Gaussian integrals by balls",
              lambda: bool(bias > 0)),
        stable_step(critical_slope(law.branches, total)),
    )  # fmt: skip
    point = f"sigma_m2 = {law.limit}, sigma_b2 = {_shown(bias)}, where T = {_shown(total)}"
    rest = {"sigma_m2": ball(law.limit), "sigma_b2": bias}
    if is_relative(theory.mean_field):
        return Verdict("limit", f"critical only in the limit of {point}: there the field is sharp (Sigma = 0), so "
                       "q = infinity", METHOD, steps, {"T": total} | rest)  # fmt: skip
    box = {"q": total} | rest
    return Verdict("attained", f"critical at {point}, a sharp field; nowhere at smaller sigma_m2", METHOD, steps, box)


def squares(parts: Branches, slope: bool = False) -> Branches:
    """phi^2, or phi'^2."""
    return tuple(part.map(lambda value: (value.diff(x) if slope else value) ** 2) for part in parts)


def slope_margins(law: NetworkLaw) -> Margins:
    """limit phi'^2 - 1 on each branch."""
    assert law.limit is not None
    limit = law.limit
    return tuple(
        Margin(part.map(lambda value: limit * value.diff(x) ** 2 - 1),
               (2 * limit, part.value.diff(x), part.value.diff(x, 2)))
        for part in law.branches
    )  # fmt: skip


def bracket(
    function: Callable[[arb], Ball], largest: arb | None = None, refinements: int = REFINEMENTS
) -> tuple[arb, arb] | None:
    """Two arguments > 0, close together, between which balls prove that a function changes sign; the largest found."""
    grid = [arb(2) ** power for power in EXPONENTS]
    grid = grid if largest is None else [*(point for point in grid if point < largest), largest]
    values = ((point, function(point)) for point in reversed(grid))
    for (high, above), (low, below) in pairwise(values):
        if _differ(below, above):
            return _refined(function, low, high, refinements)
    return None


def crosses(function: Callable[[arb], Ball], low: arb, high: arb) -> bool:
    """Whether the values at two points provably differ in sign."""
    return _differ(function(low), function(high))


def _differ(first: Ball, second: Ball) -> bool:
    return bool((first < 0 and second > 0) or (first > 0 and second < 0))


def _refined(function: Callable[[arb], Ball], low: arb, high: arb, refinements: int) -> tuple[arb, arb]:
    above = function(high)
    for _ in range(refinements):
        middle = exact((low + high) / 2)
        value = function(middle)
        if _differ(value, above):
            low = middle
        elif value.contains(0):
            break
        else:
            high = middle
    return low, high


def _inner(law: NetworkLaw) -> Branches:
    return tuple(part for part in law.branches if part.left == 0)


def _mean_at_zero(values: list[sp.Expr]) -> sp.Expr:
    return sum(value.subs(x, 0) for value in values) / len(values)


def _shown(value: arb) -> str:
    return value.str(8, radius=False)
