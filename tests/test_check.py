"""`mb.check`: what is measured, the theory beside it, the causes, and that nothing of the model changes."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
import time

import numpy as np
import pytest
import torch
from checked_models import (
    CLASSES,
    INPUTS,
    WIDTH,
    Binarise,
    DetachedSign,
    Scaled,
    SquaredRelu,
    deep,
    inputs,
    labels,
    means,
    never_flipping,
    norm,
    norms_of_zero,
    skips_of_zero,
    squared_before_sign,
)
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as module_hooks

import meanbits as mb
from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.refusal import CheckError
from meanbits.experiments.check.scalar import Scalar, recognised
from meanbits.experiments.verification.plain_moments import PlainMoments
from meanbits.theory.declarations.named_neurons import PLAIN
from meanbits.theory.declarations.neurons import Neurons


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


CAUSES = {
    "sign of one-signed numbers": [(squared_before_sign, {}, "2"),
                                   (lambda: deep(2, SquaredRelu, DetachedSign), {}, "2")],
    "unscaled inputs": [(lambda: deep(2, nn.Tanh), {"scale": 127.5}, "0")],
    "no norm": [(lambda: deep(20, nn.Tanh), {}, None), (lambda: deep(20, Binarise), {}, None),
                (lambda: deep(20, nn.ReLU), {}, None)],
    "clip behind norm without skips": [(lambda: deep(40, norm, Binarise), {}, None),
                                       (lambda: deep(40, norm, DetachedSign), {}, None),
                                       (lambda: deep(40, norm, nn.Hardtanh), {}, None)],
    "skip scale of 0": [(skips_of_zero, {}, "1"), (norms_of_zero, {}, "1.norm")],
    "weights never flip": [(never_flipping, {"lr": 1e-4}, "3"),
                           (never_flipping, {"lr": 1e-3, "optimiser": "sgd"}, "3")],
    "learning rate cannot flip a mean": [(means, {"lr": 1e-6}, "0"), (means, {"lr": 1e-6, "optimiser": "sgd"}, "0")],
}  # fmt: skip
FLAT = [(name, *case) for name, cases in CAUSES.items() for case in cases]
NAMES = [f"{each[0]} {k}" for k, each in enumerate(FLAT)]


@pytest.mark.parametrize(("name", "build", "options", "layer"), FLAT, ids=NAMES)
def test_causes_are_named(name, build, options, layer) -> None:
    options = dict(options)
    found = mb.check(build(), options.pop("scale", 1.0) * (inputs() + (name == "unscaled inputs")), labels(), **options)
    assert found.findings[0].name == name
    assert not found.ok
    assert layer in (None, found.layer)


@pytest.mark.parametrize("build", [lambda: deep(3, norm, nn.ReLU), lambda: deep(40, norm, lambda: Scaled(0.3)), means,
                                   lambda: deep(4, norm, DetachedSign)])  # fmt: skip
def test_nothing_is_found_where_nothing_is_wrong(build) -> None:
    found = mb.check(build(), inputs(), labels(), lr=1e-2)
    assert found.ok, found.cause
    assert (found.layer, found.cause, found.remedy) == (None, None, None)


def test_remedies_can_be_pasted_and_remedy() -> None:
    model = deep(20, nn.Tanh)
    found = mb.check(model, inputs())
    exec(found.code, {"model": model, "torch": torch})
    before, after = (_change_of_gradients(each) for each in (found, mb.check(model, inputs())))
    assert abs(after) < abs(before) / 4
    skips = skips_of_zero()
    exec(mb.check(skips, inputs()).code, {"model": skips, "torch": torch})
    assert mb.check(skips, inputs()).layer != "1"


def _change_of_gradients(found) -> float:
    hidden = [row.gradient for row in found.layers if row.kind == "linear"]
    return math.log(hidden[0] / hidden[-2])


def test_what_is_measured() -> None:
    """Against the definitions, with loops."""
    model, x = nn.Sequential(nn.Linear(INPUTS, WIDTH), nn.Tanh(), nn.Linear(WIDTH, CLASSES)), inputs(12)
    rows = mb.check(model, x).layers
    h = model[0](x).detach().double()
    assert rows[0].q == pytest.approx(float((h**2).mean()), rel=1e-6)
    pairs = [float(a @ b / (a.norm() * b.norm())) for a, b in itertools.combinations(h, 2)]
    assert rows[0].c == pytest.approx(np.mean(pairs), rel=1e-6)
    shares = (h > 0).double().mean(0).numpy()
    entropy = [-sum(p * math.log2(p) for p in (share, 1 - share) if p) for share in shares]
    assert rows[0].sign_entropy == pytest.approx(np.mean(entropy), rel=1e-6)
    signs = torch.randint(0, 2, (12, CLASSES), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    u = h.float().requires_grad_()
    (gradient,) = torch.autograd.grad((model[2](torch.tanh(u)) * signs).sum(), u)
    assert rows[0].gradient == pytest.approx(float((gradient**2).mean()), rel=1e-5)
    assert [row.layer for row in rows] == ["0", "1", "2"]


WIDE = 1000
NEURONS = [nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU, nn.Hardtanh, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.Sigmoid, Binarise,
           DetachedSign, SquaredRelu, nn.Hardswish, nn.PReLU]  # fmt: skip


@pytest.mark.parametrize("neuron", NEURONS)
def test_theory_is_that_of_wide_random_networks(neuron) -> None:
    """Forward within 5 standard errors over units, backward within a few per cent."""
    layers = [nn.Linear(INPUTS, WIDE), neuron(), nn.Linear(WIDE, 600), nn.LayerNorm(600), neuron(), nn.Linear(600, 900)]
    for layer in layers[::5]:
        nn.init.normal_(layer.weight, std=1.5 / layer.in_features**0.5)
    rows = [row for row in mb.check(nn.Sequential(*layers), inputs(48)).layers if not math.isnan(row.q_theory)]
    assert len(rows) >= (5 if neuron is not nn.PReLU else 3)
    for row in rows:
        assert abs(row.q - row.q_theory) <= 5 * row.q_error + 0.005 * row.q, row
        assert abs(row.c - row.c_theory) <= 5 * row.c_error + 0.005, row
    seen = [row for row in rows[:-1] if not math.isnan(row.gradient_theory)]
    assert seen
    assert all(0.85 < row.gradient / row.gradient_theory < 1.15 for row in seen)


@pytest.mark.parametrize("options", [{}, {"treatment": "sample"}, {"normalise": "batch"}, {"dropout": 0.2},
                                     {"weights": "ternary:0.5"}, {"surrogate": "xnor", "inputs": "real"},
                                     {"surrogate": "moment-matching", "neurons": "relu"}])  # fmt: skip
def test_theory_of_meanbits_layers(options) -> None:
    model = nn.Sequential(mb.BinaryLinear(INPUTS, 500, **options), mb.BinaryLinear(500, 400, **options))
    for row in mb.check(model, inputs(48)).layers:
        assert abs(row.q - row.q_theory) <= 5 * row.q_error + 0.01 * row.q, row
        assert abs(row.c - row.c_theory) <= 5 * row.c_error + 0.01, row


def test_theory_of_convolutions_and_their_norms() -> None:
    model = nn.Sequential(nn.Conv2d(3, 200, 3, padding=1, stride=2), nn.BatchNorm2d(200), nn.ReLU(inplace=True),
                          nn.Conv2d(200, 160, 3), nn.Hardtanh(), nn.Flatten())  # fmt: skip
    rows = mb.check(model, torch.randn(32, 3, 12, 12)).layers
    assert [row.kind for row in rows] == ["conv2d", "batch norm", "relu", "conv2d", "hardtanh"]
    for row in rows:
        assert abs(row.q - row.q_theory) <= 5 * row.q_error + 0.01 * row.q, row
        assert abs(row.c - row.c_theory) <= 5 * row.c_error + 0.01, row
    assert not any("gradient" in row.parted for row in rows)


class Gated(nn.Module):
    """As language models write it: two matrices, or one whose outputs are halved."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.up = nn.Linear(400, 1200) if fused else nn.ModuleList([nn.Linear(400, 600), nn.Linear(400, 600)])
        self.down, self.fused = nn.Linear(600, 400), fused

    def forward(self, x):
        gate, up = self.up(x).chunk(2, -1) if self.fused else (part(x) for part in self.up)
        return self.down(functional.silu(gate) * up)


