"""Source text of a function cut at its breaks: a choice between branches, each evaluated on its own interval only."""

from __future__ import annotations

from itertools import pairwise

from meanbits.numerics.emission.digits import roots_apart
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.theory.functions.pieces import Pieces
from meanbits.theory.symbols import u


def piecewise_lines(cut: Pieces, name: str, printer: ArrayPrinter) -> list[str]:
    """The lines of a function of u. A branch that overflows or is undefined elsewhere is never evaluated there."""
    backend = printer.backend
    lines = [f"def {name}(u: {backend.array_type}) -> {backend.array_type}:"]
    if not cut.breaks:
        return [*lines, f"    return {_branch(cut, 0, 'u', printer)}"]
    edges = [repr(float(each)) for each in cut.breaks]
    ends = [(None, edges[0]), *pairwise(edges), (edges[-1], None)]
    *branches, choice = (_branch(cut, index, _clipped(*each, printer), printer) for index, each in enumerate(ends))
    for edge, branch in zip(reversed(edges), reversed(branches), strict=True):
        choice = f"{backend.module}.where(u < {edge}, {branch}, {choice})"
    if not backend.guard:
        return [*lines, f"    return {choice}"]
    guard = f"    {backend.guard.format('all')}  # at the very ends of the branches"
    return [*lines, guard, f"        return {choice}"]


def _branch(cut: Pieces, index: int, argument: str, printer: ArrayPrinter) -> str:
    part = roots_apart(cut.parts[index])
    text = printer.source(part)
    if not part.has(u):
        return printer.backend.constant.format(text) if len(cut.parts) > 1 else f"{text} + 0 * u"
    return text if argument == "u" else f"(lambda u: {text})({argument})"


def _clipped(low: str | None, high: str | None, printer: ArrayPrinter) -> str:
    backend = printer.backend
    if low is None:
        return backend.below.format(high=high)
    return backend.above.format(low=low) if high is None else backend.between.format(low=low, high=high)
