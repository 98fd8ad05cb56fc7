"""What a run of the tests tried, and how it came out, written into the documentation by that run."""

from __future__ import annotations

import os
import platform
from collections import Counter
from pathlib import Path

from meanbits import __version__

PAGE = Path(__file__).parents[1] / "docs" / "reliability_figures.md"
RECORD = "MEANBITS_RECORD"  # set it to 1 to write the page
tried: Counter[tuple[str, str]] = Counter()


def count(what: str, outcome: str) -> None:
    """One more of these, which came out so."""
    tried[what, outcome] += 1


def written(passed: int, failed: int) -> str:
    """The figures as a page of Markdown."""
    rows = [f"| {what} | {outcome} | {number:,} |" for (what, outcome), number in sorted(tried.items())]
    made = f"meanbits {__version__}, Python {platform.python_version()}, {platform.system()}"
    return "\n".join([f"{passed} tests passed and {failed} failed; {made}.", "", "| tried | came out | times |",
                      "| --- | --- | ---: |", *rows, ""])  # fmt: skip


def record(passed: int, failed: int) -> None:
    """Write the figures, where that was asked for and something was counted."""
    if os.environ.get(RECORD) and tried:
        PAGE.write_text(written(passed, failed), encoding="utf-8")
