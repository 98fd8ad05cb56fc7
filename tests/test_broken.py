"""Functions with breaks anywhere and features on any scale: closed forms, certified bounds, theorems, Torch."""

from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from meanbits.numerics.emission.backends import BACKENDS, Backend
from meanbits.numerics.emission.copying import copied_sources
from meanbits.numerics.emission.expectations import expectation, pair_expectation
from meanbits.numerics.emission.mesh import MeshError, mesh
from meanbits.numerics.emission.runtime import broken_torch
from meanbits.numerics.emission.runtime.broken_numpy import broken_difference, broken_mean, broken_pair, broken_slope
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_pair

LEVELS = np.arange(-7, 8) / 4


def steep(u):
    return np.cosh(np.minimum(np.abs(u), 300)) ** -2


class Case(NamedTuple):
    """A function with its slope, breaks and jumps."""

    f: object
    slope: object
    breaks: tuple[float, ...] = ()
    jumps: tuple[tuple[float, float], ...] = ()

    @property
    def edges(self):
        return edges_of(self.f, self.slope, self.breaks)


@lru_cache(maxsize=64)
def edges_of(f, slope, breaks):
    return mesh((f, slope), breaks)


def steps(places, height):
    def f(u):
        return height / 2 * sum(np.sign(u - place) for place in places)

    return Case(f, np.zeros_like, tuple(places), tuple((float(place), height) for place in places))


CASES = {
    "tanh(2h)": Case(lambda u: np.tanh(2 * u), lambda u: 2 * steep(2 * u)),
    "two scales": Case(
        lambda u: np.tanh(1000 * u) + np.tanh(u / 1000), lambda u: 1000 * steep(1000 * u) + steep(u / 1000) / 1000
    ),
    "tanh(h-3)": Case(lambda u: np.tanh(u - 3), lambda u: steep(u - 3)),
    "gelu": Case(
        lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)
    ),
    "silu": Case(lambda u: u * special.expit(u), lambda u: special.expit(u) * (1 + u * special.expit(-u))),
    "softplus": Case(lambda u: np.logaddexp(0, u), special.expit),
    "softsign": Case(lambda u: u / (1 + np.abs(u)), lambda u: (1 + np.abs(u)) ** -2.0, (0.0,)),
    "clip": Case(lambda u: np.clip(u, 0, 1), lambda u: np.where((u > 0) & (u < 1), 1.0, 0.0), (0.0, 1.0)),
    "hard sigmoid": Case(
        lambda u: np.clip((1 + u) / 2, 0, 1), lambda u: np.where(np.abs(u) < 1, 0.5, 0.0), (-1.0, 1.0)
    ),
    "relu squared": Case(lambda u: np.maximum(u, 0) ** 2, lambda u: 2 * np.maximum(u, 0), (0.0,)),
    "leaky": Case(lambda u: np.maximum(u, u / 10), lambda u: np.where(u > 0, 1.0, 0.1), (0.0,)),
    "dead zone": steps([-0.5, 0.5], 1.0),
    "16 levels": steps(LEVELS, 2 / 15),
    "tanh and step": Case(lambda u: np.tanh(u) + (u > 0.5), steep, (0.5,), ((0.5, 1.0),)),
    "profile": Case(
        lambda u: np.exp(-u * u) * np.sign(u - 1),
        lambda u: -2 * u * np.exp(-u * u) * np.sign(u - 1),
        (1.0,),
        ((1.0, 2 / np.e),),
    ),
    "sin": Case(np.sin, np.cos),
    "tanh^3": Case(lambda u: np.tanh(u) ** 3, lambda u: 3 * np.tanh(u) ** 2 * steep(u)),
}
ROOT = Case(lambda u: np.sqrt(np.abs(u)) * np.sign(u), lambda u: 0.5 / np.sqrt(np.abs(u)), (0.0,))


def knots_of(case):
    """What the certified quadrature needs to be told."""
    return (0.0,) if case.f is np.sin else tuple(sorted(set(case.edges)))[1:-1]


# Mesh


