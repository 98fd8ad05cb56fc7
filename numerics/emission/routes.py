"""Which quadrature serves a function: the fast one of `gaussian_numpy`, or panels that know its breaks and features.

The fast sums are exact for functions that are analytic on either side of 0 and vary on no scale far below 1. Whether a
function is such is measured, against the panels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import sympy as sp

from meanbits.numerics.emission.conventions import IN_NUMPY
from meanbits.numerics.emission.copying import loaded
from meanbits.numerics.emission.mesh import mesh
from meanbits.numerics.emission.piecewise_source import piecewise_lines
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.runtime.broken_numpy import broken_mean, broken_pair
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_mean, gaussian_pair
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.far_out import finite
from meanbits.theory.functions.pieces import Pieces, pieces

Function = Callable[[np.ndarray], np.ndarray]

VARIANCES = np.array([1e-8, 1e-4, 0.1, 1.0, 7.0, 300.0, 1e4])
CORRELATIONS = np.array([-0.97, -0.3, 0.0, 0.6, 0.999])
MEANS = np.array([0.3, -2.5])
AGREEMENT = 3e-13
WIDTH = 1e-12  # of the distance of two breaks, what rounding them may change


@lru_cache(maxsize=1024)
def edges_of(integrand: sp.Expr) -> tuple[float, ...] | None:
    """The panels that a function of u and its slope need, or None where the fast sums serve both.

    Raises:
        SurrogateError: a function that no panels resolve, or breaks whose distance is lost in floating point.
    """
    cuts = finite(pieces(integrand)), finite(pieces(integrand).slope)
    functions = [compiled(cut) for cut in cuts]
    breaks = _places(integrand, cuts)
    try:
        edges = mesh(functions, breaks)
    except ValueError as error:
        raise SurrogateError(f"{integrand} {error}") from None
    fast = set(breaks) <= {0.0} and all(_serves(function, edges) for function in functions)
    return None if fast else edges


def _places(integrand: sp.Expr, cuts: Iterable[Pieces]) -> tuple[float, ...]:
    """The breaks in floating point, which has to keep their distances: a ramp is as high as it is wide."""
    for cut in cuts:
        for low, high in pairwise(cut.breaks):
            lost = abs(float((sp.Float(float(high), 40) - sp.Float(float(low), 40)) / sp.N(high - low, 40) - 1))
            if lost > WIDTH:
                raise SurrogateError(
                    f"{integrand}: floating point changes the distance of the breaks {low} and {high} by "
                    f"{lost:.0e} of it, in fields of any variance; use one jump there, the exact step, or a wider ramp"
                )
    return tuple(sorted({float(each) for cut in cuts for each in cut.breaks}))


def _serves(function: Function, edges: tuple[float, ...]) -> bool:
    """Whether the fast sums agree with the panels, relative to the root mean squares of the function."""
    inside = VARIANCES[np.sqrt(VARIANCES) * 9 < min(-edges[0], edges[-1])]
    with np.errstate(all="ignore"):
        means = [np.asarray(rule(inside)) for rule in (
            lambda V: gaussian_mean(function, MEANS, V[:, None]),
            lambda V: broken_mean(function, MEANS, V[:, None], edges))]  # fmt: skip
        if not np.all(np.abs(means[0] - means[1]) <= AGREEMENT * np.maximum(np.abs(means[1]), 1e-9)):
            return False  # pairs take ten times as long
        square = broken_mean(lambda x: function(x) ** 2, 0.0, inside, edges)
        size = np.where(square > 0, square, 1.0)[:, None]
        pairs = [np.asarray(rule(inside)) for rule in (
            lambda V: gaussian_pair(function, function, V[:, None], CORRELATIONS),
            lambda V: broken_pair(function, function, V[:, None], CORRELATIONS, edges))]  # fmt: skip
        return bool(np.all(np.abs(pairs[0] - pairs[1]) <= AGREEMENT * size))


@lru_cache(maxsize=1024)
def compiled(cut: Pieces) -> Function:
    """Pieces as a NumPy function."""
    body = "\n".join(piecewise_lines(cut, "function", ArrayPrinter(IN_NUMPY)))
    return loaded(IN_NUMPY.runtime, IN_NUMPY.imports, body)


@lru_cache(maxsize=1024)
def joint_edges(first: sp.Expr, second: sp.Expr) -> tuple[float, ...] | None:
    """The panels that two functions need, or None where the fast sums serve both."""
    if first == second:
        return edges_of(first)
    found = [edges_of(each) for each in (first, second)]
    if found == [None, None]:
        return None
    cuts = [finite(part) for each in (first, second) for part in (pieces(each), pieces(each).slope)]
    breaks = _places(first + second, cuts)
    return mesh([compiled(cut) for cut in cuts], breaks)
