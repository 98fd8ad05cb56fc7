"""Proofs that a function has a negative mean over centred Gaussians of every variance, by bisection in the variance."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import sympy as sp
from flint import acb, arb, ctx

from meanbits.numerics.certificates.balls import Ball, UnprovedError, ball, exact, hull, integral, outward, program
from meanbits.numerics.certificates.branches import Branch, tail_moment, x
from meanbits.numerics.certificates.signs import (
    CUTS,
    HALVINGS,
    MAX_ORDER,
    Margin,
    Margins,
    bisect_negative,
    mirrored,
    tail_cut,
    vanishes,
)
from meanbits.numerics.certificates.tails import INFINITY, tail_bound

IN_MEAN = "bisection in the variance"
MEAN_BITS = 48
STEPS = 64


def negative_in_mean(margins: Margins) -> bool:
    """Prove E F(w) < 0 for w ~ N(0, s) and every s > 0, where F may be positive somewhere: True, or an error.

    E F sqrt(2 pi s) <= H(1/2s), H(y) = int_(-X)^X F exp(-y x^2) dx, where F <= 0 beyond X; H < 0 for all y >= 0. Small
    s apart: there E F(t z) is taken as a function of t = sqrt(s).

    Raises:
        UnprovedError: where the mean is positive, or not shown to be negative.
    """
    infinite = [margin for margin in margins if margin.branch.is_infinite and not vanishes(margin.value)]
    largest = max([CUTS[0], *(tail_cut(part, ball(part.branch.left)) for part in infinite)])
    failure = UnprovedError("no cut was tried")
    with ctx.workprec(MEAN_BITS):
        smallest = _small_deviation(margins)
        for cut in (largest, 4 * largest):
            try:
                return _weighted_negative(margins, arb(cut), 1 / (2 * smallest**2))
            except UnprovedError as error:
                failure = error
    raise failure


def _weighted_negative(margins: Margins, cut: arb, top: arb) -> bool:
    """Bisect H < 0 over [0, top], in log y above the first stretch."""
    bounds = [(part, count, ball(part.branch.left), cut.min(_right(part)))
              for part, count in mirrored(margins).items() if part.value != 0]  # fmt: skip

    def weighted(y: arb, power: int) -> arb:
        total, rate = arb(0), acb(y)
        for part, count, left, right in bounds:
            function = program(part.value)

            def integrand(z: Ball, analytic: bool, function: Callable[..., Ball] = function) -> Ball:
                return function({x: z}, analytic) * z**power * (-(z * z) * rate).exp()

            total += count * integral(integrand, left, right)
        return total

    bottom = 1 / (2 * cut * cut)
    while not weighted(hull(arb(0), bottom), 0) < 0:
        bottom = exact(bottom / 4)
        if bottom < 1e-12:
            raise UnprovedError("the mean is not negative in the limit of large variances")
    bisect_negative(
        lambda values, _: weighted(values[x].exp(), 0),
        lambda values, _: -values[x].exp() * weighted(values[x].exp(), 2),
        exact(bottom.log()) - arb(0.01), exact(top.log()) + arb(0.01),
    )  # fmt: skip
    return True


def _small_deviation(margins: Margins) -> arb:
    """A t with E F(s z) < 0 for 0 < s <= t: the derivatives in s vanish at 0 up to order n, and the nth is negative."""
    inner = [margin for margin in margins if margin.branch.left == 0]
    for order in range(MAX_ORDER + 1):
        derivatives = [margin.value.diff(x, order) for margin in inner]
        total = sp.simplify(sum(derivative.subs(x, 0) for derivative in derivatives))
        if total != 0:
            break
    else:
        raise UnprovedError("the mean vanishes to high order as the variance does")
    if not ball(total) < 0:
        raise UnprovedError("the mean is not negative in the limit of small variances")
    for halving in range(1, HALVINGS):
        deviation = arb(2) ** -halving
        try:
            if _moment_negative(margins, inner, derivatives, order, deviation):
                return deviation
        except UnprovedError:
            continue
    raise UnprovedError("the mean at small variances was not settled")


def _moment_negative(
    margins: Margins, inner: list[Margin], derivatives: list[sp.Expr], order: int, deviation: arb
) -> bool:
    """sum over the half-lines of int z^n F^(n)(s z) dN(z) < 0 for all s in [0, deviation]."""
    reach = arb(12)
    beyond = [margin.branch.map(lambda value: value.diff(x, order)) for margin in inner]
    if len(inner) < len(margins):
        if order > 0 or not all(deviation * reach < _right(margin) for margin in inner):
            return False
        beyond = [margin.branch for margin in margins]
    total = arb(0, 1) * sum((_bound(part) for part in beyond), arb(0)) * tail_moment(order, reach, arb(1))
    stretch = hull(arb(0), deviation)
    for derivative in derivatives:
        function = program(derivative)

        def integrand(z: Ball, analytic: bool, function: Callable[..., Ball] = function) -> Ball:
            return function({x: z * stretch}, analytic) * z**order * (-(z * z) / 2).exp()

        total += integral(integrand, arb(0), reach) / (2 * arb.pi()).sqrt()
    return bool(total < 0)


def _right(margin: Margin) -> arb:
    return INFINITY if margin.branch.is_infinite else ball(margin.branch.right)


def _bound(part: Branch) -> arb:
    """A bound of |f| on the branch."""
    left, size = ball(part.left), arb(0)
    right = left + CUTS[0] if part.is_infinite else ball(part.right)
    if part.is_infinite:
        size = tail_bound(part.value, x, outward(right)[1])
    knots = [left + (right - left) * k / STEPS for k in range(STEPS + 1)]
    near = [abs(ball(part.value, {x: hull(low, high)})) for low, high in pairwise(knots)]
    return reduce(arb.max, near, size)
