"""Expectations of tanh neurons: the mixture, its functions by their definitions, theorems and limits, and the rules."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
import torch
from numpy.testing import assert_allclose

from meanbits.numerics.emission.runtime import logistic_numpy, logistic_torch
from meanbits.numerics.emission.runtime.logistic_numpy import (
    mixture_pairs,
    tanh_curvature_overlap,
    tanh_difference,
    tanh_mean,
    tanh_overlap,
    tanh_overlap_growth,
    tanh_slope_growth,
    tanh_slope_overlap,
)
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
from meanbits.theory.gaussian import logistic
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.logistic import TanhDifference, TanhMean, TanhOverlap, TanhSlopeOverlap
from meanbits.theory.gaussian.logistic_mixture import FUNCTIONS, scales
from meanbits.theory.symbols import D, Q, Q_ab, Sigma, c, hbar, q, u

VARIANCES = 10.0 ** np.arange(-12, 13)
EXACT = 4e-15  # measured: 2.3e-15 for overlaps, 1e-15 for slopes and differences
DERIVED = 1e-13  # measured: 4e-14 for curvatures and growths
TANH = sp.tanh(u)
SLOPE = 1 - TANH**2

Sample = Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]


def log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    return 10 ** rng.uniform(low, high, count)


def correlations(rng: np.random.Generator, count: int) -> np.ndarray:
    """Of either sign: near 1, near 0, and between."""
    near_one = 1 - log_uniform(rng, -16, 0, count)
    kind = rng.integers(3, size=count)
    size = np.choose(kind, [near_one, log_uniform(rng, -250, 0, count), rng.uniform(0, 1, count)])
    return size * rng.choice([-1, 1], count)


def distances(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.where(rng.random(count) < 0.5, log_uniform(rng, -250, 0, count), log_uniform(rng, -15, 0, count))


def differences(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """rest and drop, of sizes as far apart as they can be, rest 0 now and then."""
    total, share = 2 * distances(rng, count), log_uniform(rng, -40, 0, count) * (rng.random(count) < 0.8)
    rest, drop = total * share, total * (1 - share)
    swap = rng.random(count) < 0.3
    return np.where(swap, drop, rest), np.where(swap, rest, drop)


POINTS: dict[str, tuple[Sample, float]] = {
    "TanhOverlap": (lambda rng, n: (correlations(rng, n),), EXACT),
    "TanhSlopeOverlap": (lambda rng, n: (distances(rng, n),), EXACT),
    "TanhDifference": (differences, EXACT),
    "TanhCurvatureOverlap": (lambda rng, n: (distances(rng, n),), DERIVED),
    "TanhOverlapGrowth": (lambda rng, n: (correlations(rng, n),), DERIVED),
    "TanhSlopeGrowth": (lambda rng, n: (distances(rng, n),), DERIVED),
}


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def points(name: str, count: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return log_uniform(rng, -12, 12, count), *POINTS[name][0](rng, count)


def tensor(values: object, grad: bool = False) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


# The mixture


def test_the_mixture_is_tanh() -> None:
    x = np.concatenate([10.0 ** np.arange(-300, 0, 10), np.linspace(0.01, 40, 2000)])
    assert_allclose(tanh_mean(x, 0), np.tanh(x), 1e-15)
    assert_allclose(tanh_mean(x, 0, 1), 1 / np.cosh(x) ** 2, 0, 1e-15)
    assert_allclose(tanh_mean(x, 0, 2), -2 * np.tanh(x) / np.cosh(x) ** 2, 0, 3e-15)
    assert np.all(tanh_mean(-x, 3.0) == -tanh_mean(x, 3.0))


@pytest.mark.parametrize("digits", [15, 30, 45])
def test_the_mixture_is_tanh_to_any_precision(digits: int) -> None:
    with mp.workdps(digits):
        for x in (mp.mpf("1e-30"), mp.mpf(1) / 3, mp.mpf(2), mp.mpf(7), mp.mpf(40)):
            assert abs(FUNCTIONS["TanhMean"](x, 0) / mp.tanh(x) - 1) < mp.mpf(10) ** (1 - digits)


@pytest.mark.parametrize("name", POINTS)
def test_a_point_alone_has_the_bits_that_it_has_among_many(name: str) -> None:
    function, arguments = getattr(logistic_numpy, snake(name)), points(name, 500, 4)
    alone = [function(*row) for row in zip(*(each.tolist() for each in arguments), strict=True)]
    assert np.array_equal(function(*arguments), alone)


def test_moments_of_the_scales() -> None:
    """E s^2 = pi^2 / 12, a twelfth of pi^2 / 3 over 4 of the logistic law; E 1/s = sqrt(pi / 2), as tanh'(0) = 1."""
    total, product, weight = mixture_pairs()
    assert_allclose(np.pi / 2 * np.sum(weight), 1, 1e-15)
    assert_allclose(np.pi / 2 * np.sum(weight * total), np.pi**2 / 6, 1e-14)
    assert_allclose(np.sum(weight / np.sqrt(product)), 1, 2e-15)
    with mp.workdps(30):
        assert abs(mp.fsum(w * a for a, w in scales(mp.mp.prec)) - mp.pi**2 / 12) < 1e-29


