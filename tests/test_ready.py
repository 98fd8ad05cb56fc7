"""Commands answer of a row of the catalogue from what was generated: at once, and as if it had been derived."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments import declared
from meanbits.numerics.depth.advise import advise
from meanbits.numerics.emission import ready
from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.emission.emit import compile_theory, emitted_functions
from meanbits.numerics.emission.generated.rows import PAPER_ROWS, ROWS
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, in_paper_form
from meanbits.theory.derive import derive

ON_PROOFS = (  # which check a certificate in balls
    "critical {}",
    "critical {} --json",
    "jacobian {} --sigma-m2 0.6 --sigma-b2 0.001 --json",
    "jacobian {} --sigma-b2 0.1 --sigma-m2 0.3 --means uniform --depth 3 --width 20",
)
COMMANDS = (
    "map {} --sigma-m2 0.5 --sigma-b2 0.01 --q 1 --c 0.5",
    "map {} --sigma-b2 0 --q 0.3 --gap 1e-20 --json",
    "map {} --sigma-m2 1 --sigma-b2 0.1 --q 2 --c -0.3 --total 0.7",
    "fixed-point {} --sigma-m2 0.6 --sigma-b2 0.001",
    "fixed-point {} --sigma-m2 1 --sigma-b2 0 --json",
    "emit {}",
    "derive {} --steps",
    "derive {} --format latex",
    "derive {} --json --steps",
    "emit {} --backend torch --json",
    "emit {} --backend javascript",
    "emit {} --backend c",
    "emit {} --backend jax",
    "advise {} --depth 30",
    "advise {} --depth 3 --sigma-b2 0.01 --json",
    *ON_PROOFS,
)
PROFILES = ("0.5 --sigma-b2 0.001", "0.5 --sigma-b2 0", "0.9 --sigma-b2 0.1 --c0 -0.7", "0.3 --sigma-b2 0.2 --c0 1",
            "0.5 --sigma-b2 0.1 --c0 -1", "0 --sigma-b2 0.5")  # fmt: skip
HEAVY = {"sympy", "torch", "xarray", "matplotlib", "mpmath", "flint"}
RUN = """
import sys
import meanbits as mb
from meanbits.cli import main
for line in sys.argv[1:]:
    main(line.split())
