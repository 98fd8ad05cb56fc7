"""Declarations that decay, jump far out, diverge or hardly ever change: by theorems and by other routes."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

from meanbits.numerics.emission import definition, expectations
from meanbits.numerics.emission.backends import NUMPY, TORCH, ArrayPrinter, Backend
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.routes import edges_of
from meanbits.numerics.emission.runtime.piecewise_numpy import piecewise_mean
from meanbits.numerics.solvers.newton import descended_fixed_point
from meanbits.numerics.solvers.scan import scanned_fixed_points
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.law import law_moment
from meanbits.theory.declarations.neurons import Neurons, continuous
from meanbits.theory.declarations.surrogates import NETWORK, NONE, SAMPLE, Surrogate, Treatment
from meanbits.theory.declarations.weights import FIXED, Weights, ternary
from meanbits.theory.derive import derive
from meanbits.theory.functions.evaluate import evaluator
from meanbits.theory.functions.pieces import cut_at_breaks, pieces
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import pair_expectation
from meanbits.theory.gaussian.tidy import tidy_slope
from meanbits.theory.stages.limits import spread_beside
from meanbits.theory.symbols import c, h, q, u, v

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
    tail = mpmath.quad(
        lambda x: mpmath.npdf(x) * mpmath.ncdf((rho * x - t) / mpmath.sqrt(1 - rho**2)), [t, t + 1, t + 3, 30]
    )
    found = definition._pair(lambda x: np.where(x > t, 1.0, 0.0), 1.0, rho, (0.0, t))
    assert found == pytest.approx(float(tail), rel=1e-9)


def test_moments_overflow_to_infinity() -> None:
    quartic = ((0,), ((0, 0, -1, 0, 1),))  # E u^4 - u^2 = 3 V^2 - V
    assert piecewise_mean(quartic, np.array([2.0, 1e100, 1e200])) == pytest.approx([10.0, 3e200, np.inf], rel=1e-14)


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
