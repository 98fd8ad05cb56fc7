"""A declaration is verified before it is believed: its emitted maps against their definitions, by another route.

The definitions are integrals over the field of E[x|h] and E[x^2|h] as declared, by adaptive panels with the declared
breaks (`numerics.expectations`); nothing derived enters but the breaks. Slopes are compared with differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import sympy as sp
from scipy import special

from numerics.expectations import Estimate, expectation, pair_expectation
from theory.correlation import is_relative
from theory.derive import Theory
from theory.errors import SurrogateError
from theory.pieces import pieces
from theory.probes import at_some_value
from theory.symbols import Sigma, h, hbar, mean_weight, sigma_m2, u

VALUES, SLOPES = 1e-9, 1e-6  # relative: what the reference is sure of, and what differences of it are
SURE = 1e-11  # relative, of the reference
FINEST = 1e-5  # scale of the reference: near its knots it sees what varies on a hundredth of that
ROOM = 9.0  # q at which overlaps up to 0.9 are those of two quenched fields
MOST_SHARED, REACH = 0.95, 9.0  # correlation of a pair averaged over what it shares; deviations of that
FARTHER = 12.0  # deviations more, where a neuron changes at a knot so far out
STEP, ROUNDING = 2.0**-8, 1e-14  # of differences, fourth order; relative, of what they are taken of
STATES = ((0.37, 0.6, 0.8), (2.6, -0.45, 3.1))  # q, c and, where it is free, T
MEANS, BIASES = 0.41, 0.07  # sigma_m2 as a part of what the weights allow, sigma_b2
SOURCES = {"Softplus": lambda x: np.logaddexp(0.0, x), "HardTanh": lambda x: np.clip(x, -1, 1),
           "Box": lambda x: np.where(np.abs(x) < 1, 1.0, 0.0),
           "erf": special.erf, "erfc": special.erfc, "Heaviside": lambda x, *_: np.where(x > 0, 1.0, 0.0)}  # fmt: skip

Function = Callable[[np.ndarray], np.ndarray]
Knots = tuple[float, ...]


class UnbelievedError(SurrogateError):
    """An emitted function that is not what its definition says."""


def check_against_definitions(theory: Theory, maps: SimpleNamespace) -> None:
    """Compare every emitted map of a theory with its definition at a few points.

    Raises:
        UnbelievedError: a difference beyond what the reference leaves open, naming the function and both values.
        SurrogateError: neurons that change so seldom that maps and definitions overflow alike.
    """
    if theory.surrogate.real_input:
        return
    definition = Definition.of(theory)
    known = {symbol.name: float(at_some_value(symbol)) for symbol in theory.surrogate.parameters}
    for name, arguments, expected, tolerance, doubt in _expected(theory, definition):
        if not hasattr(maps, name):
            continue
        got = float(getattr(maps, name)(*arguments, **known))
        point = ", ".join(f"{each:.6g}" for each in arguments)
        if np.isnan(expected) and doubt == np.inf:
            raise SurrogateError(f"{theory.surrogate.name}: {name}({point}) is beyond floats: at such fields its "
                                 "neurons hardly ever change; scale the field inside them up")  # fmt: skip
        if not (got == expected or abs(got - expected) <= tolerance * max(abs(expected), 1e-3) + doubt):
            raise UnbelievedError(f"{theory.surrogate.name}: {name}({point}) is {got:.12g}, and {expected:.12g} by its "
                                  "definition, so none of its maps is given; please report this")  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """A layer by its definition: E m(u) m(v) and E s(u) over fields of total variance T."""

    relative: bool
    mean: Function
    second: Function
    knots: Knots
    free_total: bool
    rho: float
    sigma_m2: float
    sigma_b2: float
    own: Callable[[float], tuple[Function, Knots]] | None  # a form's neuron of the quenched field, at an annealed D
    slope: tuple[Function, Knots] | None  # that gradients see, where one is declared

    @classmethod
    def of(cls, theory: Theory) -> Definition:
        """The definition of a theory's layer, at some sigma_m2 and sigma_b2."""
        surrogate = theory.surrogate
        neurons, weights = surrogate.neurons, surrogate.weights
        mean, second = at_some_value(neurons.mean), at_some_value(neurons.second_moment)
        largest = weights.largest_sigma_m2
        square = MEANS * (1.0 if largest is None else float(at_some_value(largest)))
        square = square if weights.mean_square is None else float(weights.mean_square)
        rho = float(at_some_value(weights.second).subs(mean_weight, sp.sqrt(sp.Float(square, 20))))
        own = None if surrogate.form.name == "exact" else _own(theory)
        knots = _knots(mean.subs(h, u), second.subs(h, u))
        declared = None if neurons.backward is None else at_some_value(neurons.backward)
        slope = None if declared is None else (_function(declared), _knots(declared.subs(h, u)))
        return cls(is_relative(theory.mean_field), _function(mean), _function(second), knots, theory.maps.takes_total,
                   rho, square, BIASES, own, slope)  # fmt: skip

    def total(self, T: float) -> float:
        """T'."""
        return self.annealed(T) + self.sigma_b2

    def annealed(self, T: float) -> float:
        """rho E x^2."""
        return self.rho * _sure(expectation(self.second, T, knots=self.knots, scale=FINEST, rtol=SURE))

    def overlap(self, T: float, correlation: float) -> float:
        """E m(u) m(v)."""
        return _pair(self.mean, T, correlation, self.knots)

    def covariance(self, T: float, overlap: float) -> float:
        """Q_ab' where Q_ab = overlap T; for a form at the q that leaves room for that."""
        if self.own is None:
            return self.sigma_m2 * self.overlap(T, overlap) + self.sigma_b2
        return self.fields(ROOM, overlap * (1 + ROOM) / ROOM, T)[2]

    def fields(self, q: float, c: float, T: float) -> tuple[float, float, float]:
        """Q', D' and Q_ab'."""
        if self.own is not None:
            neuron, knots = self.own(T / (1 + q))
            square, product = (_pair(neuron, T * q / (1 + q), each, knots) for each in (1.0, c))
        else:
            share = q / (1 + q) if self.relative else 1.0
            square, product = (self.overlap(T, each * share) for each in (1.0, c))
        quenched, covariance = (self.sigma_m2 * each + self.sigma_b2 for each in (square, product))
        return quenched, self.annealed(T) - self.sigma_m2 * square, covariance

    def variance_map(self, q: float, T: float) -> float:
        """q'."""
        if not self.relative:
            return self.total(q)
        quenched, annealed, _ = self.fields(q, 1.0, T)
        return quenched / annealed if annealed > 0 else np.inf

    def gradients(self, q: float, correlation: float, weight: float) -> float:
        """weight E g(u) g(v) of the declared slope g."""
        assert self.slope is not None
        slope, knots = self.slope
        return weight * _pair(slope, q, correlation, knots)

    def correlation_map(self, c: float, q: float, T: float) -> float:
        """c'."""
        quenched, annealed, covariance = self.fields(q, c, T if self.relative else q)
        return covariance / (quenched if self.relative else quenched + annealed)