@pytest.mark.parametrize("name", CASES)
def test_functions_are_polynomials_on_the_panels(name):
    """Of degree 28, beside the largest value so near 0: on other nodes than those that found the panels."""
    case = CASES[name]
    edges = case.edges
    assert set(case.breaks) | {0.0} <= set(edges)
    assert list(edges) == sorted(edges)
    assert len(edges) <= (500 if name == "sin" else 60)
    assert min(-edges[0], edges[-1]) > 1500
    points = np.unique(edges)
    x = np.cos(np.pi * (np.arange(60) + 0.5) / 60)
    for f in (case.f, case.slope):
        for left, right in pairwise(points):
            u = left + (right - left) * (1 + x) / 2
            near = np.linspace(-1, 1, 1001) * min(abs(left), abs(right))
            size = max(np.abs(f(u)).max(), np.abs(f(near)).max(initial=0), 1e-300)
            tail = np.polynomial.chebyshev.chebfit(x, f(u) / size, 59)[30:]
            assert np.abs(tail).max() < 3e-14 + 1e-15 * np.abs(u).max() * (name == "sin")


def test_breaks_stand_twice_where_there_is_one():
    edges = mesh(lambda u: np.abs(u - 1) + np.tanh(u - 2), (1.0, 2.0))
    assert edges.count(1.0) == 2
    assert edges.count(2.0) == edges.count(0.0) == 1


@pytest.mark.parametrize(
    ("f", "breaks", "place"),
    [
        (lambda u: 1 / (u - 0.3), (), "0.3:"),
        (lambda u: 1 / (u - 0.3), (0.3,), "0.3:"),
        (lambda u: 1 / u, (0.0,), "0:"),
        (np.tan, (), "1.5708:"),
        (lambda u: np.abs(u - 0.3), (), "0.3:"),
        (lambda u: np.sign(u + 0.3), (), "-0.3:"),
        (lambda u: (u > 700.0) * 1.0, (), "700:"),
        (lambda u: np.sin(1 / u), (0.0,), "7.52316e-37:"),
        (np.sqrt, (0.0,), "0:"),
        (np.sign, (), "0:"),
        (lambda u: np.where(u == 0, np.nan, np.sin(1e7 * u)), (), "0"),
    ],
)
def test_what_varies_too_fast_is_refused_with_its_place(f, breaks, place):
    with pytest.raises(MeshError, match=rf"varies too fast near h = {place}"):
        mesh(f, breaks)


def test_hidden_features_and_singular_breaks():
    """What first panels of width 1 would step over, and a logarithm, resolved as far as the rounding of u lets it."""
    sharp = lambda u: np.tanh(1e6 * u) + 2 * np.tanh(1e5 * (u - 1))  # noqa: E731
    assert_allclose(broken_mean(sharp, 0.0, [1e-14, 1.0], mesh(sharp, (1.0,))), [-2, -2 * special.erf(0.5**0.5)], 1e-9)
    edges = mesh(lambda u: np.log(np.abs(u - 2)), (2.0,))
    for mean, v in ((2.0, 1.0), (0.5, 3.0)):
        cuts = sorted({-mp.inf, mp.mpf(2), mp.mpf(mean), mp.mpf(5), mp.inf})
        expected = mp.quad(lambda u, m=mean, v=v: mp.log(abs(u - 2)) * mp.npdf(u, m, mp.sqrt(v)), cuts)
        assert_allclose(broken_mean(lambda u: np.log(np.abs(u - 2)), mean, v, edges), float(expected), 1e-11)


def test_reach_of_a_mesh():
    assert mesh(np.tanh, ())[-1] == 2.0**100
    assert mesh(lambda u: u**9, ())[-1] == pytest.approx(1e150 ** (1 / 9))
    assert -mesh(np.exp, ())[0] == 2.0**100
    assert 300 < mesh(np.exp, ())[-1] < 346
    with np.errstate(over="ignore"):
        assert 709 < mesh(lambda u: np.log(1 + np.exp(u)), ())[-1] < 710
    assert 40 < mesh(lambda u: np.sin(u * u), ())[-1] < 60
    assert np.isnan(broken_mean(np.sin, 0.0, [1.0, 1e6], CASES["sin"].edges)).tolist() == [False, True]
    assert np.isnan(broken_pair(np.exp, np.exp, [1.0, 200.0], 0.5, mesh(np.exp, ()))).tolist() == [False, True]


# Values


LIKE_OTHERS = ("silu", "softplus", "hard sigmoid", "tanh^3")  # like gelu, clip and tanh(2h)
CERTIFIED = [pytest.param(name, marks=[pytest.mark.slow] * (name in LIKE_OTHERS)) for name in CASES]


