"""Piecewise linear neurons: Arb's integral of the law of two fields, closed forms, Price's theorem, both libraries."""

from functools import cache, partial
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
import torch
from flint import acb, arb, ctx
from numpy.testing import assert_allclose

from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.runtime import piecewise_numpy as on_numpy
from meanbits.numerics.emission.runtime import piecewise_torch as on_torch
from meanbits.theory.declarations.neurons import continuous
from meanbits.theory.declarations.surrogates import NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import derive
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.gaussian.piecewise import pieces_of
from meanbits.theory.gaussian.piecewise_overlap import (
    PiecewiseCurvature,
    PiecewiseDifference,
    PiecewiseGrowth,
    PiecewiseOverlap,
    PiecewiseSlope,
    PiecewiseSlopeGrowth,
    shape_of,
)
from meanbits.theory.gaussian.special import ArcCosineKernel, Box, ClipCovariance, HardTanh
from meanbits.theory.symbols import Q, Q_ab, Sigma, hbar, q, u

EXACT = 1e-14  # a few ulp: sums of positive terms
HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)


def quantiser(levels):
    thresholds = [sp.Rational(2 * k - levels, levels - 1) for k in range(1, levels)]
    return sum(sp.sign(u - t) for t in thresholds) / (levels - 1)


NEURONS = {
    "sign": sp.sign(u),
    "step": (1 + sp.sign(u - HALF / 2)) / 2,
    "dead zone": (sp.sign(u - HALF) + sp.sign(u + HALF)) / 2,
    "two-point noise": (sp.sign(u - 2) + sp.sign(u + 1)) / 2,
    "16 levels": quantiser(16),
    "quantised relu": sum(sp.Heaviside(u - k * HALF / 2) for k in (1, 3, 5)) / 3,
    "hard tanh": HardTanh(2 * u),
    "hard sigmoid": (1 + HardTanh(u / 3)) / 2,
    "clipped relu": sp.Max(0, sp.Min(1, u)),
    "leaky relu": sp.Max(u / 8, u),
    "soft threshold": sp.Max(0, u - HALF) - sp.Max(0, -u - HALF),
    "jump and bends": sp.Heaviside(u + 1) + sp.Max(0, u) / 2 - sp.Max(0, u - 1) / 4,
}
ODD = ("sign", "dead zone", "16 levels", "hard tanh", "soft threshold")


def table(f):
    found = pieces_of(f, u)
    assert found is not None
    shape = shape_of(found)
    assert shape is not None
    return shape


def floats(shape):
    return tuple(tuple(float(each) for each in part) for part in shape)


SHAPES = {name: table(f) for name, f in NEURONS.items()}


