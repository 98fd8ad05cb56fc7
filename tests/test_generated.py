"""What is generated and committed: the modules of `numerics/emission/generated/`, and `docs/derivation.md`."""

import ast
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from meanbits.experiments import criticality, derivations
from meanbits.experiments.criticality import criticality_of_row
from meanbits.experiments.written import derivations_in_writing, proofs_in_writing
from meanbits.numerics.certificates.checker import RefusedError
from meanbits.numerics.certificates.standalone import checked
from meanbits.numerics.emission.generated.rows import PAPER_ROWS
from meanbits.numerics.emission.generated.spectra import KINKS
from meanbits.numerics.emission.generated_modules import GENERATED, file_name
from meanbits.numerics.emission.traits import paper_file, slopes_file
from meanbits.numerics.generate import FOLDER, generate, generated_files
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import derive

ROOT = Path(__file__).parent.parent
WRITE = "run `python -m meanbits.experiments.written`"
REMEDY = "run `python -m meanbits.numerics.generate`"
STANDARD = {"__future__", "collections.abc", "functools", "itertools", "math", "typing"}
LIBRARIES = {"numpy": {"numpy", "scipy"}, "torch": {"torch"}, "jax": {"jax", "numpy"}}
ABSENT = {"numpy": {"torch", "sympy"}, "torch": {"scipy"}}
PROJECT = {"theory", "numerics", "experiments", "paper_figures", "meanbits"}
NAMES = [file_name(surrogate.name, backend) for surrogate in CATALOGUE for backend in GENERATED]
NAMES += [file_name(paper_file(name), "numpy") for name in PAPER_ROWS]
SLOPES = [file_name(slopes_file(name), "numpy") for name in KINKS]
OTHERS = {"__init__.py", "rows.py", "listing.py", "spectra.py", *SLOPES}
MODULES = [name for name in [*NAMES, *SLOPES] if name.endswith(".py")]


def backend_of(name):
    return Path(name).stem.rpartition("_")[2]


def test_committed_files_are_what_emit_writes():
    paths = {FOLDER / name: text.encode() for name, text in generated_files()}
    changed = [path.name for path, text in paths.items() if not path.is_file() or path.read_bytes() != text]
    assert not changed, f"{', '.join(changed)} differ from a fresh emit; {REMEDY}"


def test_derivations_in_writing_are_what_the_engine_derives():
    assert derivations.PATH.read_text(encoding="utf-8") == derivations_in_writing(), WRITE


def test_proofs_in_writing_are_what_the_engine_proves():
    assert criticality.PATH.read_text(encoding="utf-8") == proofs_in_writing(), WRITE


@pytest.mark.parametrize("name", [each.name for each in CATALOGUE if not each.real_input])
def test_proofs_that_lie_ready_are_of_their_rows_and_refused_where_they_are_spoiled(monkeypatch, tmp_path, name):
    found = criticality_of_row(name)
    assert checked(found.standalone) == ({**json.loads(found.standalone)["statement"]}, True)
    rows = json.loads(criticality.PATH.read_text(encoding="utf-8"))
    monkeypatch.setattr(criticality, "PATH", tmp_path / "rows.json")
    for spoiled in ({"feasible": "undecided"}, {"standalone": None}, {"standalone": rows["soudry"]["standalone"]}):
        changed = rows | {name: rows[name] | spoiled}
        criticality.PATH.write_text(json.dumps(changed), encoding="utf-8")
        if changed != rows:
            with pytest.raises(RefusedError):
                criticality_of_row(name)


def test_no_stale_files():
    stale = {path.name for path in FOLDER.iterdir()} - {"__pycache__", *OTHERS, *NAMES}
    assert not stale, f"{', '.join(sorted(stale))} belong to no surrogate; {REMEDY}"


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("name", MODULES)
def test_imports_are_the_library_and_little_else(name):
    libraries = LIBRARIES[backend_of(name)]
    found = set(imports((FOLDER / name).read_text(encoding="utf-8")))
    assert not {module for module in found - STANDARD if module.partition(".")[0] not in libraries}


RUN_FILES = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path)["total_map"](1.0, 0.5, 0.1)
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize("backend", ABSENT)
def test_runs_alone(backend):
    paths = [str(FOLDER / name) for name in NAMES if backend_of(name) == backend]
    loaded = set(run("-I", "-c", RUN_FILES, *paths).split())
    assert not loaded & (PROJECT | ABSENT[backend])


EMIT = """
import hashlib, sys
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import emit
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
from meanbits.numerics.generate import modules_of
from meanbits.theory.declarations.surrogates import CATALOGUE
for name in sys.argv[1:]:
    surrogate = next(surrogate for surrogate in CATALOGUE if surrogate.name == name)
    for file, text in modules_of(surrogate):
        print(file, hashlib.sha256(text.encode()).hexdigest())
for treatment in ("marginalise", "sample"):
    theory = derive(compose(noise="laplace:0.5", treatment=treatment))
    print(treatment, hashlib.sha256(emit(theory, NUMPY).encode()).hexdigest())
"""


@pytest.mark.slow
def test_emit_is_the_same_in_every_process():
    first = run("-c", EMIT, "deterministic", "lrt", hash_seed="0")
    second = run("-c", EMIT, "lrt", "deterministic", hash_seed="1")
    assert sorted(first.splitlines()) == sorted(second.splitlines())
    assert len(first.splitlines()) == 12


def run(*arguments, hash_seed="0"):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_documented_derivation_is_what_the_engine_derives():
    script = runpy.run_path(str(ROOT / "docs" / "derivation.py"))
    fresh = script["text"](derive(compose(script["SURROGATE"])))
    assert script["PATH"].read_text(encoding="utf-8") == fresh, "run `python docs/derivation.py`"


def test_generate_replaces_the_folder(tmp_path):
    (tmp_path / "forgotten_numpy.py").write_text("")
    (tmp_path / NAMES[0]).write_text("edited by hand")
    written, removed = generate(tmp_path)
    assert removed == ["forgotten_numpy.py"]
    assert {path.name for path in tmp_path.iterdir()} == OTHERS | {*NAMES} == set(written)
    assert (tmp_path / NAMES[0]).read_text() != "edited by hand"
