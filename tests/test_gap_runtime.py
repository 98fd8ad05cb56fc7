"""Differences of overlaps without cancellation: closed forms at 80 digits, certified bounds, Price's theorem, Torch."""

from types import ModuleType

import mpmath as mp
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import special

from meanbits.numerics.emission.copying import copied_sources
from meanbits.numerics.emission.expectations import difference
from meanbits.numerics.emission.runtime import gap_numpy, gap_torch
from meanbits.numerics.emission.runtime.gap_numpy import gaussian_difference, gaussian_slope
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_pair
from meanbits.numerics.emission.runtime.slopes_torch import slope_of


def relu(u):
    return np.maximum(u, 0)


def hard_tanh(u):
    return np.clip(u, -1, 1)


def laplace(u):
    return -np.sign(u) * np.expm1(-np.abs(u))


def steep(u):
    return np.cosh(np.minimum(np.abs(u), 300)) ** -2


def jumping(u):
    return np.sign(u) + 0.3 * u + np.abs(u)


def jumping_kernel(v, c):
    even = 2 / mp.pi * (mp.sqrt((1 - c) * (1 + c)) + c * mp.asin(c))
    return 2 / mp.pi * mp.asin(c) + mp.mpf(0.3) ** 2 * v * c + mp.mpf(0.6) * c * mp.sqrt(2 * v / mp.pi) + v * even


KERNELS = {
    "erf": (
        special.erf,
        lambda u: 2 / np.sqrt(np.pi) * np.exp(-u * u),
        lambda v, c: 2 / mp.pi * mp.asin(2 * v * c / (1 + 2 * v)),
    ),
    "sign": (np.sign, np.zeros_like, lambda v, c: 2 / mp.pi * mp.asin(c)),
    "linear": (lambda u: u, np.ones_like, lambda v, c: v * c),
    "relu": (
        relu,
        lambda u: np.where(u > 0, 1.0, 0.0),
        lambda v, c: v * (mp.sqrt((1 - c) * (1 + c)) + (mp.pi - mp.acos(c)) * c) / (2 * mp.pi),
    ),
    "jump and kink": (jumping, lambda u: 0.3 + np.sign(u), jumping_kernel),
}


def profile_kernel(v, c):
    return 1 / mp.sqrt((1 + 2 * v * (1 - c)) * (1 + 2 * v * (1 + c)))


EVEN = {
    "abs": (np.abs, np.sign, lambda v, c: 2 * v / mp.pi * (mp.sqrt((1 - c) * (1 + c)) + c * mp.asin(c))),
    "profile": (lambda u: np.exp(-u * u), lambda u: -2 * u * np.exp(-u * u), profile_kernel),
}


def random_gaps(rng, count, last):
    """Rests at 0 and down to 1e-12, drops down to 1e-250, as far as the correlation `last`."""
    rest = np.where(rng.uniform(size=count) < 0.4, 0, 10 ** rng.uniform(-12, 0, count))
    tiny = rng.uniform(size=count) < 0.5
    drop = np.where(tiny, 10 ** rng.uniform(-250, 0, count), 10 ** rng.uniform(-8, np.log10(2), count))
    return rest, np.minimum(drop, 1 - last - rest)


def kernel_differences(kernel, variance, rest, drop):
    """kernel(v, 1 - rest) - kernel(v, 1 - rest - drop) to 60 digits beyond those that cancel."""
    result = []
    for point in zip(variance, rest, drop, strict=True):
        v, near, far = (mp.mpf(float(each)) for each in point)
        with mp.workdps(80 + (int(-2 * mp.log10(far)) if far else 0)):
            result.append(float(kernel(v, 1 - near) - kernel(v, 1 - near - far)))
    return np.array(result)


@pytest.mark.parametrize("name", [*KERNELS, *EVEN])
def test_differences_to_full_relative_accuracy(name):
    """Increasing functions down to correlation -1, even ones down to 0."""
    f, slope, kernel = (KERNELS | EVEN)[name]
    rng = np.random.default_rng(6)
    v, (rest, drop) = 10 ** rng.uniform(-12, 12, 60), random_gaps(rng, 60, -1 if name in KERNELS else 0)
    expected = kernel_differences(kernel, v, rest, drop)
    assert_allclose(gaussian_difference(f, v, rest, drop, slope=slope), expected, 2e-14 if name in KERNELS else 1e-12)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.tanh, steep),
        (laplace, lambda u: np.exp(-np.abs(u))),
        (lambda u: np.logaddexp(0, u), special.expit),
        (lambda u: jumping(u) + laplace(u), lambda u: 0.3 + np.sign(u) + np.exp(-np.abs(u))),
    ],
    ids=["tanh", "laplace", "softplus", "jump and kinks"],
)
def test_gaps_within_certified_bounds(f, slope):
    gaps = np.array([1e-200, 1e-20, 1e-6, 0.1, 1.7, 2.0])
    v = np.array([1e8, 3.0, 1e-7, 0.3, 1e3, 1.0])
    estimate = difference(f, v, gaps, slope=slope)
    assert np.all(estimate.bound <= 1e-10 * estimate.value)
    assert np.all(np.abs(gaussian_difference(f, v, 0, gaps, slope=slope) - estimate.value) <= estimate.bound)
    without = difference(f, v, gaps)
    assert np.all(np.abs(without.value - estimate.value) <= without.bound + estimate.bound)


