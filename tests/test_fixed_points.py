"""Fixed points of maps of any shape: against definitions by SciPy and mpmath, synthetic maps, and iteration."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy import integrate
from scipy.optimize import brentq

from meanbits.cli import main
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.newton import positive_fixed_point
from meanbits.numerics.solvers.scan import FixedPoints, NoFixedPointError, scanned_fixed_points
from meanbits.numerics.solvers.settle import put_back, settled
from meanbits.numerics.solvers.shape import (
    LOG_X,
    _falls_and_rises,
    _is_inelastic,
    total_crosses_once,
    variance_crosses_once,
)
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.solvers.stability import all_variances, described
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive

P = "sign(h)*(1-exp(-abs(h)))"
S_SHAPED = "(tanh(h)+9*tanh(h)**3)/10"


def paper(phi: str, gain: float) -> Theory:
    return derive(compose("deterministic", phi=phi, gain=gain))


def half_line() -> tuple[np.ndarray, np.ndarray]:
    """Nodes z > 0 and weights of the mean over |z|, z ~ N(0, 1): Gauss-Legendre panels that shrink towards 0."""
    x, w = np.polynomial.legendre.leggauss(30)
    edges = np.append(0, np.geomspace(1e-5, 12, 70))
    half = (edges[1:] - edges[:-1])[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * x).ravel()
    return z, (half * w).ravel() * np.exp(-z * z / 2) * math.sqrt(2 / math.pi)


def mean_square(phi: Callable[[float], float], variance: float) -> float:
    def integrand(z: float) -> float:
        return phi(math.sqrt(variance) * z) ** 2 * math.exp(-z * z / 2) * math.sqrt(2 / math.pi)

    edges = [0, *np.geomspace(1e-6, 1, 13), 3, 12]
    return sum(integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pairwise(edges))


def iterated(
    theory: Theory, steps: int, means: np.ndarray, biases: np.ndarray, gains: np.ndarray | float = 1.0
) -> np.ndarray:
    """The variances after this many layers from q = 1, or where another layer changes none of their digits."""
    q, after = np.ones(means.shape), compile_theory(theory).variance_map
    for _ in range(steps):
        before, q = q, after(gains**2 * q, means, biases)
        if np.all(np.abs(q - before) <= 1e-15 * q):
            break
    return q


@pytest.mark.parametrize(("gain", "means", "biases", "expected"), [
    (1.99, 0.5, 0.1, 0.3108), (1.9, 0.5, 0.1, None), (2.0, 0.5, 0.1, None), (0.079, 1.0, 0.83, 0.8386),
    (19.452, 0.999, 5.7e-5, None),
])  # fmt: skip
def test_one_sided_exponentials_against_their_definition(
    gain: float, means: float, biases: float, expected: float | None
) -> None:
    """r T' = sigma_m2 E phi^2 + sigma_b2 in r = q/(1 + q), from r = 1/2 downwards or upwards; chi_1 by E phi'^2."""

    def excess(r: float) -> float:
        size = mean_square(lambda x: -math.expm1(-x), gain**2 * r / (1 - r))
        return (means * size + biases) / (1 + biases) - r

    root = brentq(excess, 1e-9, 1 - 1e-9, xtol=1e-15)
    q = root / (1 - root)
    found = fixed_point(paper(P, gain), means, biases)
    assert found.q == pytest.approx(q, rel=1e-10)
    if expected is not None:
        assert found.q == pytest.approx(expected, abs=5e-5)
    steep = mean_square(lambda x: math.exp(-x), gain**2 * q)
    assert found.chi_1 == pytest.approx((1 + q) / (1 + biases) * means * gain**2 * steep, rel=1e-10)
    near = [(means * mean_square(lambda x: -math.expm1(-x), gain**2 * q * (1 + s)) + biases) for s in (-1e-4, 1e-4)]
    slopes = np.diff([each / (1 + biases - each) for each in near])[0] / (2e-4 * q)
    assert found.dq == pytest.approx(slopes, rel=1e-6)
    assert found.phase == ("ordered" if found.chi_1 < 1 else "chaotic")


def test_biases_next_to_nothing_and_beyond_every_scale() -> None:
    """Sign neurons: q = sigma_b2/(1 - 2 sigma_m2/pi) as sigma_b2 -> 0, (sigma_b2 + sigma_m2)/(1 - sigma_m2) beyond."""
    theory = derive(compose("deterministic"))
    small, large = fixed_point(theory, 0.5, 1e-310), fixed_point(theory, 0.5, 1e218)
    assert small.q == pytest.approx(1e-310 / (1 - 1 / math.pi), rel=1e-12)
    assert small.chi_1 == pytest.approx(1 / math.pi, rel=1e-12)
    assert (small.c, small.phase) == (1, "ordered")
    assert large.q == pytest.approx(2e218, rel=1e-15)
    assert (large.c, large.phase) == (1, "ordered")
    assert large.chi_1 == pytest.approx(1 / math.pi * math.sqrt(2e218 / 2) / 1e218, rel=1e-12)


def test_sign_neurons_of_fixed_weights_beyond_every_scale() -> None:
    """1 - c' = K sqrt(1 - c), K = (2/pi) sqrt(2) sigma_m2/(sigma_m2 + sigma_b2), has slope 1/2 where it is fixed."""
    theory = derive(compose("continuous", neurons="sign"))
    for biases in (1e10, 1e200):
        found = fixed_point(theory, 0.5, biases)
        assert found.chi == pytest.approx(0.5, rel=1e-9)
        assert (found.chi_1, found.c) == (np.inf, 1)


