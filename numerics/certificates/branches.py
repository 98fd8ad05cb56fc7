"""A function of one variable cut into smooth branches on the two half-lines, and its Gaussian mean as a ball."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import sympy as sp
from flint import acb, arb, ctx

from meanbits.numerics.certificates.balls import Ball, UnprovedError, ball, integral, outward, program
from meanbits.numerics.certificates.tails import tail_bound
from meanbits.theory.gaussian.special import Box, HardTanh, Softplus
from meanbits.theory.symbols import h

x = sp.Symbol("x", positive=True)
KINKED = (sp.sign, sp.Abs, sp.Heaviside, sp.Max, HardTanh, Box)


@dataclass(frozen=True)
class Branch:
    """f(side x) = value, an expression in x, on left < x < right; 0 <= left, right may be infinite."""

    side: int
    left: sp.Expr
    right: sp.Expr
    value: sp.Expr

    @property
    def is_infinite(self) -> bool:
        """Whether the branch reaches infinity."""
        return self.right == sp.oo

    def map(self, function: Callable[[sp.Expr], sp.Expr]) -> Branch:
        """The branch of another function, given as a function of this branch's value."""
        return replace(self, value=function(self.value))


Branches = tuple[Branch, ...]


def branches(function: sp.Expr) -> Branches:
    """The smooth branches of a function of h: cut at 0 and at its kinks.

    Raises:
        UnprovedError: if a kink is not where a linear function of h vanishes.
    """
    found: list[Branch] = []
    for side in (1, -1):
        one_sided = function.subs(h, side * x)
        cuts = [sp.S.Zero, *sorted(_kinks(one_sided)), sp.oo]
        for left, right in pairwise(cuts):
            inside = left + 1 if right == sp.oo else (left + right) / 2
            found.append(Branch(side, left, right, _smooth(one_sided, inside)))
    return tuple(found)


def is_continuous(parts: Branches) -> bool:
    """Whether neighbouring branches meet, by algebra."""
    return all(sp.simplify(first - second) == 0 for first, second in _meetings(parts))


def jumps(parts: Branches) -> bool:
    """Whether some neighbouring branches provably do not meet."""
    return any(not ball(first - second).contains(0) for first, second in _meetings(parts))


def _meetings(parts: Branches) -> list[tuple[sp.Expr, sp.Expr]]:
    at_zero = [part.value.subs(x, 0) for part in parts if part.left == 0]
    inside = [(first.value.subs(x, first.right), second.value.subs(x, first.right))
              for first, second in pairwise(parts) if first.side == second.side]  # fmt: skip
    return [(at_zero[0], at_zero[1]), *inside]


def _kinks(function: sp.Expr) -> set[sp.Expr]:
    """Where the arguments of kinked functions vanish on x > 0."""
    arguments = [part.args[0] for part in function.atoms(sp.sign, sp.Abs, sp.Heaviside)]
    arguments += [part.args[0] - part.args[1] for part in function.atoms(sp.Max)]
    arguments += [part.args[0] + edge for part in function.atoms(HardTanh, Box) for edge in (-1, 1)]
    if any(argument.diff(x).has(x) or argument.diff(x) == 0 for argument in arguments):
        raise UnprovedError("%s has a kink where no linear function vanishes", function)
    roots = {-argument.subs(x, 0) / argument.diff(x) for argument in arguments}
    return {root for root in roots if root.is_positive}


def _smooth(function: sp.Expr, inside: sp.Expr) -> sp.Expr:
    """The function as it is around a point: each kinked part by the side of its kink that the point lies on."""

    def at(argument: sp.Expr) -> int:
        return int(sp.sign(argument.subs(x, inside)))

    def clipped(argument: sp.Expr) -> sp.Expr:
        return (argument, sp.S.One, sp.S.NegativeOne)[(at(argument - 1) + at(argument + 1)) // 2]

    for kind, choose in (
        (sp.sign, lambda argument: sp.Integer(at(argument))),
        (sp.Abs, lambda argument: at(argument) * argument),
        (sp.Heaviside, lambda argument, *_: sp.Integer(at(argument) > 0)),
        (sp.Max, lambda first, second: first if at(first - second) > 0 else second),
        (HardTanh, clipped),
        (Box, lambda argument: sp.Integer(clipped(argument) == argument)),
        (Softplus, _softplus),
    ):
        function = function.replace(kind, choose)
    return function


def _softplus(argument: sp.Expr) -> sp.Expr:
    """log(1 + e^a), as a + log(1 + e^-a) where a grows: what is left of it decays."""
    grows = argument.diff(x).is_positive
    return (argument if grows else 0) + sp.log(1 + sp.exp(-argument if grows else argument))


def gaussian_mean(parts: Branches, variance: arb) -> arb:
    """E f(w), w ~ N(0, variance), for every variance in the ball: integrals up to a cut, a bound beyond it.

    Raises:
        UnprovedError: where f grows faster than any power tried.
    """
    if not variance > 0:
        raise UnprovedError("a Gaussian mean needs a positive variance, not %s", variance)
    return sum((count * _half_mean(part, variance) for part, count in distinct(parts)), arb(0))


def distinct(parts: Branches) -> list[tuple[Branch, int]]:
    """The branches, those that mirror an earlier one counted with it."""
    mirrored = Counter(replace(part, side=1) for part in parts)
    return list(mirrored.items())


def _half_mean(part: Branch, variance: arb) -> arb:
    left = ball(part.left)
    if not part.is_infinite:
        return _weighted(part.value, variance, left, ball(part.right))
    deviations = math.ceil(2 * math.sqrt(ctx.prec * math.log(2)))
    _, cut = outward(left + deviations * variance.sqrt())
    size, power = growth(part.value, math.ldexp(1.0, math.frexp(cut)[1] - 1))
    tail = size * tail_moment(power, arb(cut), variance)
    return _weighted(part.value, variance, left, arb(cut)) + arb(0, 1) * tail


def _weighted(value: sp.Expr, variance: arb, left: arb, right: arb) -> arb:
    density = (2 * arb.pi() * variance).rsqrt()
    if value.is_number:
        scale = (2 * variance).rsqrt()
        return ball(value) * ((right * scale).erf() - (left * scale).erf()) / 2
    function, decay = program(value), acb(1 / (2 * variance))

    def integrand(point: Ball, analytic: bool) -> Ball:
        return function({x: point}, analytic) * (-(point * point) * decay).exp()

    return density * integral(integrand, left, right)


@lru_cache(maxsize=4096)
def growth(value: sp.Expr, cut: float) -> tuple[arb, int]:
    """(M, n) with |f| <= M x^n beyond a cut; n = 0 where f is bounded."""
    for power in (0, 2, 4):
        try:
            return tail_bound(value if power == 0 else sp.expand(value / x**power), x, cut), power
        except UnprovedError:
            continue
    raise UnprovedError("%s has no proven bound by a power of x beyond x = %s", value, cut)


def tail_moment(power: int, cut: arb, variance: arb) -> arb:
    """An upper bound of E w^n over w > X: x^n exp(-x^2/4V) decreases beyond X where X^2 >= 2 n V."""
    if power == 0:
        return (cut * (2 * variance).rsqrt()).erfc() / 2
    if not cut * cut >= 2 * power * variance:
        raise UnprovedError("the cut %s is too close for a tail of power %s", cut, power)
    slowest = cut**power * (-(cut * cut) / (4 * variance)).exp()
    return slowest * (cut / (2 * variance.sqrt())).erfc() / arb(2).sqrt()
