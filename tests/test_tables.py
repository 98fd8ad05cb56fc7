"""Tables against the functions they stand for."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from meanbits.numerics.blocks import BLOCK
from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers import solve
from meanbits.numerics.solvers.ratios import Tables
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.solvers.tables import TOLERANCE, tabulated
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.logistic_mixture import tanh_difference, tanh_overlap, tanh_slope_overlap

TANH = derive(compose("continuous"))
PAPER = derive(compose("deterministic", form="paper", phi="tanh", gain=3))
LRT = derive(compose("lrt"))
MAPS = pytest.mark.parametrize("theory", [TANH, PAPER, LRT], ids=lambda theory: theory.surrogate.name)
ACCURACY = 3e-14


def points(count: int = 10000) -> tuple[np.ndarray, np.ndarray]:
    """Gaps from 1e-250 to 1, half of them above 1e-8, and q from 1e-12 to 1e12."""
    generator = np.random.default_rng(5)
    exponent = np.where(generator.random(count) < 0.5, -250.0, -8.0) * generator.random(count)
    return 10**exponent, 10 ** generator.uniform(-12, 12, count)


@MAPS
def test_tables_are_the_maps(theory: Theory) -> None:
    tables, maps, (gap, q) = tabulated(theory), compile_theory(theory), points()
    assert tables.bound < 1e-14
    for means, biases in ((0.9, 0.0), (0.6, 0.3)):  # without biases the maps are multiples of the ratios
        for name in ("gap_map", "chi_at_gap"):
            found, expected = (getattr(each, name)(gap, q, means, biases) for each in (tables, maps))
            assert np.max(np.abs(found / expected - 1)) < ACCURACY
        for name in ("variance_map", "variance_slope"):
            found, expected = (getattr(each, name)(q, means, biases) for each in (tables, maps))
            assert np.max(np.abs(found - expected) / np.where(expected == 0, 1, np.abs(expected))) < ACCURACY


@pytest.mark.parametrize("neurons", ["gelu", "expr:gelu(10*h)"])
def test_quadratures_have_tables_whatever_they_vary_on(neurons: str) -> None:
    """Also where slopes at equal inputs do not grow with q, as those of half lines: they turn at gaps of 1 / q."""
    theory = derive(compose("continuous", neurons=neurons))
    tables, maps, generator = tabulated(theory), compile_theory(theory), np.random.default_rng(3)
    assert tables.bound < TOLERANCE
    gap, q = 10 ** generator.uniform(-12, 0, 30), 10 ** generator.uniform(-4, 2, 30)
    for name in ("gap_map", "chi_at_gap"):
        found, expected = (getattr(each, name)(gap, q, 0.9, 0.1) for each in (tables, maps))
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE)


def test_tables_of_tanh_against_arbitrary_precision() -> None:
    tables = tabulated(TANH)
    for gap, q in ((1e-250, 1e-12), (1e-9, 3e6), (0.02, 0.7), (0.8, 20.0), (1.0, 1e12)):
        with mpmath.workdps(40):
            at = mpmath.mpf(q)
            alike = tanh_overlap(at, mpmath.mpf(1))
            fall = tanh_difference(at, mpmath.mpf(0), mpmath.mpf(gap)) / alike
            slope = at * tanh_slope_overlap(at, mpmath.mpf(gap) * (2 - mpmath.mpf(gap))) / alike
        assert tables.variance_map(q, 1.0, 0.0) == pytest.approx(float(alike), rel=ACCURACY)
        assert tables.gap_map(gap, q, 1.0, 0.0) == pytest.approx(float(fall), rel=ACCURACY)
        assert tables.chi_at_gap(gap, q, 1.0, 0.0) == pytest.approx(float(slope), rel=ACCURACY)


@MAPS
def test_negative_correlations(theory: Theory) -> None:
    tables, maps, (gap, q) = tabulated(theory), compile_theory(theory), points(2000)
    for name in ("gap_map", "chi_at_gap"):
        found, expected = (getattr(each, name)(2 - gap, q, 0.6, 0.3) for each in (tables, maps))
        assert np.max(np.abs(found / expected - 1)) < ACCURACY


@MAPS
def test_beyond_the_tables_maps_are_evaluated_directly(theory: Theory) -> None:
    tables, maps = tabulated(theory), compile_theory(theory)
    q = np.array([0.0, 1e-300, 1e-13, 0.3, 1e13, 1e300, np.inf, np.nan])
    for gap in (0.0, 0.3, 2.0):
        assert np.allclose(tables.gap_map(gap, q, 0.6, 0.3), maps.gap_map(gap, q, 0.6, 0.3), ACCURACY, 0, True)
        inside, outside = ([each.chi_at_gap(gap, q[i : i + 1], 0.6, 0.3) for each in (tables, maps)] for i in (3, 4))
        assert inside[0] == pytest.approx(inside[1], rel=ACCURACY)
        assert outside[0] == outside[1]
    assert np.allclose(tables.variance_map(q, 0.6, 0.3), maps.variance_map(q, 0.6, 0.3), ACCURACY, 0, True)


def test_tables_broadcast_in_blocks() -> None:
    tables = tabulated(TANH)
    q, means = np.geomspace(1e-3, 1e3, BLOCK)[:, None], np.array([0.5, 1.0, 2.0])
    whole = tables.gap_map(0.1, q, means, 0.2)
    assert whole.shape == (BLOCK, 3)
    assert np.array_equal(whole[::999], tables.gap_map(0.1, q[::999], means, 0.2))
    assert tables.variance_map(0.3, 1.0, 0.1).shape == ()
    assert tables.variance_map(np.empty(0), 1.0, 0.1).shape == (0,)


def test_one_state_of_many_variances_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And in blocks or not, far out of the tables or not, gives what each of these variances has alone."""
    asked, ratio = [], Tables.ratio
    with monkeypatch.context() as patched:
        patched.setattr(Tables, "ratio", lambda *given: asked.append(given[-1].size) or ratio(*given))
        tables = tabulated.__wrapped__(TANH)
        q, means = np.geomspace(1e-300, 1e300, 200)[:, None], np.linspace(0.1, 4, 1000)
        together = tables.variance_map(q, means, 0.2)
    assert sum(asked) == q.size
    alone = [tables.variance_map(q[:, 0], each, 0.2) for each in means[::99]]
    assert np.array_equal(together[:, ::99].T, alone)