@pytest.mark.parametrize("name", CERTIFIED)
def test_values_within_certified_bounds(name):
    case, rng = CASES[name], np.random.default_rng(11)
    v, c = 10 ** rng.uniform(-4, 3, 4), np.array([-0.93, 0.2, 0.75, 1 - 2.0**-20])
    v = np.minimum(v, 5) if name == "sin" else np.maximum(v, 0.02)
    for f, law in ((case.f, {}), (case.slope, {})):
        if not np.any(f(LEVELS + 0.1)):
            continue
        estimate = pair_expectation(f, f, v, c, knots=knots_of(case), **law)
        size = np.abs(pair_expectation(f, f, v, 1.0, knots=knots_of(case)).value)
        error = np.abs(broken_pair(f, f, v, c, case.edges) - estimate.value)
        assert np.all(estimate.bound < 1e-12 * size)
        assert np.all(error <= estimate.bound + 1e-14 * size)
    mean = np.array([0.1, -0.7, 3.0, 1.0]) * np.sqrt(v)
    estimate = expectation(case.f, v, mean=mean, knots=knots_of(case))
    assert_allclose(broken_mean(case.f, mean, v, case.edges), estimate.value, 1e-13, 1e-14)


@pytest.mark.parametrize("gain", [1e-3, 1.0, 1e3])
def test_arcsine_law_at_any_gain(gain):
    case = Case(lambda u: special.erf(gain * u), lambda u: 2 * gain / np.sqrt(np.pi) * np.exp(-((gain * u) ** 2)))
    v, distance = np.array([1e-8, 1.0, 1e4])[:, None], np.array([1e-15, 1e-6, 0.4, 1.0, 1.6, 2.0])
    ratio = [[2 * mp.mpf(gain) ** 2 * mp.mpf(s) for s in row] for row in v]
    with mp.workdps(60):
        law = lambda a, r: 2 / mp.pi * mp.asin(a * r / (1 + a))  # noqa: E731
        pair = [[float(law(a, mp.mpf(1 - d))) for d in distance] for (a,) in ratio]
        drop = [[float(law(a, 1) - law(a, 1 - mp.mpf(d))) for d in distance] for (a,) in ratio]
        rise = [[float(2 * a / mp.pi / mp.sqrt((1 + a * mp.mpf(d)) * (1 + a * (2 - mp.mpf(d))))) for d in distance]
                for (a,) in ratio]  # fmt: skip
    assert_allclose(broken_pair(case.f, case.f, v, 1 - distance, case.edges), pair, 1e-13, 1e-30)
    assert_allclose(broken_slope(case.slope, (), v, distance, case.edges), rise, 1e-13)
    assert_allclose(broken_difference(case.slope, (), v, 0.0, distance, case.edges), drop, 1e-13)


@lru_cache(maxsize=64)
def normal_pair(s, t, r):
    """P(u > s, v > t) of unit variances: P(u > s) P(v > t) and the integral of the density over the correlation."""
    density = lambda x: mp.exp(-(s * s - 2 * x * s * t + t * t) / (2 * (1 - x * x))) / (2 * mp.pi * mp.sqrt(1 - x * x))  # noqa: E731
    sine = lambda a: density(mp.sin(a)) * mp.cos(a)  # noqa: E731
    return mp.ncdf(-s) * mp.ncdf(-t) + mp.quad(sine, mp.linspace(0, mp.asin(r), 9))


@pytest.mark.parametrize("name", ["dead zone", "16 levels"])
@pytest.mark.parametrize("v", [1e-2, 1.0, 1e4])
def test_steps_have_bivariate_normal_probabilities(name, v):
    case, sigma = CASES[name], mp.sqrt(mp.mpf(v))
    height = case.jumps[0][1]
    places = [mp.mpf(place) / sigma for place, _ in case.jumps][:: 1 if len(case.jumps) == 2 else 5]
    thin = steps([float(place * sigma) for place in places], height)
    for c in (-0.5, 0.3, 0.98):
        shift = len(places) * height / 2
        with mp.workdps(20):
            terms = [[normal_pair(*sorted((s, t)), mp.mpf(c)) for s in places] for t in places]
            single = height * sum(mp.ncdf(-s) for s in places)
            expected = mp.mpf(height) ** 2 * sum(map(sum, terms)) - 2 * shift * single + shift**2
        size = float(broken_pair(thin.f, thin.f, v, 1.0, thin.edges))
        assert abs(broken_pair(thin.f, thin.f, v, c, thin.edges) - float(expected)) <= 1e-13 * size


