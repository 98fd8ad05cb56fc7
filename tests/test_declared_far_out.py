"""Declarations that decay, jump far out, diverge or hardly ever change: by theorems and by other routes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from scipy.integrate import quad

from meanbits.numerics.emission import definition, expectations
from meanbits.numerics.emission.backends import NUMPY, TORCH, Backend
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.routes import compiled, edges_of
from meanbits.numerics.emission.runtime import piecewise_torch
from meanbits.numerics.emission.runtime.broken_pairs_numpy import needed_reach
from meanbits.numerics.emission.runtime.piecewise_numpy import piecewise_mean
from meanbits.numerics.solvers.newton import descended_fixed_point, positive_fixed_point
from meanbits.numerics.solvers.scan import scanned_fixed_points
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.law import law_moment
from meanbits.theory.declarations.neurons import Neurons, continuous
from meanbits.theory.declarations.surrogates import NETWORK, NONE, SAMPLE, Surrogate, Treatment
from meanbits.theory.declarations.weights import FIXED, Weights, ternary
from meanbits.theory.derive import derive
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.functions.pieces import cut_at_breaks, pieces
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.open_nodes import GaussianDifference
from meanbits.theory.gaussian.tidy import tidy_slope
from meanbits.theory.stages.limits import (
    Ratios,
    infinite_growth,
    infinite_variance,
    small_overlap,
    spread_beside,
    vanishing_variance,
)
from meanbits.theory.symbols import Sigma, c, h, hbar, q, u, v

HALF = sp.Rational(1, 2)


@pytest.mark.parametrize("backend", [NUMPY, TORCH])
def test_infinite_limits_of_either_sign_are_printed(backend: Backend) -> None:
    source = ArrayPrinter(backend).source
    assert (source(sp.oo), source(-sp.oo)) == (f"{backend.module}.inf", f"-{backend.module}.inf")


def test_rounding_at_a_break_is_no_jump_and_a_small_jump_is_one() -> None:
    assert not pieces(sp.Max(sp.atan(u), sp.atan(u / 10 + HALF))).jumps
    place = sp.Float("0.3", 30)
    assert pieces(sp.sign(u - place) / 10**20).jumps == ((place, sp.Rational(2, 10**20)),)


def test_equal_inputs_of_relus_with_additive_noise_at_infinite_variance() -> None:
    """The noise is nothing beside E m^2 there: c' is the arc-cosine kernel, and the limit of the maps."""
    ramp = sp.Max(0, 1000 * h)
    neurons = Neurons.of_values("ramp", ((ramp, HALF), (ramp + HALF, HALF)))
    theory = derive(Surrogate("ramp", FIXED, neurons, SAMPLE, "none"))
    maps, angle = compile_theory(theory), math.acos(0.5)
    expected = 1 - (math.sin(angle) + (math.pi - angle) * 0.5) / math.pi
    assert float(maps.gap_map(0.5, np.inf, 0.5, 0.1)) == pytest.approx(expected, rel=1e-13)
    assert float(maps.gap_map(0.5, 1e28, 0.5, 0.1)) == pytest.approx(expected, rel=1e-12)
    assert float(fixed_point(theory, 0.5, 0.1).c) == 1


def test_quotients_of_fluctuations_and_means() -> None:
    relu = sp.Max(0, u)
    assert spread_beside(relu, 3 * u**2, True) == 6
    assert (spread_beside(relu, sp.Abs(u), True), spread_beside(relu, sp.Abs(u), False)) == (0, sp.oo)


@pytest.mark.parametrize("second", [u**2, sp.Max(0, u) ** 2, 3 * sp.Max(0, u) ** 2 + sp.Abs(u), 2 + sp.Abs(u), u**4],
                         ids=str)  # fmt: skip
def test_squares_grow_with_the_variance_as_they_do_far_out(second: sp.Expr) -> None:
    variance = sp.Symbol("V", positive=True)
    mean = expectation(second, 0, variance).doit()
    assert infinite_growth(second) == sp.limit(mean.diff(variance), variance, sp.oo)


@pytest.mark.parametrize("power", [sp.Rational(3, 2), sp.Rational(5, 2)])
@pytest.mark.parametrize("end", [vanishing_variance, infinite_variance])
def test_powers_are_themselves_at_every_scale(end: Callable[..., Ratios], power: sp.Expr) -> None:
    """What is left of a power of either side as the variance vanishes, or diverges."""
    function = (3 + sp.sign(u)) * sp.Abs(u) ** power
    (left,) = end(function, function**2).gap.atoms(GaussianDifference)
    for point in (-2, -HALF, HALF, 2):
        assert float(left.args[0].subs(u, point)) == pytest.approx(float(function.subs(u, point)), rel=1e-14)


