"""Straight-through gradients against exact ones: enumeration, theory of wide networks, best widths, the command."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import Tensor

from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.experiments.chain.mismatch import enumerated_mismatch, sampled_mismatch
from meanbits.experiments.chain.networks import ChainSetting
from meanbits.experiments.chain.two_layers import two_layer_gradients
from meanbits.numerics.chain.enumeration import initial, propagate, state_means
from meanbits.numerics.chain.field_law import Layer
from meanbits.numerics.chain.gradients import Gradient, exact_gradients, straight_through_gradients
from meanbits.numerics.chain.mismatch_law import Overlaps, mismatch_law
from meanbits.numerics.chain.slope_width import best_clip_width, clip_against_gaussian, critical_width
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import SIGN, continuous, stochastic
from meanbits.theory.declarations.noise import GAUSSIAN, LOGISTIC, UNIFORM
from meanbits.theory.declarations.straight_through import SLOPES, straight_through
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.closing import flatten_all
from meanbits.theory.stages.mismatch import mismatch
from meanbits.theory.symbols import T, h, overlap, u, v

KINDS: tuple[tuple[str, float | None], ...] = (("fixed", None), ("binary", None), ("ternary", 0.9))
STEP, RUNS, EPSILON = 1e-5, 40_000, 0.04


def smooth(field: Tensor) -> Tensor:
    """E[x | h] of Gaussian noise of scale 0.7."""
    return torch.erf(field / (0.7 * math.sqrt(2)))


def own_slope(field: Tensor) -> Tensor:
    return torch.exp(-((field / 0.7) ** 2) / 2) * math.sqrt(2 / math.pi) / 0.7


def clip(field: Tensor) -> Tensor:
    return (field.abs() < 1).double()


def network(kind: Any, rho: float | None, size: int = 4, depth: int = 3, seed: int = 0) -> tuple[Layer, ...]:
    rng = np.random.default_rng(seed)

    def mean(field: np.ndarray) -> np.ndarray:
        return smooth(torch.from_numpy(np.ascontiguousarray(field))).numpy()

    return tuple(Layer(rng.uniform(-0.7, 0.7, (size, size)), 0.3 * rng.standard_normal(size), mean, kind, rho)
                 for _ in range(depth))  # fmt: skip


def ends(size: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, size), rng.standard_normal(size)


def expected_readout(layers: tuple[Layer, ...], inputs: np.ndarray, readout: np.ndarray) -> float:
    law = initial(inputs)
    for layer in layers:
        law = propagate(law, layer)
    return float(state_means(law) @ readout)


@pytest.mark.parametrize(("kind", "rho"), KINDS)
def test_exact_gradient_is_the_slope_of_the_exact_chain(kind: str, rho: float | None) -> None:
    layers, (inputs, readout) = network(kind, rho), ends()
    found = exact_gradients(layers, smooth, inputs, readout)
    for index, layer in enumerate(layers):
        for name, attribute, place in (("bias", "biases", (2,)), ("means", "means", (1, 3))):
            values = []
            for sign in (1, -1):
                moved = np.array(getattr(layer, name))
                moved[place] += sign * STEP
                shifted = (*layers[:index], replace(layer, **{name: moved}), *layers[index + 1 :])
                values.append(expected_readout(shifted, inputs, readout))
            slope = (values[0] - values[1]) / (2 * STEP)
            assert float(getattr(found[index], attribute)[place]) == pytest.approx(slope, abs=1e-8)
            assert abs(slope) > 1e-5


def sampled(layers: tuple[Layer, ...], inputs: np.ndarray, readout: np.ndarray) -> list[tuple[Tensor, Tensor]]:
    """delta and x of each layer by autograd through sampled runs, (RUNS, N)."""
    draw = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw, dtype=torch.float64)

    x = torch.where(uniform(RUNS, len(inputs)) < (1 + torch.from_numpy(inputs)) / 2, 1.0, -1.0).double()
    fields, states = [], []
    for layer in layers:
        means, second = torch.tensor(layer.means), torch.tensor(layer.second_moments)
        chance = uniform(RUNS, *means.shape)
        drawn = (chance >= 1 - (second + means) / 2).double() - (chance < (second - means) / 2).double()
        weights = means.expand_as(drawn) if layer.weights == "fixed" else drawn
        states.append(x.detach())
        field = torch.einsum("rij,rj->ri", weights, x) / math.sqrt(len(inputs)) + torch.tensor(layer.bias)
        fields.append(field.requires_grad_())
        known = torch.where(uniform(*field.shape) < (1 + smooth(field.detach())) / 2, 1.0, -1.0).double()
        through = clip(field.detach()) * fields[-1]
        x = known + through - through.detach()
    deltas = torch.autograd.grad((x @ torch.from_numpy(readout)).sum(), fields)
    return list(zip(deltas, states, strict=True))


@pytest.mark.parametrize(("kind", "rho"), KINDS)
def test_straight_through_mean_and_square_are_those_of_sampled_runs(kind: str, rho: float | None) -> None:
    layers, (inputs, readout) = network(kind, rho), ends()
    expected = straight_through_gradients(layers, smooth, clip, inputs, readout)
    for (delta, x), layer in zip(sampled(layers, inputs, readout), expected, strict=True):
        products = delta[:, :, None] * x[:, None, :] / math.sqrt(len(inputs))
        for runs, mean in ((delta, layer.biases), (products, layer.means), ((delta**2).sum(1), layer.square)):
            z = (runs.mean(0) - mean) / (runs.std(0) / math.sqrt(RUNS) + 1e-12)
            assert float(torch.as_tensor(z).abs().max()) < 4
        squares = (delta**2).sum(1)
        assert abs(float(squares.mean()) - 1.1 * layer.square) > 4 * float(squares.std()) / math.sqrt(RUNS)


def gradients_of(layers: tuple[Layer, ...], slope: Callable[[Tensor], Tensor]) -> tuple[tuple[Gradient, ...], ...]:
    given = ends(layers[0].bias.size)
    return exact_gradients(layers, smooth, *given), straight_through_gradients(layers, smooth, slope, *given)


@pytest.mark.parametrize(("kind", "rho"), KINDS)
def test_one_layer_with_its_own_slope_has_no_bias(kind: str, rho: float | None) -> None:
    exact, through = gradients_of(network(kind, rho, depth=1), own_slope)
    torch.testing.assert_close(through[0].biases, exact[0].biases, rtol=0, atol=1e-14)
    biased = gradients_of(network(kind, rho, depth=1), clip)[1]
    assert float((biased[0].biases - exact[0].biases).abs().max()) > 1e-3


def test_linear_neurons_have_no_bias_at_any_depth() -> None:
    """E[x | h] = h/2, in range for these fields: conditional means are linear, and so is the way back."""

    def half(field: Tensor) -> Tensor:
        return field / 2

    rng = np.random.default_rng(3)
    layers = tuple(Layer(rng.uniform(-0.6, 0.6, (5, 5)), np.zeros(5), lambda x: x / 2, "fixed") for _ in range(3))
    given = ends(5)
    exact = exact_gradients(layers, half, *given)
    through = straight_through_gradients(layers, half, lambda field: torch.full_like(field, 0.5), *given)
    for one, other in zip(exact, through, strict=True):
        torch.testing.assert_close(other.biases, one.biases, rtol=0, atol=1e-14)
        torch.testing.assert_close(other.means, one.means, rtol=0, atol=1e-14)


def test_two_layers_by_convolution_are_those_enumerated() -> None:
    rng, size = np.random.default_rng(5), 5
    signs, biases = rng.choice((-1.0, 1.0), (2, size, size)), rng.standard_normal((2, size))
    inputs, readout = rng.choice((-1.0, 1.0), size), rng.standard_normal(size)

    def mean(field: Tensor) -> Tensor:
        return torch.erf(field / math.sqrt(2))

    def slope(field: Tensor) -> Tensor:
        return torch.exp(-(field**2) / 2) * math.sqrt(2 / math.pi)

    layers = tuple(Layer(*each, np.tanh, "fixed") for each in zip(signs, biases, strict=True))
    exact, through = two_layer_gradients(signs, biases, inputs, readout)
    np.testing.assert_allclose(exact, exact_gradients(layers, mean, inputs, readout)[0].biases, rtol=0, atol=1e-14)
    found = straight_through_gradients(layers, mean, slope, inputs, readout)[0].biases
    np.testing.assert_allclose(through, found, rtol=0, atol=1e-14)
    assert np.abs(exact - through).max() > 1e-4


def test_turned_networks_have_turned_gradients() -> None:
    """Signs of all states and biases turned: odd neurons and even slopes turn the gradient of biases alone."""
    layers, (inputs, readout) = network("binary", None), ends()
    turned = tuple(replace(layer, bias=-layer.bias) for layer in layers)
    for function in (lambda *given: exact_gradients(given[0], smooth, *given[1:]),
                     lambda *given: straight_through_gradients(given[0], smooth, clip, *given[1:])):  # fmt: skip
        for one, other in zip(function(layers, inputs, readout), function(turned, -inputs, -readout), strict=True):
            torch.testing.assert_close(one.biases, -other.biases, rtol=0, atol=1e-14)
            torch.testing.assert_close(one.means, other.means, rtol=0, atol=1e-14)
            assert one.square == pytest.approx(other.square, rel=1e-12)


def test_sign_neurons_have_no_gradient_of_biases_and_one_of_means() -> None:
    found = enumerated_mismatch(compose("stochastic-binary", neurons="sign", backward="clip"),
                                ChainSetting(4, 2, 0.5, 0.1), 2)  # fmt: skip
    assert (found.biases[:, 0] == 0).all()
    assert (found.means[:, 0] > 1e-3).all()
    assert np.isnan(found.value("biases", "cosine")[0]).all()


def test_width_of_enumeration_is_bounded() -> None:
    wide = Layer(np.zeros((10, 10)), np.zeros(10), np.tanh, "ternary", 0.5)
    with pytest.raises(ValueError, match="at most 9 neurons"):
        straight_through_gradients((wide,), torch.tanh, clip, np.zeros(10), np.ones(10))


def on_a_grid(node: Any, total: float, correlation: float) -> float:
    """An expectation over one or two fields by the midpoint rule, delta functions as narrow Gaussians."""
    at = {T: total, overlap: correlation}
    narrow = node.integrand.subs(at).replace(
        sp.DiracDelta, lambda field: sp.exp(-((field / EPSILON) ** 2) / 2) / EPSILON / sp.sqrt(2 * sp.pi)
    )
    x = (np.arange(-350, 350) + 0.5) / 50
    first, second = np.meshgrid(x, x, indexing="ij")
    function = sp.lambdify((u, v), narrow, [{"Box": lambda x: 1.0 * (np.abs(x) < 1), "Max": np.maximum}, "numpy"])
    shared = correlation if node.is_pair else 0.0
    form = (first**2 - 2 * shared * first * second + second**2) / (2 * total * (1 - shared**2))
    weights = np.exp(-form)
    return float((weights * function(first, second)).sum() / weights.sum())


# ---- theory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [GAUSSIAN, LOGISTIC])
def test_own_slope_is_without_mismatch(noise: Any) -> None:
    found = mismatch(stochastic(noise))
    assert found.mixed.closed == found.exact.closed == found.own.closed
    other = mismatch(straight_through(stochastic(noise), SLOPES["triangle"]))
    factors = [on_a_grid(each.definition, 1.1, 0.5) for each in (other.mixed, other.exact, other.own)]
    assert factors[0] ** 2 < 0.999 * factors[1] * factors[2]


def test_clip_is_the_slope_of_uniform_noise() -> None:
    """Its E[x | h] is hard tanh."""
    found = mismatch(straight_through(stochastic(UNIFORM), SLOPES["clip"], "clip"))
    factors = [on_a_grid(each.definition, 1.1, 0.5) for each in (found.exact, found.mixed, found.own)]
    assert factors[1:] == pytest.approx(factors[:1] * 2, rel=1e-12)


@pytest.mark.parametrize(
    "neurons",
    [
        straight_through(stochastic(GAUSSIAN, sp.Rational(1, 2)), SLOPES["clip"]),
        straight_through(SIGN, SLOPES["clip"]),
        straight_through(stochastic(LOGISTIC), SLOPES["tanh"]),
    ],
)
def test_closed_factors_are_their_definitions(neurons: Any) -> None:
    """By quadrature on a grid, delta functions by the density at their root."""
    found, at = mismatch(neurons), {T: sp.Rational(11, 10), overlap: sp.Rational(2, 5)}
    for each in (found.exact, found.mixed, found.own, found.square):
        value = float(each.closed.subs(at).evalf(15))
        assert value == pytest.approx(on_a_grid(each.definition, 1.1, 0.4), rel=2e-3)


def test_trace_goes_from_averages_over_noise_to_two_runs() -> None:
    steps = mismatch(straight_through(stochastic(GAUSSIAN), SLOPES["tanh"])).steps
    assert [step.name for step in steps if step.name.endswith("two runs")]
    for step in steps:
        if step.name.endswith("two runs"):
            turned = step.after.func(step.after.integrand.subs({u: v, v: u}, simultaneous=True), *step.after.args[1:])
            assert flatten_all(step.before) in (flatten_all(step.after), flatten_all(turned))


def test_jumps_are_refused_without_noise_or_slope() -> None:
    with pytest.raises(SurrogateError, match="0 almost everywhere; smooth them"):
        mismatch(straight_through(SIGN, SLOPES["clip"]), sp.S.One)
    with pytest.raises(SurrogateError, match="--backward clip"):
        mismatch(SIGN)


def test_linear_network_has_no_mismatch() -> None:
    linear = straight_through(continuous("linear", h), SLOPES["identity"], "identity")
    for law in mismatch_law(replace(compose("continuous"), neurons=linear), 4, 0.9, 0.1):
        np.testing.assert_allclose(law.cosine, 1, atol=1e-14)
        np.testing.assert_allclose(law.bias, 0, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "options", "sigma_m2"),
    [
        ("stochastic-binary", {"neurons": "sign", "backward": "clip"}, 0.8),
        ("random-binary", {"neurons": "stochastic", "noise": "gaussian:0.5", "treatment": "network",
                           "backward": "clip"}, 1.0),
        ("continuous", {"neurons": "erf", "backward": "triangle"}, 1.2),
    ],
)  # fmt: skip
def test_wide_networks_follow_the_theory(name: str, options: dict[str, str], sigma_m2: float) -> None:
    surrogate, depth = compose(name, **options), 3
    found = sampled_mismatch(surrogate, ChainSetting(400, depth, sigma_m2, 0.1), 10, seed=2)
    for parameters, law in zip(("biases", "means"), mismatch_law(surrogate, depth, sigma_m2, 0.1), strict=True):
        for quantity in ("norm", "cosine", "size"):
            value, error = found.value(parameters, quantity)
            assert (np.abs(value - getattr(law, quantity)) < 4 * error + 2e-3).all(), quantity
    assert (np.abs(found.value("biases", "size")[0] / law.size - 1.2) > 0.1).all()


def test_enumerated_networks_tend_to_the_theory() -> None:
    """Overlaps of 8 neurons are nearer to it than those of 3."""
    surrogate = compose("random-binary", neurons="stochastic", noise="gaussian:1", treatment="network")
    far, near = (enumerated_mismatch(surrogate, ChainSetting(n, 3, 1.0, 0.1), 16).value("biases", "bias")[0][0]
                 for n in (3, 8))  # fmt: skip
    assert 0 < near < 0.7 * far


def test_settled_means_are_drawn_from_their_law() -> None:
    surrogate = compose("continuous", weights="absmean", neurons="erf", backward="clip")
    square = float(surrogate.weights.mean_square or 0)
    found, law = (
        sampled_mismatch(surrogate, ChainSetting(300, 2, square, 0.1), 8),
        mismatch_law(surrogate, 2, square, 0.1),
    )
    value, error = found.value("biases", "cosine")
    assert (np.abs(value - law[0].cosine) < 4 * error).all()
    assert (found.value("means", "deviation")[0] == 0).all()


def test_quantities_of_overlaps() -> None:
    found = Overlaps(*(np.array([value]) for value in (4.0, 3.0, 9.0, 13.0)))
    assert [float(getattr(found, name)[0]) for name in ("norm", "cosine", "size", "bias", "deviation")] == (
        pytest.approx([2, 0.5, 1.5, math.sqrt(7) / 2, 2 / 3])
    )


# ---- widths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.05, 0.5, 1.0, 5.0])
def test_best_clip_width_is_a_maximum(scale: float) -> None:
    best, cosine = best_clip_width(1.1, scale), clip_against_gaussian().cosine

    def at(width: float) -> float:
        alpha, w = sp.symbols("alpha w", positive=True)
        return float(cosine.subs({T: 1.1, alpha: scale, w: width}).evalf(30))

    assert at(best) > max(at(best * 0.99), at(best * 1.01))
    assert at(best) > max(at(best * 0.9), at(best * 1.1))


def test_best_clip_width_at_both_ends() -> None:
    assert best_clip_width(1.0, 1e-3) / 1e-3 == pytest.approx(1.39998, abs=1e-4)
    assert best_clip_width(1.0, 10.0) / 10 == pytest.approx(math.sqrt(2 * math.log(2)), rel=5e-3)
    assert best_clip_width(4.0, 1.0) == pytest.approx(2 * best_clip_width(1.0, 0.5), rel=1e-12)
    with pytest.raises(ValueError, match="A\\^2 <= 100 T"):
        best_clip_width(1.0, 11.0)


@pytest.mark.parametrize("name", ["clip", "triangle", "tanh"])
def test_critical_width_keeps_the_size_of_gradients(name: str) -> None:
    width = critical_width(SLOPES[name], 1.1, 0.9)
    grid = (np.arange(-24000, 24000) + 0.5) / 2000
    density = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    slope = sp.lambdify(h, SLOPES[name], [{"Box": lambda x: 1.0 * (np.abs(x) < 1), "Max": np.maximum}, "numpy"])
    height = 2 / (slope(grid).sum() / 2000)
    growth = 0.9 * (density @ (height / width * slope(np.sqrt(1.1) * grid / width)) ** 2)
    assert growth == pytest.approx(1, abs=2e-3)


def test_slopes_without_area_have_no_critical_width() -> None:
    with pytest.raises(ValueError, match="finite area"):
        critical_width(SLOPES["identity"], 1.0)


# ---- the command --------------------------------------------------------------------------------------------------


def call(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(line.split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_mismatch_as_json_and_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--noise gaussian:0.5 --backward clip --width 4 --depth 2 --sigma-m2 0.8 --sigma-b2 0.1 --networks 3"
    code, out, _ = call(f"mismatch stochastic-binary {options} --json", capsys)
    found, surrogate = json.loads(out), compose("stochastic-binary", noise="gaussian:0.5", backward="clip")
    expected = enumerated_mismatch(surrogate, ChainSetting(4, 2, 0.8, 0.1), 3)
    assert (code, found["kind"]) == (0, "exact")
    row = found["gradients"]["means"][1]
    value, error = expected.value("means", "cosine")
    assert row["layer"] == 2
    assert row["cosine"]["value"] == pytest.approx(value[1])
    assert row["cosine"]["error"] == pytest.approx(error[1])
    assert row["cosine"]["theory"] == pytest.approx(mismatch_law(surrogate, 2, 0.8, 0.1)[1].cosine[1])
    code, text, _ = call(f"mismatch stochastic-binary {options}", capsys)
    assert code == 0
    assert "enumerated" in text
    wide = "--width 20 --depth 2 --sigma-m2 1 --sigma-b2 0.1 --networks 2"
    code, text, _ = call(f"mismatch continuous --neurons erf --backward clip {wide}", capsys)
    assert code == 0
    assert "sampled" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("random-binary --backward clip --width 4 --sigma-b2 0.1", "--noise gaussian:0.5"),
        ("stochastic-binary --neurons sign --width 4 --sigma-m2 0.5 --sigma-b2 0", "--backward clip"),
        ("continuous --neurons relu --backward clip --width 4 --sigma-m2 1 --sigma-b2 0", "--width above 12"),
        ("stochastic-binary --width 4 --sigma-b2 0", "--sigma-m2 is missing"),
        ("stochastic-binary --width 4 --sigma-m2 1.5 --sigma-b2 0", "1.5"),
        ("stochastic-binary --width 4 --sigma-m2 0 --sigma-b2 0", "no field is left"),
        ("stochastic-binary --width 0 --sigma-m2 0.5 --sigma-b2 0", "--width"),
        ("stochastic-binary --width 1000000 --sigma-m2 0.5 --sigma-b2 0", "bytes.*at most"),
        ("stochastic-binary --width 20 --runs 1 --sigma-m2 0.5 --sigma-b2 0", "--runs 1"),
        ("stochastic-binary --weights gaussian:0.5 --width 20 --sigma-m2 0.5 --sigma-b2 0", "binary or ternary"),
        ("baldassi --width 4 --sigma-m2 0.5 --sigma-b2 0", "real inputs"),
        ("xnor --width 4 --sigma-b2 0", "chain of blocks"),
    ],
)
def test_bad_input_is_refused_in_one_line(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = call(f"mismatch {line}", capsys)
    assert (code, out, error.count("\n")) == (EXIT_BAD_INPUT, "", 1)
    with pytest.raises(ValueError, match=message):
        raise ValueError(error)