def step_pair(t, c):
    """P(u > t, v > t) far out, times and over its size, as the error of mp.quad is absolute."""
    size, rest = mp.exp(-t * t / (1 + c)), mp.sqrt(1 - c * c)
    cuts = [t + k / t for k in (0, 1, 2, 4, 8, 16, 32, 64)]
    return size * mp.quad(lambda z: mp.npdf(z) * mp.ncdf((c * z - t) / rest) / size, cuts)


def test_probabilities_far_out_keep_their_digits():
    """A step at 5 to 33 standard deviations: values down to 1e-240, whose exponent is known to 543 ulp."""
    step = Case(lambda u: (u > 0.5) * 1.0, np.zeros_like, (0.5,), ((0.5, 1.0),))
    v = np.array([1e-2, 1e-3, 2.3e-4])
    assert_allclose(
        broken_mean(step.f, 0.0, v, step.edges), [float(mp.ncdf(-0.5 / mp.sqrt(each))) for each in v], 5e-13
    )
    for c in (0.0, 0.6, 0.999):
        with mp.workdps(30):
            expected = [float(step_pair(mp.mpf(0.5) / mp.sqrt(mp.mpf(each)), mp.mpf(c))) for each in v]
        assert_allclose(broken_pair(step.f, step.f, v, c, step.edges), expected, 1e-12)


def test_powers_of_relu():
    """Cho and Saul 2009, equations 4 to 7: J_2 = 3 sin t cos t + (pi - t)(1 + 2 cos^2 t)."""
    case = CASES["relu squared"]
    for distance in (1e-6, 0.3, 1.0, 1.7, 1.999):
        c = 1 - mp.mpf(distance)
        with mp.workdps(40):
            t = mp.acos(c)
            second = (3 * mp.sin(t) * c + (mp.pi - t) * (1 + 2 * c * c)) / (2 * mp.pi)
            first = 4 * (mp.sin(t) + (mp.pi - t) * c) / (2 * mp.pi)
        for v in (1e-8, 1.0, 1e4):
            assert_allclose(broken_pair(case.f, case.f, v, float(c), case.edges), v**2 * float(second), 1e-12)
            assert_allclose(broken_slope(case.slope, (), v, distance, case.edges), v**2 * float(first), 1e-12)


def test_singular_slopes():
    """E |u v|^(-1/2) in polar coordinates: the radius gives sqrt(pi / 2), the angle an integral."""
    for distance in (1e-12, 0.5, 1.5):
        with mp.workdps(40):
            turn = 2 * mp.asin(mp.sqrt(mp.mpf(distance) / 2))
            angle = lambda a, turn=turn: 1 / mp.sqrt(abs(mp.cos(a) * mp.cos(a - turn)))  # noqa: E731
            zeros = sorted([-mp.pi / 2, turn - mp.pi / 2, mp.pi / 2])
            middle = [(a + b) / 2 for a, b in pairwise(zeros)]
            expected = mp.quad(angle, sorted(zeros + middle)) / mp.pi * mp.sqrt(mp.pi / 2)
        for v in (1e-8, 1.0, 1e4):
            found = broken_slope(ROOT.slope, (), v, distance, ROOT.edges)
            assert_allclose(found, float(expected) / 4 * np.sqrt(v), 1e-13)
    assert broken_slope(ROOT.slope, (), 1.0, 0.0, ROOT.edges) == np.inf


def test_exponentials_as_far_as_they_go():
    edges = mesh(np.exp, ())
    v, c = np.array([1e-6, 1.0, 30.0, 80.0]), np.array([[-1.0], [0.3], [1.0]])
    assert_allclose(broken_mean(np.exp, 0.5, v, edges), np.exp(0.5 + v / 2), 1e-12)
    assert_allclose(broken_pair(np.exp, np.exp, v, c, edges), np.exp(v * (1 + c)), 1e-12)


def test_powers_have_no_scale_beyond_every_mesh():
    """Of f = sign(u) sqrt(|u|) all that is of second order grows as sqrt(v); Torch says where its mesh ends."""
    v, c = np.array([1e50, 1e62, 1e150]), np.array([[-1.0], [-0.7], [0.3], [1.0]])
    pairs = broken_pair(ROOT.f, ROOT.f, v, c, ROOT.edges) / broken_pair(ROOT.f, ROOT.f, 1.0, c, ROOT.edges)
    assert_allclose(pairs, np.sqrt(v) + 0 * c, 1e-14)
    falls = [broken_difference(ROOT.slope, (), each, 0.2, 0.7, ROOT.edges) for each in (v, 1.0)]
    assert_allclose(falls[0] / falls[1], np.sqrt(v), 1e-12)
    with pytest.raises(ValueError, match=r"variance 1e\+62 needs the functions beyond 1.26765e\+30"):
        broken_torch.broken_pair(torch.tanh, torch.tanh, tensor(1e62), tensor(0.3), ROOT.edges)


