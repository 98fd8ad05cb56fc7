"""Converted layers have the fields of the plain ones, take in what stood behind them, and go back to what they were."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import meanbits as mb
from meanbits.conversion import ConversionError
from meanbits.numerics.conversion.activations import activation_named


class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


class Binarise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0) + 0 * x


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, stride=2, bias=False)
        self.hidden, self.last, self.out = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.conv(x)).flatten(1)
        x = functional.hardtanh(self.hidden(x), -1.0, 1.0)
        return self.out(self.last(x).sign())


def sequential(last: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(9, 12), nn.Tanh(), nn.Linear(12, 7, bias=False), last or Binarise(), nn.Linear(7, 3))


def test_activations_are_known_by_what_they_do() -> None:
    signs = [torch.sign, Binarise(), mb.Sign(), Through.apply, lambda x: 2.0 * (x > 0) - 1, lambda x: x / x.abs()]
    assert {activation_named(each) for each in signs} == {"sign"}
    tanhs = [nn.Tanh(), lambda x: 2 * torch.sigmoid(2 * x) - 1]
    assert {activation_named(each) for each in tanhs} == {"tanh"}
    assert {activation_named(each) for each in (nn.Hardtanh(), lambda x: x.clamp(-1, 1))} == {"hardtanh"}
    others = [nn.ReLU(), nn.Identity(), nn.Softmax(-1), nn.LayerNorm(64), nn.Linear(3, 3), lambda x: None, torch.sum,
              lambda x: torch.sign(x - 0.2), nn.Hardtanh(-2, 2)]  # fmt: skip
    assert [activation_named(each) for each in others] == [None] * len(others)  # type: ignore[arg-type]


def test_fields_are_those_of_the_plain_layers() -> None:
    """Weights as Torch draws them fill the range of the means exactly: nothing is lost."""
    net = sequential()
    made, x = mb.from_torch(net), torch.rand(5, 9) * 2 - 1
    assert [each.kept for each in made.conversion.layers] == [1, 1, None]
    torch.testing.assert_close(made[0].field(x).mean, net[0](x), rtol=1e-6, atol=1e-6)
    m = torch.rand(5, 12) * 2 - 1
    torch.testing.assert_close(made[2].field(m).mean, net[2](m), rtol=1e-6, atol=1e-6)
    assert (made[0].inputs, made[2].inputs, made[2].bias) == ("real", "means", None)
    assert [type(made[k]) for k in (1, 3, 4)] == [nn.Identity, nn.Identity, nn.Linear]
    assert made(x).shape == (5, 3)


def test_large_weights_are_shrunk_and_it_is_said() -> None:
    net = sequential()
    with torch.no_grad():
        net[0].weight *= 4
        net[0].bias *= 4
        net[2].weight.zero_()
    made, x = mb.from_torch(net), torch.rand(50, 9) * 2 - 1
    kept = made.conversion.layers[0].kept
    assert kept == pytest.approx(1 / (net[0].weight.abs().max().item() * 3), rel=1e-6)
    torch.testing.assert_close(made[0].field(x).mean, kept * net[0](x), rtol=1e-6, atol=1e-6)
    assert f"{kept:.3g}" in str(made.conversion)
    assert float(made[0].mean.detach().abs().max()) <= made[0].limit
    assert made.conversion.layers[1].kept == 1


def test_functions_in_forward_are_taken_in_too() -> None:
    torch.manual_seed(3)
    net = Functional()
    made, x = mb.from_torch(net), torch.rand(4, 2, 8, 8) * 2 - 1
    assert [(each.path, each.activation) for each in made.conversion.layers] == [
        ("conv", "tanh"), ("hidden", "hardtanh"), ("last", "sign"), ("out", None),
    ]  # fmt: skip
    assert [made.get_submodule(path).inputs for path in ("conv", "hidden", "last")] == ["real", "means", "means"]
    torch.testing.assert_close(made.conv.field(x).mean, net.conv(x), rtol=1e-5, atol=1e-6)
    states = made.last(made.hidden(made.conv(x).flatten(1)))
    torch.testing.assert_close(made(x), made.out(states))
    assert made.conversion.layers[3].remark == "stays Linear: gives the output"


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(4, 4, 3, padding="same", padding_mode="circular", bias=False),
        nn.Conv2d(4, 8, 1, groups=4, dtype=torch.float64),
        nn.Conv2d(4, 8, 3, padding=2, padding_mode="reflect"),
    ],
)
def test_convolutions_keep_their_patches_there_and_back(conv: nn.Conv2d) -> None:
    made = mb.from_torch(nn.Sequential(conv, nn.Tanh()))
    x = torch.rand(2, 4, 7, 7, dtype=conv.weight.dtype) * 2 - 1
    torch.testing.assert_close(made[0].field(x).mean, conv(x), rtol=1e-5, atol=1e-6)
    back = mb.to_torch(made)[0][0]
    assert repr(back) == repr(conv)
    torch.testing.assert_close(back.weight, conv.weight, rtol=1e-6, atol=0)
    assert back.weight.dtype == conv.weight.dtype


def test_there_and_back_again() -> None:
    net, x = sequential(nn.Tanh()), torch.rand(6, 9) * 2 - 1
    back = mb.to_torch(mb.from_torch(net), activation=nn.Tanh)
    torch.testing.assert_close(back(x), net(x), rtol=1e-5, atol=1e-6)
    assert [type(each) for each in mb.to_torch(mb.from_torch(net))[0]] == [nn.Linear, mb.Sign]


def test_plain_twins_have_norm_scale_and_dropout_of_the_layer() -> None:
    """Of neurons without noise, layer and twin are one function, in training of batch norm too."""
    parts: dict[str, Any] = {"neurons": "tanh", "treatment": "none", "weights": "fixed"}
    for blocks in ({"normalise": "batch", "scale": 0.5}, {"normalise": "rms"}, {"normalise": "layer"}, {"scale": 2.0}):
        layer, x = mb.BinaryLinear(6, 5, **parts, **blocks, dtype=torch.float64), torch.randn(8, 6, dtype=torch.float64)
        layer.bias.data.normal_()
        twin = mb.to_torch(layer)
        torch.testing.assert_close(twin(x), layer(x))
        layer(x)
        twin(x)
        torch.testing.assert_close(twin.eval()(x), layer.eval()(x))
    assert isinstance(mb.to_torch(mb.BinaryLinear(6, 5, dropout=0.2))[0], nn.Dropout)


def normed(norm: nn.Module, activation: nn.Module | None = None) -> nn.Sequential:
    """Dropout, norms and skips as people write them, all of them seen some batches."""
    torch.manual_seed(6)
    net = nn.Sequential(nn.Linear(9, 12), norm, activation or nn.Tanh(), nn.Dropout(0.25), nn.Linear(12, 7),
                        nn.BatchNorm1d(7), nn.Hardtanh(), nn.Linear(7, 3))  # fmt: skip
    for _ in range(3):
        net(torch.rand(20, 9) * 2 - 1)
    return net


NORMS = {"batch": lambda: nn.BatchNorm1d(12), "layer": lambda: nn.LayerNorm(12),
         "rms": lambda: nn.RMSNorm(12, 1e-5)}  # fmt: skip


@pytest.mark.parametrize("kind", NORMS)
def test_norms_and_dropout_go_with_the_layer_and_come_back(kind: str) -> None:
    net, x = normed(NORMS[kind]()), torch.rand(30, 9) * 2 - 1
    made = mb.from_torch(net)
    assert [each.remark for each in made.conversion.layers] == [
        f"BinaryLinear, {kind} norm, neurons sign", "BinaryLinear, batch norm, dropout 0.25, neurons sign",
        "stays Linear: gives the output",
    ]  # fmt: skip
    assert [each.kept for each in made.conversion.layers] == [1, 1, None]
    assert [made[k].inputs for k in (0, 4)] == ["real", "means"]
    assert [type(made[k]) for k in (1, 2, 3, 5, 6)] == [nn.Identity] * 5
    back = mb.to_torch(made, activation=nn.Tanh)
    assert made(x).shape == (30, 3)
    plain = copy.deepcopy(net)
    plain[6] = nn.Tanh()
    torch.testing.assert_close(back.eval()(x), plain.eval()(x), rtol=1e-5, atol=1e-5)
    torch.manual_seed(1)
    drawn = back.train()(x)
    torch.manual_seed(1)
    torch.testing.assert_close(drawn, plain.train()(x), rtol=1e-5, atol=1e-5)
    for name, value in plain[5].named_buffers():
        if name != "num_batches_tracked":
            torch.testing.assert_close(dict(back[4][2].named_buffers())[name], value, rtol=1e-5, atol=1e-6)


def test_norms_of_convolutions_and_shrunk_fields() -> None:
    """The norm undoes that weights were shrunk into the range of means."""
    torch.manual_seed(7)
    net = nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.Tanh())
    net[0].weight.data.mul_(5)
    x = torch.rand(6, 2, 8, 8) * 2 - 1
    net(x)
    made = mb.from_torch(net)
    assert made.conversion.layers[0].kept < 0.5
    torch.testing.assert_close(mb.to_torch(made, nn.Tanh).eval()(x), net.eval()(x), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(made[0].batch.running_mean, net[1].running_mean * made.conversion.layers[0].kept)


class Skips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.branch, self.joined, self.last = (nn.Linear(8, 8) for _ in range(4))
        self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        x = x + torch.tanh(self.norm(self.branch(x)))
        x = torch.tanh(x + self.joined(x))
        return self.out(torch.tanh(self.last(x)))


def test_skips_stay_and_those_within_a_field_are_named() -> None:
    torch.manual_seed(8)
    net, x = Skips(), torch.rand(16, 8) * 2 - 1
    net(x)
    made = mb.from_torch(net)
    remarks = {each.path: (each.inputs, each.remark) for each in made.conversion.layers}
    assert remarks["branch"] == ("means", "BinaryLinear, batch norm, neurons sign")
    assert remarks["joined"][1] == (
        "stays Linear: feeds add, no sign, tanh or hardtanh; put the activation on the branch, as x + tanh(layer(x)), "
        "or norm and activation"
    )
    assert remarks["last"][0] == "real"  # the skip's sum is no mean of bits
    back = mb.to_torch(made, nn.Tanh)
    assert made(x).shape == (16, 2)
    torch.testing.assert_close(back.eval()(x), net.eval()(x), rtol=1e-5, atol=1e-5)


def gained() -> nn.Module:
    norm = nn.BatchNorm1d(12)
    norm.weight.data[0] = 2
    return norm


def watched() -> nn.Module:
    norm = nn.BatchNorm1d(12)
    norm.register_forward_hook(lambda *_: None)
    return norm


ODD_NORMS = {
    "feeds BatchNorm1d with gains or shifts, which a batch norm of meanbits has not": gained,
    "feeds BatchNorm1d of eps 0.001; layers of meanbits have 1e-05": lambda: nn.BatchNorm1d(12, 1e-3),
    "feeds BatchNorm1d of momentum 0.5, or": lambda: nn.BatchNorm1d(12, momentum=0.5),
    "feeds BatchNorm1d of momentum 0.1, or without running": lambda: nn.BatchNorm1d(12, track_running_stats=False),
    "feeds LayerNorm with gains or shifts": lambda: shifted(nn.LayerNorm(12)),
    "feeds 1, which has hooks": watched,
    "feeds 1, no sign, tanh or hardtanh": lambda: nn.GroupNorm(3, 12),
}


def shifted(norm: nn.LayerNorm) -> nn.Module:
    norm.bias.data[3] = 0.1
    return norm


@pytest.mark.parametrize("message", ODD_NORMS)
def test_norms_that_layers_do_not_have_keep_the_layer_plain(message: str) -> None:
    first = mb.from_torch(normed(ODD_NORMS[message]())).conversion.layers[0]
    assert first.remark.startswith(f"stays Linear: {message}")


def test_norms_beside_a_settled_chain_are_refused() -> None:
    chain = mb.compose("continuous", neurons="tanh", normalise="rms")
    with pytest.raises(ConversionError, match=r"0: .*normalise beside a Layer, whose parts are settled: give a name"):
        mb.from_torch(normed(nn.BatchNorm1d(12)), chain)


def test_rounded_weights_keep_what_rounding_leaves() -> None:
    net = sequential()
    made = mb.from_torch(net, weights="signs", neurons="sign", backward="clip", treatment="none")
    assert torch.equal(made[0].mean.detach(), torch.where(net[0].weight < 0, -1.0, 1.0))
    assert made.conversion.layers[0].remark.endswith("weights rounded")
    tanh = mb.from_torch(net, keep="tanh")
    torch.testing.assert_close(tanh[0].mean, 3 * net[0].weight, rtol=1e-4, atol=1e-5)


def test_critical_means_are_those_of_the_initialisation() -> None:
    net = nn.Sequential(nn.Linear(40, 500), nn.Tanh())
    made = mb.from_torch(net, "continuous", init="critical", neurons="tanh")
    alone = mb.init.critical_(torch.empty(500, 40), "continuous", neurons="tanh", parametrisation="ntk")
    assert torch.equal(made[0].mean.detach().abs(), alone.abs())
    assert not made[0].bias.any()
    assert made.conversion.layers[0].kept is None


def test_the_model_is_left_as_it_was_and_the_copy_learns() -> None:
    net = sequential()
    net.register_forward_hook(lambda *_: None)
    before, mode = copy.deepcopy(net.state_dict()), net.training
    made, x = mb.from_torch(net), torch.rand(64, 9) * 2 - 1
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert (net.training, len(net._forward_hooks), type(net[1])) == (mode, 1, nn.Tanh)
    assert not hasattr(net, "conversion")
    labels = (x.sum(1) > 0).long()
    optimiser = torch.optim.Adam(made.parameters(), 0.02)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = functional.cross_entropy(made(x), labels)
        loss.backward()
        optimiser.step()
        for layer in (made[0], made[2]):
            layer.project_()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    network = mb.export(made)
    assert float((network(x).argmax(1) == labels).float().mean()) > 0.5


class Shared(nn.Module):
    """One layer used twice, tied weights, an activation that others use, a hook, and one that nothing recognises."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.a, self.b, self.c, self.d, self.e = (nn.Linear(4, 4) for _ in range(6))
        self.b.weight = self.a.weight
        self.d.register_forward_hook(lambda *_: None)
        self.act, self.other = nn.Tanh(), nn.Tanh()
        self.branch, self.good = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.twice(torch.tanh(self.twice(x))))
        x = torch.tanh(self.a(x)) + torch.tanh(self.b(x))
        x = self.act(self.c(x)) + self.act(x)
        x = torch.tanh(self.d(x)) + functional.relu(self.e(x))
        field = self.branch(x)
        return self.other(self.good(torch.tanh(field) + field))


