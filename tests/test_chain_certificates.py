"""Certificates of chains of blocks: theorems, numbers they must enclose, and what they must not prove."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from flint import arb

import meanbits as mb
from meanbits.numerics.certificates.balls import UnprovedError, ball
from meanbits.numerics.certificates.chain_backward import backward_certificate, behind_norm, is_one_condition
from meanbits.numerics.certificates.chain_certificate import forward_certificate
from meanbits.numerics.certificates.chain_moments import Dual, NamedMoments, SignMoments, named_ball
from meanbits.numerics.certificates.chain_point import Guess
from meanbits.numerics.certificates.proof import Certificate
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.theory.declarations.layer import Layer, as_layer
from meanbits.theory.declarations.named_neurons import neurons_named
from meanbits.theory.declarations.rows import CHAINS, Row

NORMED = ("tanh", "erf", "relu", "hardtanh", "gelu", "silu", "leaky:0.1", "softplus", "sin", "hardsigmoid")


def chain(name: str = "continuous", **options: Any) -> Layer:
    return as_layer(mb.compose(name, **options))


def is_proven(found: Certificate | None, feasible: str) -> bool:
    return found is not None and (found.feasible, found.certified) == (feasible, True)


@pytest.mark.parametrize("row", CHAINS, ids=lambda row: row.name)
def test_no_named_chain_is_critical_forward(row: Row) -> None:
    """Their neurons jump, or (bitlinear) a skip carries inputs whole."""
    found = forward_certificate(row.layer)
    assert is_proven(found, "none")
    assert ("jump" in found.statement) == (row.name != "bitlinear")


@pytest.mark.parametrize("neurons", NORMED)
@pytest.mark.parametrize("weights", ["fixed", pytest.param("signs", marks=pytest.mark.slow)])
def test_batch_norm_explodes_with_exact_slopes(neurons: str, weights: str) -> None:
    """Gaussian Poincare: E f'^2 > Var f unless f is affine; the enclosure holds what layers come to."""
    layer = chain(neurons=neurons, weights=weights, normalise="batch")
    assert is_proven(backward_certificate(layer), "none")
    growth, of = behind_norm(layer)
    value = named_ball(growth, of.found)
    assert value > 1
    seen = float(mb.profile(layer, 4, 1.0, 0.3).gradient[2] / mb.profile(layer, 4, 1.0, 0.3).gradient[3])
    assert float(value) == pytest.approx(seen, rel=1e-10)


def test_known_values_behind_batch_norm() -> None:
    """relu pi/(pi - 1), sign with clip erf(1/sqrt 2), with the norm before the neurons and behind the weights."""
    for where in ("batch", "batch:behind"):
        for layer, expected in ((chain(neurons="relu", normalise=where), math.pi / (math.pi - 1)),
                                (mb.compose("xnor", normalise=where), math.erf(1 / math.sqrt(2)))):  # fmt: skip
            growth, of = behind_norm(layer)
            assert float(named_ball(growth, of.found)) == pytest.approx(expected, rel=1e-15)
            assert is_proven(backward_certificate(layer), "none")
    for dropout in (None, 0.5):  # which multiplies slopes and variances alike
        assert is_proven(backward_certificate(chain(neurons="linear", normalise="batch", dropout=dropout)), "attained")
    kept = backward_certificate(chain(neurons="expr:h+2", normalise="batch", dropout=0.5))
    assert is_proven(kept, "none")  # 2/(2 (1 + 4) - 4) = 1/3: dropout adds to what the norm divides by
    assert "0.3333333" in kept.statement
    assert "Poincare" not in kept.statement


def test_the_formula_behind_batch_norm_is_shown_as_one_writes_it() -> None:
    for layer, text in (
        (chain(normalise="batch"), "E f'^2/(E f^2 - (E f)^2)"),
        (mb.compose("xnor"), "E s^2/(E f^2 - (E f)^2)"),
        (chain(normalise="batch", dropout=0.1), "10 E f'^2/(10 E f^2 - 9 (E f)^2)"),
    ):
        growth, of = behind_norm(layer)
        assert of.shown(growth) == text


def test_a_verdict_names_the_parameters_it_holds_for() -> None:
    for name, parameter in (("deterministic", "sigma_m2"), ("xnor", "scale")):
        assert f"for any {parameter} > 0 and sigma_b2 >= 0" in forward_certificate(chain(name)).statement


def test_noise_keeps_equal_inputs_apart() -> None:
    for options in ({"name": "random-binary", "dropout": 0.1}, {"dropout": 0.1, "normalise": "rms"},
                    {"name": "lrt", "skip": "0.8:0.6"}, {"name": "stochastic-binary", "scale": 2}):  # fmt: skip
        found = forward_certificate(chain(**options))
        assert is_proven(found, "none")
        assert "do not stay equal" in found.statement


def test_integrated_fields_are_convex_but_not_behind_batch_norm_nor_at_the_limit_of_smooth_neurons() -> None:
    for options in (
        {"normalise": "rms"},
        {"dropout": 0.2, "scale": 1.3},
        {"skip": "0.6:0.8"},
        {"neurons": "tanh", "dropout": 0.1},
    ):
        assert is_proven(forward_certificate(chain("deterministic", **options)), "none"), options
    for options in ({"normalise": "batch"}, {"neurons": "tanh", "scale": 1.5}):
        found = forward_certificate(chain("deterministic", **options))
        assert (found.feasible, found.certified) == ("undecided", False), options


