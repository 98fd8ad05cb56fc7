"""Phase diagrams with q, c, chi_1, xi_q and xi_c, beside as many layers iterated by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.maps import chi_numpy, correlation_map_numpy
from benchmarks.points import FloatArray
from benchmarks.timing import MILLISECONDS, SECONDS, Row, interleaved, progress, timed_row
from meanbits.numerics.solvers.phase import phase_diagram
from meanbits.numerics.solvers.tables import tabulated
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import Theory, derive

SIDE, LARGE_SIDE, ROUNDS, LARGE_ROUNDS = 200, 1000, 15, 3
LAYERS = 60
BY_HAND = f"erf by hand: {LAYERS} layers of q and c, then chi_1"
ERF, ERF_NEURONS = "erf (sign neurons marginalised)", "erf neurons"
TANH, PAPER = "tanh neurons", "tanh, paper form"
SCANNED = "gelu neurons, scanned for several fixed points"
SURROGATES = {ERF: ("deterministic", {}, 1.0), ERF_NEURONS: ("continuous", {"neurons": "erf"}, 4.0),
              TANH: ("continuous", {}, 4.0), PAPER: ("deterministic", {"phi": "tanh"}, 1.0)}  # fmt: skip
GELU = "continuous", {"neurons": "gelu"}, 4.0
ERF_LIMIT, TANH_LIMIT, LARGE_LIMIT, SCANNED_LIMIT = 10.0, 50.0, 250.0, 3000.0
LIMITS = {ERF: ERF_LIMIT, ERF_NEURONS: ERF_LIMIT, TANH: TANH_LIMIT, PAPER: TANH_LIMIT}
COMPILED = {ERF: 6.0, ERF_NEURONS: 6.0, TANH: 30.0, PAPER: 30.0}  # with backend c


def axes(top: float, side: int) -> tuple[FloatArray, FloatArray]:
    """sigma_m2 from 0.1 to top, and sigma_b2 from 0 to 1."""
    return np.linspace(0.1, top, side), np.linspace(0, 1, side)


def by_hand(sigma_m2: FloatArray, sigma_b2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """q, c and chi_1 of the deterministic surrogate on a grid, by iteration from q = 1 and c = 1/2."""
    means, biases = np.meshgrid(sigma_m2, sigma_b2, indexing="ij")
    q, c = np.ones_like(means), np.full_like(means, 0.5)
    for _ in range(LAYERS):
        explained = means * 2 / np.pi * np.arcsin(q / (1 + q))
        q = (biases + explained) / (1 - explained)
    with np.errstate(invalid="ignore"):
        for _ in range(LAYERS):
            c = correlation_map_numpy(c, q, means, biases)
        return q, c, chi_numpy(np.ones_like(c), q, means, biases)


def phase_rows() -> list[Row]:
    """Once the tables of tanh are built, which is timed by itself."""
    progress("phase diagrams")
    theories = {name: derive(compose(base, **parts)) for name, (base, parts, _) in SURROGATES.items()}
    rows = [_building_row(theories[name], name) for name in (TANH, PAPER)]
    group, large = (f"phase diagram, {side} x {side}" for side in (SIDE, LARGE_SIDE))
    cases: dict[str, Callable[[], object]] = {BY_HAND: partial(by_hand, *axes(1, SIDE))}
    cases |= {name: _diagram(theory, name, SIDE) for name, theory in theories.items()}
    cases |= {_in_c(name): _diagram(theory, name, SIDE, "c") for name, theory in theories.items()}
    limits = LIMITS | {_in_c(name): limit for name, limit in COMPILED.items()}
    for name, timing in interleaved(cases, ROUNDS).items():
        rows.append(timed_row(group, name, timing, MILLISECONDS, limit=limits.get(name)))
    cases = {name: _diagram(theories[name], name, LARGE_SIDE) for name in (ERF, ERF_NEURONS)}
    for name, timing in interleaved(cases, LARGE_ROUNDS).items():
        rows.append(timed_row(large, name, timing, MILLISECONDS, limit=LARGE_LIMIT))
    base, parts, top = GELU
    scanned = {SCANNED: partial(phase_diagram, derive(compose(base, **parts)), *axes(top, SIDE))}
    timings = interleaved(scanned, LARGE_ROUNDS)
    return [*rows, timed_row(group, SCANNED, timings[SCANNED], MILLISECONDS, limit=SCANNED_LIMIT)]


def _in_c(name: str) -> str:
    return f"{name}, backend c"


def _diagram(theory: Theory, name: str, side: int, backend: str = "numpy") -> Callable[[], object]:
    return partial(phase_diagram, theory, *axes(SURROGATES[name][2], side), backend=backend)


def _building_row(theory: Theory, name: str) -> Row:
    tabulated.cache_clear()
    timings = interleaved({name: partial(tabulated, theory)}, 1, warm=False)
    return timed_row("tables built, once a process", name, timings[name], SECONDS)
