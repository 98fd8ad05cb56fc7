"""Which mutants are tried: some of each module, by Cosmic Ray's operators, where a change could change an answer."""

from __future__ import annotations

import ast
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Place = tuple[int, int]  # line from 1, column from 0
CALLS = re.compile(r"strict=(True|False)|(?<=, )[*/], ")  # how something may be called, not what it answers


@dataclass(frozen=True)
class Mutant:
    """A module with one place changed: the line, stripped, before and after."""

    path: str
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by when lines have moved."""
        return self.path, self.before, self.after


def mute(tree: ast.AST) -> Iterator[ast.AST]:
    """Parts of a module that no answer depends on: annotations, words of errors, decorators, `__all__`."""
    for node in ast.walk(tree):
        parts = (getattr(node, name, None) for name in ("annotation", "returns"))
        yield from (part for part in parts if isinstance(part, ast.AST))
        yield from getattr(node, "decorator_list", ())
        if isinstance(node, ast.Raise) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield node


def changes(source: str, operators: str) -> dict[Place, list[tuple[str, int]]]:
    """Operators and their occurrences at each place of a module where they may change an answer."""
    nodes, found = list(ast_nodes(get_ast(source))), defaultdict[Place, list[tuple[str, int]]](list)
    spans = [((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset))
             for part in mute(ast.parse(source))]  # type: ignore[attr-defined]  # fmt: skip
    for name in filter(re.compile(operators).fullmatch, operator_names()):
        operator = get_operator(name)()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, place in enumerate(places):
            if not any(first <= place < last for first, last in spans):
                found[place].append((name, occurrence))
    return found


def sample(root: Path, path: str, operators: str, lines_each: int, seed: int) -> list[Mutant]:
    """A module's mutants: places drawn without return, and one change of each."""
    source = (root / path).read_text(encoding="utf-8")
    found, draw = changes(source, operators), random.Random(f"{seed} {path}")
    count = min(len(found), round(source.count("\n") / lines_each) or 1)
    drawn = [(place, *draw.choice(found[place])) for place in draw.sample(sorted(found), count)]
    mutants = sorted((made(path, source, *each) for each in drawn), key=lambda mutant: mutant.line)
    return [each for each in mutants if _meaning(source) != _meaning(each.source)]


def made(path: str, source: str, place: Place, operator: str, occurrence: int) -> Mutant:
    """The mutant of one change."""
    mutated = mutate_code(source, get_operator(operator)(), occurrence)
    assert mutated is not None
    before, after = ([line.strip() for line in text.splitlines()] for text in (source, mutated))
    changed = next(k for k, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    return Mutant(path, place[0], before[changed], after[changed], mutated)


def _meaning(source: str) -> str:
    """A module as parsed, without what says how something may be called: 1e80 + 1 is 1e80."""
    return ast.dump(ast.parse(CALLS.sub("", source)))
