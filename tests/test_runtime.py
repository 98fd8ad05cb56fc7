"""The special functions of generated modules: closed forms, limits, 30-digit references, Price's theorem."""

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import torch
from flint import acb, arb, ctx
from numpy.testing import assert_allclose
from scipy import special

from meanbits.numerics.emission.runtime import (
    clipped_numpy,
    clipped_torch,
    elementwise_numpy,
    elementwise_torch,
    gaussian_numpy,
    gaussian_torch,
    quadrature_numpy,
    quadrature_torch,
)
from meanbits.numerics.emission.runtime.clipped_numpy import box_apart, box_probability, clip_covariance
from meanbits.numerics.emission.runtime.elementwise_numpy import exp_erfc
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_mean, gaussian_pair

VARIANCES = 10.0 ** np.arange(-12, 7, 2)
CORRELATIONS = np.array([0, 1e-10, 1e-3, 0.3, -0.7, 0.95, -0.9999, 1 - 1e-9, 1e-12 - 1, 1, -1])
V, C = np.meshgrid(VARIANCES, CORRELATIONS, indexing="ij")
EXACT = 1e-14  # a few ulp: the sums have positive terms only
QUADRATURE = 1e-12  # what step 1/6 leaves for the hardest integrands, those of a Gaussian shape in u


def laplace(u):
    return -np.sign(u) * np.expm1(-np.abs(u))


def sech2(u):
    return np.cosh(np.minimum(np.abs(u), 300.0)) ** -2


def swish(u):
    return u * special.expit(u)


NUMPY = {
    "tanh": np.tanh,
    "tanh'": sech2,
    "arctan": lambda u: np.arctan(np.pi / 2 * u) * 2 / np.pi,
    "laplace": laplace,
    "laplace'": lambda u: np.exp(-np.abs(u)),
    "tanh(100u)": lambda u: np.tanh(100 * u),
    "swish": swish,
    "softplus": lambda u: np.logaddexp(0, u),
}
ARB = {  # at u of one sign, where they are analytic
    "tanh": lambda u, sign: u.tanh(),
    "tanh'": lambda u, sign: u.sech() ** 2,
    "arctan": lambda u, sign: (acb.pi() / 2 * u).atan() * 2 / acb.pi(),
    "laplace": lambda u, sign: -sign * (-sign * u).expm1(),
    "laplace'": lambda u, sign: (-sign * u).exp(),
    "tanh(100u)": lambda u, sign: (100 * u).tanh(),
    "swish": lambda u, sign: u / (1 + (-u).exp()),
    "softplus": lambda u, sign: (1 + (-sign * u).exp()).log() + (u if sign > 0 else 0),
}
TORCH = {
    "tanh": torch.tanh,
    "arctan": lambda u: torch.atan(np.pi / 2 * u) * 2 / np.pi,
    "laplace": lambda u: -torch.sign(u) * torch.expm1(-torch.abs(u)),
    "swish": lambda u: u * torch.sigmoid(u),
}


def gaussian_integral(f, mean, variance):
    """E f(u, sign of u) in balls of 30 digits, panels cut at 0, at the scales of f and at those of the Gaussian."""
    m, s = arb(float(mean)), arb(float(variance)).sqrt()
    near_zero = [sign * arb(10) ** k for k in (-3, -2, -1, 0, 1) for sign in (-1, 1)]
    cuts = sorted([arb(0), *near_zero, *(m + s * k for k in (-14, -6, -3, -1, 1, 3, 6, 14))], key=float)
    cuts, total = [cut for cut in cuts if abs(cut - m) < 14.5 * s], arb(0)
    for low, high in pairwise(cuts):
        sign = 1 if low >= 0 else -1
        density = lambda u, _, sign=sign: f(u, sign) * (-(((u - m) / s) ** 2) / 2).exp()  # noqa: E731
        total += acb.integral(density, low, high).real
    total /= s * (2 * arb.pi()).sqrt()
    assert float(total.rad()) < 1e-25
    return float(total)