@pytest.mark.parametrize("name", ["softsign", "tanh(2h)", "relu squared", "tanh^3"])
def test_small_correlations_keep_the_digits_of_odd_functions(name):
    """Against sums over the quadrants, which have a break at 0 only."""
    case, c = CASES[name], 10.0 ** np.array([-15, -12, -8, -4, -3.2, -3, -1])
    c = np.concatenate([-c, c])
    for v in (1e-3, 1.0, 1e3):
        assert_allclose(broken_pair(case.f, case.f, v, c, case.edges), gaussian_pair(case.f, case.f, v, c), 1e-13)


def test_two_functions_on_one_mesh():
    f, g = (lambda u: np.maximum(u, 0)), (lambda u: (u > 0.5) * 1.0)
    edges = mesh((f, g), (0.0, 0.5))
    v, c = np.array([0.1, 2.0]), np.array([-1.0, -0.3, 0.0, 0.9, 1.0])[:, None]
    estimate = pair_expectation(f, g, v, c, knots=(0.0, 0.5))
    assert_allclose(broken_pair(f, g, v, c, edges), estimate.value, 1e-13, 1e-15)
    assert_allclose(broken_pair(g, f, v, c, edges), estimate.value, 1e-13, 1e-15)


# Theorems


@pytest.mark.parametrize("name", CASES)
def test_price(name):
    """The difference is additive, that of pairs, and over its drop the slope, as the drop goes to 0."""
    case, rng = CASES[name], np.random.default_rng(12)
    law, edges = (case.slope, case.jumps), case.edges
    v = 10 ** rng.uniform(-2, 1, 5)
    rest, drop = np.array([0.0, 1e-9, 0.2, 0.9, 1.0]), np.array([1e-12, 1e-5, 0.6, 1.0, 0.8])
    total = broken_difference(*law, v, rest, drop, edges)
    part = broken_difference(*law, v, rest, drop / 4, edges)
    second = broken_difference(*law, v, np.minimum(rest + drop / 4, 1), drop - drop / 4, edges)
    within, size = rest + drop / 4 <= 1, v * 0 + np.abs(broken_pair(case.f, case.f, v, 1.0, edges))
    assert_allclose((part + second)[within], total[within], 1e-12)
    pairs = broken_pair(case.f, case.f, v, 1 - rest, edges) - broken_pair(case.f, case.f, v, 1 - rest - drop, edges)
    assert_allclose(total[2:], pairs[2:], 1e-12, atol=1e-13 * size.max())
    middle = np.array([1e-6, 1e-3, 0.3, 1.0, 1.5])
    tiny = 1e-5 * middle
    slope = broken_slope(*law, v, middle, edges)
    low = np.minimum(middle, 1.0)
    quotient = broken_difference(*law, v, low - tiny, 2 * tiny, edges) / (2 * tiny)
    at = middle <= 1
    assert_allclose(quotient[at], slope[at], 1e-8, atol=1e-8 * np.abs(slope).max() * (name == "profile"))


def test_small_gaps_have_the_slope_of_the_function():
    """As the drop goes to 0 a Lipschitz function has E (f(u) - f(v))^2 / 2 = drop variance E f'^2."""
    case, v = CASES["clip"], np.array([[1e-3], [0.3], [1e4]])
    drops = np.array([1e-200, 1e-30])
    expected = drops * v * special.erf(1 / np.sqrt(2 * v)) / 2
    assert_allclose(broken_difference(case.slope, (), v, 0.0, drops, case.edges), expected, 1e-12)


