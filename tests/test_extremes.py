"""Ends of the ranges: fields that vanish, are sharp or diverge, means at their bounds, every noise; never NaN."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import brentq

from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.solvers.stability import all_variances, described
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.logistic_mixture import FUNCTIONS as LOGISTIC
from meanbits.theory.symbols import q, sigma_m2

COMPOSED = (
    *(compose("continuous", neurons=name) for name in ("erf", "relu", "hardtanh", "linear")),
    *(compose("moment-matching", neurons=name) for name in ("erf", "tanh", "hardtanh", "linear")),
    compose("deterministic", noise="gaussian:0.3"),
    compose("deterministic", noise="logistic"),
    compose("deterministic", noise="logistic", form="matched"),
    compose("deterministic", form="paper"),
    compose("deterministic", weights="fixed", form="paper"),
    compose("lrt", neurons="sign"),
)
ROWS = pytest.mark.parametrize("surrogate", [*CATALOGUE, *COMPOSED], ids=lambda surrogate: surrogate.name)
MATCHED = ("relu", "erf", "tanh", "hardtanh", "linear")
NOISES = ("gaussian:0.5", "logistic", "uniform", "laplace", "cauchy", "cdf:(1 + h/sqrt(1 + h**2))/2")


def matched(neurons: str) -> Theory:
    return derive(compose("moment-matching", neurons=neurons))


def means_of(surrogate: Surrogate) -> tuple[float, ...]:
    if surrogate.weights.mean_square is not None:
        return (float(surrogate.weights.mean_square),)
    return (0.0, 0.5, 1.0) if surrogate.weights.is_random or surrogate.form.phi is None else (0.5, 1.0)  # Sigma > 0


@ROWS
@pytest.mark.parametrize(
    "backend", [NUMPY, pytest.param(TORCH, marks=pytest.mark.slow)], ids=lambda backend: backend.name
)
def test_maps_are_numbers_everywhere(surrogate: Surrogate, backend: object) -> None:
    theory = derive(surrogate)
    maps = compile_theory(theory, backend)
    ends, gaps = [0.0, 1e-300, 1e-12, 1.0, 1e12, 1e200, math.inf], [0.0, 1e-250, 0.3, 1.0, 2.0]
    axes = [gaps, ends, means_of(surrogate), [0.0, 0.1, 1e6], *([[1e-6, 1e6]] if theory.maps.takes_total else [])]
    at_gap = [each.ravel() for each in np.meshgrid(*axes)]
    points = {"gap_map": at_gap, "chi_at_gap": at_gap, "variance_map": at_gap[1:], "variance_slope": at_gap[1:],
              "total_map": at_gap[1:4], "total_slope": at_gap[1:4]}  # fmt: skip
    for name, arguments in points.items():
        given = arguments if backend is NUMPY else [torch.as_tensor(each) for each in arguments]
        value = np.asarray(getattr(maps, name)(*given))
        assert not np.any(np.isnan(value)), (name, [each[np.isnan(value)][:3] for each in arguments])


@ROWS
def test_the_slope_of_the_variance_map_tends_to_its_limits(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    maps, extra = compile_theory(theory), (0.8,) if theory.maps.takes_total else ()
    for means in means_of(surrogate):
        for end, near in ((0.0, 1e-20), (math.inf, 1e20)):
            limit, value = (float(maps.variance_slope(at, means, 0.3, *extra)) for at in (end, near))
            assert value == pytest.approx(limit, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("neurons", MATCHED)
def test_moment_matching_with_all_means_at_their_bounds(neurons: str) -> None:
    """r = 1 is a fixed point: the stable one, q = infinity, where chi_1 = E phi'^2 <= 1."""
    theory, slopes = matched(neurons), {"relu": 0.5, "linear": 1.0}
    for biases in (0.1, 3.0):
        found = described(theory, 1.0, biases)
        assert (found["q"], found["r"], found["c"]) == (math.inf, 1, 1)
        assert found["chi"] == found["chi_1"] == found["dq"] <= 1
        assert found["chi"] == pytest.approx(slopes.get(neurons, found["chi"]), rel=1e-15)
        assert found["all_q"] == [{"q": math.inf, "stable": True}]


