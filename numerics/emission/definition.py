"""A layer by its definition, apart from everything derived: E m(u) m(v) and E s(u) over fields, m and s as declared.

The integrals are sums over adaptive panels with the declared breaks (`emission.expectations`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
import sympy as sp
from scipy import special

from meanbits.numerics.emission.expectations import expectation, pair_expectation
from meanbits.theory.derive import Theory
from meanbits.theory.functions.pieces import pieces
from meanbits.theory.functions.probes import at_some_value
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import Sigma, h, hbar, mean_weight, u

MOST = 2**14  # panels, of what oscillates
SURE, ROUGH = 1e-11, 1e-3  # relative, of the reference and of its size
FINEST = 1e-5  # scale of the reference: near its knots it sees what varies on a hundredth of that
ROOM = 9.0  # q at which overlaps up to 0.9 are those of two quenched fields
MEANS, BIASES = 0.41, 0.07  # sigma_m2 as a part of what the weights allow, sigma_b2
MOST_SHARED, REACH = 0.95, 9.0  # correlation of a pair averaged over what it shares; deviations of that
FARTHER = 12.0  # deviations more, where a neuron changes at a knot so far out
SOURCES = {"Softplus": lambda x: np.logaddexp(0.0, x), "HardTanh": lambda x: np.clip(x, -1, 1),
           "Box": lambda x: np.where(np.abs(x) < 1, 1.0, 0.0),
           "erf": special.erf, "erfc": special.erfc, "Heaviside": lambda x, *_: np.where(x > 0, 1.0, 0.0)}  # fmt: skip

Function = Callable[[np.ndarray], np.ndarray]
Knots = tuple[float, ...]


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
        knots = knots_of(mean.subs(h, u), second.subs(h, u))
        declared = None if neurons.backward is None else at_some_value(neurons.backward)
        slope = None if declared is None else (declared_function(declared), knots_of(declared.subs(h, u)))
        return cls(is_relative(theory.mean_field), declared_function(mean), declared_function(second), knots,
                   theory.maps.takes_total, rho, square, BIASES, own, slope)  # fmt: skip

    def neuron(self, field: float, variance: float) -> tuple[float, float]:
        """E x and E x^2 at a mean of the field and its variance, 0 where it has none."""
        at = np.array(field)
        if variance == 0:
            return float(self.mean(at)), float(self.second(at))
        mean, second = (_mean(each, variance, self.knots, field) for each in (self.mean, self.second))
        return (mean if self.own is None else float(self.own(variance)[0](at))), second

    def total(self, T: float) -> float:
        """T'."""
        return self.annealed(T) + self.sigma_b2

    def annealed(self, T: float) -> float:
        """rho E x^2."""
        return self.rho * _mean(self.second, T, self.knots)

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


def _own(theory: Theory) -> Callable[[float], tuple[Function, Knots]]:
    """The neuron of a form that approximates the integral over the field, as a function of hbar, at an annealed D."""
    mean = at_some_value(theory.forward.mean.definition)
    source = sp.lambdify((hbar, Sigma), mean, [SOURCES, "scipy", "numpy"])

    @cache
    def at(annealed: float) -> tuple[Function, Knots]:
        knots = knots_of(mean.subs({hbar: u, Sigma: sp.Float(annealed, 17)}))
        return lambda x: np.asarray(source(x, annealed), np.float64), knots

    return at


@lru_cache(maxsize=256)  # and with the functions what is integrated of them: neurons differ in slope or treatment alone
def declared_function(expression: sp.Expr) -> Function:
    """A declared function of h, on arrays of any shape."""
    source = sp.lambdify(h, expression, [SOURCES, "scipy", "numpy"])

    def value(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(source(np.asarray(x, np.float64)), np.float64), np.shape(x))

    return value


@lru_cache(maxsize=256)
def knots_of(*expressions: sp.Expr) -> Knots:
    """0 and where functions of u break, in order."""
    breaks = {float(each) for expression in expressions for each in pieces(expression).breaks}
    return tuple(sorted({0.0, *breaks}))


@lru_cache(maxsize=1024)
def _mean(function: Function, variance: float, knots: Knots, mean: float = 0.0) -> float:
    return float(expectation(function, variance, mean=mean, knots=knots, scale=FINEST, rtol=SURE, most=MOST).value)


@lru_cache(maxsize=1024)
def _pair(function: Function, variance: float, correlation: float, knots: Knots) -> float:
    """E f(u) f(v) as the mean square of f averaged over what u and v do not share, for a correlation below 0 turned.

    An average is found to a part of the root of their mean square: far out, f as declared may have no digits left.
    """
    shared = abs(correlation)
    if shared > MOST_SHARED:
        found = pair_expectation(function, function, variance, correlation, knots=knots, scale=FINEST, rtol=SURE)
        return float(found.value)
    step = min(np.sqrt((1 - shared) / max(shared, 0.1)), 1) / 6  # analytic in w: the trapezoidal rule converges at once
    reach = REACH + min(max(map(abs, knots)) / np.sqrt(variance), FARTHER)
    w = step * np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1)
    density, means = step * np.exp(-w * w / 2) / np.sqrt(2 * np.pi), np.sqrt(variance * shared) * w
    averages = partial(expectation, function, variance * (1 - shared), knots=knots, scale=FINEST, most=MOST)
    size = np.sqrt(np.sum(8 * density[::8] * averages(mean=means[::8], rtol=ROUGH).value ** 2))
    given = averages(mean=means, rtol=SURE, atol=SURE * size).value
    return float(np.sum(density * given * (given if correlation >= 0 else given[::-1])))