def test_what_stays_plain_is_named_with_its_reason() -> None:
    torch.manual_seed(5)
    net = Shared()
    made = mb.from_torch(net)
    reasons = {each.path: each.remark for each in made.conversion.layers}
    assert reasons == {
        "twice": "stays Linear: is used 2 times",
        "a": "stays Linear: shares parameters with another layer",
        "b": "stays Linear: shares parameters with another layer",
        "c": "stays Linear: feeds act, which is used elsewhere too",
        "d": "stays Linear: has hooks",
        "e": "stays Linear: feeds relu, no sign, tanh or hardtanh",
        "branch": "stays Linear: feeds 2 places",
        "good": "BinaryLinear, neurons sign",
    }
    assert type(made.act) is nn.Tanh


def test_one_activation_behind_all_layers_goes_with_all() -> None:
    tanh = nn.Tanh()
    made = mb.from_torch(nn.Sequential(nn.Linear(4, 4), tanh, nn.Linear(4, 4), tanh))
    assert [each.activation for each in made.conversion.layers] == ["tanh", "tanh"]
    assert made(torch.zeros(2, 4)).shape == (2, 4)


class Dropping(nn.Module):
    """Its forward depends on training, which a graph would fix."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.tanh = nn.Linear(4, 4), nn.Linear(4, 4), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.a(functional.dropout(x, 0.5, self.training)))
        return self.tanh(self.b(x))


def test_functions_beside_training_stay() -> None:
    made = mb.from_torch(Dropping())
    a, b = made.conversion.layers
    assert "a function in a forward that depends on training; make it a module" in a.remark
    assert (b.activation, b.inputs) == ("tanh", "real")
    x = torch.ones(1, 4)
    assert torch.equal(made.eval()(x), made(x))
    assert len({made.train()(x) for _ in range(8)}) > 1


class Depends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.a(x)) if x.sum() > 0 else x


REFUSED = {
    "Depends cannot be traced .TraceError: symbolically traced variables": lambda: mb.from_torch(Depends()),
    "ReLU has no Linear or Conv2d with an activation": lambda: mb.from_torch(nn.ReLU()),
    "Linear has no Linear or Conv2d with an activation": lambda: mb.from_torch(nn.Linear(2, 2)),
    "no layer of Sequential can be converted: 0 feeds 1, no sign":
        lambda: mb.from_torch(nn.Sequential(nn.Linear(2, 2), nn.ReLU())),
    "no layer of Sequential can be converted: 0 has weights that are not finite": lambda: mb.from_torch(spoilt()),
    "init = 'kept': use means or critical": lambda: mb.from_torch(sequential(), init="kept"),
    "Linear has no surrogate layers; it is plain already": lambda: mb.to_torch(nn.Linear(2, 2)),
    "0: neurons stochastic .logistic. have no twin in torch.nn; give activation":
        lambda: mb.to_torch(nn.Sequential(mb.BinaryLinear(2, 2, "lrt"))),
    "the model: rms norm over channels has no twin": lambda: mb.to_torch(mb.BinaryConv2d(2, 2, 1, normalise="rms")),
}  # fmt: skip


def spoilt() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    net[0].weight.data[0, 0] = np.nan
    return net


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_converted_is_named(message: str) -> None:
    with pytest.raises(ConversionError, match=message) as raised, warnings.catch_warnings():
        REFUSED[message]()
    assert "\n" not in str(raised.value)