def test_moment_matching_erf_leaves_the_sharp_field_below_the_certified_bias() -> None:
    """The certificate places chi_1 = 1 of sigma_m2 = 1 at sigma_b2 = 0.0029742010, T = 0.15528473."""
    theory = matched("erf")
    assert fixed_point(theory, 1.0, 0.00298).q == math.inf
    inside = fixed_point(theory, 1.0, 0.00296)
    assert 100 < inside.q < math.inf
    assert inside.chi_1 < 1
    assert [(point.q, point.stable) for point in all_variances(theory, 1.0, 0.00296)] == [
        (pytest.approx(float(inside.q), rel=1e-9), True), (math.inf, False)]  # fmt: skip
    at_zero = fixed_point(theory, 1.0, 0.0)
    assert (at_zero.q, at_zero.r) == (0, 0)
    assert at_zero.chi_1 == pytest.approx(4 / math.pi / (1 + 2 * float(at_zero.T)), rel=1e-13)


@pytest.mark.parametrize("means", [0.0, 0.5, 1.0])
def test_fields_that_vanish_take_their_limit(means: float) -> None:
    """relu without biases: T' = T/2. All is as sigma_b2 -> 0, where chi_1 <= sigma_m2/2 (certificate: none)."""
    theory = matched("relu")
    vanished, near = fixed_point(theory, means, 0.0), fixed_point(theory, means, 1e-30)
    assert vanished.T == 0
    for name in ("q", "r", "c", "gap", "chi", "chi_1", "dq", "xi_q", "xi_c"):
        assert getattr(vanished, name) == pytest.approx(getattr(near, name), rel=1e-13), name
    assert vanished.chi_1 <= means / 2
    assert vanished.sigma_b2 == 0


def test_total_variances_that_diverge() -> None:
    """Linear neurons with biases: T' = T + sigma_b2, and the biases are lost in it."""
    found = fixed_point(matched("linear"), 0.5, 0.1)
    assert (found.T, found.c) == (math.inf, 1)
    assert found.q < 1e-100
    assert found.chi == pytest.approx(0.5)


@pytest.mark.parametrize("neurons", ["hardtanh", "tanh", "erf", "relu"])
def test_fields_that_vanish_under_fixed_weights(neurons: str) -> None:
    found = described(derive(compose("continuous", neurons=neurons)), 0.5, 0.0)
    slope = {"erf": 2 / math.pi, "relu": 0.25}.get(neurons, 0.5)
    assert (found["q"], found["phase"]) == (0, "ordered")
    assert found["chi"] == found["chi_1"] == pytest.approx(slope, rel=1e-15)


def test_even_forms_sharpen_as_the_root_of_q() -> None:
    """Where phi -> 1 on both sides, 1 - E phi^2 falls as q^(-1/2): q' grows as q^(1/2), of slope 0 far out."""
    maps = compile_theory(derive(compose("deterministic", phi="abs(tanh(h))")))
    ends = maps.variance_map(np.array([1e8, 1e12]), 1.0, 0.1)
    assert ends[1] / ends[0] == pytest.approx(100, rel=1e-3)
    assert float(maps.variance_slope(math.inf, 1.0, 0.1)) == 0


def test_means_at_zero_forget_at_once() -> None:
    for name in ("peters-welling", "lrt", "stochastic-binary", "deterministic"):
        found = fixed_point(derive(compose(name)), 0.0, 0.1)
        assert (found.chi, found.chi_1, found.xi_c) == (0, 0, 0)


def test_a_linear_map_at_criticality_has_no_power_law() -> None:
    found = described(matched("linear"), 1.0, 0.0)
    assert (found["phase"], found["decay"]) == ("critical", {})


