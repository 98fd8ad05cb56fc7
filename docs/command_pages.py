"""A page a command, written when the documentation is built: its help, and what its example prints if that is quick."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from meanbits.cli import cli

SLOW = {"check", "check-certificate", "claims", "collect", "export", "figure", "paper", "papers", "report", "simulate",
        "sweep", "train", "verify"}  # fmt: skip
ABOUT = {
    "advise": "choose", "check": "check", "check-certificate": "certificates",
    "claims": "results", "critical": "theory", "derive": "derivation",
    "distance": "networks", "emit": "start", "export": "export", "figure": "results", "jacobian": "networks",
    "collect": "training", "mismatch": "declare", "paper": "results", "profile": "blocks", "report": "report",
    "simulate": "networks", "sweep": "training", "train": "training", "verify": "checks",
}  # fmt: skip
LONGEST = 40  # lines of output
OPENING = """# Commands

Every command prints for people, or one JSON document with `--json`; exit code 0 means done, 1 that a check failed, 2
bad input, with one line that names the option, its value and the remedy.

| command | what it does |
| --- | --- |
"""


def write(folder: Path) -> None:
    """An index in `folder`, and in its folder `commands` a page for each."""
    pages = folder / "commands"
    pages.mkdir(exist_ok=True)
    for name, command in cli.commands.items():
        _put(pages / f"{name}.md", _page(name, command))
    rows = (f"| [`{name}`](commands/{name}.md) | {_first_line(command)} |" for name, command in _sorted())
    tree = "\n".join(f"commands/{name}" for name, _ in _sorted())
    _put(folder / "commands.md", OPENING + "\n".join(rows) + f"\n\n```{{toctree}}\n:hidden:\n{tree}\n```\n")


def _sorted() -> list[tuple[str, click.Command]]:
    return sorted(cli.commands.items())


def _first_line(command: click.Command) -> str:
    return (command.help or "").partition("\n\n")[0].replace("\n", " ")


def _page(name: str, command: click.Command) -> str:
    module = sys.modules[command.callback.__module__]  # type: ignore[union-attr]
    attribute = next(each for each, value in vars(module).items() if value is command)
    target = f"{module.__name__}:{attribute}"
    text = f"# {name}\n\n```{{eval-rst}}\n.. click:: {target}\n   :prog: meanbits {name}\n```\n"
    more = f"\nMore: [{ABOUT[name]}](../{ABOUT[name]}.md).\n" if name in ABOUT else ""
    return text + _example(name, command) + more


def _example(name: str, command: click.Command) -> str:
    found = re.search(r"Example: (.*)", command.epilog or "")
    if name in SLOW or found is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "meanbits", *shlex.split(found[1])[1:]]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    lines = done.stdout.rstrip().splitlines()
    cut = ["..."] if len(lines) > LONGEST else []
    return "\nThe example prints:\n\n```text\n" + "\n".join([*lines[:LONGEST], *cut]) + "\n```\n"


def _put(path: Path, text: str) -> None:
    """Written only where it differs, so that a build of what has not changed is short."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