def test_where_fluctuations_outlast_means_two_inputs_share_biases_alone() -> None:
    """h +- sqrt(|h|): as fields vanish E|h| is all of E x^2, and the maps at 0 are the limit of those beside it."""
    root = sp.sqrt(sp.Abs(h))
    neurons = Neurons.of_values("noisy", ((h + root, HALF), (h - root, HALF)))
    maps = compile_theory(derive(Surrogate("noisy", FIXED, neurons, SAMPLE, "none")))
    for biases, apart in ((0.0, 1.0), (0.1, 0.0)):
        assert float(maps.gap_map(0.5, 0.0, 0.5, biases)) == apart
        assert float(maps.chi_at_gap(0.5, 0.0, 0.5, biases)) == 0
        assert float(maps.gap_map(0.5, 1e-200, 0.5, biases)) == pytest.approx(apart, abs=1e-90)
        assert float(maps.chi_at_gap(0.5, 1e-200, 0.5, biases)) == pytest.approx(0, abs=1e-90)


def test_newton_reaches_what_is_far_below_its_start() -> None:
    every = np.arange(3)
    K = np.array([1e-3, 1e-21, 1e-120])
    found = descended_fixed_point(lambda x, i: K[i] * np.sqrt(x), lambda x, i: K[i] / (2 * np.sqrt(x)), every)
    assert found == pytest.approx(K**2, rel=1e-14)


@pytest.mark.parametrize(
    ("weights", "treatment", "variance", "chi"), [(FIXED, NONE, 0.5, 0.5), (ternary(HALF), NETWORK, 0.125, 0.0)]
)
def test_steps_hardly_ever_taken(weights: Weights, treatment: Treatment, variance: float, chi: float) -> None:
    """1 - c' = K sqrt(1 - c) has slope 1/2 at its fixed point, however small K; randomness keeps inputs farther."""
    neurons = continuous("rare", (1 + sp.sign(h - 200)) / 2)
    found = fixed_point(derive(Surrogate("rare", weights, neurons, treatment, "none")), variance, 0.1)
    assert (found.q, found.c, found.chi, found.chi_1) == (0.1, 1.0, chi, np.inf)


def test_the_reference_reaches_rare_events() -> None:
    """P(u > t, v > t) by one integral over u."""
    t, rho = 7.8, 0.27
    with mpmath.workdps(40):
        spread = mpmath.sqrt(1 - mpmath.mpf(rho) ** 2)
        tail = mpmath.quad(lambda x: mpmath.npdf(x) * mpmath.ncdf((rho * x - t) / spread), [t, t + 1, t + 3, 30])
    found = definition._pair(lambda x: np.where(x > t, 1.0, 0.0), 1.0, rho, (0.0, t))
    assert found == pytest.approx(float(tail), rel=definition.SURE, abs=0)


def test_moments_overflow_to_infinity() -> None:
    quartic = ((0,), ((0, 0, -1, 0, 1),))  # E u^4 - u^2 = 3 V^2 - V
    at = np.array([2.0, 1e100, 1e200])
    for found in (piecewise_mean(quartic, at), piecewise_torch.piecewise_mean(quartic, torch.from_numpy(at)).numpy()):
        assert found == pytest.approx([10.0, 3e200, np.inf], rel=1e-14)


