"""What a cut of a wide network carries for pairs of replicas, and what a block does to it (theory.md, section 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from meanbits.theory.declarations.neurons import Neurons

Window = tuple[int, ...]  # positions along each axis that a unit reads
Value = Any  # a SymPy expression, a number or an array of them: one definition derives, and evaluates


@dataclass(frozen=True)
class Flow:
    """Second moments across a cut, of wide layers.

    total: T or B, of a unit. fall: total less the overlap of two replicas, which may be two inputs or two
    noise-independent runs of one; it keeps its digits where they are alike. typical: the same of a typical pair of the
    batch, which batch norm subtracts.
    """

    total: Value
    fall: Value
    typical: Value

    def scaled(self, factor: Value) -> Flow:
        """All of it times a factor."""
        return self.of(factor * self.total, factor * self.fall, factor * self.typical)

    def of(self, total: Value, fall: Value, typical: Value) -> Flow:
        """Other moments of the same kind of flow."""
        return replace(self, total=total, fall=fall, typical=typical)

    def with_noise(self, variance: Value) -> Flow:
        """Independent noise of this variance added: to the total alone, so to what the replicas differ by."""
        return self.of(self.total + variance, self.fall + variance, self.typical + variance)

    def plus(self, other: Flow) -> Flow:
        """The sum of two independent parts."""
        return self.of(self.total + other.total, self.fall + other.fall, self.typical + other.typical)

    def averaged(self, window: Window) -> Flow:
        """Over the positions that units of this window see: itself, where all positions are alike."""
        return self

    def passed(self, window: Window) -> Value:
        """What is left by that of a deviation of the overlap: all, where it is the same at all positions."""
        return 1


def in_turn(first: Value, second: Value) -> Value:
    """The product of two slopes; of numbers 0 where one is 0, as behind weights of 0, though the other is infinite."""
    if not all(isinstance(each, int | float | np.ndarray) for each in (first, second)):
        return first * second
    with np.errstate(invalid="ignore"):
        return np.where(np.logical_or(first == 0, second == 0), 0.0, first * second)[()]


@dataclass(frozen=True)
class Factors:
    """By what a block multiplies, on their way back through it, the mean square of gradients and the overlap of two."""

    square: Value
    overlap: Value

    def times(self, other: Factors) -> Factors:
        """Those of both in turn."""
        return Factors(in_turn(self.square, other.square), in_turn(self.overlap, other.overlap))


class Expectations(Protocol):
    """Gaussian expectations of neurons over fields of variance `total`, pairs of them `fall` less correlated."""

    def square(self, neurons: Neurons, total: Value) -> Value:
        """E[x^2]."""
        ...

    def fall(self, neurons: Neurons, total: Value, fall: Value) -> Value:
        """E[x^2] - E m(u) m(v)."""
        ...

    def slope(self, neurons: Neurons, total: Value, fall: Value) -> Value:
        """The derivative of E m(u) m(v) with respect to E u v: E m'(u) m'(v), by Price's theorem."""
        ...

    def gradients(self, neurons: Neurons, total: Value, fall: Value) -> Factors:
        """E g(u)^2 and E g(u) g(v) of the slope g that gradients see."""
        ...


class FourthMoments(Expectations, Protocol):
    """And what singular values need."""

    def fourth(self, neurons: Neurons, total: Value) -> Value:
        """E g(u)^4 of the slope g that gradients see."""
        ...


class Block(Protocol):
    """A part of a layer. Replicas share its weights and biases, and nothing that is drawn for a pass.

    It may say what it `assumes`, a `theory.trace.Assumption`; `gives_field`, whether what is behind it is a Gaussian
    field (None: as before it, False unless said); `needs_field`, whether it has to be given one; that it `mixes` units,
    or `kurtosis(flow, of)`, E d^4/(E d^2)^2 of the factors d by which it multiplies gradients unit by unit.
    """

    @property
    def name(self) -> str:
        """As options and traces write it."""
        ...

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """The flow behind the block."""
        ...

    def slope(self, flow: Flow, of: Expectations) -> Value:
        """The derivative of the overlap behind the block with respect to that before it, `flow`."""
        ...

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        """The factors of gradients, at the flow before the block."""
        ...

    def apply(self, x: Any, draw: Any) -> Any:
        """The block on tensors (batch, units); `draw` draws its weights and noise, and knows its neurons."""
        ...
