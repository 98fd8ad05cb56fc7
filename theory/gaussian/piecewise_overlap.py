"""Overlaps of piecewise linear neurons as SymPy functions, one for a whole neuron however many breaks it has.

A shape is the tuple (t, J, K, (a, b)) of f(u) = a + b u + sum_i J_i 1(u > t_i) + K_i (u - t_i)_+; C is E f(u) f(v), u
and v of mean 0, one variance V and correlation r. Values: `gaussian.piecewise_precision`, which names the sources.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import sympy as sp
from sympy.core.function import ArgumentIndexError

from meanbits.theory.gaussian.piecewise import Pieces
from meanbits.theory.gaussian.piecewise_precision import FUNCTIONS

CLOSE = 4  # gaps that make the distance of a cluster from 0
MOST_LOST = 64  # in a cluster: its square is what sums over breaks lose, from where they are off by about 1e-12
MOST_BITS = 8000  # what cancels further down counts as 0


def shape_of(found: Pieces) -> sp.Tuple | None:
    """The shape of pieces of degree 1 at most, None of others."""
    if found.degree > 1:
        return None
    x, first = found.variable, found.polynomials[0]
    jumps = [change.subs(x, t) for t, change in found.changes]
    bends = [change.coeff(x, 1) for _, change in found.changes]
    return sp.Tuple(
        sp.Tuple(*found.breaks), sp.Tuple(*jumps), sp.Tuple(*bends), sp.Tuple(first.subs(x, 0), first.coeff(x, 1))
    )


def loses_digits(shape: sp.Tuple) -> bool:
    """Whether sums over breaks lose digits, as a cluster of breaks far from 0 is less than its parts.

    f'' is deltas of bends and slopes of deltas of jumps. From so far that a cluster is small, only its moments count.
    """
    return any(_loss(run) > MOST_LOST for run in _clusters(shape))


def _clusters(shape: sp.Tuple) -> list[list[tuple[sp.Expr, float, float]]]:
    """Place, jump and bend of the breaks, in runs whose gaps are small beside their distance from 0."""
    runs: list[list[tuple[sp.Expr, float, float]]] = []
    for place, jump, bend in zip(*shape.args[:3], strict=True):
        last = runs[-1][-1][0] if runs else None
        if last is None or CLOSE * (place - last) > max(abs(place), abs(last)):
            runs.append([])
        runs[-1].append((place, float(jump), float(bend)))
    return runs


def _loss(run: list[tuple[sp.Expr, float, float]]) -> float:
    """The sizes of the parts of a cluster beside those of its moments, all as jumps."""
    first, far = run[0][0], float(max(abs(run[0][0]), abs(run[-1][0]))) or 1.0
    terms = [(float((place - first) / far), jump, bend * far) for place, jump, bend in run]
    moments = (sum(bend * d**n - (n * jump * d ** (n - 1) if n else 0) for d, jump, bend in terms) for n in range(8))
    left = sum(abs(moment) / math.factorial(n) for n, moment in enumerate(moments))
    return sum(abs(jump) + abs(bend) for _, jump, bend in terms) / left if left else math.inf


class _OfShape(sp.Function):
    """A function of a shape and numbers, evaluated by the mpmath function of its name."""

    name_in_latex = ""
    is_commutative = True
    is_real = True

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        """By the chain rule over the numbers: a shape holds no symbols."""
        slopes = ((index, number.diff(s)) for index, number in enumerate(self.args[1:], 2))
        return sp.Add(*(slope * self.fdiff(index) for index, slope in slopes if slope != 0))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        table, *numbers = self.args
        if not all(number.is_number for number in numbers):
            return None
        bits, values = 2 * prec + 20, [mpmath.mpf(0)]
        while len(values) < 3 or abs(values[-1] - values[-2]) > abs(values[-1]) * mpmath.mpf(2) ** -prec:
            with mpmath.workprec(bits):
                exact = [mpmath.mpf(str(sp.N(number.doit(), mpmath.mp.dps))) for number in numbers]
                values.append(FUNCTIONS[type(self).__name__](_exact(table), *exact))
            bits += bits // 2
            if not mpmath.isfinite(values[-1]) or bits > MOST_BITS:
                break
        return sp.Float(values[-1], precision=prec) if mpmath.isfinite(values[-1]) else sp.oo

    def _latex(self, printer: Any) -> str:
        return rf"{self.name_in_latex}\left({', '.join(map(printer.doprint, self.args[1:]))}\right)"


def _exact(table: sp.Basic) -> Any:
    if isinstance(table, sp.Tuple):
        return tuple(_exact(each) for each in table)
    return mpmath.mpf(table.p) / table.q if table.is_Rational else mpmath.mpf(str(sp.N(table, mpmath.mp.dps)))


class PiecewiseOverlap(_OfShape):
    """C = E f(u) f(v), in shape, variance and correlation.

    As the correlation tends to 1 the digits of its distance are in `PiecewiseDifference`.
    """

    nargs = 3
    name_in_latex = "C_f"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        shape, variance, correlation = self.args
        if argindex == 2:
            return PiecewiseGrowth(shape, variance, correlation)
        if argindex == 3:
            return PiecewiseSlope(shape, variance, 1 - correlation)
        raise ArgumentIndexError(self, argindex)


class PiecewiseSlope(_OfShape):
    """dC/dr at r = 1 - distance, in shape, variance and distance in [0, 2]; infinite at 0 where f jumps.

    By Price's theorem V E f'(u) f'(v) (R. Price, IRE Trans. Inf. Theory 4 (1958) 69), delta functions included.
    """

    nargs = 3
    name_in_latex = "C_f'"

    @classmethod
    def eval(cls, shape: sp.Tuple, variance: sp.Expr, distance: sp.Expr) -> sp.Expr | None:
        """Of equal inputs, where f bends at 0 alone: each of its slopes half of the time."""
        breaks, jumps, bends, (_, slope) = shape
        if distance != 0 or tuple(breaks) != (0,) or jumps[0] != 0:
            return None
        return variance * (slope**2 + (slope + bends[0]) ** 2) / 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        shape, variance, distance = self.args
        if argindex == 2:
            return PiecewiseSlopeGrowth(shape, variance, distance)
        if argindex == 3:
            return -PiecewiseCurvature(shape, variance, distance)
        raise ArgumentIndexError(self, argindex)


class PiecewiseDifference(_OfShape):
    """C at correlation 1 - rest less that at 1 - rest - drop, in shape, variance, rest and drop."""

    nargs = 4
    name_in_latex = r"\Delta C_f"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        shape, variance, rest, drop = self.args
        if argindex == 2:
            near, far = (PiecewiseGrowth(shape, variance, 1 - distance) for distance in (rest, rest + drop))
            return near - far
        if argindex == 3:
            return PiecewiseSlope(shape, variance, rest + drop) - PiecewiseSlope(shape, variance, rest)
        if argindex == 4:
            return PiecewiseSlope(shape, variance, rest + drop)
        raise ArgumentIndexError(self, argindex)


class PiecewiseGrowth(_OfShape):
    """dC/dV at fixed correlation, in shape, variance and correlation."""

    nargs = 3
    name_in_latex = r"\partial_V C_f"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        shape, variance, correlation = self.args
        if argindex == 3:
            return PiecewiseSlopeGrowth(shape, variance, 1 - correlation)
        raise ArgumentIndexError(self, argindex)


class PiecewiseCurvature(_OfShape):
    """d^2 C/dr^2 at r = 1 - distance, in shape, variance and distance; infinite at 0 where f jumps or bends."""

    nargs = 3
    name_in_latex = "C_f''"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        raise ArgumentIndexError(self, argindex)


class PiecewiseSlopeGrowth(_OfShape):
    """d^2 C/dV dr at r = 1 - distance, in shape, variance and distance."""

    nargs = 3
    name_in_latex = r"\partial_V C_f'"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        raise ArgumentIndexError(self, argindex)


class PiecewiseMean(_OfShape):
    """E F(u), u of mean 0 and variance V, for a piecewise polynomial F, in its table and V.

    The table is (starts, coefficients): from each start s >= 0 to the next, the even part of F in powers of |u| - s.
    """

    nargs = 2
    name_in_latex = r"\mathbb{E} F"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """E u F'(u) / (2 V), the delta functions of jumps included: no terms of both signs where |F| grows with |u|."""
        (starts, rows), variance = self.args
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        scaled = [_times_slope(start, row) for start, row in zip(starts, rows, strict=True)]
        total = PiecewiseMean(sp.Tuple(starts, sp.Tuple(*scaled)), variance) / 2 if any(map(any, scaled)) else sp.S.Zero
        for k, start in enumerate(starts[1:], 1):
            before = sp.Add(*(c * (start - starts[k - 1]) ** j for j, c in enumerate(rows[k - 1])))
            density = sp.exp(-(start**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
            total += (rows[k][0] - before) * start * density
        return total / variance


def _times_slope(start: sp.Expr, row: sp.Tuple) -> sp.Tuple:
    """(start + y) times the derivative of a polynomial in y, by coefficients."""
    steep = [j * c for j, c in enumerate(row)][1:]
    return sp.Tuple(*(start * a + b for a, b in zip([*steep, 0], [0, *steep], strict=True)))