class Beside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(INPUTS, 500), nn.Linear(INPUTS, 300), nn.Linear(800, 400)

    def forward(self, x):
        return self.last(torch.cat([torch.tanh(self.first(x)), torch.relu(self.second(x))], 1))


PARTS = {
    "product": lambda: (nn.Sequential(nn.Linear(INPUTS, 400), Gated(fused=False)), inputs(48)),
    "product of halves": lambda: (nn.Sequential(nn.Linear(INPUTS, 400), Gated(fused=True)), inputs(48)),
    "glu": lambda: (nn.Sequential(nn.Linear(INPUTS, 1200), nn.GLU(), nn.Linear(600, 400)), inputs(48)),
    "concatenation": lambda: (Beside(), inputs(48)),
    "transposed conv2d": lambda: (
        nn.Sequential(nn.ConvTranspose2d(3, 150, 4, stride=2), nn.Tanh(),
                      nn.ConvTranspose2d(150, 300, 3, groups=10, dilation=2)), torch.randn(32, 3, 7, 7)),
    "average pool": lambda: (
        nn.Sequential(nn.Conv2d(3, 200, 3, padding=1), nn.AvgPool2d(2), nn.ReLU(), nn.Conv2d(200, 150, 3),
                      nn.AvgPool2d(3, 2)), torch.randn(32, 3, 16, 16)),
}  # fmt: skip