class Reference:
    """E f(u) f(v) and V E f'(u) f'(v) by Arb: over u on the pieces of f, of what f(v) is on average given u."""

    def __init__(self, shape, v):
        self.parts = [[self.number(each) for each in part] for part in shape]
        self.v, self.breaks = self.number(v), [float(t) for t in shape[0]]
        self.unit, self.density = self.v.sqrt(), 1 / (2 * arb.pi() * self.v).sqrt()

    @staticmethod
    def number(value):
        exact = sp.Rational(value)
        return arb(exact.p) / arb(exact.q)

    def line(self, at, slope=False):
        """f, or f' without delta functions, between breaks: a polynomial in u."""
        t, jumps, bends, (a, b) = self.parts
        passed = [k for k, edge in enumerate(self.breaks) if edge < at]
        steep = sum((bends[k] for k in passed), b)
        level = sum((jumps[k] - bends[k] * t[k] for k in passed), a)
        return (lambda u: steep) if slope else (lambda u: level + steep * u)

    def given(self, r, slope=False):
        """What f(v), or f'(v) without delta functions, is on average at u."""
        t, jumps, bends, (a, b) = self.parts
        spread, root, unit = (self.v * (1 - r * r)).sqrt(), 1 / arb(2).sqrt(), 1 / (2 * arb.pi()).sqrt()

        def average(u):
            total = acb(b) if slope else a + b * r * u
            for edge, jump, bend in zip(t, jumps, bends, strict=True):
                z = (edge - r * u) / spread
                tail = (z * root).erfc() / 2
                if slope:
                    total += bend * tail
                elif bend == 0:
                    total += jump * tail
                else:
                    total += jump * tail + bend * (spread * unit * (-z * z / 2).exp() - (edge - r * u) * tail)
            return total

        return average

    def over(self, function, r):
        """The integral over u, cut at breaks, at those of the conditional law, and at multiples of the deviation.

        From the middle outwards: a part is as exact as what is there so far asks for.
        """
        places = [self.unit * k for k in (-40, -20, -8, -3, -1, 0, 1, 3, 8, 20, 40)] + self.parts[0]
        places += [t / r for t in self.parts[0]] if r != 0 else []
        places = sorted((p for p in places if abs(float(p)) <= 40 * float(self.unit)), key=float)
        total, parts = arb(0), [ends for ends in pairwise(places) if ends[0] < ends[1]]
        for low, high in sorted(parts, key=lambda ends: min(map(abs, map(float, ends)))):
            inner = function((float(low) + float(high)) / 2)
            law = lambda x, _, inner=inner: inner(x) * (-x * x / (2 * self.v)).exp()  # noqa: E731
            least = max(arb(2) ** -600, abs(total).lower() * arb(2) ** -110)
            total += acb.integral(law, low, high, rel_tol=arb(2) ** -70, abs_tol=least, eval_limit=10**6).real
        return total * self.density

    def overlap(self, r):
        if r in (1, -1):
            side = int(r)
            return self.over(lambda at: self.product(self.line(at), self.line(side * at), side), arb(side))
        r = self.number(r)
        given = self.given(r)
        return self.over(lambda at: self.product(self.line(at), given), r)

    @staticmethod
    def product(f, g, side=1):
        return lambda x: f(x) * g(side * x)

    def slope(self, distance):
        t, jumps, *_ = self.parts
        r, v = 1 - self.number(distance), self.v
        given = self.given(r, True)
        total = v * self.over(lambda at: self.product(self.line(at, True), given), r)
        for edge, jump in zip(t, jumps, strict=True):
            density = (-edge * edge / (2 * v)).exp() / (2 * arb.pi() * v).sqrt()
            total += 2 * v * jump * density * given(acb(edge)).real
            for other, rise in zip(t, jumps, strict=True):
                form = (edge * edge - 2 * r * edge * other + other * other) / (2 * v * (1 - r * r))
                total += jump * rise * (-form).exp() / (2 * arb.pi() * (1 - r * r).sqrt())
        return total


@pytest.fixture(autouse=True)
def _precision():
    old, ctx.prec = ctx.prec, 160
    yield
    ctx.prec = old


def agrees(value, expected, scale=1.0):
    """To EXACT, or the ulp by which the exponent of an exponentially small number is rounded."""
    if expected.contains(0) or abs(expected) < 1e-290:
        return abs(value) < 1e-80
    error = abs(float(((Reference.number(float(value)) - expected) / expected).mid()))
    return error < EXACT * max(1, scale, abs(float(abs(expected).log())) / 40)


POINTS = [(0.04, 0.7), (1.3, 0.4), (1.0, 1e-6), (50.0, 1.6), (1e5, 1e-3), (2.5, 1.0), (0.3, 1.999)]


ARB = [pytest.param(name, marks=pytest.mark.slow) if name == "16 levels" else name for name in NEURONS]


@pytest.mark.parametrize("name", ARB)
def test_overlaps_and_slopes_within_rounding_of_arb(name):
    """The digits of an overlap are those of its largest part: f of both signs, not odd, has one that crosses 0."""
    shape, numbers = SHAPES[name], floats(SHAPES[name])
    for v, distance in POINTS:
        reference = Reference(shape, v)
        expected = reference.overlap(1 - distance)
        value = on_numpy.piecewise_overlap(numbers, v, 1 - distance)
        crossing = abs(float((reference.overlap(1) / expected).mid())) if name in CROSSING else 1
        assert agrees(value, expected, crossing)
        assert agrees(on_numpy.piecewise_slope(numbers, v, distance), reference.slope(distance))


CROSSING = ("two-point noise", "leaky relu")