def test_a_point_is_enclosed_and_a_wrong_one_is_not() -> None:
    """tanh behind a skip: chi_1 = 1/4 + sigma_m2 E tanh'^2 at a q that biases fix."""
    layer = chain(skip="0.5:1")
    q = 1.0
    slopes = float(mb.compile(mb.derive("continuous")).jacobian(q, 1.0, 0.0))
    square = float(mb.compile(mb.derive("continuous")).total_map(q, 1.0, 0.0))
    spread = 0.75 / slopes
    guess = Guess(spread, q * 0.75 - spread * square, q)
    for found in (forward_certificate(layer, (guess,)), backward_certificate(layer, (guess,))):
        assert is_proven(found, "attained")
        low, high = found.box["sigma_m2"]
        assert low < spread < high
        assert found.box["sigma_b2"][0] < guess.sigma_b2 < found.box["sigma_b2"][1]
    at = layer_fixed_points(layer, spread, guess.sigma_b2, c0=1.0)
    assert (float(at.q), float(at.chi_1)) == pytest.approx((q, 1), rel=1e-9)
    wrong = forward_certificate(layer, (replace(guess, sigma_m2=spread * (1 + 1e-5)),))
    assert not wrong.certified
    assert "chi_1 = 1" in wrong.statement
    assert is_one_condition(layer)


def test_gradients_that_see_another_slope_have_a_point_of_their_own() -> None:
    """tanh with the slope of a clip: chi_g = sigma_m2 P(|h| < 1) = sigma_m2 erf(1/sqrt(2 q))."""
    layer, q = chain(backward="clip"), 1.0
    spread = 1 / math.erf(1 / math.sqrt(2 * q))
    square = float(mb.compile(mb.derive("continuous")).total_map(q, 1.0, 0.0))
    guess = Guess(spread, q - spread * square, q)
    assert is_proven(backward_certificate(layer, (guess,)), "attained")
    (failed,) = (step.name for step in forward_certificate(layer, (guess,)).steps if not step.holds)
    assert failed == "chi_1 = 1"


def test_an_unstable_fixed_point_is_no_critical_one() -> None:
    """tanh^3 at q = 0.0158: chi_1 = 1, and dq'/dq > 1 (theory.md, section 7)."""
    layer = chain(neurons="expr:tanh(h)**3", scale=3)
    at = mb.compile(mb.derive("continuous", neurons="expr:tanh(h)**3"))
    q = 0.0158489319246
    spread = 1 / float(at.jacobian(q, 1.0, 0.0))
    biases = q - spread * float(at.total_map(q, 1.0, 0.0))
    found = forward_certificate(layer, (Guess(spread / 9, biases / 9, q),))
    failed = [step.name for step in found.steps if not step.holds]
    assert failed == ["stable q"]


def test_conditions_differ_where_gradients_see_another_slope_or_more_is_drawn() -> None:
    assert is_one_condition(chain(normalise="rms"))
    assert not is_one_condition(chain(backward="clip", normalise="rms"))
    assert not is_one_condition(chain(dropout=0.1))


@pytest.mark.parametrize("of", [SignMoments(), NamedMoments()])
def test_equal_fields_stay_equal_unless_neurons_are_drawn(of: SignMoments | NamedMoments) -> None:
    total = mb.symbols.q
    assert of.fall(neurons_named("tanh"), total, 0) == 0
    assert of.fall(neurons_named("tanh"), total, total / 2) != 0
    assert of.fall(as_layer(mb.compose("stochastic-binary")).units[0].neurons, total, 0) != 0


def test_whole_skips_are_never_critical() -> None:
    layer = chain(skip="1")
    assert is_proven(forward_certificate(layer), "none")
    assert is_proven(backward_certificate(layer), "none")
    assert not forward_certificate(chain(skip="0.9")).certified
    assert backward_certificate(chain("random-binary", dropout=0.1)) is None


def test_balls_around_zero_have_powers_and_duals_derivatives() -> None:
    x = mb.symbols.q
    around = ball(x**2 + x**3, {x: arb(0, 1e-10)})
    assert around.contains(0)
    assert float(around.rad()) < 1e-18
    two = Dual(arb(2), arb(1))
    cubed = 3 * two * two * two / (1 + two)  # 3 x^3/(1 + x): 24/3, and (9 x^2 (1 + x) - 3 x^3)/(1 + x)^2 = 84/9
    assert float(cubed.value) == pytest.approx(8)
    assert float(cubed.slope) == pytest.approx(84 / 9)
    assert float((5 / two).slope) == pytest.approx(-5 / 4)
    less = two - two * two  # x - x^2 at 2
    assert (float(less.value), float(less.slope)) == pytest.approx((-2, -3))
    jumps = chain("random-binary", normalise="batch")
    growth, of = behind_norm(jumps)
    with pytest.raises(UnprovedError, match="jump"):
        named_ball(growth, of.found)
    assert neurons_named("sign").jumps
