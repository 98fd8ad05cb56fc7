"""A declaration is verified before it is believed: its emitted maps against their definitions, by another route.

The definitions are integrals over the field of E[x|h] and E[x^2|h] as declared, by adaptive panels with the declared
breaks (`emission.definition`); nothing derived enters but the breaks. Slopes are compared with differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from types import SimpleNamespace

import numpy as np

from meanbits.numerics.emission.definition import Definition
from meanbits.theory.derive import Theory
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.probes import at_some_value
from meanbits.theory.symbols import sigma_m2

VALUES, SLOPES = 1e-9, 1e-6  # relative: what the reference is sure of, and what differences of it are
STEP, ROUNDING = 2.0**-8, 1e-14  # of differences, fourth order; relative, of what they are taken of
NEURONS = ("mean", "second_moment")
STATES = ((0.37, 0.6, 0.8), (2.6, -0.45, 3.1))  # q, c and, where it is free, T
Find = Callable[[], tuple[float, float, float]]  # a value by definition, its relative tolerance, what rounding leaves
Expected = tuple[str, tuple[float, ...], Find]  # name and arguments; integrated where there is a function to compare


class UnbelievedError(SurrogateError):
    """An emitted function that is not what its definition says."""


def check_against_definitions(theory: Theory, maps: SimpleNamespace) -> None:
    """Compare every emitted map of a theory with its definition at a few points.

    Raises:
        UnbelievedError: a difference beyond what the reference leaves open, naming the function and both values.
        SurrogateError: neurons that change so seldom that maps and definitions overflow alike, or too fast for both.
    """
    _require(theory, comparisons(theory, maps))


def check_neurons(theory: Theory, neurons: SimpleNamespace) -> None:
    """The same of the mean and second moment of a neuron alone."""
    _require(theory, _compared(theory, neurons, _of_neurons(theory)))


def _require(theory: Theory, compared: Iterable[Comparison]) -> None:
    for each in compared:
        point = ", ".join(f"{value:.6g}" for value in each.arguments)
        if np.isnan(each.expected) and each.doubt == np.inf:
            raise SurrogateError(f"{theory.surrogate.name}: {each.name}({point}) is beyond floats: at such fields its "
                                 "neurons hardly ever change; scale the field inside them up")  # fmt: skip
        if np.isnan(each.got):
            raise SurrogateError(f"{theory.surrogate.name}: {each.name}({point}) is beyond its quadrature: at such "
                                 "fields its neurons vary too fast; scale the field inside them down")  # fmt: skip
        if not each.error <= each.tolerance:
            raise UnbelievedError(f"{theory.surrogate.name}: {each.name}({point}) is {each.got:.12g}, and "
                                  f"{each.expected:.12g} by its definition, so none of its maps is given; please "
                                  "report this")  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """An emitted function at a point beside its definition; what that is sure of, relative, and what rounding is."""

    name: str
    arguments: tuple[float, ...]
    got: float
    expected: float
    tolerance: float
    doubt: float

    @property
    def error(self) -> float:
        """Relative to the expected value, or to 1e-3 where that is smaller; NaN where the function is."""
        if self.got == self.expected:
            return 0.0
        return float(np.maximum(abs(self.got - self.expected) - self.doubt, 0)) / max(abs(self.expected), 1e-3)


def comparisons(theory: Theory, maps: SimpleNamespace) -> Iterator[Comparison]:
    """Every emitted map at a few points beside its definition; none for a single layer."""
    if not theory.surrogate.real_input:
        yield from _compared(theory, maps, (*_of_neurons(theory), *_of_maps(theory)))


def _compared(theory: Theory, maps: SimpleNamespace, definitions: Iterable[Expected]) -> Iterator[Comparison]:
    known = {symbol.name: float(at_some_value(symbol)) for symbol in theory.surrogate.parameters}
    for name, arguments, find in definitions:
        if hasattr(maps, name):
            got = float(getattr(maps, name)(*arguments, **known))
            yield Comparison(name, arguments, got, *find())


@lru_cache(maxsize=256)
def _of_neurons(theory: Theory) -> tuple[Expected, ...]:
    """What is expected of the neurons: integrated once, for every backend and every check."""
    return tuple(_expected_of_neurons(theory, Definition.of(theory)))


@lru_cache(maxsize=256)
def _of_maps(theory: Theory) -> tuple[Expected, ...]:
    """What is expected of every map, likewise."""
    return tuple(_expected(theory, Definition.of(theory)))


def _expected_of_neurons(theory: Theory, layer: Definition) -> Iterator[Expected]:
    for q, c, _ in STATES:
        field = (c, q) if theory.forward.field is None else (c,)
        both = cache(partial(layer.neuron, c, q if len(field) == 2 else 0.0))
        for k, name in enumerate(NEURONS):
            yield name, field, _value(lambda k=k, both=both: both()[k])


def _expected(theory: Theory, layer: Definition) -> Iterator[Expected]:
    rest = (layer.sigma_m2, layer.sigma_b2)
    for q, c, free in STATES:
        T = free if layer.free_total else layer.total(1.0)
        extra = (free,) if layer.free_total else ()
        variance, correlation = partial(layer.variance_map, T=T), partial(layer.correlation_map, q=q, T=T)
        yield "total_map", (free, *rest), _value(partial(layer.total, free))
        yield "total_slope", (free, *rest), _slope(layer.total, free)
        yield "variance_map", (q, *rest, *extra), _value(partial(variance, q))
        yield "variance_slope", (q, *rest, *extra), _slope(variance, q)
        after, slope = cache(partial(correlation, c)), _slope(correlation, c)
        yield "correlation_map", (c, q, *rest, *extra), _value(after)
        yield "gap_map", (1 - c, q, *rest, *extra), _value(lambda after=after: 1 - after())
        yield "chi", (c, q, *rest, *extra), slope
        yield "chi_at_gap", (1 - c, q, *rest, *extra), slope
        yield "replica_map", (c, free, *rest), _value(partial(_replica, layer, free, c))
        if layer.slope is not None:
            yield "gradient_growth", (q, *rest), _value(partial(_growth, theory, layer, q))
            yield "gradient_overlap", (c, q, *rest), _value(partial(layer.gradients, q, c, layer.sigma_m2))
        else:
            yield "gradient_overlap", (c, q, *rest), partial(_by_price, slope, partial(variance, q), q)


def _growth(theory: Theory, layer: Definition, q: float) -> float:
    assert theory.backward is not None
    return layer.gradients(q, 1.0, layer.rho if theory.backward.weight != sigma_m2 else layer.sigma_m2)


def _by_price(slope: Find, variance: Callable[[], float], q: float) -> tuple[float, float, float]:
    """The overlap of gradients by Price's theorem, from the slope of the correlation map."""
    value, tolerance, doubt = slope()
    return value * variance() / q, tolerance, doubt


def _replica(layer: Definition, T: float, overlap: float) -> float:
    return layer.covariance(T, overlap) / layer.total(T)


def _value(find: Callable[[], float]) -> Find:
    return cache(lambda: (find(), VALUES, 0.0))


def _slope(function: Callable[[float], float], at: float) -> Find:
    """The derivative by central differences of fourth order, its tolerance, and what rounding leaves of it."""

    @cache
    def found() -> tuple[float, float, float]:
        step = STEP * max(abs(at), 0.5)
        values = {k: function(at + k * step) for k in (-2, -1, 1, 2)}
        inner, outer = (values[k] - values[-k] for k in (1, 2))
        return (8 * inner - outer) / (12 * step), SLOPES, ROUNDING * max(map(abs, values.values())) / step

    return found
