"""Beside neural-tangents, which needs an environment of its own: it imports only with an old JAX.

    python3.11 -m venv PEER
    PEER/bin/pip install neural-tangents==0.6.5 jax==0.5.3 jaxlib==0.5.3 tf2jax==0.3.7
    MEANBITS_PEER_PYTHON=PEER/bin/python python -m benchmarks neural-tangents

Both sides use all cores and take turns; the time of the peer includes 0.1 ms for the way between the two processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import mpmath
import numpy as np

from benchmarks.phase import SIDE, axes
from benchmarks.points import SIGMA_B2, SIGMA_M2, FloatArray, arbitrary
from benchmarks.tanh import GAP, exact_maps
from benchmarks.timing import MILLISECONDS, Row, interleaved, millions_a_second, progress, timed_row
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.phase import phase_diagram
from meanbits.numerics.solvers.tables import tabulated
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

VARIABLE, PROGRAM = "MEANBITS_PEER_PYTHON", Path(__file__).with_name("neural_tangents_peer.py")
NAME, OURS, THROUGH_TABLE = "neural-tangents", "ours", "ours, through a table"
POINTS, FEW, SMALL_GAPS = 10**6, 40, (1e-15, 1e-12)
TANH_POINTS = POINTS // 20  # as in the program there
TANH_LIMIT, GAP_LIMIT = 1e-12, 1e-14
ERF, TANH, DIAGRAM, SMALL = "erf map", "tanh map", "phase diagram", "small gap"  # the cases of the program there
ROUNDS = {ERF: 15, TANH: 3, DIAGRAM: 15}
UNITS = {ERF: MILLISECONDS, TANH: millions_a_second(TANH_POINTS), DIAGRAM: MILLISECONDS}
TITLES = {
    ERF: f"{NAME}: erf map, 10^6 arbitrary (q, c)",
    TANH: f"{NAME}: tanh map, arbitrary (q, c); theirs by 25 x 25 nodes, as advised",
    DIAGRAM: f"{NAME}: phase diagram, erf neurons, {SIDE} x {SIDE}; theirs q and chi_1 only, by 60 layers",
    SMALL: f"{NAME}: erf map at q = 1, 1 - c from {SMALL_GAPS[0]:g} to {SMALL_GAPS[1]:g}",
}


@dataclass(frozen=True)
class Peer:
    """The process, and the processor time of each case that it has run."""

    process: subprocess.Popen[str]
    seconds: list[float] = field(default_factory=list)

    def run(self, case: str) -> FloatArray:
        """Run a case; some of its values."""
        self.process.stdin.write(f"{case}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{NAME}: the process ended at the case '{case}'")
        seconds, values = json.loads(line)
        self.seconds.append(seconds)
        return np.array(values)


class NotInstalledError(Exception):
    """Why there is no peer."""


def peer_rows() -> list[Row]:
    """Ours and the peer's in the same rounds; a row that says why where there is no peer."""
    progress(NAME)
    try:
        with peer() as other:
            rows = _speed_rows(other)
            answers = {case: other.run(case) for case in TITLES}
    except NotInstalledError as reason:
        return [Row(NAME, "not installed", None, str(reason))]
    rows += [*_tanh_errors(1 - answers[TANH]), _diagram_error(answers[DIAGRAM]), *_gap_errors(answers[SMALL])]
    return sorted(rows, key=lambda row: list(TITLES.values()).index(row.group))


def _speed_rows(other: Peer) -> list[Row]:
    rows = []
    for case, ours in _ours().items():
        other.seconds.clear()
        timings = interleaved(ours | {NAME: partial(other.run, case)}, ROUNDS[case])
        timings[NAME] = replace(timings[NAME], cpu=tuple(other.seconds[1:]))  # the first was to compile
        for name, timing in timings.items():
            base = (OURS, timings[OURS]) if name != OURS else None
            rows.append(timed_row(TITLES[case], name, timing, UNITS[case], base))
    return rows


