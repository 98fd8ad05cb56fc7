"""A function of one variable cut at its breaks: how theory and quadrature read every declared function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import sympy as sp

from meanbits.theory.functions.breaks import branches
from meanbits.theory.gaussian.special import Box, HardTanh, Softplus
from meanbits.theory.gaussian.tidy import in_one, tidy_slope
from meanbits.theory.symbols import h, u

CUT = (sp.Piecewise, sp.Min, sp.floor, sp.ceiling, sp.Heaviside)
NOTHING = 1e-14  # of the difference of two branches at a break, beside what they are and rise by near there


@dataclass(frozen=True)
class Pieces:
    """parts[i], an expression in u, between breaks[i - 1] and breaks[i]; analytic there.

    What the function is at a break itself is of measure zero.
    """

    breaks: tuple[sp.Expr, ...]
    parts: tuple[sp.Expr, ...]

    @cached_property
    def jumps(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """(break, what the function rises by there), where that is not 0."""
        found = []
        for at, (before, after) in zip(self.breaks, pairwise(self.parts), strict=True):
            rise = _value(after, at, 1) - _value(before, at, -1)
            if not _is_nothing(rise, at, (before, after)):
                found.append((at, sp.simplify(rise)))
        return tuple(found)

    @cached_property
    def slope(self) -> Pieces:
        """The derivative between the breaks."""
        return Pieces(self.breaks, tuple(_in_one(sp.powsimp(part.diff(u), combine="exp")) for part in self.parts))

    @property
    def expression(self) -> sp.Expr:
        """One expression: each part by the steps that are 1 on its interval and 0 elsewhere."""
        steps = [sp.S.One, *((1 + sp.sign(u - at)) / 2 for at in self.breaks), sp.S.Zero]
        inside = [before - after for before, after in pairwise(steps)]
        return sp.Add(*(sp.expand(part * within) if part.is_number else part * within
                        for part, within in zip(self.parts, inside, strict=True)))  # fmt: skip

    @property
    def is_flat(self) -> bool:
        """Whether the function is constant between the breaks."""
        return not any(part.has(u) for part in self.parts)

    def beside(self, point: sp.Expr, side: int) -> sp.Expr:
        """The part that holds just above (side 1) or just below (side -1) a point, which may be infinite."""
        if point.is_infinite:
            return self.parts[-1 if side > 0 else 0]
        passed = sum(1 for at in self.breaks if at < point or (at == point and side > 0))
        return self.parts[passed]


@lru_cache(maxsize=2048)
def pieces(function: sp.Expr) -> Pieces:
    """The pieces of a function of u.

    Raises:
        FormulaError: infinitely many breaks, or breaks that depend on open symbols or cannot be located.

    >>> pieces(sp.Max(-1, sp.Min(1, 2 * u))).slope.parts
    (0, 2, 0)
    """
    breaks, parts = branches(function, u)
    return Pieces(breaks, tuple(map(_in_one, parts)))


def _in_one(part: sp.Expr) -> sp.Expr:
    """A polynomial expanded, and one fraction of a sum of fractions, whose poles elsewhere would cancel."""
    return sp.expand(part) if part.is_polynomial(u) else in_one(part, u)


def _is_bent_in(function: sp.Expr, step: sp.Expr) -> bool:
    """Whether a function is not linear in a step: its derivative would be a delta times something that jumps there."""
    held = sp.Dummy(real=True)
    return function.xreplace({step: held}).diff(held, 2) != 0


def slope_between_breaks(function: sp.Expr) -> sp.Expr:
    """The derivative of a function of u between its breaks: as it stands where that has no deltas, else by pieces."""
    cut = pieces(function)
    if set(cut.breaks) - {0}:
        return cut.slope.expression
    slope = tidy_slope(function.diff(u), u)
    unclear = slope.has(sp.DiracDelta, sp.Heaviside) or sp.fraction(sp.together(slope))[1].has(sp.sign)
    unclear = unclear or (switches_branches(function) and not function.has(sp.Abs))
    return cut.slope.expression if unclear else sp.powsimp(slope, combine="exp")


def cut_at_breaks(function: sp.Expr) -> sp.Expr:
    """A function of h as smooth parts that steps switch on, unless it is made of kinks that rules know as they are.

    >>> cut_at_breaks(sp.Max(0, sp.Min(1, h)))
    h*(sign(h)/2 - sign(h - 1)/2) + sign(h - 1)/2 + 1/2
    """
    function = without_overflow(function)
    if not _needs_cutting(function):
        return function
    return pieces(function.subs(h, u)).expression.subs(u, h)


def without_overflow(function: sp.Expr) -> sp.Expr:
    """log(1 + e^x) and 1/(1 + e^x) by functions that stay finite where e^x does not."""

    def is_logistic(part: sp.Expr) -> bool:
        return bool(part.is_Pow and part.exp == -1 and _is_one_and_exp(part.base))

    function = function.replace(
        lambda e: isinstance(e, sp.log) and _is_one_and_exp(e.args[0]), lambda e: Softplus(_exponent(e.args[0]))
    )
    function = function.replace(
        lambda e: e.is_Mul and any(is_logistic(part) and sp.exp(_exponent(part.base)) in e.args for part in e.args),
        lambda e: sp.Mul(*(sp.exp(-_exponent(part.base)) * (1 + sp.tanh(_exponent(part.base) / 2)) / 2
                           if is_logistic(part) else part for part in e.args)),
    )  # fmt: skip
    return function.replace(is_logistic, lambda e: (1 - sp.tanh(_exponent(e.base) / 2)) / 2)


def _is_one_and_exp(base: sp.Expr) -> bool:
    return isinstance(base - 1, sp.exp)


def _exponent(base: sp.Expr) -> sp.Expr:
    """x of 1 + e^x."""
    return (base - 1).args[0]


def cut_square(function: sp.Expr) -> sp.Expr:
    """The square of a function of h; of one that jumps in terms of single steps, whose products have no derivative."""
    if not function.has(sp.sign):
        return function**2
    found = pieces(function.subs(h, u))
    return Pieces(found.breaks, tuple(part**2 for part in found.parts)).expression.subs(u, h)


def _needs_cutting(function: sp.Expr) -> bool:
    if function.has(*CUT) or any(_is_bent_in(function, step) for step in function.atoms(sp.sign)):
        return True
    arguments = [part.args[0] for part in function.atoms(sp.sign, sp.Abs, HardTanh, Box)]
    bent = any(argument.diff(h).has(h) for argument in arguments)
    return bent or any(maximum.args not in ((0, h), (h, 0)) for maximum in function.atoms(sp.Max))


def is_cut(function: sp.Expr) -> bool:
    """Whether steps off 0 switch expressions of u: algebra on sums of products of them grows beyond bounds."""
    offset = any(step.args[0].subs(u, 0) != 0 for step in function.atoms(sp.sign, sp.Abs))
    return offset and switches_branches(function)


def switches_branches(function: sp.Expr) -> bool:
    """Whether a function of u switches expressions on and off by steps: a product would be 0 times infinity, or nan."""
    return any(
        term.has(sp.sign) and not all(part.is_number or isinstance(part, sp.sign) for part in sp.Mul.make_args(term))
        for term in sp.Add.make_args(function)
    )


def _value(part: sp.Expr, at: sp.Expr, side: int) -> sp.Expr:
    value = part.subs(u, at)
    return value if value.is_finite else sp.limit(part, u, at, "+" if side > 0 else "-")


def _is_nothing(rise: sp.Expr, at: sp.Expr, beside: tuple[sp.Expr, sp.Expr]) -> bool:
    """Whether a difference at a break is 0, or where numbers are not exact what their rounding leaves."""
    if rise.is_zero is not None and not rise.has(sp.Float):
        return bool(rise.is_zero)
    if rise.free_symbols:
        return sp.simplify(rise) == 0
    sizes = [abs(each.subs(u, at).evalf(30)) for part in beside for each in (part, at * part.diff(u))]
    return abs(rise.evalf(30)) <= NOTHING * max((size for size in sizes if size.is_finite), default=1)
