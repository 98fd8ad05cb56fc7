"""Layers equal the emitted functions, their gradients are right, and their means keep their range."""

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import mpmath
import pytest
import sympy as sp
import torch
from torch import Tensor

import meanbits as mb
from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.emit import compile_functions, emitted_functions, neuron_section
from meanbits.numerics.layers.activation import drawn_signs
from meanbits.numerics.layers.convolution import BinaryConv2d
from meanbits.numerics.layers.layer_rule import largest_mean
from meanbits.numerics.layers.linear import BinaryLinear, project_
from meanbits.numerics.layers.state import State
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.mean_law import MEAN_LAWS
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.symbols import mean_state, mean_weight, second_moment_state

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
        layer.latent.mul_(torch.rand_like(layer.mean))
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


@cache
def emitted_mean(theory: Theory) -> Callable[..., Tensor]:
    return compile_functions(theory, emitted_functions(theory, (neuron_section,)), TORCH).mean


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
    mean = emitted_mean(theory)
    if surrogate.treatment.field == "integrated":
        return mean(hbar, variance)
    return mean(hbar + variance.sqrt() * noise)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_equals_the_emitted_functions(name: str, options: dict[str, Any], dtype: torch.dtype, tolerance: float) -> None:
    layer, surrogate = layer_of(name, options, dtype), compose(name, **options)
    m, noise = inputs_of(layer, dtype), torch.randn(5, 4, dtype=dtype)
    mean = by_the_theory(surrogate, layer, m, noise)
    out = layer(state_of(layer, m), noise)
    if layer.rule.draws_neurons:
        assert set(out.detach().flatten().tolist()) <= {-1.0, 1.0}
        many = layer(m.repeat(4000, 1), noise.repeat(4000, 1)).detach().double().unflatten(0, (4000, -1))
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
        parameters = {"parametrizations.mean.original" if layer.is_latent else "mean": mean, "bias": bias}
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
    with mpmath.workdps(40):
        exact = float(1 - mpmath.mpf(1 - gap) ** 4)
    got = float(layer.field(torch.full((1, 100), 1 - gap, dtype=torch.float64)).variance.detach())
    assert got == pytest.approx(exact, rel=gap, abs=0)  # (1 - gap)^2 is rounded to 1 - 2 gap


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
    with pytest.warns(UserWarning, match=r"deterministic .* no initialisation is critical; .* reaches deepest"):
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


REAL = "inputs='real'"


