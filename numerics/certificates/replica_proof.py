"""Criticality of the exact treatments, by the convexity of the replica map r' = g(r).

g(r) = (sigma_m2 f_T(r) + sigma_b2) / T', f_T(r) = E phi(u) phi(v) with u, v ~ N(0, T) of correlation r. By Mehler's
expansion f_T(r) = sum_k a_k^2 r^k, so g lies above its tangents, and g(1) <= 1: where g(1) < 1, or phi is not affine,
the slope at a fixed point r < 1 is below 1. What is left is r = 1, a sharp field (D = 0).
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from meanbits.numerics.certificates.balls import ball
from meanbits.numerics.certificates.branches import branches, jumps, x
from meanbits.numerics.certificates.network_law import NetworkLaw, bends, is_affine, law_steps, network_law
from meanbits.numerics.certificates.proof import Certificate, ProofStep, Verdict, check, conclude
from meanbits.numerics.certificates.sharp_field import free_sharp_field, linear_neurons, sharp_field
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.closing import evaluate_all, flatten_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.open_nodes import GaussianSlope
from meanbits.theory.gaussian.tidy import tidy
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import T, h, overlap, q, sigma_b2, sigma_m2, u, v

METHOD = "convexity of the replica map"
SHOWN = 4
F, G = sp.Function("F"), sp.Function("G")
k = sp.Symbol("k", integer=True, positive=True)
s, t = sp.symbols("s t", real=True)


def replica_certificate(theory: Theory) -> Certificate:
    """The certificate of a surrogate whose replica map is derived."""
    law = network_law(theory)
    link = check("replica form", "r' = (sigma_m2 f_T(r) + sigma_b2)/T', T' = rho E x^2 + sigma_b2",
                 "the derived maps less this form simplify to 0", lambda: _has_replica_form(theory, law))  # fmt: skip
    slope = check("slope", "chi_1 of the derived conditions is g'(r) at c = 1", "by algebra; infinite where phi jumps",
                  lambda: _is_slope(theory, law))  # fmt: skip
    laws = (link, slope, *law_steps(theory))
    gap = sp.simplify(theory.total_map - sigma_b2 - law.spread * _overlap_at_one(law))
    if gap == 0 and law.limit is None and not is_relative(theory.mean_field):
        return conclude((link, slope), free_sharp_field(theory, law))
    steps = (*laws, *convexity_steps(), *bound_steps(theory, law))
    if not _closes(gap, law):
        return conclude((*steps, strict_step(law), no_limit_step(law)), _strict_verdict(theory, law))
    if is_affine(law.phi):
        return conclude(steps, linear_neurons(theory, law))
    bent = check("not affine", "phi is not a + b h, so a_k^2 > 0 for some k >= 2 at every T",
                 "three points off a line, by balls", lambda: bends(law.phi))  # fmt: skip
    return conclude((*steps, bent), sharp_field(theory, law))


@lru_cache(maxsize=1)
def convexity_steps() -> tuple[ProofStep, ...]:
    """Mehler's expansion, and chords above tangents for every power of r."""
    return (
        check("Price, induction", "d/dr E F(u) G(v) = T E F'(u) G'(v), F and G undefined", "engine", _price_induction),
        check("Price, coefficients", f"d^k f_T/dr^k = T^k (E phi^(k))^2 at r = 0, k < {SHOWN}, phi undefined", "engine",
              _price_coefficients),
        check("Mehler", f"the same without derivatives: E e^(su) e^(tv) = sum_k (T s t r)^k/k! E e^(su) E e^(tv), each "
              f"term a product of Hermite coefficients (shown for k < {SHOWN}); exponentials are total in L^2",
              "engine, and the exponential series", _mehler),
        check("tangents", "1 - r^k - k r^(k-1) (1 - r) >= 0 for r in [0, 1], > 0 for k >= 2 and r < 1",
              "0 at k = 1, and from k to k + 1 it grows by k r^(k-1) (1 - r)^2; by algebra", _tangents),
    )  # fmt: skip