@pytest.mark.parametrize("name", ARB)
@pytest.mark.parametrize("v", [0.04, pytest.param(1.3, marks=pytest.mark.slow), 1e4])
def test_differences_within_rounding_of_arb(name, v):
    reference, numbers = Reference(SHAPES[name], v), floats(SHAPES[name])
    for rest, drop in ((0.0, 1e-7), (0.0, 0.3), (0.25, 1e-9), (0.5, 1.25), (0.0, 2.0)):
        far = sp.Rational(rest) + sp.Rational(drop)
        expected = reference.overlap(1 - sp.Rational(rest)) - reference.overlap(1 - far)
        assert agrees(on_numpy.piecewise_difference(numbers, v, rest, drop), expected)


@pytest.mark.parametrize("name", ["step", "dead zone", "quantised relu"])
def test_exponentially_small_overlaps_keep_their_digits(name):
    numbers, v = floats(SHAPES[name]), 1e-3
    for r in (0.9, 0.3, -0.3):
        expected = Reference(SHAPES[name], v).overlap(r)
        assert 0 < abs(expected) < 1e-13
        assert agrees(on_numpy.piecewise_overlap(numbers, v, r), expected)


def test_known_forms():
    v, r = np.array([0.2, 1.0, 7.0])[:, None], np.array([-1, -0.999, -0.3, 1e-9, 0.8, 1])
    arcsine = 2 / np.pi * np.arcsin(r) + 0 * v
    assert_allclose(on_numpy.piecewise_overlap(floats(SHAPES["sign"]), v, r), arcsine, EXACT)
    relu = floats(table(sp.Max(0, u)))
    assert_allclose(on_numpy.piecewise_overlap(relu, v, r), v * arc_cosine(1 + r), EXACT, 1e-300)
    for a, c in ((1.0, 0.3), (0.4, -0.7), (3.0, 0.99)):
        hard = PiecewiseOverlap(table(HardTanh(u)), 1 / sp.Rational(a) ** 2, sp.Rational(c))
        assert_allclose(float(hard.evalf(20) * sp.Rational(a) ** 2), float(ClipCovariance(a, c).evalf()), EXACT)


def arc_cosine(delta):
    return np.array([float(ArcCosineKernel(sp.Rational(float(each))).evalf()) for each in delta])


def test_levels_without_end_tend_to_the_hard_tanh():
    fine = floats(table(sum(sp.Heaviside(u - sp.Rational(2 * k - 59, 60)) for k in range(60)) / 30 - 1))
    hard = floats(table(HardTanh(u)))
    v, r = np.array([0.5, 4.0]), 0.6
    assert_allclose(on_numpy.piecewise_overlap(fine, v, r), on_numpy.piecewise_overlap(hard, v, r), 1e-3)


@pytest.mark.parametrize("name", NEURONS)
def test_mehlers_sum_away_from_equal_fields(name):
    """C = sum_k a_k^2 r^k, a_k = E f(u) He_k(u/s) / sqrt(k!), by parts from the breaks."""
    t, jumps, bends, _ = floats(SHAPES[name])
    v, terms = 0.7, 90
    x = np.array(t) / np.sqrt(v)
    hermite = [np.zeros_like(x), np.ones_like(x)]  # He_k / sqrt(k!), from k = -1
    for k in range(terms):
        hermite.append((x * hermite[-1] - np.sqrt(k) * hermite[-2]) / np.sqrt(k + 1))
    density, k = np.exp(-x * x / 2) / np.sqrt(2 * np.pi), np.arange(2, terms)
    by_jumps = np.array([np.sum(np.array(jumps) * density * hermite[j]) / np.sqrt(j) for j in k])
    by_bends = [np.sum(np.array(bends) * density * hermite[j - 1]) / np.sqrt(j * (j - 1)) for j in k]
    squares = (by_jumps + np.sqrt(v) * np.array(by_bends)) ** 2
    shape = floats(SHAPES[name])
    start, first = on_numpy.piecewise_overlap(shape, v, 0.0), on_numpy.piecewise_slope(shape, v, 1.0)
    for r in (-0.5, 0.3, 0.6):
        expected = start + first * r + np.sum(squares * r**k)
        assert_allclose(on_numpy.piecewise_overlap(shape, v, r), expected, 1e-12, 1e-15)