def stack(*layers: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(*layers)


@pytest.mark.parametrize(
    "call",
    [
        lambda: BinaryLinear(4, 4)(torch.full((1, 4), 3.0)),
        lambda: BinaryLinear(4, 4)(torch.tensor([[0.0, 0.0, 0.0, math.nan]])),
        lambda: stack(BinaryLinear(4, 4), torch.nn.BatchNorm1d(4), BinaryLinear(4, 4))(torch.rand(8, 4)),
        lambda: BinaryConv2d(1, 2, 3)(torch.full((1, 1, 4, 4), -1.01)),
        lambda: torch.func.vmap(BinaryLinear(4, 4))(torch.full((3, 2, 4), 3.0)),
        lambda: torch.compile(BinaryLinear(4, 4), backend="aot_eager", fullgraph=True)(torch.full((1, 4), 3.0)),
    ],
)
def test_means_of_bits_outside_their_range_are_refused(call: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        with pytest.raises(ValueError, match=rf"inputs reach \|m\| = .* {REAL}"):
            call()


def test_rounding_beyond_one_is_no_error() -> None:
    layer, ulp = BinaryLinear(4, 2), torch.finfo(torch.float32).eps
    beyond = torch.full((1, 4), 1 + 2 * ulp, requires_grad=True)
    out = layer(beyond)
    assert torch.equal(out, layer(torch.ones(1, 4)))
    out.sum().backward()
    assert bool((beyond.grad != 0).any())


def test_weights_out_of_range_are_refused_until_projected() -> None:
    layer = BinaryLinear(4, 2)
    layer(torch.zeros(1, 4))
    with torch.no_grad():
        layer.mean.mul_(2)
    with pytest.raises(ValueError, match=r"reach \|M\| = 1.7888.* binary weights end at 1; call project_"):
        layer(torch.zeros(1, 4))
    project_(layer)
    layer(torch.zeros(1, 4))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_known_inputs_that_vanish_give_numbers_and_gradients(name: str, options: dict[str, Any]) -> None:
    """Sigma = 0 and hbar = 0: a black image into a layer on real inputs."""
    layer = BinaryLinear(4, 3, name, inputs="real", **options)
    x = torch.zeros(2, 4, requires_grad=True)
    out = layer(x)
    values = torch.cat([each for each in out if each is not None]) if isinstance(out, State) else out
    assert bool(torch.isfinite(values).all())
    values.sum().backward()
    sources = [each.grad for each in (x, layer.latent, layer.bias) if each.grad is not None]
    assert all(bool((each.abs() < 10).all()) for each in sources)


def test_real_inputs_are_known_numbers() -> None:
    """m = x and r = x^2: Sigma is what the weights vary by, (1/N) sum_j (1 - M^2) x^2."""
    layer = BinaryLinear(5, 3, inputs="real", dtype=torch.float64)
    x = 3 * torch.randn(4, 5, dtype=torch.float64)
    expected = x**2 @ (1 - layer.mean.detach() ** 2).T / 5
    torch.testing.assert_close(layer.field(x).variance.detach(), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", ["shayer", "moment-matching"])
def test_states_work_as_their_means_in_plain_modules(name: str) -> None:
    network = stack(BinaryLinear(6, 5, name), BinaryLinear(5, 4, name), torch.nn.Linear(4, 3))
    loss = torch.nn.functional.cross_entropy(network(torch.rand(7, 6)), torch.zeros(7, dtype=torch.long))
    loss.backward()
    assert all(bool((each.grad != 0).any()) for each in network.parameters())
    flat = stack(BinaryConv2d(1, 2, 3, name), torch.nn.Flatten(), BinaryLinear(8, 3, name))
    assert isinstance(flat(torch.rand(2, 1, 4, 4)), State)


def test_what_a_state_is_to_torch() -> None:
    mean, second = torch.rand(2, 3), torch.rand(2, 3) + 1
    state = State(mean, second)
    assert torch.equal(torch.relu(state), mean)
    for got in (state + 1, 1 + state, mean.new_ones(2, 3) + state):
        assert torch.equal(got, mean + 1)
    for got, expected in ((state * 2, 4 * second), (2 * state / 2, second), (state + 1, second + 2 * mean + 1),
                          (state + state.clone(), 2 * second + 2 * mean**2), (-state, second),
                          (state - state.clone(), 2 * second - 2 * mean**2), (2 - state, second - 4 * mean + 4),
                          (state - 1, second - 2 * mean + 1)):  # fmt: skip
        assert torch.allclose(got.second_moment, expected)
    dropped = torch.nn.Dropout(0.5)(state)
    assert torch.equal(dropped.second_moment, torch.where(dropped.mean == 0, 0.0, 4 * second))
    assert torch.equal(state * 2, 2 * mean)
    assert (state.shape, state.dim(), state.dtype) == (mean.shape, 2, mean.dtype)
    both = torch.cat([state, state.detach()])[2:, :2].flatten()
    assert torch.equal(both.mean, mean[:, :2].flatten())
    assert torch.equal(both.second_moment, second[:, :2].flatten())
    with pytest.raises(AttributeError, match=r"a State has no colour; its tensors are \.mean"):
        _ = state.colour
    with pytest.raises(ValueError, match=r"\(E x\)\^2 is 3\.99.* E x\^2"):
        BinaryLinear(2, 1)(State(2 * torch.ones(1, 2), torch.ones(1, 2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BinaryLinear(4, 3),
        lambda: BinaryConv2d(1, 3, 2),
        lambda: stack(BinaryLinear(4, 4, "moment-matching"), torch.nn.Linear(4, 2)),
    ],
)
def test_traces_hold_no_functions_and_no_numbers_of_their_inputs(make: Callable[[], torch.nn.Module]) -> None:
    """What the exporter of ONNX by traces needs."""
    layer = make().eval()
    shape = (1, 4, 4) if isinstance(layer, BinaryConv2d) else (4,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about traces at large
        traced = torch.jit.trace(layer, torch.rand(2, *shape), check_trace=False)
    assert "PythonOp" not in str(traced.inlined_graph)
    other = 2 * torch.rand(5, *shape) - 1
    torch.testing.assert_close(traced(other), layer(other))


@pytest.mark.parametrize("dynamo", [False, True])
def test_exports_to_onnx(dynamo: bool) -> None:
    runtime = pytest.importorskip(
        "onnxruntime", reason="ONNX is exported by onnx and onnxscript, and run by onnxruntime"
    )
    layer, file = BinaryLinear(4, 3).eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its exporters
        torch.onnx.export(layer, (torch.rand(2, 4),), file, dynamo=dynamo)
    session, x = runtime.InferenceSession(file.getvalue()), 2 * torch.rand(2, 4) - 1
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.as_tensor(got), layer(x).detach())


def test_prints_as_its_twin_in_torch() -> None:
    assert repr(BinaryLinear(64, 32)) == (
        "BinaryLinear(in_features=64, out_features=32, bias=True, surrogate='composed', treatment='marginalise', "
        "inputs='means', keep='project')"
    )
    assert repr(BinaryConv2d(1, 8, 3, padding=1)).startswith(
        "BinaryConv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)"
    )


def test_fixed_signs_are_signs() -> None:
    layer = BinaryLinear(6, 5, "random-binary")
    assert set(layer.mean.detach().abs().flatten().tolist()) == {1.0}


@pytest.mark.parametrize(
    ("shape", "fan", "inputs"), [((500, 200), None, 200), ((60, 30, 3, 3), None, 270), ((9,), 7, 7)]
)
def test_critical_in_the_parametrisation_of_torch(shape: tuple[int, ...], fan: int | None, inputs: int) -> None:
    options = {"neurons": "linear", "parametrisation": "standard", "fan": fan}
    weight = mb.init.critical_(torch.empty(shape, dtype=torch.float64), "continuous", **options)
    assert float((weight**2).mean()) * inputs == pytest.approx(1, rel=1e-9)  # linear neurons: sigma_m2 = 1
    own = mb.init.critical_(
        torch.empty(shape, dtype=torch.float64), "continuous", **options | {"parametrisation": "ntk"}
    )
    assert float((own**2).mean()) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_tiny_variances_keep_their_digits(law: str) -> None:
    mean = mb.init.mean_variance_(torch.empty(300, 300, dtype=torch.float64), 1e-300, law) / 1e-150
    fourth = {"two-point": 1.0, "uniform": 9 / 5}.get(law, 3.0)
    for power, moment in ((2, 1.0), (4, fourth)):
        values = mean**power
        assert float(values.mean()) == pytest.approx(moment, abs=4 * float(values.std()) / 300 + 1e-13)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 1e-300), "sigma_m2 = 1e-300: .* digits in torch.float32"),
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 0.1, limit=0), "limit = 0: .* must be positive"),
        (lambda: mb.init.mean_variance_(torch.empty(2, 2), 0.1, limit=-1), "limit = -1: .* must be positive"),
        (lambda: mb.init.mean_variance_(BinaryLinear(2, 2, keep="tanh").mean, 0.1), "draws into them would be lost"),
        (lambda: mb.init.critical_(torch.empty(2, 2), "continuous"), "say parametrisation='standard'"),
        (lambda: mb.init.critical_(torch.empty(2, 2), parametrisation="standard"), "values whatever the fan"),
        (lambda: mb.init.critical_(torch.empty(2, 2), parametrisation="mup"), "'mup': use ntk or standard"),
        (lambda: BinaryLinear(4, 2)(torch.zeros(2, 8)), r"inputs of shape \(2, 8\): in_features is 4"),
        (lambda: BinaryLinear(4, 2, inputs="real")(torch.full((1, 4), 1e30)), "squares leave torch.float32"),
    ],
)
def test_bad_numbers_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