@pytest.mark.parametrize("kind", PARTS)
def test_theory_of_what_joins_and_pools(kind: str) -> None:
    """Forward within 6 standard errors over units, backward within a fifth."""
    rows = mb.check(*PARTS[kind]()).layers
    assert any(kind.startswith(row.kind) for row in rows)
    for row in rows:
        assert row.known
        assert abs(row.q - row.q_theory) <= 6 * row.q_error + 0.02 * row.q, row
        assert abs(row.c - row.c_theory) <= 6 * row.c_error + 0.02, row
        assert 0.8 < row.gradient / row.gradient_theory < 1.25, row


def test_what_has_no_theory_is_measured_and_named_and_the_next_part_starts_from_it() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.norm, self.last = nn.Linear(8, 64), nn.LayerNorm(64), nn.Linear(64, 400)
            self.mix = nn.MultiheadAttention(64, 4, batch_first=True)

        def forward(self, x):
            x = self.norm(self.embed(x.view(-1, 8, 8)))
            return self.last(self.mix(x, x, x, need_weights=False)[0])

    found = mb.check(Attention(), inputs(48))
    rows = {row.kind: row for row in found.layers}
    assert (rows["attention"].known, rows["attention"].layer) == (False, "mix")
    assert math.isnan(rows["attention"].q_theory)
    assert rows["attention"].q > 0
    assert found.layers[-1].q == pytest.approx(found.layers[-1].q_theory, rel=0.1)
    assert "No theory of attention: measured only; what comes behind is predicted from that" in " ".join(
        str(found).split())  # fmt: skip
    assert "No theory of attention" in found.to_html()


class Dependent(nn.Module):
    """Joins two fields; the theory of sums and products is of independent parts, one of them without a mean."""

    def __init__(self, join) -> None:
        super().__init__()
        self.first, self.second, self.join = nn.Linear(INPUTS, 200), nn.Linear(INPUTS, 200), join

    def forward(self, x):
        return self.join(self.first(x), self.second(x))


JOINS = {
    "sums of two with a mean": lambda a, b: torch.relu(a) + torch.relu(b),
    "one in both": lambda a, b: torch.tanh(a) * (a + b),
    "units in both": lambda a, b: a[:, :100] + a[:, 50:150],
}


@pytest.mark.parametrize("name", JOINS)
def test_what_is_not_independent_has_no_theory(name) -> None:
    last = mb.check(Dependent(JOINS[name]), inputs(48)).layers[-1]
    assert (last.kind in ("sum", "product"), last.known, math.isnan(last.q_theory)) == (True, False, True)


@pytest.mark.parametrize("name", ["gelu", "tanh", "relu", "sign"])
def test_expectations_of_functions_known_by_their_values(name) -> None:
    """Against plain quadrature of the declaration."""
    functions = {"gelu": functional.gelu, "tanh": torch.tanh, "relu": torch.relu, "sign": torch.sign}
    scalar, of, plain = Scalar(name, functions[name], torch.float64), Moments(), PlainMoments()
    assert of.square(scalar, 1.3) == pytest.approx(plain.square(PLAIN[name], 1.3), rel=1e-5)
    for fall in (0.2, 1.0, 1.7):
        found = float(of.fall(scalar, 1.3, np.array([fall]))[0])
        assert found == pytest.approx(plain.fall(PLAIN[name], 1.3, fall), rel=2e-2 if name == "sign" else 1e-4)
    if name != "sign":
        assert of.gradients(scalar, 1.3, 0.0).square == pytest.approx(plain.gradients(PLAIN[name], 1.3, 0.0).square,
                                                                     rel=1e-4)  # fmt: skip


