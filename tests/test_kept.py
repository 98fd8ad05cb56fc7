"""What users put together from words is derived once: the next command answers the same from what was kept, or anew."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from meanbits.cli import main
from meanbits.numerics.emission import kept
from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.user_cache import cache_root, own_folder
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

COMPOSED = ("--neurons tanh", "continuous --neurons leaky:0.1", "lrt --noise gaussian:0.5",
            "deterministic --phi tanh --gain 1.5", "continuous --neurons tanh --backward clip")  # fmt: skip
COMMANDS = ("map {} --sigma-m2 0.5 --sigma-b2 0.01 --q 1 --c 0.5", "emit {}", "advise {} --depth 10",
            "fixed-point {} --sigma-m2 0.6 --sigma-b2 0.01 --json")  # fmt: skip
LINE = COMMANDS[0].format("continuous --neurons relu")


def answer(line, capfd):
    """Exit code and what is printed on both streams."""
    code = main(shlex.split(line))
    return (code, *capfd.readouterr())


def kept_files() -> list[Path]:
    return sorted((cache_root() / kept.KIND).glob("*"))


@pytest.mark.parametrize("words", COMPOSED)
def test_commands_answer_the_same_from_what_was_kept(words, capfd):
    first = [answer(each.format(words), capfd) for each in COMMANDS]
    assert len(kept_files()) == 1
    assert [answer(each.format(words), capfd) for each in COMMANDS] == first
    assert {code for code, *_ in first} == {0}


@pytest.mark.parametrize(
    "words", [{"name": "continuous", "neurons": "gelu"}, {"noise": "gaussian:1", "name": "soudry"}]
)
def test_what_is_kept_is_what_was_derived(words):
    theory = derive(compose(**words))
    kept.keep_theory(words, theory)
    found = kept.kept_theory(words)
    assert found.traits == derived_traits(theory)
    assert found.derived.surrogate == theory.surrogate


def test_what_was_kept_is_not_derived(capfd, monkeypatch):
    first = answer(LINE, capfd)
    monkeypatch.setattr("meanbits.options.composed_with_blocks", lambda *_: pytest.fail("composed again"))
    assert answer(LINE, capfd) == first


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:-1], lambda data: data.replace(b"q", b"Q", 1)])
def test_what_was_spoiled_is_not_taken_but_made_again(spoil, capfd):
    first = answer(LINE, capfd)
    (path,) = kept_files()
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    assert path.read_bytes() != whole
    assert answer(LINE, capfd) == first
    assert [each.read_bytes() for each in kept_files()] == [whole]


def test_other_sources_and_libraries_make_another_key(monkeypatch):
    words = {"name": "continuous", "neurons": "relu"}
    kept.keep_theory(words, derive(compose(**words)))
    assert kept.kept_theory(words) is not None
    assert kept.kept_theory({**words, "neurons": "linear"}) is None
    monkeypatch.setattr(kept, "_made_by", lambda: ("another",))
    assert kept.kept_theory(words) is None


def test_a_cache_that_others_may_write_to_is_left_alone_and_said_so(capfd):
    plain = answer(LINE, capfd)
    own_folder(kept.KIND).chmod(0o777)
    code, out, said = answer(LINE, capfd)
    assert (code, out) == plain[:2]
    assert "not kept for the next time" in said
    assert "others may write to it; set XDG_CACHE_HOME" in said


def test_a_cache_that_cannot_be_made_is_said_so(capfd, monkeypatch, tmp_path):
    plain = answer(LINE, capfd)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    code, out, said = answer(LINE, capfd)
    assert (code, out) == plain[:2]
    assert "Not a directory; set XDG_CACHE_HOME" in said


def test_what_a_file_declares_is_not_kept(capfd, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import meanbits as mb\nmine = mb.compose('continuous', neurons='relu')\n")
    assert answer(COMMANDS[0].format(f"{path}:mine"), capfd)[0] == 0
    assert not kept_files()


@pytest.mark.parametrize("wrong", ["--neurons tanh --sigma-m2 -1", "--neurons nonsense --sigma-m2 1"])
def test_what_is_refused_is_not_kept(wrong, capfd):
    assert answer(f"map {wrong} --sigma-b2 0 --q 1 --c 0.5", capfd)[0] == 2
    assert not kept_files()


def test_two_processes_at_once_keep_one_file(tmp_path):
    command = [sys.executable, "-m", "meanbits", *shlex.split(LINE)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) for _ in range(2)]
    said = [each.communicate() for each in both]
    assert said[0] == said[1]
    assert len(kept_files()) == 1


def test_only_so_many_are_kept(monkeypatch):
    monkeypatch.setattr("meanbits.numerics.user_cache.MOST", 2)
    theory = derive(compose("continuous", neurons="relu"))
    for name in ("first", "second", "third"):
        kept.keep_theory({"name": name}, theory)
    assert len(kept_files()) == 2
