"""The maps in the gap 1 - c: digits at tiny gaps, limits in q, agreement with the maps in c."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.difference import as_angles, difference
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope
from meanbits.theory.gaussian.special import ArcCosineKernel
from meanbits.theory.stages.overlap import AtExtremes
from meanbits.theory.symbols import T, c, gap, overlap, q, sigma_b2, sigma_m2, u

COMPOSED = (
    compose("deterministic", form="paper", phi="erf", gain=1.5),
    compose("deterministic", noise="gaussian:0.5"),
    compose("lrt", noise="gaussian:0.5"),
    compose("continuous", neurons="relu"),
    compose("continuous", neurons="linear"),
    compose("lrt", noise="uniform:1"),
    compose("lrt", noise="laplace:1"),
    compose("deterministic", form="paper", phi="h/sqrt(1 + h**2)"),
)
SLOW = compose("deterministic", noise="cdf:(1 + h/sqrt(1 + h**2))/2")  # no closed form: two dimensions at each point
ROWS = pytest.mark.parametrize(
    "surrogate",
    [*CATALOGUE, *COMPOSED, pytest.param(SLOW, marks=pytest.mark.slow)],
    ids=lambda surrogate: surrogate.name,
)
TOTAL = 0.8


def extra(theory: Theory) -> tuple[float, ...]:
    return (TOTAL,) if theory.maps.takes_total else ()


def means(theory: Theory) -> float:
    fixed = theory.surrogate.weights.mean_square
    return 0.7 if fixed is None else float(fixed)


def elementary(theory: Theory) -> bool:
    """Whether mpmath knows every function of the correlation map."""
    return not theory.correlation_map.has(GaussianExpectation) and all(
        hasattr(mpmath, type(f).__name__) for f in theory.correlation_map.atoms(sp.Function)
    )


@pytest.mark.parametrize("count", [120, pytest.param(10_000, marks=pytest.mark.slow)])
@ROWS
def test_gap_map_and_chi_keep_their_digits(surrogate: Surrogate, count: int) -> None:
    """Relative error at random points, q in [1e-12, 1e12] and the gap in [1e-250, 2], against 600 digits."""
    theory = derive(surrogate)
    if not elementary(theory):
        pytest.skip("no elementary closed form; the maps in c are compared below")
    generator = np.random.default_rng(5)
    half = count // 2
    gaps = np.concatenate([10 ** generator.uniform(-250, 0.3, half), 10 ** generator.uniform(-15, 0.301, half)])
    variances, biases = 10 ** generator.uniform(-12, 12, count), 10 ** generator.uniform(-12, 1, count)
    maps, arguments = compile_theory(theory), (c, q, sigma_m2, sigma_b2, T)
    total = theory.total_map if not theory.total_map.has(T) else T
    closed = (1 - theory.correlation_map, theory.chi)
    exact = [sp.lambdify(arguments, expression.subs(T, total), "mpmath") for expression in closed]
    given = (gaps, variances, means(theory), biases, *extra(theory))
    found = [each(*given) for each in (maps.gap_map, maps.chi_at_gap)]
    with mpmath.workdps(600):
        for i in range(gaps.size):
            point = [1 - mpmath.mpf(gaps[i]), *map(mpmath.mpf, (variances[i], means(theory), biases[i], TOTAL))]
            for function, values in zip(exact, found, strict=True):
                assert abs(values[i] / function(*point) - 1) < 1e-14


@ROWS
def test_the_gap_map_is_the_correlation_map(surrogate: Surrogate) -> None:
    theory, correlations = derive(surrogate), np.array([-1.0, -0.6, 0.0, 0.3, 0.95, 1.0])[:, None]
    maps, point = compile_theory(theory), (np.array([1e-3, 1.3, 40.0]), means(theory), 0.2, *extra(theory))
    expected = 1 - maps.correlation_map(correlations, *point)
    assert maps.gap_map(1 - correlations, *point) == pytest.approx(expected, abs=1e-12)
    inner = correlations[1:-1]
    assert maps.chi_at_gap(1 - inner, *point) == pytest.approx(maps.chi(inner, *point), rel=1e-11)


@ROWS
def test_the_variance_map_with_limits_is_the_variance_map(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    point = {q: sp.Rational(13, 10), sigma_m2: sp.Float(means(theory), 20), sigma_b2: sp.Rational(1, 5)}
    total = point | {T: sp.Float(TOTAL, 20)}
    expected = theory.variance_map.subs(T, theory.total_map if not theory.total_map.has(T) else T).subs(total).evalf(15)
    found = compile_theory(theory).variance_map(1.3, means(theory), 0.2, *extra(theory))
    assert float(found) == pytest.approx(float(expected), rel=1e-12)


@ROWS
def test_chi_is_the_slope_of_the_gap_map(surrogate: Surrogate) -> None:
    theory, gaps, step = derive(surrogate), np.array([1e-9, 0.02, 1.1]), 1e-3
    maps, point = compile_theory(theory), (1.7, means(theory), 0.1, *extra(theory))
    ends = [maps.gap_map(gaps * (1 + side * step), *point) for side in (-2, -1, 1, 2)]
    slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step * gaps)
    offset = maps.gap_map(0.0, *point)
    reachable = 1e-9 + 1e-13 * offset / (step * gaps)  # rounding of the offset, where equal inputs do not stay equal
    assert np.all(np.abs(slope / maps.chi_at_gap(gaps, *point) - 1) < np.maximum(reachable, 1e-9))


@ROWS
def test_extremes_are_defined_and_are_limits(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    maps, gaps = compile_theory(theory), np.array([0.0, 1e-200, 0.3, 1.0, 2.0])[:, None]
    for biases in (0.0, 0.3):
        for name in ("gap_map", "chi_at_gap"):
            function = getattr(maps, name)
            ends = function(gaps, np.array([0.0, np.inf]), means(theory), biases, *extra(theory))
            near = function(gaps, np.array([1e-16, 1e16]), means(theory), biases, *extra(theory))
            assert not np.any(np.isnan(ends))
            assert ends[2:4] == pytest.approx(near[2:4], rel=1e-6, abs=1e-12)


@ROWS
def test_torch_agrees_with_numpy(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    gaps, variances = np.array([1e-100, 1e-3, 0.7, 2.0]), np.array([0.0, 0.3, 1e3, np.inf])
    arguments = (gaps, variances, means(theory), 0.1, *extra(theory))
    tensors = [torch.as_tensor(argument, dtype=torch.float64) for argument in arguments]
    for name in ("gap_map", "chi_at_gap"):
        ours, theirs = (getattr(compile_theory(theory, backend), name) for backend in (NUMPY, TORCH))
        assert theirs(*tensors).numpy() == pytest.approx(ours(*arguments), rel=1e-12)


def test_difference_of_arcsines_is_exact() -> None:
    rest, drop = sp.Rational(1, 7), sp.Rational(3, 5)
    for kernel in (sp.asin(4 * overlap / 5), overlap**3, ArcCosineKernel(1 + overlap)):
        plain = kernel.subs(overlap, 1 - rest) - kernel.subs(overlap, 1 - rest - drop)
        assert abs((difference(kernel, rest, drop) - plain).evalf(40)) < 1e-35
    assert difference(sp.cosh(overlap), rest, drop) is None


def test_angles_are_arcsines() -> None:
    angle = sp.asin(q * c / (1 + q))
    assert abs((as_angles(angle) - angle).subs({q: 3, c: sp.Rational(-2, 3)}).evalf(30)) < 1e-28


@pytest.mark.parametrize(("parts", "most"), [
    ({"name": "moment-matching"}, 1.0),
    ({"weights": "binary", "neurons": "leaky:0.1", "treatment": "marginalise"}, 1.0),
    ({"weights": "ternary:0.5", "neurons": "hardtanh", "treatment": "marginalise"}, 0.5),
], ids=str)  # fmt: skip
def test_variances_grow_on_at_infinity_where_weights_are_their_means(parts: dict[str, str], most: float) -> None:
    """The slope of q' has a limit above 0 there, which it comes to as q^(-1/2) at the slowest, and 0 for any others."""
    slope = compile_theory(derive(compose(**parts))).variance_slope
    near, far, limit = (float(slope(at, most, 0.3, 1.5)) for at in (1e6, 1e12, np.inf))
    assert limit > 1
    assert abs(far - limit) <= 2e-3 * abs(near - limit) + 1e-14
    assert slope(np.inf, 0.9 * most, 0.3, 1.5) == 0


