"""Models that `check`, `export`, `from_torch` and `to_torch` cannot work on: one line each, nothing written, the model
as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import meanbits as mb
from meanbits.conversion import ConversionError
from meanbits.experiments.check.refusal import CheckError
from meanbits.experiments.export.networks import ExportError

REFUSALS = (CheckError, ExportError, ConversionError)
INPUTS = 16


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def bits() -> nn.Module:
    return nn.Sequential(mb.BinaryLinear(INPUTS, 8, normalise="batch"), nn.Dropout(0.2),
                         mb.BinaryLinear(8, 8, inputs="real"), nn.Linear(8, 3))  # fmt: skip


def hooked(build: Callable[[], nn.Module]) -> nn.Module:
    def raising(*_: Any) -> None:
        raise RuntimeError("boom\nsecond line")

    model = build()
    model[0].register_forward_hook(raising)
    return model


class Shared(nn.Module):
    """One layer under two names, and called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(INPUTS, INPUTS)
        self.b, self.tanh = self.a, nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.tanh(self.b(self.tanh(self.a(x))))


def spoilt() -> nn.Module:
    model = bits()
    model[0].mean.data[0, 0] = torch.nan
    return model


def program() -> torch.export.ExportedProgram:
    return torch.export.export(plain().eval(), (batch(4),))


def batch(count: int = 6, inputs: int = INPUTS) -> Tensor:
    return torch.rand(count, inputs) * 2 - 1


VERBS: dict[str, Callable[[Any, Tensor, Path], Any]] = {
    "check": lambda model, x, folder: mb.check(model, x),
    "export .pt": lambda model, x, folder: mb.export(model, folder / "f.pt"),
    "export .onnx": lambda model, x, folder: mb.export(model, folder / "f.onnx", example=x, exporter="script"),
    "surrogate .npz": lambda model, x, folder: mb.export(model, folder / "f.npz", network="surrogate"),
    "from_torch": lambda model, x, folder: mb.from_torch(model),
    "to_torch": lambda model, x, folder: mb.to_torch(model),
}
ALL, OTHERS = tuple(VERBS), tuple(name for name in VERBS if name != "check")
BAD: list[tuple[Callable[[], Any], Callable[[], Tensor], tuple[str, ...], str]] = [
    (plain, lambda: batch(6, 5), ("check",), r"raised RuntimeError: .*, in 0, given \(6, 5\)"),
    (bits, lambda: batch(6, 5), ("export .onnx",), r"model\(example\) raised .*, given \(6, 5\); give example as"),
    (lambda: hooked(plain), batch, ("check",), "raised RuntimeError: boom, in 0"),
    (lambda: hooked(bits), batch, ("export .pt", "export .onnx", "to_torch"), "0 has hooks, which .* remove them"),
    (lambda: hooked(plain), batch, ("from_torch",), "0 has hooks; 4 gives the output"),
    (Shared, batch, ("from_torch",), "a is used 2 times"),
    (lambda: plain().half(), lambda: batch().half(), ALL, r"in torch.float16, .*; give model.float\(\)"),
    (lambda: bits().bfloat16(), lambda: batch().bfloat16(), ALL, r"in torch.bfloat16, .*; give model.float\(\)"),
    (program, batch, OTHERS, "of type ExportedProgram; give a torch.nn.Module"),
    (lambda: plain().state_dict(), batch, ALL, "of type OrderedDict; give a torch.nn.Module"),
    (lambda: None, batch, ALL, "of type NoneType; give a torch.nn.Module"),
    (lambda: nn.Sequential(nn.LazyLinear(3), nn.Tanh()), batch, ALL, "lazy modules without shapes; run it once"),
    (lambda: plain().to("meta"), batch, ALL, "on device meta, without numbers; give it numbers"),
    (spoilt, batch, ("export .pt", "surrogate .npz"), "0.mean holds numbers that are not finite"),
    (plain, batch, ("export .pt", "surrogate .npz", "to_torch"), "no layers of meanbits|no surrogate layers"),
]
CASES = [(k, verb) for k, (_, _, verbs, _) in enumerate(BAD) for verb in verbs]


def snapshot(model: Any) -> Any:
    """All of a model that somebody could miss, and what is random."""
    drawn = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    if not isinstance(model, nn.Module) or any(isinstance(each, nn.UninitializedParameter) for each in
                                               model.parameters()):  # fmt: skip
        return drawn
    tensors = {name: each.detach().clone() for name, each in model.state_dict(keep_vars=True).items()}
    hooks = [(name, each.training, dict(each._forward_hooks), dict(each._forward_pre_hooks), type(each))
             for name, each in model.named_modules()]  # fmt: skip
    return drawn, tensors, hooks, [each.grad for each in model.parameters()], [id(each) for each in model.parameters()]


def assert_same(before: Any, after: Any) -> None:
    if isinstance(before, Tensor):
        assert before.is_meta or torch.equal(before.nan_to_num(7), after.nan_to_num(7))
    elif isinstance(before, np.ndarray):
        assert np.array_equal(before, after)
    elif isinstance(before, dict):
        assert before.keys() == after.keys()
        assert_same(list(before.values()), list(after.values()))
    elif isinstance(before, list | tuple):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert_same(one, other)
    else:
        assert before == after


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's, of its own graphs
@pytest.mark.parametrize(("case", "verb"), CASES, ids=[f"{verb} {k}" for k, verb in CASES])
def test_what_cannot_be_worked_on_is_refused_in_a_line(case: int, verb: str, tmp_path: Path) -> None:
    build, inputs, _, message = BAD[case]
    model, x = build(), inputs()
    before = snapshot(model)
    with pytest.raises(REFUSALS, match=message) as refused:
        VERBS[verb](model, x, tmp_path)
    assert "\n" not in str(refused.value)
    assert_same(before, snapshot(model))
    assert not list(tmp_path.iterdir())


GOOD = {"check": bits, "export .pt": bits, "export .onnx": bits, "surrogate .npz": bits, "from_torch": plain,
        "to_torch": bits}  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's, of its own graphs
@pytest.mark.parametrize("verb", GOOD)
def test_what_can_be_worked_on_is_left_as_it_was(verb: str, tmp_path: Path) -> None:
    """In training and with gradients held."""
    torch.manual_seed(0)
    model, x = GOOD[verb](), batch()
    model[1].eval()
    model(x).sum().backward()
    before = snapshot(model)
    VERBS[verb](model, x, tmp_path)
    assert_same(before, snapshot(model))
