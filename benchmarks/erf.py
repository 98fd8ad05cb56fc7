"""The erf map, its gap form and chi at a million arbitrary points, beside one arcsine a point and beside floors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import mpmath
import numpy as np

from benchmarks.maps import correlation_map_numpy
from benchmarks.points import SIGMA_B2, SIGMA_M2, FloatArray, arbitrary
from benchmarks.timing import Row, Timing, interleaved, nanoseconds_a_point, progress, timed_row
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

GROUP = "erf map, 10^6 arbitrary (q, c)"
POINTS, ROUNDS, SMALL_GAPS, DIGITS = 10**6, 31, 200, 60
ARCSINE, MAP, GAP, CHI = "one arcsine", "correlation map", "gap map", "chi at a gap"
BY_HAND, SUBTRACTED = "correlation map by hand", "1 - c' by hand"
TWO = "floor of the map: two arcsines, into an array"
BYTES = "floor of the map: 24 bytes, c and q in and c' out"
CALLS = "its functions alone, one thread: arctan2, arctan, three roots, two quotients"
MAP_LIMIT, GAP_LIMIT, ERROR_LIMIT = 1.2, 4.0, 1e-14


def erf_rows() -> list[Row]:
    """Times on all cores and, where they differ, of the processor, which is what one thread would take."""
    progress("erf map")
    c, q = arbitrary(POINTS)
    timings, unit = interleaved(_cases(c, q), ROUNDS), nanoseconds_a_point(POINTS)
    compared = {MAP: ARCSINE, GAP: MAP, CHI: MAP, BY_HAND: ARCSINE, TWO: ARCSINE, BYTES: ARCSINE, CALLS: ARCSINE}
    limits = {MAP: MAP_LIMIT, GAP: GAP_LIMIT}

    def row(name: str, timing: Timing) -> Row:
        base = (compared[name], timings[compared[name]]) if name in compared else None
        return timed_row(GROUP, name, timing, unit, base, limits.get(name))

    return [*(row(*each) for each in timings.items()), *_error_rows()]


def _cases(c: FloatArray, q: FloatArray) -> dict[str, Callable[[], object]]:
    maps, gap, out = compile_theory(derive(compose("deterministic"))), 1 - c, np.empty_like(c)
    portion = q / (1 + q)
    product, means = c * portion, (SIGMA_M2, SIGMA_B2)

    def calls() -> None:
        np.arctan2(product, portion, out=out)
        np.arctan(portion, out=out)
        for _ in range(3):
            np.sqrt(q, out=out)
        for _ in range(2):
            np.divide(c, q, out=out)

    return {
        ARCSINE: partial(np.arcsin, product, out=out),
        MAP: partial(maps.correlation_map, c, q, *means),
        BY_HAND: partial(correlation_map_numpy, c, q, *means),
        TWO: lambda: (np.arcsin(product, out=out), np.arcsin(portion, out=out)),
        CALLS: calls,
        BYTES: partial(np.add, c, q, out=out),
        GAP: partial(maps.gap_map, gap, q, *means),
        CHI: partial(maps.chi_at_gap, gap, q, *means),
    }


def _error_rows() -> list[Row]:
    """Greatest relative errors of 1 - c' at gaps from 1e-15 to 1, against mpmath."""
    rng = np.random.default_rng(1)
    gap, q = 10 ** rng.uniform(-15, 0, SMALL_GAPS), 10 ** rng.uniform(-3, 3, SMALL_GAPS)
    exact = np.array([_exact_gap(*point) for point in zip(gap, q, strict=True)])
    maps = compile_theory(derive(compose("deterministic")))
    found = {
        GAP: (maps.gap_map(gap, q, SIGMA_M2, SIGMA_B2), ERROR_LIMIT),
        SUBTRACTED: (1 - correlation_map_numpy(1 - gap, q, SIGMA_M2, SIGMA_B2), None),
    }
    return [
        Row("error against mpmath, gaps from 1e-15 to 1", name, float(np.max(np.abs(values / exact - 1))),
            "relative", limit=limit)
        for name, (values, limit) in found.items()
    ]  # fmt: skip


def _exact_gap(gap: float, q: float) -> float:
    """1 - c' by definition at 60 digits."""
    with mpmath.workdps(DIGITS):
        ratio, slope = mpmath.mpf(q) / (1 + mpmath.mpf(q)), 2 / mpmath.pi * mpmath.mpf(SIGMA_M2)
        above = SIGMA_B2 + slope * mpmath.asin((1 - mpmath.mpf(gap)) * ratio)
        return float(1 - above / (SIGMA_B2 + slope * mpmath.asin(ratio)))
