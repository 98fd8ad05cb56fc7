"""Gaussian expectations to any precision, by definition: panels of Gauss-Legendre nodes, nested for a pair."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import mpmath
import sympy as sp
from flint import arb, ctx
from sympy.core.evalf import prec_to_dps

from meanbits.theory.gaussian.balls import Ball, from_mpmath, function_of_balls, to_mpmath
from meanbits.theory.gaussian.closing import evaluate_all, flatten
from meanbits.theory.gaussian.logistic_mixture import FUNCTIONS as LOGISTIC
from meanbits.theory.gaussian.node import GaussianNode
from meanbits.theory.gaussian.piecewise_precision import FUNCTIONS as PIECEWISE
from meanbits.theory.gaussian.special import Box, HardTanh, arc_cosine_kernel, box_probability, clip_covariance
from meanbits.theory.symbols import u, v

FUNCTIONS = {
    "Softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "HardTanh": lambda x: max(-mpmath.mpf(1), min(mpmath.mpf(1), x)),
    "Box": lambda x: mpmath.mpf(abs(x) < 1),
    "ArcCosineKernel": arc_cosine_kernel,
    "BoxProbability": box_probability,
    "ClipCovariance": clip_covariance,
    "DampedSinh": lambda a, b: mpmath.exp(-a) * mpmath.sinh(b),
    "ExpErfc": lambda a, b: mpmath.exp(a) * mpmath.erfc(b),
    **LOGISTIC,
    **PIECEWISE,
}
NODES_A_DIGIT = 0.8


@lru_cache(maxsize=1024)
def integrate(node: GaussianNode, prec: int) -> sp.Expr:
    """The value of an expectation without free symbols, to about `prec` bits; the node itself if symbols remain.

    Panels end at kinks and jumps, and triple in width away from 0 and from the mean: they resolve the scale of the
    functions (order 1) and of the Gaussian.

    Raises:
        ValueError: if the integrand holds a delta function.
    """
    if node.free_symbols:
        return node
    node = _without_inner(node)
    if node.integrand.has(sp.DiracDelta):
        raise ValueError(f"{node.integrand} holds a delta function: close it by rules before evaluating")
    dps = prec_to_dps(prec)
    with mpmath.workdps(dps + 8), ctx.workprec(mpmath.mp.prec):
        mean = [_number(entry) for entry in node.mean]
        covariance = [_number(entry) for entry in node.covariance]
        kinks = [[_number(kink) for kink in kinks_of(node.integrand, variable)] for variable in node.variables]
        if node.is_pair:
            of_first, rest = node.integrand.as_independent(v, as_Add=False)
            value = _pair(_function((u,), of_first), _function((u, v), rest), mean, covariance, kinks, dps)
        else:
            value = _single(_function((u,), node.integrand), mean, covariance, kinks, dps)
        return sp.Float(to_mpmath(value), precision=prec)


def _function(variables: tuple[sp.Symbol, ...], expression: sp.Expr) -> Callable[..., Ball]:
    return function_of_balls(variables, expression, FUNCTIONS)


def _without_inner(node: GaussianNode) -> GaussianNode:
    """Inner expectations by their closed forms where they have one, else absorbed by the tower property."""
    if not node.integrand.has(GaussianNode):
        return node
    closed = evaluate_all(node.integrand)
    return flatten(node) if closed.has(GaussianNode) else node.func(closed, node.mean, node.covariance)


def _number(entry: sp.Expr) -> Ball:
    return from_mpmath(mpmath.mpf(str(sp.N(entry, mpmath.mp.dps))))


def kinks_of(integrand: sp.Expr, variable: sp.Symbol) -> set[sp.Expr]:
    """Where functions of one variable with linear arguments are not smooth."""
    arguments = [f.args[0] for f in integrand.atoms(sp.sign, sp.Abs, sp.Heaviside)]
    arguments += [f.args[0] - f.args[1] for f in integrand.atoms(sp.Max) if len(f.args) == 2]
    arguments += [f.args[0] + edge for f in integrand.atoms(HardTanh, Box) for edge in (-1, 1)]
    return {-argument.subs(variable, 0) / argument.diff(variable) for argument in arguments
            if argument.free_symbols == {variable} and not argument.diff(variable).has(variable)}  # fmt: skip


def _single(
    f: Callable[[Ball], Ball], mean: list[Ball], covariance: list[Ball], kinks: list[list[Ball]], dps: int
) -> Ball:
    (centre,), (variance,) = mean, covariance
    if variance == 0:
        return f(centre)
    total, sigma, rate = arb(0), variance.sqrt(), -1 / (2 * variance)
    rule = _legendre(int(NODES_A_DIGIT * dps) + 4, mpmath.mp.prec)
    for left, right in _panels(centre, sigma, kinks[0], dps):
        half, middle = (right - left) / 2, (right + left) / 2
        points = [((middle + half * x).mid(), weight) for x, weight in rule]
        total += half * sum(weight * f(x) * (rate * (x - centre) ** 2).exp() for x, weight in points)
    return (total / (sigma * (2 * arb.pi()).sqrt())).mid()


def _pair(
    outer: Callable[[Ball], Ball],
    inner: Callable[[Ball, Ball], Ball],
    mean: list[Ball],
    covariance: list[Ball],
    kinks: list[list[Ball]],
    dps: int,
) -> Ball:
    variance_u, shared, variance_v = covariance
    slope = shared / variance_u if variance_u != 0 else arb(0)
    spread = (variance_v - slope * shared).mid()
    spread = arb(0) if abs(spread) < variance_v * arb(10) ** (-dps - 4) else spread

    def given(point: Ball) -> Ball:
        law = [(mean[1] + slope * (point - mean[0])).mid()], [spread]
        return outer(point) * _single(lambda other: inner(point, other), *law, kinks[1:], dps)

    return _single(given, mean[:1], [variance_u], kinks[:1], dps)


def _panels(mean: Ball, sigma: Ball, kinks: list[Ball], dps: int) -> list[tuple[Ball, Ball]]:
    reach = sigma * (2 * arb(10).log() * (dps + 8)).sqrt()  # room for the growth of polynomials
    low, high, scale = (mean - reach).mid(), (mean + reach).mid(), min(arb(1), sigma.mid())
    cuts, step = [low, high, arb(0), mean, *kinks], scale / 2
    while step < abs(mean) + reach:
        cuts += [step, -step, mean + sigma * step / scale, mean - sigma * step / scale]
        step *= 3
    inside = sorted(cut for cut in (each.mid() for each in cuts) if low <= cut <= high)
    return [(left, right) for left, right in pairwise(inside) if left < right]


@lru_cache(maxsize=64)
def _legendre(count: int, prec: int) -> tuple[tuple[Ball, Ball], ...]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    with ctx.workprec(prec + 8):
        found = [arb.legendre_p_root(count, k, weight=True) for k in range(count)]
    return tuple((x.mid(), weight.mid()) for x, weight in found)
