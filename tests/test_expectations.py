"""Bounds that cover: Gaussian expectations against closed forms in ball arithmetic."""

import numpy as np
import pytest
import sympy as sp
from flint import acb, arb, ctx
from numpy.testing import assert_allclose
from scipy import special

from meanbits.numerics.emission.error_bounds import integrate, logarithmic_sums
from meanbits.numerics.emission.expectations import difference, expectation, pair_expectation, rule_error
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_pair
from meanbits.theory.gaussian.expectation import expectation as mean_node
from meanbits.theory.gaussian.expectation import pair_expectation as pair_node
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import u as field

PRECISION = 240


def relu(u):
    return np.maximum(u, 0)


def leaky(u):
    return 0.55 * u + 0.45 * np.abs(u)


def hard_tanh(u):
    return np.clip(u, -1, 1)


STEPS = ((0.7, -1.3), (1.0, 0.4), (0.2, 25.0))


def staircase(u):
    return sum(height * np.sign(u - place) for height, place in STEPS)


def kinked_staircase(u):
    return hard_tanh(u) + staircase(u)


# Closed forms in balls: mean m, variance v, correlation c


def normal_cdf(x):
    return (-x / arb(2).sqrt()).erfc() / 2


def mean_of_sign(m, v, place=0.0):
    return arb(0) if v == 0 and m == place else ((arb(m) - arb(place)) / (2 * arb(v)).sqrt()).erf()


def mean_of_relu(m, v, place=0.0):
    m, sigma = arb(m) - arb(place), arb(v).sqrt()
    return m * normal_cdf(m / sigma) + sigma * (-m * m / (2 * arb(v))).exp() / (2 * arb.pi()).sqrt()


def mean_of_hard_tanh(m, v):
    return mean_of_relu(m, v, -1.0) - mean_of_relu(m, v, 1.0) - 1


def mean_of_staircase(m, v):
    return sum((arb(height) * mean_of_sign(m, v, place) for height, place in STEPS), arb(0))


def mean_of_exponential(m, v):
    """E exp(-|u|) by erfcx, that is by Tricomi's U, for |m| < v or v small."""
    m, v = arb(m), arb(v)

    def scaled_erfc(x):
        if x < 1:
            return (x * x).exp() * x.erfc()
        return (x * x).hypgeom_u(arb(0.5), arb(0.5)) / arb.pi().sqrt()

    total = sum((scaled_erfc((v + side * m) / (2 * v).sqrt()) for side in (1, -1)), arb(0))
    return (-m * m / (2 * v)).exp() * total / 2


MEANS = {
    "erf": (special.erf, (), lambda m, v: (arb(m) / (1 + 2 * arb(v)).sqrt()).erf()),
    "sign": (np.sign, (0.0,), mean_of_sign),
    "relu": (relu, (0.0,), mean_of_relu),
    "leaky relu": (leaky, (0.0,), lambda m, v: arb(0.55) * arb(m) + arb(0.45) * (2 * mean_of_relu(m, v) - arb(m))),
    "exp(-|u|)": (lambda u: np.exp(-np.abs(u)), (0.0,), mean_of_exponential),
    "sin": (np.sin, (), lambda m, v: arb(m).sin() * (-arb(v) / 2).exp()),
    "hard tanh": (hard_tanh, (-1.0, 1.0), mean_of_hard_tanh),
    "kinked staircase": (
        kinked_staircase,
        (-1.0, 1.0, *(place for _, place in STEPS)),
        lambda m, v: mean_of_hard_tanh(m, v) + mean_of_staircase(m, v),
    ),
}


def arcsine(x):
    return 2 / arb.pi() * x.asin()


def cosine(c):
    return ((1 - arb(c)) * (1 + arb(c))).sqrt()


def pair_of_relu(v, c):
    return arb(v) * (cosine(c) + (arb.pi() / 2 + arb(c).asin()) * arb(c)) / (2 * arb.pi())


def pair_of_leaky(v, c):
    even = 2 / arb.pi() * (cosine(c) + arb(c) * arb(c).asin())
    return arb(v) * (arb(0.55) ** 2 * arb(c) + arb(0.45) ** 2 * even)


def pair_of_sin(v, c):
    v, c = arb(v), arb(c)
    return ((-v * (1 - c)).exp() - (-v * (1 + c)).exp()) / 2


def angle_integral(integrand, c):
    """The integral of integrand(w) over the angles w from acos(c) to pi/2, 0 < c < 1, on a logarithmic scale."""
    start = 2 * ((1 - arb(c)) / 2).sqrt().asin()
    return acb.integral(lambda t, _: integrand(t.exp()) * t.exp(), start.log(), (arb.pi() / 2).log()).real


