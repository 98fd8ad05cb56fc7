"""Every module has one name, below `meanbits`, and imports go one way, wherever in a file they stand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import sympy

import meanbits
from meanbits.theory.declarations.mean_law import _inverse, _largest, _moment, mean_law

PACKAGE = Path(meanbits.__file__).parent
ROOT = Path(__file__).parents[1]
ORDER = ("theory", "numerics", "experiments", "paper_figures")  # each imports those before it, and itself
DOTTED = re.compile(rf"({'|'.join(ORDER)})\.(?!md$)[\w.:]*")
MODULES = {
    ".".join(("meanbits", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for folder in ORDER
    for path in (PACKAGE / folder).rglob("*.py")
}


@cache
def nodes(path: Path) -> tuple[ast.Import | ast.ImportFrom | ast.Constant, ...]:
    """What of a file the tests look at."""
    kinds = (ast.Import, ast.ImportFrom, ast.Constant)
    return tuple(node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds))


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, late imports and those for types among them."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            named = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else str(node.module) for name in named)


def texts(path: Path) -> Iterator[str]:
    """The strings of a file, and those between the fields of formatted ones."""
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def module(name: str) -> str:
    return name


def folder(name: str) -> str:
    """The folder of a module in one of `ORDER`; a module at the top of one stands for itself."""
    return ".".join(name.split(".")[:3])


def test_modules_are_found() -> None:
    assert len(MODULES) > 250


def test_folders_import_those_before_them() -> None:
    for name, path in MODULES.items():
        allowed = ORDER[: ORDER.index(name.split(".")[1]) + 1]
        for imported in imports(path):
            top, _, inside = imported.partition(".")
            assert top != "meanbits" or inside.split(".")[0] in allowed, f"{name} imports {imported}"


@pytest.mark.parametrize("part", [module, folder])
def test_imports_form_no_circle(part) -> None:
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        parts = {part(imported) for imported in imports(path) if imported in MODULES}
        graph.setdefault(part(name), set()).update(parts - {part(name)})
    TopologicalSorter(graph).prepare()  # CycleError names the circle


def test_no_folder_is_imported_by_a_name_of_its_own() -> None:
    """In a checkout `import theory` would work; installed, it would not, and here it would load modules twice."""
    own = [path for folder in ("tests", "benchmarks", "docs", "meanbits") for path in (ROOT / folder).glob("*.py")]
    for path in (*own, *MODULES.values()):
        assert not [name for name in imports(path) if name.split(".")[0] in ORDER], path
        assert not [text for text in texts(path) if DOTTED.fullmatch(text)], path


EVERYTHING = """
import pkgutil, importlib, sys, meanbits, sympy
def refused(*_, **__): raise AssertionError("integrated while a module is imported")
sympy.integrate = sympy.limit = refused
for found in pkgutil.walk_packages(meanbits.__path__, "meanbits."):
    if found.name != "meanbits.__main__":
        importlib.import_module(found.name)
print(*sys.modules)
"""


def test_each_module_is_loaded_once() -> None:
    done = subprocess.run([sys.executable, "-c", EVERYTHING], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded >= MODULES.keys()
    assert not {name for name in loaded if name.split(".")[0] in ORDER}


def test_a_training_by_the_usual_law_waits_for_no_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laws of the means are checked by sums when declared; SymPy integrates them where a moment is asked for."""
    for known in (_inverse, _largest, _moment):
        known.cache_clear()
    monkeypatch.setattr(sympy, "integrate", lambda *_, **__: pytest.fail("integrated"))
    assert mean_law("two-point").scale_of(0.25) == 0.5
    with pytest.raises(pytest.fail.Exception, match="integrated"):
        mean_law("beta").scale_of(0.25)
