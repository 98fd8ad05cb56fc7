"""Tables of the ratios of an overlap: the maps of neurons without an elementary closed form, on millions of points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from meanbits.numerics.blocks import in_blocks, on_all_cores
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.derived_traits import QUADRATURES
from meanbits.numerics.emission.emit import VARIANCES, compile_functions, compile_theory
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.numerics.solvers.panels import (
    PARTS,
    Array,
    Function,
    cells,
    gap_at,
    octaves,
    reach,
    rows,
    sampled,
)
from meanbits.numerics.solvers.ratios import Tables
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.difference import as_angles
from meanbits.theory.stages.gap import alike, fall, growth, slope, unlike
from meanbits.theory.stages.overlap import Overlap, overlap_of
from meanbits.theory.symbols import gap, q, u

OF_MIXTURES = (-40, 40)  # octaves of q that tables cover, from below 1e-12 to above 1e12
OF_QUADRATURES = (-24, 8)  # the same, of q relative to a scale below 1: beyond, quadratures are rough, and slow
WIDTH = 2.0  # of a panel, in octaves
SHARPNESS = 100.0  # of K, relative to the squared slope at gap 0, where that grows as q does
GROWN = 2.0  # times 1, of that square
TOLERANCE = 1e-12
POINTS = 4096  # where the error is measured
BLOCK, COMPILED = 2**13, 2**15  # points at a time, which stay in cache: of arrays, and of what is compiled
ARGUMENTS = {alike: (q,), unlike: (q,), fall: (gap, q), slope: (gap, q), growth: (q,)}


@lru_cache(maxsize=32)
def tabulated(theory: Theory, backend: str = "numpy") -> SimpleNamespace:
    """The maps of a theory that `is_costly`, through tables: `variance_map`, `variance_slope`, `gap_map`, `chi_at_gap`.

    Signatures are those of `compile_theory`, values float64. backend: numpy, or c to look up by compiled code. Where
    tables do not reach, at q beyond 1e-12 to 1e12 (`OF_QUADRATURES` for those) or at gaps > 1 of neurons that are not
    odd, the maps are evaluated directly. `bound` is the largest relative error of a ratio that was found at random
    points (of `unlike`, relative to 1).
    """
    assert theory.gap is not None
    tables, formulas, direct = _tables(theory), theory.gap.formulas, compile_theory(theory)
    if backend != "numpy":
        tables = _in_code(tables, backend)
    states = {"variance_map": (q,), "variance_slope": (q,), "gap_map": (gap, q), "chi_at_gap": (gap, q)}
    found = formulas.variance_map, formulas.variance_slope, formulas.gap_map, formulas.chi
    size = BLOCK if backend == "numpy" else COMPILED
    maps = {name: _through(tables, theory, formula, state, size)
            for (name, state), formula in zip(states.items(), found, strict=True)}  # fmt: skip
    maps["variance_slope"] = _with_limit(maps["variance_slope"], direct.variance_slope)
    maps = {name: in_blocks(function) for name, function in maps.items()}
    return SimpleNamespace(**maps, total_map=direct.total_map, total_slope=direct.total_slope, bound=tables.bound)


def _in_code(tables: Tables, backend: str) -> Tables:
    """Tables looked up by compiled code, or with a warning as they are where there is no compiler."""
    if backend != "c":
        raise ValueError(f"backend {backend} looks up no tables; use numpy or c")
    from meanbits.numerics.emission.c_backend import CFallbackWarning
    from meanbits.numerics.emission.c_library import NoLibraryError
    from meanbits.numerics.solvers.compiled_tables import compiled

    try:
        return compiled(tables)
    except NoLibraryError as error:
        warnings.warn(f"backend c: {error}. Tables are looked up by NumPy", CFallbackWarning, 2)
        return tables


def _through(tables: Tables, theory: Theory, formula: sp.Expr, state: tuple[sp.Symbol, ...], size: int) -> Function:
    """A map of the state and the variances by its formula in the ratios, and in q; so many points at a time.

    One state for many variances is looked up once; else ratios stay in cache for the formula.
    """
    needed = [each for each in ARGUMENTS if each == alike or formula.has(each)]
    written = EmittedFunction("formula", (*needed, q, *VARIANCES), formula, "a map in terms of the ratios")
    compiled = compile_functions(theory, [written], NUMPY).formula
    ratios = [partial(tables.ratio, each.name) for each in needed]

    def joined(ratios: Sequence[Function], compiled: Function) -> Function:
        def at(*arguments: Array) -> Array:
            given = dict(zip(state, arguments, strict=False))
            found = (ratio(*map(given.get, ARGUMENTS[each])) for each, ratio in zip(needed, ratios, strict=True))
            return compiled(*found, given[q], *arguments[len(state) :])

        return at

    together = _in_chunks(joined(ratios, compiled), size)
    apart = joined([_in_chunks(ratio, size) for ratio in ratios], _in_chunks(compiled, size))

    def at(*arguments: Array) -> Array:
        shapes = [np.shape(each) for each in arguments]
        shared = np.broadcast_shapes(*shapes[: len(state)]) != np.broadcast_shapes(*shapes)
        return apart(*arguments) if shared else together(*arguments)

    return at


def _with_limit(slope: Function, direct: Function) -> Function:
    """A slope in q, at infinity that of the map itself: the growth that it is a multiple of may be infinite there."""

    def at(q: Array, *variances: Array) -> Array:
        infinite = np.isinf(q)
        value = slope(np.where(infinite, 1.0, q), *variances)
        return np.where(infinite, direct(np.inf, *variances), value)[()] if np.any(infinite) else value

    return at


def _in_chunks(function: Function, size: int) -> Function:
    """An elementwise function of broadcasting arrays, applied to so many points at a time."""

    def chunked(*arguments: ArrayLike) -> Array:
        arrays = [np.asarray(each, np.float64) for each in arguments]
        shape = np.broadcast_shapes(*(each.shape for each in arrays))
        flat = [each.reshape(()) if each.size == 1 else np.broadcast_to(each, shape).ravel() for each in arrays]
        value = np.empty(int(np.prod(shape)))
        for start in range(0, value.size, size):
            chunk = slice(start, start + size)
            value[chunk] = function(*(each[chunk] if each.ndim else each[()] for each in flat))
        return value.reshape(shape)[()]

    return chunked


@lru_cache(maxsize=32)
def _tables(theory: Theory) -> Tables:
    """Tables fine enough for the tolerance, or the finest."""
    assert theory.gap is not None
    direct, found = _direct(theory), overlap_of(theory.maps)
    is_odd = found is not None and sp.expand(found.function.subs(u, -u) + found.function) == 0
    unit, grown = 1.0 if found is None else _unit(found), _growth_scale(direct)
    span = OF_MIXTURES
    if sp.Tuple(*astuple(theory.gap.ratios)).has(*QUADRATURES):
        offset = min(round(np.log2(min(unit, grown))), 0)
        span = OF_QUADRATURES[0] + offset, OF_QUADRATURES[1] + offset
    scale = min(grown / SHARPNESS, unit)
    tables = _built(direct, is_odd, span, scale, WIDTH)
    return tables if tables.bound <= TOLERANCE else _built(direct, is_odd, span, scale, WIDTH / 2)


def _unit(found: Overlap) -> float:
    """q of fields that are as wide as what neurons vary on: slopes that do not grow turn at gaps of 1 / q beyond."""
    return float(1 / sp.limit(found.variance / q, q, 0))


def _growth_scale(direct: SimpleNamespace) -> float:
    """q from which the slope at gap 0 grows, in octaves."""
    octave = np.exp2(np.arange(OF_MIXTURES[0], OF_MIXTURES[1] + 1))
    grown = np.flatnonzero(np.asarray(direct.slope(0.0, octave)) ** 2 >= GROWN)
    return float(octave[grown[0] if grown.size else -1])


def _direct(theory: Theory) -> SimpleNamespace:
    """The ratios evaluated as they stand; a growth that no map takes as 0."""
    assert theory.gap is not None
    rate = sp.S.Zero if theory.gap.formulas.variance_slope == 0 else theory.gap.growth
    ratios = zip(ARGUMENTS.items(), (*astuple(theory.gap.ratios), rate), strict=True)
    functions = [EmittedFunction(symbol.name, arguments, as_angles(ratio), "a ratio")
                 for (symbol, arguments), ratio in ratios]  # fmt: skip
    return compile_functions(theory, functions, NUMPY)


def _built(direct: SimpleNamespace, is_odd: bool, span: tuple[int, int], scale: float, width: float) -> Tables:
    panels = round((span[1] - span[0]) / width)
    q, edges = octaves(span[0], width, panels), np.exp2(span[0] + width * np.arange(1, panels + 1))
    spans = np.ceil(reach(1 + edges / scale) / (width * np.log(2) / 2)).astype(np.intp)

    def panel(part: slice) -> tuple[Array, Array]:
        return sampled(direct.slope, q[part][0], 1 + q[part][0] / scale, int(spans[part][0]))

    slopes, means = zip(*on_all_cores(panel, panels, 1), strict=True)
    counts = np.repeat(PARTS * spans, PARTS)
    of_q = {name: rows(getattr(direct, name)(q)) for name in ("alike", "unlike", "growth")}
    of_both = {"slope": cells(slopes), "mean_slope": cells(means)}
    starts, per_octave = np.cumsum(counts) - counts, round(PARTS / width)
    tables = Tables(direct, is_odd, *span, per_octave, scale, counts.astype(np.float64), starts, of_q, of_both)
    return replace(tables, bound=_error(tables))


def _error(tables: Tables) -> float:
    """The largest relative error of a ratio at random points; of `unlike`, relative to 1."""
    generator, few = np.random.default_rng(0), slice(0, POINTS // 16)
    q = 2 ** generator.uniform(tables.first, tables.last, POINTS)
    gaps, _ = gap_at(generator.random(POINTS), 1 + q / tables.scale)
    states = {"alike": (q,), "unlike": (q,), "growth": (q,), "slope": (gaps, q), "fall": (gaps[few], q[few])}
    largest = 0.0
    for name, state in states.items():
        exact = getattr(tables.direct, name)(*state)
        size = np.where((exact == 0) | (name == "unlike"), 1.0, np.abs(exact))
        largest = max(largest, float(np.max(np.abs(tables.ratio(name, *state) - exact) / size)))
    return largest