def pair_of_steps(v, c, first, second):
    """E sign(u - first) sign(v - second), by Plackett's integral over the correlation cos w."""
    if c < 0:
        return -pair_of_steps(v, -c, first, -second)
    h, k = arb(first) / arb(v).sqrt(), arb(second) / arb(v).sqrt()
    apart, together = (h - k) * (h - k), h * k
    if c == 1:
        return 1 - abs(normal_cdf(h) - normal_cdf(k)) * 2

    def density(w):
        half, sine = (w / 2).sin(), w.sin()
        return (-(apart + 4 * together * half * half) / (2 * sine * sine)).exp()

    independent = (1 - 2 * normal_cdf(h)) * (1 - 2 * normal_cdf(k))
    return independent + 2 / arb.pi() * angle_integral(density, c)


def pair_of_staircase(v, c):
    return sum((arb(a) * arb(b) * pair_of_steps(v, c, p, q) for a, p in STEPS for b, q in STEPS), arb(0))


def pair_of_hard_tanh(v, c):
    """v times the box probability integrated over the correlation cos w, by parts."""
    if c < 0:
        return -pair_of_hard_tanh(v, -c)
    a = 1 / arb(v).sqrt()
    inside = (a / arb(2).sqrt()).erf()
    if c == 1:
        return arb(v) * (inside - 2 * a * (-a * a / 2).exp() / (2 * arb.pi()).sqrt()) + (a / arb(2).sqrt()).erfc()

    def second(w):
        near, far = 2 * (w / 2).sin() ** 2, 2 * (w / 2).cos() ** 2
        return (near - 1 + arb(c)) * ((-a * a / far).exp() - (-a * a / near).exp())

    return arb(v) * (arb(c) * inside**2 + angle_integral(second, c) / arb.pi())


PAIRS = {
    "erf": (special.erf, special.erf, (0.0,), lambda v, c: arcsine(2 * arb(v) * arb(c) / (1 + 2 * arb(v)))),
    "sign": (np.sign, np.sign, (0.0,), lambda v, c: arcsine(arb(c))),
    "erf, sign": (special.erf, np.sign, (0.0,), lambda v, c: arcsine(arb(c) * (arb(v) / (arb(v) + arb(0.5))).sqrt())),
    "relu": (relu, relu, (0.0,), pair_of_relu),
    "leaky relu": (leaky, leaky, (0.0,), pair_of_leaky),
    "relu, sign": (relu, np.sign, (0.0,), lambda v, c: arb(c) * (arb(v) / (2 * arb.pi())).sqrt()),
    "sin": (np.sin, np.sin, (0.0,), pair_of_sin),
}
KNOTTED = {
    "hard tanh": (hard_tanh, hard_tanh, (-1.0, 1.0), pair_of_hard_tanh),
    "staircase": (staircase, staircase, tuple(place for _, place in STEPS), pair_of_staircase),
}


@pytest.fixture(autouse=True)
def many_bits():
    before, ctx.prec = ctx.prec, PRECISION
    yield
    ctx.prec = before


def random_variances(rng, count):
    return 10 ** rng.uniform(-12, 12, count)


def random_correlations(rng, count):
    """Uniform, near +-1 to the last ulp, at +-1, and near 0."""
    c, kind = rng.uniform(-1, 1, count), rng.uniform(size=count)
    c = np.where(kind < 0.3, np.sign(c) * (1 - 10 ** rng.uniform(-16, 0, count)), c)
    c = np.where((kind > 0.3) & (kind < 0.35), np.sign(c), c)
    return np.where((kind > 0.35) & (kind < 0.45), c * 10 ** rng.uniform(-16, 0, count), c)


def assert_covered(estimate, exact):
    """The bound holds for every ball."""
    assert max(float(ball.rad() / (1 + abs(ball.mid()))) for ball in exact) < 1e-30
    error = np.array([float(abs(arb(value) - ball.mid())) for value, ball in zip(estimate.value, exact, strict=True)])
    assert np.all(error <= estimate.bound)


def ratio(bound, size):
    with np.errstate(over="ignore"):
        return np.divide(bound, size, out=np.full_like(size, np.inf), where=size > 0)


def check_means(name, count, seed):
    """The bounds cover; returns them relative to E |f|."""
    f, knots, exact = MEANS[name]
    rng = np.random.default_rng(seed)
    v, m = random_variances(rng, count), rng.standard_normal(count) * 10 ** rng.uniform(-3, 3, count)
    m[::5] = 0
    estimate = expectation(f, v, mean=m, knots=knots)
    assert_covered(estimate, [exact(mean, variance) for mean, variance in zip(m.tolist(), v.tolist(), strict=True)])
    return ratio(estimate.bound, expectation(lambda u: np.abs(f(u)), v, mean=m, knots=knots).value)