@pytest.mark.parametrize(
    "means", [pytest.param(0.3, marks=pytest.mark.slow), pytest.param(0.95, marks=pytest.mark.slow), 1.0]
)
def test_one_of_several_is_reached_from_one_and_all_are_listed(means: float) -> None:
    """tanh^3 with a little tanh: a small q, a large one, and an unstable one between, by panels."""
    theory, (z, weight) = paper(S_SHAPED, 3), half_line()
    every = (1e-3, 3e-3, 0.3)
    reached = dict(zip(every, iterated(theory, 2000, np.full(3, means), np.array(every)), strict=True))

    def excess(log_q: float, biases: float) -> float:
        t = np.tanh(3 * math.exp(log_q / 2) * z)
        size = float(weight @ ((t + 9 * t**3) / 10) ** 2)
        return math.log((means * size + biases) / (1 - means * size)) - log_q

    for biases in every:
        grid = np.linspace(-12, 6, 400)
        values = [excess(each, biases) for each in grid]
        panels = zip(pairwise(grid), pairwise(values), strict=True)
        brackets = [ends for ends, (before, after) in panels if (before > 0) != (after > 0)]
        roots = [math.exp(brentq(excess, *ends, args=(biases,), xtol=1e-13)) for ends in brackets]
        points = [point for point in all_variances(theory, means, biases) if not math.isinf(point.q)]
        assert [point.q for point in points] == pytest.approx(roots, rel=1e-7)
        assert [point.stable for point in points] == [index % 2 == 0 for index in range(len(roots))]
        assert fixed_point(theory, means, biases).q == pytest.approx(reached[biases], rel=1e-9)


def test_several_stable_points_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = described(paper(S_SHAPED, 3), 0.95, 0.003)
    assert found["bistable"]
    assert not found["every_q"]
    assert main(["fixed-point", "--phi", S_SHAPED, "--gain", "3", "--sigma-m2", "0.95", "--sigma-b2", "0.003"]) == 0
    assert "bistable" in capsys.readouterr().out


def test_points_of_many_gains_are_those_of_each() -> None:
    """Of a neuron that is scanned at some gains, at 2 and 3, and not at 1/2."""
    theory, means, gains = paper(S_SHAPED, 3), np.array([0.3, 0.95]), np.array([0.5, 2.0, 3.0])
    assert [variance_crosses_once(theory, (each / 3) ** 2) for each in gains] == [True, False, False]
    together = fixed_point(theory, means[:, None], 0.003, gains)
    for name in ("q", "gap", "dq", "chi"):
        alone = [getattr(fixed_point(theory, means, 0.003, each), name) for each in gains]
        np.testing.assert_allclose(getattr(together, name).T, alone, rtol=1e-12)


