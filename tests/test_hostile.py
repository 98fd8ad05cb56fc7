"""Text from users never becomes code: whatever a name holds, the emitted module has the same syntax tree."""

from __future__ import annotations

import ast
import builtins
import random
from dataclasses import replace
from pathlib import Path

import pytest

from meanbits.cli import main
from meanbits.numerics.emission.backends import BACKENDS, NUMPY, Backend
from meanbits.numerics.emission.emit import compile_functions, emit, emitted_functions
from meanbits.numerics.emission.writer import identifier
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive

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


ALLOWED = {"__future__", "collections.abc", "functools", "numpy", "numpy.typing", "scipy", "typing"}


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
        assert set(imported) <= ALLOWED
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


FORMULAS = (
    "((((((1/2)**64)**64)**64)**64)**64)*h", "tanh(1e300*h)", "tanh(h)+1e-300", "1/2+atan(h*(1+(1e-300)**2))/pi",
    "1e400", "(" * 3000 + "h" + ")" * 3000, "2**sqrt(-1)", "(0/0)**2", "h**(0/0)", "erf(h**(1/3))", "1e-300*tanh(h)",
    "h**exp(exp(exp(exp(9))))", "(1e-300*1e-300)**64*h", '(1+tanh(h))/2 #"""', "h\n\n" + PAYLOAD,
    "exp(exp(exp(exp(h))))", "9**9**9**9**9", "gelu(" * 20 + "h" + ")" * 20, "where(" * 20, "h" * 5000,
    "\x1b[2J", "h.__class__", "1/(h-0.3)",
)  # fmt: skip
LINES = (
    ["derive", "n" * 300], ["derive", "--weights", "n" * 300], ["derive", "--noise", "n" * 5000],
    ["derive", "\x1b[2J\n\r"], ["derive", "--gain", "9" * 5000], ["emit", "deterministic", "-o", "n" * 300],
    ["phase", "--sigma-m2", "0:1:" + "9" * 5000, "--sigma-b2", "0", "-o", "x.nc"],
    ["phase", "--sigma-m2", "0:1:3", "--sigma-b2", "0", "--form", "paper", "--gains", "1e308", "-o", "x.nc"],
    ["phase", "--sigma-m2", "0:1:3", "--sigma-b2", "0", "-o", "n" * 300 + ".nc"],
    ["map", "--sigma-m2", "0", "--sigma-b2", "0", "--q", "1", "--c", "0.5"],
    ["map", "--sigma-m2", "1", "--sigma-b2", "0", "--q", "1e308", "--c", "1"],
    ["map", "--sigma-m2", "1" * 5000, "--sigma-b2", "0", "--q", "1", "--c", "1"],
)  # fmt: skip


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(arguments)
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1
    assert captured.err[:-1].isprintable()
    assert len(captured.err) < 1100


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda text: ascii(text[:30]))
@pytest.mark.parametrize("option", ["--phi", "--noise"])
def test_hostile_formulas_are_refused_in_one_line(
    option: str, formula: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(["derive", option, formula if option == "--phi" else f"cdf:{formula}"], capsys)


@pytest.mark.parametrize("line", LINES, ids=lambda line: ascii(" ".join(line)[:40]))
def test_hostile_lines_are_refused_in_one_line(
    line: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(line, capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("style", [["--json"], ["--format", "latex"]])
def test_hard_tanh_has_powers_in_latex(style: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "--neurons", "hardtanh", "--steps", *style]) == 0
    assert "hardtanh" in capsys.readouterr().out