@pytest.mark.parametrize("means", [1 - 1e-13, 1.0])
def test_the_slope_of_the_paper_form_keeps_its_digits(means: float) -> None:
    """dq'/dq = T' dA/dq / D^2, D = 1 - sigma_m2 + sigma_m2 (1 - A): 1 - A is of order 1e-6 at q = 1e12."""
    maps = compile_theory(derive(compose("deterministic", form="paper")))
    with mpmath.workdps(40):
        at, weight, bias = mpmath.mpf(10) ** 12, mpmath.mpf(means), mpmath.mpf("0.1")
        unlike, growth = LOGISTIC["TanhMean"](mpmath.mpf(0), at, 1), LOGISTIC["TanhOverlapGrowth"](at, mpmath.mpf(1))
        expected = weight * growth * (1 + bias) / (1 - weight + weight * unlike) ** 2
        assert float(maps.variance_slope(1e12, means, 0.1)) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("spread", [1e-4, 1.0, 1e4])
def test_what_logistic_neurons_leave_unlike_keeps_its_digits(spread: float) -> None:
    """1 - E tanh tanh at correlation q/(1+q), as q -> infinity and where the noise is small."""
    maps = compile_theory(derive(compose("deterministic", noise=f"logistic:{1 / spread}")))
    with mpmath.workdps(60):
        total = mpmath.mpf("1.1") * mpmath.mpf(spread) ** 2 / 4
        alike = LOGISTIC["TanhOverlap"](total, 1 / (1 + 1 / mpmath.mpf(10) ** 12))
        expected = (alike + mpmath.mpf("0.1")) / (1 - alike)
    assert float(maps.variance_map(1e12, 1.0, 0.1)) == pytest.approx(float(expected), rel=1e-12)


@ROWS
def test_the_slope_of_the_variance_map_is_its_derivative(surrogate: Surrogate) -> None:
    theory, step = derive(surrogate), 1e-3
    maps, extra, at = compile_theory(theory), (0.8,) if theory.maps.takes_total else (), np.array([1e-6, 0.3, 50.0])
    for means in means_of(surrogate)[:2]:
        ends = [maps.variance_map(at * (1 + side * step), means, 0.3, *extra) for side in (-2, -1, 1, 2)]
        slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step * at)
        reachable = 1e-9 + 1e-13 * ends[0] / (step * at)
        assert np.all(np.abs(slope - maps.variance_slope(at, means, 0.3, *extra)) <= reachable * (1 + np.abs(slope)))


def test_the_curve_of_ternary_weights_is_critical() -> None:
    theory = derive(compose("deterministic", weights="ternary:0.9", form="paper", gain=3))
    maps = compile_theory(theory)
    for point in critical_curve(theory, [1e-6, 0.1, 3.0]):
        state = point.q, point.sigma_m2, point.sigma_b2
        assert float(maps.chi_at_gap(0.0, *state)) == pytest.approx(1, abs=1e-14)
        assert float(maps.variance_map(*state)) == pytest.approx(point.q, rel=1e-13)


def test_without_balls_the_curve_is_that_of_the_emitted_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    theory, at = derive(compose("deterministic", phi="erf", gain=1.5)), [1e-6, 0.1, 3.0]
    by_balls = critical_curve(theory, at)
    monkeypatch.setattr("meanbits.numerics.solvers.critical._moments", lambda found: None)
    emitted = critical_curve(theory, at)
    assert len(emitted) == len(by_balls) == 3
    for one, other in zip(emitted, by_balls, strict=True):
        assert (one.q, one.stable) == (other.q, other.stable)
        assert one.sigma_m2 == pytest.approx(other.sigma_m2, rel=1e-9)
        assert one.sigma_b2 == pytest.approx(other.sigma_b2, rel=1e-9, abs=4e-16 * one.q)  # what is left of q, rounded


