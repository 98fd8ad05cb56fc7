"""Whether a backend says what NumPy says: every function of a theory, at points that include the ends of its range."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from meanbits.numerics.emission.backend import Backend
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions, emitted_functions
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.theory.derive import Theory
from meanbits.theory.stages.overlap import AtExtremes

SINGULAR = {
    "c": (-1.0, -0.3, 0.0, 0.7, 1 - 1e-9, 1.0), "gap": (0.0, 1e-25, 1e-9, 0.3, 1.0, 1.9, 2.0),
    "q": (0.0, 1e-12, 0.02, 1.0, 37.0, 1e12, np.inf), "T": (1e-6, 0.7, 30.0), "sigma_m2": (0.0, 0.3, 1.0),
    "sigma_b2": (0.0, 1e-5, 2.0), "hbar": (-30.0, -1.0, 0.0, 1e-9, 2.0), "h": (-300.0, -1.0, 0.0, 1e-9, 2.0),
    "Sigma": (0.1, 3.0), "r": (-1.0, 0.0, 0.4, 1.0), "mu_4": (0.0, 0.5),
}  # fmt: skip
RANGES = {"c": (-1, 1), "gap": (0, 2), "r": (-1, 1), "hbar": (-4, 4), "h": (-4, 4)}
DRAWN = 12
EPSILON = np.finfo(np.float64).eps
ULPS = 8.0  # of the value, or of one: two formulas, each right to 4
ROUNDED = range(-3, 4)  # ulp of the arguments, whose effect a formula may not tell from that of another


@dataclass(frozen=True)
class Difference:
    """A point where a backend and NumPy differ by more than rounding."""

    function: str
    arguments: tuple[float, ...]
    got: float
    expected: float


def points(names: Sequence[str], seed: int = 5) -> np.ndarray:
    """Points of a function of these arguments, (n, arguments).

    Every pair of singular values of two arguments, the others drawn, and draws.
    """
    generator = np.random.default_rng(seed)
    found = [[_drawn(name, generator) for name in names] for _ in range(DRAWN)]
    for (i, first), (j, second) in itertools.combinations(enumerate(names), 2):
        for low, high in itertools.product(SINGULAR.get(first, (1.0,)), SINGULAR.get(second, (1.0,))):
            point = [_drawn(name, generator) for name in names]
            point[i], point[j] = low, high
            found.append(point)
    alone = [[each] for each in SINGULAR.get(names[0], ())] if len(names) == 1 else []
    return np.array(found + alone)


def _drawn(name: str, generator: np.random.Generator) -> float:
    low, high = RANGES.get(name, (0, 1))
    return float(generator.uniform(low, high)) if name in RANGES or "sigma" in name else float(generator.gamma(1.0))


def differences(theory: Theory, backend: Backend, ulps: float = ULPS) -> Iterator[Difference]:
    """Where the emitted functions of a theory differ from those of NumPy by more than so many ulp of scale 1.

    What NumPy refuses, or has no number for, is to have none. A difference that NumPy itself makes of a few ulp of its
    arguments is none.
    """
    functions = emitted_functions(theory)
    ours, theirs = (compile_functions(theory, functions, each) for each in (backend, NUMPY))
    for function in functions:
        yield from _of_function(function, ours, theirs, ulps)


def _of_function(
    function: EmittedFunction, ours: SimpleNamespace, theirs: SimpleNamespace, ulps: float
) -> Iterator[Difference]:
    name, places = function.name, points([symbol.name for symbol in function.arguments])
    if not function.expression.has(AtExtremes):  # it states no value at infinity
        places = places[np.isfinite(places).all(1)]
    got, expected = (values(getattr(maps, name), places) for maps in (ours, theirs))
    with np.errstate(invalid="ignore"):
        apart = np.abs(got - expected) > ulps * EPSILON * np.maximum(1, np.abs(expected))
    apart |= np.isnan(got) != np.isnan(expected)
    for place, one, other in zip(places[apart], got[apart], expected[apart], strict=True):
        if one != other and not abs(one - other) <= _rounding(getattr(theirs, name), place):
            yield Difference(name, tuple(map(float, place)), float(one), float(other))


def values(function: Callable[..., Any], places: np.ndarray) -> np.ndarray:
    """A function at points (n, arguments), NaN where it refuses; (n,)."""
    with np.errstate(all="ignore"):
        try:
            return np.broadcast_to(np.asarray(function(*places.T), np.float64), len(places))
        except ValueError:
            return np.array([_value(function, point) for point in places])


def _value(function: Callable[..., Any], point: np.ndarray) -> float:
    try:
        return float(function(*point))
    except ValueError:
        return np.nan


def _rounding(function: Callable[..., Any], point: np.ndarray) -> float:
    """What a formula makes of a few ulp of its arguments."""
    near = values(function, np.array([point * (1 + ulp * EPSILON) for ulp in ROUNDED]))
    return 4 * float(np.nanmax(near) - np.nanmin(near)) if np.isfinite(near).any() else 0.0