@pytest.mark.parametrize(("name", "neurons", "means"), [("continuous", "relu", 2.0), ("continuous", "linear", 1.0)])
def test_every_q_is_fixed_where_the_map_is_the_identity(name: str, neurons: str, means: float) -> None:
    found = described(derive(compose(name, neurons=neurons)), means, 0.0)
    assert found["every_q"]
    assert found["all_q"] == []
    assert (found["q"], found["dq"], found["chi_1"], found["phase"]) == (1, 1, 1, "critical")


PHIS = ("tanh", "erf", P, "tanh(sinh(h))", S_SHAPED)


@pytest.mark.parametrize("phi", [PHIS[0], P, pytest.param(S_SHAPED, marks=pytest.mark.slow),
                                 pytest.param(PHIS[3], marks=pytest.mark.slow)])  # fmt: skip
def test_fixed_points_over_random_parameters_return(phi: str) -> None:
    """Put back into the map, and reached by its iteration from q = 1; vectors of gains alike."""
    generator, theory = np.random.default_rng(5), paper(phi, 1)
    means, biases = generator.uniform(0, 1, 40), 10 ** generator.uniform(-6, 1, 40)
    gains = 10 ** generator.uniform(-1, 1, 40)
    found, after = fixed_point(theory, means, biases, gains), compile_theory(theory).variance_map
    assert after(gains**2 * found.q, means, biases) == pytest.approx(found.q, rel=1e-11)
    assert np.all(np.abs(found.dq) < 1)
    q, settled_there = iterated(theory, 4000, means, biases, gains), found.dq < 0.99
    assert np.mean(settled_there) > 0.8
    assert q[settled_there] == pytest.approx(found.q[settled_there], rel=1e-9)


def test_gains_of_extreme_size_and_many_digits() -> None:
    for gain in (1e-9, 123456789.12345679, 0.1 + 0.2):
        theory = derive(compose("deterministic", phi="erf", gain=repr(gain)))
        found, unit = fixed_point(theory, 0.7, 0.05), fixed_point(paper("erf", 1), 0.7, 0.05, gain)
        assert not any(np.isnan(values) for values in vars(found).values())
        assert found.q == pytest.approx(float(unit.q), rel=1e-12)