def test_the_proven_ray_of_fixed_weights_is_where_their_condition_changes_sign() -> None:
    theory = derive(compose("deterministic", weights="fixed", form="paper", gain="1.1"))
    found = certify(theory)
    assert (found.feasible, found.certified) == ("attained", True)
    assert found.box is not None
    assert theory.criticality is not None
    signs = [sp.sign(theory.criticality.curve_constraint.subs(q, end * step).evalf())
             for end, step in zip(found.box["q"], (1 - 1e-6, 1 + 1e-6), strict=True)]  # fmt: skip
    assert sorted(signs) == [-1, 1]
    low, high = found.box["sigma_m2"]
    assert found.box["sigma_b2"] == pytest.approx((1 - high, 1 - low), abs=1e-12)  # at T = 1
    assert theory.criticality.curve is not None
    along = theory.criticality.curve[1].subs({sigma_m2: (low + high) / 2, q: sum(found.box["q"]) / 2})
    assert float(along) == pytest.approx(1 - (low + high) / 2, abs=1e-9)


@pytest.mark.slow
def test_fixed_weights_in_paper_form_are_critical_along_a_ray() -> None:
    """Only sigma_b2 / sigma_m2 and q are determined: curve_constraint gives q, sigma_m2 is free."""
    theory = derive(compose("deterministic", weights="fixed", form="paper", gain="1.1"))
    critical, maps = theory.criticality, compile_theory(theory)
    assert critical is not None
    assert critical.curve is not None
    assert critical.curve[0] == sigma_m2
    assert critical.curve_constraint.free_symbols == {q}
    assert critical_curve(theory) == ()
    root = brentq(lambda at: float(critical.curve_constraint.subs(q, at).evalf()), 0.01, 100)
    for means in (0.3, 7.0):
        biases = float(critical.curve[1].subs({q: root, sigma_m2: means}))
        assert float(maps.variance_map(root, means, biases)) == pytest.approx(root, rel=1e-12)
        assert float(maps.chi_at_gap(0.0, root, means, biases)) == pytest.approx(1, abs=1e-12)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("network", "sample-neurons")]


@pytest.mark.parametrize("treatment", ["marginalise", "sample", *SLOW])
@pytest.mark.parametrize("noise", NOISES)
def test_every_noise_derives_emits_and_settles(noise: str, treatment: str) -> None:
    theory = derive(compose("deterministic", noise=noise, treatment=treatment))
    maps = compile_theory(theory)
    gaps, states = np.array([0.0, 1e-30, 0.4, 2.0])[:, None], np.array([0.0, 1e-3, 2.0, 1e5, np.inf])
    for name in ("gap_map", "chi_at_gap"):
        assert not np.any(np.isnan(getattr(maps, name)(gaps, states, 0.5, 0.1)))
    found = fixed_point(theory, [0.0, 0.5, 1.0], 0.1)
    assert not any(np.any(np.isnan(values)) for values in vars(found).values())
    assert np.all(found.chi < 1)
    after = maps.gap_map(found.gap, found.q, [0.0, 0.5, 1.0], 0.1)
    assert after == pytest.approx(found.gap, rel=1e-11)


@pytest.mark.parametrize("noise", NOISES[1:])  # of Gaussian noise the squares of T overflow, and q is refused
def test_slopes_of_the_widest_fields_do_not_overflow(noise: str) -> None:
    """Of q and of c they are slopes of one replica map at its fixed point."""
    for biases in (1e100, 1e250):
        found = fixed_point(derive(compose("deterministic", noise=noise)), 0.1, biases)
        assert found.chi_1 > 0
        assert found.chi_1 == pytest.approx(found.dq, rel=1e-9)


@ROWS
def test_numbers_beside_arrays_are_as_arrays_of_them(surrogate: Surrogate) -> None:
    maps, q = compile_theory(derive(surrogate)), np.array([0.0, 1.0, math.inf])
    rest = {"T": 1.0} if derive(surrogate).maps.takes_total else {}
    for means in means_of(surrogate):
        for biases in (0.0, 0.1, 1e200):
            with np.errstate(all="ignore"):
                beside, arrays = (maps.variance_map(q, *each, **rest) for each in (
                    (means, biases), (np.full(3, means), np.full(3, biases))))  # fmt: skip
            np.testing.assert_array_equal(beside, arrays)
