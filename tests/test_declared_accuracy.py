"""Maps of neurons outside the catalogue, to rounding where no quadrature stands in them and to 1e-11 elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx

from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.runtime.smoothing_numpy import near_rule
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.named_weights import weights_named
from meanbits.theory.declarations.neurons import Neurons, continuous
from meanbits.theory.declarations.surrogates import MARGINALISE, NONE, SAMPLE, Surrogate
from meanbits.theory.declarations.weights import BINARY, FIXED, Weights
from meanbits.theory.derive import Theory, derive
from meanbits.theory.symbols import h
from tests.fields import ARB, LONG, Curve, Fields, Real, steps, to_arb, to_long

CLOSED, BY_QUADRATURE = 1e-13, 1e-11
VARIANCES = (1e-8, 1e-4, 1e-2, 0.3, 1.0, 5.0, 100.0, 1e4)
CORRELATIONS = (-0.9, 0.0, 0.4, 0.99)
GAPS = (1e-9, 1e-3)
SIGMA_M2, TOTAL = 0.5, 1.3
NOTHING = 1e-17  # what is 0 by symmetry is relative to the norm
SMALLEST = 1e-290  # below it floating point has few digits, or none
FAST = [("leaky:0.1", "none"), ("step:0.5", "marginalise"), ("relu^2", "none"), ("sin", "none")]
BIASES = (0.0, 0.05)
QUADRATURES = ("gaussian_", "broken_")
QUARTER = sp.Rational(1, 4)


@dataclass(frozen=True)
class Case:
    """Declared neurons, and what they are: E[x|h], and what E[x^2|h] has beyond its square, both apart from SymPy."""

    neurons: Callable[[], Neurons]
    curve: Curve
    spread: float | None = 0.0  # None: E[x^2|h] = 1
    kind: Callable[[Any, float], Any] = Fields

    @property
    def is_random(self) -> bool:
        return self.spread != 0


def named(text: str) -> Callable[[], Neurons]:
    return lambda: compose("continuous", neurons=text).neurons


def declared(function: sp.Expr) -> Callable[[], Neurons]:
    return lambda: continuous("declared", function)


def law(*offsets: sp.Rational) -> Callable[[], Neurons]:
    share = sp.Rational(1, len(offsets))
    return lambda: Neurons.of_values("law", tuple((sp.tanh(h) + each, share) for each in offsets))


def noisy(text: str) -> Callable[[], Neurons]:
    return lambda: compose(noise=text).neurons


def tanh(gain: float = 1, shift: float = 0, power: int = 1) -> Curve:
    def value(m: Any, u: Any) -> Any:
        return m.tanh(gain * u + shift) ** power

    def slope(m: Any, u: Any) -> Any:
        t = m.tanh(gain * u + shift)
        return power * gain * t ** (power - 1) * (1 - t) * (1 + t)

    return Curve(value, slope, scale=1.0 if gain == 2 else 2.0)


def linear_pieces(places: list[Any], values: list[Any], slopes: list[Any]) -> Curve:
    """A continuous function of that many kinks, its value at each and the slopes before, between and after."""

    def rank(m: Any, u: Any) -> Any:
        return sum((np.asarray(u > m.number(Real(place))[()], bool).astype(int) for place in places), 0)

    def value(m: Any, u: Any) -> Any:
        piece = rank(m, u)
        return m.number(levels)[piece] + m.number(slopes)[piece] * u

    levels = [y - Real(slope) * x for x, y, slope in
              zip([places[0], *places], [values[0], *values], slopes, strict=True)]  # fmt: skip
    return Curve(value, lambda m, u: m.number(slopes)[rank(m, u)], kinks=tuple(places), scale=None)


def phi(m: Any, u: Any) -> Any:
    return (1 + m.erf(u / m.sqrt(m.number(2)[()]))) / 2


def bell(m: Any, u: Any) -> Any:
    return m.exp(-u * u / 2) / m.sqrt(2 * m.pi)


def expit(m: Any, u: Any) -> Any:
    return (1 + m.tanh(u / 2)) / 2


def positive(u: Any) -> Any:
    return u * np.asarray(u > 0, bool).astype(int)


def levels(count: int) -> Curve:
    return steps(
        [Real(2 * k - count) / (count - 1) for k in range(1, count)], [Real(2) / (count - 1)] * (count - 1), -1
    )


class Exact:
    """`Fields` of a function whose overlap is elementary, in Arb numbers."""

    def __init__(self, curve: Curve, variance: float) -> None:
        self.variance = arb(variance)

    def overlap(self, rest: Real, correlation: Real | None = None) -> Real:
        r = to_arb(1 - Real(rest) if correlation is None else correlation)
        return self._long(lambda: self._overlap(r))

    def slope(self, rest: Real, correlation: Real | None = None) -> Real:
        r = to_arb(1 - Real(rest) if correlation is None else correlation)
        return self._long(lambda: self._slope(r))

    def between(self, rest: Real, drop: Real, correlation: Real | None = None) -> Real:
        r, change = to_arb(1 - Real(rest) if correlation is None else correlation), to_arb(Real(drop))
        return self._long(lambda: self._overlap(r) - self._overlap(r - change))

    def growth(self) -> Real:
        return self._long(self._growth)

    def _long(self, value: Callable[[], arb]) -> Real:
        with ctx.workdps(80):
            return to_long(value())


class Sines(Exact):
    """Those of sin."""

    def _overlap(self, r: arb) -> arb:
        return (-self.variance).exp() * (self.variance * r).sinh()

    def _slope(self, r: arb) -> arb:
        return self.variance * (-self.variance).exp() * (self.variance * r).cosh()

    def _growth(self) -> arb:
        return (-2 * self.variance).exp()


class Bells(Exact):
    """Those of exp(-h^2)."""

    def _root(self, r: arb) -> arb:
        return ((1 + 2 * self.variance) ** 2 - (2 * self.variance * r) ** 2).rsqrt()

    def _overlap(self, r: arb) -> arb:
        return self._root(r)

    def _slope(self, r: arb) -> arb:
        return 4 * self.variance**2 * r * self._root(r) ** 3

    def _growth(self) -> arb:
        return -2 * (1 + 4 * self.variance).rsqrt() ** 3


TENTH, THIRD = Real(1) / 10, Real(1) / 3
CASES: dict[str, Case] = {
    "tanh(2h)": Case(declared(sp.tanh(2 * h)), tanh(2)),
    "erf(h/sqrt 2)": Case(declared(sp.erf(h / sp.sqrt(2))), Curve(lambda m, u: 2 * phi(m, u) - 1,
                                                                  lambda m, u: 2 * bell(m, u))),
    "clip(2h)": Case(lambda: continuous("clip", sp.Max(-1, sp.Min(1, 2 * h))),
                     linear_pieces([Real(-0.5), Real(0.5)], [-1, 1], [0, 2, 0])),
    "gelu": Case(named("gelu"), Curve(lambda m, u: u * phi(m, u), lambda m, u: phi(m, u) + u * bell(m, u))),
    "silu": Case(named("silu"), Curve(lambda m, u: u * expit(m, u),
                                      lambda m, u: expit(m, u) * (1 + u * expit(m, -u)))),
    "softplus": Case(named("softplus"), Curve(lambda m, u: positive(u) + m.log1p(m.exp(-np.abs(u))), expit)),
    "leaky:0.1": Case(named("leaky:0.1"), linear_pieces([Real(0)], [0], [TENTH, 1])),
    "hardsigmoid": Case(named("hardsigmoid"), linear_pieces([Real(-1), Real(1)], [0, 1], [0, Real(0.5), 0])),
    "step": Case(named("step"), steps([0], [1])),
    "step:0.5": Case(named("step:0.5"), steps([Real(0.5)], [1])),
    "deadzone:0.5": Case(named("deadzone:0.5"), steps([Real(-0.5), Real(0.5)], [1, 1], -1)),
    "quantiser:3": Case(named("quantiser:3"), levels(3)),
    "quantiser:4": Case(named("quantiser:4"), levels(4)),
    "quantiser:16": Case(named("quantiser:16"), levels(16)),
    "floor(3 clip)/3": Case(declared(sp.floor(3 * sp.Max(0, sp.Min(1, h))) / 3),
                            steps([THIRD, 2 * THIRD, Real(1)], [THIRD] * 3)),
    "floor(3 hardtanh)/3": Case(declared(sp.floor(3 * sp.Max(-1, sp.Min(1, h))) / 3),
                                steps([-2 * THIRD, -THIRD, 0, THIRD, 2 * THIRD, Real(1)], [THIRD] * 6, -1)),
    "tanh^3": Case(declared(sp.tanh(h) ** 3), tanh(power=3)),
    "tanh(h-1)": Case(declared(sp.tanh(h - 1)), tanh(shift=-1)),
    "relu^2": Case(declared(sp.Max(0, h) ** 2), Curve(lambda m, u: positive(u) ** 2, lambda m, u: 2 * positive(u),
                                                      kinks=(0,), scale=None)),
    "exp(-h^2)": Case(declared(sp.exp(-(h**2))), Curve(lambda m, u: m.exp(-u * u), lambda m, u: -2 * u * m.exp(-u * u),
                                                       scale=1.0), kind=Bells),
    "h/(1+|h|)": Case(declared(h / (1 + sp.Abs(h))), Curve(lambda m, u: u / (1 + np.abs(u)),
                                                           lambda m, u: 1 / (1 + np.abs(u)) ** 2, kinks=(0,),
                                                           scale=1.0)),
    "tanh(h-h^3/20)": Case(declared(sp.tanh(h - h**3 / 20)),
                           Curve(lambda m, u: m.tanh(u - u**3 / 20),
                                 lambda m, u: (1 - m.tanh(u - u**3 / 20) ** 2) * (1 - 3 * u**2 / 20), scale=0.5)),
    "sin": Case(named("sin"), Curve(lambda m, u: u, None), kind=Sines),
    "tanh h +- 1/4": Case(law(QUARTER, -QUARTER), tanh(), 1 / 16),
    "tanh h +- 1/4, 0": Case(law(QUARTER, sp.S.Zero, -QUARTER), tanh(), 1 / 24),
    "gumbel noise": Case(noisy("cdf:exp(-exp(-h))"),
                         Curve(lambda m, u: 1 - 2 * m.exp(-m.exp(u)), lambda m, u: 2 * m.exp(u - m.exp(u)), scale=1.0),
                         None),
    "shifted logistic noise": Case(noisy("cdf:1/(1+exp(1-h))"), tanh(0.5, 0.5), None),
}  # fmt: skip


class Maps:
    """The maps of a case by their definitions, the integrals kept."""

    def __init__(self, case: Case, relative: bool, free_total: bool, rho: float, variances: Sequence[float]) -> None:
        self.case, self.relative, self.free_total, self.rho = case, relative, free_total, rho
        self.variances = variances

    @cache  # noqa: B019 (a table of its own, for the life of a test)
    def fields(self, variance: float) -> Any:
        return self.case.kind(self.case.curve, variance)

    @cache  # noqa: B019
    def overlap(self, variance: float, rest: Real, correlation: Real | None = None) -> Any:
        return self.fields(variance).overlap(rest, correlation)

    @cache  # noqa: B019
    def slope(self, variance: float, rest: Real, correlation: Real | None = None) -> Any:
        return self.fields(variance).slope(rest, correlation)

    @cache  # noqa: B019
    def fall(self, variance: float, rest: Real, drop: Real, correlation: Real | None = None) -> Any:
        return self.fields(variance).between(rest, drop, correlation)

    def second(self, variance: float) -> Any:
        return 1 if self.case.spread is None else self.overlap(variance, Real(0)) + Real(self.case.spread)

    @cache  # noqa: B019
    def growth(self, variance: float) -> Any:
        """dE x^2 / d variance."""
        if self.case.spread is None:
            return 0
        if self.case.kind is not Fields:
            return self.fields(variance).growth()
        curve, v = self.case.curve, Real(variance)
        total = 0 if curve.slope is None else self.fields(variance).mean(
            lambda m, u: u * curve.value(m, u) * curve.slope(m, u)) / v  # fmt: skip
        for place, height in curve.jumps:
            at = Real(place)
            after = curve.value(LONG, np.nextafter(at, Real(np.inf))[None])[0]
            rise = height * (2 * after - height)
            total = total + at * rise * np.exp(-(at**2) / (2 * v)) / np.sqrt(2 * LONG.pi * v) / (2 * v)
        return total

    def total(self, variance: float, bias: float) -> Any:
        return self.rho * self.second(variance) + Real(bias)

    def rise(self, variance: float) -> tuple[Any, Any]:
        """The slope of the second moment, and its size where it is none."""
        slope, size = self.rho * self.growth(variance), self.rho * self.second(variance) / Real(variance)
        return slope, slope if abs(slope) > NOTHING * size else size

    def of(self, bias: float) -> Iterator[tuple[str, tuple[float, ...], Any, Any]]:
        """Name, arguments, value, and what it is relative to."""
        yield from (self.marginalised if self.relative else self.plain)(bias)

    def plain(self, bias: float) -> Iterator[tuple[str, tuple[float, ...], Any, Any]]:
        for q in self.variances:
            total, alike = self.total(q, bias), self.overlap(q, Real(0))
            apart = (self.rho * self.second(q) - SIGMA_M2 * alike) if self.case.is_random else 0
            if total < SMALLEST:
                continue
            for name in ("total_map", "variance_map"):
                yield name, (q, bias), total, total
            for name in ("total_slope", "variance_slope"):
                yield name, (q, bias), *self.rise(q)
            for c in CORRELATIONS:
                rest = 1 - Real(c)
                signal = SIGMA_M2 * self.overlap(q, rest, Real(c))
                yield "correlation_map", (c, q, bias), (signal + Real(bias)) / total, (abs(signal) + Real(bias)) / total
                chi = SIGMA_M2 * self.slope(q, rest, Real(c)) / total
                yield "chi", (c, q, bias), chi, chi
            for gap in GAPS:
                value = (apart + SIGMA_M2 * self.fall(q, Real(0), Real(gap))) / total
                yield "gap_map", (gap, q, bias), value, value
                chi = SIGMA_M2 * self.slope(q, Real(gap)) / total
                yield "chi_at_gap", (gap, q, bias), chi, chi

    def marginalised(self, bias: float) -> Iterator[tuple[str, tuple[float, ...], Any, Any]]:
        for T in self.variances:
            total = self.total(T, bias)
            yield "total_map", (T, bias), total, total
            yield "total_slope", (T, bias), *self.rise(T)
        T = TOTAL if self.free_total else float(self.total(TOTAL, bias))
        for q in self.variances:
            share, rest = Real(q) / (1 + Real(q)), 1 / (1 + Real(q))
            signal = SIGMA_M2 * self.overlap(T, rest, share)
            alike = signal + Real(bias)
            annealed = (self.rho - SIGMA_M2) * self.second(T) + SIGMA_M2 * (
                self.fall(T, Real(0), rest) + self.second(T) - self.overlap(T, Real(0)))  # fmt: skip
            yield "variance_map", (q, bias), alike / annealed, alike / annealed
            steep = SIGMA_M2 * self.slope(T, rest, share) * rest**2
            rate = steep / annealed * (1 + alike / annealed)
            yield "variance_slope", (q, bias), rate, rate
            for c in CORRELATIONS:
                other = rest + share * (1 - Real(c))
                signal = SIGMA_M2 * self.overlap(T, other, share * Real(c))
                yield "correlation_map", (c, q, bias), (signal + Real(bias)) / alike, (abs(signal) + Real(bias)) / alike
                chi = SIGMA_M2 * share * self.slope(T, other, share * Real(c)) / alike
                yield "chi", (c, q, bias), chi, chi
            for gap in GAPS:
                value = SIGMA_M2 * self.fall(T, rest, share * Real(gap), share) / alike
                yield "gap_map", (gap, q, bias), value, value
                chi = SIGMA_M2 * share * self.slope(T, rest + share * Real(gap), share * (1 - Real(gap))) / alike
                yield "chi_at_gap", (gap, q, bias), chi, chi


def derived(case: Case, treatment: str, weights: Weights) -> Theory:
    kinds = {"marginalise": MARGINALISE, "sample": SAMPLE, "none": NONE}
    return derive(Surrogate("declared", weights, case.neurons(), kinds[treatment], "none"))


def errors(
    case: Case,
    treatment: str,
    weights: Weights | None = None,
    rho: float | None = None,
    variances: Sequence[float] = VARIANCES,
) -> dict[str, tuple[float, tuple[float, ...], bool]]:
    """The largest relative error of each map, where it is, and whether the map is a closed form."""
    relative = treatment == "marginalise"
    weights = (BINARY if relative else FIXED) if weights is None else weights
    theory = derived(case, treatment, weights)
    maps, found, free = compile_theory(theory), {}, relative and theory.maps.takes_total
    rho = (1.0 if relative else SIGMA_M2) if rho is None else rho
    by_definition = Maps(case, relative, free, rho, variances)
    for name, arguments, value, norm in (each for bias in BIASES for each in by_definition.of(bias)):
        *point, bias = arguments
        extra = (TOTAL,) if free and "total" not in name else ()
        got = Real(float(getattr(maps, name)(*point, SIGMA_M2, bias, *extra)))
        symmetric = name in ("correlation_map", "chi") and case.kind is Fields and abs(norm) <= NOTHING
        error = float(abs(got - value) / (1 if symmetric or abs(norm) <= SMALLEST else abs(norm)))
        if not error <= found.get(name, (-1.0,))[0]:
            found[name] = error, arguments, is_closed(maps.source, name)
    return found


def is_closed(source: str, name: str) -> bool:
    """Whether no quadrature stands in a function of a module."""
    body = source.partition(f"def {name}(")[2].partition("\ndef ")[0]
    return not any(each in body for each in QUADRATURES)


def require(found: dict[str, tuple[float, tuple[float, ...], bool]]) -> None:
    """Every map within what is asked of it."""
    missed = {name: each for name, each in found.items() if not each[0] <= (CLOSED if each[2] else BY_QUADRATURE)}
    assert {"total_map", "variance_map", "correlation_map", "chi", "gap_map", "chi_at_gap"} <= found.keys()
    assert not missed


@pytest.mark.parametrize(("name", "treatment"), FAST)
def test_maps_at_a_few_fields(name: str, treatment: str) -> None:
    require(
        errors(CASES[name], treatment, variances=(1e-8, 1.0, 1e4) if CASES[name].kind is not Fields else (1e-2, 1.0))
    )


TAIL = pytest.mark.xfail(
    strict=True, reason="chi_at_gap(1e-3, q=1e-4) is 1.4e-13 off at 1e-241: exp(-556), and 1/3 is rounded"
)
WARNS = pytest.mark.xfail(
    raises=RuntimeWarning, strict=True, reason="exp(-exp(u)) overflows, rightly to 0, with a warning at q = 1e4"
)
PLAINLY_MISSED = {"floor(3 clip)/3": TAIL, "gumbel noise": WARNS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(each, marks=PLAINLY_MISSED.get(each, ())) for each in CASES])
def test_maps_without_a_treatment_or_sampled(name: str) -> None:
    require(errors(CASES[name], "sample" if CASES[name].is_random else "none"))


LOST = pytest.mark.xfail(
    strict=True, reason="gap_map(1e-9, q=1e-8) is 4.4e-9 off: rest = 1/(1 + q) has lost q, of which even functions live"
)
MISSED = {"exp(-h^2)": LOST}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(each, marks=MISSED.get(each, ())) for each in CASES])
def test_maps_marginalised(name: str) -> None:
    require(errors(CASES[name], "marginalise"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "rho"), [("ternary-free:0.9", 0.9), ("levels:-1,-0.5,0.5,1", 1.5 * SIGMA_M2**0.5 - 0.5),
                         ("gaussian:0.25", SIGMA_M2 + 0.25)]
)  # fmt: skip
def test_weights_enter_by_their_second_moment(weights: str, rho: float) -> None:
    require(errors(CASES["tanh(2h)"], "marginalise", weights_named(weights), rho, (0.3, 5.0)))


def test_slopes_of_algebraic_means_do_not_cancel_far_out() -> None:
    maps = compile_theory(derived(CASES["exp(-h^2)"], "none", FIXED))
    variance = np.logspace(-8, 12, 41)
    exact = [-float((1 + 4 * arb(v)) ** arb(-1.5)) for v in variance]
    for slope in (maps.total_slope, maps.variance_slope):
        assert np.abs(slope(variance, 0.5, 0.05) / exact - 1).max() < CLOSED


@pytest.mark.parametrize(
    "name",
    [
        "leaky:0.1",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("exp(-h^2)", "gelu", "silu", "gumbel noise")),
    ],
)
def test_sums_in_long_doubles_agree_with_arb(name: str) -> None:
    curve = CASES[name].curve
    with ctx.workdps(40):
        for kind in ("overlap", "slope", "distance"):
            exact, plain = (getattr(Fields(curve, 0.7, numbers), kind)(0.3) for numbers in (ARB, LONG))
            assert abs(to_long(exact) - plain) <= 1e-17 * abs(plain)


@pytest.mark.parametrize("change", [1e-30, 1e-17, 1e-13, 1e-6])
def test_narrow_ranges_of_the_correlation_keep_their_width(change: float) -> None:
    start, length = np.array([0.0, 1e-4, 0.5, 1 - 1e-8]), np.full(4, change)
    owner, _, weight = near_rule(start, length, np.full(4, 3.0))
    assert np.abs(np.bincount(owner, weight, 4) / length - 1).max() < CLOSED
