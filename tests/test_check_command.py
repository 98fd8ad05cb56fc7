"""`meanbits check`: models by name, data, exit codes, files, and refusals in one line."""

from __future__ import annotations

import json
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
    np.savez("own.npz", x=np.random.default_rng(0).normal(size=(30, 64)), y=np.arange(30) % 10)
    found = run(line)
    assert (found.code, found.err) == (0, "")


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
    np.savez("classes.npz", x=np.random.default_rng(0).normal(size=(9, 64)), y=np.arange(9) + 5)
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
    "models.py:good --data missing.npz": "--data missing.npz: FileNotFoundError",
    "models.py:good --data empty.npz": "has no array x",
    "models.py:good --data objects.npz": "--data objects.npz: ValueError",
    "models.py:good --data wide.npz": "model(batch) raised RuntimeError",
    "models.py:good --data classes.npz": "labels: 10 is out of range",
    "models.py:good --data bad.npz": "[0, 0] is nan; give finite inputs",
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