@pytest.mark.parametrize(("function", "name"), [
    (torch.tanh, "tanh"), (torch.erf, "erf"), (lambda x: x.clamp(min=0), "relu"),
    (lambda x: x.clamp(-1, 1), "hardtanh"),
    (lambda x: torch.where(x > 0, 1.0, -1.0), "sign"), (DetachedSign(), "sign, backward clip"),
    (lambda x: functional.leaky_relu(x, 0.2), "leaky:1/5"), (lambda x: torch.heaviside(x, x.new_ones(())), "step"),
])  # fmt: skip
def test_functions_are_known_by_what_they_do(function, name) -> None:
    found = recognised(Scalar("anything", function))
    assert isinstance(found, Neurons)
    assert found.name == name


def test_a_function_of_its_own_stays_itself() -> None:
    scalar = Scalar("own", lambda x: torch.sin(3 * x))
    assert recognised(scalar) is scalar


def test_nothing_of_the_model_changes() -> None:
    calls: list[int] = []
    model = nn.Sequential(
        nn.Linear(INPUTS, WIDTH), norm(), nn.Dropout(0.3), Binarise(), head := nn.Linear(WIDTH, CLASSES)
    )
    model[0].register_forward_hook(lambda *_: calls.append(1))
    model[3].eval()
    head.weight.grad = torch.ones_like(head.weight)
    x, y = inputs(), labels()
    state, hooks = copy.deepcopy(model.state_dict()), [dict(each._forward_hooks) for each in model.modules()]
    ours = [dict(each) for each in (module_hooks._global_forward_hooks, module_hooks._global_forward_pre_hooks)]
    drawn = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    apply = torch.autograd.Function.__dict__["apply"]
    mb.check(model, x, y, lr=1e-3)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [dict(each._forward_hooks) for each in model.modules()] == hooks
    assert [dict(each) for each in (module_hooks._global_forward_hooks, module_hooks._global_forward_pre_hooks)] == ours
    assert torch.equal(drawn[0], torch.random.get_rng_state())
    assert np.array_equal(drawn[1], np.random.get_state()[1])
    assert drawn[2] == random.getstate()
    assert torch.autograd.Function.__dict__["apply"] is apply
    assert [each.training for each in model] == [True, True, True, False, True]
    assert torch.equal(head.weight.grad, torch.ones_like(head.weight))
    assert model[0].weight.grad is None
    assert x.grad is None
    assert not x.requires_grad


