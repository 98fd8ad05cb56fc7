"""Expectations of neurons that a proof about a chain of blocks takes: signs, names, and balls.

Each is a `declarations.blocks.Expectations`; the blocks are those of every other command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError, ball
from meanbits.numerics.certificates.branches import Branches, branches, gaussian_mean, jumps, x
from meanbits.theory.declarations.blocks import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.backward import seen_slope
from meanbits.theory.symbols import h, u


class SignMoments:
    """Positive symbols: E[x|h] depends on h, so that E x^2, E m'^2 and E (m(u) - m(v))^2 of unlike fields are."""

    def square(self, neurons: Neurons, total: Any) -> sp.Expr:
        return _positive()

    def fall(self, neurons: Neurons, total: Any, fall: Any) -> sp.Expr:
        return sp.S.Zero if fall == 0 and not neurons.is_random else _positive()

    def slope(self, neurons: Neurons, total: Any, fall: Any) -> sp.Expr:
        """Of equal fields; infinite where balls show a jump."""
        if fall != 0:
            return sp.Dummy("slope", real=True)
        return sp.oo if neurons.jumps and jumps(branches(neurons.mean)) else _positive()

    def gradients(self, neurons: Neurons, total: Any, fall: Any) -> Factors:
        return Factors(_positive(), sp.Dummy("overlap", real=True))


def _positive() -> sp.Dummy:
    return sp.Dummy("positive", positive=True)


@dataclass(frozen=True, eq=False)
class NamedMoments:
    """A name for each expectation, a function of what it depends on: `found` says of which neurons, and what it is."""

    found: dict[sp.Expr, tuple[str, Neurons]] = field(default_factory=dict)

    def square(self, neurons: Neurons, total: Any) -> sp.Expr:
        return self._named("second", neurons, total)

    def fall(self, neurons: Neurons, total: Any, fall: Any) -> sp.Expr:
        """Of fields that share nothing E x^2 less (E x)^2."""
        if tidy_rational(sp.sympify(fall) / total) == 1:
            return self.square(neurons, total) - self._named("mean", neurons, total) ** 2
        if fall == 0 and not neurons.is_random:
            return sp.S.Zero
        return self._named("fall", neurons, total, fall)

    def slope(self, neurons: Neurons, total: Any, fall: Any) -> sp.Expr:
        """Of equal fields the mean square of the neurons' own slope."""
        return self._named("slope", neurons, total, *(() if fall == 0 else (fall,)))

    def gradients(self, neurons: Neurons, total: Any, fall: Any) -> Factors:
        seen = "slope" if neurons.backward is None else "gradient"
        return Factors(self._named(seen, neurons, total), self._named("overlap", neurons, total, fall))

    def _named(self, kind: str, neurons: Neurons, *given: Any) -> sp.Expr:
        name = sp.Function(f"{kind}_{neurons.name}", positive=kind in ("second", "slope", "gradient"))
        node = name(*(tidy_rational(sp.sympify(each)) for each in given))
        self.found[node] = kind, neurons
        return node

    def shown(self, expression: sp.Expr) -> str:
        """An expression in these names as text: E f^2, E f, E f'^2 of neurons f, E s^2 of the slope s that gradients
        see; of unit fields where no variance is said, and with the neurons where there are several."""
        several = len({neurons.name for _, neurons in self.found.values()}) > 1

        def name(node: sp.Expr) -> sp.Symbol:
            kind, neurons = self.found[node]
            whose = f" of {neurons.name}" if several else ""
            where = "" if node.args == (1,) else f" at {', '.join(map(str, node.args))}"
            text = {"second": "E f^2", "mean": "E f", "slope": "E f'^2", "gradient": "E s^2"}.get(kind, kind)
            return sp.Symbol(f"({text}{whose}{where})" if whose or where or kind == "mean" else text)

        above, below = sp.fraction(expression.xreplace({node: name(node) for node in self.found}))
        if below.is_Add and above.could_extract_minus_sign():
            above, below = -above, -below
        terms = sorted(below.as_ordered_terms(), key=lambda term: term.could_extract_minus_sign())
        text = sp.sstr(above) if below == 1 else f"{sp.sstr(above)}/({' + '.join(map(sp.sstr, terms))})"
        return text.replace("+ -", "- ").replace("**", "^").replace("*", " ")


