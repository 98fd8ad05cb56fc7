"""What is exported is the network that was trained: every file, read back, gives its logits, and packed bits do too."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments.data import load
from meanbits.experiments.export.checkpoints import trained
from meanbits.experiments.export.export import exported
from meanbits.experiments.export.files import load_network, read
from meanbits.experiments.export.networks import ExportError, sign_network
from meanbits.experiments.images.labelled import DataError
from meanbits.experiments.training.checkpoint import CheckpointError, digest_of
from meanbits.experiments.training.counterparts import Labelled, sign_outputs
from meanbits.numerics.binary.bits import SignBits, packed
from meanbits.numerics.binary.packed import ROWS, PackedConv2d, PackedLinear
from meanbits.numerics.binary.sign_layers import SignConv2d, SignLinear
from meanbits.numerics.layers.patches import Patches

pytestmark = pytest.mark.usefixtures("one_thread")
onnxruntime = pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(3)
KINDS: dict[str, dict[str, Any]] = {
    "signs of means": {"surrogate": "deterministic", "phi": "tanh", "gain": 1.5},
    "sampled": {"surrogate": "lrt"},
    "rounded": {"weights": "signs", "neurons": "sign", "backward": "clip", "treatment": "none"},
    "ternary": {"weights": "absmean", "neurons": "sign", "backward": "clip", "treatment": "none"},
    "one density": {"weights": "ternary:0.5", "sigma_m2": 0.2},
    "batch norm and skip": {"normalise": "batch", "skip": "0.5:1", "dropout": 0.1},
    "layer norm": {"normalise": "layer", "scale": 0.7},
    "rms": {"normalise": "rms"},
    "real readout": {"readout": "real"},
    "theta": {"keep": "tanh"},
    "double": {"dtype": "float64"},
}
ALIKE = ("sampled", "rounded", "one density", "layer norm", "rms")  # run beside others as slow tests


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The checkpoint of a small training of each kind, made once."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def made(kind: str) -> Path:
        path = folder / f"{kind.replace(' ', '-')}.pt"
        if not path.exists():
            mb.train(**({"width": 24, "depth": 3, "epochs": 2, "lr": 3e-3, "samples": 1, "sigma_b2": 0.01,
                         "train_size": 300} | KINDS[kind]), checkpoint=path)  # fmt: skip
        return path

    return made


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in ALIKE else kind for kind in KINDS]
)
def test_signs_are_those_whose_accuracy_training_reports(
    kind: str, checkpoints: Callable[[str], Path], tmp_path: Path
) -> None:
    """Against the stacked network of training, an independent route in other sums: logits to rounding."""
    source = trained(checkpoints(kind))
    assert source.images is not None
    images = source.images.test.images
    expected = sign_outputs(source.network, Labelled(images, source.images.test.labels))[0]
    module = mb.export(checkpoints(kind))
    torch.testing.assert_close(module(images), expected, rtol=1e-5, atol=1e-5)
    for store, suffix in (("int8", ".pt"), ("bits", ".pt"), ("int8", ".npz"), ("bits", ".npz")):
        path = tmp_path / f"{store}{suffix}"
        found = exported(checkpoints(kind), path, store=store)
        assert found.accuracy is not None
        assert found.accuracy.equal
        assert found.accuracy.before == found.accuracy.after
        assert torch.equal(load_network(path)(images), module(images))
    weights = [value for name, value in read(tmp_path / "bits.npz")["state_dict"].items() if name.endswith("weight")]
    values = {-1, 0, 1} if kind == "ternary" else {-1, 1}
    assert all({*each.flatten().tolist()} == values for each in weights[: 3 if kind == "real readout" else 4])


@pytest.mark.parametrize(
    ("kind", "exporter"),
    [("signs of means", "dynamo"), ("batch norm and skip", "script"), ("ternary", "script"), ("double", "script"),
     pytest.param("batch norm and skip", "dynamo", marks=pytest.mark.slow)],
)  # fmt: skip
def test_onnx_computes_the_same_signs(
    kind: str, exporter: str, checkpoints: Callable[[str], Path], tmp_path: Path
) -> None:
    import onnx

    path = tmp_path / "signs.onnx"
    found = exported(checkpoints(kind), path, exporter=exporter)
    assert found.accuracy is not None
    assert (found.by, found.accuracy.differ) == ("ONNX Runtime", 0)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = trained(checkpoints(kind)).images.test.images[:37]  # type: ignore[union-attr]
    (logits,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(logits, found.module(images).numpy(), rtol=1e-5, atol=1e-6)
    held = [each for each in onnx.load(path).graph.initializer if each.data_type == onnx.TensorProto.INT8]
    assert sum(np.prod(each.dims) for each in held) == 64 * 24 + 2 * 24 * 24 + 24 * 10


@pytest.mark.parametrize("exporter", [pytest.param("dynamo", marks=pytest.mark.slow), "script"])
def test_surrogates_are_exported_as_trained(exporter: str, checkpoints: Callable[[str], Path], tmp_path: Path) -> None:
    for kind in ("signs of means", "theta", "batch norm and skip"):
        for name in ("a.pt", "a.npz", "a.onnx"):
            found = exported(checkpoints(kind), tmp_path / f"{kind} {name}", "surrogate", exporter=exporter)
            assert found.accuracy is not None
            assert found.accuracy.equal


def test_products_of_bits_are_exact() -> None:
    for neurons, inputs in ((1, 1), (3, 63), (5, 64), (7, 65), (40, 300)):
        for values in ([-1, 1], [-1, 0, 1]):
            weights, states = RNG.choice(values, (neurons, inputs)), RNG.choice([-1, 1], (6, inputs))
            assert (SignBits.of(weights).times(packed(states)) == states @ weights.T).all()


def test_weights_without_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="other than -1, 0 and 1 have no bits"):
        SignBits.of(np.array([[0.5, 1]]))


@pytest.mark.parametrize("rows", [1, ROWS, ROWS + 1, 64])
@pytest.mark.parametrize("kind", ["signs of means", "ternary", "batch norm and skip", "real readout", "double"])
def test_packed_bits_give_the_same_logits_to_the_last_bit(
    kind: str, rows: int, checkpoints: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meanbits.numerics.binary.packed.WEIGHTS", 0)  # however small
    times, calls = SignBits.times, []
    monkeypatch.setattr(SignBits, "times", lambda self, states: calls.append(1) or times(self, states))
    network = mb.export(checkpoints(kind))
    fast = mb.pack(network)
    images = trained(checkpoints(kind)).images.test.images[:rows]  # type: ignore[union-attr]
    assert torch.equal(fast(images), network(images))
    assert len(calls) == (0 if rows > ROWS else 2 if kind == "real readout" else 3)  # the images are no signs
    assert sum(isinstance(each, PackedLinear) for each in fast.modules()) == (3 if kind == "real readout" else 4)
    assert not any(isinstance(each, PackedLinear) for each in network.modules())


def test_packed_layers_take_what_is_no_sign_by_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meanbits.numerics.binary.packed.WEIGHTS", 0)
    layer = SignLinear(torch.tensor(RNG.choice([-1.0, 1.0], (5, 70))), torch.randn(5, dtype=torch.float64), 0.1)
    x = torch.rand(2, 3, 70, dtype=torch.float64)
    assert torch.equal(PackedLinear(layer)(x), layer(x))
    with pytest.raises(ValueError, match="Linear has no layer of signs; give what"):
        mb.pack(nn.Linear(2, 2))


CONVOLUTIONS = {
    "plain": Patches((3, 3)),
    "padded": Patches((3, 2), padding=(2, 1), stride=(2, 1)),
    "same": Patches((3, 5), padding="same"),
    "dilated groups": Patches((2, 3), padding=(1, 2), dilation=(2, 1), groups=2),
    "circular": Patches((3, 3), padding=(1, 1), mode="circular"),
    "reflect": Patches((3, 3), padding=(2, 1), stride=(2, 2), groups=2, mode="reflect"),
}


@pytest.mark.parametrize("values", [(-1.0, 1.0), (-1.0, 0.0, 1.0)], ids=["signs", "ternary"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_packed_convolutions_are_exact(
    name: str, values: tuple[float, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = CONVOLUTIONS[name]
    weight = torch.tensor(RNG.choice(values, (6, 8 // patches.groups, *patches.kernel)), dtype=dtype)
    layer = SignConv2d(weight, torch.randn(6, 1, 1, dtype=dtype), 0.3, patches)
    x = torch.tensor(RNG.choice([-1.0, 1.0], (3, 8, 5, 7)), dtype=dtype)
    fast = PackedConv2d(layer)
    assert torch.equal(layer.finished(fast.multiplied(x)), layer(x))
    monkeypatch.setattr("meanbits.numerics.binary.packed.WEIGHTS", 0)
    monkeypatch.setattr("meanbits.numerics.binary.packed.ROWS", 1000)
    times, calls = SignBits.times, []
    monkeypatch.setattr(SignBits, "times", lambda self, states: calls.append(1) or times(self, states))
    network = mb.pack(nn.Sequential(layer))
    for given in (x, x / 2, x[:1]):
        assert torch.equal(network(given), layer(given))
    assert len(calls) == 2 * patches.groups  # numbers that are no signs are multiplied as such


def test_convolutions_of_real_weights_stay_as_they_are() -> None:
    real = SignConv2d(torch.randn(2, 2, 3, 3), None, 1.0, Patches((3, 3)))
    with pytest.raises(ValueError, match="Sequential has no layer of signs"):
        mb.pack(nn.Sequential(real))


def accuracy(outputs: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((outputs(x).argmax(1) == y).double().mean())


def trained_convolutions() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A small network of convolutions that knows half the digits, and all of these."""
    torch.manual_seed(7)
    data = load("digits")
    x, y = torch.tensor(data.train_images).float().view(-1, 1, 8, 8), torch.tensor(data.train_labels)
    found = nn.Sequential(mb.BinaryConv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), mb.BinaryConv2d(16, 16, 3, padding=1),
                          nn.Flatten(), mb.BinaryLinear(256, 64, normalise="batch"), nn.Linear(64, 10))  # fmt: skip
    optimiser = torch.optim.Adam(found.parameters(), 0.01)
    for chosen in torch.randperm(len(x)).split(64):
        optimiser.zero_grad()
        nn.functional.cross_entropy(found(x[chosen]), y[chosen]).backward()
        optimiser.step()
        for layer in found.modules():
            if isinstance(layer, mb.BinaryLinear | mb.BinaryConv2d):
                layer.project_()
    return found, x, y