def test_shared_modules_are_read_call_by_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.shared, self.act = nn.Linear(INPUTS, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Tanh()

        def forward(self, x):
            x = self.act(self.first(x))
            return self.shared(self.act(self.shared(x)))

    rows = mb.check(Twice(), inputs()).layers
    assert [(row.layer, row.call) for row in rows] == [
        ("first", 1),
        ("act", 1),
        ("shared", 1),
        ("act", 2),
        ("shared", 2),
    ]
    assert all(abs(row.q - row.q_theory) <= 5 * row.q_error for row in rows)


class OwnNorm(nn.Module):
    """As language models write it."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((WIDTH,), 1.5))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


def test_norms_that_people_write_are_known_by_what_they_do() -> None:
    rows = mb.check(deep(2, OwnNorm, nn.ReLU), inputs()).layers
    assert [row.kind for row in rows] == ["linear", *["rms norm", "relu", "linear"] * 2, "linear"]
    assert [row.q_theory for row in rows if row.kind == "rms norm"] == pytest.approx([2.25, 2.25])
    assert all(abs(row.c - row.c_theory) <= 5 * row.c_error + 0.01 for row in rows)


def test_where_undefined_numbers_begin() -> None:
    class Root(nn.Module):
        def forward(self, x):
            return torch.sqrt(x)

    found = mb.check(nn.Sequential(nn.Linear(INPUTS, WIDTH), Root(), nn.Linear(WIDTH, CLASSES)), inputs())
    assert (found.layer, found.findings[0].name) == ("1", "undefined numbers")
    assert 0 < found.layers[1].bad < 1
    assert not any(math.isnan(row.q) for row in found.layers)
    json.loads(found.to_json(), parse_constant=pytest.fail)


def test_signs_without_a_slope() -> None:
    class Hard(nn.Module):
        def forward(self, x):
            return torch.sign(x)

    found = mb.check(deep(2, Hard), inputs())
    assert (found.layer, found.findings[0].name) == ("3", "no slope")


def test_depth_scales_of_what_is_repeated() -> None:
    """Those of the engine, for the layer that the model is made of."""
    model = deep(12, norm, DetachedSign)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
    found = mb.check(model, inputs()).repeated
    assert found is not None
    engine = mb.fixed_point("xnor", 1.0, 0.0)
    assert found.count == 12
    assert found.chi_g == pytest.approx(float(engine.chi_g), rel=0.02)
    assert found.xi_g == pytest.approx(float(engine.xi_g), rel=0.05)
    assert found.xi_c == pytest.approx(float(engine.xi_c), rel=0.05)


def test_exported_programs() -> None:
    model = deep(2, norm, nn.ReLU).eval()
    program = torch.export.export(model, (inputs(),))
    plain, exported = mb.check(model, inputs()), mb.check(program, inputs())
    assert [row.layer for row in exported.layers] == [row.layer for row in plain.layers]
    for one, other in zip(plain.layers, exported.layers, strict=True):
        assert (one.kind, one.q, one.c) == (
            other.kind,
            pytest.approx(other.q, rel=1e-5),
            pytest.approx(other.c, rel=1e-4),
        )
        assert one.q_theory == pytest.approx(other.q_theory, rel=1e-4, nan_ok=True)


def test_a_check_prints_and_stands_in_a_page() -> None:
    class Evil(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("<script>alert(1)</script>", nn.Linear(INPUTS, WIDTH))
            self.rest = deep(0)

        def forward(self, x):
            return getattr(self, "<script>alert(1)</script>")(x)[:, :INPUTS].pow(2).sub(7).log()

    found = mb.check(Evil(), inputs())
    page = found.to_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    text = str(mb.check(deep(30, norm, nn.Tanh), inputs()))
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) <= 45
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize("neuron", [nn.GELU, Binarise, DetachedSign])
def test_thirty_layers_take_seconds(neuron) -> None:
    """Of a processor, which others may share."""
    model, start = deep(30, norm, neuron), time.process_time()
    mb.check(model, inputs(256), labels(256), lr=1e-3)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("neuron", [nn.GELU, nn.Tanh])
def test_batch_norm_of_thirty_layers_is_no_fault(neuron) -> None:
    """Gradients grow by e^7 to e^9, and it trains: docs/check.md. At sixty layers it hardly does."""
    assert mb.check(deep(30, norm, neuron), inputs(128)).ok
    assert mb.check(deep(60, norm, neuron), inputs(128)).findings[0].name == "exploding gradients"


LINEAR = nn.Linear(INPUTS, CLASSES)


def raising() -> nn.Module:
    model = deep(1, nn.Tanh)

    def hook(*_):
        raise RuntimeError("boom\nsecond line")

    model[1].register_forward_hook(hook)
    return model


BAD = [
    (lambda: (LINEAR, inputs()[:, :5], None), "64x5|mat1|shape"),
    (lambda: (raising(), inputs(), None), "boom, in 1"),
    (lambda: (deep(1, nn.Tanh).half(), inputs(), None), r"model\.float"),
    (lambda: (LINEAR, inputs().bfloat16(), None), r"batch\.float"),
    (lambda: (LINEAR, inputs(), labels() + 5), r"out of range; the model's 10 outputs are classes 0 to 9"),
    (lambda: (LINEAR, inputs(), labels(63)), "63 for 64"),
    (lambda: (LINEAR, inputs(), torch.zeros(64, 3)), "do not fit"),
    (lambda: (LINEAR, inputs()[:1], None), "two or more"),
    (lambda: (LINEAR, torch.full((4, INPUTS), math.inf), None), r"\[0, 0\] is inf"),
    (lambda: (LINEAR, "digits", None), "type str"),
    (lambda: ("model", inputs(), None), "type str"),
    (lambda: (nn.LazyLinear(3), inputs(), None), "lazy"),
    (lambda: (nn.Identity(), inputs(), None), "nothing the model computes"),
    (lambda: (mb.BinaryLinear(INPUTS, 3), 9 * inputs(), None), r"raised ValueError"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_refused_in_one_line(case) -> None:
    given, match = BAD[case]
    model, batch, targets = given()
    with pytest.raises(CheckError, match=match) as refused:
        mb.check(model, batch, targets)
    assert "\n" not in str(refused.value)
    assert ";" in str(refused.value)


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"lr": math.nan}, {"optimiser": "sgd"}, {"lr": 0.1, "steps": 0}])
def test_bad_steps_are_refused(options) -> None:
    with pytest.raises(CheckError, match=r"lr|steps"):
        mb.check(LINEAR, inputs(), **options)
