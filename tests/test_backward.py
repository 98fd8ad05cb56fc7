"""Backward theory: growth of squared gradients, overlap of two, exact and straight-through; slopes in Torch."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
import torch
from scipy import integrate, stats

import meanbits as mb
from meanbits.numerics.emission.belief import UnbelievedError, check_against_definitions
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.gradients import gradient_scales
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import CONTINUOUS, SIGN
from meanbits.theory.declarations.straight_through import SLOPES, straight_through
from meanbits.theory.declarations.surrogates import CATALOGUE, NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError
from meanbits.theory.symbols import h

PLAIN = {
    "clip": lambda x: (np.abs(x) < 1) * 1.0,
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "triangle": lambda x: np.maximum(0, 1 - np.abs(x)),
    "approxsign": lambda x: np.maximum(0, 2 - 2 * np.abs(x)),
    "unit": lambda x: ((x > 0) & (x < 1)) * 1.0,
    "identity": np.ones_like,
    "expr:where(abs(h) < 0.5, 1, 0)": lambda x: (np.abs(x) < 0.5) * 1.0,
}
CUTS = [-np.inf, -1.0, -0.5, 0.0, 0.5, 1.0, np.inf]


def growth_by_quadrature(slope, q):
    parts = [integrate.quad(lambda x: slope(np.float64(x)) ** 2 * stats.norm.pdf(x, scale=q**0.5), *ends, epsabs=1e-14)
             for ends in pairwise(CUTS)]  # fmt: skip
    return sum(value for value, _ in parts)


@pytest.mark.parametrize("name", PLAIN)
def test_growth_is_the_mean_square_of_the_slope(name):
    maps = compile_theory(derive(compose("continuous", neurons="sign", backward=name)))
    for q in (1e-4, 0.3, 1.0, 1.1, 30.0):
        expected = 0.7 * growth_by_quadrature(PLAIN[name], q)
        assert maps.gradient_growth(q, 0.7, 0.1) == pytest.approx(expected, rel=1e-10, abs=1e-14)
        assert maps.gradient_overlap(1.0, q, 0.7, 0.1) == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_published_numbers_of_section_8():
    """E g^2 at T = 1, and the growth of random signs at sigma_b2 = 0.1, which 0.654 +- 0.006 was simulated for."""
    at_one = {"clip": 0.6827, "expr:where(abs(h) < 0.5, 1, 0)": 0.3829, "approxsign": 1.0142, "tanh": 0.4644,
              "identity": 1.0}  # fmt: skip
    for name, expected in at_one.items():
        maps = compile_theory(derive(compose("continuous", neurons="sign", backward=name)))
        assert maps.gradient_growth(1.0, 1.0, 0.0) == pytest.approx(expected, abs=5e-5)
    found = mb.fixed_point(compose("random-binary", backward="clip"), 1.0, 0.1)
    scales = gradient_scales(derive(compose("random-binary", backward="clip")), found)
    assert scales.mean_squared == pytest.approx(math.erf(1 / math.sqrt(2.2)), rel=1e-13)


@pytest.mark.parametrize("neurons", [each for each in CONTINUOUS if each.name != "linear"], ids=lambda each: each.name)
def test_exact_slopes_give_chi_by_price(neurons):
    """sigma_m2 E m'(u) m'(v) is dc'/dc times q'/q at every q and c, and chi_1 at a fixed point."""
    maps = compile_theory(derive(compose("continuous", neurons=neurons.name)))
    for q, c in ((0.8, 0.3), (2.5, -0.6)):
        by_map = maps.chi(c, q, 0.9, 0.1) * maps.variance_map(q, 0.9, 0.1) / q
        assert maps.gradient_overlap(c, q, 0.9, 0.1) == pytest.approx(by_map, rel=1e-9)


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda each: each.name)
def test_growth_at_the_fixed_point_is_chi_1_where_gradients_run_through_means(surrogate):
    theory = derive(surrogate)
    if theory.backward is None:
        assert not hasattr(compile_theory(theory), "gradient_growth")
        return
    means = 0.4 if surrogate.weights.mean_square is None else float(surrogate.weights.mean_square)
    found = mb.fixed_point(surrogate, means, 0.1)
    growth = compile_theory(theory).gradient_growth(found.q, means, 0.1)
    weight = 1.0 if surrogate.treatment.propagates == "sample" else means
    assert growth == pytest.approx(weight / means * float(found.chi_1), rel=1e-10)


@pytest.mark.parametrize("slope", ["clip", "approxsign"])
def test_growth_and_overlap_in_random_networks(slope):
    """Sign networks of random signs, width 600: squared gradients a layer back, and the overlap of two inputs'."""
    rng, width, layers, networks = np.random.default_rng(11), 600, 6, 48
    maps, g = compile_theory(derive(compose("random-binary", backward=slope))), PLAIN[slope]
    measured, expected = [], []
    for _ in range(networks):
        signs = 2.0 * rng.integers(0, 2, (layers, width, width), np.int8) - 1
        weights = signs / width**0.5
        start = rng.choice([-1.0, 1.0], width)
        states, fields = np.stack([start, np.where(rng.random(width) < 0.25, -start, start)]), []
        for weight in weights:
            fields.append(states @ weight.T + 0.1**0.5 * rng.standard_normal(width))
            states = np.sign(fields[-1])
        delta = np.broadcast_to(rng.standard_normal(width), (2, width)) * g(fields[-1])
        before = delta @ weights[-1] * g(fields[-2])
        square = [(before**2).mean(1).mean() / (delta**2).mean(1).mean(), (before[0] * before[1]).mean()
                  / (delta[0] * delta[1]).mean()]  # fmt: skip
        correlation = np.corrcoef(fields[-2])[0, 1]
        measured.append(square)
        expected.append([maps.gradient_growth(1.1, 1.0, 0.1), maps.gradient_overlap(correlation, 1.1, 1.0, 0.1)])
    off = np.array(measured) - np.array(expected)
    assert np.all(np.abs(off.mean(0)) < 4 * off.std(0, ddof=1) / networks**0.5)


