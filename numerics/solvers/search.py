"""Searches in one number by calls that take many at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meanbits.numerics.solvers.newton import Array

PARTS = 16
ZOOMS = 4


def first_reached(reached: Callable[[Array], NDArray[np.bool_]], low: float, high: float) -> tuple[float, float]:
    """Neighbouring numbers, of which `reached` is false and true, between a low and a high of the same."""
    while np.nextafter(low, high) < high:
        inner = np.unique(np.linspace(low, high, PARTS + 2)[1:-1])
        inner = inner[(inner > low) & (inner < high)]
        true = np.append(np.asarray(reached(inner), bool), True)
        first = int(np.argmax(true))
        low, high = ([low, *inner.tolist()][first], [*inner.tolist(), high][first])
    return low, high


def largest(function: Callable[[Array], Array], values: Array) -> float:
    """Where a function is largest: the best of the ascending values, and of ever finer ones beside it."""
    grid = values
    for _ in range(ZOOMS):
        best = int(np.argmax(function(grid)))
        if grid.size == 1:
            break
        grid = np.unique(np.append(np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)], PARTS),
                                   grid[best]))  # fmt: skip
    return float(grid[int(np.argmax(function(grid)))])
