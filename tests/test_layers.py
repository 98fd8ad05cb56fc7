"""Layers equal the emitted functions, their gradients are right, and their means keep their range."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import pytest
import sympy as sp
import torch
from torch import Tensor

import meanbits as mb
from numerics.activation import drawn_signs
from numerics.backends import TORCH
from numerics.convolution import BinaryConv2d
from numerics.emit import compile_functions, emitted_functions
from numerics.field import State
from numerics.layer_rule import largest_mean
from numerics.layers import BinaryLinear, project_
from theory.compose import compose
from theory.derive import derive
from theory.mean_law import MEAN_LAWS
from theory.surrogates import CATALOGUE, Surrogate
from theory.symbols import mean_state, mean_weight, second_moment_state

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((surrogate.name, {}) for surrogate in CATALOGUE),
    ("deterministic", {"phi": "tanh", "gain": 1.5}),
    ("deterministic", {"phi": "erf"}),
    ("deterministic", {"noise": "gaussian:0.5"}),
    ("deterministic", {"noise": "logistic"}),
    ("deterministic", {"noise": "logistic", "form": "matched"}),
    ("deterministic", {"noise": "uniform:0.5"}),
    ("deterministic", {"noise": "laplace"}),
    ("deterministic", {"noise": "cauchy"}),
    ("deterministic", {"weights": "ternary:0.5"}),
    ("deterministic", {"weights": "fixed"}),
    ("lrt", {"neurons": "relu", "weights": "ternary:0.7"}),
    ("moment-matching", {"neurons": "hardtanh"}),
    ("moment-matching", {"neurons": "erf"}),
)
QUADRATURE = ({"noise": "logistic"}, {"noise": "cauchy"}, {"noise": "laplace"}, {"neurons": "erf"})  # no vmap
SLOW = (("moment-matching", {"neurons": "erf"}), ("moment-matching", {"neurons": "hardtanh"}))  # to derive
CASES = [
    pytest.param(name, options, id=f"{name} {options}", marks=[pytest.mark.slow] if (name, options) in SLOW else [])
    for name, options in OPTIONS
]
LAWS = [pytest.param(law.name, marks=[pytest.mark.slow] if law.name == "clipped-gaussian" else []) for law in MEAN_LAWS]
MAPPED = [pytest.param(name, options, id=f"{name} {options}") for name, options in OPTIONS if options not in QUADRATURE]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def layer_of(name: str, options: dict[str, Any], dtype: torch.dtype = torch.float64) -> BinaryLinear:
    """A layer with means all over their range."""
    layer = BinaryLinear(7, 4, name, dtype=dtype, **options)
    with torch.no_grad():
        layer.mean.mul_(torch.rand_like(layer.mean))
        assert layer.bias is not None
        layer.bias.normal_()
    return layer


def inputs_of(layer: BinaryLinear, dtype: torch.dtype = torch.float64) -> Tensor:
    """Means; or bits, where those are what layers pass on."""
    m = 2 * torch.rand(5, 7, dtype=dtype) - 1
    return torch.sign(m) if layer.rule.draws_neurons else m


def state_of(layer: BinaryLinear, m: Tensor) -> Tensor | State:
    """A state with second moments of its own where the layer needs them."""
    return State(m, m * m + 0.3) if layer.rule.passes_second_moments else m


def by_the_theory(surrogate: Surrogate, layer: BinaryLinear, m: Tensor, noise: Tensor) -> Tensor:
    """E x of each neuron by the derived sums, synapse by synapse, and the function emitted for the whole theory."""
    theory, state = derive(surrogate), state_of(layer, m)
    r = state.second_moment if isinstance(state, State) else torch.ones_like(m)
    weights, bias = layer.mean.detach(), layer.bias.detach()
    symbols = (mean_weight, mean_state, second_moment_state)
    mean_term, variance_term = (
        sp.lambdify(symbols, term, "math")(weights, m[:, None], r[:, None]) * torch.ones(5, 4, 7, dtype=m.dtype)
        for term in (theory.field.mean_term, theory.field.variance_term)
    )
    hbar, variance = mean_term.sum(-1) / math.sqrt(7) + bias, variance_term.mean(-1)
    functions = [function for function in emitted_functions(theory) if function.name == "mean"]
    emitted = compile_functions(theory, functions, TORCH)
    if surrogate.treatment.field == "integrated":
        return emitted.mean(hbar, variance)
    return emitted.mean(hbar + variance.sqrt() * noise)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_equals_the_emitted_functions(name: str, options: dict[str, Any], dtype: torch.dtype, tolerance: float) -> None:
    layer, surrogate = layer_of(name, options, dtype), compose(name, **options)
    m, noise = inputs_of(layer, dtype), torch.randn(5, 4, dtype=dtype)
    mean = by_the_theory(surrogate, layer, m, noise)
    out = layer(state_of(layer, m), noise)
    if layer.rule.draws_neurons:
        assert set(out.detach().flatten().tolist()) <= {-1.0, 1.0}
        many = torch.stack([layer(m, noise).detach() for _ in range(4000)]).double()
        z = (many.mean(0) - mean) / torch.sqrt((1 - mean.double() ** 2 + 1e-300) / len(many))
        assert float(z[mean.abs() < 0.99].abs().max()) < 4.5  # the largest of up to 20
        return
    found = out.mean if isinstance(out, State) else out
    torch.testing.assert_close(found.detach(), mean, rtol=0, atol=tolerance)


def test_by_hand() -> None:
    layer = layer_of("deterministic", {})
    m = inputs_of(layer)
    got = layer(m).detach()
    for i, j in ((0, 0), (4, 3)):
        row, x, bias = layer.mean[j].tolist(), m[i].tolist(), float(layer.bias[j].detach())
        with mpmath.workdps(30):
            hbar = mpmath.fsum(a * b for a, b in zip(row, x, strict=True)) / mpmath.sqrt(7) + bias
            variance = mpmath.fsum(1 - (a * b) ** 2 for a, b in zip(row, x, strict=True)) / 7
            expected = mpmath.erf(hbar / mpmath.sqrt(2 * variance))
        assert abs(float(got[i, j]) - float(expected)) < 1e-15


def call(layer: BinaryLinear, noise: Tensor) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]:
    """The layer as a function of means, biases and inputs."""

    def function(mean: Tensor, bias: Tensor, m: Tensor) -> tuple[Tensor, ...]:
        parameters = {"mean": mean, "bias": bias}
        out = torch.func.functional_call(layer, parameters, (state_of(layer, m), noise))
        return tuple(each for each in out if each is not None) if isinstance(out, State) else (out,)

    return function


def is_differentiable(layer: BinaryLinear) -> bool:
    return layer.rule.gradient_through_sigma and not layer.rule.draws_neurons


@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradients(name: str, options: dict[str, Any]) -> None:
    layer = layer_of(name, options)
    if not is_differentiable(layer):
        pytest.skip("its gradient is not that of its value")
    points = (layer.mean.detach(), layer.bias.detach(), inputs_of(layer))
    points = tuple(point.clone().requires_grad_() for point in points)
    function = call(layer, torch.randn(5, 4, dtype=torch.float64))
    assert torch.autograd.gradcheck(function, points)
    if options == {} and name in ("deterministic", "moment-matching"):
        assert torch.autograd.gradgradcheck(function, points)


@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_soudry_gradient_leaves_sigma_out(kind: str) -> None:
    make = (lambda name: BinaryLinear(6, 4, name, dtype=torch.float64)) if kind == "linear" else (
        lambda name: BinaryConv2d(2, 3, 3, name, dtype=torch.float64))  # fmt: skip
    soudry, full = make("soudry"), make("deterministic")
    full.load_state_dict(soudry.state_dict())
    m = 2 * torch.rand(*((5, 6) if kind == "linear" else (2, 2, 5, 5)), dtype=torch.float64) - 1
    assert torch.equal(soudry(m), full(m))
    hbar, variance = full.field(m)
    by_hand = torch.autograd.grad(torch.erf(hbar / torch.sqrt(2 * variance.detach())).sum(), full.mean)
    torch.testing.assert_close(torch.autograd.grad(soudry(m).sum(), soudry.mean), by_hand, rtol=1e-12, atol=1e-14)
    assert not torch.allclose(torch.autograd.grad(full(m).sum(), full.mean)[0], by_hand[0])


def test_drawn_neurons_pass_the_gradient_of_their_means() -> None:
    layer = layer_of("peters-welling", {})
    twin = BinaryLinear(7, 4, replace(compose("deterministic"), name="means"), dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    m = inputs_of(layer)
    torch.testing.assert_close(*(torch.autograd.grad(each(m).sum(), each.mean) for each in (layer, twin)))


@pytest.mark.parametrize(("name", "options"), MAPPED)
def test_vmap(name: str, options: dict[str, Any]) -> None:
    layer = layer_of(name, options)
    m, noise = inputs_of(layer), torch.randn(5, 4, dtype=torch.float64)
    stacks = [torch.stack([each.detach(), each.detach() / 2]) for each in (layer.mean, layer.bias)]
    one = call(layer, noise)

    def gradient(mean: Tensor, bias: Tensor) -> Tensor:
        return torch.func.grad(lambda means: one(means, bias, m)[0].sum())(mean)

    for function in (lambda mean, bias: one(mean, bias, m)[0], gradient):
        torch.manual_seed(1)
        mapped = torch.func.vmap(function, randomness="same")(*stacks)
        torch.manual_seed(1)
        first = function(*(stack[0] for stack in stacks))
        if not (layer.rule.draws_neurons and function is not gradient):
            torch.testing.assert_close(mapped[0], first, rtol=1e-12, atol=1e-14)
        assert mapped.shape == (2, *first.shape)


@pytest.mark.parametrize("depth", [1, 2])
def test_vmapped_inputs_and_parameters_pass_gradients(depth: int) -> None:
    layer = layer_of("deterministic", {})
    inputs = torch.rand(2, 3, 5, 7, dtype=torch.float64).mul_(2).sub_(1).requires_grad_()
    means = torch.rand(2, 3, *layer.mean.shape, dtype=torch.float64).mul_(2).sub_(1).requires_grad_()

    def mapped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        for axis in range(depth):
            function = torch.func.vmap(function, in_dims=axis, out_dims=axis)
        return function

    def of_means(mean: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"mean": mean}, (inputs[0, 0],))

    looped = torch.stack([of_means(mean) for mean in means.flatten(0, 1)]).unflatten(0, (2, 3))
    stacks = means if depth == 2 else means.flatten(0, 1)
    cases = ((mapped(layer)(inputs), layer(inputs), [inputs, layer.mean, layer.bias]),
             (mapped(of_means)(stacks).reshape(looped.shape), looped, [inputs, means, layer.bias]))  # fmt: skip
    for got, expected, sources in cases:
        torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-14)
        weights = torch.randn_like(expected)
        gradients = (torch.autograd.grad((weights * each).sum(), sources) for each in (got, expected))
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["deterministic", "lrt", "moment-matching"])
def test_compiles_whole(name: str) -> None:
    layer = layer_of(name, {}, torch.float32)
    m, noise = inputs_of(layer, torch.float32), torch.randn(5, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        got, expected = compiled(m, noise), layer(m, noise)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other)
    first = expected.mean if isinstance(expected, State) else expected
    again = got.mean if isinstance(got, State) else got
    torch.testing.assert_close(*(torch.autograd.grad(each.sum(), layer.mean) for each in (again, first)))


@pytest.mark.parametrize("name", ["deterministic", "lrt", "moment-matching", "continuous"])
def test_bfloat16_sums_in_float32(name: str) -> None:
    layer = BinaryLinear(4096, 8, name, dtype=torch.bfloat16)
    m = torch.rand(3, 4096, dtype=torch.bfloat16)
    noise = torch.randn(3, 8)
    wide = BinaryLinear(4096, 8, name, dtype=torch.float64)
    wide.load_state_dict(layer.state_dict())
    field, exact = layer.field(m), wide.field(m.double())
    torch.testing.assert_close(field.mean.double(), exact.mean, rtol=0, atol=1e-4)
    if exact.variance is not None:
        torch.testing.assert_close(field.variance.double(), exact.variance, rtol=1e-5, atol=0)
    out = layer(m, noise)
    assert all(each.dtype == torch.bfloat16 for each in (out if isinstance(out, State) else (out,)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("weights", "limit"), [("binary", 1.0), ("ternary:0.5", 0.5)])
def test_certain_bits_keep_a_finite_gradient(weights: str, limit: float, dtype: torch.dtype) -> None:
    """All means driven to their limits by a huge step, inputs +-1, fields 0 up to rounding: Sigma > 0 still."""
    layer = BinaryLinear(8, 2, weights=weights, dtype=dtype)
    with torch.no_grad():
        layer.mean.copy_(torch.tensor([1e9, -1e9]).repeat(2, 4))
    project_(torch.nn.Sequential(layer))
    assert float(layer.mean.detach().abs().max()) == largest_mean(limit, dtype) < limit
    m = torch.ones(1, 8, dtype=dtype, requires_grad=True)
    hbar, variance = layer.field(m)
    assert float(hbar.detach().abs().max()) < torch.finfo(dtype).eps  # some products of matrices round their terms
    assert bool((variance > 0).all())
    out = layer(m)
    out.sum().backward()
    assert bool(torch.isfinite(layer.mean.grad).all() and torch.isfinite(m.grad).all())


def test_variance_keeps_its_digits_as_means_polarise() -> None:
    gap = 1e-12
    layer = BinaryLinear(100, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.mean.fill_(1 - gap)
    exact = float(1 - (mpmath.mpf(1 - gap)) ** 4)
    got = float(layer.field(torch.full((1, 100), 1 - gap, dtype=torch.float64)).variance.detach())
    assert got == pytest.approx(exact, rel=1e-15)


def test_tanh_keeps_means_in_range_whatever_the_step() -> None:
    layer = BinaryLinear(5, 3, keep="tanh")
    assert torch.allclose(layer.mean.abs(), torch.tensor(math.sqrt(0.8)))
    optimiser = torch.optim.SGD(layer.parameters(), 1e6)
    layer(torch.ones(2, 5)).sum().backward()
    optimiser.step()
    assert float(layer.mean.detach().abs().max()) < 1


@pytest.mark.parametrize("name", ["deterministic", "lrt", "moment-matching", "continuous"])
@pytest.mark.parametrize("inputs", ["means", "real"])
def test_convolution_is_the_linear_layer_on_every_patch(name: str, inputs: str) -> None:
    layer = BinaryConv2d(2, 3, (3, 2), name, inputs=inputs, stride=2, padding=1, dilation=1, dtype=torch.float64)
    with torch.no_grad():
        layer.mean.mul_(torch.rand_like(layer.mean))
        layer.bias.normal_()
    linear = BinaryLinear(12, 3, name, dtype=torch.float64)
    linear.load_state_dict({"mean": layer.mean.flatten(1), "bias": layer.bias})
    images = 2 * torch.rand(2, 2, 5, 6, dtype=torch.float64) - 1
    square = images**2 if inputs == "real" else torch.ones_like(images)
    patches = (torch.nn.functional.unfold(each, (3, 2), padding=1, stride=2).mT for each in (images, square))
    found, expected = layer.field(images), linear.field(State(*patches))
    for got, patch in zip(found, expected, strict=True):
        if got is not None:
            torch.testing.assert_close(got.flatten(2).mT, patch, rtol=1e-12, atol=1e-14)


def test_stacks_of_layers_pass_states_on() -> None:
    network = torch.nn.Sequential(
        BinaryLinear(6, 5, "moment-matching"), BinaryLinear(5, 4, "shayer"), BinaryLinear(4, 3, "moment-matching")
    )
    out = network(torch.rand(2, 6))
    assert isinstance(out, State)
    assert bool((out.second_moment >= out.mean**2).all())


def test_drawn_signs_have_their_means() -> None:
    mean = torch.tensor([-1.0, -0.5, 0.0, 0.9, 1.0], dtype=torch.float64).repeat(100_000, 1)
    drawn = drawn_signs(mean)
    z = (drawn - mean).mean(0) / torch.sqrt((1 - mean[0] ** 2) / len(mean))
    assert float(z[1:4].abs().max()) < 4
    assert float(drawn[0, 0]) == -1
    assert float(drawn[0, 4]) == 1


@pytest.mark.parametrize("law", LAWS)
def test_mean_variance_draws_from_the_law(law: str) -> None:
    limit, sigma_m2 = 0.5, 0.3 * 0.5**2
    mean = torch.empty(1000, 1000, dtype=torch.float64)
    assert mb.init.mean_variance_(mean, sigma_m2, law, limit) is mean
    fourth = next(each for each in MEAN_LAWS if each.name == law).fourth_moment(sigma_m2, limit)
    for power, moment in ((1, 0.0), (2, sigma_m2), (4, fourth)):
        values = mean**power
        spread = float(values.std()) / 1000
        assert float(values.mean()) == pytest.approx(moment, abs=4 * spread + 1e-15)
    assert float(mean.abs().max()) < limit


def test_largest_variance_stays_inside_the_limit() -> None:
    mean = mb.init.mean_variance_(torch.empty(10, 10), 1.0)
    assert float(mean.abs().max()) == largest_mean(1.0, torch.float32) < 1


def test_critical_finds_the_critical_initialisation() -> None:
    mean = mb.init.critical_(torch.empty(50, 50, dtype=torch.float64), "deterministic", phi="tanh", gain=1.5)
    sigma_m2 = float((mean**2).mean())
    assert sigma_m2 == pytest.approx(1 / 1.5**2, rel=1e-6)  # theory: sigma_m2 = 1/phi'(0)^2 as sigma_b2 -> 0


def test_critical_warns_where_there_is_none() -> None:
    with pytest.warns(UserWarning, match=r"deterministic has no critical initialisation .* reaches deepest"):
        mb.init.critical_(torch.empty(4, 4), "deterministic")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BinaryLinear(3, 2, "determinstic"), "did you mean deterministic"),
        (lambda: BinaryLinear(0, 2), r"shape \(2, 0\)"),
        (lambda: BinaryLinear(3, 2, inputs="bits"), "inputs = 'bits': use means or real"),
        (lambda: BinaryLinear(3, 2, keep="clip"), "keep = 'clip': use project or tanh"),
        (lambda: BinaryLinear(3, 2, "continuous", keep="tanh"), "keep = tanh: fixed weights have no bound"),
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 1.5), "sigma_m2 = 1.5"),
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 0.4, "uniform"), "uniform law .* at most"),
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 0.4, "unifrom"), "did you mean uniform"),
    ],
)
def test_bad_input_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
