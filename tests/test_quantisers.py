"""Quantisers of a Gaussian: their losses against quadrature and random draws, the best ones by what makes them so."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.stats import norm

from meanbits.experiments.sweep.trainings import GRIDS, training_grid
from meanbits.numerics.certificates.best_step import certify_best_step
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.quantisers.law import exponent_of_many, loss_of_many, support
from meanbits.numerics.quantisers.lloyd_max import MOST, PANTER_DITE, lloyd_max
from meanbits.numerics.quantisers.straight_through import balanced_step, growth, square, weights
from meanbits.numerics.quantisers.uniform import best_uniform, loss
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named


def cells(levels: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the cells, far out at the ends, and levels 1 apart."""
    inner = (np.arange(1, levels) - levels / 2) * step
    return np.concatenate([[-12.0], inner, [12.0]]), np.arange(levels) - (levels - 1) / 2


def moments(levels: int, step: float) -> tuple[float, float]:
    """E u f and E f^2 by adaptive quadrature in every cell."""
    edges, values = cells(levels, step)
    pairs = list(zip(edges[:-1], edges[1:], values, strict=True))
    mixed = sum(v * integrate.quad(lambda u: u * norm.pdf(u), a, b, epsabs=1e-13)[0] for a, b, v in pairs)
    alone = sum(v * v * integrate.quad(norm.pdf, a, b, epsabs=1e-13)[0] for a, b, v in pairs)
    return mixed, alone


@pytest.mark.parametrize(("levels", "step"), [(2, 1.0), (3, 1.2), (4, 0.5), (7, 0.65), (16, 0.05), (16, 0.4), (5, 1.9)])
def test_losses_are_those_of_quadrature(levels: int, step: float) -> None:
    mixed, alone = moments(levels, step)
    assert loss(levels, step) == pytest.approx(1 - mixed**2 / alone, rel=1e-11)
    assert square(levels, step) == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("levels", [3, 4, 8, 31, 64])
def test_best_steps_are_proved(levels: int) -> None:
    proved, best = certify_best_step(levels), best_uniform(levels)
    assert float(proved.chi.rad()) < 1e-12
    assert float((1 - proved.chi).mid()) == pytest.approx(best.loss, rel=1e-9)
    assert float(proved.step.mid()) == pytest.approx(best.step, rel=1e-6)
    for other in (0.9, 1.1):
        assert loss(levels, best.step * other) > float((1 - proved.chi).upper())


