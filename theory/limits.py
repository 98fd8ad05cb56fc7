"""Overlaps of neurons in the limits q -> 0 and q -> infinity, where the maps are ratios 0/0 or infinity/infinity."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.difference import difference, in_gap, without_cancellation
from theory.gaussian import expectation, pair_expectation
from theory.piecewise import pieces_of
from theory.special import ArcCosineKernel
from theory.symbols import c, gap, overlap, u
from theory.tidy import tidy

ORDERS = 6
beyond = sp.Symbol("beyond", positive=True)


@dataclass(frozen=True)
class Ratios:
    """The overlap of equal inputs, E x^2 less it; relative to it the gap 1 - C/C(1) and the slope of C, in the gap."""

    alike: sp.Expr
    unlike: sp.Expr
    gap: sp.Expr
    slope: sp.Expr


def ratios(kernel: sp.Expr) -> Ratios:
    """The ratios of a kernel in the replica overlap r = 1 - gap; ValueError where no rule takes its difference."""
    fall = difference(kernel, sp.S.Zero, gap)
    if fall is None:
        raise ValueError(
            f"no rule takes the difference of {kernel} between two overlaps; add one to theory/difference.py"
        )
    alike, slope = kernel.subs(overlap, 1), in_gap(tidy(kernel.diff(overlap).subs(overlap, c)))
    return Ratios(alike, 1 - alike, fall / alike, without_cancellation(slope) / alike)


def small_overlap(function: sp.Expr, variance: sp.Expr, second_moment: sp.Expr = sp.S.One) -> Ratios:
    """Correlation -> 0 at positive variance: the lowest Hermite coefficient alone, C = a_k^2 r^k."""
    order = next(k for k in range(ORDERS) if abs(expectation(function * _hermite(k), 0, 1).evalf(15)) > 1e-12)
    if order == 0:
        mean = expectation(function, 0, variance).doit()
        return Ratios(mean**2, second_moment - mean**2, sp.S.Zero, sp.S.Zero)
    fall = difference(overlap**order, sp.S.Zero, gap)
    assert fall is not None
    return Ratios(sp.S.Zero, second_moment, fall, order * (1 - gap) ** (order - 1))


def _hermite(order: int) -> sp.Expr:
    return sp.polys.orthopolys.hermite_prob_poly(order, u)


def vanishing_variance(function: sp.Expr) -> Ratios:
    """Variance -> 0: the neuron is its jump at 0, or its slopes on either side."""
    local = {side: _local(function, side, sp.S.Zero) for side in (1, -1)}
    above, below = (_limit(local[side], side, sp.S.Zero) for side in (1, -1))
    if above != 0 or below != 0:
        return _jump(above, below)
    slopes = [_limit(local[side] / u, side, sp.S.Zero) for side in (1, -1)]
    return _silent() if local[1] == local[-1] == 0 else _bend(*slopes, alike=sp.S.Zero)


def _local(function: sp.Expr, side: int, point: sp.Expr) -> sp.Expr:
    """What a piecewise polynomial function is on that side of 0 or far out; other functions as they are."""
    found = pieces_of(function, u)
    if found is None:
        return function
    if point == sp.oo:
        return found.polynomials[-1 if side > 0 else 0]
    return found.polynomials[sum(1 if edge < 0 or (edge == 0 and side > 0) else 0 for edge in found.breaks)]


def _silent() -> Ratios:
    """Both fields beyond a threshold is exponentially less likely than one: any gap is a whole one."""
    return Ratios(sp.S.Zero, sp.S.One, sp.sign(gap), sp.S.Zero)


def infinite_variance(function: sp.Expr) -> Ratios:
    """Variance -> infinity: the neuron is the sign function of its limits, or its slopes far out."""
    local = {side: _local(function, side, sp.oo) for side in (1, -1)}
    above, below = (_limit(local[side], side, sp.oo) for side in (1, -1))
    if above.is_finite and below.is_finite:
        return _jump(above, below)
    slopes = [_limit(local[side] / u, side, sp.oo) for side in (1, -1)]
    return _bend(*slopes, alike=sp.oo)


def _limit(function: sp.Expr, side: int, point: sp.Expr) -> sp.Expr:
    return sp.limit(function.subs(u, side * beyond), beyond, point, "+" if point == 0 else "-")


def _jump(above: sp.Expr, below: sp.Expr) -> Ratios:
    if not (above.is_finite and below.is_finite) or above == below == 0:
        raise ValueError(f"a neuron of limits {below} and {above}: no limit of its overlaps is known")
    step = (above + below) / 2 + (above - below) / 2 * sp.sign(u)
    return ratios(pair_expectation(step, step, 1, overlap).doit())


def _bend(above: sp.Expr, below: sp.Expr, alike: sp.Expr) -> Ratios:
    """a relu(u) + b u has the kernel a^2 K + (a b + b^2) r: E relu(u) v = r / 2."""
    if not (above.is_finite and below.is_finite) or above == below == 0:
        raise ValueError(f"a neuron of slopes {below} and {above}: no limit of its overlaps is known")
    found = ratios((above - below) ** 2 * ArcCosineKernel(1 + overlap) + above * below * overlap)
    return Ratios(alike, 1 - alike, found.gap, found.slope)


def vanishing_growth(function: sp.Expr) -> sp.Expr:
    """d E f(u)^2 / d variance as the variance vanishes; infinite where f jumps and slopes at 0."""
    linear, quadratic = sp.S.Zero, sp.S.Zero
    for side in (1, -1):
        local = _local(function, side, sp.S.Zero)
        value, slope = (_limit(local.diff(u, order), side, sp.S.Zero) for order in (0, 1))
        bend = sp.S.Zero if value == 0 else value * _limit(local.diff(u, 2), side, sp.S.Zero)
        linear, quadratic = linear + side * value * slope, quadratic + (slope**2 + bend) / 2
    return quadratic if linear == 0 else sp.oo * sp.sign(linear)


def infinite_growth(function: sp.Expr) -> sp.Expr:
    """d E f(u)^2 / d variance as the variance diverges: by the slopes far out."""
    return sp.Add(*(_limit(_local(function, side, sp.oo) / u, side, sp.oo) ** 2 for side in (1, -1))) / 2