def check_pairs(name, count, seed):
    """The bounds cover; returns them relative to the values, inf where those vanish."""
    f, g, knots, exact = (PAIRS | KNOTTED)[name]
    rng = np.random.default_rng(seed)
    v, c = random_variances(rng, count), random_correlations(rng, count)
    estimate = pair_expectation(f, g, v, c, knots=knots)
    assert_covered(estimate, [exact(variance, rho) for variance, rho in zip(v.tolist(), c.tolist(), strict=True)])
    return ratio(estimate.bound, np.abs(estimate.value))


# Bounds


@pytest.mark.parametrize("name", MEANS)
def test_bounds_cover_means(name):
    relative = check_means(name, 600, 1)
    assert name == "sin" or np.median(relative) < 1e-13


@pytest.mark.parametrize("name", PAIRS)
def test_bounds_cover_pairs(name):
    relative = check_pairs(name, 60 if name == "sin" else 100, 2)
    assert name == "sin" or np.median(relative) < 1e-13


@pytest.mark.parametrize("name", KNOTTED)
def test_bounds_cover_pairs_with_knots(name):
    assert np.median(check_pairs(name, 40, 3)) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", MEANS)
def test_bounds_cover_more_means(name):
    check_means(name, 10_000, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PAIRS, *KNOTTED])
def test_bounds_cover_more_pairs(name):
    check_pairs(name, 2_000 if name in KNOTTED else 10_000, 5)


@pytest.mark.parametrize(("f", "variance"), [(sp.tanh(field), 50), (1 / sp.cosh(field) ** 2, sp.Rational(1, 10**6))])
def test_means_without_closed_form(f, variance):
    exact = mean_node(f, sp.Rational(3, 10), variance).evalf(25)
    estimate = expectation(sp.lambdify(field, f, "numpy"), float(variance), mean=0.3)
    assert abs(estimate.value - float(exact)) <= estimate.bound + 1e-16 <= 1e-13


@pytest.mark.slow
def test_pairs_without_closed_form():
    exact = pair_node(sp.tanh(field), sp.tanh(field), 2, 1).evalf(16)
    for knots in ((0.0,), (1.0,)):
        estimate = pair_expectation(np.tanh, np.tanh, 2.0, 0.5, knots=knots)
        assert abs(estimate.value - float(exact)) <= estimate.bound + 1e-16 <= 1e-13


@pytest.mark.slow
def test_pair_of_a_kinked_staircase():
    f = HardTanh(field) + sum(sp.nsimplify(height) * sp.sign(field - sp.nsimplify(place)) for height, place in STEPS)
    exact = pair_node(f, f, 2, 1).evalf(18)
    knots = (-1.0, 1.0, *(place for _, place in STEPS))
    estimate = pair_expectation(kinked_staircase, kinked_staircase, 2.0, 0.5, knots=knots)
    assert abs(estimate.value - float(exact)) <= estimate.bound <= 1e-12


def test_what_cannot_be_resolved_has_a_wide_bound():
    for knots in ((0.0,), (1.0,)):
        estimate = pair_expectation(np.sin, np.sin, 1e9, [0.3, 1.0], knots=knots)
        assert np.all(np.abs(estimate.value - [0, 0.5]) <= estimate.bound)
        assert np.all(estimate.bound > 0.01)
    jumps = pair_expectation(lambda u: np.sign(u - 0.3), np.sign, 1.0, 0.5)  # a jump that is not declared
    assert abs(jumps.value - float(pair_of_steps(1.0, 0.5, 0.3, 0.0))) <= jumps.bound
    assert jumps.bound > 1e-3


def test_overflow_is_zero_within_infinity():
    for estimate in (
        expectation(np.exp, [1.0, 1e12]),
        pair_expectation(np.exp, np.exp, [1.0 / 3, 1e12], 0.5),
        pair_expectation(np.exp, np.exp, [1.0 / 3, 1e12], 0.5, knots=(1.0,)),
    ):
        assert abs(estimate.value[0] - np.exp(0.5)) <= estimate.bound[0] < 1e-12
        assert (estimate.value[1], estimate.bound[1]) == (0, np.inf)


