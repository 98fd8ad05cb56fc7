"""How the depth that signals reach grows with the number N of levels: d ln xi/d ln N, from 2 levels to 100,000.

Source: Blumenfeld, Gilboa, Soudry 2019, abstract, beyond it; theory sheet, section 9.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from meanbits.experiments.figures.blumenfeld_2019.best_step import no_surrogate
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.quantisers.law import exponent_of_many
from meanbits.numerics.quantisers.lloyd_max import MOST, lloyd_max
from meanbits.numerics.quantisers.uniform import best_uniform
from meanbits.theory.declarations.surrogates import Surrogate

LARGEST = {"smoke": 1_000, "quick": 100_000, "paper": 100_000}  # levels
A_DECADE = 12
FITTED = 1.82  # of the paper's abstract


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """uniform, free and law, (levels,): d ln xi/d ln N between even numbers of levels, at their geometric mean.

    free: levels placed best, NaN beyond what `lloyd_max` takes; law: of many equal steps. xi = -1/ln chi in layers, of
    uniform quantisers, (count,).

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    no_surrogate(surrogate, "blumenfeld-2019-4")
    largest = sized(preset, LARGEST)
    grid = np.logspace(np.log10(2), np.log10(largest), round(A_DECADE * np.log10(largest / 2)))
    counts = np.unique(2 * np.round(grid / 2).astype(int))
    uniform, free = np.empty(len(counts)), np.full(len(counts), np.nan)
    for done, count in enumerate(counts.tolist(), 1):
        uniform[done - 1] = best_uniform(count).xi
        if count <= MOST:
            free[done - 1] = -1 / np.log1p(-lloyd_max(count).loss)
        tick(done, len(counts))
    middle = np.array([np.sqrt(low * high) for low, high in pairwise(counts)])
    spacing = np.diff(np.log(counts))
    named = {"uniform": np.diff(np.log(uniform)) / spacing, "free": np.diff(np.log(free)) / spacing,
             "law": np.array([exponent_of_many(each) for each in middle])}  # fmt: skip
    data = xr.Dataset({name: ("levels", values) for name, values in named.items()}, {"levels": middle})
    data = data.assign(xi=("count", uniform)).assign_coords(count=counts)
    return labelled(data, preset, seed, fitted=FITTED, passes=_passes(middle, named["uniform"]))


def _passes(levels: np.ndarray, exponents: np.ndarray) -> float:
    """Levels from which on the exponent stays above the paper's; infinite where the last does not."""
    above = int(np.flatnonzero(exponents < FITTED)[-1]) + 1
    if above == len(levels):
        return float("inf")
    near = slice(above - 1, above + 1)
    return float(np.exp(np.interp(FITTED, exponents[near], np.log(levels[near]))))
