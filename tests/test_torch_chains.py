"""Torch modules of chains: the blocks' own semantics, norms that know variances, latent weights, every padding."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import meanbits as mb
from meanbits.experiments.training.draws import streams
from meanbits.experiments.training.network import initialised
from meanbits.experiments.training.settings import Settings
from meanbits.numerics.layers import norm
from meanbits.numerics.layers.convolution import BinaryConv2d
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.latent import rounded
from meanbits.numerics.layers.layer_rule import slope_of
from meanbits.numerics.layers.linear import BinaryLinear, project_
from meanbits.numerics.layers.state import State
from meanbits.theory.declarations.blocks import Dense, Dropout
from meanbits.theory.declarations.compose_layer import row_of
from meanbits.theory.declarations.rows import CHAINS, Row
from meanbits.theory.declarations.weights import FIXED_SIGNS

ROWS = pytest.mark.parametrize("row", CHAINS, ids=lambda row: row.name)
NORMS = pytest.mark.parametrize("kind", ["batch", "rms", "layer"])
F64 = torch.float64


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def uniform(*shape: int) -> Tensor:
    return 2 * torch.rand(*shape, dtype=F64) - 1


class Parts:
    """What blocks ask of a draw, given the layers whose weights and neurons these are."""

    def __init__(self, layers: list[BinaryLinear]) -> None:
        self.weights, self.last = iter(layers), layers[-1]

    def dense(self, block: Dense, x: Tensor) -> Tensor:
        layer = next(self.weights)
        return x @ layer.mean.T / math.sqrt(layer.in_features) + layer.bias

    def kept(self, keep: float, x: Tensor) -> Tensor:
        return x * (torch.rand(x.shape) < keep) / keep

    def neuron(self, neurons: object, field: Tensor) -> Tensor:
        return self.last.neurons(field)


def through_blocks(row: Row, layers: list[BinaryLinear], x: Tensor) -> Tensor:
    """The chain from states to states, its blocks by their `apply`: round from dropout or weights to neurons."""
    blocks = row.layer.at(1.0, 0.0).blocks
    first = next(k for k, block in enumerate(blocks) if isinstance(block, Dropout | Dense))
    parts = Parts(layers)
    for _ in layers:
        for block in (*blocks[first:], *blocks[:first]):
            x = block.apply(x, parts)
    return x


@ROWS
@pytest.mark.parametrize("changes", [{}, *({"normalise": kind} for kind in ("none", "batch", "rms", "layer")),
                                     {"dropout": 0.3, "scale": 1.7}], ids=str)  # fmt: skip
def test_modules_are_their_blocks(row: Row, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norm, "LEAST", 0.0)
    options = {"skip": "none", **changes}
    layers = [BinaryLinear(8, 8, row.name, dtype=F64, **options) for _ in range(2)]
    for layer in layers:
        layer.reset_parameters(sigma_b2=0.3)
    x = uniform(6, 8)
    torch.manual_seed(1)
    expected = through_blocks(row_of(row.name, **options), layers, x)
    torch.manual_seed(1)
    torch.testing.assert_close(nn.Sequential(*layers)(x), expected, rtol=1e-12, atol=1e-13)


@ROWS
def test_a_declared_chain_is_its_name(row: Row) -> None:
    if row.skip is not None:
        with pytest.raises(ValueError, match=r"give skip='none'.* in forward h = "):
            BinaryLinear(4, 4, row.name)
        row = replace(row, skip=None)
    torch.manual_seed(0)
    by_chain = BinaryLinear(4, 3, row.layer)
    torch.manual_seed(0)
    by_name = BinaryLinear(4, 3, row.name, skip="none")
    x = torch.randn(5, 4)
    assert torch.equal(by_chain(x), by_name(x))
    assert repr(by_chain) == repr(by_name)


@pytest.mark.parametrize("name", ["bi-real", "bitlinear"])
def test_a_skip_in_forward_is_the_skip(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the refusal says to write it."""
    monkeypatch.setattr(norm, "LEAST", 0.0)
    row = row_of(name)
    dropped = {"skip": "none"} if row.behind else {"skip": "none", "normalise": "none"}
    layer, h = BinaryLinear(8, 8, name, dtype=F64, **dropped), torch.randn(6, 8, dtype=F64)
    seen = h if row.behind else nn.RMSNorm(8, 1e-5, False)(h)
    (skip,) = row.layer.at(1.0, 0.0).blocks
    expected = skip.apply(h, Parts([layer]))
    torch.testing.assert_close(h + layer.field(layer.neurons(seen)).mean, expected, rtol=1e-4, atol=1e-4)