@pytest.mark.parametrize("name", NEURONS)
def test_differences_add_up_and_vanish_with_the_drop(name):
    shape, rng = floats(SHAPES[name]), np.random.default_rng(1)
    v, rest, first, second = 10 ** rng.uniform(-1, 4, 50), *rng.uniform(0, 0.6, (3, 50))
    parts = on_numpy.piecewise_difference(shape, v, rest, first)
    parts = parts + on_numpy.piecewise_difference(shape, v, rest + first, second)
    assert_allclose(on_numpy.piecewise_difference(shape, v, rest, first + second), parts, 2e-14)
    tiny = on_numpy.piecewise_difference(shape, v, 0.3, 1e-200)
    assert_allclose(tiny, 1e-200 * on_numpy.piecewise_slope(shape, v, 0.3), EXACT)
    assert np.all(on_numpy.piecewise_difference(shape, v, rest, 0.0) == 0)


@pytest.mark.parametrize("name", ODD)
def test_odd_functions_have_odd_overlaps(name):
    shape, r = floats(SHAPES[name]), np.array([1e-300, 1e-9, 0.2, 0.999, 1.0])
    assert np.all(on_numpy.piecewise_overlap(shape, 1.7, -r) == -on_numpy.piecewise_overlap(shape, 1.7, r))
    assert on_numpy.piecewise_overlap(shape, 1.7, 0.0) == 0
    tiny = on_numpy.piecewise_overlap(shape, 1.7, 1e-200)
    assert_allclose(tiny, 1e-200 * on_numpy.piecewise_slope(shape, 1.7, 1.0), EXACT)


def test_ends():
    everything = 10.0 ** np.arange(-300, 301, 25)[:, None]
    distances = np.array([0, 1e-300, 1e-16, 1e-5, 0.5, 1, 1.5, 2 - 1e-15, 2])
    for name in NEURONS:
        shape, jumps = floats(SHAPES[name]), any(floats(SHAPES[name])[1])
        with np.errstate(all="raise", under="ignore"):
            overlap = on_numpy.piecewise_overlap(shape, everything, 1 - distances)
            slope = on_numpy.piecewise_slope(shape, everything, distances)
            drop = on_numpy.piecewise_difference(shape, everything, 0, distances)
        assert np.all(np.isfinite(overlap))
        assert np.all((drop >= 0) & (drop < np.inf))
        assert np.all(np.isinf(slope[:, 0])) if jumps else np.all(np.isfinite(slope))
        assert np.all(np.isfinite(slope[:, 1:-1]))
    dead = floats(SHAPES["dead zone"])
    assert on_numpy.piecewise_overlap(dead, 1e-5, 1.0) == 0
    assert_allclose(on_numpy.piecewise_overlap(dead, 1e300, 0.5), 1 / 3, EXACT)


@pytest.mark.parametrize("library", [on_numpy, on_torch])
def test_outside_the_domain(library):
    shape = floats(SHAPES["dead zone"])
    with pytest.raises(ValueError, match=r"variance -1\.0 is negative; give numbers >= 0"):
        library.piecewise_overlap(shape, -1.0, 0.5)
    with pytest.raises(ValueError, match=r"give numbers in \[-1, 1\]"):
        library.piecewise_overlap(shape, 1.0, 1.5)
    with pytest.raises(ValueError, match=r"give numbers in \[0, 2\]"):
        library.piecewise_slope(shape, 1.0, 2.5)
    for name in NEURONS:
        for arguments in ((np.nan, 0.5), (1.0, np.nan)):
            for function in (library.piecewise_overlap, library.piecewise_slope):
                assert np.isnan(float(function(floats(SHAPES[name]), *arguments)))
            assert np.isnan(float(library.piecewise_difference(floats(SHAPES[name]), *arguments, 0.25)))


def functions_of(library):
    names = ("overlap", "slope", "difference", "growth", "curvature", "slope_growth")
    return [getattr(library, f"piecewise_{name}") for name in names]


