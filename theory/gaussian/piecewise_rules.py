"""Closed forms of Gaussian expectations of piecewise polynomial neurons: a rule for `gaussian.rules`."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import sympy as sp

from meanbits.theory.gaussian.node import BOUND, GaussianNode
from meanbits.theory.gaussian.piecewise import Pieces, pieces_of
from meanbits.theory.gaussian.piecewise_overlap import PiecewiseMean, PiecewiseOverlap, loses_digits, shape_of
from meanbits.theory.gaussian.special import Box, HardTanh
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.symbols import u, v

ALREADY_CLOSED = (HardTanh, Box)  # alone: the laws of a square


def piecewise_linear(node: GaussianNode, _: object) -> sp.Expr | None:
    """f(u) f(v), both of mean 0 and of one variance, by `PiecewiseOverlap`; F(u) by erfs and exponentials.

    Not what older rules close as well: functions of one variable that break at 0 alone, steps there, hard tanh, relu.
    Nor pairs whose sum over breaks loses digits: those stay integrals, and quadrature serves them.
    """
    return _of_pair(node) if node.is_pair else _of_one(node)


def _of_pair(node: GaussianNode) -> sp.Expr | None:
    function = node.integrand.as_independent(v, as_Add=False)[0]
    variance, covariance, other = node.covariance
    if function * function.subs(u, v) != node.integrand or variance != other or any(mean != 0 for mean in node.mean):
        return None
    found = None if _is_already_closed(function) else pieces_of(function, u)
    shape = None if found is None else shape_of(found)
    if found is None or shape is None or not found.breaks or (found.degree == 0 and found.breaks == (0,)):
        return None
    if loses_digits(shape):
        return None
    return PiecewiseOverlap(shape, variance, tidy_rational(covariance / variance))


def _is_already_closed(function: sp.Expr) -> bool:
    _, function = function.as_independent(u, as_Add=False)
    if function == sp.Max(0, u):
        return True
    return isinstance(function, ALREADY_CLOSED) and function.args[0].subs(u, 0) == 0


def _of_one(node: GaussianNode) -> sp.Expr | None:
    if isinstance(node.integrand.as_base_exp()[0], HardTanh | Box):
        return None
    found = pieces_of(node.integrand, u)
    if found is None or (set(found.breaks) <= {sp.S.Zero} and not node.integrand.has(sp.Piecewise, sp.floor, sp.Min)):
        return None
    (mean,), (variance,) = node.mean, node.covariance
    if mean == 0 and (found.degree > 0 or _may_cancel(found)):
        return PiecewiseMean(_table(found), variance)
    return _by_tails(found, mean, variance)


def _may_cancel(found: Pieces) -> bool:
    """Whether the sum of `_by_tails` at mean 0 has terms of both signs, other than the first."""
    table = _table(found)
    inside = [row[0] for row in table[1]]
    changes = [after - before for before, after in pairwise(inside)]
    if inside[0] != 0 and inside[-1] == 0:
        return len({sp.sign(change) for change in changes}) > 1
    opposed = sp.Add(*(abs(change) for change in changes if change * inside[0] < 0))
    if inside[0] == 0:
        return len({sp.sign(change) for change in changes}) > 1
    return (opposed > abs(inside[0]) * sp.Rational(3, 4)) == True  # noqa: E712 (SymPy's true)


def _table(found: Pieces) -> sp.Tuple:
    """The even part, as `PiecewiseMean` takes it."""
    opposite = found.mirrored()
    starts = sorted({sp.S.Zero, *map(abs, found.breaks)})
    rows = []
    for k, start in enumerate(starts):
        point = (start + starts[k + 1]) / 2 if k + 1 < len(starts) else start + 1
        even = sp.Add(*(_piece_at(each, point) for each in (found, opposite))) / 2
        local = sp.Poly(even.subs(u, u + start), u) if even != 0 else sp.Poly(0, u)
        rows.append(sp.Tuple(*reversed(local.all_coeffs())))
    kept = [0, *(k for k in range(1, len(starts)) if not _continues(starts, rows, k))]
    return sp.Tuple(sp.Tuple(*(starts[k] for k in kept)), sp.Tuple(*(rows[k] for k in kept)))


def _continues(starts: list[sp.Expr], rows: list[sp.Tuple], k: int) -> bool:
    """Whether the polynomial of row k goes on from the row before."""
    before = sp.Add(*(c * (u + starts[k] - starts[k - 1]) ** j for j, c in enumerate(rows[k - 1])))
    return sp.expand(before - sp.Add(*(c * u**j for j, c in enumerate(rows[k])))) == 0


def _piece_at(found: Pieces, point: sp.Expr) -> sp.Expr:
    return found.polynomials[sum(1 if edge < point else 0 for edge in found.breaks)]


def _by_tails(found: Pieces, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The piece that holds 0, or one that is 0, and what the others add beyond each break on either side of it.

    A step function of opposite limits is a sum of erfs instead: no 1 - erf where it is small.
    """
    first, last = found.polynomials[0], found.polynomials[-1]
    middle = sum(1 if edge <= 0 else 0 for edge in found.breaks)
    order = [middle, 0, len(found.breaks), *range(len(found.breaks) + 1)]
    empty = next((k for k in order if found.polynomials[k] == 0), None)
    base = middle if empty is None or mean == 0 else empty
    if found.degree == 0 and first + last == 0 and found.polynomials[base] != 0:
        return sp.Add(*(jump / 2 * sp.erf(_over_root(mean - t, variance)) for t, jump in found.changes))
    total = _polynomial_mean(found.polynomials[base], mean, variance)
    for k, (t, change) in enumerate(found.changes):
        total += _beyond(change, t, 1, mean, variance) if k >= base else -_beyond(change, t, -1, mean, variance)
    return total


