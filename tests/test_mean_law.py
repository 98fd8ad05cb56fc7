"""Laws of the weight means: derived moments against quadrature and sampling, limits, refusals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

from meanbits.theory.declarations.mean_law import MEAN_LAWS, MeanLaw, mean_law, scale
from meanbits.theory.symbols import mean_weight

LAWS = pytest.mark.parametrize("law", MEAN_LAWS, ids=lambda law: law.name)


def samples(law: MeanLaw, sigma_m2: float, size: int) -> np.ndarray:
    """Drawn by NumPy's own generators, from the scale alone."""
    rng, s = np.random.default_rng(5), law.scale_of(sigma_m2)
    draws = {
        "two-point": lambda: s * rng.choice([-1.0, 1.0], size),
        "clipped-gaussian": lambda: np.clip(rng.normal(0, s, size), -1, 1),
        "uniform": lambda: rng.uniform(-s, s, size),
        "beta": lambda: 2 * rng.beta(s, s, size) - 1,
    }
    return draws[law.name]()


@LAWS
@pytest.mark.parametrize("order", [2, 4])
def test_moments_are_those_of_the_declaration_by_quadrature(law: MeanLaw, order: int) -> None:
    for value in (mpmath.mpf("0.6"), mpmath.mpf("0.95")):
        density = sp.lambdify(mean_weight, law.density.subs(scale, sp.Float(value)), "mpmath")
        edge, atom = (mpmath.mpf(part.subs(scale, sp.Float(value)).evalf(20)) for part in (law.edge, law.atom))
        # M = edge tanh(t): an end point where the density diverges is out of sight
        ends = [-20, 0, 20]
        inside = mpmath.quad(lambda t, f=density, e=edge: (e * mpmath.tanh(t)) ** order * f(e * mpmath.tanh(t))
                             * e * mpmath.sech(t) ** 2, ends)  # fmt: skip
        expected = float(inside + 2 * atom * edge**order)
        assert float(law.moment(order).subs(scale, sp.Float(value)).evalf()) == pytest.approx(expected, rel=1e-9)


@LAWS
@pytest.mark.parametrize("fraction", [0.1, 0.6, 0.98])
def test_moments_are_those_of_samples(law: MeanLaw, fraction: float) -> None:
    variance, size = fraction * law.largest_sigma_m2, 200_000
    drawn = samples(law, variance, size)
    assert np.max(np.abs(drawn)) <= 1
    for power, expected in ((2, variance), (4, law.fourth_moment(variance))):
        values = drawn**power
        assert abs(values.mean() - expected) <= 4 * values.std() / np.sqrt(size) + 1e-12


@LAWS
def test_fourth_moment_lies_between_those_of_the_two_extreme_laws(law: MeanLaw) -> None:
    for variance in law.largest_sigma_m2 * np.linspace(0.01, 0.99, 9):
        assert variance**2 * (1 - 1e-15) <= law.fourth_moment(variance) <= variance
    small = 1e-30  # the limit of no clipping: Gaussian 3, uniform 9/5, beta concentrates to a Gaussian
    assert law.fourth_moment(small) / small**2 == pytest.approx(
        {"two-point": 1, "clipped-gaussian": 3, "uniform": 1.8, "beta": 3}[law.name], rel=1e-14
    )


@LAWS
def test_limits_of_the_variance(law: MeanLaw) -> None:
    assert law.fourth_moment(0.0) == 0
    with pytest.raises(ValueError, match=r"scale|0"):
        law.scale_of(0.0)
    if law.largest_sigma_m2 == 1:
        assert law.fourth_moment(1.0) == 1
        gap = 1e-12  # M^2 -> 1: both moments leave 1 at the same order
        assert 0 < 1 - law.fourth_moment(1 - gap) < 3 * gap


@LAWS
def test_a_smaller_range_scales_the_law(law: MeanLaw) -> None:
    variance = 0.5 * law.largest_sigma_m2
    assert law.fourth_moment(variance / 4, limit=0.5) == pytest.approx(law.fourth_moment(variance) / 16, rel=1e-14)


@LAWS
@pytest.mark.parametrize("excess", [1e-9, 1.0])
def test_variances_out_of_range_are_refused(law: MeanLaw, excess: float) -> None:
    for variance in (law.largest_sigma_m2 + excess, -excess):
        with pytest.raises(ValueError, match=law.name):
            law.fourth_moment(variance)


@LAWS
def test_the_largest_variance_that_a_refusal_names_is_taken(law: MeanLaw) -> None:
    with pytest.raises(ValueError, match="has at most") as refused:
        law.require(2.0, limit=0.5)
    named = float(str(refused.value).partition("at most ")[2].partition(";")[0])
    assert law.require(named - 1e-6, limit=0.5) == pytest.approx(law.largest_sigma_m2, abs=1e-5)


def test_unknown_laws_and_wrong_declarations_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean uniform"):
        mean_law("uniforn")
    with pytest.raises(ValueError, match="sum to 2, not to 1"):
        MeanLaw("wrong", 1 / scale, scale, sp.S.Zero)