@pytest.mark.parametrize("name", NEURONS)
def test_torch_agrees_with_numpy(name):
    shape, rng = floats(SHAPES[name]), np.random.default_rng(2)
    v, d = 10 ** rng.uniform(-1.5, 2, 200), rng.uniform(0, 2, 200)
    d[:4] = 0, 1, 2, 1e-12
    rest = rng.uniform(0, 2 - d)
    arguments = [(v, 1 - d), (v, d), (v, rest, d), (v, 1 - d), (v, d), (v, d)]
    for ours, theirs, points in zip(functions_of(on_numpy), functions_of(on_torch), arguments, strict=True):
        expected, value = ours(shape, *points), theirs(shape, *(torch.tensor(point) for point in points)).numpy()
        kept = np.isfinite(expected)
        assert np.all(expected[~kept] == value[~kept])
        assert_allclose(value[kept], expected[kept], 1e-13, 1e-13 * np.median(np.abs(expected[kept])))
    single = on_torch.piecewise_overlap(shape, torch.tensor(1.3, dtype=torch.float32), 0.5)
    assert single.dtype == torch.float32
    assert on_numpy.piecewise_overlap(shape, np.float32(1.3), np.float32(0.5)).dtype == np.float32


def assert_slopes(function, *points, step=1e-6):
    """Gradients of an elementwise function are the quotients of its differences, at all points at once."""
    points = [torch.tensor(each, requires_grad=True) for each in points]
    found = torch.autograd.grad(function(*points).sum(), points)
    with torch.no_grad():
        for k, (slope, point) in enumerate(zip(found, points, strict=True)):
            up, down = (function(*points[:k], point + side * step, *points[k + 1 :]) for side in (1, -1))
            torch.testing.assert_close(slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NEURONS)
def test_torch_slopes(name):
    shape, rng = floats(SHAPES[name]), np.random.default_rng(3)
    v, rest, drop = (rng.uniform(*ends, 20) for ends in ((0.5, 3), (0.1, 0.9), (0.1, 0.9)))
    assert_slopes(lambda a, b: on_torch.piecewise_overlap(shape, a, b), v, rest)
    assert_slopes(lambda a, b: on_torch.piecewise_slope(shape, a, b), v, rest)
    assert_slopes(lambda a, b, c: on_torch.piecewise_difference(shape, a, b, c), v, rest, drop)
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    on_torch.piecewise_overlap(shape, 1.3, ends).sum().backward()
    assert_allclose(ends.grad, on_numpy.piecewise_slope(shape, 1.3, np.array([2.0, 0.0])), EXACT)


def test_torch_slopes_of_means():
    """Of pieces of several degrees, which jump."""
    pieces = (0.0, 0.5, 2.0), ((1.0, 2.0, 3.0), (-1.0, 0.0, 2.0), (4.0, 1.0))
    assert_slopes(lambda v: on_torch.piecewise_mean(pieces, v), np.array([0.1, 0.9, 3.0, 40.0]))


def test_torch_has_no_slopes_of_growths():
    variance = torch.tensor(1.3, requires_grad=True)
    growth = on_torch.piecewise_growth(floats(SHAPES["clipped relu"]), variance, 0.5)
    with pytest.raises(ValueError, match="Torch has derivatives of the maps to first order; differentiate once"):
        growth.backward()


@pytest.mark.parametrize("name", ["dead zone", "clipped relu", "jump and bends"])
def test_arbitrary_precision_agrees(name):
    shape, numbers = SHAPES[name], floats(SHAPES[name])
    v, d = sp.Rational(13, 8), sp.Rational(5, 8)
    for node, function, arguments in (
        (PiecewiseOverlap(shape, v, 1 - d), on_numpy.piecewise_overlap, (v, 1 - d)),
        (PiecewiseSlope(shape, v, d), on_numpy.piecewise_slope, (v, d)),
        (PiecewiseDifference(shape, v, d / 2, d), on_numpy.piecewise_difference, (v, d / 2, d)),
        (PiecewiseGrowth(shape, v, 1 - d), on_numpy.piecewise_growth, (v, 1 - d)),
        (PiecewiseCurvature(shape, v, d), on_numpy.piecewise_curvature, (v, d)),
        (PiecewiseSlopeGrowth(shape, v, d), on_numpy.piecewise_slope_growth, (v, d)),
    ):
        assert_allclose(function(numbers, *map(float, arguments)), float(node.evalf()), 1e-13)
    with mp.workdps(60):
        value = mp.mpf(str(PiecewiseOverlap(shape, v, 1 - d).evalf(50)))
        assert abs(value - mp.mpf(Reference(shape, v).overlap(1 - d).mid().str(40, radius=False))) < 1e-20


