"""The tanh maps at a million arbitrary points, direct and through a table, beside quadrature by hand; and errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import mpmath
import numpy as np

from benchmarks.points import SIGMA_B2, SIGMA_M2, FloatArray, arbitrary
from benchmarks.timing import Row, interleaved, millions_a_second, progress, timed_row
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.tables import tabulated
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
from meanbits.theory.gaussian.logistic_mixture import tanh_overlap, tanh_slope_overlap

GROUP, ERRORS = "tanh, 10^6 arbitrary (q, c)", "tanh, error against mpmath"
POINTS, ROUNDS, HAND_POINTS = 10**6, 3, 3000
NODES = 25  # in each direction: what neural-tangents advises
SAMPLE, DIGITS = 60, 30
GAP, CHI = "gap map", "chi at a gap"
DIRECT, TABLE, BY_HAND = "direct", "through a table", f"Gauss-Hermite by hand, {NODES} x {NODES} nodes"
LEAST, ERROR_LIMIT = {DIRECT: 0.3, TABLE: 5.0}, 1e-12
Map = Callable[..., FloatArray]


def gap_map_by_hand(gap: FloatArray, q: FloatArray, sigma_m2: float, sigma_b2: float) -> FloatArray:
    """1 - c' of tanh neurons as one would write it in NumPy."""
    x, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights, c, sigma = weights / np.sum(weights), 1 - gap[:, None, None], np.sqrt(q)[:, None]
    first = np.tanh(sigma * x)
    second = np.tanh(sigma[..., None] * (c * x[:, None] + np.sqrt(1 - c * c) * x)) @ weights
    overlap, alike = (first * second) @ weights, first**2 @ weights
    return 1 - (sigma_b2 + sigma_m2 * overlap) / (sigma_b2 + sigma_m2 * alike)


def exact_maps(gap: FloatArray, q: FloatArray) -> dict[str, FloatArray]:
    """1 - c' and chi of tanh neurons by mpmath."""
    values = []
    with mpmath.workdps(DIGITS):
        for point in zip(gap, q, strict=True):
            apart, variance = (mpmath.mpf(float(each)) for each in point)
            alike, overlap = (tanh_overlap(variance, correlation) for correlation in (mpmath.mpf(1), 1 - apart))
            slope = variance * tanh_slope_overlap(variance, apart * (2 - apart))
            norm = SIGMA_B2 + SIGMA_M2 * alike
            values.append([float(SIGMA_M2 * each / norm) for each in (alike - overlap, slope)])
    return dict(zip((GAP, CHI), np.transpose(values), strict=True))


def tanh_rows() -> list[Row]:
    """Millions of points a second on all cores, and the greatest relative errors on a sample of the points.

    The paper form with phi = tanh has the gap map and the chi of continuous tanh neurons.
    """
    progress("tanh maps")
    theory, (c, q) = derive(compose("continuous")), arbitrary(POINTS)
    direct, table, gap = compile_theory(theory), tabulated(theory), 1 - c
    maps: dict[tuple[str, str], Map] = {
        (GAP, DIRECT): direct.gap_map, (CHI, DIRECT): direct.chi_at_gap,
        (GAP, TABLE): table.gap_map, (CHI, TABLE): table.chi_at_gap,
    }  # fmt: skip
    rows = _speed_rows(maps, direct.correlation_map, gap, q)
    few, exact = (gap[:SAMPLE], q[:SAMPLE], SIGMA_M2, SIGMA_B2), exact_maps(gap[:SAMPLE], q[:SAMPLE])
    maps |= {(GAP, BY_HAND): gap_map_by_hand}
    for (what, how), function in maps.items():
        error = float(np.max(np.abs(function(*few) / exact[what] - 1)))
        limit = None if how == BY_HAND else ERROR_LIMIT
        rows.append(Row(ERRORS, f"{what}, {how}", error, "relative", limit=limit))
    return rows


def _speed_rows(maps: dict[tuple[str, str], Map], correlation_map: Map, gap: FloatArray, q: FloatArray) -> list[Row]:
    means, fewer = (SIGMA_M2, SIGMA_B2), slice(HAND_POINTS)
    cases = {("correlation map", DIRECT): partial(correlation_map, 1 - gap, q, *means)}
    cases |= {key: partial(function, gap, q, *means) for key, function in maps.items()}
    cases |= {(GAP, BY_HAND): partial(gap_map_by_hand, gap[fewer], q[fewer], *means)}
    timings = interleaved({", ".join(key): case for key, case in cases.items()}, ROUNDS)
    units = {BY_HAND: millions_a_second(HAND_POINTS)}
    return [
        timed_row(GROUP, ", ".join(key), timings[", ".join(key)], units.get(key[1], millions_a_second(POINTS)),
                  least=LEAST.get(key[1]))
        for key in cases
    ]  # fmt: skip