# NumPy against other routes


def half_line(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x >= 0 and weights of E f(x), x ~ N(0, sigma^2), for even f like 1 / cosh(2 x)^2: poles at i pi/2."""
    step, reach = min(0.12, 0.6 * sigma), min(10.0, 9 * sigma)
    if sigma == 0:
        return np.zeros(1), np.ones(1)
    x = step * np.arange(np.ceil(reach / step) + 1)
    weight = 2 * step * np.exp(-((x / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
    weight[0] /= 2
    return x, weight


def slopes_by_definition(variance: float, delta: float) -> float:
    """E tanh'(u) tanh'(v) in the plane of (u + v)/2 and (u - v)/2, which are independent; the integrand is positive."""
    (x, at_x), (y, at_y) = (half_line(np.sqrt(variance * part / 2)) for part in (2 - delta, delta))
    return float(at_x @ (4 / (np.cosh(2 * x[:, None]) + np.cosh(2 * y)) ** 2) @ at_y)


def difference_by_definition(variance: float, rest: float, drop: float) -> float:
    """V E tanh'(u) tanh'(v) integrated over the correlation (Price's theorem), by panels in its distance from 1."""
    cuts = np.unique(np.clip([rest, *10.0 ** np.arange(-16, 1, 0.5), rest + drop], rest, rest + drop))
    nodes, weights = np.polynomial.legendre.leggauss(14)
    return variance * sum(
        (right - left) / 2 * weight * slopes_by_definition(variance, left + (right - left) * (1 + node) / 2)
        for left, right in pairwise(cuts)
        for node, weight in zip(nodes, weights, strict=True)
    )


@pytest.mark.parametrize("delta", [0, 1e-200, 1e-9, 0.3, 1.0, 1.9])
def test_slopes_by_definition(delta: float) -> None:
    expected = [slopes_by_definition(variance, delta) for variance in VARIANCES]
    assert_allclose(tanh_slope_overlap(VARIANCES, delta * (2 - delta)), expected, 1e-14)


@pytest.mark.parametrize(
    ("variance", "rest", "drop"), [(1e-6, 0, 0.7), (0.8, 0.2, 0.5), (30.0, 0, 1), (1e4, 1e-8, 1e-3)]
)
def test_differences_by_definition(variance: float, rest: float, drop: float) -> None:
    assert_allclose(tanh_difference(variance, rest, drop), difference_by_definition(variance, rest, drop), 1e-13)


def relative_errors(name: str, count: int, seed: int) -> np.ndarray:
    """NumPy on Gauss nodes against mpmath on a trapezoidal sum."""
    arguments = points(name, count, seed)
    got = getattr(logistic_numpy, snake(name))(*arguments)
    with mp.workdps(20):
        expected = [FUNCTIONS[name](*map(mp.mpf, map(float, row))) for row in zip(*arguments, strict=True)]
        return np.array([float(abs(mp.mpf(float(a)) - b) / (abs(b) or 1)) for a, b in zip(got, expected, strict=True)])


@pytest.mark.parametrize("name", POINTS)
def test_against_mpmath(name: str) -> None:
    assert relative_errors(name, 20, seed=1).max() <= POINTS[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", POINTS)
def test_against_mpmath_at_many_points(name: str) -> None:
    assert relative_errors(name, 2000, seed=2).max() <= POINTS[name][1]


# Theorems and limits


def test_squares_add_up() -> None:
    """E tanh^2 + E tanh' = 1; at mean 0, the slope of E tanh is E tanh'."""
    assert_allclose(tanh_overlap(VARIANCES, 1) + tanh_mean(0, VARIANCES, 1), 1, EXACT)


def test_differences_are_differences_and_add_up() -> None:
    variance, rest, drop = VARIANCES[:, None], np.array([0, 1e-30, 0.1, 1.2]), 0.3
    difference = tanh_difference(variance, rest, drop)
    whole = tanh_overlap(variance, 1 - rest) - tanh_overlap(variance, 1 - rest - drop)
    assert_allclose(difference, whole, 0, EXACT)
    assert_allclose(
        difference + tanh_difference(variance, rest + drop, 0.1), tanh_difference(variance, rest, 0.4), EXACT
    )
    assert_allclose(tanh_difference(variance, 0, 2), 2 * tanh_overlap(variance, 1), EXACT)


def test_small_differences_are_slopes() -> None:
    rest, drop = np.array([0, 1e-30, 0.1]), 1e-200
    expected = drop * VARIANCES[:, None] * tanh_slope_overlap(VARIANCES[:, None], rest * (2 - rest))
    assert_allclose(tanh_difference(VARIANCES[:, None], rest, drop), expected, EXACT)


def test_vanishing_variance_is_a_linear_neuron() -> None:
    r = np.array([-1, -0.3, 0, 1e-250, 1])
    assert np.all(tanh_overlap(0, r) == 0)
    assert_allclose(tanh_overlap(1e-40, r) / 1e-40, r, EXACT)
    assert_allclose(tanh_overlap_growth(0, r), r, EXACT)
    assert_allclose(tanh_slope_overlap([0, 1e-300], 0.4), 1, EXACT)
    assert_allclose(tanh_slope_growth(0, 0.4), -2, EXACT)  # tanh' = 1 - u^2 + ...
    assert_allclose(tanh_curvature_overlap(1e-300, 0.4), 4e-300, EXACT)  # tanh'' = -2 u + ...
    assert np.all(tanh_difference(0, 0, [0, 1e-9, 2]) == 0)


def test_infinite_variance_is_a_sign_neuron() -> None:
    r, rest, drop = np.array([-1, -0.3, 0, 1]), np.array([0, 0.2, 2, 0, 1]), np.array([1e-200, 0.5, 0, 2, 1])
    assert_allclose(tanh_overlap(np.inf, r), 2 / np.pi * np.arcsin(r), EXACT)
    angle = np.arctan2(drop, np.sqrt(rest * (2 - rest)) + np.sqrt((rest + drop) * (2 - rest - drop)))
    assert_allclose(tanh_difference(np.inf, rest, drop), 4 / np.pi * angle, EXACT)
    for function in (tanh_slope_overlap, tanh_slope_growth, tanh_curvature_overlap):
        assert np.all(function(np.inf, [0, 0.3, 1]) == 0)
    assert np.all(tanh_overlap_growth(np.inf, r) == 0)
    assert np.all(tanh_mean([0, 3.0], np.inf) == 0)
    for name in ("tanh_overlap", "tanh_overlap_growth", "tanh_slope_overlap"):
        distance = tensor([0, 0.3, 1])
        assert_allclose(
            getattr(logistic_torch, name)(np.inf, distance), getattr(logistic_numpy, name)(np.inf, distance)
        )
    assert_allclose(1e300 * tanh_slope_overlap(1e300, 0.3), 2 / np.pi / np.sqrt(0.3), EXACT)
    assert_allclose(tanh_mean(np.inf, 2.0), 1, EXACT)


def test_one_point_is_as_good_as_many() -> None:
    """Equal inputs stay equal to the last bit, whatever else is in the arrays."""
    variance, r = VARIANCES[:, None], np.linspace(-1, 1, 41)
    table = tanh_overlap(variance, r)
    assert np.all(table[:, -1] == tanh_overlap(VARIANCES, 1))
    assert table[7, 13] == tanh_overlap(variance[7, 0], r[13])


def test_shapes_types_and_nans() -> None:
    single = np.array([0.3, 0.9], dtype=np.float32)
    assert tanh_overlap(single, 1).dtype == np.float32
    assert tanh_difference(2, 0, 1).dtype == np.float64
    assert np.ndim(tanh_overlap(1, 1)) == 0
    assert tanh_slope_overlap(np.ones((2, 1)), np.zeros(3)).shape == (2, 3)
    assert tanh_overlap([], 1).shape == (0,)
    assert np.isnan(tanh_overlap([np.nan, 1.0], 0.5)).tolist() == [True, False]
    assert tanh_overlap(1, np.nextafter(1, 2)) == tanh_overlap(1, 1)
    assert tanh_slope_overlap(1, -2e-16) == tanh_slope_overlap(1, 0)


@pytest.mark.parametrize("module", [logistic_numpy, logistic_torch], ids=["numpy", "torch"])
def test_domain_errors_name_the_value(module: object) -> None:
    with pytest.raises(ValueError, match=r"variance -1.0 is negative"):
        module.tanh_overlap(-1.0, 0.5)
    with pytest.raises(ValueError, match=r"variance -1.0 is negative"):
        module.tanh_overlap(torch.tensor([2.0, -1.0], dtype=torch.float64), 0.5)
    with pytest.raises(ValueError, match=r"variance -1.0 is negative"):
        module.tanh_mean(0.5, -1.0)
    with pytest.raises(ValueError, match=r"magnitude 1.5"):
        module.tanh_overlap(1.0, 1.5)
    with pytest.raises(ValueError, match=r"-0.5 .*\[0, 1\]"):
        module.tanh_slope_overlap(1.0, -0.5)
    with pytest.raises(ValueError, match=r"2.5.*\[0, 2\]"):
        module.tanh_difference(1.0, 0.0, 2.5)


# Derivatives

ARGUMENTS = {
    "TanhMean": ("0.4", "1.7"),
    "TanhOverlap": ("1.7", "0.6"),
    "TanhSlopeOverlap": ("1.7", "0.6"),
    "TanhOverlapGrowth": (None, "0.6"),
    "TanhDifference": ("1.7", "0.3", "0.9"),
}
STATE = ("1.7", "0.4", "0.9")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_stated_derivatives(name: str) -> None:
    symbols = sp.symbols("x:3", positive=True)[: len(ARGUMENTS[name])]
    state = dict(zip(symbols, map(sp.Rational, STATE), strict=False))
    node = getattr(logistic, name)(*symbols)
    for index, symbol in enumerate(symbols):
        if ARGUMENTS[name][index] is not None:
            with mp.workdps(16):
                at = [mp.mpf(text) for text in STATE[: len(symbols)]]
                order = tuple(int(k == index) for k in range(len(symbols)))
                expected = mp.diff(FUNCTIONS[name], tuple(at), order)
            assert abs(node.diff(symbol).subs(state).evalf(15) / sp.Float(expected, 15) - 1) < 1e-11


def test_derivatives_in_the_mean() -> None:
    x, variance = sp.symbols("x variance", positive=True)
    state = {x: sp.Rational(2, 5), variance: sp.Rational(17, 10)}
    for order in (1, 2, 3):
        stated = TanhMean(x, variance).diff(x, order)
        assert stated == TanhMean(x, variance, order)
        assert_allclose(tanh_mean(0.4, 1.7, order), float(stated.subs(state).evalf(20)), 1e-14)
        by_definition = expectation(TANH.diff(u, order), *state.values()).evalf(20)
        assert abs(stated.subs(state).evalf(20) - by_definition) < 1e-18


@pytest.mark.parametrize("name", POINTS)
def test_torch_equals_numpy(name: str) -> None:
    arguments = points(name, 3000, seed=3)
    arguments[0][:3] = 0, 1, 1e100
    got = getattr(logistic_torch, snake(name))(*map(tensor, arguments)).numpy()
    assert_allclose(got, getattr(logistic_numpy, snake(name))(*arguments), EXACT)


def test_torch_means_and_types() -> None:
    mean, variance = np.linspace(-5, 5, 21)[:, None], np.array([0, 0.3, 20.0, np.inf])
    for order in range(4):
        got = logistic_torch.tanh_mean(tensor(mean), tensor(variance), order).numpy()
        assert_allclose(got, tanh_mean(mean, variance, order), 1e-13, 1e-15)
    single = torch.tensor([0.5, 1.0], dtype=torch.float32)
    assert logistic_torch.tanh_overlap(single, single).dtype == torch.float32
    assert logistic_torch.tanh_slope_overlap(2.0, 0.1).dtype == torch.float64
    above = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    assert logistic_torch.tanh_slope_overlap(single, 1 - above).shape == (2,)


@pytest.mark.parametrize("name", ["tanh_mean", *map(snake, POINTS)])
def test_gradients_and_second_derivatives(name: str) -> None:
    state = [[0.3, 1.0, 20.0], [0.3, 0.5, 0.8], [0.2, 1.1, 0.6]]
    count = 3 if name == "tanh_difference" else 2
    live = [tensor(values, True) for values in state[:count]]
    function = getattr(logistic_torch, name)
    assert torch.autograd.gradcheck(function, live, rtol=1e-6)
    assert torch.autograd.gradgradcheck(function, live, rtol=1e-5)


def test_gradients_at_the_ends() -> None:
    """Price's theorem at equal inputs, at vanishing and at infinite variance; no gradient is undefined."""
    grid = np.meshgrid([0, 1e-12, 1.0, 1e12], [-1, 0, 1 - 1e-12, 1], indexing="ij")
    v, r = (tensor(axis, True) for axis in grid)
    in_v, in_r = torch.autograd.grad(logistic_torch.tanh_overlap(v, r).sum(), (v, r))
    apart = (1 - grid[1]) * (1 + grid[1])
    assert_allclose(in_v.numpy(), tanh_overlap_growth(*grid), 1e-12)
    assert_allclose(in_r.numpy(), grid[0] * tanh_slope_overlap(grid[0], apart), 1e-12)
    v, drop = tensor([0.0, 1.0, 1e12, np.inf], True), tensor([0.0, 0.0, 0.0, 0.0], True)
    difference = logistic_torch.tanh_difference(v, 0.0, drop)
    (in_drop,) = torch.autograd.grad(difference.sum(), drop, create_graph=True)
    known = v.detach().numpy()[:3]
    assert_allclose(in_drop.detach().numpy()[:3], known * tanh_slope_overlap(known, 0), EXACT)
    (bend,) = torch.autograd.grad(in_drop[:3].sum(), drop)
    assert_allclose(bend.numpy()[:3], -(known**2) * tanh_curvature_overlap(known, 0), 1e-12)
    infinite = tensor(np.inf, True)
    for function in (logistic_torch.tanh_slope_overlap, logistic_torch.tanh_overlap):
        for end in (0.0, 0.3, 1.0):
            assert torch.autograd.grad(function(infinite, end), infinite)[0] == 0


# Rules

CENTRED = {
    "tanh^2": TANH**2,
    "tanh'^2": SLOPE**2,
    "tanh''^2": TANH.diff(u, 2) ** 2,
    "(tanh^2)''": (TANH**2).diff(u, 2),
    "5 - 5 tanh^2": 5 - 5 * TANH**2,
    "tanh^2 + u^2": TANH**2 + u**2,
}
SINGLE = {"tanh": TANH, "tanh'": SLOPE, "tanh''": TANH.diff(u, 2), "Bernoulli": (1 + TANH) / 2}
PAIRS = {
    "tanh": (TANH, TANH),
    "scaled": (sp.tanh(3 * u), sp.tanh(-3 * u)),
    "tanh'": (SLOPE, SLOPE),
    "tanh''": (TANH.diff(u, 2), TANH.diff(u, 2)),
}
AT = {hbar: sp.Rational(-3, 10), Sigma: sp.Rational(7, 10), q: sp.Rational(6, 5), c: sp.Rational(-4, 5)}


def is_closed_and_right(node: GaussianExpectation, digits: int) -> bool:
    closed, reference = node.doit(), node.subs(AT).evalf(digits)
    return not closed.has(GaussianExpectation) and abs(closed.subs(AT).evalf(digits) / reference - 1) < 10 ** (
        2 - digits
    )


@pytest.mark.parametrize("integrand", CENTRED.values(), ids=CENTRED)
def test_rules_at_mean_0(integrand: sp.Expr) -> None:
    assert is_closed_and_right(expectation(integrand, 0, Sigma), 20)


@pytest.mark.parametrize("integrand", SINGLE.values(), ids=SINGLE)
def test_rules_at_any_mean(integrand: sp.Expr) -> None:
    assert is_closed_and_right(expectation(integrand.subs(u, 2 * u - 1), hbar, Sigma), 20)


@pytest.mark.parametrize("factors", PAIRS.values(), ids=PAIRS)
def test_rules_of_pairs(factors: tuple[sp.Expr, sp.Expr]) -> None:
    assert is_closed_and_right(pair_expectation(*factors, q, c * q), 10)


@pytest.mark.parametrize(
    "node",
    [
        expectation(TANH**2, hbar, Sigma),
        expectation(TANH**4, 0, Sigma),
        expectation(TANH * sp.tanh(2 * u), 0, Sigma),
        expectation(sp.tanh(u**2), 0, Sigma),
        pair_expectation(TANH, sp.tanh(2 * u), q, c * q),
        pair_expectation(TANH, TANH**2, q, c * q),
        GaussianExpectation(TANH * TANH.subs(u, sp.Symbol("v", real=True)), (0, hbar), (q, c * q, q)),
    ],
    ids=str,
)
def test_what_no_rule_closes_stays_open(node: GaussianExpectation) -> None:
    assert node.doit().has(GaussianExpectation)


def test_price_follows_the_closed_form() -> None:
    node = pair_expectation(TANH, TANH, q, c * q)
    apart = (1 - c) * (1 + c)
    assert node.doit() == TanhOverlap(q, c)
    assert evaluate_all(node.diff(c)) == q * TanhSlopeOverlap(q, apart)
    assert sp.simplify(node.doit().diff(c, 2) - evaluate_all(node.diff(c, 2))) == 0
    assert evaluate_all(expectation(TANH**2, 0, q).diff(q)) == TanhOverlap(q, 1).diff(q)


def test_a_logistic_marginal_has_the_overlap_of_its_total_variance() -> None:
    psi = expectation(TANH, u, D)
    assert psi.doit() == TanhMean(u, D)
    assert evaluate_all(pair_expectation(psi, psi, Q, Q_ab)) == TanhOverlap(D + Q, Q_ab / (D + Q))


ROWS = [compose(name) for name in ("continuous", "lrt", "shayer", "stochastic-binary")]
ROWS += [compose("deterministic", noise="logistic:0.5"), compose("moment-matching", neurons="tanh")]


@pytest.mark.parametrize("surrogate", ROWS, ids=lambda surrogate: surrogate.name)
def test_maps_of_tanh_neurons_are_closed(surrogate: object) -> None:
    maps = derive(surrogate).maps
    formulas = (maps.variance_map, maps.variance_slope, maps.correlation_map, maps.chi, maps.replica_map)
    assert not any(formula.closed.has(GaussianExpectation) for formula in formulas)


def test_special_values_and_text() -> None:
    assert TanhOverlap(q, -c) == -TanhOverlap(q, c)
    assert (TanhOverlap(q, 0), TanhOverlap(0, c), TanhSlopeOverlap(0, c), TanhDifference(q, c, 0)) == (0, 0, 1, 0)
    assert TanhOverlap(sp.oo, c) == 2 * sp.asin(c) / sp.pi
    assert TanhMean(-hbar, Sigma, 1) == TanhMean(hbar, Sigma, 1)
    assert TanhMean(-hbar, Sigma) == -TanhMean(hbar, Sigma)
    assert str(expectation(TANH**2, 0, q).doit()) == "TanhOverlap(q, 1)"
    assert TanhOverlap(q, 1).evalf() == TanhOverlap(q, 1)


def test_differences_keep_their_digits_at_any_precision() -> None:
    rest, drop = sp.Rational(1, 10**250), sp.Rational(3, 10**250)
    value = TanhDifference(sp.Rational(5, 2), rest, drop).evalf(30)
    slope = TanhSlopeOverlap(sp.Rational(5, 2), 0).evalf(30)
    assert abs(value / (sp.Rational(15, 2) / 10**250 * slope) - 1) < 1e-29
    exact = TanhOverlap(10**12, 1 - sp.Rational(1, 10**9)).evalf(40)
    assert abs(TanhOverlap(10**12, 1 - sp.Rational(1, 10**9)).evalf(15) / exact - 1) < 1e-14