print(*{name.partition(".")[0] for name in sys.modules})
"""
NAMES = [surrogate.name for surrogate in CATALOGUE]


def answer(line, capfd):
    """Exit code and what is printed on both streams."""
    code = main(shlex.split(line))
    return (code, *capfd.readouterr())


def test_rows_are_those_of_the_catalogue_with_their_traits():
    assert list(ROWS) == NAMES
    for surrogate in CATALOGUE:
        assert ROWS[surrogate.name][0] == derived_traits(derive(surrogate))


def test_paper_forms_are_those_derived():
    for name, found in PAPER_ROWS.items():
        row = ready.paper_row(ready.ready(name))
        surrogate = row.derived.surrogate
        theory = derive(in_paper_form(compose(name)))
        assert found[0] == derived_traits(theory)
        assert row.functions == tuple(each.name for each in emitted_functions(theory))
        assert (surrogate.form, surrogate.weights) == (theory.surrogate.form, theory.surrogate.weights)
        other, at_gain = in_paper_form(compose(name), 1.25), row.at_gain(1.25)
        assert (at_gain.name, at_gain.derived.surrogate.form) == (other.name, other.form)
    assert set(PAPER_ROWS) == {name for name in NAMES if ROWS[name][0].has_paper_form}


@pytest.mark.parametrize("name", NAMES)
def test_functions_are_those_compiled(name):
    row = ready.ready(name)
    theory = derive(next(surrogate for surrogate in CATALOGUE if surrogate.name == name))
    assert row.functions == tuple(each.name for each in emitted_functions(theory))
    assert set(row.functions) <= set(dir(compile_theory(theory)))


def test_phase_writes_the_same_file_both_ways(tmp_path, capfd, monkeypatch):
    grid = "phase shayer --sigma-m2 0:1:5 --sigma-b2 0:1:4 -o {}.nc"
    at_once = answer(grid.format(tmp_path / "ready"), capfd)
    monkeypatch.setattr(ready, "ready", lambda _: None)
    assert at_once[0] == answer(grid.format(tmp_path / "derived"), capfd)[0] == 0
    assert (tmp_path / "ready.nc").read_bytes() == (tmp_path / "derived.nc").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_print_the_same(name, capfd, monkeypatch):
    lines = [command.format(name) for command in COMMANDS]
    at_once = [answer(line, capfd) for line in lines]
    monkeypatch.setattr(ready, "ready", lambda _: None)
    assert at_once == [answer(line, capfd) for line in lines]
    assert {code for code, *_ in at_once} <= {0, 2}


@pytest.mark.parametrize("point", PROFILES)
@pytest.mark.parametrize("name", ["deterministic", "lrt", "random-binary", "baldassi"])
def test_profiles_by_maps_are_those_of_the_chain(name, point, capfd, monkeypatch):
    """But for rounding: where fields vanish or inputs are equal the chain is followed anyway."""
    means = "" if name == "random-binary" else "--sigma-m2 "
    line = f"profile {name} --depth 6 --json {means}{point if means else point.partition(' ')[2]}"
    at_once = answer(line, capfd)
    monkeypatch.setattr(ready, "ready", lambda _: None)
    followed = answer(line, capfd)
    if name == "baldassi":
        assert at_once == followed
        assert followed[0] == 2
        return
    found, expected = (dict(flat(json.loads(out))) for _, out, _ in (at_once, followed))
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        assert found[place] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), place


def flat(document, name=""):
    """What is inside, by its place."""
    parts = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in parts:
        yield from flat(value, f"{name}/{key}") if isinstance(value, dict | list) else [(f"{name}/{key}", value)]


def test_nothing_heavy_is_imported(tmp_path):
    """But at criticality, where laws of decay are derived."""
    commands = [each for each in COMMANDS if each not in ON_PROOFS and "--sigma-m2 1 " not in each]
    lines = [command.format(name) for name in NAMES for command in commands]
    lines += [f"profile {name} --depth 5 --sigma-m2 0.6 --sigma-b2 0.01" for name in ("deterministic", "lrt", "shayer")]
    lines += [f"phase deterministic --sigma-m2 0.5 --sigma-b2 0:1:2 -o {tmp_path}/x.nc"] * 2  # the second replaces
    done = subprocess.run([sys.executable, "-c", RUN, *lines], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & HEAVY
    assert "numpy" in loaded


def test_an_option_takes_the_long_way(capfd):
    plain = answer("map deterministic --sigma-m2 0.5 --sigma-b2 0.01 --q 1 --c 0.5", capfd)
    same = answer("map deterministic --noise none --sigma-m2 0.5 --sigma-b2 0.01 --q 1 --c 0.5", capfd)
    other = answer("map deterministic --noise gaussian:1 --sigma-m2 0.5 --sigma-b2 0.01 --q 1 --c 0.5", capfd)
    assert plain[0] == other[0] == 0
    assert plain[1] != other[1]
    assert same[0] == 2


def test_no_installed_name_replaces_a_row(capfd, monkeypatch):
    monkeypatch.setattr(declared, "declared", lambda name: pytest.fail(f"asked for {name}"))
    assert answer("catalogue", capfd)[0] == answer("derive deterministic", capfd)[0] == 0


QUICK = """
import sys
import meanbits as mb
mb.profile("lrt", 5, 0.5, 0.01)
found = mb.fixed_point("lrt", 0.5, 0.01), mb.advise("deterministic", depth=30), mb.advise("random-binary", depth=3)
print(*(type(each).__name__ for each in found))
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_python_answers_of_a_name_without_what_is_heavy():
    done = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True, check=True)
    kinds, loaded = done.stdout.splitlines()
    assert kinds.split() == ["FixedPoint", "Advice", "Advice"]
    assert not set(loaded.split()) & HEAVY


@pytest.mark.parametrize("name", ["continuous", "deterministic", "lrt", "random-binary"])
def test_python_answers_of_a_name_what_it_answers_of_its_declaration(name):
    means, declared_ = 1.0 if name == "random-binary" else 0.6, compose(name)
    assert repr(mb.fixed_point(name, means, 0.01)) == repr(mb.fixed_point(declared_, means, 0.01))
    assert repr(mb.advise(name, depth=30)) == repr(mb.advise(declared_, depth=30))
    assert mb.advise(name, depth=30).surrogate == declared_
    grid = [means], [0.0, 0.1]
    assert mb.phase_diagram(name, *grid).identical(mb.phase_diagram(declared_, *grid))


def test_a_ready_paper_form_is_advised_with_its_gain():
    assert advise(ready.paper_row(ready.ready("deterministic")), 30).gain == 1
