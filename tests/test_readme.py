"""The console examples of the README and the documentation, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
NEEDS_DATA = ("--dataset mnist", "--data-dir")


def examples() -> list[tuple[str, str]]:
    """Commands that need no downloads, and the output shown below them."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    blocks = [block for text in texts for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]
    parts = [part.replace("\\\n", "") for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    pairs = [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]
    return [(command, shown) for command, shown in pairs if not any(each in command for each in NEEDS_DATA)]


def shape(text: str) -> list[str]:
    """The words of a text, all numbers being alike: their last digits depend on the machine."""
    return NUMBER.sub("#", text).split()


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), examples(), ids=lambda text: text.split("\n")[0][:60])
def test_examples_run_as_shown(command: str, shown: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    if shown.strip():
        assert shape(done.stdout or done.stderr) == shape(shown)


def test_examples_are_found() -> None:
    assert len(examples()) > 10
