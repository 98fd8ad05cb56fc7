"""What must hold between answers, whatever they are: symmetries, scales and limits; and maps by plain panels."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import sympy as sp
from counted import count
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_command_lines import formulas
from test_random_command_lines import EXAMPLES

import meanbits as mb
from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.simulation import Simulation, overlapping_inputs
from meanbits.numerics.emission.expectations import expectation, pair_expectation
from meanbits.theory.declarations.grammar import parse
from meanbits.theory.symbols import h

SEARCH = {"deadline": None, "suppress_health_check": list(HealthCheck)}
ODD = ("tanh(h)", "h", "sin(h)", "erf(2*h)", "hardtanh(h/2)", "sign(h)", "tanh(h)**3")
ANY = (*ODD, "max(0, h)", "gelu(h)", "1 + tanh(h)", "abs(h)", "step(h - 1)")
variances = st.floats(-3, 3).map(lambda exponent: 10.0**exponent)
correlations = st.one_of(st.sampled_from((-1.0, 0.0, 1.0)), st.floats(-1, 1))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


@lru_cache(maxsize=64)
def maps(neurons: str, noise: str = "") -> Any:
    """Compiled maps of weights that are fixed, or of binary ones behind a noise."""
    chosen = mb.compose("lrt", noise=noise) if noise else mb.compose("continuous", neurons=f"expr:{neurons}")
    return mb.compile(mb.derive(chosen))


def close(found: Any, expected: Any, tolerance: float = 1e-11, scale: float = 1.0) -> None:
    assert float(found) == pytest.approx(float(expected), rel=tolerance, abs=tolerance * scale)


@settings(max_examples=25, derandomize=True, **SEARCH)
@given(st.sampled_from(ODD), correlations, variances, variances)
def test_odd_neurons_without_biases_turn_with_their_input(neurons: str, c: float, q: float, means: float) -> None:
    found = maps(neurons)
    close(found.correlation_map(-c, q, means, 0.0), -float(found.correlation_map(c, q, means, 0.0)))
    close(found.correlation_map(0.0, q, means, 0.0), 0.0)


@settings(max_examples=25, derandomize=True, **SEARCH)
@given(st.sampled_from(ANY), variances, variances, variances)
def test_equal_inputs_stay_equal(neurons: str, q: float, means: float, biases: float) -> None:
    found = maps(neurons)
    close(found.correlation_map(1.0, q, means, biases), 1.0)
    assert float(found.gap_map(0.0, q, means, biases)) == pytest.approx(0, abs=1e-15)


FUNCTIONS = {
    "tanh": (np.tanh, (0.0,)),
    "softplus": (lambda u: np.logaddexp(0, u), (0.0,)),
    "ramp": (lambda u: np.clip(u - 0.3, -1, 1), (-0.7, 1.3)),
    "step": (lambda u: np.where(u > 0.4, 2.0, -0.5), (0.4,)),
}


@settings(max_examples=40, derandomize=True, **SEARCH)
@given(st.sampled_from(sorted(FUNCTIONS)), st.sampled_from(sorted(FUNCTIONS)), variances, correlations)
def test_tighter_error_bounds_agree_with_wider_ones(name: str, other: str, q: float, c: float) -> None:
    """Each value is within its bound of what is true, and so within both of every other."""
    (f, places), (g, more) = FUNCTIONS[name], FUNCTIONS[other]
    found = [expectation(f, q, knots=places, rtol=rtol) for rtol in (1e-3, 1e-7, 1e-12)]
    found += [expectation(f, q, knots=(*places, 0.1), rtol=1e-12)]  # a knot that is none
    pairs = [pair_expectation(f, g, q, c, knots=(*places, *more), rtol=rtol) for rtol in (1e-3, 1e-12)]
    for first, second in (*combinations(found, 2), *combinations(pairs, 2)):
        assert abs(first.value - second.value) <= first.bound + second.bound
        assert math.isfinite(first.bound)


@settings(max_examples=25, derandomize=True, **SEARCH)
@given(st.sampled_from(ANY), correlations, variances, variances, variances)
def test_correlations_stay_in_range_and_the_gap_says_the_same(
    neurons: str, c: float, q: float, means: float, biases: float
) -> None:
    found = maps(neurons)
    after = float(found.correlation_map(c, q, means, biases))
    assert -1 - 1e-12 <= after <= 1 + 1e-12
    close(found.gap_map(1 - c, q, means, biases), 1 - after)


@settings(max_examples=25, derandomize=True, **SEARCH)
@given(st.sampled_from(("tanh({})", "sin({})", "max(0, {})", "gelu({})", "step({} - 1)")),
       st.sampled_from((sp.Rational(1, 5), sp.Integer(10))), correlations, variances, variances)  # fmt: skip
def test_a_factor_of_the_field_is_its_square_in_the_variance(
    neurons: str, factor: sp.Rational, c: float, q: float, biases: float
) -> None:
    scaled, plain = maps(neurons.format(f"(({factor})*h)")), maps(neurons.format("h"))
    squared = float(factor) ** 2 * q
    close(scaled.variance_map(q, 0.7, biases), plain.variance_map(squared, 0.7, biases), scale=biases)
    close(scaled.correlation_map(c, q, 0.7, biases), plain.correlation_map(c, squared, 0.7, biases))


@settings(max_examples=15, derandomize=True, **SEARCH)
@given(st.sampled_from(("gaussian", "logistic", "uniform", "laplace")), st.floats(-0.95, 0.95), st.floats(0.1, 10))
def test_less_and_less_noise_gives_sign_neurons(noise: str, c: float, T: float) -> None:
    """A noise of scale a moves E x(u) x(v) by O(a / sqrt(T)): ten times less noise is ten times nearer, to 1 + 2a."""
    sharp = mb.compile(mb.derive(mb.compose("lrt", neurons="sign")))
    q = T / 2
    expected = float(sharp.correlation_map(c, q, 0.4, 0.1))
    off = [abs(float(maps("", f"{noise}:{a}").correlation_map(c, q, 0.4, 0.1)) - expected) for a in ("0.01", "0.001")]
    assert off[1] <= max(0.15 * off[0], 1e-7)
    assert off[0] < 0.1 / math.sqrt(T)


@pytest.mark.parametrize("overlap", [-0.5, 0.0, 0.3, 1.0])
def test_exchanged_inputs_have_the_same_correlation(overlap: float) -> None:
    pair = overlapping_inputs(overlap, 20)
    found = []
    for each in (pair, ImagePair(pair.second, pair.first, pair.overlap, pair.mean_square)):
        run = Simulation(mb.compose("deterministic"), 20, 3, 0.5, 0.1, each, "overlap", "surrogate", "two-point", 3)
        *_, moments = run.stream(3, None, 1)
        found.append(moments.mean)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-12)


def by_panels(function: Any, variance: float) -> float:
    """E f(sqrt(variance) z)^2 by panels, narrow ones about 0, where kinks of the drawn formulas lie."""
    ends = np.unique(
        np.concatenate([np.linspace(-9, 9, 1201), *(side * np.geomspace(1e-12, 9, 200) for side in (-1, 1))])
    )
    half, middle = np.diff(ends)[:, None] / 2, (ends[:-1] + ends[1:])[:, None] / 2
    z = middle + half * NODES
    values = np.broadcast_to(np.asarray(function(math.sqrt(variance) * z), float), z.shape)
    return float(np.sum(half * WEIGHTS * values**2 * np.exp(-(z**2) / 2)) / math.sqrt(2 * math.pi))


def by_another_route(text: str, q: float) -> None:
    """The variance map of a drawn formula against panels; or a refusal."""
    note(text)
    try:
        found = maps(text).variance_map(q, 0.7, 0.1)
    except ValueError:
        count("maps of random formulas by panels", "refused")
        return
    modules = [{"HardTanh": lambda x: np.clip(x, -1, 1), "Softplus": lambda x: np.logaddexp(0, x)}, "scipy", "numpy"]
    with np.errstate(all="ignore"):
        expected = 0.7 * by_panels(sp.lambdify(h, parse(text), modules), q) + 0.1
    if math.isfinite(expected):
        count("maps of random formulas by panels", "compared")
        close(found, expected, 1e-3)  # jumps off 0 fall within a panel: the panels give three digits


@settings(max_examples=12, derandomize=True, **SEARCH)
@given(formulas(), st.sampled_from((0.05, 0.7, 4.0)))
def test_a_few_maps_by_panels(text: str, q: float) -> None:
    by_another_route(text, q)


@pytest.mark.slow
@settings(max_examples=EXAMPLES // 20, **SEARCH)
@given(formulas(), variances)
def test_many_maps_by_panels(text: str, q: float) -> None:
    by_another_route(text, q)