@pytest.mark.parametrize("name", ["dead zone", pytest.param("clipped relu", marks=pytest.mark.slow), "jump and bends"])
def test_derivatives_are_those_of_the_values(name):
    """Price's theorem against the quotient of differences, at 50 digits."""
    shape, v, r, step = SHAPES[name], sp.Rational(13, 8), sp.Rational(3, 8), sp.Rational(1, 10**8)
    V, c = sp.symbols("V c", positive=True)
    nodes = (PiecewiseOverlap(shape, V, c), PiecewiseSlope(shape, V, 1 - c), PiecewiseDifference(shape, V, c, c / 2),
             PiecewiseGrowth(shape, v, c))  # fmt: skip
    for node in nodes:
        for symbol in node.free_symbols:
            ends = [node.subs(symbol, symbol + side * step).subs({V: v, c: r}).evalf(30) for side in (-1, 1)]
            exact = node.diff(symbol).subs({V: v, c: r}).evalf()
            assert_allclose(float((ends[1] - ends[0]) / (2 * step)), float(exact), 1e-12)


def test_pieces():
    assert pieces_of(sp.tanh(u), u) is None
    assert pieces_of(sp.floor(u), u) is None
    assert pieces_of(sp.sign(u - q), u) is None
    assert pieces_of(sp.sign(u**2 - 1), u) is None
    found = pieces_of(sp.floor(3 * HardTanh(u)) / 3, u)
    assert found is not None
    assert found.breaks == (-2 * THIRD, -THIRD, 0, THIRD, 2 * THIRD, 1)
    found = pieces_of(sp.Piecewise((u / 8, u < 0), (u, True)), u)
    assert found == pieces_of(NEURONS["leaky relu"], u)
    found = pieces_of(sp.Abs(sp.Abs(u) - 1) * Box(u / 2), u)
    assert found is not None
    assert (found.breaks, found.polynomials) == ((-2, -1, 0, 1, 2), (0, -u - 1, u + 1, 1 - u, u - 1, 0))


def gaussian_times(numbers, mean, variance, x, _):
    """A polynomial, its highest power first, times exp(-(x - mean)^2 / (2 variance))."""
    value = acb(0)
    for each in numbers:
        value = value * x + each
    return value * (-((x - mean) ** 2) / (2 * variance)).exp()


@pytest.mark.parametrize("name", NEURONS)
def test_means_agree_with_their_definition(name):
    """E f and E f^2 at a mean, and at mean 0, by panels between the breaks."""
    for power, mean in ((1, sp.Rational(3, 8)), (2, -sp.Rational(3, 4)), (1, sp.S.Zero), (2, sp.S.Zero)):
        node = expectation(NEURONS[name] ** power, mean, sp.Rational(13, 8))
        found = pieces_of(node.integrand, u)
        assert found is not None
        inner = [Reference.number(t) for t in found.breaks]
        total, centre, spread = arb(0), Reference.number(mean), Reference.number(sp.Rational(13, 8))
        for (low, high), polynomial in zip(pairwise([arb(-20), *inner, arb(20)]), found.polynomials, strict=True):
            numbers = [Reference.number(each) for each in sp.Poly(polynomial, u).all_coeffs()]
            total += acb.integral(partial(gaussian_times, numbers, centre, spread), low, high).real
        total /= (2 * arb.pi() * spread).sqrt()
        assert_allclose(float(node.doit().evalf()), float(total), 1e-13, 1e-15)


def test_means_are_elementary_and_keep_their_tails():
    dead, variance = NEURONS["dead zone"], sp.Symbol("V", positive=True)
    assert expectation(dead**2, 0, variance).doit() == sp.erfc(sp.sqrt(2) / (4 * sp.sqrt(variance)))
    window = expectation(1 - dead**2, 0, variance).doit()
    assert window == sp.erf(sp.sqrt(2) / (4 * sp.sqrt(variance)))
    marginal = expectation(dead, hbar, Sigma).doit()
    assert marginal.atoms(sp.Function) == marginal.atoms(sp.erfc)
    small = marginal.subs({hbar: 0.02, Sigma: 1e-3}).evalf()
    exact = sp.erfc(sp.Rational(12, 25) / sp.sqrt(sp.Rational(1, 500)))
    exact -= sp.erfc(sp.Rational(13, 25) / sp.sqrt(sp.Rational(1, 500)))
    assert_allclose(float(small), float(exact.evalf() / 2), 1e-11)