def tensor(values, grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


# gaussian_mean


@pytest.mark.parametrize("mean", [0, 1e-8, 0.3, -4.0, 30.0, 1e3])
def test_mean_of_erf(mean):
    variances = np.concatenate([[0], 10.0 ** np.arange(-12, 9)])
    assert_allclose(gaussian_mean(special.erf, mean, variances), special.erf(mean / np.sqrt(1 + 2 * variances)), EXACT)


def test_mean_of_step_and_of_a_kink():
    means, variances = np.array([0, 1e-12, 0.3, -5])[:, None], 10.0 ** np.arange(-4, 9)
    assert_allclose(gaussian_mean(np.sign, means, variances), special.erf(means / np.sqrt(2 * variances)), EXACT)
    expected = special.erfcx(np.sqrt(variances / 2))
    assert_allclose(gaussian_mean(NUMPY["laplace'"], 0, variances), expected, EXACT)


@pytest.mark.parametrize("name", ["tanh", "tanh'", "laplace", "swish"])
def test_mean_against_arb(name):
    with ctx.workdps(30):
        for mean, variance in ((0.2, 1e-4), (-1.5, 0.7), (0.1, 30.0), (4.0, 1e4)):
            expected = gaussian_integral(ARB[name], mean, variance)
            assert_allclose(gaussian_mean(NUMPY[name], mean, variance), expected, EXACT)


@pytest.mark.parametrize("name", NUMPY)
def test_mean_at_variance_zero_is_the_value(name):
    means = np.array([-3, -0.1, 0, 1e-9, 2])
    assert_allclose(gaussian_mean(NUMPY[name], means, 0), NUMPY[name](means), EXACT)


def test_second_moment_is_the_variance_as_it_vanishes():
    variances = 10.0 ** np.arange(-12, -8)
    assert_allclose(gaussian_mean(lambda u: np.tanh(u) ** 2, 0, variances), variances, 2 * variances[-1])


@pytest.mark.parametrize("width", [1e-9, 1e-3, 1e3])
def test_scale_makes_results_depend_on_ratios(width):
    def stretched(u):
        return np.tanh(u / width)

    mean, variance = np.array([0.0, 0.5, -30]), np.array([1.0, 0.01, 1e4])
    scaled = gaussian_mean(stretched, mean * width, variance * width**2, scale=width)
    assert_allclose(scaled, gaussian_mean(np.tanh, mean, variance), EXACT)
    scaled = gaussian_pair(stretched, stretched, variance * width**2, 0.3, scale=width)
    assert_allclose(scaled, gaussian_pair(np.tanh, np.tanh, variance, 0.3), EXACT)


# gaussian_pair


@pytest.mark.parametrize("k", [1, 100])
def test_arcsine_law(k):
    a = 2 * k * k * V
    expected = 2 / np.pi * np.arctan2(a * C, np.sqrt((1 + a * (1 - C)) * (1 + a * (1 + C))))
    assert_allclose(gaussian_pair(lambda u: special.erf(k * u), lambda u: special.erf(k * u), V, C), expected, 1e-13)


def test_gaussian_profiles():
    expected = 1 / np.sqrt((1 + 2 * V * (1 - C)) * (1 + 2 * V * (1 + C)))
    assert_allclose(gaussian_pair(lambda u: np.exp(-u * u), lambda u: np.exp(-u * u), V, C), expected, QUADRATURE)


def test_sign_has_the_same_law_at_any_variance():
    expected = 2 / np.pi * np.arctan2(C, np.sqrt((1 - C) * (1 + C)))
    assert_allclose(gaussian_pair(np.sign, np.sign, V, C), expected, EXACT)


def test_arc_cosine_kernel():
    """E relu relu, Cho and Saul 2009, eq. 3; it vanishes like (1 + c)^1.5, and a cancelling sum would not."""
    with mp.workdps(40):
        angles = [mp.pi - mp.acos(mp.mpf(float(c))) for c in CORRELATIONS]
        kernel = np.array([float((mp.sin(t) - t * mp.cos(t)) / (2 * mp.pi)) for t in angles])
    relu = gaussian_pair(lambda u: np.maximum(u, 0), lambda u: np.maximum(u, 0), V, C)
    assert_allclose(relu, V * kernel, 1e-11)


@pytest.mark.parametrize("name", NUMPY)
def test_pair_against_arb(name):
    """With f = erf one integral is closed: E(erf(u) | v) = erf(c v / sqrt(1 + 2 variance (1 - c^2)))."""
    with ctx.workdps(30):
        for variance, c in ((1e-3, 0.4), (50.0, 1e-3), (1e4, -0.999)):
            slope = arb(c) / (1 + 2 * arb(variance) * (1 - arb(c)) * (1 + arb(c))).sqrt()
            expected = gaussian_integral(lambda v, sign, s=slope: ARB[name](v, sign) * (s * v).erf(), 0, variance)
            value = gaussian_pair(special.erf, NUMPY[name], variance, c)
            size = gaussian_pair(lambda u: np.abs(special.erf(u)), lambda u: np.abs(NUMPY[name](u)), variance, c)
            assert abs(value - expected) <= EXACT * size


@pytest.mark.parametrize("name", NUMPY)
def test_full_correlation_is_a_mean(name):
    f = NUMPY[name]
    assert_allclose(gaussian_pair(f, f, VARIANCES, 1), gaussian_mean(lambda u: f(u) ** 2, 0, VARIANCES), EXACT)
    opposite = gaussian_mean(lambda u: f(u) * f(-u), 0, VARIANCES)
    assert_allclose(gaussian_pair(f, f, VARIANCES, -1), opposite, EXACT)


@pytest.mark.parametrize("name", NUMPY)
def test_correlations_near_one_join_continuously(name):
    """The two foldings meet at 1 - |c| = (3 / sharpness)^2; E f f is smooth there."""
    f, variance = NUMPY[name], 4.0
    edge = 1 - (3 / 200) ** 2
    inside, outside = (gaussian_pair(f, f, variance, edge + shift) for shift in (-1e-15, 1e-15))
    assert_allclose(inside, outside, 1e-13)


def test_independent_fields_factorise():
    f, g = NUMPY["softplus"], NUMPY["laplace'"]
    product = gaussian_mean(f, 0, VARIANCES) * gaussian_mean(g, 0, VARIANCES)
    assert_allclose(gaussian_pair(f, g, VARIANCES, 0), product, EXACT)
    assert np.all(gaussian_pair(np.tanh, laplace, VARIANCES, 0) == 0)


def test_odd_functions_keep_their_digits_as_correlation_vanishes():
    for c in (1e-10, -1e-100):
        slope = VARIANCES * gaussian_mean(sech2, 0, VARIANCES) ** 2
        assert_allclose(gaussian_pair(np.tanh, np.tanh, VARIANCES, c) / c, slope, EXACT)


def test_mixed_parity_splits():
    """swish = u / 2 + even part, so E swish swish = c variance / 4 + E even even."""

    def even(u):
        return u / 2 * np.tanh(u / 2)

    whole, size = gaussian_pair(swish, swish, V, C), gaussian_pair(swish, swish, V, 1)
    assert_allclose(whole / size, (C * V / 4 + gaussian_pair(even, even, V, C)) / size, atol=EXACT, rtol=0)


def test_limits_of_the_variance():
    assert_allclose(gaussian_pair(np.tanh, np.tanh, 1e-12, C) / 1e-12, C, 3e-12)
    assert_allclose(gaussian_pair(swish, NUMPY["softplus"], 0, C), 0, atol=0)
    assert_allclose(gaussian_pair(np.cos, np.cosh, 0, C), 1, EXACT)
    law = 2 / np.pi * np.arcsin(0.6)
    assert_allclose(gaussian_pair(laplace, laplace, 10.0 ** np.arange(4, 14, 3), 0.6), law, 3e-2)


def test_order_and_pairing_do_not_matter():
    f, g = NUMPY["swish"], NUMPY["laplace"]
    assert_allclose(gaussian_pair(f, g, V, C), gaussian_pair(g, f, V, C), EXACT)
    assert_allclose(gaussian_pair(g, lambda u: laplace(u), V, C), gaussian_pair(g, g, V, C), EXACT)


def test_parameters_broadcast_with_the_points():
    k = np.array([0.5, 1, 20])
    together = gaussian_pair(lambda u, k: np.tanh(k * u), lambda u, k: np.exp(-k * u * u), 2.0, [[0.3], [0.7]], k)
    for j, value in enumerate(k):
        alone = gaussian_pair(lambda u, k=value: np.tanh(k * u), lambda u, k=value: np.exp(-k * u * u), 2.0, [0.3, 0.7])
        assert_allclose(together[:, j], alone, atol=1e-16)


def test_shapes_nans_and_rounding():
    assert gaussian_pair(np.tanh, np.tanh, np.ones((2, 1)), np.zeros(3)).shape == (2, 3)
    assert np.ndim(gaussian_mean(np.tanh, 0.1, 1)) == 0
    assert gaussian_mean(np.tanh, [], 1).shape == (0,)
    assert np.isnan(gaussian_pair(np.tanh, np.tanh, [np.nan, 1], 0.5)).tolist() == [True, False]
    ulp = np.nextafter(1, 2)
    assert gaussian_pair(np.tanh, np.tanh, 1, ulp) == gaussian_pair(np.tanh, np.tanh, 1, 1)


def test_constants_are_functions():
    assert_allclose(gaussian_pair(np.cosh, lambda u: 2.0, 0.3, 0.5), 2 * np.exp(0.15), 1e-12)
    assert_allclose(gaussian_mean(lambda u: 2.0, 0.3, [0, 0.5]), 2, EXACT)


@pytest.mark.parametrize(
    ("gaussian", "clipped", "f"),
    [(gaussian_numpy, clipped_numpy, np.tanh), (gaussian_torch, clipped_torch, torch.tanh)],
    ids=["numpy", "torch"],
)
def test_domain_errors_name_the_value(gaussian, clipped, f):
    with pytest.raises(ValueError, match=r"variance -1.0 is negative"):
        gaussian.gaussian_mean(f, 0.0, -1.0)
    with pytest.raises(ValueError, match=r"variance -1.0 is negative"):
        gaussian.gaussian_pair(f, f, -1.0, 0.0)
    with pytest.raises(ValueError, match=r"magnitude 1.5"):
        gaussian.gaussian_pair(f, f, 1.0, 1.5)
    with pytest.raises(ValueError, match=r"a = -2.0 is negative"):
        clipped.box_probability(-2.0, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMPY)
def test_finer_grid_changes_nothing(name, monkeypatch):
    variances, correlations = np.meshgrid(10.0 ** np.arange(-12, 6.1, 0.75), np.tanh(np.linspace(-15, 15, 31)))
    f = NUMPY[name]
    coarse = gaussian_pair(f, f, variances, correlations)
    size = gaussian_pair(lambda u: np.abs(f(u)), lambda u: np.abs(f(u)), variances, correlations)

    def finer(sharpness, bend, reach):
        step, onset = 0.09, -np.log(10 * bend * sharpness)
        s = step * np.arange(np.floor((onset - 3.8) / step), np.ceil(np.log(np.expm1(reach / bend)) / step) + 1)
        t = s - np.exp(onset - s)
        return bend * np.log1p(np.exp(t)), bend * step * special.expit(t) * (1 + np.exp(onset - s))

    monkeypatch.setattr(gaussian_numpy, "half_line_rule", finer)
    fine = gaussian_pair(f, f, variances, correlations)
    assert np.all(np.abs(fine - coarse) <= 3e-12 * size)


# clipped normals, exp erfc


def corner_reference(a, rho):
    """box_probability and clip_covariance at 30 digits, from Plackett's integral in the angle."""
    a, r = mp.mpf(a), abs(mp.mpf(rho))
    start, stop = mp.acos(r), mp.pi / 2
    cuts = {start, stop, *(a * mp.mpf(10) ** (k / mp.mpf(2)) for k in range(-3, 16)), mp.mpf(1)}
    panels = sorted(cut for cut in cuts if start <= cut <= stop)

    def density(t):
        return -mp.exp(-a * a / (1 + mp.cos(t))) * mp.expm1(-2 * a * a * mp.cos(t) / mp.sin(t) ** 2) / mp.pi

    inside = mp.erf(a / mp.sqrt(2)) ** 2
    second = mp.quad(lambda t: 2 * mp.sin((t + start) / 2) * mp.sin((t - start) / 2) * density(t), panels)
    return float(inside + mp.quad(density, panels)), float(mp.sign(rho) * (r * inside + second))


def test_clipped_normals_against_mpmath():
    with mp.workdps(30):
        for a in (1e-6, 1e-2, 1.0, 4.0, 1e6):
            for rho in (1e-8, -0.5, 0.999, 1 - 1e-12, 1.0):
                box, clip = corner_reference(a, rho)
                assert_allclose(box_probability(a, rho), box, 1e-13)
                assert_allclose(clip_covariance(a, rho), clip, 1e-13)


def test_clipped_normals_in_their_limits():
    a, rho = 10.0 ** np.arange(-6, 7), np.array([0.3, -0.8, 1, -1])[:, None]
    assert_allclose(box_probability(a, [[1], [-1]]), np.stack([special.erf(a / np.sqrt(2))] * 2), 1e-13)
    square = gaussian_mean(lambda u: u * u, 0, 1) * special.gammainc(1.5, a * a / 2) + a * a * special.erfc(a / 2**0.5)
    assert_allclose(clip_covariance(a, [[1], [-1]]), [square, -square], 1e-13)
    assert_allclose(clip_covariance(1e3, rho), rho, EXACT)
    assert_allclose(clip_covariance(1e-6, rho) / 1e-12, 2 / np.pi * np.arcsin(rho), 3e-6)
    assert np.all(box_probability(0, rho) == 0)
    assert np.all(clip_covariance(0, rho) == 0)
    assert np.all(clip_covariance(a, 0) == 0)
    assert np.all(clip_covariance(a, rho) == -clip_covariance(a, -rho))


@pytest.mark.parametrize("a", [1e-6, 0.3, 2.0, 40.0])
def test_box_apart_keeps_the_digits_that_a_correlation_loses(a):
    """P(|x| < a, |y| < a) at apart = 1 - rho^2, by the sum and the difference of x and y, which are independent."""
    for apart in (0.0, 1e-200, 1e-20, 1e-8 * a * a, 0.3, 1.0):
        with mp.workdps(40):
            rest = mp.mpf(apart) / (1 + mp.sqrt(1 - mp.mpf(apart)))  # 1 - rho
            wide, narrow = mp.sqrt(2 * (2 - rest)), mp.sqrt(2 * rest)
            inside = lambda d: mp.erf((2 * a - d) / wide / mp.sqrt(2)) * mp.exp(-((d / narrow) ** 2) / 2) / narrow  # noqa: B023, E731
            knots = sorted({mp.mpf(0), *(k * narrow for k in (1, 4, 12) if k * narrow < 2 * a), 2 * mp.mpf(a)})
            value = mp.sqrt(2 / mp.pi) * mp.quad(inside, knots) if rest else mp.erf(a / mp.sqrt(2))
        assert_allclose(box_apart(a, apart), float(value), 1e-13)
        assert_allclose(clipped_torch.box_apart(tensor(a), tensor(apart)).item(), float(value), 1e-13)


def test_exp_erfc_against_mpmath():
    with mp.workdps(40):
        for a, b in ((0, 0), (1, -2), (700, 30), (1e4, 100), (-5, 3), (710, 20), (600, -3), (-1e6, 1)):
            value = mp.exp(a) * mp.erfc(b)
            tolerance = 1e-15 * (4 + abs(a) + b * b)  # an ulp of a or of b^2 moves the product by that
            assert abs(exp_erfc(a, b) - float(value)) <= tolerance * float(value)
    assert exp_erfc(1e6, 1e200) == 0
    assert_allclose(exp_erfc(1e10, 1e5), special.erfcx(1e5), EXACT)


# Torch


def test_node_tables_are_the_same():
    for sharpness in (10.0, 1e5):
        for reference, table in (
            (
                quadrature_numpy.half_line_rule(sharpness, 2.0, 50.0),
                quadrature_torch.half_line_rule(sharpness, 2.0, 50.0),
            ),
            (quadrature_numpy.unit_interval_rule(sharpness), quadrature_torch.unit_interval_rule(sharpness)),
        ):
            for expected, column in zip(reference, table, strict=True):
                assert_allclose(column.numpy(), expected, 1e-13)  # an ulp of t, times its derivative at the left end


@pytest.mark.parametrize("name", TORCH)
def test_torch_agrees_with_numpy(name):
    f, g = NUMPY[name], TORCH[name]
    size = gaussian_pair(lambda u: np.abs(f(u)), lambda u: np.abs(f(u)), V, C)
    difference = gaussian_torch.gaussian_pair(g, g, tensor(V), tensor(C)).numpy() - gaussian_pair(f, f, V, C)
    assert np.all(np.abs(difference) <= 1e-14 * size)
    variances = np.array([0, 1e-6, 1, 1e4])
    for mean in (0, 0.3, -7):
        value = gaussian_torch.gaussian_mean(g, mean, tensor(variances)).numpy()
        assert_allclose(value, gaussian_mean(f, mean, variances), 1e-12)


def test_torch_agrees_with_numpy_on_elementwise_functions():
    u = np.array([-40, -1, -0.3, 0, 1e-9, 0.7, 1, 30])
    for name, given in (("softplus", (u,)), ("damped_sinh", (2 * np.abs(u), u)), ("sech_squared", (u,))):
        expected = getattr(elementwise_numpy, name)(*given)
        assert_allclose(getattr(elementwise_torch, name)(*map(tensor, given)), expected, EXACT)
    with pytest.raises(ValueError, match="no limit of this map is derived at q = 0 or infinity"):
        elementwise_torch.no_limit()


def test_torch_agrees_with_numpy_on_clipped_normals():
    a, rho = 10.0 ** np.arange(-6, 7)[:, None], np.array([1e-8, -0.5, 0.999, 1, -1])
    assert_allclose(clipped_torch.box_probability(tensor(a), tensor(rho)).numpy(), box_probability(a, rho), 1e-13)
    assert_allclose(clipped_torch.clip_covariance(tensor(a), tensor(rho)).numpy(), clip_covariance(a, rho), 1e-13)
    b = np.array([-3, 0, 0.1, 20.0])
    assert_allclose(elementwise_torch.exp_erfc(tensor(b * b), tensor(b)).numpy(), exp_erfc(b * b, b), 1e-13)


def test_dtypes_follow_the_tensors():
    single = torch.tensor([0.5], dtype=torch.float32)
    assert gaussian_torch.gaussian_pair(torch.tanh, torch.tanh, single, 0.3).dtype == torch.float32
    assert gaussian_torch.gaussian_mean(torch.tanh, single, tensor(1.0)).dtype == torch.float64
    assert gaussian_torch.gaussian_mean(torch.tanh, 0.5, 1.0).dtype == torch.float64
    exact = gaussian_pair(np.tanh, np.tanh, 0.5, np.float32(0.3))
    assert_allclose(
        gaussian_torch.gaussian_pair(torch.tanh, torch.tanh, single, torch.tensor(0.3)).numpy(), exact, 1e-7
    )
    above = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    assert gaussian_torch.gaussian_pair(torch.tanh, torch.tanh, single, above) < 1


@pytest.mark.parametrize("name", TORCH)
def test_gradients_and_second_derivatives(name):
    f = TORCH[name]
    points = tensor([0.3, 20.0], True), tensor([0.2, -0.95], True)
    assert torch.autograd.gradcheck(lambda v, c: gaussian_torch.gaussian_pair(f, f, v, c), points, rtol=1e-6)
    assert torch.autograd.gradgradcheck(lambda v, c: gaussian_torch.gaussian_pair(f, f, v, c), points, rtol=1e-5)
    points = tensor([0.3, -2.0, 50.0], True), tensor([0.3, 2.0, 0.1], True)
    assert torch.autograd.gradcheck(lambda m, v: gaussian_torch.gaussian_mean(f, m, v), points, rtol=1e-6)
    assert torch.autograd.gradgradcheck(lambda m, v: gaussian_torch.gaussian_mean(f, m, v), points, rtol=1e-5)


@pytest.mark.slow
def test_gradients_of_parameters_and_of_two_functions():
    def f(u, k):
        return torch.tanh(k * u)

    def g(u, k):
        return torch.exp(-k * torch.abs(u))

    points = tensor([0.3, 4.0], True), tensor([0.2, -0.6], True), tensor([0.7, 2.0], True)
    assert torch.autograd.gradcheck(
        lambda *p: gaussian_torch.gaussian_pair(f, lambda u, k: g(u, k) + f(u, k), *p), points
    )
    assert torch.autograd.gradgradcheck(lambda *p: gaussian_torch.gaussian_pair(f, f, *p), points, rtol=1e-5)
    points = tensor([0.2, -0.6], True), tensor([0.3, 4.0], True), tensor([0.7, 2.0], True)
    assert torch.autograd.gradgradcheck(lambda *p: gaussian_torch.gaussian_mean(f, *p), points, rtol=1e-5)


def erf_law(v, c):
    """E erf erf and its derivatives in c and in v, without cancellation."""
    root = torch.sqrt((1 + 2 * v * (1 - c)) * (1 + 2 * v * (1 + c)))
    in_c, in_v = 4 / np.pi * v / root, 4 / np.pi * c / ((1 + 2 * v) * root)
    return 2 / np.pi * torch.atan2(2 * v * c, root), in_c, in_v


def test_gradients_at_the_ends_of_both_intervals():
    """Price's theorem against the closed form, at c = -1, 1 and v = 0 as inside."""
    grid = torch.meshgrid(tensor([0, 1e-3, 1, 30]), tensor([0, 1e-8, -0.5, 1, -1]), indexing="ij")
    v, c = (axis.clone().requires_grad_() for axis in grid)
    value = gaussian_torch.gaussian_pair(torch.erf, torch.erf, v, c)
    in_v, in_c = torch.autograd.grad(value.sum(), (v, c), create_graph=True)
    expected = erf_law(v.detach(), c.detach())
    for found, law in zip((value, in_c, in_v), expected, strict=True):
        assert_allclose(found.detach().numpy(), law.numpy(), 1e-10, atol=1e-14)
    v2, c2 = (axis.clone().requires_grad_() for axis in grid)
    _, law_c, law_v = erf_law(v2, c2)
    for found, law in ((in_c, law_c), (in_v, law_v)):
        for variable, law_variable in ((v, v2), (c, c2)):
            (second,) = torch.autograd.grad(found.sum(), variable, retain_graph=True)
            (law_second,) = torch.autograd.grad(law.sum(), law_variable, retain_graph=True)
            assert_allclose(second.numpy(), law_second.numpy(), 1e-8, atol=1e-10)


def test_gradients_of_the_mean_at_variance_zero():
    m, v = tensor([0.0, 0.4, -3.0], True), tensor([0.0, 0.0, 0.0], True)
    in_m, in_v = torch.autograd.grad(gaussian_torch.gaussian_mean(torch.tanh, m, v).sum(), (m, v), create_graph=True)
    slope = 1 - torch.tanh(m.detach()) ** 2
    assert_allclose(in_m.detach(), slope, EXACT)
    assert_allclose(in_v.detach(), -torch.tanh(m.detach()) * slope, 1e-13)
    (in_vm,) = torch.autograd.grad(in_v.sum(), m)
    assert_allclose(in_vm, slope * (3 * torch.tanh(m.detach()) ** 2 - 1), 1e-13)


def test_gradients_of_clipped_normals_and_exp_erfc():
    points = tensor([0.01, 0.3, 1.0, 3.0], True), tensor([0.0, 0.2, -0.6, 0.9], True)
    for function in (clipped_torch.box_probability, clipped_torch.clip_covariance, elementwise_torch.exp_erfc):
        assert torch.autograd.gradcheck(function, points, rtol=1e-6)
        assert torch.autograd.gradgradcheck(function, points, rtol=1e-5)
    a, rho = tensor([1e-4, 0.5, 3.0], True), tensor([1.0, -1.0, 1.0], True)
    in_a, in_rho = torch.autograd.grad(clipped_torch.clip_covariance(a, rho).sum(), (a, rho))
    edge = a.detach()
    assert_allclose(in_rho, torch.special.erf(edge / np.sqrt(2)), 1e-13)
    assert_allclose(in_a, rho.detach() * 2 * edge * torch.special.erfc(edge / np.sqrt(2)), atol=1e-13)


def test_gradients_of_differences_of_clipped_normals():
    """Where the second correlation is of the sign of the first, and where it is not."""
    points = tensor([0.3, 1.0, 3.0], True), tensor([0.1, 0.4, 0.2], True), tensor([0.3, 0.2, 1.4], True)
    assert torch.autograd.gradcheck(clipped_torch.clip_difference, points, rtol=1e-6)


@pytest.mark.parametrize("a", [1e-4, 0.7, 8.0])
def test_slopes_of_box_apart_keep_their_digits_between_independent_and_equal_fields(a):
    """-e^(-a^2/s) sinh(a^2 r/s) / (pi r sqrt(s)), s = 1 - r^2, in 40 digits (Price's theorem); and by steps."""
    apart = np.array([1e-14, 1e-6, 0.3, 0.97, 1 - 1e-9, 1.0])
    with mp.workdps(40):
        square, middle = mp.mpf(a) ** 2, 1 - mp.mpf(10) ** -30
        exact = [-mp.exp(-square / s) * mp.sinh(square * mp.sqrt(1 - s) / s) / mp.sqrt((1 - s) * s) / mp.pi
                 for s in (min(mp.mpf(each), middle) for each in apart)]  # fmt: skip
    given = tensor(apart, True)
    found, = torch.autograd.grad(clipped_torch.box_apart(a, given).sum(), given)  # fmt: skip
    assert_allclose(found, [float(each) for each in exact], EXACT)
    points = tensor([a, a, a], True), tensor([0.2, 0.6, 0.95], True)
    assert torch.autograd.gradcheck(clipped_torch.box_apart, points, rtol=1e-6)
    assert torch.autograd.gradgradcheck(clipped_torch.box_apart, points, rtol=1e-5)


def test_what_autograd_would_miss_is_refused():
    k = tensor(2.0, True)
    with pytest.raises(ValueError, match="pass that tensor as one of the parameters"):
        gaussian_torch.gaussian_mean(lambda u: torch.tanh(k * u), 0.0, 1.0)
    with torch.no_grad():
        assert_allclose(gaussian_torch.gaussian_mean(lambda u: torch.cosh(k * u), 0.0, 0.0), 1, EXACT)
    c = tensor(0.5, True)
    value = gaussian_torch.gaussian_pair(torch.sign, torch.sign, 1.0, c)
    assert_allclose(value.item(), 1 / 3, EXACT)
    with pytest.raises(ValueError, match="jumps at 0"):
        value.backward()