def _expected(theory: Theory, layer: Definition) -> Iterator[tuple[str, tuple[float, ...], float, float, float]]:
    """Name, arguments, value by definition, relative tolerance of every map, and what rounding leaves of the value."""
    rest = (layer.sigma_m2, layer.sigma_b2)
    for q, c, free in STATES:
        T = free if layer.free_total else layer.total(1.0)
        extra = (free,) if layer.free_total else ()
        yield "total_map", (free, *rest), layer.total(free), VALUES, 0.0
        yield "total_slope", (free, *rest), *_slope(layer.total, free)
        yield "variance_map", (q, *rest, *extra), layer.variance_map(q, T), VALUES, 0.0
        yield "variance_slope", (q, *rest, *extra), *_slope(lambda x, T=T: layer.variance_map(x, T), q)
        after = layer.correlation_map(c, q, T)
        slope, part, doubt = _slope(lambda x, q=q, T=T: layer.correlation_map(x, q, T), c)
        yield "correlation_map", (c, q, *rest, *extra), after, VALUES, 0.0
        yield "gap_map", (1 - c, q, *rest, *extra), 1 - after, VALUES, 0.0
        yield "chi", (c, q, *rest, *extra), slope, part, doubt
        yield "chi_at_gap", (1 - c, q, *rest, *extra), slope, part, doubt
        if theory.backward is not None and layer.slope is not None:
            weight = layer.rho if theory.backward.weight != sigma_m2 else layer.sigma_m2
            yield "gradient_growth", (q, *rest), layer.gradients(q, 1.0, weight), VALUES, 0.0
            yield "gradient_overlap", (c, q, *rest), layer.gradients(q, c, weight), VALUES, 0.0
        elif theory.backward is not None and theory.backward.weight == sigma_m2:  # by Price's theorem
            yield "gradient_overlap", (c, q, *rest), slope * layer.variance_map(q, T) / q, part, doubt
        if theory.maps.replica_map is not None:
            value = layer.covariance(free, c) / layer.total(free)
            yield "replica_map", (c, free, *rest), value, VALUES, 0.0


