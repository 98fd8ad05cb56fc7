"""Source text of a function cut at its breaks: a choice between branches, each evaluated on its own interval only."""

from __future__ import annotations

from itertools import pairwise

from meanbits.numerics.emission.backends import ArrayPrinter, Backend
from meanbits.numerics.emission.digits import roots_apart
from meanbits.theory.functions.pieces import Pieces
from meanbits.theory.symbols import u


def piecewise_lines(cut: Pieces, name: str, backend: Backend) -> list[str]:
    """The lines of a function of u. A branch that overflows or is undefined elsewhere is never evaluated there."""
    kind = backend.array_type
    lines = [f"def {name}(u: {kind}) -> {kind}:"]
    if not cut.breaks:
        return [*lines, f"    return {_branch(cut, 0, 'u', backend)}"]
    edges = [repr(float(each)) for each in cut.breaks]
    ends = [(None, edges[0]), *pairwise(edges), (edges[-1], None)]
    choice = _branch(cut, len(edges), _clipped(*ends[-1], backend), backend)
    for index in reversed(range(len(edges))):
        branch = _branch(cut, index, _clipped(*ends[index], backend), backend)
        choice = f"{backend.module}.where(u < {edges[index]}, {branch}, {choice})"
    if backend.name == "numpy":
        guard = '    with np.errstate(all="ignore"):  # at the very ends of the branches'
        return [*lines, guard, f"        return {choice}"]
    return [*lines, f"    return {choice}"]


def _branch(cut: Pieces, index: int, argument: str, backend: Backend) -> str:
    part = roots_apart(cut.parts[index])
    text = ArrayPrinter(backend).source(part)
    if not part.has(u):
        return text if len(cut.parts) > 1 and backend.name == "numpy" else f"{text} + 0 * u"
    return text if argument == "u" else f"(lambda u: {text})({argument})"


def _clipped(low: str | None, high: str | None, backend: Backend) -> str:
    if backend.name == "torch":
        bounds = [f"min={low}"] * (low is not None) + [f"max={high}"] * (high is not None)
        return f"torch.clamp(u, {', '.join(bounds)})"
    if low is None:
        return f"np.minimum(u, {high})"
    return f"np.maximum(u, {low})" if high is None else f"np.clip(u, {low}, {high})"