def _over_root(distance: sp.Expr, variance: sp.Expr) -> sp.Expr:
    return distance / sp.sqrt(tidy_rational(2 * variance))


def _polynomial_mean(polynomial: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    moments = [sp.S.One, mean]
    coefficients = sp.Poly(polynomial, u).all_coeffs()[::-1]
    for k in range(2, len(coefficients)):
        moments.append(sp.expand(mean * moments[k - 1] + (k - 1) * variance * moments[k - 2]))
    return sp.Add(*(c * m for c, m in zip(coefficients, moments, strict=False)))


def _beyond(change: sp.Expr, t: sp.Expr, side: int, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E change(u) over u > t (side 1) or u < t (side -1), by parts: a P(u beyond t) + b density."""
    distance = side * (t - mean)
    shares = [(sp.S.One, sp.S.Zero), (-distance, sp.S.One)]
    coefficients = sp.Poly(change.subs(u, t + side * u), u).all_coeffs()[::-1]
    for k in range(2, len(coefficients)):
        older, newer = shares[k - 2 :]
        shares.append(tuple((k - 1) * variance * a - distance * b for a, b in zip(older, newer, strict=True)))
    tail, density = (
        sp.Add(*(c * share[row] for c, share in zip(coefficients, shares, strict=False))) for row in (0, 1)
    )
    gaussian = sp.sqrt(variance / (2 * sp.pi)) * sp.exp(-(distance**2) / (2 * variance))
    return sp.factor_terms(tail) / 2 * sp.erfc(_over_root(distance, variance)) + sp.factor_terms(density) * gaussian


@lru_cache(maxsize=1024)
def closed_with_jumps(node: GaussianNode) -> sp.Expr | None:
    """The closed form of an expectation that Stein and Price would differentiate into delta functions or worse."""
    if node.has(GaussianNode) and node.integrand.has(GaussianNode):
        return None
    constant, rest = node.integrand.as_independent(*BOUND, as_Add=False)
    value = piecewise_linear(node.func(rest, node.mean, node.covariance), None)
    return None if value is None else constant * value
