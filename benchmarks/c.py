"""The erf maps in C on one thread beside the same formulas by hand in C, and NumPy; tanh in C; where C differs."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.points import SIGMA_B2, SIGMA_M2, FloatArray, arbitrary
from benchmarks.timing import Row, interleaved, millions_a_second, nanoseconds_a_point, progress, timed_row
from meanbits.numerics.emission.c_backend import C
from meanbits.numerics.emission.c_library import NoLibraryError, compiler, library
from meanbits.numerics.emission.c_writer import symbol_prefix
from meanbits.numerics.emission.emit import compile_theory, emit
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import Theory, derive

GROUP, TANH, AGREES = "erf in C, 10^6 points, one thread", "tanh in C, one thread", "C beside NumPy"
POINTS, TANH_POINTS, ROUNDS = 10**6, 10**5, 31
MAPS = ("correlation_map", "gap_map", "chi_at_gap")
LIMIT, RATIO_LIMIT, TANH_LEAST, AGREEMENT = 10.0, 1.3, 1.0, 1e-14
SOURCE = Path(__file__).with_name("by_hand.c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
Loop = Callable[[FloatArray, FloatArray, FloatArray], object]


def c_rows() -> list[Row]:
    """Times of one thread, into an array; the emitted header is the one that `mb.compile` loads."""
    progress("C")
    try:
        command = compiler(None, None)
        emitted, tanh = (_emitted(derive(compose(name))) for name in ("deterministic", "continuous"))
    except NoLibraryError as error:
        return [Row(GROUP, "every map", None, str(error))]
    c, q = arbitrary(POINTS)
    by_hand, rows = _by_hand(command), []
    for name in MAPS:
        x, out = c if name == "correlation_map" else 1 - c, np.empty_like(c)
        hand, ours, numpy = f"{name} by hand in C", f"{name}, emitted", f"{name}, NumPy on all cores"
        in_numpy = getattr(compile_theory(derive(compose("deterministic"))), name)
        cases = {hand: partial(by_hand[name], x, q, out), ours: partial(emitted[name], x, q, out),
                 numpy: partial(in_numpy, x, q, SIGMA_M2, SIGMA_B2)}  # fmt: skip
        timings, unit = interleaved(cases, ROUNDS), nanoseconds_a_point(POINTS)
        rows += [timed_row(GROUP, hand, timings[hand], unit, limit=LIMIT),
                 timed_row(GROUP, ours, timings[ours], unit, (hand, timings[hand]), RATIO_LIMIT),
                 timed_row(GROUP, numpy, timings[numpy], unit, (hand, timings[hand]))]  # fmt: skip
    return [*rows, *_tanh_rows(tanh), *_agreement_rows()]


def _emitted(theory: Theory) -> dict[str, Loop]:
    compiled, prefix = library(emit(theory, C)), symbol_prefix(theory.surrogate.name)
    return {name: partial(_run, getattr(compiled, f"{prefix}_{name}_array")) for name in MAPS}


def _run(function: Callable[..., int], x: FloatArray, q: FloatArray, out: FloatArray) -> None:
    means = [ctypes.c_double(each) for each in (SIGMA_M2, SIGMA_B2)]
    places = [x.ctypes.data, q.ctypes.data, *(ctypes.addressof(each) for each in means)]
    arguments, strides = (ctypes.c_void_p * 4)(*places), (ctypes.c_size_t * 4)(1, 1, 0, 0)
    function(ctypes.c_size_t(x.size), arguments, strides, ctypes.c_void_p(out.ctypes.data))


def _by_hand(command: tuple[str, ...]) -> dict[str, Loop]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "by_hand.so"
        subprocess.run([*command, *FLAGS, str(SOURCE), "-o", str(target), "-lm"], check=True)
        compiled = ctypes.CDLL(str(target))

    def run(name: str, x: FloatArray, q: FloatArray, out: FloatArray) -> None:
        x_at, q_at, out_at = (ctypes.c_void_p(each.ctypes.data) for each in (x, q, out))
        means = ctypes.c_double(SIGMA_M2), ctypes.c_double(SIGMA_B2)
        getattr(compiled, name)(ctypes.c_size_t(x.size), x_at, q_at, *means, out_at)

    return {name: partial(run, name) for name in MAPS}


def _tanh_rows(emitted: dict[str, Loop]) -> list[Row]:
    c, q = arbitrary(TANH_POINTS)
    out, unit = np.empty_like(c), millions_a_second(TANH_POINTS)
    cases = {name: partial(emitted[name], c if name == "correlation_map" else 1 - c, q, out) for name in MAPS}
    timings = interleaved(cases, 5)
    return [timed_row(TANH, name, timing, unit, least=TANH_LEAST) for name, timing in timings.items()]


def _agreement_rows() -> list[Row]:
    """The greatest difference from NumPy, relative where values exceed 1."""
    rows, (c, q) = [], arbitrary(2000)
    for surrogate in ("deterministic", "continuous"):
        theory = derive(compose(surrogate))
        for name in MAPS:
            given = (c if name == "correlation_map" else 1 - c, q, SIGMA_M2, SIGMA_B2)
            ours, theirs = (getattr(maps, name)(*given) for maps in (compile_theory(theory, C), compile_theory(theory)))
            error = float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))))
            rows.append(Row(AGREES, f"{surrogate}, {name}", error, "of scale 1", limit=AGREEMENT))
    return rows
