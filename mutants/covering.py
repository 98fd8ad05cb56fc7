"""Which tests run a line, and how long they take: from a run of all under coverage."""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData


class Tests:
    """The tests that passed, by what coverage and pytest wrote of them."""

    def __init__(self, root: Path, data: CoverageData, junit: Path) -> None:
        self.root, self.data, self.junit = root, data, junit

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long each test took."""
        cases = (case for case in ElementTree.parse(self.junit).iter("testcase") if not len(case))
        return {f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}": float(case.attrib["time"])
                for case in cases}  # fmt: skip

    def of(self, path: str, line: int) -> list[str]:
        """Those that run the statement of a line, shortest first; of what an import runs, those of what is around it,
        and where imports run all of a module, any.
        """
        contexts = self.data.contexts_by_lineno(path)
        tree = ast.parse((self.root / path).read_text(encoding="utf-8"))
        around = [node for node in ast.walk(tree)
                  if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)]  # fmt: skip
        spans = [range(node.lineno, (node.end_lineno or 0) + 1) for node in around]
        for span in [*sorted(spans, key=len), contexts.keys()]:
            phases = [each.rpartition("|")[::2] for inner in span for each in contexts.get(inner, ())]
            running = {test for test, _ in phases}
            shared = {_file(test) for test, phase in phases if phase == "setup"}  # of fixtures, whose first test it is
            found = [test for test in self.seconds if test in running or _file(test) in shared]
            if found or not running:
                break
        else:
            found = list(self.seconds)
        return sorted(found, key=lambda test: (self.seconds[test], test))

    def within(self, found: list[str], seconds: float) -> list[str]:
        """The shortest of them that take so long together, one at least."""
        total, chosen = 0.0, list[str]()
        for test in found:
            total += self.seconds[test]
            if chosen and total > seconds:
                break
            chosen.append(test)
        return chosen


def _file(test: str) -> str:
    return test.partition("::")[0]