def test_degenerate_laws():
    assert_allclose(expectation(np.sign, 0, mean=[0, 1, -2]).value, [0, 1, -1], 1e-15)
    for knots in ((0.0,), (-1.0, 1.0)):
        values = pair_expectation(hard_tanh, hard_tanh, [[0.0], [1e-300]], [0, 1, -1], knots=knots).value
        assert_allclose(values, [[0, 0, 0], [0, 1e-300, -1e-300]], 1e-14, 1e-320)
    assert np.all(difference(np.tanh, [[0.0], [1.0]], [[0.0]]).value == 0)
    assert_allclose(difference(np.tanh, 0.0, [0.3, 2]).value, 0)


def test_shapes_and_domains():
    assert np.shape(expectation(np.tanh, np.ones((2, 1)), mean=np.zeros(3)).bound) == (2, 3)
    assert np.ndim(pair_expectation(np.tanh, np.tanh, 1, 0.5).value) == 0
    assert np.shape(difference(np.tanh, np.ones((2, 0)), 0.1).value) == (2, 0)
    assert_allclose(expectation(lambda u: 2.0, 0.3).value, 2, 1e-14)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"variance {bad}"):
            expectation(np.tanh, bad)
    with pytest.raises(ValueError, match=r"magnitude 1.5"):
        pair_expectation(np.tanh, np.tanh, 1.0, 1.5)
    with pytest.raises(ValueError, match=r"gap 2.5"):
        difference(np.tanh, 1.0, 2.5)


def test_panels_are_exact_for_polynomials():
    """A Gauss-Legendre rule of 20 nodes integrates degree 39; the bound is then rounding alone."""
    for degree, moment in ((2, 1), (4, 3), (6, 15), (8, 105)):
        estimate = expectation(lambda u, k=degree: u**k, 4.0)
        assert abs(estimate.value - moment * 2.0**degree) <= estimate.bound < 1e-11 * moment * 2.0**degree
    value, bound = integrate(lambda i, x: (np.ones_like(x), 0 * x), np.array([[-39.0, -2, 0, 1, 5, 39]]), 0.0, 2**10)
    assert abs(value[0] - 1) <= bound[0] < 1e-13


def test_logarithmic_sums_converge_as_in_a_strip():
    """Gaussian shapes are analytic for |arg u| < pi / 4: step h errs by exp(-pi^2 / (2 h)) in log u.

    Trefethen and Weideman 2014, SIAM Review 56, 385, theorem 5.1.
    """
    v, c = np.array([1e6, 1e8]), np.array([0.3, 0.9])
    exact = 2 / np.pi * np.arctan2(2 * v * c, np.sqrt((1 + 2 * v * (1 - c)) * (1 + 2 * v * (1 + c))))
    for step in (1 / 2, 1 / 3, 1 / 4, 1 / 5):
        value, error, noise = logarithmic_sums(special.erf, special.erf, v, c, 1.0, step)
        assert np.all(np.abs(value - exact) <= 30 * np.exp(-(np.pi**2) / (2 * step)))
        assert np.all(np.abs(value - exact) <= error + noise)


# The fixed step of gaussian_pair


INTEGRANDS = {
    "tanh": np.tanh,
    "tanh'": lambda u: np.cosh(np.minimum(np.abs(u), 300)) ** -2,
    "arctan": lambda u: np.arctan(np.pi / 2 * u) * 2 / np.pi,
    "arctan'": lambda u: 1 / (1 + (np.pi / 2 * u) ** 2),
    "laplace": lambda u: -np.sign(u) * np.expm1(-np.abs(u)),
    "laplace'": lambda u: np.exp(-np.abs(u)),
    "erf": special.erf,
    "erf'": lambda u: 2 / np.sqrt(np.pi) * np.exp(-u * u),
    "softplus": lambda u: np.logaddexp(0, u),
    "swish": lambda u: u * special.expit(u),
    "relu": relu,
    "sign": np.sign,
}


@pytest.mark.parametrize("name", INTEGRANDS)
def test_step_one_sixth_does_for_neurons_and_their_slopes(name):
    f, limit = INTEGRANDS[name], 2e-12 if name == "erf'" else 1e-13  # a Gaussian shape is the hardest
    v, c = np.meshgrid([1e-6, 0.3, 40.0, 1e6], [0.0, 0.4, -0.95, 1 - 1e-9, 1.0])
    size = gaussian_pair(lambda u: np.abs(f(u)), lambda u: np.abs(f(u)), v, c)
    assert np.all(rule_error(f, f, v, c) <= limit * size)
    assert np.all(rule_error(f, special.erf, v, 0.4) <= limit * expectation(lambda u: np.abs(f(u)), v).value)


def test_step_one_sixth_does_not_do_for_sines():
    assert rule_error(np.sin, np.sin, 1e4, 0.5) > 1e-3