def test_slopes_of_tables_have_the_limits_of_the_maps() -> None:
    """Where E f^2 grows as q does, too: its growth, of which the slope is a share, is infinite at infinity."""
    for neurons, slope in (("gelu", 0.35), ("tanh", 0.0)):
        theory, ends = derive(compose("continuous", neurons=neurons)), np.array([0.0, np.inf, 1.0])
        found = tabulated(theory).variance_slope(ends, 0.7, 0.1)
        assert found[1] == slope
        assert found == pytest.approx(compile_theory(theory).variance_slope(ends, 0.7, 0.1), rel=TOLERANCE)


@pytest.mark.parametrize(("theory", "top"), [(TANH, 4.0), (PAPER, 1.0), (LRT, 1.0)], ids=["continuous", "paper", "lrt"])
def test_fixed_points_through_tables(theory: Theory, top: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(6)
    means, biases = top * generator.random(6000), 10 ** generator.uniform(-6, 1, 6000)
    means[:50], biases[::100] = top, 0
    found = fixed_point(theory, means, biases)
    monkeypatch.setattr(solve, "MANY", np.inf)
    few = slice(None, None, 2)
    direct = fixed_point(theory, means[few], biases[few])
    margin = 1 / np.minimum(np.minimum(np.abs(1 - direct.dq), np.abs(1 - direct.chi)), 1)
    for name in ("q", "T", "gap", "chi", "chi_1", "dq", "xi_q", "xi_c"):
        values, expected = getattr(found, name)[few], getattr(direct, name)
        same = values == expected
        error = np.abs(np.where(same, 0, values - expected)) / np.where(expected == 0, 1, np.abs(expected))
        assert np.max(error / margin) < 1e-12, name
        assert np.max(np.where(margin < 1e3, error, 0)) < 1e-11, name


@pytest.mark.parametrize(("surrogate", "costly"), [
    (compose("continuous"), True), (compose("stochastic-binary"), True), (compose("lrt", noise="laplace"), True),
    (compose("continuous", neurons="erf"), False), (compose("moment-matching"), False), (compose("baldassi"), False),
    (compose("deterministic", noise="laplace"), False),
], ids=lambda value: getattr(value, "name", None))  # fmt: skip
def test_what_is_costly(surrogate: object, costly: bool) -> None:
    assert derived_traits(derive(surrogate)).is_costly is costly  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("phi", ["h/sqrt(1+h**2)", "h/(1+abs(h))"])
def test_tables_of_quadratures(phi: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theory = derive(compose("deterministic", form="paper", phi=phi))
    tables = tabulated(theory)
    assert tables.bound < 1e-12
    generator = np.random.default_rng(7)
    means, biases = generator.random(60), 10 ** generator.uniform(-6, 0, 60)
    direct = fixed_point(theory, means, biases)
    monkeypatch.setattr(solve, "MANY", 1)
    found = fixed_point(theory, means, biases)
    for name in ("q", "gap", "chi_1", "dq", "xi_c"):
        assert getattr(found, name) == pytest.approx(getattr(direct, name), rel=1e-10)