def test_differences_add_up():
    rest, first, second = (
        np.array([0.0, 1e-9, 0.2])[:, None],
        np.array([1e-30, 1e-6, 0.4]),
        np.array([1e-28, 0.3, 1e-3]),
    )
    for f, slope in ((np.tanh, steep), (jumping, lambda u: 0.3 + np.sign(u))):
        parts = gaussian_difference(f, 3.0, rest, first, slope=slope)
        parts = parts + gaussian_difference(f, 3.0, rest + first, second, slope=slope)
        assert_allclose(parts, gaussian_difference(f, 3.0, rest, first + second, slope=slope), 1e-13)


@pytest.mark.parametrize("name", [*KERNELS, *EVEN])
def test_squares_and_integrals_are_one_difference(monkeypatch, name):
    """By one sum of squares where that is clear of rounding, and by the integral of the slope: also above an offset."""
    f, slope, _ = (KERNELS | EVEN)[name]
    v, gaps = np.geomspace(1e-6, 1e6, 7)[:, None], np.geomspace(1e-6, 1, 9)
    values = gaussian_difference(f, v, 0.0, gaps, slope=slope)
    monkeypatch.setattr(gap_numpy, "CLEAR_SHARE", np.inf)
    assert_allclose(values, gaussian_difference(f, v, 0.0, gaps, slope=slope), 1e-12 if name == "profile" else 2e-14)
    monkeypatch.undo()
    if name in EVEN or "jump" not in name:
        assert_allclose(gaussian_difference(lambda u: 1e7 + f(u), 1.0, 0.0, gaps, slope=slope),
                        gaussian_difference(f, 1.0, 0.0, gaps, slope=slope), 1e-8)  # fmt: skip


def test_differences_agree_with_pairs():
    v, rest, drop = np.array([[0.2], [30.0]]), np.array([0, 0.1, 0.9, 1.0]), np.array([2.0, 0.7, 1.0, 0.4])
    pairs = gaussian_pair(laplace, laplace, v, 1 - rest) - gaussian_pair(laplace, laplace, v, 1 - rest - drop)
    slope = lambda u, k: k * np.exp(-np.abs(k * u))  # noqa: E731
    values = gaussian_difference(lambda u, k: laplace(k * u), v / 4, rest, drop, 2.0, slope=slope, scale=0.5)
    assert_allclose(values, pairs, 1e-13)


def test_differences_at_the_ends_of_the_domain():
    def difference_of_tanh(*points):
        return gaussian_difference(np.tanh, *points, slope=steep)

    assert np.all(difference_of_tanh([0.0, 1.0], 0.3, 0.0) == 0)
    assert difference_of_tanh(0.0, 0.0, 2.0) == 0
    assert gaussian_difference(np.sign, 0.0, 0.0, 1.0, slope=np.zeros_like) == 0
    assert np.all(np.isnan(difference_of_tanh([np.nan, 1.0, np.inf], [0.0, np.nan, 0.0], 0.1)))
    assert difference_of_tanh(np.ones((2, 1)), 0.0, np.zeros(3)).shape == (2, 3)
    assert difference_of_tanh([], 0.0, 0.1).shape == (0,)
    twice = gaussian_difference(lambda u: 2 * u, 1.0, 0.0, [1e-300, 0.1], slope=lambda u: 2.0)
    assert_allclose(twice, [4e-300, 0.4], 1e-14)
    for points in ((-1.0, 0.0, 0.1), (1.0, -0.1, 0.1), (1.0, 1.1, 0.1), (1.0, 0.5, 1.6), (1.0, 0.5, -0.1)):
        for call in (difference_of_tanh, lambda *p: gap_torch.gaussian_difference(torch.tanh, *p, slope=torch.cosh)):
            with pytest.raises(ValueError, match="gaussian_difference"):
                call(*points)


