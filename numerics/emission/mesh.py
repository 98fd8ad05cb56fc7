"""Panels of the real line on which functions with kinks, jumps and features of any scale are polynomials to rounding.

They are what the quadratures of `emission.runtime.broken_numpy` need to know of a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

PANELS = 256  # a side of 0
FARTHEST, NEAREST = 2.0**100, 2.0**-120
NARROWEST = 2.0**-30  # of a panel off the breaks, relative to its place
NEAR, NOISY = 2.0**-13, 2.0**-26  # nearer to 0 a function is as good as its rounding, and as that of its terms there
CLEAR = 50.0  # a function that loses its digits beyond is read up to there
POINTS = 40
ANGLES = np.pi * (np.arange(POINTS) + 0.5) / POINTS
NODES = -np.cos(ANGLES)
TO_CHEBYSHEV = 2 / POINTS * np.cos(np.arange(POINTS)[:, None] * (np.pi - ANGLES))
EPSILON, TINIEST = np.finfo(np.float64).eps, np.finfo(np.float64).tiny
DEGREES = 28, 34  # that functions and their squares have on a panel: 20 nodes of Gauss and Legendre are exact to 39
BEYOND = tuple(TO_CHEBYSHEV[degree:].T for degree in DEGREES)
ROUNDING = 1e-14  # of a coefficient, relative to the largest value so near 0
LOSS = 1e-12  # of a coefficient, what the rounding of cancelling terms may add to it
COARSEST = 1e-9  # what the rounding of u may add to it, where a function is steep, off the breaks


class MeshError(ValueError):
    """A function that no mesh resolves near some point."""


def mesh(functions: Function | Sequence[Function], breaks: Sequence[float]) -> tuple[float, ...]:
    """The ascending edges of panels on which all the functions are polynomials of low degree to rounding.

    The functions are elementwise and analytic between the breaks, at which one of them or its slope may be singular but
    integrable. 0 and the breaks are edges; those with a singularity stand twice, as knots of splines do. First and last
    edge are the reach: up to 2^100, or as far as the functions stay finite and 256 panels a side suffice.

    Raises MeshError, which names the point, where a function varies too fast.
    """
    each = (functions,) if callable(functions) else tuple(functions)
    cuts = sorted({0.0, *map(float, breaks)})
    if not np.all(np.abs(cuts) < FARTHEST):
        raise MeshError(f"breaks {cuts[0]:g} to {cuts[-1]:g}; give numbers within {FARTHEST:.3g}")
    right = _Side(each, [cut for cut in cuts if cut >= 0], 1.0).edges()
    left = _Side(each, [-cut for cut in reversed(cuts) if cut <= 0], -1.0).edges()
    edges = [-edge for edge in reversed(left[1:])] + right
    return tuple(_with_double_knots(each, edges, cuts, [float(place) for place in breaks]))


class _Side:
    """The panels of |u|, u of one sign, from 0 outwards."""

    def __init__(self, functions: tuple[Function, ...], breaks: list[float], sign: float) -> None:
        self.functions, self.breaks, self.sign = functions, breaks, sign
        self._values = lru_cache(maxsize=2 * PANELS)(self._evaluated)  # panels are looked at again when merged
        self.sizes = np.zeros(len(functions))
        self.near = np.nan_to_num(np.abs(self._values(2.0**-10, 1.0)[1]).max(1))
        self.noise = EPSILON * self.near

    def edges(self) -> list[float]:
        found = [0.0]
        for start, end in self._starts():
            for stop in self._refined(start, end):
                if len(found) > PANELS:
                    return self._within_budget(found)
                if not np.isfinite(stop):
                    return self._within_budget(found)
                found.append(stop)
        return self._merged(found)

    def _starts(self) -> Iterator[tuple[float, float]]:
        """Panels that end at breaks, of width 1 from 1 to 16, then as wide as far; nearer to breaks ever narrower."""
        outward = {*map(float, range(1, 17)), *(2.0**k for k in range(-30, 101))}
        beside = {place + side * 2.0**-k for place in self.breaks for k in range(4, 21, 4) for side in (-1, 1)}
        yield from pairwise(sorted({*self.breaks, *outward, *(place for place in beside if place > 0)}))

    def _refined(self, start: float, end: float) -> Iterator[float]:
        """The ends of the resolved panels that make up one; inf where a function overflows."""
        pending = [(start, end)]
        while pending:
            a, b = pending.pop()
            if self._resolved(a, b):
                yield b
            elif self._is_last(a, b):
                if self._overflows(a) or self._loses_digits(a):
                    yield np.inf
                    return
                self._require_integrable(a, b)
                yield b
            else:
                middle = self._split(a, b)
                pending += [(middle, b), (a, middle)]

    def _split(self, a: float, b: float) -> float:
        """A point between, at a quarter of the way from a break."""
        near, far = a in self.breaks, b in self.breaks
        return (3 * a + b) / 4 if near and not far else (a + 3 * b) / 4 if far and not near else (a + b) / 2

    def _is_last(self, a: float, b: float) -> bool:
        if a in self.breaks or b in self.breaks:
            return b - a <= max(NEAREST, 2.0**-44 * b)
        return b - a <= NARROWEST * b

    def _evaluated(self, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
        """|u| (n,) between a and b, and the functions there (k, n)."""
        u = a + (b - a) * (1 + NODES) / 2
        values = np.empty((len(self.functions), u.size))
        with np.errstate(all="ignore"):
            for row, function in zip(values, self.functions, strict=True):
                row[:] = function(self.sign * u)
        return u, values

    def _at(self, function: Function, u: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(function(self.sign * u), dtype=np.float64), u.shape)

    def _resolved(self, a: float, b: float) -> bool:
        values = self._values(a, b)[1]
        largest = np.abs(values).max(1)
        if not np.all(largest < 1e150):
            return False
        sizes = np.maximum(np.maximum(self.sizes, largest), TINIEST)
        beyond = _tails(values, sizes)
        if np.any(beyond > ROUNDING):
            beyond = np.where(beyond > self._allowed(a, b, sizes), beyond, 0.0)
            if np.any(beyond) and not self._is_rounding(a, b, beyond, sizes):
                return False
        self.sizes = sizes
        return True

    def _allowed(self, a: float, b: float, sizes: np.ndarray) -> np.ndarray:
        """What the rounding of u leaves of coefficients, beside that of the functions."""
        u, values = self._values(a, b)
        rises, runs = np.abs(values[:, 1:] - values[:, :-1]), u[1:] - u[:-1]
        steepest = np.divide(rises, runs, out=np.zeros_like(rises), where=runs > 0).max(1)
        return ROUNDING + np.minimum(8 * EPSILON * b * steepest / sizes, self._coarsest(a, b))

    def _is_rounding(self, a: float, b: float, beyond: np.ndarray, sizes: np.ndarray) -> bool:
        """Whether what is no polynomial is small, and does not shrink in half the panel: cancelled terms leave it.

        Or all of it is less than what rounding leaves of the function on the other side of 0.
        """
        u, values = self._values(a, b)
        limit = LOSS * self._both_sides(u) / sizes
        beyond = np.where(limit >= 1, 0.0, beyond)
        if b < NEAR and np.all(np.abs(values).max(1) <= 4 * self.near):  # 1 - exp(-u), say, has its digits beside 1
            limit = limit + 64 * self.noise / sizes
        return bool(np.all(beyond <= limit) and np.all(self._quarters(a, b, sizes)[-1] >= beyond / 2))

    def _quarters(self, a: float, b: float, sizes: np.ndarray) -> np.ndarray:
        """What is no polynomial in the quarters of a panel, ascending, (4, k): about a quarter of all at a kink."""
        return np.sort([_tails(self._values(*ends)[1], sizes) for ends in pairwise(np.linspace(a, b, 5))], 0)

    def _both_sides(self, u: np.ndarray) -> np.ndarray:
        """The largest values up to |u| on this side, and at it on the other, (k,)."""
        with np.errstate(all="ignore"):
            other = [np.abs(self._at(f, -u)).max() for f in self.functions]
        return np.fmax(self.sizes, other)

    def _coarsest(self, a: float, b: float) -> float:
        """What the rounding of u may add to a coefficient: much, where panels narrow towards a break."""
        beside = any(0 < abs(b - place) <= 64 * (b - a) for place in self.breaks if place)
        return 0.01 if beside and not {a, b} & set(self.breaks) else COARSEST

    def smooth(self, width: float) -> bool:
        """Whether the functions are one polynomial around 0, beside their largest values within width."""
        self.sizes = np.abs(self._values(-width, width)[1]).max(1)
        return self._resolved(-width / 8, width / 8)

    def _overflows(self, a: float) -> bool:
        """Whether the functions are finite where a panel begins, and huge there or unknown from there on."""
        sizes, beyond = self._sizes_at(a), [self._sizes_at(share * a) for share in (1.001, 1.5, 2.0, 10.0)]
        unknown = a > 1 and not np.any(np.all(np.isfinite(beyond), 1))
        return bool(np.all(np.isfinite(sizes)) and (np.any(sizes > 1e100) or unknown))

    def _loses_digits(self, a: float) -> bool:
        """Whether it is rounding that keeps panels from being resolved from here, far out, on."""
        if a < CLEAR:
            return False
        sizes = np.maximum(self.sizes, TINIEST)
        beyond = _tails(self._values(0.9 * a, 1.25 * a)[1], sizes)
        everywhere = self._quarters(0.9 * a, 1.25 * a, sizes)[1] >= beyond / 4  # a jump is in one, or between two
        return bool(np.any(beyond > ROUNDING) and np.all(everywhere | (beyond <= ROUNDING)))

    def _sizes_at(self, u: float) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.abs([float(np.asarray(f(np.array([self.sign * u]))).ravel()[0]) for f in self.functions])

    def _require_integrable(self, a: float, b: float) -> None:
        """Refuse a panel that was not resolved, unless at a break near which |u|^(3/4) f vanishes."""
        at, inward = (a, 1.0) if a in self.breaks else (b, -1.0)
        near, wide = (width * self._sizes_at(at + inward * width) for width in (b - a, 2.0**20 * (b - a)))
        if at not in self.breaks or not np.all(near <= wide / 32):
            raise _too_fast(self.sign * at)

    def _within_budget(self, found: list[float]) -> list[float]:
        merged = self._merged(found)
        if merged[-1] < 1e-3:
            raise MeshError(f"varies too fast near h = {self.sign * merged[-1]:.6g}: more than {PANELS} panels")
        return merged

    def _merged(self, found: list[float]) -> list[float]:
        """The edges without those between two panels that are resolved as one."""
        self.sizes = np.zeros(len(self.functions))
        kept = [found[0]]
        for here, end in pairwise(found[1:]):
            if here in self.breaks or not (self._resolved(kept[-1], end) and self._agrees(kept[-1], here, end)):
                kept.append(here)
                self._require_smooth(kept[-2], here, end)
        return [*kept, found[-1]]

    def _agrees(self, start: float, here: float, end: float) -> bool:
        """Whether the polynomials between start and end are right between here and end too, which may be narrow."""
        polynomials = self._values(start, end)[1] @ TO_CHEBYSHEV[: DEGREES[1]].T
        polynomials[:, 0] /= 2
        u, values = self._values(here, end)
        angles = np.arccos(np.clip(2 * (u - start) / (end - start) - 1, -1, 1))
        found = polynomials @ np.cos(np.arange(DEGREES[1])[:, None] * angles)
        return bool(np.all(np.abs(found - values) <= 1e-9 * self.sizes[:, None]))

    def _require_smooth(self, start: float, here: float, end: float) -> None:
        """Refuse an edge off the breaks on both sides of which the functions are not alike, if rounding lets it see."""
        if here in self.breaks:
            return
        width = min(here - start, end - here) / 8
        if width < 2.0**-40 * here:
            return
        self.sizes = np.maximum(self.sizes, np.abs(self._values(start, here)[1]).max(1))
        if not (self._resolved(here - width, here + width) or self._loses_digits(here)):
            raise _too_fast(self.sign * here)


def _tails(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The largest Chebyshev coefficients beyond the degrees allowed, of functions (k, n) and their squares; (k,)."""
    with np.errstate(all="ignore"):
        scaled = values / sizes[:, None]
        of_values, of_squares = (np.abs(powers @ rest).max(1)
                                 for powers, rest in zip((scaled, scaled**2), BEYOND, strict=True))  # fmt: skip
    return np.maximum(of_values, of_squares / 2)


def _too_fast(place: float) -> MeshError:
    return MeshError(f"varies too fast near h = {place:.6g}: a pole, or a break that is not declared")


def _with_double_knots(
    functions: tuple[Function, ...], edges: list[float], breaks: Sequence[float], declared: Sequence[float]
) -> Iterator[float]:
    """The edges, a break twice unless the functions are one polynomial around it. Refuses a break not declared."""
    for before, here, after in zip([None, *edges[:-1]], edges, [*edges[1:], None], strict=True):
        yield here
        if before is None or after is None or here not in breaks:
            continue
        around = _Side(tuple(lambda u, f=f, t=here: f(t + u) for f in functions), [0.0], 1.0)
        width = min(here - before, after - here)
        if not around.smooth(width):
            if here not in declared:
                raise _too_fast(here)
            yield here
