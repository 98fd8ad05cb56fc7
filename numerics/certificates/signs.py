"""Proofs that a function is negative everywhere: by balls on pieces, Taylor expansion at zeros, and monotone tails.

A `Margin` is what has to be negative, branch by branch, with its slope as a product whose sign far out can be read off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import Ball, UnprovedError, ball, exact, hull, outward, program
from meanbits.numerics.certificates.branches import Branch, x
from meanbits.numerics.certificates.tails import tail_range, tail_sign

POINTWISE = "pointwise bound"
CUTS = (4.0, 8.0, 16.0, 32.0, 64.0)
PIECES = 2_000
HALVINGS = 12
MAX_ORDER = 4


@dataclass(frozen=True)
class Margin:
    """One branch of a function F, and factors whose product has the sign of its slope F'."""

    branch: Branch
    slope: tuple[sp.Expr, ...]

    @property
    def value(self) -> sp.Expr:
        """F on the branch, in x."""
        return self.branch.value


Margins = tuple[Margin, ...]


def negative_almost_everywhere(margins: Margins) -> bool:
    """Prove F <= 0 on the whole line, and F < 0 on some interval: True, or an error.

    Raises:
        UnprovedError: where F is positive, touches 0 inside a branch, or no rule settles its tail.
    """
    strict = [_negative_on_branch(margin) for margin in mirrored(margins)]
    if not any(strict):
        raise UnprovedError("the function vanishes everywhere")
    return True


def mirrored(margins: Margins) -> Counter[Margin]:
    """The branches of the margin, those that mirror an earlier one counted with it."""
    return Counter(replace(margin, branch=replace(margin.branch, side=1)) for margin in margins)


@lru_cache(maxsize=256)
def _negative_on_branch(margin: Margin) -> bool:
    """True: F < 0 inside the branch. False: F = 0 on it."""
    if vanishes(margin.value):
        return False
    left, right = margin.branch.left, margin.branch.right
    if right == sp.oo and _settled_beyond(margin, outward(ball(left))[0]):
        return True
    start = _departure(margin.value, left, 1, right)
    end = arb(tail_cut(margin, start)) if right == sp.oo else _departure(margin.value, right, -1, left)
    bisect_negative(program(margin.value), program(margin.value.diff(x)), start, end)
    return True


@lru_cache(maxsize=256)
def vanishes(value: sp.Expr) -> bool:
    """F = 0 identically, by algebra."""
    return bool(program(value)({x: arb("0.7")}, False).contains(0)) and sp.simplify(value) == 0


def _departure(value: sp.Expr, end: sp.Expr, direction: int, other: sp.Expr) -> arb:
    """A point up to which F < 0 is settled, starting from an end of the branch where F may be 0.

    F(end) = .. = F^(n-1)(end) = 0 by algebra, and F^(n) of the right sign on the whole stretch, by a ball.
    """
    origin = ball(end)
    if ball(value, {x: origin}) < 0:
        return origin
    for order in range(MAX_ORDER + 1):
        derivative = value.diff(x, order)
        at_end = sp.simplify(derivative.subs(x, end))
        if at_end != 0:
            break
    else:
        raise UnprovedError("%s vanishes at %s with its first %s derivatives", value, end, MAX_ORDER)
    sign = -1 if order % 2 == 0 or direction > 0 else 1
    if order == 0 or not sign * ball(at_end) > 0:
        raise UnprovedError("%s is not negative next to x = %s", value, end)
    reach = arb(1) if other == sp.oo else abs(ball(other) - origin)
    for halving in range(1, HALVINGS):
        point = exact(origin + direction * reach / 2**halving)
        if _has_sign(derivative, hull(origin, point), sign):
            return point
    raise UnprovedError("derivative %s of %s keeps no sign next to x = %s", order, value, end)


def _has_sign(expression: sp.Expr, stretch: arb, sign: int) -> bool:
    value = program(expression)({x: stretch}, False)
    return bool(value.is_finite() and sign * value > 0)


def bisect_negative(function: Callable[..., Ball], slope: Callable[..., Ball], left: arb, right: arb) -> None:
    """Prove f < 0 on [left, right]: balls of f, or of f(m) + f'(.)(. - m), on pieces halved until they are negative."""
    if left >= right:
        return
    todo, done = [(left, right)], 0
    while todo:
        low, high = todo.pop()
        stretch, middle = hull(low, high), exact((low + high) / 2)
        if function({x: stretch}, False) < 0:
            continue
        at_middle = function({x: middle}, False)
        if at_middle + slope({x: stretch}, False) * (stretch - middle) < 0:
            continue
        done += 1
        if at_middle > 0 or done > PIECES:
            raise UnprovedError("negative fails or is undecided at x = %s, where the value is %s", middle, at_middle)
        todo += [(low, middle), (middle, high)]


def tail_cut(margin: Margin, start: arb) -> float:
    """A point beyond which F < 0: by its range, or as it increases to a limit of at most 0."""
    for cut in CUTS:
        if start < cut and _settled_beyond(margin, cut):
            return cut
    raise UnprovedError("the sign of %s far out was not settled (tried x > %s)", margin.value, CUTS[-1])


def _settled_beyond(margin: Margin, cut: float) -> bool:
    try:
        return _negative_beyond(margin, cut)
    except UnprovedError:
        return False


def _negative_beyond(margin: Margin, cut: float) -> bool:
    try:
        if tail_range(margin.value, x, cut)[1] <= 0:
            return True
    except UnprovedError:
        pass
    signs = [tail_sign(factor, x, cut) for factor in margin.slope]
    rising = bool(signs) and sp.prod(signs) == 1 and _is_slope(margin)
    return rising and bool(_limit(margin.value) <= 0)


@lru_cache(maxsize=256)
def _is_slope(margin: Margin) -> bool:
    """Whether the factors do multiply to a positive multiple of F', by algebra."""
    product = sp.Mul(*margin.slope)
    return sp.simplify(sp.expand(margin.value.diff(x) - product)) == 0


@lru_cache(maxsize=256)
def _limit(value: sp.Expr) -> sp.Expr:
    """The limit at infinity: from the finite limits of the functions in it where they settle it."""
    limits = {function: sp.limit(function, x, sp.oo) for function in value.atoms(sp.Function)}
    if all(limit.is_finite for limit in limits.values()):
        constant = value.xreplace(limits)
        if not constant.has(x):
            return sp.simplify(constant)
    return sp.limit(value, x, sp.oo)