def bound_steps(theory: Theory, law: NetworkLaw) -> tuple[ProofStep, ...]:
    """g(1) <= 1."""
    ceiling = law.spread if law.limit is None else law.limit
    return (
        check("1 - g(1)", "T' (1 - g(1)) = (rho - sigma_m2) E phi^2 + rho E Var(x|h)", "the derived maps, by algebra",
              lambda: _splits(theory, law)),
        check("g(1) <= 1", f"rho - sigma_m2 >= {law.rho} - {ceiling} >= 0, and a variance is not negative",
              "by algebra", lambda: bool((law.rho - ceiling).is_nonnegative)),
    )  # fmt: skip


def _splits(theory: Theory, law: NetworkLaw) -> bool:
    size, second = _overlap_at_one(law), evaluate_all(expectation(law.second.subs(h, u), 0, T))
    gap = theory.total_map - sigma_b2 - law.spread * size
    return sp.simplify(gap - (law.rho - law.spread) * size - law.rho * (second - size)) == 0


def strict_step(law: NetworkLaw) -> ProofStep:
    """1 - g(1) is positive."""
    return check("g(1) < 1", "rho - sigma_m2 > 0, or Var(x|h) > 0 near some h, so 1 - g(1) > 0 unless sigma_m2 = 0",
                 "balls", lambda: _has_excess(law) or _varies(law))  # fmt: skip


def no_limit_step(law: NetworkLaw) -> ProofStep:
    """chi_1 stays below 1 as T -> 0, the only place where 1 - g(1) may close with (sigma_m2, sigma_b2) finite."""
    if law.second == 1:
        return check(
            "T -> 0",
            "T >= rho for binary neurons; where rho = sigma_m2 -> 0, chi_1 <= sigma_m2 phi'(0)^2 -> 0",
            "rho is a number, or phi'(0) is finite",
            lambda: law.limit is not None or _slope_is_finite(law),
        )
    return check("T -> 0", "sigma_b2 >= 0 needs rho phi'(0)^2 <= 1, and then chi_1 -> at most limit/rho < 1",
                 "by algebra", lambda: _has_excess(law))  # fmt: skip


def _slope_is_finite(law: NetworkLaw) -> bool:
    return all(ball(part.value.diff(x).subs(x, 0)).is_finite() for part in law.branches if part.left == 0)


def _has_excess(law: NetworkLaw) -> bool:
    return law.limit is not None and bool(law.rho - law.limit > 0)


def _varies(law: NetworkLaw) -> bool:
    """Var(x|h) > 0 as h -> 0 from some side, and so near 0."""
    variance = branches(law.second - law.phi**2)
    return any(bool(ball(part.value.subs(x, 0)) > 0) for part in variance if part.left == 0)


def _strict_verdict(theory: Theory, law: NetworkLaw) -> Verdict:
    why = "the slope chi at a fixed point is below 1, for g is convex and g(1) < 1"
    if not is_relative(theory.mean_field):
        why = f"c = 1 is never a fixed point, and {why}"
    return Verdict("none", f"no critical initialisation for any {law.domain}, sigma_b2 >= 0: {why}", METHOD)


def _closes(gap: sp.Expr, law: NetworkLaw) -> bool:
    """Whether 1 - g(1) vanishes at the largest sigma_m2, for every T."""
    return gap == 0 if law.limit is None else sp.simplify(gap.subs(sigma_m2, law.limit)) == 0


def _overlap_at_one(law: NetworkLaw) -> sp.Expr:
    return evaluate_all(expectation(law.phi.subs(h, u) ** 2, 0, T))


