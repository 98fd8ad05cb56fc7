"""Text from users never becomes code: whatever a name holds, the emitted module has the same syntax tree."""

from __future__ import annotations

import ast
import builtins
import random
from dataclasses import replace

import pytest

from numerics.backends import BACKENDS, NUMPY, Backend
from numerics.emit import compile_functions, emit, emitted_functions
from numerics.writer import identifier
from theory.derive import Theory, derive
from theory.surrogates import CATALOGUE

DETERMINISTIC = next(surrogate for surrogate in CATALOGUE if surrogate.name == "deterministic")
PAYLOAD = "raise SystemExit"
PIECES = [
    '"""', "'''", '"', "'", "\\", "\n", "\r", "\r\n", "\t", "\x00", "\x0b", "\x0c", "\x1b[2J", "\u2028", "\u202e",
    "\x85", "\ud800", "{}", "%s", "#", ";", f"\n{PAYLOAD}\n", f'"""\n{PAYLOAD}\n"""', "\u03c6", "\\N{BULLET}", "\\x",
    "\\u", "\\\n", "a" * 400, "\n\n\n", "from __future__ import braces", "# -*- coding: utf-7 -*-",
]  # fmt: skip
FEW = ("variance_map", "correlation_map")


def hostile(draw: random.Random) -> str:
    return "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 8)))


def with_names(draw: random.Random) -> Theory:
    """A derived theory whose every name is hostile; the formulas stay."""
    theory = derive(DETERMINISTIC)
    surrogate = replace(DETERMINISTIC, name=hostile(draw), reference=hostile(draw))
    for part, names in {"weights": "name", "neurons": "name", "treatment": "name", "form": "name"}.items():
        changed = replace(getattr(surrogate, part))
        object.__setattr__(changed, names, hostile(draw))
        object.__setattr__(surrogate, part, changed)
    return replace(theory, surrogate=surrogate)


def shape(source: str) -> str:
    """The syntax tree without the module's docstring, which must be there."""
    tree = ast.parse(source)
    assert ast.get_docstring(tree) is not None
    return ast.dump(ast.Module(tree.body[1:], []))


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("seed", range(8))
def test_no_name_changes_the_emitted_code(backend: Backend, seed: int) -> None:
    plain = derive(DETERMINISTIC)
    functions = [function for function in emitted_functions(plain) if function.name in FEW]
    theory = with_names(random.Random(seed))
    source = emit(theory, backend, functions)
    assert source.isascii()
    assert all(line.isprintable() for line in source.split("\n"))
    assert shape(source) == shape(emit(plain, backend, functions))
    assert len(source.splitlines()[0]) < 10_000


def test_executing_runs_nothing_but_definitions() -> None:
    plain = derive(DETERMINISTIC)
    functions = [function for function in emitted_functions(plain) if function.name in FEW]
    expected = compile_functions(plain, functions, NUMPY).variance_map(1.0, 0.5, 0.1)
    for seed in range(8):
        imported: list[str] = []

        def importer(name: str, *rest: object, log: list[str] = imported) -> object:
            log.append(name)
            return builtins.__import__(name, *rest)

        namespace = {"__builtins__": {"__import__": importer}, "__name__": "guarded"}
        exec(emit(with_names(random.Random(seed)), NUMPY, functions), namespace)
        assert set(imported) <= {"__future__", "collections.abc", "functools", "numpy", "numpy.typing", "scipy"}
        namespace["__builtins__"] = vars(builtins)
        assert (
            compile_functions(with_names(random.Random(seed)), functions, NUMPY).variance_map(1, 0.5, 0.1) == expected
        )


def test_the_docstring_says_the_name() -> None:
    surrogate = replace(DETERMINISTIC, name='a "quoted" \\ name', reference="Ker\u00e9kj\u00e1rt\u00f3")
    source = emit(replace(derive(DETERMINISTIC), surrogate=surrogate))
    assert (ast.get_docstring(ast.parse(source)) or "").startswith(
        'a "quoted" \\ name: derived, not written. Ker\u00e9kj\u00e1rt\u00f3.'
    )


@pytest.mark.parametrize("name", ["x): pass #", "lambda", "a b", "1a", "\u03b2", "", "x\n"])
def test_a_symbol_that_is_no_word_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for an argument"):
        identifier(name)