@ROWS
def test_gradients_are_the_declared_slope(row: Row) -> None:
    """Exactly, at the field that the neurons see; and latent weights get those of the rounded ones."""
    layer = BinaryLinear(8, 5, row.name, skip="none", normalise="none", scale=1, dtype=F64)
    x, sent = uniform(6, 8), torch.randn(6, 5, dtype=F64)
    field = layer.field(x).mean.detach().requires_grad_()
    (got,) = torch.autograd.grad(layer.neurons(field), field, sent)
    if row.surrogate.neurons.backward is None:
        (expected,) = torch.autograd.grad(2 * (field.clamp(min=0) ** 2 / 2), field, sent)  # squared relu
    else:
        expected = sent * slope_of(row.surrogate)(field.detach())
    torch.testing.assert_close(got, expected, rtol=1e-15, atol=0)
    (of_latent,) = torch.autograd.grad(layer(x), layer.latent, sent)
    torch.testing.assert_close(of_latent, expected.T @ x / math.sqrt(8), rtol=1e-12, atol=1e-15)
    if layer.is_latent:
        assert torch.equal(layer.mean, rounded(row.surrogate.weights, layer.latent))


# Latent weights


@pytest.mark.parametrize("make", [
    lambda: BinaryLinear(6, 4, "random-binary", weights="signs", backward="clip"),
    lambda: BinaryConv2d(2, 4, 3, "xnor", groups=2), lambda: BinaryLinear(6, 4, "bitlinear", skip="none"),
    lambda: BinaryLinear(6, 4, weights="absmean"), lambda: BinaryLinear(6, 4, "random-binary", treatment="marginalise"),
])  # fmt: skip
def test_an_optimiser_moves_latent_weights_alone(make: Callable[[], BinaryLinear]) -> None:
    layer = make()
    x = torch.rand(5, 2, 6, 6) if isinstance(layer, BinaryConv2d) else 2 * torch.rand(5, 6) - 1
    values = {float(value) for value, _ in layer.rule.surrogate.weights.means}
    before, optimiser = layer.mean.detach(), torch.optim.SGD(layer.parameters(), 30.0)
    for _ in range(3):
        optimiser.zero_grad()
        (layer(x) * torch.randn(4, *[1] * (x.dim() - 2))).sum().backward()
        optimiser.step()
    assert float(layer.latent.detach().abs().max()) > 1
    project_(layer)
    assert float(layer.latent.detach().abs().max()) == 1
    assert set(layer.mean.detach().flatten().tolist()) <= values
    assert not torch.equal(layer.mean, before)
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.mean.original"]


def test_layers_are_those_that_trainings_train() -> None:
    """Fields, and gradients of the latent weights, through hidden layers of batch norm."""
    settings = Settings(surrogate="xnor", depth=3, width=12, dtype="float64", sigma_b2=0.2)
    network = initialised([settings], 20, streams([settings]).initial)
    images = uniform(9, 20)
    layers = [BinaryLinear(20 if k == 0 else 12, 12, "xnor", dtype=F64, scale=1 if k == 0 else None) for k in range(3)]
    for layer, weights, bias in zip(layers, network.weights, network.biases, strict=False):
        layer.mean = weights[0]
        layer.load_state_dict({"bias": bias[0]}, strict=False)
        weights.requires_grad_()
    state = nn.Sequential(*layers)(images)
    logits = state @ network.means(3)[0].T / math.sqrt(12) + network.biases[3][0]
    expected = network.logits(images[None])[0]
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-13)
    sent = torch.randn_like(logits)
    found = torch.autograd.grad(logits, [layer.latent for layer in layers], sent)
    for one, other in zip(found, torch.autograd.grad(expected, network.weights[:3], sent), strict=True):
        torch.testing.assert_close(one, other[0], rtol=1e-10, atol=1e-13)


