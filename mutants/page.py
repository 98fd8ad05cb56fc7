"""The page of figures: lines covered and mutants killed, by folder."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from coverage import Coverage

PAGE = Path("docs") / "mutants_figures.md"
OUTCOMES = ("killed", "timed out", "equivalent", "survived")


def covered(measured: Coverage, report: Path) -> dict[str, tuple[int, int]]:
    """Statements of each folder, and how many of them the tests run."""
    measured.json_report(outfile=str(report))
    counts: dict[str, tuple[int, int]] = {}
    for path, found in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        total, run = counts.get(Path(path).parent.as_posix(), (0, 0))
        summary = found["summary"]
        counts[Path(path).parent.as_posix()] = total + summary["num_statements"], run + summary["covered_lines"]
    return counts


def row(name: str, lines: tuple[int, int], outcomes: Counter[str]) -> str:
    """A row of the table; no share of what was not tried."""
    tried = outcomes["killed"] + outcomes["timed out"] + outcomes["survived"]
    share = f"{(tried - outcomes['survived']) / tried:.1%}" if tried else ""
    cells = [f"{lines[0]:,}", f"{lines[1] / lines[0]:.1%}", *(str(outcomes[each]) for each in OUTCOMES), share]
    return f"| {name} | {' | '.join(cells)} |"


def page(lines: dict[str, tuple[int, int]], outcomes: Counter[tuple[str, str]], drawn: int) -> str:
    """The figures as a page of Markdown; `outcomes` counts pairs of a module and what became of a mutant."""
    by_folder: dict[str, Counter[str]] = {folder: Counter() for folder in lines}
    for (path, outcome), number in outcomes.items():
        by_folder[Path(path).parent.as_posix()][outcome] += number
    whole = sum(each[0] for each in lines.values()), sum(each[1] for each in lines.values())
    rows = [row(f"`{folder}/`", lines[folder], by_folder[folder]) for folder in sorted(lines) if lines[folder][0]]
    return "\n".join([
        f"{outcomes.total()} of the {drawn} faults of the sample were tried so far, in a random order.", "",
        "| folder | statements | run by tests | killed | timed out | equivalent | survived | share killed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows, row("all", whole, sum(by_folder.values(), Counter())), ""])  # fmt: skip