def _slope_of(pair: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    return tidy(evaluate_all(flatten_all(pair).diff(overlap))).subs(overlap, correlation)


def _slopes_opened(expression: sp.Expr) -> sp.Expr:
    """Slopes that were left to quadrature, by what they are: derivatives of an overlap in its correlation."""

    def opened(function: sp.Expr, variance: sp.Expr, distance: sp.Expr) -> sp.Expr:
        pair = pair_expectation(function, function, variance, variance * overlap)
        return _slope_of(pair, sp.cancel(1 - distance))

    return expression.replace(GaussianSlope, opened)


def _pair(law: NetworkLaw) -> sp.Expr:
    phi = law.phi.subs(h, u)
    return pair_expectation(phi, phi, T, T * overlap)


def _has_replica_form(theory: Theory, law: NetworkLaw) -> bool:
    replica = theory.maps.replica_map
    total = law.rho * evaluate_all(expectation(law.second.subs(h, u), 0, T)) + sigma_b2
    form = (law.spread * evaluate_all(_pair(law)) + sigma_b2) / total
    return replica is not None and all(
        sp.simplify(difference) == 0 for difference in (replica.closed - form, theory.total_map - total)
    )


def _is_slope(theory: Theory, law: NetworkLaw) -> bool:
    """chi_1 = spread d f_T/dr / T at the fixed point T' = T, at r = q/(1+q) (relative) or r = 1, T = q."""
    assert theory.criticality is not None
    chi_1 = _slopes_opened(theory.criticality.marginal + 1)
    if chi_1.is_infinite:
        return jumps(law.branches)
    place = q / (1 + q) if is_relative(theory.mean_field) else sp.S.One
    slope = _slope_of(_pair(law), place)
    expected = law.spread * evaluate_all(slope) / T
    return sp.simplify(chi_1 - (expected if is_relative(theory.mean_field) else expected.subs(T, q))) == 0


def _price_induction() -> bool:
    pair = GaussianExpectation(F(u) * G(v), (0, 0), (T, T * overlap, T))
    slopes = GaussianExpectation(F(u).diff(u) * G(v).diff(v), (0, 0), (T, T * overlap, T))
    return sp.expand(pair.diff(overlap) - T * slopes) == 0


def _price_coefficients() -> bool:
    pair = pair_expectation(F(u), F(u), T, T * overlap)
    expected = [T**n * pair_expectation(F(u).diff(u, n), F(u).diff(u, n), T, 0) for n in range(SHOWN)]
    return all(sp.expand(pair.diff(overlap, n).subs(overlap, 0) - value) == 0 for n, value in enumerate(expected))


def _mehler() -> bool:
    """E e^(su) e^(tv) = exp(T (s^2 + t^2)/2 + T s t r), and E e^(su) He_k(u/sqrt T) = (s sqrt T)^k E e^(su)."""
    pair = evaluate_all(GaussianExpectation(sp.exp(s * u + t * v), (0, 0), (T, T * overlap, T)))
    single = evaluate_all(expectation(sp.exp(s * u), 0, T))
    if sp.simplify(pair / (single * single.subs(s, t)) - sp.exp(T * s * t * overlap)) != 0:
        return False
    hermite = [evaluate_all(expectation(sp.exp(s * u) * sp.expand(_hermite(n).subs(u, u / sp.sqrt(T))), 0, T))
               for n in range(SHOWN)]  # fmt: skip
    return all(sp.simplify(value - (s * sp.sqrt(T)) ** n * single) == 0 for n, value in enumerate(hermite))


def _hermite(order: int) -> sp.Expr:
    """The probabilists' He_k(u), by its definition."""
    density = sp.exp(-(u**2) / 2)
    return sp.simplify((-1) ** order * density.diff(u, order) / density)


def _tangents() -> bool:
    excess = 1 - overlap**k - k * overlap ** (k - 1) * (1 - overlap)
    growth = excess.subs(k, k + 1) - excess - k * overlap ** (k - 1) * (1 - overlap) ** 2
    return sp.simplify(sp.expand(excess.subs(k, 1))) == 0 and sp.simplify(sp.expand(growth)) == 0