def test_models_of_convolutions_keep_their_accuracy_in_every_format(tmp_path: Path) -> None:
    found, x, y = trained_convolutions()
    network = mb.export(found)
    before = accuracy(network, x, y)
    assert before > 0.5
    for name, store in (("a.pt", "int8"), ("b.pt", "bits"), ("a.npz", "int8"), ("b.npz", "bits")):
        mb.export(found, tmp_path / name, store=store)
        again = mb.load_network(tmp_path / name, network)
        assert torch.equal(again(x), network(x))
        assert torch.equal(mb.pack(again)(x[:3]), network(x[:3]))
    mb.export(found, tmp_path / "a.onnx", example=x[:5], exporter="script")
    (logits,) = onnxruntime.InferenceSession(str(tmp_path / "a.onnx")).run(None, {"images": x.numpy()})
    assert accuracy(lambda _: torch.tensor(logits), x, y) == before
    with pytest.raises(ExportError, match=r"a.npz holds the tensors of a model; give a module of its structure too"):
        mb.load_network(tmp_path / "a.npz")
    with pytest.raises(ExportError, match=r"a.pt does not fit Linear .*; give the model that was exported"):
        mb.load_network(tmp_path / "a.pt", nn.Linear(2, 2))


@pytest.mark.slow
def test_models_of_convolutions_keep_their_accuracy_by_the_newer_exporter(tmp_path: Path) -> None:
    found, x, y = trained_convolutions()
    network = mb.export(found, tmp_path / "a.onnx", example=x[:5])
    (logits,) = onnxruntime.InferenceSession(str(tmp_path / "a.onnx")).run(None, {"images": x.numpy()})
    assert accuracy(lambda _: torch.tensor(logits), x, y) == accuracy(network, x, y)