def _slope(function: Callable[[float], float], at: float) -> tuple[float, float, float]:
    """The derivative by central differences of fourth order, its tolerance, and what rounding leaves of it."""
    step = STEP * max(abs(at), 0.5)
    values = {k: function(at + k * step) for k in (-2, -1, 1, 2)}
    inner, outer = (values[k] - values[-k] for k in (1, 2))
    return (8 * inner - outer) / (12 * step), SLOPES, ROUNDING * max(map(abs, values.values())) / step


def _own(theory: Theory) -> Callable[[float], tuple[Function, Knots]]:
    """The neuron of a form that approximates the integral over the field, as a function of hbar, at an annealed D."""
    mean = at_some_value(theory.forward.mean.definition)
    source = sp.lambdify((hbar, Sigma), mean, [SOURCES, "scipy", "numpy"])

    def at(annealed: float) -> tuple[Function, Knots]:
        knots = _knots(mean.subs({hbar: u, Sigma: sp.Float(annealed, 17)}))
        return lambda x: np.asarray(source(x, annealed), np.float64), knots

    return at


def _function(expression: sp.Expr) -> Function:
    source = sp.lambdify(h, expression, [SOURCES, "scipy", "numpy"])

    def value(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(source(np.asarray(x, np.float64)), np.float64), np.shape(x))

    return value


@lru_cache(maxsize=256)
def _knots(*expressions: sp.Expr) -> Knots:
    breaks = {float(each) for expression in expressions for each in pieces(expression).breaks}
    return tuple(sorted({0.0, *breaks}))


def _pair(function: Function, variance: float, correlation: float, knots: Knots) -> float:
    """E f(u) f(v) as the mean square of f averaged over what u and v do not share, for a correlation below 0 turned."""
    shared = abs(correlation)
    if shared > MOST_SHARED:
        estimate = pair_expectation(function, function, variance, correlation, knots=knots, scale=FINEST, rtol=SURE)
        return _sure(estimate)
    step = min(np.sqrt((1 - shared) / max(shared, 0.1)), 1) / 6  # analytic in w: the trapezoidal rule converges at once
    reach = REACH + min(max(map(abs, knots)) / np.sqrt(variance), FARTHER)
    w = step * np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1)
    means = np.sqrt(variance * shared) * w
    given = expectation(function, variance * (1 - shared), mean=means, knots=knots, scale=FINEST, rtol=SURE).value
    density = step * np.exp(-w * w / 2) / np.sqrt(2 * np.pi)
    return float(np.sum(density * given * (given if correlation >= 0 else given[::-1])))


def _sure(estimate: Estimate) -> float:
    return float(estimate.value)