def test_gaps_of_steps():
    """The slope is elementary (Price), the difference its integral; one jump alone has (J^2 / 2 pi) asin."""
    case = CASES["dead zone"]

    def density(v, turn):
        pairs = [(s, t) for s in (-0.5, 0.5) for t in (-0.5, 0.5)]
        apart, along = mp.sin(turn) ** 2, 1 + mp.cos(turn)
        return sum(mp.exp(-((s - t) ** 2 / apart + 2 * s * t / along) / (2 * v)) for s, t in pairs) / (2 * mp.pi)

    for v in (0.02, 100.0):
        for distance in (1e-15, 0.3, 1.9):
            with mp.workdps(40):
                turn = 2 * mp.asin(mp.sqrt(mp.mpf(distance) / 2))
                expected = density(mp.mpf(v), turn) / mp.sin(turn)
                cuts = [0, *(turn * mp.mpf(10) ** -k for k in range(9, 0, -1)), turn / 3, 2 * turn / 3, turn]
                area = mp.quad(lambda a, v=v: density(mp.mpf(v), a), cuts)
            assert_allclose(broken_slope(case.slope, case.jumps, v, distance, case.edges), float(expected), 1e-13)
            found = broken_difference(case.slope, case.jumps, v, 0.0, distance, case.edges)
            assert_allclose(found, float(area), 1e-12)


# Ends and domain


def test_limits():
    case = CASES["tanh and step"]
    law, f, edges = (case.slope, case.jumps), case.f, case.edges
    assert_allclose(
        broken_mean(f, [0.5, 0.4, 0.6], 0.0, edges), np.tanh([0.5, 0.4, 0.6]) + np.array([0.5, 0.0, 1.0]), 1e-15
    )
    assert broken_slope(*law, 1.0, 0.0, edges) == np.inf
    assert np.isfinite(broken_slope(*law, 1.0, 2.0, edges))
    even = Case(lambda u: (np.abs(u) > 0.5) * 1.0, np.zeros_like, (-0.5, 0.5), ((-0.5, -1.0), (0.5, 1.0)))
    assert broken_slope(even.slope, even.jumps, 1.0, 2.0, even.edges) == -np.inf
    assert broken_slope(even.slope, even.jumps, 1.0, 0.0, even.edges) == np.inf
    assert_allclose(broken_pair(f, f, 0.3, 1.0, edges), broken_mean(lambda u: f(u) ** 2, 0.0, 0.3, edges), 1e-14)
    assert_allclose(broken_pair(f, f, 0.3, -1.0, edges), broken_mean(lambda u: f(u) * f(-u), 0.0, 0.3, mesh(
        lambda u: f(u) * f(-u), (-0.5, 0.5))), 1e-14)  # fmt: skip
    assert_allclose(broken_pair(f, f, 0.3, 0.0, edges), broken_mean(f, 0.0, 0.3, edges) ** 2, 1e-14)
    assert np.all(broken_difference(*law, [0.0, 1.0], [0.3, 0.3], [0.2, 0.0], edges) == 0)
    sign = Case(np.sign, np.zeros_like, (0.0,), ((0.0, 2.0),))
    c = np.array([-1.0, -0.3, 0.0, 0.5, 1.0])
    for v in (0.0, 1e-300, 1.0):
        assert_allclose(broken_pair(np.sign, np.sign, v, c, sign.edges), 2 / np.pi * np.arcsin(c), 1e-14, 1e-16)
        slopes = broken_slope(sign.slope, sign.jumps, v, 1 - c[1:-1], sign.edges)
        assert_allclose(slopes, 2 / np.pi / np.sqrt(1 - c[1:-1] ** 2), 1e-14)
        drops = broken_difference(sign.slope, sign.jumps, v, 0.0, [1e-300, 0.5, 2.0], sign.edges)
        assert_allclose(drops, [2 / np.pi * np.sqrt(2e-300), 2 / 3, 2.0], 1e-14)


