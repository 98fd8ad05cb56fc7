"""Gaussian expectations to any precision, by definition: panels of Gauss-Legendre nodes, nested for a pair."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import mpmath
import sympy as sp
from sympy.core.evalf import prec_to_dps
from sympy.integrals.quadrature import gauss_legendre

from theory.gaussian import GaussianExpectation, evaluate_all
from theory.gaussian_rules import flatten
from theory.special import arc_cosine_kernel

Number = mpmath.mpf

FUNCTIONS = {
    "HardTanh": lambda x: max(-mpmath.mpf(1), min(mpmath.mpf(1), x)),
    "Box": lambda x: mpmath.mpf(abs(x) < 1),
    "ArcCosineKernel": arc_cosine_kernel,
    "ExpErfc": lambda a, b: mpmath.exp(a) * mpmath.erfc(b),
}
NODES_A_DIGIT = 0.8


@lru_cache(maxsize=1024)
def integrate(node: GaussianExpectation, prec: int) -> sp.Expr:
    """The value of an expectation without free symbols, to about `prec` bits; the node itself if symbols remain.

    Functions may have kinks or jumps at 0, 1 and -1 (sign, hard tanh). Scales down to those of the functions (order 1)
    and of the Gaussian are resolved by panels that triple in width away from 0 and from the mean.

    Raises:
        ValueError: if the integrand holds a delta function.
    """
    if node.free_symbols:
        return node
    node = _without_inner(node)
    if node.integrand.has(sp.DiracDelta):
        raise ValueError(f"{node.integrand} holds a delta function: close it by rules before evaluating")
    dps = prec_to_dps(prec)
    with mpmath.workdps(dps + 8):
        f = sp.lambdify(node.variables, node.integrand, modules=[FUNCTIONS, "mpmath"])
        mean = [_number(entry) for entry in node.mean]
        covariance = [_number(entry) for entry in node.covariance]
        value = _pair(f, mean, covariance, dps) if node.is_pair else _single(f, mean[0], covariance[0], dps)
        return sp.Float(value, precision=prec)


def _without_inner(node: GaussianExpectation) -> GaussianExpectation:
    """Inner expectations by their closed forms where they have one, else absorbed by the tower property."""
    if not node.integrand.has(GaussianExpectation):
        return node
    closed = evaluate_all(node.integrand)
    return flatten(node) if closed.has(GaussianExpectation) else node.func(closed, node.mean, node.covariance)


def _number(entry: sp.Expr) -> Number:
    return mpmath.mpf(str(sp.N(entry, mpmath.mp.dps)))


def _single(f: Callable[[Number], Number], mean: Number, variance: Number, dps: int) -> Number:
    if variance == 0:
        return f(mean)
    total, sigma = mpmath.mpf(0), mpmath.sqrt(variance)
    for left, right in _panels(mean, sigma, dps):
        half, middle = (right - left) / 2, (right + left) / 2
        for x, weight in _legendre(int(NODES_A_DIGIT * dps) + 4, mpmath.mp.prec):
            point = middle + half * x
            total += half * weight * f(point) * mpmath.exp(-((point - mean) ** 2) / (2 * variance))
    return total / (sigma * mpmath.sqrt(2 * mpmath.pi))


def _pair(f: Callable[[Number, Number], Number], mean: list[Number], covariance: list[Number], dps: int) -> Number:
    variance_u, shared, variance_v = covariance
    slope = shared / variance_u if variance_u != 0 else mpmath.mpf(0)
    spread = variance_v - slope * shared
    spread = mpmath.mpf(0) if abs(spread) < variance_v * mpmath.mpf(10) ** (-dps - 4) else spread

    def given(point: Number) -> Number:
        return _single(lambda other: f(point, other), mean[1] + slope * (point - mean[0]), spread, dps)

    return _single(given, mean[0], variance_u, dps)


def _panels(mean: Number, sigma: Number, dps: int) -> list[tuple[Number, Number]]:
    reach = sigma * mpmath.sqrt(2 * mpmath.log(10) * (dps + 2))
    low, high = mean - reach, mean + reach
    steps = [mpmath.mpf(3) ** power / 2 for power in range(60)]
    scale = min(mpmath.mpf(1), sigma)
    cuts = {low, high, mpmath.mpf(0), mpmath.mpf(1), mpmath.mpf(-1), mean}
    for step in steps:
        cuts |= {scale * step, -scale * step, mean + sigma * step, mean - sigma * step}
        if scale * step > abs(mean) + reach:
            break
    inside = sorted(cut for cut in cuts if low <= cut <= high)
    return list(zip(inside, inside[1:], strict=False))


@lru_cache(maxsize=64)
def _legendre(count: int, prec: int) -> tuple[tuple[Number, Number], ...]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    with mpmath.workprec(prec):
        nodes, weights = gauss_legendre(count, prec_to_dps(prec))
        return tuple((_number(x), _number(weight)) for x, weight in zip(nodes, weights, strict=True))
