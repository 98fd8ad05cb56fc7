"""What commands print: one JSON document, tables, and formulas wrapped to the width of a page."""

from __future__ import annotations

import json
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

WIDTH = 100

# Where a formula may break: after a space, after * and / but not inside **.
BREAK = re.compile(r"(?<= )|(?<=[^*]\*)(?!\*)|(?<=/)")


def json_text(document: Any) -> str:
    """The document as JSON: infinities as "inf" and "-inf", undefined as null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns."""
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(table_line(line, widths) for line in lines)


def table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table."""
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def wrapped(text: str, first: str = "", indent: str = "", width: int = WIDTH) -> str:
    """A formula after `first`, broken outside parentheses where it can be, later lines after `indent`."""
    text, lines, lead, start = text.rstrip(), [], first, 0
    while len(lead) + len(text) - start > width:
        end = _break(text, start, width - len(lead))
        lines.append(f"{lead}{text[start:end]}".rstrip())
        start, lead = end, indent
    return "\n".join([*lines, f"{lead}{text[start:]}".rstrip()])


def filled(text: str, indent: str, hanging: str | None = None) -> str:
    """Words filled to the width of a page, later lines after `hanging`, or after the same indent."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent if hanging is None else hanging,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _break(text: str, start: int, room: int) -> int:
    """Where to end a line: at the least depth of parentheses, in the last two thirds of it if possible."""
    fitting, place = [], start
    while (found := BREAK.search(text, place + 1)) and len(text[start : found.start()].rstrip()) <= room:
        fitting.append(place := found.start())
    late = [each for each in fitting if each - start > room / 3] or fitting[-1:]
    late = late or [found.start() if found else len(text)]
    return min(late, key=lambda each: (_depth(text[start:each]), text[each - 1] != " ", -each))


def _depth(text: str) -> int:
    return sum(map(text.count, "([")) - sum(map(text.count, ")]"))


def cell(value: float, form: str) -> str:
    """A number in a table, in a format of its column; a dash for one that there is none of."""
    return "-" if math.isnan(value) else format(value, form)


def number(value: float | str | None) -> str:
    """A number for people."""
    if value is None:
        return "undefined"
    return value if isinstance(value, str) else repr(float(value))


def notice(text: str) -> None:
    """One line on stderr."""
    click.echo(text, err=True)


def notices(lines: Iterable[str]) -> None:
    """Each a line on stderr."""
    for line in lines:
        notice(line)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where that is a terminal; called with what is done and the total."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def tick(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield tick