def test_a_proof_finds_what_was_put_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from a wrong step it still encloses the best one, or refuses; it never encloses the wrong one."""
    from meanbits.numerics.certificates import best_step
    from meanbits.numerics.quantisers.uniform import Best

    right = best_uniform(5)
    monkeypatch.setattr(best_step, "best_uniform", lambda levels: Best(levels, right.step * 1.05, right.loss))
    proved = certify_best_step(5)
    assert float(proved.step.mid()) == pytest.approx(right.step, rel=1e-6)
    assert proved.chi.contains(right.chi)


def test_numbers_of_max_1960() -> None:
    """Quantizing for minimum distortion, tables I and II, to the digits printed there."""
    for levels, free, uniform in ((2, 0.3634, 0.3634), (3, 0.1902, 0.1902), (4, 0.1175, 0.1188), (5, 0.07994, 0.08218)):
        assert lloyd_max(levels).loss == pytest.approx(free, abs=1e-4)
        assert best_uniform(levels).loss == pytest.approx(uniform, abs=1e-4)


@pytest.mark.parametrize("levels", [2, 3, 10, 65])
def test_lloyd_max_levels_are_means_of_cells_and_thresholds_midway(levels: int) -> None:
    found = lloyd_max(levels)
    edges = np.concatenate([[-12.0], found.thresholds, [12.0]])
    for low, high, value in zip(edges[:-1], edges[1:], found.levels, strict=True):
        mass = integrate.quad(norm.pdf, low, high, epsabs=1e-16)[0]
        assert integrate.quad(lambda u: u * norm.pdf(u), low, high)[0] / mass == pytest.approx(value, abs=1e-9)
    assert found.thresholds == pytest.approx((found.levels[1:] + found.levels[:-1]) / 2, abs=1e-9)
    assert found.loss <= best_uniform(levels).loss * (1 + 1e-12)


def test_many_levels() -> None:
    """Panter and Dite's constant, and a law whose exponent is its own slope."""
    deviations = [1 - levels**2 * lloyd_max(levels).loss / PANTER_DITE for levels in (512, 1024, 2048)]
    for first, second in pairwise(deviations):
        assert first / second == pytest.approx(2, rel=0.02)  # of order 1/N, up to the next
    for levels in (1e2, 1e6, 1e40):
        edge = support(levels)
        assert edge**3 == pytest.approx(6 * levels**2 * norm.pdf(edge), rel=1e-9)
        slope = -math.log(loss_of_many(levels * 1.001) / loss_of_many(levels / 1.001)) / (2 * math.log(1.001))
        assert exponent_of_many(levels) == pytest.approx(slope, abs=1e-6)
    errors = [abs(best_uniform(levels).loss / loss_of_many(levels) - 1) for levels in (256, 4096, 65536)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.008


def test_losses_without_cancellation() -> None:
    """At 2000 levels: the same in the exact arithmetic of the double sum, whose terms cancel to 8 digits."""
    from mpmath import mp

    levels, step = 2000, best_uniform(2000).step
    with mp.workdps(40):
        thresholds = [(mp.mpf(k) - levels // 2) * mp.mpf(step) for k in range(1, levels)]
        slope = sum(mp.npdf(t) for t in thresholds)
        alone = mp.mpf(1) / 4 + sum(4 * (k - levels // 2) * mp.ncdf(-t)
                                    for k, t in enumerate(thresholds, 1) if t > 0)  # fmt: skip
        exact = float(1 - slope**2 / alone)
    assert loss(levels, step) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("levels", [3, 4])
def test_weights_and_gradients_are_those_of_the_engine(levels: int) -> None:
    layer = layer_named(compose("continuous", neurons=f"quantiser:{levels}", backward="clip"))
    steps = best_uniform(levels).step, balanced_step(levels)
    found = layer_fixed_points(layer, [weights(levels, step) for step in steps], 0.0)
    assert found.q == pytest.approx([(2 / (levels - 1) / step) ** 2 for step in steps], rel=1e-9)
    assert found.chi == pytest.approx([1 - loss(levels, step) for step in steps], rel=1e-9)
    assert found.chi_g == pytest.approx([growth(levels, step) for step in steps], rel=1e-9)
    assert growth(levels, balanced_step(levels)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
def test_grids_have_the_best_steps(preset: str) -> None:
    """Steps that keep fields best at sigma_m2 = 1, to the four decimals they are written with."""
    grid = training_grid((GRIDS / f"blumenfeld_2019_{preset}.toml").read_text("utf-8"))
    for name in grid.axes["neurons"]:
        _, levels, step = str(name).split(":")
        best = best_uniform(int(levels)).step
        width = 2 / (int(levels) - 1)
        assert float(step) == pytest.approx(best * width * math.sqrt(square(int(levels), best)), abs=5e-5)
    assert {cell.settings.sigma_m2 for cell in grid.cells} == {1.0}


def test_the_best_step_is_no_local_one() -> None:
    for levels in (3, 6, 17, 40):
        steps = np.linspace(0.02, 3, 600)
        near = steps[np.argmin([loss(levels, step) for step in steps])]
        found = optimize.minimize_scalar(lambda step, n=levels: loss(n, step), bracket=(near - 0.01, near, near + 0.01))
        assert best_uniform(levels).loss == pytest.approx(found.fun, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: loss(1, 1.0), "levels = 1: give from 2"),
        (lambda: loss(4, 0.0), "step = 0: give a positive"),
        (lambda: loss(4, math.nan), "step = nan: give a positive"),
        (lambda: best_uniform(10**7), "levels = 10000000: give from 2"),
        (lambda: lloyd_max(MOST + 1), "give at most"),
        (lambda: weights(4, -1.0), "step = -1: give a positive"),
        (lambda: support(1), "levels = 1: give at least 2"),
        (lambda: certify_best_step(2), "of 2 levels chi"),
    ],
)
def test_what_is_refused(call, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()
