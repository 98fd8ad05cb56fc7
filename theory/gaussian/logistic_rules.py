"""Closed forms of Gaussian expectations of tanh and its derivatives: a rule for `gaussian.rules`.

It sees the integrand as a polynomial in t = tanh(w): tanh' is 1 - t^2 and tanh'' is -2 t (1 - t^2).
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from meanbits.theory.gaussian.logistic import (
    TanhCurvatureOverlap,
    TanhMean,
    TanhOverlap,
    TanhOverlapGrowth,
    TanhSlopeOverlap,
)
from meanbits.theory.gaussian.node import BOUND, GaussianNode
from meanbits.theory.gaussian.tidy import tidy_rational

t_u, t_v = sp.symbols("t_u t_v", real=True)
slope_u, slope_v = 1 - t_u**2, 1 - t_v**2


def slopes_overlap(variance: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    """E tanh'(u) tanh'(v)."""
    return TanhSlopeOverlap(variance, tidy_rational(1 - correlation**2))


def curvatures_overlap(variance: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    """E tanh''(u) tanh''(v) / 4."""
    return correlation * TanhCurvatureOverlap(variance, tidy_rational(1 - correlation**2)) / 4


Patterns = tuple[tuple[sp.Expr, Callable[..., sp.Expr]], ...]
SINGLE: Patterns = (  # at any mean: laws of (mean, variance)
    (t_u, TanhMean),
    (slope_u, lambda mean, variance: TanhMean(mean, variance, 1)),
    (t_u * slope_u, lambda mean, variance: -TanhMean(mean, variance, 2) / 2),
)
CENTRED: Patterns = (  # of two variables of mean 0 and one variance, or of one: laws of (variance, correlation)
    (t_u * t_v, TanhOverlap),
    (t_u**2, TanhOverlap),
    (slope_u * slope_v, slopes_overlap),
    (slope_u**2, slopes_overlap),
    (t_u * slope_u * t_v * slope_v, curvatures_overlap),
    (t_u**2 * slope_u**2, curvatures_overlap),
    (slope_u * (1 - 3 * t_u**2), TanhOverlapGrowth),
)


def tanhs(node: GaussianNode, _: object) -> sp.Expr | None:
    """tanh, its slope, products of two of either, and their derivatives: tanh is a scale mixture of erfs.

    Source: Andrews and Mallows 1974, J. R. Statist. Soc. B 36, 99; the overlaps are those of `gaussian.logistic`.
    """
    fields = _fields(node)
    if fields is None:
        return None
    integrand = node.integrand.xreplace({sp.tanh(field): t for field, t in zip(fields, (t_u, t_v), strict=False)})
    if integrand.has(*BOUND) or not integrand.is_polynomial(t_u, t_v):
        return None
    gains = sp.Matrix([[field.diff(w) for w in node.variables] for field in fields])
    offsets = sp.Matrix([field.subs(dict.fromkeys(BOUND, 0)) for field in fields])
    mean, law = gains * sp.Matrix(node.mean) + offsets, (gains * node.matrix * gains.T).applyfunc(tidy_rational)
    if not node.is_pair and (closed := _matched(integrand, SINGLE, mean[0], law[0])) is not None:
        return closed
    if any(entry != 0 for entry in mean) or law[0, 0] != law[-1, -1]:
        return None
    return _matched(integrand, CENTRED, law[0, 0], tidy_rational(law[0, -1] / law[0, 0]))


def _fields(node: GaussianNode) -> list[sp.Expr] | None:
    """The argument of the tanh of each variable; None unless each has one, and that is linear."""
    fields: list[sp.Expr] = []
    for w in node.variables:
        arguments = [function.args[0] for function in node.integrand.atoms(sp.tanh) if function.has(w)]
        if len(arguments) != 1 or arguments[0].diff(w).has(*BOUND):
            return None
        fields += arguments
    return fields


def _matched(integrand: sp.Expr, patterns: Patterns, *state: sp.Expr) -> sp.Expr | None:
    """The law of the pattern that the integrand is proportional to, times the factor."""
    found = sp.Poly(integrand, t_u, t_v)
    for pattern, law in patterns:
        model = sp.Poly(pattern, t_u, t_v)
        if found.monic() == model.monic():
            return found.LC() / model.LC() * law(*state)
    return None
