"""`meanbits check`: models by name, data, exit codes, files, and refusals in one line."""

from __future__ import annotations

import json
import pickle
import shlex
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from checked_models import CLASSES, INPUTS, deep, inputs, norm
from torch import nn

from meanbits.cli import main

MODELS = """
import torch
from torch import nn

torch.manual_seed(0)
good = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
images = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
number = 3

def unscaled():
    return nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 2)), 255 * torch.rand(20, 5), torch.ones(20).long()

def few():
    return good, torch.randn(16, 64)

def raising():
    raise RuntimeError("no weights")

def printing():
    print("loading")
    return good
"""
FIELDS = ("q", "c", "gradient", "sign_entropy", "saturated", "dead", "q_theory", "c_theory", "gradient_theory", "layer")

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `check` in a folder with models.py; `written` are the files it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEANBITS_DATA", raising=False)
    Path("models.py").write_text(MODELS)

    def run_line(line: str) -> SimpleNamespace:
        before = set(tmp_path.rglob("*"))
        code = main(["check", *shlex.split(line)])
        captured = capsys.readouterr()
        written = {path.name for path in set(tmp_path.rglob("*")) - before}
        return SimpleNamespace(code=code, out=captured.out, err=captured.err, written=written)

    return run_line


def test_a_model_that_is_well(run: Run) -> None:
    found = run("models.py:good --json")
    document = json.loads(found.out, parse_constant=pytest.fail)
    assert (found.code, found.err, document["ok"]) == (0, "", True)
    assert [document[name] for name in ("layer", "cause", "remedy")] == [None, None, None]
    assert [row["kind"] for row in document["layers"]] == ["linear", "batch norm", "relu", "linear"]
    assert all(name in row for row in document["layers"] for name in FIELDS)


def test_a_model_that_is_not(run: Run) -> None:
    found = run("models.py:unscaled --json --report page.html -o plot.png")
    document = json.loads(found.out, parse_constant=pytest.fail)
    assert (found.code, document["layer"]) == (1, "0")
    assert document["cause"].startswith("unscaled inputs")
    assert "scale the data" in document["remedy"]
    assert found.written == {"page.html", "plot.png"}
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    text = run("models.py:unscaled")
    assert (text.code, "Remedy" in text.out) == (1, True)


