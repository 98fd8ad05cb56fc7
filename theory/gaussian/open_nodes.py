"""What no rule closes of an overlap: left to quadrature, which keeps its digits."""

from __future__ import annotations

from typing import Any

import sympy as sp

from meanbits.theory.symbols import u


class OverlapNode(sp.Expr):
    """A function of a Gaussian pair whose integrand, the first argument, is a function f of u."""

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return super().free_symbols - {u}


class GaussianDifference(OverlapNode):
    """E f(u) f(v) at correlation 1 - rest less that at 1 - rest - drop, u and v of the given variance; f in u.

    What no rule of `gaussian.difference` closes.
    """

    def __new__(cls, integrand: Any, variance: Any, rest: Any, drop: Any) -> GaussianDifference:
        return super().__new__(cls, *map(sp.sympify, (integrand, variance, rest, drop)))


class GaussianSlope(OverlapNode):
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance; f in u, distance in [0, 2].

    Quadrature takes the distance to its last digit.
    """

    def __new__(cls, integrand: Any, variance: Any, distance: Any) -> GaussianSlope:
        return super().__new__(cls, *map(sp.sympify, (integrand, variance, distance)))