def test_rules_leave_older_forms_alone():
    law = Q, Q_ab
    assert not evaluate_all(pair_expectation(sp.sign(u), sp.sign(u), *law)).has(PiecewiseOverlap)
    assert evaluate_all(pair_expectation(HardTanh(u), HardTanh(u), *law)).has(ClipCovariance)
    assert evaluate_all(pair_expectation(sp.Max(0, u), sp.Max(0, u), *law)).has(ArcCosineKernel)
    step = (1 + sp.sign(u)) / 2
    assert evaluate_all(pair_expectation(step, step, *law)) == HALF**2 + sp.asin(Q_ab / Q) / (2 * sp.pi)
    closed = evaluate_all(pair_expectation(NEURONS["16 levels"], NEURONS["16 levels"], *law))
    assert isinstance(closed, PiecewiseOverlap)
    assert len(str(closed)) < 500


@cache
def theory_of(name):
    neuron = continuous(name, NEURONS[name].subs(u, sp.Symbol("h", real=True)))
    return derive(Surrogate(name, FIXED, neuron, NONE, "a test"))


def maps_of(name, backend=NUMPY):
    return compile_theory(theory_of(name), backend)


def test_three_levels_end_to_end():
    """q' and c' by the bivariate normal probabilities of Arb; the gap form agrees, and so does Torch."""
    maps, (spread, bias) = maps_of("dead zone"), (1.7, 0.05)
    reference = Reference(SHAPES["dead zone"], 1.3)
    after = spread * float(reference.overlap(1).mid()) + bias
    assert_allclose(after, 1.173705, 0, 5e-7)
    assert_allclose(maps.variance_map(1.3, spread, bias), after, EXACT)
    expected = (spread * float(reference.overlap(0.4).mid()) + bias) / after
    assert_allclose(expected, 0.352444, 0, 5e-7)
    assert_allclose(maps.correlation_map(0.4, 1.3, spread, bias), expected, EXACT)
    assert_allclose(1 - maps.gap_map(0.6, 1.3, spread, bias), expected, EXACT)
    slope = spread * float(reference.slope(0.6).mid()) / after
    assert_allclose(maps.chi(0.4, 1.3, spread, bias), slope, EXACT)
    assert_allclose(maps.chi_at_gap(0.6, 1.3, spread, bias), slope, EXACT)
    tensors = maps_of("dead zone", TORCH)
    assert_allclose(float(tensors.correlation_map(0.4, 1.3, spread, bias)), expected, EXACT)


@pytest.mark.parametrize("name", [
    pytest.param("16 levels", marks=pytest.mark.slow), "clipped relu", "hard sigmoid", "leaky relu", "jump and bends"
])  # fmt: skip
def test_maps_end_to_end(name):
    maps, reference = maps_of(name), Reference(SHAPES[name], 1.3)
    after = 1.7 * float(reference.overlap(1).mid()) + 0.05
    expected = (1.7 * float(reference.overlap(0.4).mid()) + 0.05) / after
    assert_allclose(maps.variance_map(1.3, 1.7, 0.05), after, EXACT)
    assert_allclose(maps.correlation_map(0.4, 1.3, 1.7, 0.05), expected, EXACT)
    assert_allclose(1 - maps.gap_map(0.6, 1.3, 1.7, 0.05), expected, EXACT)
    steps = [maps.variance_map(1.3 + side * 1e-5, 1.7, 0.05) for side in (-1, 1)]
    assert_allclose(maps.variance_slope(1.3, 1.7, 0.05), (steps[1] - steps[0]) / 2e-5, 1e-8)
    tiny = maps.gap_map(1e-12, 1.3, 1.7, 0.05)
    assert_allclose(tiny, 1.7 * on_numpy.piecewise_difference(floats(SHAPES[name]), 1.3, 0, 1e-12) / after, EXACT)