@dataclass(frozen=True)
class Dual:
    """A number and its derivative: what goes through blocks as one number."""

    value: Any
    slope: Any

    def __add__(self, other: Any) -> Dual:
        other = _dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Any) -> Dual:
        return self + -1 * _dual(other)

    def __mul__(self, other: Any) -> Dual:
        other = _dual(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __truediv__(self, other: Any) -> Dual:
        other = _dual(other)
        return self * Dual(1 / other.value, -other.slope / (other.value * other.value))

    def __rtruediv__(self, other: Any) -> Dual:
        return _dual(other) / self

    __radd__, __rmul__ = __add__, __mul__


def _dual(value: Any) -> Dual:
    return value if isinstance(value, Dual) else Dual(value, 0)


class BallMoments:
    """Balls, of equal fields whatever `fall` is; of a `Dual` total with derivatives, by integration by parts.

    Raises:
        UnprovedError: neurons without balls, or a slope of neurons that jump.
    """

    def square(self, neurons: Neurons, total: Any) -> Any:
        return _mean(mean_of("second", neurons), total)

    def fall(self, neurons: Neurons, total: Any, fall: Any) -> Any:
        return 0

    def slope(self, neurons: Neurons, total: Any, fall: Any) -> Any:
        return _mean(mean_of("slope", neurons), total)

    def gradients(self, neurons: Neurons, total: Any, fall: Any) -> Factors:
        seen = _mean(mean_of("gradient", neurons), total)
        return Factors(seen, seen)


@lru_cache(maxsize=256)
def mean_of(kind: str, neurons: Neurons) -> Branches:
    """Branches of what is averaged: x^2 (second), E[x|h] (mean), the square of its slope, or of what gradients see."""
    if kind == "second":
        return branches(neurons.second_moment)
    if kind == "mean":
        return branches(neurons.mean)
    if kind == "gradient" and neurons.backward is not None:
        return _mapped(branches(seen_slope(neurons).subs(u, h)), lambda value: value**2)
    parts = branches(neurons.mean)
    if neurons.jumps:
        raise UnprovedError("%s neurons jump, and their slope has no mean square", neurons.name)
    return _mapped(parts, lambda value: value.diff(x) ** 2)


def _mapped(parts: Branches, function: Callable[[sp.Expr], sp.Expr]) -> Branches:
    return tuple(part.map(function) for part in parts)


def _mean(parts: Branches, total: Any) -> Any:
    """E F(u) at a variance V, and with it dE F/dV = (E F u^2 / V - E F) / (2 V)."""
    if not isinstance(total, Dual):
        return gaussian_mean(parts, arb(total))
    variance = arb(total.value)
    value = gaussian_mean(parts, variance)
    weighted = gaussian_mean(_mapped(parts, lambda each: sp.expand(each * x**2)), variance)
    return Dual(value, (weighted / variance - value) / (2 * variance) * total.slope)


def named_ball(expression: sp.Expr, found: dict[sp.Expr, tuple[str, Neurons]]) -> arb:
    """An expression in the names of `NamedMoments` at numbers, as a ball.

    Raises:
        UnprovedError: an expectation of fields that differ, or at a variance that is open.
    """
    values = {}
    for node in expression.atoms(sp.core.function.AppliedUndef):
        kind, neurons = found[node]
        variance = node.args[0]
        if len(node.args) > 1 or variance.free_symbols:
            raise UnprovedError("%s is no number", node)
        values[node] = gaussian_mean(mean_of(kind, neurons), ball(variance))
    names = {node: sp.Dummy("ball") for node in values}
    return ball(expression.xreplace(names), {names[node]: value for node, value in values.items()})