def synthetic(
    log_roots: list[float], touch: float = 0.0
) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """log after(x) - log x = - prod tanh((log x - root) / 4) - touch, and its slope, for one point."""

    def excess(x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return -np.prod([np.tanh((np.log(x) - root) / 4) for root in log_roots], 0) - touch

    def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.where((x == 0) | np.isinf(x), x, x * np.exp(excess(x))) * np.ones(chosen.shape)

    def slope(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        near = np.maximum(x, 1e-300)
        return (after(near * (1 + 1e-7), chosen) - after(near * (1 - 1e-7), chosen)) / (2e-7 * near)

    return after, slope


@pytest.mark.parametrize(("roots", "reached"), [
    ([0.3], 0.3), ([-3.0, 1.0, 7.5], -3.0), ([-3.0, -1.0, 7.5], 7.5), ([-200.0, -5.0, 5.0, 9.0, 301.5], 5.0),
    ([0.1, 0.2, 0.3], 0.1), ([0.0], 0.0), ([-1.0, 0.5, 1.2], -1.0),
])  # fmt: skip
def test_scans_find_every_root_of_synthetic_maps(roots: list[float], reached: float) -> None:
    found = scanned_fixed_points(*synthetic(roots), 1)
    inner = (found.x > 0) & np.isfinite(found.x)
    assert np.log(found.x[inner]) == pytest.approx(roots, abs=1e-9)
    assert list(found.stable[inner]) == [index % 2 == 0 for index in range(len(roots))]
    assert math.log(found.reached[0]) == pytest.approx(reached, abs=1e-9)


def test_many_maps_are_scanned_as_each_alone() -> None:
    """Humps b + a x^2/(1 + x^p): to infinity, with one to three fixed points, and falling ones, which are iterated."""
    generator, count = np.random.default_rng(8), 120
    a, b = 10 ** generator.uniform(-1, 1.5, count), 10 ** generator.uniform(-6, 0.5, count)
    p = generator.choice([1, 2, 2.5, 3], count)
    b[::5] = 0

    def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            return b[chosen] + a[chosen] / (x**-2.0 + x ** (p[chosen] - 2))

    def slope(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            hump = (2 * x**-3.0 - (p[chosen] - 2) * x ** (p[chosen] - 3)) / (x**-2.0 + x ** (p[chosen] - 2)) ** 2
        return a[chosen] * np.where(x == 0, 0, hump)

    def alone(which: int) -> FixedPoints:
        return scanned_fixed_points(*(lambda x, _, map=map: map(x, np.array([which])) for map in (after, slope)), 1)

    many, each, every = scanned_fixed_points(after, slope, count), [alone(k) for k in range(count)], np.arange(count)
    assert np.array_equal(many.owner, np.repeat(every, [found.x.size for found in each]))
    assert set(np.bincount(many.owner)) == {1, 2, 3}
    assert all(np.any(kind) for kind in (many.slope < -0.1, np.isinf(many.reached), many.reached == 0))
    for name in ("x", "slope", "stable", "reached"):
        separate = np.concatenate([getattr(found, name) for found in each])
        np.testing.assert_allclose(getattr(many, name), separate, rtol=1e-12)
    x = np.ones(count)
    for _ in range(20000):
        x = np.minimum(after(x, every), 1e300)
    assert np.minimum(many.reached, 1e300) == pytest.approx(x, rel=1e-9, abs=1e-300)


def test_pairs_between_two_nodes_are_found_and_touching_ones_are_not_invented() -> None:
    def touching(depth: float) -> FixedPoints:
        def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore", invalid="ignore"):
                bump = (np.log(x) - 3.21) ** 2 / (1 + (np.log(x) - 3.21) ** 2)
                return np.where(np.isinf(x), 1e300, x * np.exp(np.where(x == 0, 0, bump - depth))) * np.ones(
                    chosen.shape
                )

        def slope(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            return (after(x * (1 + 1e-7), chosen) - after(x * (1 - 1e-7), chosen)) / (2e-7 * np.maximum(x, 1e-300))

        return scanned_fixed_points(after, slope, 1)

    two = touching(1e-6)
    inner = (two.x > 1) & (two.x < 100)
    assert np.log(two.x[inner]) == pytest.approx([3.21 - 1e-3, 3.21 + 1e-3], abs=1e-6)
    assert list(two.stable[inner]) == [True, False]
    none = touching(-1e-6)
    assert not np.any((none.x > 1) & (none.x < 100))


def test_cycles_are_refused_by_name() -> None:
    def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return 10 / (1 + x**3) * np.ones(chosen.shape)

    def slope(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return -30 * x**2 / (1 + x**3) ** 2 * np.ones(chosen.shape)

    high = brentq(lambda x: 10 / (1 + (10 / (1 + x**3)) ** 3) - x, 5, 11)
    with pytest.raises(NoFixedPointError, match="cycle of period 2") as caught:
        scanned_fixed_points(after, slope, 3)
    assert caught.value.point == 0
    assert f"and {high:.6g}" in caught.value.reason


def test_results_that_the_map_does_not_return_are_errors() -> None:
    def after(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return np.full(chosen.shape, 2.0) + (chosen == 1) * np.where(x == 2, 1e-6, 0)

    def slope(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return np.zeros(chosen.shape)

    assert list(put_back(np.array([2.0]), after, slope)) == [2.0]
    with pytest.raises(NoFixedPointError, match="2 was found and maps to 2"):
        put_back(np.array([2.0, 2.0]), after, slope)
    with pytest.raises(NoFixedPointError, match="no number"):
        put_back(np.array([0.0, np.nan]), after, slope)

    def holed(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return np.where((x > 1e3) & (x < 1e4), np.nan, np.minimum(x, 0.5)) * np.ones(chosen.shape)

    with pytest.raises(NoFixedPointError, match="no number at"):
        scanned_fixed_points(holed, slope, 1)


def test_mixtures_of_shapes_keep_their_order() -> None:
    after, slope = synthetic([-1.0, 2.0, 4.0])
    both = settled(after, slope, np.array([True, False, True, False]))
    assert both[1] == both[3] == pytest.approx(math.exp(-1.0), rel=1e-9)


@pytest.mark.parametrize("row", [row for row in CATALOGUE if not row.real_input], ids=lambda row: row.name)
def test_the_catalogue_crosses_once(row: object) -> None:
    theory = derive(row)  # type: ignore[arg-type]
    assert variance_crosses_once(theory)
    assert not theory.maps.takes_total or total_crosses_once(theory)


def test_shapes_that_may_cross_more_than_once_are_seen() -> None:
    assert not variance_crosses_once(paper(S_SHAPED, 3))
    x = np.exp(LOG_X)
    assert _is_inelastic(x / (1 + x))
    assert not _is_inelastic(x**2 / (1 + x) ** 2)
    assert _falls_and_rises(2 + (np.arange(9.0) - 4) ** 2)
    assert not _falls_and_rises(np.array([0.5, 3.0, 0.5]))
    assert _falls_and_rises(np.array([0.2, 0.9, 0.3]))  # below 1 nothing crosses from minus to plus


def test_the_overlap_of_a_steep_neuron_far_out(capsys: pytest.CaptureFixture[str]) -> None:
    """tanh(sinh(u)), whose slope overflows to infinity times 0: E phi phi by two-dimensional Gauss-Legendre panels."""
    gain, means, q, gap = 9.933, 0.4464, 49.05, 0.7665
    line = f"map --phi tanh(sinh(h)) --gain {gain} --sigma-m2 {means} --sigma-b2 0 --q {q} --gap {gap} --json"
    assert main(line.split()) == 0
    document = capsys.readouterr().out
    sigma, c = gain * math.sqrt(q), 1 - gap
    z, weight = half_line()
    z, weight = np.append(-z, z), np.append(weight, weight) / 2
    with np.errstate(over="ignore"):
        f = np.tanh(np.sinh(sigma * z))
        v = c * z[:, None] + math.sqrt(1 - c * c) * z
        g = np.tanh(np.sinh(sigma * v))
    overlap = float(weight @ (f[:, None] * g) @ weight) / float(weight @ f**2)
    assert json.loads(document)["c_out"] == pytest.approx(overlap, rel=1e-4)  # panels do not follow the kinks of g


def test_random_sign_neurons_against_arbitrary_precision_where_the_field_is_almost_sharp() -> None:
    theory = derive(compose("deterministic"))
    found = fixed_point(theory, 1.0, 1e-3)
    with mpmath.workdps(30):
        r = mpmath.findroot(lambda r: (2 / mpmath.pi * mpmath.asin(r) + mpmath.mpf(1e-3)) / (1 + mpmath.mpf(1e-3)) - r,
                            mpmath.mpf(float(found.r)))  # fmt: skip
        assert abs(found.q / (r / (1 - r)) - 1) < 1e-12


def test_tiny_and_huge_intercepts_of_newtons_method() -> None:
    intercepts = np.array([1e-310, 1e-250, 1.0, 1e250])
    found = positive_fixed_point(
        lambda x, chosen: intercepts[chosen] + 0.5 * x / (1 + x / 1e300) if np.all(np.isfinite(x)) else
        np.full(chosen.shape, np.inf), lambda x, chosen: np.full(chosen.shape, 0.5), 4,
    )  # fmt: skip
    assert found[:3] == pytest.approx(2 * intercepts[:3], rel=1e-12)