def model() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(
        mb.BinaryConv2d(1, 6, 3, padding=1, stride=2, normalise="batch", dropout=0.1), nn.MaxPool2d(2), nn.Flatten(),
        mb.BinaryLinear(24, 16, weights="absmean", neurons="sign", backward="clip", treatment="none"),
        mb.BinaryLinear(16, 12, bias=False, scale=0.5), nn.Linear(12, 3))  # fmt: skip


def by_hand(found: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The signs of `model`, written out."""
    conv, _, _, first, second, readout = found.eval()
    h = nn.functional.conv2d(x, torch.where(conv.mean < 0, -1.0, 1.0), None, 2, 1) / 3
    h = h + conv.bias[:, None, None] - conv.batch.running_mean[:, None, None]
    x = nn.functional.max_pool2d(torch.where(h < 0, -1.0, 1.0), 2).flatten(1)
    x = torch.where(x @ first.mean.T / 24**0.5 + first.bias < 0, -1.0, 1.0)
    x = torch.where(x @ torch.where(second.mean < 0, -1.0, 1.0).T < 0, -1.0, 1.0)
    return readout(x)


def test_models_become_networks_of_signs_and_stay_as_they_were(tmp_path: Path) -> None:
    found, x = model(), torch.rand(9, 1, 8, 8) * 2 - 1
    found(x)  # moments of batch norm
    before = {name: value.clone() for name, value in found.state_dict().items()}
    network = mb.export(found, tmp_path / "signs.pt")
    assert found.training
    assert torch.equal(network(x), by_hand(found, x))
    assert all(torch.equal(before[name], value) for name, value in found.state_dict().items())
    stored = torch.load(tmp_path / "signs.pt", weights_only=True)["state_dict"]
    assert {str(value.dtype) for name, value in stored.items() if "dense.weight" in name} == {"torch.int8"}
    again = mb.export(model())
    again.load_state_dict(stored)
    assert torch.equal(again(x), network(x))
    assert torch.equal(mb.pack(network)(x[:2]), network(x[:2]))
    mb.export(found, tmp_path / "signs.onnx", example=x, exporter="script")
    session = onnxruntime.InferenceSession(str(tmp_path / "signs.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": x[:4].numpy()})
    np.testing.assert_allclose(logits, network(x[:4]).detach().numpy(), atol=1e-6)


def test_one_layer_and_shared_ones() -> None:
    layer = mb.BinaryLinear(4, 4)
    network = mb.export(nn.ModuleDict({"a": layer, "b": layer}))
    assert network["a"] is network["b"]  # type: ignore[index]
    x = torch.randn(3, 4)
    assert {*mb.export(layer)(x).flatten().tolist()} <= {-1.0, 1.0}


MODELS = {
    "Sequential has no layers of meanbits; meanbits.from_torch": lambda: nn.Sequential(nn.Linear(2, 2)),
    "0: weights fixed are real numbers": lambda: nn.Sequential(mb.BinaryLinear(2, 2, "continuous")),
}


@pytest.mark.parametrize("message", MODELS)
def test_models_without_signs_are_refused(message: str) -> None:
    with pytest.raises(ExportError, match=message):
        mb.export(MODELS[message]())


def damaged(path: Path, folder: Path, **changes: Any) -> Path:
    """A checkpoint with changes, by somebody who makes its digest right."""
    document = torch.load(path, weights_only=True)
    document |= {name: change(document[name]) if callable(change) else change for name, change in changes.items()}
    document = {name: value for name, value in document.items() if value is not None and name != "digest"}
    torch.save(document | {"digest": digest_of(document)}, folder / "damaged.pt")
    return folder / "damaged.pt"


def changed(**settings: Any) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | settings)


DAMAGED: dict[str, dict[str, Any]] = {
    "holds foreign entries, model, secret": {"secret": 1, "model": torch.zeros(1)},
    "lacks weights: name a checkpoint": {"weights": None},
    "lacks losses, steps": {"losses": None, "steps": None},
    "holds entries that are no tensors": {"biases": [1, 2, 3, 4]},
    "settings that meanbits does not know .colour.": {"settings": changed(colour="red")},
    "settings that meanbits does not know .no JSON.": {"settings": "{"},
    "settings that do not hold .*unknown surrogate": {"settings": changed(surrogate="nope")},
    "settings that do not hold .*>=": {"settings": changed(depth="3")},
    "holds 4 weights and 3 biases": {"biases": lambda each: each[:-1]},
    "holds layers whose shapes are not those of its settings": {"settings": changed(width=25)},
    "parameters that are not finite": {"weights": lambda each: [each[0] * np.nan, *each[1:]]},
    "or not float64": {"settings": changed(dtype="float64")},
    "surrogate in Python, own.py:mine; name it": {"settings": changed(surrogate="own.py:mine")},
}


@pytest.mark.parametrize("message", DAMAGED)
def test_foreign_checkpoints_are_named_and_nothing_is_written(
    message: str, checkpoints: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged(checkpoints("signs of means"), tmp_path, **DAMAGED[message])
    with pytest.raises((CheckpointError, ExportError), match=message):
        mb.export(path)
    assert main(["export", str(path), "-o", str(tmp_path / "f.pt")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["damaged.pt"]


def test_code_that_a_checkpoint_names_does_not_run(checkpoints: Callable[[str], Path], tmp_path: Path) -> None:
    """Neither its surrogate's nor its images'."""
    source = f"from pathlib import Path\nPath(r'{tmp_path / 'ran'}').touch()\nmine = None\n"
    (tmp_path / "own.py").write_text(source)
    named = f"{tmp_path / 'own.py'}:mine"
    path = damaged(checkpoints("signs of means"), tmp_path, settings=changed(dataset=named))
    assert exported(path, None).why == f"its images come from Python, {named}"
    path = damaged(checkpoints("signs of means"), tmp_path, settings=changed(surrogate=named))
    with pytest.raises(ExportError, match="name it as well, with --surrogate"):
        exported(path, None)
    assert not (tmp_path / "ran").exists()


def test_a_surrogate_of_ones_own_is_exported_once_named(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import meanbits as mb\nmine = mb.compose('deterministic', phi='tanh')\n")
    named = f"{tmp_path / 'own.py'}:mine"
    mb.train(named, width=8, depth=1, epochs=1, samples=1, train_size=50, checkpoint=tmp_path / "c.pt")
    found = exported(tmp_path / "c.pt", None, surrogate=named)
    assert found.accuracy is not None
    assert found.accuracy.equal


def test_images_of_another_shape_or_with_more_labels_are_refused(checkpoints: Callable[[str], Path]) -> None:
    x, y = RNG.random((60, 63)), np.arange(60) % 10
    with pytest.raises(DataError, match=r"images of 63 features, and .* trained on 64; give the images it was"):
        exported(checkpoints("signs of means"), None, dataset=(x, y))
    with pytest.raises(DataError, match="labels up to 11, and the network 10 outputs"):
        exported(checkpoints("signs of means"), None, dataset=(RNG.random((60, 64)), np.arange(60) % 12))


def test_what_cannot_be_checked_is_said(checkpoints: Callable[[str], Path], tmp_path: Path) -> None:
    x, y = RNG.random((60, 64)), np.arange(60) % 10
    settings = {"width": 8, "depth": 1, "epochs": 1, "samples": 1, "normalise": "batch"}
    mb.train(dataset=(x, y), checkpoint=tmp_path / "c.pt", **settings)
    with pytest.raises(ExportError, match="its batch norm is by moments of its images, and its images were not found"):
        exported(tmp_path / "c.pt", None)
    assert exported(tmp_path / "c.pt", None, dataset=(x, y)).accuracy.equal  # type: ignore[union-attr]
    path = damaged(checkpoints("signs of means"), tmp_path, settings=changed(dataset="given in Python"))
    assert exported(path, None).accuracy is None


BAD = {
    "-o f.txt": "f.txt: the name must end in .pt, .onnx, .npz",
    "-o f.pt --network binary": "network 'binary': use signs or surrogate",
    "-o f.pt --store int4": "store 'int4': use int8 or bits",
    "-o f.onnx --store bits": "ONNX has no type of single bits",
    "-o f.pt --network surrogate --store bits": "a surrogate has means for weights, which are no bits",
    "-o f.onnx --exporter jit": "--exporter jit: use dynamo or script",
    "-o no/f.pt": "--output no/f.pt: the folder no does not exist",
    "-o f.pt --surrogate x.py:y": "was trained with deterministic; leave it out",
    "-o f.pt --dataset mnst": "did you mean 'mnist'",
    "-o mine.pt": "mine.pt exists; name another file",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_command_lines(
    line: str, checkpoints: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    source = checkpoints("signs of means")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pt").write_text("mine")
    assert main(["export", str(source), *line.split()]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert BAD[line] in error
    assert [each.name for each in tmp_path.iterdir()] == ["mine.pt"]


def test_missing_packages_are_named(
    checkpoints: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ExportError, match=r"needs onnxscript, which is not installed: pip install 'meanbits\[onnx\]'"):
        mb.export(checkpoints("signs of means"), tmp_path / "f.onnx")


def test_files_of_others_are_no_networks(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    torch.save({"format": "other"}, tmp_path / "b.pt")
    torch.save(replace, tmp_path / "c.pt")
    (tmp_path / "d.npz").write_bytes(b"PK")
    for name in ("a.npz", "b.pt", "c.pt", "d.npz"):
        with pytest.raises(ExportError, match=f"{name} holds no network of signs"):
            load_network(tmp_path / name)
    with pytest.raises(ExportError, match=r"cannot be read .No such file"):
        load_network(tmp_path / "e.pt")


def test_command_prints_accuracies_and_one_json_document(
    checkpoints: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(checkpoints("signs of means"))
    assert main(["export", source, "-o", str(tmp_path / "a.npz"), "--store", "bits"]) == 0
    out, err = capsys.readouterr()
    assert "network of signs, 64-24-24-24-10, weights -1, 1" in out
    assert "660 of 660 images are classified as before, by the file read back" in out
    assert not err
    assert main(["export", source, "-o", str(tmp_path / "b.pt"), "--network", "surrogate", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"]["before"] == document["accuracy"]["after"]
    assert (document["weights"], document["differ"]) == (["real"] * 4, 0)


def test_an_image_that_is_classified_differently_fails(
    checkpoints: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: Any) -> Any:
        made = sign_network(network)
        made.layers[-1].bias += torch.eye(10)[3] * 100
        return made

    monkeypatch.setattr("meanbits.experiments.export.export.sign_network", wrong)
    assert main(["export", str(checkpoints("signs of means")), "-o", str(tmp_path / "a.pt")]) == 1
    with pytest.raises(ExportError, match="images are classified differently after export"):
        mb.export(checkpoints("signs of means"))