def test_shapes_and_unknowns():
    case = CASES["gelu"]
    assert broken_pair(case.f, case.f, np.ones((2, 1)), np.zeros(3), case.edges).shape == (2, 3)
    assert broken_slope(case.slope, (), [], 0.0, case.edges).shape == (0,)
    assert np.all(np.isnan(broken_mean(case.f, [np.nan, 0.0, 0.0], [1.0, np.nan, np.inf], case.edges)))
    assert np.all(np.isnan(broken_pair(case.f, case.f, [np.nan, 1.0, np.inf], [0.0, np.nan, 0.0], case.edges)))
    assert np.all(np.isnan(broken_slope(case.slope, (), [np.nan, 1.0, np.inf], [0.1, np.nan, 0.1], case.edges)))
    unknown = broken_difference(
        case.slope, (), [np.nan, 1.0, np.inf, 1.0], [0.0, np.nan, 0, 0], [1, 1, 1, np.nan], case.edges
    )
    assert np.all(np.isnan(unknown))
    assert_allclose(
        broken_pair(case.f, case.f, 1.0, 1 + 1e-15, case.edges), broken_pair(case.f, case.f, 1.0, 1.0, case.edges)
    )
    constant = broken_pair(lambda u: 2.0, lambda u: 3.0, [0.0, 1.0], 0.3, mesh(np.ones_like, ()))
    assert_allclose(constant, 6.0, 1e-14)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_outside_the_domain(kind):
    edges, one = CASES["leaky"].edges, np.ones_like if kind == "numpy" else torch.ones_like
    module = {"broken_mean": broken_mean, "broken_pair": broken_pair, "broken_slope": broken_slope,
              "broken_difference": broken_difference} if kind == "numpy" else vars(broken_torch)  # fmt: skip
    with pytest.raises(ValueError, match=r"broken_mean: variance -1\.0 is negative"):
        module["broken_mean"](one, 0.0, -1.0, edges)
    with pytest.raises(ValueError, match=r"broken_pair: variance -1\.0 is negative"):
        module["broken_pair"](one, one, -1.0, 0.0, edges)
    with pytest.raises(ValueError, match="correlation of magnitude"):
        module["broken_pair"](one, one, 1.0, 1.1, edges)
    with pytest.raises(ValueError, match=r"distances in \[0, 2\]"):
        module["broken_slope"](one, (), 1.0, 2.1, edges)
    for points in ((1.0, -0.1, 0.1), (1.0, 1.1, 0.1), (1.0, 0.5, 1.6), (1.0, 0.5, -0.1), (-1.0, 0.5, 0.1)):
        with pytest.raises(ValueError, match="broken_difference"):
            module["broken_difference"](one, (), *points, edges)


# Torch


def steep_torch(u):
    return torch.cosh(torch.clamp(torch.abs(u), max=300.0)) ** -2


TORCH = {
    "tanh(h-3)": (lambda u: torch.tanh(u - 3), lambda u: steep_torch(u - 3)),
    "clip": (lambda u: torch.clamp(u, 0, 1), lambda u: ((u > 0) & (u < 1)).to(u)),
    "leaky": (lambda u: torch.maximum(u, u / 10), lambda u: 0.1 + 0.9 * (u > 0).to(u)),
    "dead zone": (lambda u: (torch.sign(u - 0.5) + torch.sign(u + 0.5)) / 2, torch.zeros_like),
    "tanh and step": (lambda u: torch.tanh(u) + (u > 0.5).to(u), steep_torch),
}