@pytest.mark.parametrize("name", PLAIN)
def test_torch_gradients_are_the_declared_slope(name):
    field = torch.linspace(-3, 3, 62, dtype=torch.float64, requires_grad=True)
    signs = mb.Sign(name)(field)
    assert set(signs.tolist()) == {-1.0, 1.0}
    signs.sum().backward()
    assert field.grad.numpy() == pytest.approx(PLAIN[name](field.detach().numpy()), abs=1e-15)
    layer = mb.BinaryLinear(3, 2, weights="fixed", neurons="sign", backward=name, treatment="none", bias=False)
    inputs = torch.tensor([[0.3, -0.2, 0.9]], requires_grad=True)
    layer(inputs).sum().backward()
    means = layer.mean.detach()
    slopes = PLAIN[name]((inputs.detach() @ means.T / 3**0.5).numpy())
    assert inputs.grad.numpy() == pytest.approx(slopes @ means.numpy() / 3**0.5, abs=1e-6)


def test_spoiled_factors_are_not_believed():
    theory = derive(compose("continuous", neurons="sign", backward="triangle"))
    for name in ("gradient_growth", "gradient_overlap"):
        maps = compile_theory(theory)
        right = getattr(maps, name)
        spoiled = type(maps)(**{**vars(maps), name: lambda *given, right=right: 1.001 * right(*given)})
        with pytest.raises(UnbelievedError, match=name):
            check_against_definitions(theory, spoiled)


def test_open_symbols_of_a_slope_are_keywords():
    beta = sp.Symbol("beta", positive=True)
    surrogate = Surrogate("steep", FIXED, straight_through(SIGN, 1 - sp.tanh(beta * h) ** 2), NONE, "none")
    steep = compile_theory(derive(surrogate)).gradient_growth(1.0, 1.0, 0.1, beta=2.0)
    expected = growth_by_quadrature(lambda x: 1 - np.tanh(2 * x) ** 2, 1.0)
    assert steep == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"name": "deterministic", "backward": "clip"}, "would be ignored; use treatment none"),
     ({"name": "continuous", "backward": "clp"}, "did you mean clip"),
     ({"name": "continuous", "backward": "expr:1/h"}, "not finite at h = 0"),
     ({"name": "continuous", "backward": "expr:exp(h**2)"}, "infinite"),
     ({"name": "continuous", "backward": "expr:0"}, "passes no gradient")],
)  # fmt: skip
def test_bad_slopes_are_refused(options, reason):
    with pytest.raises(SurrogateError, match=reason):
        compose(options.pop("name"), **options)


def test_advice_weighs_gradients():
    """Clipped sign networks: gradients are steady at chi_g = 1; a relu's identity slope grows where signals last."""
    steady = mb.advise(compose("continuous", neurons="sign", backward="clip"), 5)
    total = steady.sigma_m2 + steady.sigma_b2
    assert steady.sigma_m2 * math.erf(1 / math.sqrt(2 * total)) == pytest.approx(1, rel=1e-9)
    assert steady.trainable
    torn = mb.advise(compose("continuous", neurons="relu", backward="identity"), 20)
    assert not torn.trainable
    assert torn.xi_g == pytest.approx(1 / math.log(torn.sigma_m2), rel=1e-9)
    assert "squared gradients grow by e" in torn.reason


def test_every_named_slope_is_tested():
    assert set(SLOPES) <= set(PLAIN)