def _ours() -> dict[str, dict[str, Callable[[], object]]]:
    (c, q), means = arbitrary(POINTS), (SIGMA_M2, SIGMA_B2)
    erf, tanh = derive(compose("continuous", neurons="erf")), derive(compose("continuous"))
    few, gap = slice(TANH_POINTS), 1 - c[:TANH_POINTS]
    return {
        ERF: {OURS: partial(compile_theory(erf).correlation_map, c, q, *means)},
        TANH: {
            OURS: partial(compile_theory(tanh).correlation_map, c[few], q[few], *means),
            THROUGH_TABLE: partial(tabulated(tanh).gap_map, gap, q[few], *means),
        },
        DIAGRAM: {OURS: partial(phase_diagram, erf, *axes(4.0, SIDE))},
    }


def _tanh_errors(theirs: FloatArray) -> list[Row]:
    c, q = (every(each[:TANH_POINTS]) for each in arbitrary(POINTS))
    tanh = derive(compose("continuous"))
    exact, point = exact_maps(1 - c, q)[GAP], (1 - c, q, SIGMA_M2, SIGMA_B2)
    found = {OURS: compile_theory(tanh).gap_map(*point), THROUGH_TABLE: tabulated(tanh).gap_map(*point), NAME: theirs}
    return [_error_row(TITLES[TANH], name, values / exact - 1, TANH_LIMIT) for name, values in found.items()]


def _diagram_error(theirs: FloatArray) -> Row:
    ours = phase_diagram(derive(compose("continuous", neurons="erf")), *axes(4.0, SIDE)).chi_1.values.ravel()
    error = float(np.max(np.abs(theirs - every(ours))))
    return Row(TITLES[DIAGRAM], f"{NAME}: greatest error of chi_1", error, "absolute")


def _gap_errors(theirs: FloatArray) -> list[Row]:
    gaps, exact = small_gaps(), []
    with mpmath.workdps(50):
        alike = mpmath.asin(mpmath.mpf(2) / 3) * 2 / mpmath.pi
        for gap in gaps:
            overlap = mpmath.asin((1 - mpmath.mpf(float(gap))) * 2 / 3) * 2 / mpmath.pi
            exact.append(float(SIGMA_M2 * (alike - overlap) / (SIGMA_B2 + SIGMA_M2 * alike)))
    ours = compile_theory(derive(compose("continuous", neurons="erf"))).gap_map(gaps, 1.0, SIGMA_M2, SIGMA_B2)
    found = {OURS: ours, NAME: theirs}
    return [_error_row(TITLES[SMALL], name, values / exact - 1, GAP_LIMIT) for name, values in found.items()]


def small_gaps() -> FloatArray:
    """FEW gaps, evenly in their logarithms."""
    return np.geomspace(*SMALL_GAPS, FEW)


def _error_row(title: str, name: str, errors: FloatArray, limit: float) -> Row:
    what = f"{name}: greatest error of 1 - c'"
    return Row(title, what, float(np.max(np.abs(errors))), "relative", limit=None if name == NAME else limit)


def every(values: FloatArray) -> FloatArray:
    """The values that the program answers with: FEW or one more, evenly spaced."""
    return values[:: max(1, values.size // FEW)]


@contextmanager
def peer() -> Iterator[Peer]:
    """A process that runs cases by name.

    Raises:
        NotInstalledError: no interpreter is named, or neural-tangents does not import there.
    """
    python = os.environ.get(VARIABLE)
    if not python:
        raise NotInstalledError(f"{VARIABLE} is not set; see benchmarks/peer.py")
    (c, q), (means, biases) = arbitrary(POINTS), axes(4.0, SIDE)
    with tempfile.TemporaryDirectory() as folder, Path(folder, "errors").open("w+") as errors:
        given = {"c": c, "q": q, "sigma_m2": SIGMA_M2, "sigma_b2": SIGMA_B2, "means": means, "biases": biases}
        np.savez(Path(folder, "points.npz"), few=FEW, gaps=small_gaps(), **given)
        command, pipe = [python, str(PROGRAM), str(Path(folder, "points.npz"))], subprocess.PIPE
        try:
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True)
        except OSError as error:
            raise NotInstalledError(f"{VARIABLE} = {python}: {error.strerror}") from None
        with process:
            if not process.stdout.readline():
                reason = Path(errors.name).read_text(encoding="utf-8").strip().splitlines()[-1:]
                raise NotInstalledError(f"{VARIABLE} = {python}: {''.join(reason) or 'it ends at once'}")
            yield Peer(process)