def test_the_variance_map_keeps_its_digits_where_fields_alone_are_uncertain() -> None:
    """q' = (sigma_b2 + x) / (1 - x) at sigma_m2 = 1, x the arcsine law of signs of fields with noise, in 60 digits."""
    generator = np.random.default_rng(5)
    variances, biases = 10 ** generator.uniform(-12, 12, (2, 200))
    found = compile_theory(derive(compose("deterministic", noise="gaussian:0.5"))).variance_map(variances, 1.0, biases)
    with mpmath.workdps(60):
        for value, *point in zip(found, variances, biases, strict=True):
            at, bias = map(mpmath.mpf, point)
            alike = 2 / mpmath.pi * mpmath.asin((1 + bias) / (1 + bias + mpmath.mpf("0.25")) * at / (1 + at))
            assert abs(value / ((bias + alike) / (1 - alike)) - 1) < 1e-14


def test_what_is_left_open_depends_on_the_scale_of_a_function_as_on_the_variance() -> None:
    """f(scale u) at variance 1 is f(u) at variance scale^2, and u is bound."""
    scale = sp.Symbol("scale", positive=True)
    for node in (GaussianDifference, GaussianSlope):
        law = (gap,) if node is GaussianSlope else (0, gap)
        symbols = [node(sp.atan(scale * u), 1, *law).free_symbols, node(sp.atan(u), scale**2, *law).free_symbols]
        assert symbols == [{scale, gap}, {scale, gap}]


def test_extremes_pick_the_limit() -> None:
    node = AtExtremes(sp.sin(q) / q, q, sp.Integer(1), sp.Integer(0))
    assert [float(node.subs(q, at).evalf()) for at in (0, sp.oo)] == [1, 0]
