"""Expectations over two Gaussian fields to 18 digits and more, by nested Gauss-Legendre panels, apart from the library.

The panels end at the breaks of a function and at places that its scale gives. In long doubles they are fast; the same
sums run on Arb numbers, of any precision. The slope in the correlation is Price's, jumps included; a difference of two
overlaps is that of the functions squared, or the slope integrated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from flint import arb, ctx

Array = np.ndarray
Real = np.longdouble
Function = Callable[[Any, Array], Array]

ORDER = 16
DIGITS = 40  # of Arb numbers
PI = "3.14159265358979323846264338327950288419716939937510582"
REACH = 11  # standard deviations; beyond them lies 1e-27
FAR = 20  # in units of a function's scale: from there on it varies as slowly as the field itself
AT_ONCE = 2**18
TINY = arb("1e-4900")  # what long doubles hold
SMALL = 0.02  # correlations below it are integrated up to, and variances below it are resolved by the slope
NARROW = 2e-3  # of a change of the correlation


def to_long(number: arb) -> Real:
    return Real(number.str(30, radius=False)) if abs(number) > TINY else Real(0)


def to_arb(number: Real) -> arb:
    high = float(number)
    with ctx.workdps(DIGITS):
        return arb(high) + arb(float(number - Real(high)))


@cache
def rule(kind: str, order: int = ORDER) -> tuple[Array, Array]:
    """Nodes and weights of Gauss and Legendre, in the numbers of a kind."""
    with ctx.workdps(DIGITS):
        found = [arb.legendre_p_root(order, k, weight=True) for k in reversed(range(order))]
    convert = to_long if kind == "long" else lambda number: number
    return tuple(np.array([convert(each[k]) for each in found]) for k in range(2))


@cache
def erf_table() -> Array:
    """Taylor coefficients of erf at multiples of 1/16 up to 7, (15, 113)."""
    with ctx.workdps(DIGITS):
        return np.array([_taylor(arb(k) / 16) for k in range(113)]).T


def _taylor(x: arb) -> list[Real]:
    derivative, before, column, factorial = arb(1), arb(0), [x.erf()], arb(1)
    for n in range(14):
        factorial *= n + 1
        column.append(2 / arb.pi().sqrt() * (-x * x).exp() * (-1) ** n * derivative / factorial)
        derivative, before = 2 * x * derivative - 2 * n * before, derivative
    return [to_long(each) for each in column]


def erf_long(x: Array) -> Array:
    size = np.minimum(np.abs(x), Real(7))
    place = np.rint(16 * size).astype(int)
    apart, table = size - place / Real(16), erf_table()
    value = table[-1][place]
    for row in table[-2::-1]:
        value = value * apart + row[place]
    return np.sign(x) * value


def _by_arb(name: str) -> Callable[[Array], Array]:
    return np.frompyfunc(lambda x: getattr(arb(x), name)(), 1, 1)


def _pi() -> arb:
    with ctx.workdps(60):
        return arb(PI)


def _numbers(x: Any) -> Array:
    return np.asarray(np.frompyfunc(to_arb, 1, 1)(np.asarray(x, Real)), object)


LONG = SimpleNamespace(kind="long", exp=np.exp, tanh=np.tanh, log1p=np.log1p, erf=erf_long, sqrt=np.sqrt,
                       number=lambda x: np.asarray(x, Real), pi=Real(PI))  # fmt: skip
ARB = SimpleNamespace(kind="arb", exp=_by_arb("exp"), tanh=_by_arb("tanh"), log1p=_by_arb("log1p"), erf=_by_arb("erf"),
                      sqrt=_by_arb("sqrt"), number=_numbers, pi=_pi())  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """A function, its slope off the breaks (None: 0), its jumps ((place, height), ...) and the places of its kinks.

    scale: panels so wide resolve it out to FAR of them (None: it is a polynomial between the breaks).
    """

    value: Function
    slope: Function | None
    jumps: tuple[tuple[Any, Any], ...] = ()
    kinks: tuple[Any, ...] = ()
    scale: float | None = 2.0

    @property
    def breaks(self) -> Array:
        return np.array(sorted({*(Real(place) for place, _ in self.jumps), *map(Real, self.kinks)}), Real)


class Fields:
    """Two fields of mean 0 and one variance, seen through a curve."""

    def __init__(self, curve: Curve, variance: float, m: SimpleNamespace = LONG) -> None:
        self.curve, self.m, self.variance, self.sigma = curve, m, Real(variance), np.sqrt(Real(variance))

    def mean(self, value: Function) -> Any:
        """E value(u) of a function with the breaks of the curve."""
        u, weight = self._outer(None)
        return np.sum(weight * value(self.m, u))

    def overlap(self, rest: float, correlation: float | None = None) -> Any:
        """E f(u) f(v) at correlation 1 - rest, of which a small one may be given too, with its digits."""
        f, r = self.curve.value, 1 - Real(rest) if correlation is None else Real(correlation)
        if rest in (0, 2):
            return self.mean(lambda m, u: f(m, u) * f(m, u if rest == 0 else -u))
        if abs(r) > SMALL:
            return self._pair(Real(rest), lambda m, u, v: f(m, u) * f(m, v))
        mean, (nodes, weights) = self.mean(f), rule("long", 4)
        return mean**2 + sum(self.m.number(r * weight / 2)[()] * self.slope(1 - r * (1 + node) / 2)
                             for node, weight in zip(nodes, weights, strict=True))  # fmt: skip

    def distance(self, rest: float) -> Any:
        """E (f(u) - f(v))^2 / 2 at correlation 1 - rest."""
        f = self.curve.value

        def half_square(m: SimpleNamespace, u: Array, v: Array) -> Array:
            apart = f(m, u) - f(m, v)
            return apart * apart / 2

        return self._pair(Real(rest), half_square)

    def slope(self, rest: float, correlation: float | None = None) -> Any:
        """The slope of the overlap in the correlation, at 1 - rest; it is as good as 1 - rest where that is small."""
        f, m, total = self.curve.slope, self.m, 0
        variance, rest = m.number(self.variance)[()], Real(rest)
        if f is not None and rest == 0:
            total = variance * self.mean(lambda m, u: f(m, u) ** 2)
        elif f is not None:
            total = variance * self._pair(rest, lambda m, u, v: f(m, u) * f(m, v))
        return total + self._of_jumps(rest) if self.curve.jumps else total

    def between(self, rest: float, drop: float, correlation: float | None = None) -> Any:
        """The overlap at correlation 1 - rest less that at 1 - rest - drop, as good as 1 - rest is."""
        if rest == 0 and (drop > NARROW or self.variance > SMALL or self.curve.slope is None):
            return self.distance(drop)
        low, high = np.sqrt(Real(rest)), np.sqrt(Real(rest) + Real(drop))
        nodes, weights = rule("long", 48 if self.curve.jumps else 8 if drop <= NARROW else ORDER)
        half = Real(drop) / (high + low) / 2
        at = (low + high) / 2 + half * nodes
        return sum(self.m.number(2 * half * each * weight)[()] * self.slope(each**2)
                   for each, weight in zip(at, weights, strict=True))  # fmt: skip

    def _of_jumps(self, rest: Real) -> Any:
        m, apart = self.m, rest * (2 - rest)
        places = m.number([Real(place) for place, _ in self.curve.jumps])
        heights = m.number([Real(height) for _, height in self.curve.jumps])
        variance, apart = (m.number(each)[()] for each in (self.variance, apart))
        first, second = places[:, None], places[None, :]
        form = ((first - second) ** 2 + 2 * m.number(rest)[()] * first * second) / (2 * variance * apart)
        total = np.sum(heights[:, None] * heights * m.exp(-form)) / (2 * m.pi * m.sqrt(apart))
        if self.curve.slope is not None:
            density = m.exp(-(places**2) / (2 * variance)) / m.sqrt(2 * m.pi * variance)
            given = [self._given(place, rest) for place in (Real(place) for place, _ in self.curve.jumps)]
            total = total + 2 * variance * np.sum(heights * density * np.array(given))
        return total

    def _given(self, u: Real, rest: Real) -> Any:
        v, weight = self._inner(np.array([u]), rest)
        return np.sum(weight * self.curve.slope(self.m, v))

    def _pair(self, rest: Real, value: Callable[[Any, Array, Array], Array]) -> Any:
        u, weight = self._outer(rest)
        exact, total = self._places, 0
        size = self._inner_edges(exact[:1], rest).size * ORDER
        for chosen in np.array_split(np.arange(u.size), 1 + u.size * size // AT_ONCE):
            v, inner = self._inner(exact[chosen], rest)
            total = total + np.sum(weight[chosen] * np.sum(inner * value(self.m, u[chosen][:, None], v), 1))
        return total

    def _outer(self, rest: Real | None) -> tuple[Array, Array]:
        edges = [self._marks(), np.arange(-REACH, REACH + 1, 2) * self.sigma]
        r = Real(1) if rest is None else 1 - rest
        if rest is not None and r != 0 and self.curve.breaks.size:
            width = self.sigma * np.sqrt(rest * (2 - rest)) / np.abs(r)
            edges += [(each / r + width * np.arange(-9, 10, 2)) for each in self.curve.breaks]
            edges += [self.curve.breaks / r]
        if rest is not None and r != 0:
            edges += [self._marks() / r]
        joined = np.unique(np.clip(np.concatenate(edges), -REACH * self.sigma, REACH * self.sigma))
        self._places, u, width = _panels(joined, self.m)
        return u, width * _density(u / self.m.number(self.sigma)[()], self.m) / self.m.number(self.sigma)[()]

    def _inner_edges(self, u: Array, rest: Real) -> Array:
        spread = self.sigma * np.sqrt(rest * (2 - rest))
        marks = (self._marks() - u[:, None] + rest * u[:, None]) / spread
        plain = np.broadcast_to(np.arange(-REACH, REACH + 1, 2).astype(Real), (u.size, REACH + 1))
        return np.sort(np.concatenate([plain, np.clip(marks, -REACH, REACH)], 1), 1)

    def _inner(self, u: Array, rest: Real) -> tuple[Array, Array]:
        spread = self.m.number(self.sigma * np.sqrt(rest * (2 - rest)))[()]
        _, z, width = _panels(self._inner_edges(u, rest), self.m)
        exact = self.m.number(u)[:, None]
        return exact - self.m.number(rest)[()] * exact + spread * z, width * _density(z, self.m)

    def _marks(self) -> Array:
        """Breaks, and places between which the curve is a polynomial to rounding."""
        if self.curve.scale is None:
            return self.curve.breaks
        scale, top = Real(self.curve.scale), REACH * self.sigma
        near = scale * np.arange(FAR + 1)
        far = scale * FAR * Real(2) ** np.arange(1, max(1, int(np.log2(float(top / scale / FAR)) + 2)))
        around = np.concatenate([near, far])
        return np.unique(np.concatenate([self.curve.breaks, -around, around]).clip(-1.5 * top, 1.5 * top))


def _panels(edges: Array, m: SimpleNamespace) -> tuple[Array, Array, Array]:
    """Nodes, also in the numbers of m, and weights of panels between edges (..., k)."""
    nodes, weights = rule("long")
    half, middle = np.diff(edges)[..., None] / 2, (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    long = middle + half * nodes
    shape = (*edges.shape[:-1], -1)
    if m is LONG:
        return long.reshape(shape), long.reshape(shape), (half * weights).reshape(shape)
    exact_nodes, exact_weights = rule("arb")
    half, middle = m.number(half), m.number(middle)
    return long.reshape(shape), (middle + half * exact_nodes).reshape(shape), (half * exact_weights).reshape(shape)


def _density(z: Array, m: SimpleNamespace) -> Array:
    return m.exp(-(z * z) / 2) / m.sqrt(2 * m.pi)


def steps(places: list[Any], heights: list[Any], base: Any = 0) -> Curve:
    """base + the sum of heights[k] where u > places[k]."""
    levels = [Real(base) + sum((Real(each) for each in heights[:k]), Real(0)) for k in range(len(heights) + 1)]
    ordered = np.array([Real(each) for each in places])

    def value(m: Any, u: Array) -> Array:
        rank = sum((np.asarray(u > m.number(place)[()], bool).astype(int) for place in ordered), np.zeros(u.shape, int))
        return m.number(levels)[rank]

    return Curve(value, None, tuple(zip(places, heights, strict=True)), scale=None)