def test_latent_weights_are_drawn_and_assigned() -> None:
    layer = BinaryLinear(300, 200, "xnor")
    assert float(layer.latent.detach().abs().mean()) == pytest.approx(0.5, abs=0.01)  # uniform in [-1, 1]
    with pytest.raises(ValueError, match="weights are rounded, and draws into them would be lost"):
        mb.init.mean_variance_(layer.mean, 0.5)
    layer.mean = mb.init.mean_variance_(torch.empty_like(layer.mean), 0.25)
    assert set(layer.latent.detach().abs().flatten().tolist()) == {0.5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # signs have no critical initialisation
        mb.init.critical_(layer.latent, "random-binary")
    assert len(set(layer.latent.detach().abs().flatten().tolist())) > 1000
    assert torch.equal(rounded(FIXED_SIGNS, torch.zeros(2, 2)), torch.ones(2, 2))
    assert torch.equal(rounded(row_of("bitlinear").surrogate.weights, torch.zeros(2, 2)), torch.zeros(2, 2))


# Norms and dropout of fields with a variance


def raw_fields(layers: list[BinaryLinear], x: Tensor) -> list[Field]:
    """What the weights of each layer make of its states."""
    found: list[Field] = []

    def watched(dense: Callable[[State], Field]) -> Callable[[State], Field]:
        return lambda state: found.append(dense(state)) or found[-1]

    for layer in layers:
        layer.dense = watched(layer.dense)
    with torch.no_grad():
        nn.Sequential(*layers)(x)
    return found


@pytest.mark.parametrize(("name", "kind", "dropout"), [
    ("deterministic", "batch", 0.25), ("moment-matching", "rms", 0.25),
    *(pytest.param(*each, marks=pytest.mark.slow) for each in (
        ("deterministic", "rms", 0.25), ("deterministic", "layer", 0.25), ("moment-matching", "batch", 0.25),
        ("deterministic", "batch", 0.0), ("deterministic", "rms", 0.0), ("moment-matching", "batch", 0.0),
    )),
])  # fmt: skip
def test_random_layers_are_the_mean_field(name: str, kind: str, dropout: float) -> None:
    """q = <hbar^2>/<Sigma> and T of each layer, batch 256, within 3 standard errors of the networks."""
    sigma_m2, sigma_b2, width, depth, networks = 0.6, 0.2, 1000, 3, 16
    drops = {"dropout": dropout} if dropout else {}
    layer = mb.layer_of(mb.compose(name), normalise=kind, dropout=row_of(name, **drops).dropout)
    quenched = sigma_m2 + sigma_b2
    theory = mb.profile(layer, depth - 1, sigma_m2, sigma_b2, q0=quenched / (1 - sigma_m2), typical=sigma_b2 / quenched)
    measured = np.zeros((networks, 2, depth))
    for k in range(networks):
        layers = [
            BinaryLinear(width, width, name, normalise=kind, **(drops if level else {})) for level in range(depth)
        ]
        for each in layers:
            each.reset_parameters(sigma_m2, sigma_b2)
        fields = raw_fields(layers, torch.where(torch.rand(256, width) < 0.5, -1.0, 1.0))
        square, spread = (np.array([float(part) for part in parts]) for parts in zip(
            *((mean.square().mean(), variance.mean()) for mean, variance in fields), strict=True))  # fmt: skip
        measured[k] = square / spread, square + spread
    error = measured.std(0, ddof=1) / math.sqrt(networks)
    z = (measured.mean(0) - np.array([theory.q, theory.T])) / error
    assert np.abs(z[:, 1:]).max() < 3
    assert np.abs(z[0, 0]) < 3


def stochastic(layer: BinaryLinear, m: Tensor, copies: int) -> Tensor:
    """Fields (copies, batch, out) of the stochastic layer, which draws bits, masks and weights for each input."""
    rows = m.expand(copies, *m.shape)
    bits = torch.where(torch.rand_like(rows) < (1 + rows) / 2, 1.0, -1.0).to(m)
    bits = bits * (torch.rand_like(rows) < 1 - layer.dropout) / (1 - layer.dropout)
    ups = (1 + layer.mean.detach().float()) / 2  # to 6e-8: most of the time goes by drawing
    weights = torch.where(torch.rand(copies, len(m), *ups.shape) < ups, 1.0, -1.0).to(m)
    return layer.scale * ((weights @ bits[..., None])[..., 0] / math.sqrt(layer.in_features) + layer.bias.detach())


@NORMS
@pytest.mark.parametrize("name", ["deterministic", "moment-matching"])
@pytest.mark.parametrize("options", [{}, {"dropout": 0.4, "scale": 1.5}], ids=str)
def test_a_norm_is_that_of_the_stochastic_layer(name: str, kind: str, options: dict[str, Any]) -> None:
    batch, width, copies = (40, 4, 1500) if kind == "batch" else (2, 2000, 600)
    layer = BinaryLinear(9, width, name, normalise=kind, dtype=F64, **options)
    with torch.no_grad():
        layer.mean.mul_(torch.rand_like(layer.mean))
        layer.bias.normal_(0, 0.5)
    m = uniform(batch, 9)
    h = stochastic(layer, m, copies)
    twins = {"batch": nn.BatchNorm1d(width, affine=False, dtype=F64), "rms": nn.RMSNorm(width, 1e-5, False, dtype=F64),
             "layer": nn.LayerNorm(width, elementwise_affine=False, dtype=F64)}  # fmt: skip
    normed = twins[kind](h.flatten(0, 1)).view(h.shape)[..., :4]
    mean, variance = (each.detach()[..., :4] for each in layer.field(m))
    of_mean = (normed.mean(0) - mean) / (variance / copies).sqrt()
    fourth = (normed - normed.mean(0)).pow(4).mean(0)
    of_variance = (normed.var(0) - variance) / ((fourth - variance**2) / copies).sqrt()
    assert float(of_mean.abs().max()) < 4
    assert float(of_variance.abs().max()) < 4


@pytest.mark.parametrize("name", ["soudry", "peters-welling", "lrt", "shayer", "stochastic-binary", "random-binary"])
@NORMS
def test_every_surrogate_takes_a_norm_and_dropout(name: str, kind: str) -> None:
    """The field of the others is that of these; gradients are finite, and reach what they should."""
    options = {"treatment": "marginalise"} if name == "random-binary" else {}
    layer = BinaryLinear(9, 4, name, normalise=kind, dropout=0.2, dtype=F64, **options)
    twin = BinaryLinear(9, 4, normalise=kind, dropout=0.2, dtype=F64)
    twin.load_state_dict({"mean": layer.mean.detach(), "bias": layer.bias}, strict=False)
    x, again = uniform(12, 9).requires_grad_(), slice(None)
    if layer.rule.field == "integrated" and not layer.is_latent:
        for one, other in zip(layer.field(x), twin.field(x), strict=True):
            torch.testing.assert_close(one, other)
    if layer.rule.field == "sampled":
        many = torch.stack([layer.field(x[again]).mean.detach() for _ in range(400)])
        assert float(many.std(0).min()) > 0  # masks
        layer.eval()
        assert torch.equal(layer.field(x).mean, layer.field(x).mean)
        layer.train()
    layer(x).sum().backward()
    assert all(bool(torch.isfinite(each.grad).all()) for each in (x, layer.latent, layer.bias))


@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_running_moments_are_those_of_torch(kind: str) -> None:
    options: dict[str, Any] = {"neurons": "linear", "normalise": "batch", "dtype": F64}
    plain = BinaryLinear(6, 4, "continuous", **options) if kind == "linear" else (
        BinaryConv2d(2, 4, 3, "continuous", **options))  # fmt: skip
    twin = (
        nn.BatchNorm1d(4, affine=False, dtype=F64) if kind == "linear" else nn.BatchNorm2d(4, affine=False, dtype=F64)
    )
    for k in range(3):
        x = torch.randn(*((7, 6) if kind == "linear" else (7, 2, 5, 5)), dtype=F64) * (k + 1)
        raw = plain.dense(State(x)).mean
        torch.testing.assert_close(plain(x), twin(raw))
    for one, other in ((plain.batch.running_mean, twin.running_mean), (plain.batch.running_var, twin.running_var)):
        torch.testing.assert_close(one, other)
    plain.eval(), twin.eval()
    torch.testing.assert_close(plain(x[:1]), twin(raw[:1]))


def test_running_moments_settle_to_those_of_the_batch() -> None:
    layer, x = BinaryLinear(6, 4, normalise="batch", dropout=0.1, dtype=F64), uniform(2000, 6)
    for _ in range(200):
        seen = layer.field(x)
    for one, other in zip(seen, layer.eval().field(x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(layer(x)[:3], layer(x[:3]))
    layer.reset_parameters()
    assert float(layer.batch.running_mean.abs().max()) == 0


@pytest.mark.parametrize(("name", "options"), [
    ("xnor", {"dropout": 0.1}), pytest.param("deterministic", {"normalise": "batch"}, marks=pytest.mark.slow),
    ("lrt", {"normalise": "rms"}),
])  # fmt: skip
def test_state_copies_compilation_and_autocast(name: str, options: dict[str, Any]) -> None:
    layer, x = BinaryLinear(16, 8, name, **options), 2 * torch.rand(32, 16) - 1
    other = BinaryLinear(16, 8, name, **options)
    layer(x), layer(x)
    other.load_state_dict(layer.state_dict())
    copied = copy.deepcopy(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        compiled = torch.compile(copied, backend="aot_eager", fullgraph=True)
        for module in (layer, compiled):
            torch.manual_seed(0)
            module(x).sum().backward()
    torch.testing.assert_close(copied.latent.grad, layer.latent.grad)
    torch.testing.assert_close(copied.state_dict(), layer.state_dict())
    layer(x)
    assert layer.batch is None or not torch.equal(layer.batch.running_mean, other.batch.running_mean)
    other.load_state_dict(layer.state_dict())
    exact = layer.eval().field(x)
    assert torch.equal(exact.mean, other.eval().field(x).mean)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer.field(x).mean.float(), exact.mean, rtol=0, atol=0.04)


# Convolutions

CONVOLUTIONS = [
    {"padding_mode": mode, "padding": padding, "groups": groups, "stride": stride, "dilation": dilation}
    for mode in ("zeros", "circular", "reflect", "replicate")
    for padding, stride, dilation in (((2, 1), 2, 1), ("same", 1, 1), ("valid", 2, 1), ("same", 1, 2))
    for groups in (1, 2, 4)
]


def linear_operator(layer: BinaryConv2d, size: tuple[int, int]) -> Tensor:
    """Of a neuron of the inputs and one of the outputs, the weight between them: (in, out) of flat images."""
    eye = torch.eye(layer.in_channels * math.prod(size), dtype=F64).view(-1, layer.in_channels, *size)
    return layer.patches.convolved(eye, layer.mean.detach()).flatten(1)


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=lambda options: " ".join(map(str, options.values())))
@pytest.mark.parametrize("kernel", [(3, 2), 3], ids=str)
def test_convolutions_are_those_of_torch_with_the_variance_of_their_sums(options: dict[str, Any], kernel: Any) -> None:
    """Also where padding shows a neuron to a patch twice: by the matrix from neurons to fields."""
    layer = BinaryConv2d(4, 8, kernel, dtype=F64, **options)
    with torch.no_grad():
        layer.mean.mul_(torch.rand_like(layer.mean))
        layer.bias.normal_()
    twin, n = nn.Conv2d(4, 8, kernel, dtype=F64, **options), layer.mean[0].numel()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch about even kernels and padding same
        twin.weight.copy_(layer.mean / math.sqrt(n))
        twin.bias.copy_(layer.bias)
        m = uniform(2, 4, 6, 5)
        state = State(m, m**2 + torch.rand_like(m))
        found = layer.field(state)
        torch.testing.assert_close(found.mean, twin(m), rtol=1e-12, atol=1e-13)
        of_states = (state.second_moment - m**2).flatten(1) @ linear_operator(layer, (6, 5)) ** 2
        of_weights = layer.patches.convolved(state.second_moment, 1 - layer.mean**2).flatten(1)
        torch.testing.assert_close(found.variance.flatten(1), (of_states + of_weights) / n, rtol=1e-12, atol=1e-13)
        assert n == 4 // options["groups"] * math.prod(layer.mean.shape[2:])


@pytest.mark.parametrize("name", ["xnor", "dorefa-like", "binaryconnect-ste"])
def test_chains_of_convolutions_are_linear_on_every_patch(name: str) -> None:
    """Groups one by one, norms over all places."""
    layer = BinaryConv2d(4, 6, 3, name, groups=2, padding=1, padding_mode="circular", dtype=F64)
    images = uniform(3, 4, 5, 5)
    patches = nn.functional.unfold(nn.functional.pad(images, [1] * 4, "circular"), 3).mT.reshape(-1, 2, 18)
    for group in range(2):
        linear = BinaryLinear(18, 3, name, dtype=F64)
        linear.mean = layer.latent.detach()[3 * group :][:3].flatten(1)
        expected = linear(patches[:, group]).view(3, 5, 5, 3).movedim(-1, 1)
        torch.testing.assert_close(layer(images)[:, 3 * group :][:, :3], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_padding_by_neurons_compiles_whole() -> None:
    layer, images = BinaryConv2d(2, 4, 3, padding=1, padding_mode="reflect"), 2 * torch.rand(2, 2, 5, 5) - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(images), layer(images))


def test_an_image_without_a_batch_is_a_batch_of_one() -> None:
    layer, image = BinaryConv2d(2, 4, 3, padding=1), 2 * torch.rand(2, 5, 5) - 1
    torch.testing.assert_close(layer(image), layer(image[None])[0])


# What users meet


def stacked(*between: nn.Module, **options: Any) -> nn.Sequential:
    return nn.Sequential(BinaryLinear(8, 8), *between, BinaryLinear(8, 8, **options))


@pytest.mark.parametrize(("make", "said"), [
    (lambda: stacked(nn.BatchNorm1d(8))(torch.rand(9, 8)), "norm and drop by normalise and dropout of the layers"),
    (lambda: BinaryLinear(8, 8, "xnor")(torch.rand(1, 8)), "batch of 1: .* or call eval"),
    (lambda: BinaryLinear(8, 8, skip="0.5:2"), "add what layer.field gives .* means by 1/2 and 2"),
    (lambda: BinaryLinear(8, 8, "bi-real"), r"h = 1 \* h \+ 1 \* layer.field\(layer.neurons\(h\)\).mean"),
    (lambda: BinaryLinear(8, 8, "xnorr"), "did you mean xnor"),
    (lambda: BinaryLinear(8, 8, "xnor", keep="tanh"), "rounded from latent ones; use project"),
    (lambda: BinaryLinear(8, 8, dropout=1.0), "must lie in"),
    (lambda: BinaryLinear(8, 8, phi="tanh", normalise="rms"), "use form exact"),
    (lambda: BinaryLinear(8, 8, mb.Surrogate("own", mb.Weights.of_latent("own", FIXED_SIGNS.means), mb.sign, mb.sharp,
                                             "")), "weights own: .* is not known"),
    (lambda: BinaryConv2d(4, 6, 3, groups=4), "groups = 4: it must divide in_channels = 4 and out_channels = 6"),
    (lambda: BinaryConv2d(4, 4, 3, padding="same", stride=2), r"padding = 'same' with stride = \(2, 2\)"),
    (lambda: BinaryConv2d(4, 4, 3, padding="full"), "padding = 'full': use valid, same"),
    (lambda: BinaryConv2d(4, 4, 3, padding_mode="mirror"), "padding_mode = 'mirror': use zeros"),
    (lambda: BinaryConv2d(4, 4, 3)(torch.rand(2, 3, 8, 8)), "in_channels is 4"),
])  # fmt: skip
def test_what_would_be_wrong_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_parts_that_are_settled_take_no_options() -> None:
    with pytest.raises(TypeError, match="dropout beside a Layer"):
        BinaryLinear(4, 4, mb.compose("xnor"), dropout=0.1)
    assert BinaryLinear(4, 4, mb.compose("soudry"), dropout=0.1).dropout == 0.1


@pytest.mark.parametrize("remedied", [
    stacked(nn.BatchNorm1d(8), inputs="real"), stacked(nn.Dropout(0.5), inputs="real"), stacked(normalise="batch"),
    stacked(dropout=0.5),
])  # fmt: skip
def test_remedies_work(remedied: nn.Sequential) -> None:
    remedied(torch.rand(9, 8)).sum().backward()
    assert all(bool(torch.isfinite(each.grad).all()) for each in remedied.parameters())


def test_largest_means_pool_as_bits_where_neurons_are_bits() -> None:
    network = nn.Sequential(BinaryConv2d(1, 4, 3, "xnor"), nn.MaxPool2d(2), nn.Flatten(), BinaryLinear(36, 10, "xnor"))
    assert set(network(torch.rand(5, 1, 8, 8)).detach().flatten().tolist()) == {-1.0, 1.0}


def test_a_network_of_chains_learns() -> None:
    network = nn.Sequential(BinaryLinear(20, 64, "xnor"), BinaryLinear(64, 64, "xnor", dropout=0.1),
                            BinaryLinear(64, 2, "quantised-k", neurons="linear", backward="exact"))  # fmt: skip
    x = torch.randn(400, 20)
    y, optimiser = (x[:, 0] + x[:, 1] > 0).long(), torch.optim.Adam(network.parameters(), 3e-3)
    losses: list[float] = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        project_(network)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.75 * losses[0]
    assert set(network[1].mean.detach().flatten().tolist()) == {-1.0, 1.0}


def test_the_sign_of_a_field_that_is_known_to_vanish_is_one() -> None:
    layer = BinaryLinear(2, 3, "random-binary", bias=False, backward="clip")
    out = layer(torch.zeros(1, 2, requires_grad=True))
    assert out.tolist() == [[1.0, 1.0, 1.0]]
    out.sum().backward()
    assert bool((layer.latent.grad == 0).all())  # inputs are 0
