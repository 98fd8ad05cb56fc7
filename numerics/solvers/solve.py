"""Fixed points of the layer-to-layer maps and their depth scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanbits.numerics.blocks import BLOCK, on_all_cores
from meanbits.numerics.emission.ready import ReadyTheory, derived, maps_of, traits_of
from meanbits.numerics.shown import Shown
from meanbits.numerics.solvers.backward import growth_of_gradients
from meanbits.numerics.solvers.domain import check_domain, floats, refuse_nan, relative_gain
from meanbits.numerics.solvers.faint import FAINT, faint_slopes
from meanbits.numerics.solvers.newton import (
    LARGEST,
    SLOPE_ROUNDING,
    Array,
    Chosen,
    Map,
    descended_fixed_point,
    nearby_gap,
)
from meanbits.numerics.solvers.scales import depth_scale, gradient_scale
from meanbits.numerics.solvers.scan import FixedPoints, NoFixedPointError, scanned_fixed_points
from meanbits.numerics.solvers.settle import put_back, settled
from meanbits.numerics.solvers.shape import total_crosses_once, variance_crosses_once

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

STEP = 1e-6  # relative, of numerical derivatives
VANISHING = 2.0**-480  # a total variance that dies out, its inverse one that diverges: the maps are at their limits
MAP_ROUNDING = 8 * float(np.finfo(np.float64).eps)
MANY = 5000  # points from which on tables pay
PART = BLOCK // 2


@dataclass(frozen=True, repr=False)
class FixedPoint(Shown):
    """The stable fixed point of each (sigma_m2, sigma_b2); arrays of one shape.

    q, T: field variances, as the maps take them and in total. r: overlap with a noise-independent replica where the
    field is marginalised, of the two inputs where it is sampled. c, gap: correlation of two inputs, and 1 - c. chi,
    chi_1: slopes of the correlation map at c and at c = 1; dq: that of the variance map (of 1/q at q = infinity). xi_q,
    xi_c: depth scales -1/ln|dq| and -1/ln chi, infinite at criticality. chi_g: by what a layer multiplies squared
    gradients; NaN where they see no slope.

    Without biases the field may vanish, T = 0; all else is then its limit as sigma_b2 -> 0, and chi_1 = dq.
    """

    sigma_m2: Array
    sigma_b2: Array
    q: Array
    T: Array
    r: Array
    c: Array
    gap: Array
    chi: Array
    chi_1: Array
    dq: Array
    xi_q: Array
    xi_c: Array
    chi_g: Array

    shown = ("sigma_m2", "sigma_b2", "q", "T", "r", "c", "gap", "chi", "chi_1", "dq", "xi_q", "xi_c", "chi_g", "xi_g",
             "phase")  # fmt: skip

    @property
    def xi_g(self) -> Array:
        """1/ln chi_g in layers: above 0 where gradients grow on their way back, below where they vanish."""
        return gradient_scale(self.chi_g)

    @property
    def phase(self) -> NDArray[np.str_]:
        """ordered, critical or chaotic: chi_1 below 1, at 1 to the rounding of the maps, or above."""
        chaotic = np.where(self.chi_1 > 1, "chaotic", "ordered")
        return np.where(np.abs(self.chi_1 - 1) <= SLOPE_ROUNDING, "critical", chaotic)


def fixed_point(
    theory: Theory | ReadyTheory,
    sigma_m2: ArrayLike,
    sigma_b2: ArrayLike,
    gain: ArrayLike | None = None,
    backend: str = "numpy",
) -> FixedPoint:
    """The stable fixed point (q, c) at each (sigma_m2, sigma_b2), which broadcast.

    gain: of a surrogate in paper form, in place of its own; broadcasts too. backend: numpy, or c to solve with compiled
    maps, which takes half the time and once a compilation.

    The correlation map is increasing and convex in c on [0, 1], its coefficients being squares (Mehler), so the stable
    c is the smallest fixed point and Newton's method reaches it from c = 0 without overshooting. Variances are
    bracketed in [0, infinity] (`solvers.newton`). Many points of a theory whose maps are sums or quadratures go
    through tables of them, whose error is that of the maps or little more (`solvers.tables`).

    Raises:
        ValueError: a single layer, a theory or a backend without emitted maps, or parameters out of the domain.
    """
    squared_gain = () if gain is None else (relative_gain(theory, gain) ** 2,)
    given = (floats("sigma_m2", sigma_m2), floats("sigma_b2", sigma_b2), *squared_gain)
    means, biases, *squared = np.broadcast_arrays(*given)
    check_domain(theory, means, biases)
    maps, flat = _maps(theory, means.size, backend), [each.ravel() for each in (means, biases, *squared)]
    joined = {name: np.empty(means.size) for name in NAMES}

    def solve(part: slice) -> None:
        found = _Solver(theory, maps, *(each[part] for each in flat)).solve()
        for name, values in joined.items():
            values[part] = getattr(found, name)

    on_all_cores(solve, means.size, PART)
    refuse_nan({name: values for name, values in joined.items() if name != "chi_g"})
    return FixedPoint(**{name: values.reshape(means.shape)[()] for name, values in joined.items()})


def error_bound(theory: Theory | ReadyTheory, found: FixedPoint) -> Array:
    """A bound on the relative errors of q and of the gap of fixed points, the rounding of the maps included."""
    parameters = (np.ravel(each) for each in (found.sigma_m2, found.sigma_b2))
    state = (np.ravel(each) for each in (found.q, found.gap, found.dq, found.chi))
    return _Solver(theory, maps_of(theory), *parameters).error_bound(*state).reshape(np.shape(found.q))[()]


def variance_fixed_points(theory: Theory | ReadyTheory, sigma_m2: float, sigma_b2: float) -> FixedPoints:
    """All fixed points of the variance map at one (sigma_m2, sigma_b2); T, where it varies, at its own.

    Raises:
        ValueError: as `fixed_point` does.
    """
    solver = _Solver(theory, maps_of(theory), *(np.array([each], np.float64) for each in (sigma_m2, sigma_b2)))
    maps = solver.map("variance_map"), solver.map("variance_slope")
    return solver.settled("q", lambda: scanned_fixed_points(*maps, 1))


Found = TypeVar("Found")
NAMES = tuple(field.name for field in fields(FixedPoint))


class _Solver:
    """The maps of one theory, emitted or tabulated, at flat arrays of parameters."""

    def __init__(
        self,
        theory: Theory | ReadyTheory,
        maps: SimpleNamespace,
        sigma_m2: Array,
        sigma_b2: Array,
        squared_gain: Array | None = None,
    ) -> None:
        self.theory, self.traits, self.maps = theory, traits_of(theory), maps
        self.given = self.parameters = sigma_m2, sigma_b2
        self.squared_gain, self.total = squared_gain, None
        if self.traits.takes_total:
            self.total, self.parameters = self._fixed_total()

    def solve(self) -> FixedPoint:
        """Variance first, then the correlation at that variance."""
        every, equal = np.arange(self.parameters[0].size), np.zeros(1)
        slope = self.map("variance_slope")
        q = self.settled("q", lambda: settled(self.map("variance_map"), slope, self._once(), self.squared_gain))
        gap_map, chi_at = (self.map(name, q) for name in ("gap_map", "chi_at_gap"))
        apart, chi_1 = gap_map(equal, every), chi_at(equal, every)
        vanished, diverges = (apart == 0) & (q == 0), np.isinf(q)
        dq = slope(np.where(diverges, 1.0, q), every)
        dq = np.where(diverges, self._slope_at_infinity(chi_1), dq) if diverges.any() else dq
        chi_1 = np.where(vanished, dq, chi_1)
        gap, chi, descending = np.zeros(every.size), chi_1.copy(), np.flatnonzero((apart != 0) | ~(chi_1 <= 1))
        farthest = gap_map(np.ones(1), descending)
        faint = (apart[descending] == 0) & (farthest <= FAINT)
        chi[descending[faint]], chi_1[descending[faint]] = faint_slopes(self.traits)
        descending, farthest = descending[~faint], farthest[~faint]
        start = nearby_gap(apart[descending], chi_1[descending], farthest)
        gap[descending] = descended_fixed_point(gap_map, chi_at, descending, start)
        gap = self.settled("the gap", lambda: put_back(gap, gap_map, chi_at))
        chi[descending] = chi_at(gap[descending], descending)
        chi = np.where(vanished, dq, chi)
        no_means = self.parameters[0] == 0
        dq, chi_1, chi = (np.where(no_means, 0.0, each) for each in (dq, chi_1, chi))
        r = _fraction(q) if self.traits.is_relative else 1 - gap
        scales = depth_scale(dq), depth_scale(chi)
        growth = growth_of_gradients(self.theory, q, *self.given, chi_1, gained=self.squared_gain is not None)
        return FixedPoint(*self.given, q, self._total_at(q), r, 1 - gap, gap, chi, chi_1, dq, *scales, growth)

    def _once(self) -> NDArray[np.bool_]:
        """Where the variance map crosses the diagonal once."""
        if self.squared_gain is None:
            return np.full(self.parameters[0].size, variance_crosses_once(self.theory))
        gains, which = np.unique(self.squared_gain, return_inverse=True)
        return np.array([variance_crosses_once(self.theory, float(gain)) for gain in gains], bool)[which]

    def settled(self, name: str, found: Callable[[], Found]) -> Found:
        """What was found, or in one line why nothing was, and where."""
        try:
            return found()
        except NoFixedPointError as error:
            means, biases = (float(each[error.point]) for each in self.given)
            raise ValueError(f"no stable fixed point of {name} at sigma_m2 = {means:g}, sigma_b2 = {biases:g}: "
                             f"{error.reason}; choose other variances") from None  # fmt: skip

    def _total_at(self, q: Array) -> Array:
        """T at q."""
        if not self.traits.is_relative:
            return q
        if self.total is None:
            return self.maps.total_map(np.ones(1), *self.parameters)
        extreme = np.where(self.total == VANISHING, 0.0, np.inf)
        return np.where((self.total == VANISHING) | (self.total == 1 / VANISHING), extreme, self.total)

    def _fixed_total(self) -> tuple[Array, tuple[Array, Array]]:
        """T, and the parameters of maps at it: where it dies out, biases that keep it barely alive."""
        total, slope = self.maps.total_map, self.maps.total_slope
        means, biases = self.parameters
        once = np.full(means.size, total_crosses_once(self.theory))

        def at(function: Callable[..., Array], T: Array, chosen: Chosen) -> Array:
            part = _part(chosen, means.size)
            return function(T, means[part], biases[part])

        after, rate = partial(at, total), partial(at, slope)
        fixed = self.settled("T", lambda: self._with_limits(settled(after, rate, once)))
        alive = VANISHING * (1 - np.minimum(slope(np.array([VANISHING]), means, biases), 1))
        return np.clip(fixed, VANISHING, 1 / VANISHING), (means, np.where(fixed == 0, alive, biases))

    def _with_limits(self, total: Array) -> Array:
        """T, unless it is beyond what maps of q take beside such biases, or by sums over ever wider fields."""
        beyond = total > 1 / VANISHING
        lost = np.flatnonzero(beyond & (self.traits.by_quadrature | (self.parameters[1] > MAP_ROUNDING / VANISHING)))
        if lost.size:
            raise NoFixedPointError(int(lost[0]), "it goes on towards infinity, where no limit is derived")
        return total

    def _slope_at_infinity(self, chi_1: Array) -> Array:
        """The slope of 1/q there: chi_1 where fields are marginalised exactly, both being slopes of the replica map."""
        if self.traits.follows_replicas:
            return chi_1
        every, limit = np.arange(chi_1.size), self.map("variance_slope")(np.array([np.inf]), np.arange(chi_1.size))
        after = self.map("variance_map")(np.array([LARGEST]), every)
        return np.where(limit > 0, 1 / limit, LARGEST / after)

    def map(self, name: str, q: Array | None = None) -> Map:
        """A map of q, or of the gap at given q, at the parameters of chosen points.

        phi(gain h) at q is phi(h) at gain^2 q, whatever phi.
        """
        function = getattr(self.maps, name)
        is_slope = name == "variance_slope"

        def at(x: Array, chosen: Chosen) -> Array:
            part = _part(chosen, self.parameters[0].size)
            scale = 1.0 if self.squared_gain is None else _once_if_one(self.squared_gain[part])
            state = (scale * x,) if q is None else (x, scale * q[part])
            extra = () if self.total is None else (self.total[part],)
            value = function(*state, *(each[part] for each in self.parameters), *extra)
            return scale * value if is_slope else value

        return at

    def error_bound(self, q: Array, gap: Array, dq: Array, chi: Array) -> Array:
        """Residuals and the maps' rounding, over 1 - slope; the gap inherits the error of q."""
        every = np.arange(q.size)
        with np.errstate(all="ignore"):
            residual = np.abs(self.map("variance_map")(q, every) / q - 1)
            of_q = np.where((q > 0) & np.isfinite(q), (residual + MAP_ROUNDING) / np.abs(1 - dq), 0.0)
            after, moved = (self.map("gap_map", each)(gap, every) for each in (q, q * (1 + STEP)))
            inherited = np.abs(moved / after - 1) / STEP * of_q
            of_gap = (np.abs(after / gap - 1) + MAP_ROUNDING + inherited) / np.abs(1 - chi)
        return np.maximum(of_q, np.where(gap > 0, of_gap, 0.0))


def _maps(theory: Theory | ReadyTheory, points: int, backend: str) -> SimpleNamespace:
    """The emitted maps, or, for many points of a theory that is costly, tables of them."""
    if points > MANY and traits_of(theory).is_costly:
        from meanbits.numerics.solvers.tables import TOLERANCE, tabulated

        tables = tabulated(derived(theory), backend)
        if tables.bound <= TOLERANCE:
            return tables
    return maps_of(theory, backend)


def _part(chosen: Chosen, points: int) -> Chosen | slice:
    """What takes the chosen of so many points: all of them in order need no copy."""
    whole = chosen.size == points and bool(np.all(chosen[1:] > chosen[:-1]))
    return slice(None) if whole else chosen


def _once_if_one(values: Array) -> Array:
    """The values, or one of them where they are all the same: what is asked of it then is asked once."""
    return values[:1] if np.all(values == values[:1]) else values


def _fraction(q: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + 1 / q)
