"""Calls with numbers instead of arrays, in microseconds."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.maps import correlation_map_numpy
from benchmarks.points import SIGMA_B2, SIGMA_M2
from benchmarks.timing import Row, Unit, interleaved, progress, timed_row
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.c_backend import C
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

CALLS, ROUNDS, LIMIT = 300, 15, 10.0
POINT = 0.5, 1.0, SIGMA_M2, SIGMA_B2
MAPS = {"correlation map": "correlation_map", "gap map": "gap_map", "chi at a gap": "chi_at_gap"}
SURROGATES = {"erf": "deterministic", "tanh": "continuous"}


def scalar_rows() -> list[Row]:
    """The erf maps and the tanh maps in NumPy and in C at one point, given as four Python numbers."""
    progress("scalar calls")
    functions: dict[str, Callable[..., object]] = {"erf correlation map by hand": correlation_map_numpy}
    for label, name in SURROGATES.items():
        for added, backend in (("", NUMPY), (", C", C)):
            compiled = compile_theory(derive(compose(name)), backend)
            functions |= {f"{label} {what}{added}": getattr(compiled, function) for what, function in MAPS.items()}
    timings = interleaved({name: _many(function) for name, function in functions.items()}, ROUNDS)
    unit = Unit("us", 1e6 / CALLS)
    return [timed_row("scalar call", name, timing, unit, limit=None if function is correlation_map_numpy else LIMIT)
            for (name, timing), function in zip(timings.items(), functions.values(), strict=True)]  # fmt: skip


def _many(function: Callable[..., object]) -> Callable[[], None]:
    def calls() -> None:
        for _ in range(CALLS):
            function(*POINT)

    return calls