class Elements(HTMLParser):
    """Which elements a page has, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else(run: Run) -> None:
    assert run("models.py:good --report page.html").written == {"page.html"}
    elements = Elements()
    elements.feed(Path("page.html").read_text())
    assert {"table", "h1", "img"} <= set(elements.names)
    assert "script" not in elements.names
    assert all(link.startswith("data:image/png;base64,") for link in elements.links)
    assert Path("page.html").stat().st_size < 2**20


@pytest.mark.parametrize("line", ["models.py:few", "models.py:images", "models.py:images --batch 9 --data digits",
                                  "models.py:good --data own.npz --lr 0.01 --optimiser sgd"])  # fmt: skip
def test_models_and_data(run: Run, line: str) -> None:
    np.savez("own.npz", x=np.random.default_rng(0).normal(size=(30, 64)).clip(-1, 1), y=np.arange(30) % 3)
    found = run(line)
    assert found.code == 0
    assert found.err == ("own.npz: images of numbers in [-1, 1], taken as they are\n" if "own" in line else "")


COLOURS = np.random.default_rng(1).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
OWN = """
import numpy, torch
from torch import nn
x, y = numpy.load("colours.npy"), numpy.arange(40) % 4
channels_first, channels_last, grey = (x, y), (x.transpose(0, 2, 3, 1), y), (x[:, 0], y)
def items(): return torch.utils.data.TensorDataset(torch.tensor(x) / 255, torch.tensor(y))
torch.manual_seed(0)
conv = nn.Sequential(nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Flatten(), nn.Linear(432, 4))
flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 30), nn.ReLU(), nn.Linear(30, 4))
"""


def test_all_that_trainings_take_is_the_same_batch(run: Run, tmp_path: Path) -> None:
    """Colours in any order of axes, as arrays, items and files: the convolution sees the same numbers."""
    np.save("colours.npy", COLOURS)
    np.savez("colours.npz", x=COLOURS, y=np.arange(40) % 4)
    np.savez("alone.npz", x=COLOURS[[k for k in range(40) if k % 20 < 16]])
    Path("own.py").write_text(OWN)
    names = ("own.py:channels_first", "own.py:channels_last", "own.py:items", "colours.npz", "alone.npz")
    found = [run(f"own.py:conv --json --data {name}") for name in names]
    first, *others = (json.loads(each.out)["layers"] for each in found)
    assert all(each.code == 0 and "scaled to [-1, 1]" in each.err for each in found)
    assert first[0]["shape"] == [32, 12, 6, 6]
    for other in others:
        assert [row["q"] for row in other] == pytest.approx([row["q"] for row in first], rel=1e-5)
    assert run("own.py:flat --data own.py:items").code == 0
    refused = run("own.py:conv --data own.py:grey")
    assert (refused.code, "shape (8, 8), and the model begins with a convolution of 3 chan" in refused.err) == (2, True)


def test_folders_of_cifar_are_colours(run: Run, tmp_path: Path) -> None:
    images = np.random.default_rng(2).integers(0, 256, (20, 3072), dtype=np.uint8)
    for name in ("train", "test", "meta"):
        entries = {b"data": images, b"fine_labels": [k % 4 for k in range(20)], b"coarse_labels": [0] * 20}
        Path(name).write_bytes(pickle.dumps(entries))
    Path("own.py").write_text(OWN.replace("8, 8", "32, 32").replace("432", "10800").replace("192", "3072"))
    np.save("colours.npy", COLOURS)
    found = run("own.py:conv --json --data . --batch 16")
    assert (found.code, json.loads(found.out)["layers"][0]["shape"]) == (0, [16, 12, 30, 30])


def test_what_a_model_prints_goes_to_standard_error(run: Run) -> None:
    found = run("models.py:printing --json")
    assert json.loads(found.out)["ok"]
    assert found.err == "loading\n"


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's, of its own graphs
def test_saved_programs(run: Run) -> None:
    torch.manual_seed(0)
    many = torch.export.Dim("many", min=2)
    program = torch.export.export(deep(1, norm, nn.ReLU), (inputs(),), dynamic_shapes=({0: many},))
    torch.export.save(program, "saved.pt2")
    found = run("saved.pt2 --json --batch 100")
    document = json.loads(found.out)
    assert found.code == 0
    assert [row["kind"] for row in document["layers"]] == ["linear", "batch norm", "relu", "linear", "linear"]
    assert document["layers"][0]["shape"][0] == 100


def spoilt(name: str) -> None:
    """Files that are no programs, or of another version."""
    Path("text.pt2").write_text("no program")
    torch.save(nn.Linear(INPUTS, CLASSES).state_dict(), "state.pt2")
    with zipfile.ZipFile("other.pt2", "w") as archive:
        archive.writestr("other/archive_format", "pt2")
        archive.writestr("other/archive_version", "999")
        archive.writestr("other/models/model.json", "{}")
    np.savez("empty.npz", z=np.ones(3))
    np.savez("objects.npz", x=np.array([{}, {}], dtype=object))
    np.savez("wide.npz", x=np.ones((9, 63)))
    np.savez("gaps.npz", x=np.zeros((9, 64), np.uint8), y=np.arange(9) + 5)
    np.savez("classes.npz", x=np.random.default_rng(0).random((60, 64)), y=np.arange(60) % 12)
    np.savez("normal.npz", x=np.random.default_rng(0).normal(size=(9, 64)))
    Path("folder").mkdir()
    Path("folder/test_batch").touch()
    np.savez("bad.npz", x=np.full((9, 64), np.nan))


BAD = {
    "models.py:god": "has no god; did you mean good",
    "models.py:number": "is of type int; give a torch.nn.Module",
    "models.py:raising": "line 17: RuntimeError: no weights",
    "missing.py:model": "No such file",
    "models": "names no object; write FILE.py:NAME",
    "missing.pt2": "no such file",
    "text.pt2": "is no program of torch.export",
    "state.pt2": "cannot be read by torch",
    "other.pt2": "cannot be read by torch",
    "models.py:good --data mnits": "did you mean 'mnist'",
    "models.py:good --data missing.npz": "missing.npz cannot be read (No such file",
    "models.py:good --data empty.npz": "empty.npz holds z; give x",
    "models.py:good --data objects.npz": "objects.npz cannot be read (Object arrays",
    "models.py:good --data wide.npz": "model(batch) raised RuntimeError",
    "models.py:good --data classes.npz": "labels: 10 is out of range; the model's 10 outputs",
    "models.py:good --data gaps.npz": "no training image has label 0, 1, 2",
    "models.py:good --data bad.npz": "images hold nan or infinite numbers",
    "models.py:good --data normal.npz": "or let MODEL give (model, batch, labels), which are taken as they are",
    "models.py:images --data wide.npz": "gives inputs of shape (63,), and the model begins with a convolution of 1 ch",
    "models.py:images --data folder": "lacks data_batch_1",
    "models.py:good --data models.py:number": "is of type int, not labelled images",
    "models.py:good --batch 1": "'--batch': 1 is not in the range",
    "models.py:good --lr nan": "'--lr': nan is not a finite number",
    "models.py:good --optimiser sgd": "give the learning rate of sgd",
    "models.py:good --report page.txt": "--report page.txt: give a name that ends in .html",
    "models.py:good --report none/page.html": "--report none/page.html: the folder none does not exist",
    "models.py:good -o plot.pdf": "--output plot.pdf: give a name that ends in .png",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line_and_leaves_nothing(run: Run, line: str) -> None:
    spoilt(line)
    report = "" if "--report" in line else " --report left.html"
    found = run(line + report)
    assert (found.code, found.out, found.written) == (2, "", set())
    assert BAD[line] in found.err
    assert found.err.startswith("meanbits check: ")
    assert found.err.count("\n") == 1
