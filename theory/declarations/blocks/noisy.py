"""Units known by mean and variance: blocks act on them as on tensors, and so say what they do to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from meanbits.theory.declarations.blocks.flow import Value

Averaging = Callable[[Value, object], Value]  # of an array or expression over axes, which are kept


@dataclass(frozen=True)
class Noisy:
    """x of this expectation and variance over what is drawn for a pass, independently for each unit.

    averaging: the mean over units or over a batch, which so many of them have that what is drawn averages out: the mean
    of x is that of its expectation, the mean of x^2 that of expectation^2 + variance.
    """

    expectation: Value
    variance: Value
    averaging: Averaging

    @property
    def ndim(self) -> int:
        """Axes of the array; of an expression, those of a batch of units."""
        return getattr(self.expectation, "ndim", 2)

    def mean(self, axis: object, *, keepdims: bool) -> Value:
        """Over units or a batch, a known number."""
        return self.averaging(self.expectation, axis)

    def __pow__(self, power: int) -> Squared:
        if power != 2:
            raise TypeError(f"{type(self).__name__} to the power {power}: only the mean of its square is known")
        return Squared(self.expectation**2 + self.variance, self.averaging)

    def __add__(self, other: Value) -> Noisy:
        if isinstance(other, Noisy):  # independent
            return replace(self, expectation=self.expectation + other.expectation,
                           variance=self.variance + other.variance)  # fmt: skip
        return replace(self, expectation=self.expectation + other)

    __radd__ = __add__

    def __sub__(self, known: Value) -> Noisy:
        return self + -known

    def __mul__(self, known: Value) -> Noisy:
        return replace(self, expectation=known * self.expectation, variance=known**2 * self.variance)

    __rmul__ = __mul__

    def __truediv__(self, known: Value) -> Noisy:
        return replace(self, expectation=self.expectation / known, variance=self.variance / known**2)


@dataclass(frozen=True)
class Squared:
    """x^2 by its expectation."""

    expectation: Value
    averaging: Averaging

    def mean(self, axis: object, *, keepdims: bool) -> Value:
        """Over units or a batch."""
        return self.averaging(self.expectation, axis)
