"""Surrogates declared in Python are loaded by FILE.py:NAME, MODULE:NAME or entry point; every fault is one line."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from meanbits.cli import main
from meanbits.experiments.declared import DeclarationError, declared
from meanbits.theory.declarations.surrogates import CATALOGUE

SOURCE = """
from dataclasses import replace
from meanbits.theory.declarations.surrogates import CATALOGUE
from helpers import label

print("noise on standard output")
MINE = replace(CATALOGUE[1], name=label("mine"))
COUNT = 3
"""
BROKEN = {
    "syntax.py": ("x = (\n1 +\n", r"syntax.py, line \d: SyntaxError"),
    "raises.py": ("x = 1\n\nraise ValueError('first\\nsecond')\n", "raises.py, line 3: ValueError: first$"),
    "exits.py": ("raise SystemExit(0)\n", "exits.py, line 1: SystemExit: 0"),
    "missing.py": ("import no_such_module_at_all\n", "missing.py, line 1: ModuleNotFoundError"),
    "deep.py": ("def f(): return f()\nf()\n", "deep.py, line 2: RecursionError"),
    "null.py": ("x = 1\x00\n", "null.py.*: (ValueError|SyntaxError)"),
    "refused.py": (
        "from meanbits.theory.declarations.compose import compose\nX = compose('deterministic', weights='ternary:2')\n",
        "refused.py, line 2: SurrogateError",
    ),
    "empty.py": ("", "empty.py has no MINE; its surrogates: none"),
    "typo.py": (
        "from meanbits.theory.declarations.surrogates import CATALOGUE\nMINES = CATALOGUE[0]\n",
        r"did you mean MINES\?",
    ),
    "number.py": ("MINE = 3\n", "number.py:MINE is of type int, not a Surrogate; write FILE.py:NAME"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own.py").write_text(SOURCE)
    (tmp_path / "helpers.py").write_text("def label(text): return f'{text}, labelled'\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_and_a_module(folder: Path) -> None:
    found = declared("own.py:MINE")
    assert found is not None
    assert found.name == "mine, labelled"
    assert declared(f"{folder}/own.py:MINE") == declared("own:MINE") == found
    assert declared("deterministic") is None
    assert declared("ternary") is None


def test_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "meanbits.theory.declarations.noise:LOGISTIC", "meanbits.surrogates")
    broken = EntryPoint("gone", "no_such_module_at_all:X", "meanbits.surrogates")
    monkeypatch.setattr("meanbits.experiments.declared.entry_points", lambda group: [point, broken])
    with pytest.raises(DeclarationError, match="theirs is of type NeuronNoise, not a Surrogate"):
        declared("theirs")
    with pytest.raises(DeclarationError, match=r"entry point gone.*ModuleNotFoundError"):
        declared("gone")
    module = "meanbits.theory.declarations.surrogates"
    monkeypatch.setattr(f"{module}.first_of_all", CATALOGUE[0], raising=False)
    monkeypatch.setattr("meanbits.experiments.declared.entry_points",
                        lambda group: [EntryPoint("first", f"{module}:first_of_all", group)])  # fmt: skip
    assert declared("first") is CATALOGUE[0]


@pytest.mark.parametrize("name", BROKEN)
def test_faults_of_a_file_are_one_line(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DeclarationError, match=message) as raised:
        declared(f"{tmp_path}/{name}:MINE")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such.py:MINE", "no_such.py: No such file or directory; write FILE.py:NAME"),
        ("a\x00.py:MINE", "null"),
        (f"{'a' * 300}.py:MINE", "File name too long"),
        ("tests.py", "names no surrogate"),
        ("no_such_module_at_all:MINE", "module no_such_module_at_all: ModuleNotFoundError"),
        ("../x:MINE", "is no module"),
        ("meanbits.theory.declarations.surrogates:NETWERK", "meanbits.theory.declarations.surrogates has no NETWERK"),
        ("meanbits.theory.declarations.surrogates:NETWORK", "of type Treatment, not a Surrogate"),
    ],
)
def test_what_is_not_there_is_said(text: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declared(text)


def test_every_command_takes_it_and_prints_json_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point = ["--sigma-m2", "0.5", "--sigma-b2", "0.1"]
    for line in (["map", "own.py:MINE", *point, "--q", "1", "--c", "0.5"], ["fixed-point", "own.py:MINE", *point]):
        (folder / "own.py").write_text(f"{SOURCE}# {line[0]}\n")  # so that it is loaded again
        assert main([*line, "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["surrogate"] == "mine, labelled"
        assert "noise on standard output" in captured.err


def test_faults_exit_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, message in {
        ("derive", "own.py:COUNT"): "of type int",
        ("derive", "none.py:X"): "No such file",
        ("derive", "own.py:MINE", "--gain", "2"): "--gain beside own.py:MINE: its parts are settled",
    }.items():
        assert main(list(line)) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.splitlines()[-1].startswith("meanbits derive: ")
        assert len(error.splitlines()) == 1 + error.count("noise on standard output")
