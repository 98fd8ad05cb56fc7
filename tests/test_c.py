"""The C backend: variants, threads, errors; the cache and all that may be wrong with it; headers that stand alone."""

from __future__ import annotations

import dataclasses
import inspect
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import meanbits as mb
from meanbits.cli import main
from meanbits.numerics.emission import c_library
from meanbits.numerics.emission.agreement import differences
from meanbits.numerics.emission.c_backend import C, CFallbackWarning
from meanbits.numerics.emission.c_library import NoLibraryError, cache_folder, library
from meanbits.numerics.emission.emit import compile_functions, emit, emitted_functions
from meanbits.numerics.emission.writer import EmittedFunction, Heading
from meanbits.numerics.solvers import compiled_tables
from meanbits.numerics.user_cache import digest
from meanbits.theory.symbols import q

ROOT = Path(__file__).parents[1]
CC = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler")
HEADING = Heading("square", "", "A test.", sp.Integer(1))
SQUARE = (EmittedFunction("square", (q,), q**2 + 1 / q, "a square"),)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("libraries")


@pytest.fixture(scope="module")
def maps(kept):
    """The erf maps in C, and in NumPy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(kept))
        theory = mb.derive("deterministic")
        return mb.compile(theory, backend="c"), mb.compile(theory)


def at(count, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(-1, 1, count),
        10 ** rng.uniform(-3, 3, count),
        rng.uniform(0, 1, count),
        rng.uniform(0, 1, count),
    )


@pytest.mark.parametrize("flags", ["-DMB_PLAIN", "-DMB_CLONES=", '-DMB_CLONES=__attribute__((target("avx2")))'])
@pytest.mark.parametrize("name", ["deterministic", pytest.param("continuous", marks=pytest.mark.slow)])
def test_every_variant_agrees_with_numpy(monkeypatch, flags, name):
    if "avx2" in flags and "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("no AVX2")
    monkeypatch.setenv("CC", f"{CC} '{flags}'")
    assert list(differences(mb.derive(name), C)) == []
    assert list(cache_folder().glob("*.so"))


def test_values_do_not_depend_on_the_number_of_points_or_threads(maps):
    places = at(100_003)
    whole = maps[0].correlation_map(*places)
    for part in (slice(0, 1), slice(5, 12), slice(70_000, 100_003)):
        assert np.array_equal(whole[part], maps[0].correlation_map(*(each[part] for each in places)))
    assert whole[7] == maps[0].correlation_map(*(float(each[7]) for each in places))


def test_arguments_broadcast_in_any_layout_and_have_names(maps):
    (c, variance, *means), (ours, theirs) = at(24), maps
    table = ours.correlation_map(c[:, None], variance[None, ::2], sigma_b2=0.1, sigma_m2=means[0][::2])
    assert table.shape == (24, 12)
    assert np.allclose(table, theirs.correlation_map(c[:, None], variance[None, ::2], means[0][::2], 0.1), rtol=1e-14)
    assert ours.variance_map([1, 2], 0.5, 0.1).dtype == np.float64
    single = ours.variance_map(np.float32([1, 2]), 0.5, 0.1)
    assert single.dtype == np.float32
    assert np.allclose(single, theirs.variance_map([1.0, 2.0], 0.5, 0.1), rtol=1e-6)
    assert ours.variance_map(np.empty((0, 3)), 0.5, 0.1).shape == (0, 3)
    assert str(inspect.signature(ours.chi)) == "(c, q, sigma_m2, sigma_b2)"
    with pytest.raises(TypeError, match="missing a required argument: 'sigma_b2'"):
        ours.variance_map(1.0, 0.5)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'sigma'"):
        ours.variance_map(1.0, 0.5, 0.1, sigma=0.1)


def test_limits_are_patched_around(maps):
    ends = np.array([0.0, 1e-300, 1.0, np.inf])
    for name in ("gap_map", "chi_at_gap"):
        ours, theirs = (getattr(each, name)(np.array([0.0, 1.0, 2.0])[:, None], ends, 0.5, 0.1) for each in maps)
        assert np.array_equal(np.isinf(ours), np.isinf(theirs))
        assert np.allclose(ours, theirs, rtol=1e-15, atol=0)
    assert maps[0].correlation_map(1.0, 1.0, 0.5, 0.1) == 1.0


def test_what_numpy_refuses_is_refused_in_its_words(kept, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))
    theory = mb.derive("lrt")
    few = [each for each in emitted_functions(theory) if each.name in ("replica_map", "chi")]
    ours = compile_functions(theory, few, C)
    for wrong in (1.5, np.array([0.5, -1.5, 0.1])):
        with pytest.raises(ValueError, match=r"give numbers in \[-1, 1\]"):
            ours.replica_map(wrong, 1.0, 0.5, 0.1)
    with pytest.raises(ValueError, match="is negative; give numbers >= 0"):
        ours.chi(0.5, -1.0, 0.5, 0.1)
    assert np.isnan(ours.replica_map(np.nan, 1.0, 0.5, 0.1))


def test_no_compiler_means_numpy_and_one_line(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.warns(CFallbackWarning, match=r"^backend c: no C compiler: no-such-compiler is not on PATH.*NumPy$"):
        found = C.load(HEADING, SQUARE)
    assert found.square(2.0) == 4.5


def script(folder, text):
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_without_vector_mathematics_compiles_plain_loops(monkeypatch, tmp_path):
    refuses = f'case "$*" in *MB_PLAIN*|*--version*) exec {CC} "$@";; *) echo "error: no simd" >&2; exit 1;; esac'
    monkeypatch.setenv("CC", script(tmp_path, refuses))
    assert C.load(HEADING, SQUARE).square(np.array([2.0, 4.0])).tolist() == [4.5, 16.25]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[ "$1" = --version ] || { echo "x.c:1: error: bad day" >&2; exit 1; }', "fails: x.c:1: error: bad day"),
        (
            '[ "$1" = --version ] || for last; do case "$last" in *.so) echo half > "$last"; exit 1;; esac; done',
            "fails",
        ),
        ('for last; do case "$last" in *.so) echo "no library" > "$last";; esac; done', "cannot be loaded"),
    ],
)
def test_a_compiler_that_fails_means_numpy_and_leaves_no_library(monkeypatch, tmp_path, text, said):
    monkeypatch.setenv("CC", script(tmp_path, text))
    with pytest.warns(CFallbackWarning, match=re.escape(said)):
        assert C.load(HEADING, SQUARE).square(2.0) == 4.5
    assert not list(cache_folder().glob("*.part"))


def test_a_cache_that_cannot_be_written_means_numpy(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(CFallbackWarning, match="Not a directory; set XDG_CACHE_HOME to a folder of yours"):
        assert C.load(HEADING, SQUARE).square(2.0) == 4.5
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_folder().mkdir(parents=True)
    cache_folder().chmod(0o777)
    with pytest.warns(CFallbackWarning, match="others may write to it"):
        assert C.load(HEADING, SQUARE).square(2.0) == 4.5
    assert not list(cache_folder().iterdir())


@pytest.mark.parametrize("poison", [b"", b"half", None])
def test_a_changed_library_is_never_loaded_but_made_again(poison):
    C.load(HEADING, SQUARE)
    (good,) = cache_folder().glob("*.so")
    whole = good.read_bytes()
    good.unlink()
    good.write_bytes(whole[: len(whole) // 2] if poison is None else poison)
    assert C.load(HEADING, SQUARE).square(2.0) == 4.5
    assert [path.read_bytes() for path in cache_folder().glob("*.so")] == [whole]


def test_what_is_no_library_under_its_right_digest_is_replaced():
    C.load(HEADING, SQUARE)
    (good,) = cache_folder().glob("*.so")
    key = good.stem.partition("-")[0]
    good.unlink()
    false = cache_folder() / f"{key}-{digest([b'false'])}.so"
    false.write_bytes(b"false")
    assert C.load(HEADING, SQUARE).square(2.0) == 4.5
    assert not false.exists()


def test_a_cache_of_another_version_or_machine_is_another(monkeypatch):
    source = C.write(HEADING, SQUARE)
    library(source)
    monkeypatch.setattr(c_library.platform, "machine", lambda: "z80")
    library(source)
    monkeypatch.setattr(c_library, "FLAGS", (*c_library.FLAGS, "-DOTHER"))
    library(source)
    library(source + "\n")
    keys = {path.stem.partition("-")[0] for path in cache_folder().glob("*.so")}
    assert len(keys) == 4


BUILD = """
import sympy
from meanbits.numerics.emission.c_backend import C
from meanbits.numerics.emission.writer import EmittedFunction, Heading
from meanbits.theory.symbols import q
square = EmittedFunction("square", (q,), q**2 + 1 / q, "a square")
print(C.load(Heading("square", "", "A test.", sympy.Integer(1)), (square,)).square(2.0))
"""


def test_two_processes_at_once_each_load_a_whole_library(offline):
    command = [sys.executable, "-W", "error", "-c", BUILD]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in running] == ["4.5"] * 2
    assert not [path for path in cache_folder().iterdir() if path.suffix != ".so"]


MAIN = """
#include <stdio.h>
#include "deterministic.h"
#include "relu.h"
int main(void) {
  printf("%.17g %.17g\\n", deterministic_correlation_map(0.3, 1.5, 0.7, 0.1), relu_chi(0.3, 1.5, 0.7, 0.1));
  return 0;
}
"""


def test_headers_stand_alone_and_beside_each_other(tmp_path, capsys, maps):
    assert main(["emit", "deterministic", "--backend", "c", "-o", str(tmp_path / "deterministic.h")]) == 0
    assert main(["emit", "deterministic", "--backend", "c", "-o", str(tmp_path / "deterministic.h")]) == 0
    capsys.readouterr()
    theory = mb.derive("continuous", neurons="relu")
    theory = dataclasses.replace(theory, surrogate=dataclasses.replace(theory.surrogate, name="relu"))
    (tmp_path / "relu.h").write_text(emit(theory, C))
    (tmp_path / "main.c").write_text(MAIN)
    warned = ["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-DMB_PLAIN"]
    subprocess.run([CC, *warned, "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    expected = maps[1].correlation_map(0.3, 1.5, 0.7, 0.1), mb.compile(theory).chi(0.3, 1.5, 0.7, 0.1)
    assert np.allclose(list(map(float, done.stdout.split())), expected, rtol=1e-15)


@pytest.mark.parametrize("seed", range(8))
def test_no_name_changes_the_emitted_code(seed):
    pieces = ["*/", "/*", "//", "\\", "\n", "*", "/", '"', "??/", "#error", "\u2028", "\x00", "{}", "%s", "a" * 400]
    draw = random.Random(seed)
    hostile = ["".join(draw.choice(pieces) for _ in range(6)) for _ in range(3)]
    plain, named = (C.write(Heading(*names, sp.Integer(1)), SQUARE) for names in (("maps", "", ""), hostile))
    prefix = re.search(r"MB_KERNEL void (\w+)_square_value", named)[1]
    named = named.replace(f"BITS_{prefix.upper()}_H", "BITS_MAPS_H")
    assert re.sub(rf"\b{prefix}_", "maps_", without_comments(named)) == without_comments(plain)
    assert named.isascii()


def without_comments(source):
    return re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)


def test_parameters_are_no_words_of_c():
    scale = sp.Symbol("double", positive=True)
    noise = mb.NeuronNoise("scaled", mb.gaussian.cdf.subs(mb.symbols.h, mb.symbols.h / scale))
    surrogate = dataclasses.replace(mb.compose("deterministic"), neurons=mb.stochastic(noise))
    with pytest.raises(ValueError, match="'double' is a word of C"):
        mb.emit(mb.derive(surrogate), backend="c")
    for name in ("double", "exp", "mb_portion", "out"):
        with pytest.raises(ValueError, match=f"'{name}' is a word of C"):
            C.write(HEADING, (EmittedFunction("square", (q, sp.Symbol(name)), q * sp.Symbol(name), "a square"),))


def test_what_c_lacks_is_refused_by_name():
    with pytest.raises(ValueError, match="c has no quadrature for E"):
        mb.emit(mb.derive("lrt", noise="laplace:0.7"), backend="c")
    with pytest.raises(ValueError, match="c has no PiecewiseOverlap"):
        mb.compile(mb.derive("continuous", neurons="hardtanh"), backend="c")
    many = tuple(sp.Symbol(f"s{k}") for k in range(17))
    with pytest.raises(ValueError, match="f takes 17 arguments; c takes up to 16"):
        C.write(HEADING, [EmittedFunction("f", many, sum(many), "a sum")])


@pytest.mark.parametrize(("name", "parts"), [
    ("deterministic", {}), ("continuous", {"neurons": "erf"}), ("continuous", {}),
    ("deterministic", {"phi": "tanh", "gain": 1.5}),
])  # fmt: skip
def test_fixed_points_by_compiled_maps_and_tables(name, parts):
    """Of few points, by the maps; of many by tables of those of tanh: conditioned as 1/(1 - slope)."""
    theory = mb.derive(mb.compose(name, **parts))
    for side in (9, 80):
        axes = np.linspace(0.05, 0.95, side)[:, None], np.linspace(0, 1, side)
        ours, theirs = (mb.fixed_point(theory, *axes, backend=each) for each in ("c", "numpy"))
        for each in ("q", "chi_1", "dq", "gap", "chi"):
            given, expected = getattr(ours, each), getattr(theirs, each)
            room = 1e-13 / np.minimum(np.abs(1 - theirs.dq), np.abs(1 - theirs.chi) if each in ("gap", "chi") else 1)
            assert np.all(np.abs(given - expected) <= room * np.maximum(1, expected)), each


def test_fixed_points_without_a_compiler_are_those_of_numpy(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    compiled_tables._library.cache_clear()
    theory = mb.derive(mb.compose("continuous", neurons="expr:tanh(2*h)"))  # of no other test, whose code would be kept
    axes = np.linspace(0.1, 2, 80)[:, None], np.linspace(0, 1, 80)
    with pytest.warns(CFallbackWarning, match="no-such-compiler is not on PATH.*NumPy"):
        found = mb.fixed_point(theory, *axes, backend="c")
    assert np.array_equal(found.gap, mb.fixed_point(theory, *axes).gap)


@pytest.mark.parametrize(("subject", "backend", "said"), [
    ("continuous", "torch", "gives no arrays of NumPy"), ("continuous", "fortran", "unknown backend"),
    ("xnor", "c", "chains of blocks are solved by numpy"),
])  # fmt: skip
def test_fixed_points_by_another_backend_are_refused(subject, backend, said):
    with pytest.raises(ValueError, match=said):
        mb.fixed_point(subject, np.full(9, 0.5), 0.1, backend=backend)


def test_errors_of_the_library_are_no_others(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(NoLibraryError, match="cc or gcc or clang is not on PATH; install one, or name it in CC"):
        library("")
    assert os.environ["PATH"] == ""
