"""What a standalone module takes along: the runtime definitions and the imports that its text uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

RUNTIME = Path(__file__).parent / "runtime"
WORD = re.compile(r"\w+")


def copied_sources(runtime: Iterable[str | Path], *parts: str) -> list[str]:
    """The source of what the parts use of the runtime modules, and of what that uses, in the order of the modules.

    The modules, files of `runtime` by name or others by path, are read but not imported: writing NumPy source does not
    load Torch. They are one namespace: a definition may use those of another module, whose import is not copied.

    Raises:
        ValueError: if two modules define the same name.
    """
    definitions: dict[str, tuple[str, frozenset[str]]] = {}
    for module in runtime:
        for name, source, used in _definitions(module):
            if name in definitions:
                raise ValueError(f"{module} defines {name}, as another runtime module does; rename one")
            definitions[name] = source, used
    wanted = _reached(_all_names(parts), {name: used for name, (_, used) in definitions.items()})
    return [source for name, (source, _) in definitions.items() if name in wanted]


def commented_parts(file: str) -> list[str]:
    """The definitions of a runtime file of C or JavaScript: each begins with its comment /**."""
    text = (RUNTIME / file).read_text(encoding="utf-8")
    return [part.rstrip() for part in re.split(r"^(?=/\*\*)", text, flags=re.MULTILINE)[1:]]


def code_of(part: str) -> str:
    """A definition without the comment that it begins with."""
    return part[part.index("*/") + 2 :]


def copied_parts(known: Mapping[str, str], text: str) -> dict[str, str]:
    """What `text` uses of the definitions by name, and what these use, in their order."""
    wanted = _reached(_words(text), {name: _words(code_of(part)) for name, part in known.items()})
    return {name: part for name, part in known.items() if name in wanted}


def _words(text: str) -> set[str]:
    return set(WORD.findall(text))


def _reached(names: Iterable[str], uses: Mapping[str, Iterable[str]]) -> set[str]:
    """The definitions that these names lead to, by what each of them uses."""
    wanted: set[str] = set()
    pending = uses.keys() & names
    while pending:
        wanted |= pending
        pending = {name for user in pending for name in uses.keys() & uses[user]} - wanted
    return wanted


def used_imports(imports: Iterable[str], *parts: str) -> list[str]:
    """The import lines, cut down to the names that the parts use; empty lines stay."""
    used = _all_names(parts)
    cut = [(line, _cut_import(line, _imported(line) & used)) for line in imports]
    return [kept for line, kept in cut if kept or not line]


def loaded(runtime: Iterable[str | Path], imports: Iterable[str], body: str) -> Any:
    """The function named `function` of some source, run with what it uses of the runtime and of the imports."""
    parts = [*copied_sources(runtime, body), body]
    used = "\n".join(line for line in used_imports(imports, *parts) if line)
    module = ModuleType("meanbits_function")
    source = "\n\n".join(["from __future__ import annotations", used, *parts])
    exec(compile(source, "<function>", "exec"), module.__dict__)
    return module.function


@lru_cache(maxsize=64)
def _definitions(module: str | Path) -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Name, source and used names of every function, class and constant at the top of a runtime module."""
    return tuple(_parsed(module))


def _parsed(module: str | Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    text = (RUNTIME / module).with_suffix(".py").read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
                yield name, "\n".join(lines[first - 1 : node.end_lineno]), frozenset(_names(node))
            case _:
                pass


@lru_cache(maxsize=1024)
def _imported(line: str) -> frozenset[str]:
    """The names that an import line binds."""
    nodes = (node for node in ast.parse(line).body if isinstance(node, ast.Import | ast.ImportFrom))
    return frozenset(alias.asname or alias.name for node in nodes for alias in node.names)


@lru_cache(maxsize=1024)
def _cut_import(line: str, used: frozenset[str]) -> str:
    for node in ast.parse(line).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            return ast.unparse(node) if node.names else ""
    return ""


def _all_names(parts: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*map(_names_in, parts))


@lru_cache(maxsize=4096)
def _names_in(part: str) -> frozenset[str]:
    """Those of some statements: parts of the runtime come again in most modules, and are parsed once."""
    return frozenset(_names(ast.parse(part)))


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