def test_an_orbit_beyond_all_nodes_goes_to_infinity() -> None:
    def after(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.where(x > 1e301, np.nan, 2 * x * (1 + np.exp(-((np.log(x) - 3) ** 2) * 4)))

    def endless(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return np.where(np.isinf(x), np.inf, after(x, chosen))

    assert scanned_fixed_points(endless, lambda x, _: 2 * np.ones_like(x), 1).reached[0] == np.inf


def test_moments_of_laws_leave_squares_in_exponentials() -> None:
    bump = sp.exp(-((2 * h + 2) ** 2)) * sp.tanh(h)
    second = law_moment(((bump, HALF), (bump + 1, HALF)), 2)
    assert evaluator(second)(-46.0) == 0.5
    assert law_moment(((sp.S.One, HALF), (sp.S.NegativeOne, HALF)), 2) == 1


def test_squared_slopes_of_branches_are_resolved() -> None:
    """One common fraction of branches has poles of each in the others, which cancel in exact arithmetic only."""
    mean = cut_at_breaks(sp.Max((h / 10 + HALF) / (sp.Abs(h / 10 + HALF) + 1), sp.atan(h))).subs(h, u)
    edges = edges_of(tidy_slope(mean.diff(u), u) ** 2)
    assert -5.0 in (edges or ())


def test_the_reference_sees_spikes_of_a_millionth_beside_a_break() -> None:
    """E exp(-(u / w)^2) = w / sqrt(w^2 + 2)."""
    width = 1e-6
    found = expectations.expectation(
        lambda x: np.exp(-((x / width) ** 2)), 1.0, scale=definition.FINEST, rtol=definition.SURE
    )
    assert float(found.value) == pytest.approx(width / math.sqrt(width**2 + 2), rel=1e-9)


def test_sines_beside_other_factors_are_no_product_of_two() -> None:
    """E (h sin h / (1 + |h|))^2 was taken for E sin^2: the powers of its factors add up to 2 as well."""
    f = h * sp.sin(h) / (1 + sp.Abs(h))
    maps = compile_theory(derive(Surrogate("mine", FIXED, continuous("f", f), NONE, "")))
    expected, _ = quad(lambda x: (x * math.sin(x) / (1 + abs(x))) ** 2 * math.exp(-x * x / 2), -12, 12, limit=200)
    assert float(maps.total_map(1.0, 1.0, 0.0)) == pytest.approx(expected / math.sqrt(2 * math.pi), rel=1e-9)


def test_overlaps_of_shifted_sines_do_not_overflow() -> None:
    """E (sin au + k)(sin av + k) = exp(-a^2 q) sinh(a^2 q c) + k^2 at any a."""
    units = continuous("f", sp.sin(100 * h) + HALF)
    node = pair_expectation(units.mean.subs(h, u), units.mean.subs(h, v), q, c * q)
    closed = evaluate_all(node)
    value = sp.lambdify((q, c), closed.rewrite(sp.exp))(2.0, 0.3)
    assert value == pytest.approx(0.25, rel=1e-13)


def test_slopes_of_branches_declared_by_cases() -> None:
    """Leaky relu as a Piecewise: E f'(u) f'(v) is the orthant probability of each pair of slopes."""
    leaky = sp.Piecewise((h / 10, h < 0), (h, True))
    maps = compile_theory(derive(Surrogate("mine", FIXED, continuous("f", leaky), NONE, "")))
    alike = 0.5 - math.acos(0.4) / (2 * math.pi)
    expected = alike * (1 + 0.01) + 2 * 0.1 * (0.5 - alike)
    assert float(maps.gradient_overlap(0.4, 1.7, 1.0, 0.0)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [1, 1000])
def test_overlaps_of_sines_of_any_phase_are_in_one_exponent(scale: int) -> None:
    """E sin(au - s) sin(av - s) = (exp(-a^2 (q - Q)) - cos 2s exp(-a^2 (q + Q))) / 2, without powers of exp(q)."""
    f = sp.sin(scale * h - sp.Rational(2, 3))
    closed = evaluate_all(pair_expectation(f.subs(h, u), f.subs(h, v), q, c * q))
    value = sp.lambdify((q, c), closed)(0.3 / scale**2, 0.6)
    assert value == pytest.approx((math.exp(-0.12) - math.cos(4 / 3) * math.exp(-0.48)) / 2, rel=1e-13)


def test_slopes_keep_their_digits_where_terms_cancel() -> None:
    """1 - tanh^2 times powers of u, and 1 / (1 + |u|) - |u| / (1 + |u|)^2, far out; -1 + 1/(1 + u^2) at 0."""
    far = tidy_slope((sp.tanh(u) ** 2 * sp.atan(u)).diff(u), u)
    assert sp.lambdify(u, far)(1e7) == pytest.approx(1 / (1 + 1e14), rel=1e-14, abs=0)
    soft = tidy_slope((u / (1 + sp.Abs(u))).diff(u), u)
    assert sp.lambdify(u, soft)(-1e8) == pytest.approx((1 + 1e8) ** -2, rel=1e-14, abs=0)
    ratio = tidy_slope(sp.log((1 + u**2) / (2 + u**2)).diff(u), u)  # a product, one of whose factors cancels
    assert sp.lambdify(u, ratio)(1e8) == pytest.approx(2e8 / (1 + 1e16) / (2 + 1e16), rel=1e-14)
    near = pieces((sp.Abs(u - 1) + sp.atan(u)) ** 2).slope.parts[0]
    assert sp.lambdify(u, near)(1e-6) == pytest.approx(-2e-12 / (1 + 1e-12), rel=1e-14, abs=0)
    beside = pieces(sp.atan(3 * 10**6 * sp.Abs(u - sp.Rational(1, 3)))).slope.parts[1]
    assert sp.lambdify(u, beside)(1 / 3) == pytest.approx(3e6, rel=1e-9)


def test_maps_whose_powers_overflow_far_out_do_not_diverge() -> None:
    """No number was taken for infinite growth."""
    rates = np.array([0.5, 2.0])

    def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.where(np.isinf(x), np.inf, 1 + rates[chosen] * (x + (x * x - x * x)))

    found = positive_fixed_point(after, lambda x, chosen: rates[chosen], 2)
    assert found.tolist() == [pytest.approx(2.0, rel=1e-15), np.inf]


def test_the_slope_at_infinity_is_the_limit_where_the_map_ends_before() -> None:
    """f tends to 2 |u|, and sin(2h) has no mesh far out: c = (sqrt(1 - c^2) + c asin c) / pi."""
    f = sp.sin(2 * h) + sp.Abs(2 * h)
    found = fixed_point(derive(Surrogate("mine", ternary(HALF), continuous("f", f), NETWORK, "")), 0.25, 0.1)
    assert (found.q, found.dq) == (np.inf, pytest.approx(0.5, rel=1e-12))
    share = (math.sqrt(1 - found.c**2) + found.c * math.asin(found.c)) / math.pi
    assert found.c == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("backend", [NUMPY, TORCH])
def test_multiples_of_the_slope_of_tanh_are_printed_as_such(backend: Backend) -> None:
    source = ArrayPrinter(backend).source
    assert source(2 - 2 * sp.tanh(u) ** 2) == "2 * sech_squared(u)"
    assert source(1 - 3 * sp.tanh(u) ** 2 + 2 * sp.tanh(2 * u) ** 2) == "3 * sech_squared(u) - 2 * sech_squared(2 * u)"
    assert source((sp.tanh(u) ** 2 - 1) * u) == "u * (-sech_squared(u))"


def test_signs_of_equal_variance_have_no_root_of_a_square() -> None:
    f = sp.sign(u) * sp.exp(-(u**2))
    assert not evaluate_all(pair_expectation(f, f.subs(u, v), q, c * q)).has(sp.Abs)


@pytest.mark.parametrize(("rate", "phase"), [(3, 0), (30, 0), (1, sp.pi / 2), (2, sp.Rational(1, 3))])
@pytest.mark.parametrize("variance", [1e-8, 1e-3, 0.7, 40.0])
@pytest.mark.parametrize("apart", [1e-12, 0.3, 1.9])
def test_the_gap_map_of_waves_keeps_its_digits(rate: int, phase: sp.Expr, variance: float, apart: float) -> None:
    """E f(u) f(v) = (exp(-V (1 - r)) - cos 2s exp(-V (1 + r))) / 2 for f = sin(k u + s), V = k^2 q."""
    maps = waves(rate, phase)
    with mpmath.workdps(60):
        V, g, turn = (
            rate**2 * mpmath.mpf(variance),
            mpmath.mpf(apart),
            mpmath.cos(2 * mpmath.mpmathify(sp.N(phase, 60))),
        )
        alike, there = ((mpmath.exp(-V * d) - turn * mpmath.exp(-V * (2 - d))) / 2 for d in (0, g))
        expected = float((alike - there) / (alike + mpmath.mpf(1) / 8))
    assert float(maps.gap_map(apart, variance, 1.0, 0.125)) == pytest.approx(expected, rel=4e-15)


@lru_cache
def waves(rate: int, phase: sp.Expr) -> SimpleNamespace:
    units = continuous("wave", sp.sin(rate * h + phase))
    return compile_theory(derive(Surrogate("mine", FIXED, units, NONE, "")))


@pytest.mark.parametrize("other", [sp.sign(u), sp.tanh(u), sp.erf(u), sp.exp(-sp.Abs(u)), sp.sign(u) * sp.sin(3 * u)])
def test_sines_beside_functions_that_no_complex_field_has_are_left_open(other: sp.Expr) -> None:
    found = evaluate_all(expectation(sp.sin(u) * other, hbar, Sigma))
    assert found.has(GaussianExpectation)
    assert not found.has(sp.I)


def test_functions_beside_sines_keep_their_closed_forms() -> None:
    found = evaluate_all(expectation(sp.sin(u) + sp.tanh(u + 2), hbar, Sigma))
    assert not found.has(GaussianExpectation, sp.I, sp.re, sp.im)


def test_mass_that_only_underflow_leaves_asks_for_no_mesh_beyond() -> None:
    """Where a mesh has a point 38.3 deviations out exp(-z^2/2) is 1e-319: all the mass there was, it was said."""
    edges = (-(2.0**100), 0.0, 0.0, 1.0, 1.0, 2.0**100)
    at = np.array([38.3])
    reach = needed_reach((lambda x: np.where((x > 0) & (x < 1), 1.0, 0.0),), edges, 0.5 - at, np.ones(1))
    assert np.isfinite(reach).all()


def test_overlaps_of_rare_steps_have_a_limit_as_inputs_part() -> None:
    """C -> P(u > 14)^2: its Hermite coefficients are tiny, and none of them is 0."""
    found = small_overlap((1 + sp.sign(u - 14)) / 2, sp.S.One)
    with mpmath.workdps(30):
        expected = mpmath.erfc(14 / mpmath.sqrt(2)) ** 2 / 4
    assert float(found.alike) == pytest.approx(float(expected), rel=1e-12)


def test_branches_keep_their_digits_at_repeated_roots() -> None:
    ramp = compiled(pieces(sp.Max(0, 14 * u - 14) ** 2))
    at = 1 + np.array([2.0**-30, 2.0**-10, 3.0])
    assert ramp(at) == pytest.approx(196 * (at - 1) ** 2, rel=1e-14)


@pytest.mark.parametrize(("neurons", "biases"), [("relu", 1e300), ("expr:max(0, h) * max(0, h + 1)", 5.0)])
def test_a_total_variance_beyond_the_maps_of_q_is_refused(neurons: str, biases: float) -> None:
    """T = 2 sigma_b2 of relus gave q = 6e161; where T diverges sums over two fields took minutes a value."""
    theory = derive(compose(weights="binary", treatment="marginalise", neurons=neurons))
    with pytest.raises(ValueError, match="no stable fixed point of T"):
        fixed_point(theory, 0.9, biases)


def test_irrational_breaks_of_branches_keep_their_digits() -> None:
    """Numbers a - b sqrt(n) cancel to a part in 10^9, and sqrt(n) became a line of its own."""
    f = sp.Max(0, (h + 5) * (1000 * h + 2) - sp.Rational(2, 3))
    maps = compile_theory(derive(Surrogate("mine", FIXED, continuous("f", f), NONE, "")))
    roots = [(-5002 + side * math.sqrt(5002**2 - 4000 * (10 - 2 / 3))) / 2000 for side in (-1, 1)]
    parts = [quad(lambda x: ((x + 5) * (1000 * x + 2) - 2 / 3) ** 2 * math.exp(-x * x / 2), *ends, epsabs=0)[0]
             for ends in ((-14, roots[0]), (roots[1], 14))]  # fmt: skip
    moment = sum(parts)
    assert float(maps.total_map(1.0, 1.0, 0.0)) == pytest.approx(moment / math.sqrt(2 * math.pi), rel=1e-11)
    assert float(maps.variance_map(1.0, 1.0, 0.0)) == pytest.approx(moment / math.sqrt(2 * math.pi), rel=1e-11)


def test_a_constant_beyond_floats_is_folded_into_its_product() -> None:
    """exp(1001000) exp(-1001000.25) of a jump was inf times 0."""
    f = sp.exp(-((500 * (1 + sp.sign(1000 * h + HALF)) + HALF) ** 2))
    units = Neurons.of_values("mine", ((f, HALF), (f + 1, HALF)))
    maps = compile_theory(derive(Surrogate("mine", FIXED, units, SAMPLE, "")))
    assert math.isfinite(float(maps.gap_map(0.5, 1.0, 0.5, 0.1)))


@pytest.mark.parametrize("backend", [NUMPY, TORCH])
def test_means_over_panels_vanish_with_their_squares_and_not_before(backend: Backend) -> None:
    """sin 3h + h/2 is 7h/2 near 0: a square times the width of a panel underflows long before the mean does."""
    maps = compile_theory(derive(compose("continuous", neurons="expr:sin(3*h)+h/2")), backend)
    q, means, biases = (torch.tensor(each, dtype=torch.float64) for each in ([1e-300, 1e-220, 1e-100], 1.0, 0.0))
    given = [each.numpy() if backend is NUMPY else each for each in (q, means, biases)]
    assert np.asarray(maps.variance_map(*given) / given[0]) == pytest.approx(49 / 4, rel=1e-14)
    assert np.asarray(maps.gap_map(0 * given[0] + 0.3, *given)) == pytest.approx(0.3, rel=1e-14)