def test_standalone_copies():
    points = 2.0, [0.0, 0.2], [1e-9, 0.5]
    expected = gaussian_difference(np.tanh, *points, slope=steep)
    text = "gaussian_difference"
    for kind, imports, module, slope in (
        ("numpy", "import numpy as np\nfrom scipy import special", np, steep),
        (
            "torch",
            "import math\nfrom typing import Any, cast\nimport torch\nfrom torch import Tensor",
            torch,
            lambda u: torch.cosh(u) ** -2,
        ),
    ):
        runtime = [
            f"{name}_{kind}"
            for name in ("slopes", "quadrature", "gaussian", "gap")
            if (name, kind) != ("slopes", "numpy")
        ]
        copy = ModuleType("copy")
        header = f"from __future__ import annotations\nfrom collections.abc import Callable, Iterator\n{imports}\n"
        exec(header + "\n\n".join(copied_sources(runtime, text)), copy.__dict__)
        variance, *gaps = (module.asarray(each, dtype=module.float64) for each in points)
        assert_allclose(
            np.asarray(copy.gaussian_difference(module.tanh, variance, *gaps, slope=slope)), expected, 1e-14
        )


# Torch

TORCH = {
    "tanh": (np.tanh, steep, torch.tanh, lambda u: torch.cosh(torch.clamp(torch.abs(u), max=300.0)) ** -2),
    "jump and kink": (
        jumping,
        lambda u: 0.3 + np.sign(u),
        lambda u: torch.sign(u) + 0.3 * u + torch.abs(u),
        lambda u: 0.3 + torch.sign(u),
    ),
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
    f, slope, f_torch, slope_torch = TORCH[name]
    v, rest, drop = (
        np.array([[0.0], [1e-9], [2.0], [1e7]]),
        np.array([0, 1e-9, 0.3, 1]),
        np.array([1e-200, 0, 1.2, 0.5]),
    )
    values = gap_torch.gaussian_difference(f_torch, tensor(v), tensor(rest), tensor(drop), slope=slope_torch)
    assert_allclose(values.numpy(), gaussian_difference(f, v, rest, drop, slope=slope), 1e-13)
    unknown = gap_torch.gaussian_difference(f_torch, tensor([np.nan, np.inf]), 0.0, 0.1, slope=slope_torch)
    assert torch.all(torch.isnan(unknown))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", TORCH)
def test_torch_gradients(name):
    f = TORCH[name][2]
    points = tensor([0.3], True), tensor([0.2], True), tensor([1.3], True)

    def values(*point):
        return gap_torch.gaussian_difference(f, *point, slope=slope_of(f, 0))

    assert torch.autograd.gradcheck(values, points, rtol=1e-6)
    assert torch.autograd.gradgradcheck(values, points, rtol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_torch_gradient_is_the_theorem_of_price():
    v, drop = tensor([1e-6, 0.3, 50.0, 1e8], True), tensor([1e-200, 1e-10, 1e-3, 0.5], True)
    value = gap_torch.gaussian_difference(torch.erf, v, 0.0, drop, slope=lambda u: 2 / np.pi**0.5 * torch.exp(-u * u))
    (found,) = torch.autograd.grad(value.sum(), drop)
    v, drop = v.detach(), drop.detach()
    expected = 4 / np.pi * v / torch.sqrt((1 + 2 * v * drop) * (1 + 2 * v * (2 - drop)))
    assert_allclose(found.numpy(), expected.numpy(), 1e-13)


# Bounds


@pytest.mark.parametrize("name", KERNELS)
def test_bounds_cover_gaps(name):
    f, slope, kernel = KERNELS[name]
    rng = np.random.default_rng(7)
    v, drop = 10 ** rng.uniform(-12, 12, 30), 10 ** rng.uniform(-20, np.log10(2), 30)
    expected = kernel_differences(kernel, v, 0 * v, drop)
    for estimate in (difference(f, v, drop), difference(f, v[:10], drop[:10], slope=slope)):
        exact = expected[: estimate.value.size]
        assert np.all(np.abs(estimate.value - exact) <= estimate.bound + 1e-16 * np.abs(exact))


def test_gap_of_a_hard_tanh():
    """Kinks away from 0; for small gaps it is the variance of the slope, gap v P(|u| < 1)."""
    v, gaps = np.array([[0.1], [1.0], [1e4]]), np.array([1e-200, 1e-30])
    estimate = difference(hard_tanh, v, gaps, slope=lambda u: np.where(np.abs(u) < 1, 1.0, 0.0), knots=(-1.0, 1.0))
    expected = gaps * v * special.erf(1 / np.sqrt(2 * v))
    assert np.all(np.abs(estimate.value - expected) <= estimate.bound + 1e-14 * expected)
    assert np.all(estimate.bound <= 1e-12 * expected)


@pytest.mark.parametrize("distance", [1e-220, 1e-18, 1e-9, 0.3, 1.7])
@pytest.mark.parametrize("v", [1e-6, 1.0, 1e9])
def test_slopes_keep_the_digits_of_the_distance(v, distance):
    """|u| + |v| = max(|p|, |d|), p = u + v and d = u - v independent: one integral for f' = exp(-|u|)."""
    scales = [mp.sqrt(2 * v * part) for part in (2 - mp.mpf(distance), mp.mpf(distance))]

    def integrand(m):
        inside = [mp.erf(m / (s * mp.sqrt(2))) for s in scales]
        density = [2 * mp.exp(-((m / s) ** 2) / 2) / (s * mp.sqrt(2 * mp.pi)) for s in scales]
        return mp.exp(-m) * (density[0] * inside[1] + inside[0] * density[1])

    knots = sorted(
        {mp.mpf(0), mp.mpf(80), *(k * s for s in (mp.mpf(1), *scales) for k in (0.1, 1, 3, 10) if k * s < 80)}
    )
    with mp.workdps(25):
        expected = float(v * mp.quad(integrand, knots))
    slope = lambda u: np.exp(-np.abs(u))  # noqa: E731
    assert_allclose(gaussian_slope(laplace, v, distance, slope=slope), expected, 1e-12)
    ours = gap_torch.gaussian_slope(
        lambda u: -torch.sign(u) * torch.expm1(-torch.abs(u)), v, distance, slope=lambda u: torch.exp(-torch.abs(u))
    )
    assert_allclose(ours.item(), expected, 1e-12)


@pytest.mark.parametrize("name", list(KERNELS))
def test_slopes_of_kernels(name):
    """The derivative of the kernel in the correlation; infinite at equal fields where f jumps."""
    f, slope, kernel = KERNELS[name]
    for v in (0.01, 1.0, 1e3):
        for distance in (0.2, 1.0, 1.6):
            expected = mp.diff(lambda c, v=v: kernel(mp.mpf(v), c), 1 - mp.mpf(distance))
            assert_allclose(gaussian_slope(f, v, distance, slope=slope), float(expected), 1e-11, 1e-14)
    assert np.isinf(gaussian_slope(f, 1.0, 0.0, slope=slope)) == ("sign" in name or "jump" in name)


def test_slopes_differentiate_in_the_distance():
    v, distance = torch.tensor(1.3, dtype=torch.float64), torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    smooth = {"f": torch.tanh, "slope": lambda u: torch.cosh(u) ** -2}
    gap_torch.gaussian_slope(variance=v, distance=distance, **smooth).backward()
    ends = [gap_torch.gaussian_slope(variance=v, distance=0.4 + side * 1e-4, **smooth).item() for side in (-1, 1)]
    assert distance.grad is not None
    assert_allclose(distance.grad.item(), (ends[1] - ends[0]) / 2e-4, 1e-6)


def test_slopes_outside_their_domain():
    assert np.isnan(gaussian_slope(np.tanh, np.inf, 0.3, slope=np.tanh))
    assert gaussian_slope(np.tanh, 0.0, 0.3, slope=np.tanh) == 0
    for module, f in ((gaussian_slope, np.tanh), (gap_torch.gaussian_slope, torch.tanh)):
        with pytest.raises(ValueError, match=r"variance -1\.0 is negative"):
            module(f, -1.0, 0.3, slope=f)
        with pytest.raises(ValueError, match=r"distances in \[0, 2\]"):
            module(f, 1.0, 2.5, slope=f)


def test_slopes_that_end_are_summed_as_far_as_they_reach():
    """E f'(u) f'(v) of f' = 1 for |u| < 1, which is a box however wide the field: P(|u|, |v| < 1) to first order."""
    assert gap_numpy.support(lambda u: np.exp(-np.abs(u)), []) == 1024.0
    assert gap_numpy.support(lambda u: 1 / (1 + np.abs(u)), []) == np.inf
    assert gap_numpy.support(np.zeros_like, []) == 2.0**-40
    assert gap_numpy.support(lambda u: 2.0, []) == np.inf
    variance, rest = 1e40, np.array([0.01, 0.5, 1.0])
    narrow = gaussian_slope(np.tanh, variance, rest, slope=lambda u: np.cosh(np.clip(u, -400, 400)) ** -2.0)
    c = 1 - rest
    assert_allclose(narrow, 4 / (2 * np.pi * np.sqrt(1 - c * c)), 1e-12)  # (2 / sqrt(variance))^2, the area of each
