"""A check as text: a table that fits a screen, and the verdict below it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.repeated import Repeated
from meanbits.experiments.check.rows import ABSOLUTE, FACTOR, FAR, RELATIVE, Row, first_parted

WIDTH, PATH, KIND = 100, 20, 14
MOST, BESIDE = 24, 4  # rows shown; on either side of the one that matters
HEADER = ("layer", "is", "q", "theory", "c", "theory", "gradient", "theory", "signs", "flat", "dead")
LEGEND = (
    "q: mean square; c: mean correlation of two inputs; gradient: mean square, relative to the outputs; theory: from "
    "what was measured one layer before; signs: entropy in bits; flat, dead: shares; *: parted from theory, by over "
    f"{FAR:g} standard errors and {RELATIVE:.0%}, of c {ABSOLUTE:g}, of gradients a factor of {FACTOR:g}"
)


def summary(rows: Sequence[Row], findings: Sequence[Finding], repeated: Repeated | None) -> str:
    """Table, legend and verdict."""
    lines, chosen = [_fitting(cells(row)) for row in rows], shown(rows, findings)
    widths = [max(len(each[k]) for each in (HEADER, *(lines[i] for i in chosen if i is not None)))
              for k in range(len(HEADER))]  # fmt: skip
    table = [_line(HEADER, widths), *("..." if i is None else _line(lines[i], widths) for i in chosen)]
    return "\n".join([*table, _filled(LEGEND), "", *verdict(rows, findings, repeated)])


def shown(rows: Sequence[Row], findings: Sequence[Finding]) -> list[int | None]:
    """Which rows fit: the first, the last, and those beside what is named; None for those left out."""
    if len(rows) <= MOST:
        return list(range(len(rows)))
    named = next((k for k, row in enumerate(rows) if findings and row.layer == findings[0].layer), 0)
    ends = (MOST - 2 * BESIDE) // 2
    kept = {*range(ends), *range(len(rows) - ends, len(rows)), *range(named - BESIDE, named + BESIDE + 1)}
    found: list[int | None] = []
    for k in range(len(rows)):
        if k in kept:
            found.append(k)
        elif found[-1] is not None:
            found.append(None)
    return found


def verdict(rows: Sequence[Row], findings: Sequence[Finding], repeated: Repeated | None) -> list[str]:
    """What is wrong and what to change, in words and as code."""
    lines = []
    for finding in findings:
        lines += [_filled(f"{finding.layer or 'the model'}: {finding.cause}"), _filled(f"Remedy: {finding.remedy}"),
                  textwrap.indent(finding.code, "    "), ""]  # fmt: skip
    if not findings:
        lines.append("ok: no cause of failure was found")
    return lines + [_filled(each) for each in remarks(rows, repeated)]


def remarks(rows: Sequence[Row], repeated: Repeated | None) -> list[str]:
    """What has no theory, where theory and measurement part first, and the depth scales of the repeated layer."""
    lines, parted = [], first_parted(rows)
    alone = list(dict.fromkeys(row.kind for row in rows if not row.known))
    if alone:
        lines.append(f"No theory of {', '.join(alone)}: measured only; what comes behind is predicted from that")
    if parted is not None:
        lines.append(f"Theory and measurement part first at {parted.layer or parted.kind} ({', '.join(parted.parted)})"
                     ": weights or fields there are not independent and Gaussian, as training makes them")  # fmt: skip
    if repeated is not None and (scales := repeats(repeated)):
        lines.append(scales)
    return lines


def repeats(found: Repeated) -> str:
    """The repeated layer and its depth scales."""
    known = {"xi_c": found.xi_c, "xi_g": found.xi_g, "chi": found.chi, "chi_g": found.chi_g}
    told = ", ".join(f"{name} {value:.4g}" for name, value in known.items() if not math.isnan(value))
    return (
        f"{', '.join(found.kinds)} stand {found.count} times in turn; many of it have, in layers, {told}"
        if told
        else ""
    )


def cells(row: Row) -> tuple[str, ...]:
    """A row for people; - for what has no meaning."""
    star = "*" if row.parted else ""
    numbers = (row.q, row.q_theory, row.c, row.c_theory, row.gradient, row.gradient_theory)
    shares = (row.saturated, row.dead)
    call = f"#{row.call}" if row.call > 1 else ""
    return (f"{row.layer}{call}", row.kind + star, *map(_number, numbers),
            "-" if math.isnan(row.sign_entropy) else f"{row.sign_entropy:.2f}", *map(_share, shares))  # fmt: skip


def _fitting(line: tuple[str, ...]) -> tuple[str, ...]:
    return (_cut(line[0], PATH), _cut(line[1], KIND), *line[2:])


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"..{text[-(width - 2) :]}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