@pytest.fixture
def one_thread():
    """Two threads that wait for each other's cores make small tensors 100 times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensor(values, grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", TORCH)
def test_torch_agrees_with_numpy(name):
    case, (f, slope) = CASES[name], TORCH[name]
    v, distance = np.array([0.0, 1e-6, 0.3, 30.0])[:, None], np.array([0.0, 1e-12, 0.3, 1.0, 1.4, 2.0])
    edges, mean, gap = case.edges, np.array([0.5, 0.0, -2.0]), 0.9 * distance
    for ours, theirs in (
        (broken_torch.broken_mean(f, tensor(mean), tensor(v), edges), broken_mean(case.f, mean, v, edges)),
        (
            broken_torch.broken_pair(f, f, tensor(v), tensor(1 - distance), edges),
            broken_pair(case.f, case.f, v, 1 - distance, edges),
        ),
        (
            broken_torch.broken_slope(slope, case.jumps, tensor(v), tensor(distance), edges),
            broken_slope(case.slope, case.jumps, v, distance, edges),
        ),
        (
            broken_torch.broken_difference(slope, case.jumps, tensor(v), 0.1, tensor(gap), edges),
            broken_difference(case.slope, case.jumps, v, 0.1, gap, edges),
        ),
    ):
        assert_allclose(ours.numpy(), theirs, 1e-12, 1e-15)
    single = broken_torch.broken_pair(f, f, torch.tensor(0.3), 0.5, edges)
    assert single.dtype == torch.float32
    assert_allclose(single.item(), broken_pair(case.f, case.f, 0.3, 0.5, edges), 1e-6)
    assert torch.isnan(broken_torch.broken_mean(f, 0.0, tensor(np.inf), edges))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["clip", "tanh and step"])
def test_torch_gradients(name):
    case, (f, slope) = CASES[name], TORCH[name]
    v, c, edges = tensor([0.4], True), tensor([-0.6], True), case.edges
    rest, drop = tensor([0.2], True), tensor([1.1], True)
    for function, points in (
        (lambda m, v: broken_torch.broken_mean(f, m, v, edges), (c, v)),
        (lambda v, c: broken_torch.broken_pair(f, f, v, c, edges), (v, c)),
        (lambda v, c: broken_torch.broken_pair(f, torch.tanh, v, c, edges), (v, c)),
        (lambda v, d: broken_torch.broken_slope(slope, case.jumps, v, d, edges), (v, drop)),
        (lambda *p: broken_torch.broken_difference(slope, case.jumps, *p, edges), (v, rest, drop)),
    ):
        assert torch.autograd.gradcheck(function, points, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["tanh(h-3)", "clip", "leaky", "tanh and step"])
def test_torch_gradients_at_the_ends(name):
    """By Price they are the slopes, at |c| = 1 and at variance 0 too; infinite where f jumps."""
    case, (f, slope) = CASES[name], TORCH[name]
    c, v = tensor([1.0, -1.0, 0.0], True), tensor([1.3, 1.3, 1.3], True)
    broken_torch.broken_pair(f, f, v, c, case.edges).sum().backward()
    assert_allclose(
        c.grad.numpy(), broken_slope(case.slope, case.jumps, 1.3, [0.0, 2.0, 1.0], case.edges), 1e-12, 1e-15
    )
    assert torch.all(torch.isfinite(v.grad))
    rest, drop = tensor([0.0], True), tensor([0.3], True)
    broken_torch.broken_difference(slope, case.jumps, 1.3, rest, drop, case.edges).sum().backward()
    here, there = (broken_slope(case.slope, case.jumps, 1.3, d, case.edges) for d in (0.0, 0.3))
    assert_allclose(drop.grad.item(), there, 1e-12)
    assert_allclose(rest.grad.item(), there - here, 1e-12)
    m, v = tensor([0.25, 2.0], True), tensor([0.0, 0.0], True)
    broken_torch.broken_mean(f, m, v, case.edges).sum().backward()
    u = np.array([0.25, 2.0])
    assert_allclose(m.grad.numpy(), case.slope(u), 1e-14)
    curvature = (case.slope(u + 1e-5) - case.slope(u - 1e-5)) / 2e-5
    assert_allclose(v.grad.numpy(), curvature / 2, 1e-8, 1e-9)


@pytest.mark.usefixtures("one_thread")
def test_torch_gradients_that_do_not_exist_are_refused():
    distance = tensor(0.3, True)
    value = broken_torch.broken_slope(lambda u: 0.5 / torch.sqrt(torch.abs(u)), (), 1.0, distance, ROOT.edges)
    assert_allclose(value.item(), broken_slope(ROOT.slope, (), 1.0, 0.3, ROOT.edges), 1e-12)
    with pytest.raises(ValueError, match="grows without bound"):
        value.backward()
    v = tensor(0.3, True)
    (first,) = torch.autograd.grad(
        broken_torch.broken_mean(torch.tanh, 0.5, v, CASES["tanh(2h)"].edges), v, create_graph=True
    )
    with pytest.raises(ValueError, match="differentiate once"):
        first.backward()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_standalone_copies(backend: Backend):
    case, copy = CASES["clip"], ModuleType("copy")
    text = "broken_mean, broken_pair, broken_slope, broken_difference"
    sources = copied_sources(backend.runtime, text)
    exec("\n".join(["from __future__ import annotations", *backend.imports, *sources]), copy.__dict__)
    assert "meanbits." not in "\n".join(sources).replace("from meanbits.numerics.emission.mesh", "")
    f, slope = (case.f, case.slope) if backend.name == "numpy" else TORCH["clip"]
    assert_allclose(float(copy.broken_mean(f, 0.2, 0.5, case.edges)), broken_mean(case.f, 0.2, 0.5, case.edges), 1e-13)
    for name, law in (("broken_slope", (0.5, 0.3)), ("broken_difference", (0.5, 0.1, 0.3))):
        expected = {"broken_slope": broken_slope, "broken_difference": broken_difference}[name]
        found = float(getattr(copy, name)(slope, (), *law, case.edges))
        assert_allclose(found, expected(case.slope, (), *law, case.edges), 1e-13)
    assert_array_equal(case.edges, mesh((case.f, case.slope), case.breaks))
