"""Random declarations as Hypothesis draws them, and their maps by sums over quasi-random fields, written apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from scipy import special, stats
from scipy.stats import qmc

from meanbits.theory.declarations.neurons import Neurons, continuous
from meanbits.theory.declarations.noise import NOISES, TWO_POINT, student
from meanbits.theory.declarations.surrogates import MARGINALISE, NETWORK, NONE, SAMPLE, Surrogate
from meanbits.theory.declarations.weights import BINARY, FIXED, Weights, gaussian_weights, ternary
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import h, mean_weight

POINTS = 2**17
FUNCTIONS: tuple[Callable[[sp.Expr], sp.Expr], ...] = (
    sp.tanh, lambda x: sp.erf(x), sp.atan, sp.sign, lambda x: sp.Max(0, x), sp.Abs, HardTanh, sp.sin,
    lambda x: (1 + sp.sign(x)) / 2, lambda x: sp.exp(-(x**2)), lambda x: x / (1 + sp.Abs(x)),
    lambda x: sp.Max(-1, sp.Min(1, x)), lambda x: sp.Piecewise((x / 10, x < 0), (x, True)),
)  # fmt: skip
SCALES = (*(sp.Rational(10) ** k for k in (-3, -1, 0, 0, 0, 1, 3)), sp.Rational(3, 7), sp.Integer(2))
WEIGHTS = (BINARY, BINARY, FIXED, ternary(sp.S.Half), gaussian_weights(sp.Rational(1, 3)))
SHIFTS = (sp.S.Zero, sp.S.Zero, sp.S.Half, sp.Rational(-2, 3), sp.Integer(2))
SOURCES = {"HardTanh": lambda x: np.clip(x, -1, 1), "erf": special.erf}


def affine(inner: sp.Expr) -> st.SearchStrategy[sp.Expr]:
    """scale * inner + shift."""
    return st.builds(lambda scale, shift: scale * inner + shift, st.sampled_from(SCALES), st.sampled_from(SHIFTS))


@st.composite
def functions(draw: st.DrawFn, depth: int = 4) -> sp.Expr:
    """A function of h: compositions, sums, products and maxima of a few, of depth at most 4."""
    if depth == 1 or draw(st.booleans()):
        return draw(st.sampled_from(FUNCTIONS))(draw(affine(h)))
    kind = draw(st.integers(0, 3))
    first = draw(functions(depth=depth - 1))
    if kind == 0:
        return draw(st.sampled_from(FUNCTIONS))(draw(affine(first)))
    second = draw(functions(depth=1))
    return (first + second, first * second, sp.Max(first, second))[kind - 1]


@st.composite
def neurons(draw: st.DrawFn, depth: int) -> Neurons:
    """Continuous ones, laws of 1 to 16 values around one, and signs behind a noise."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        noise = draw(st.sampled_from((*NOISES, TWO_POINT, student(3), student(4))))
        up = noise.probability_up(draw(st.sampled_from((sp.S.Half, sp.S.One, sp.Integer(3)))))
        return Neurons.of_values(noise.name, ((sp.S.One, up), (sp.S.NegativeOne, 1 - up)), noise)
    function = draw(functions(depth=depth))
    if kind < 3:
        return continuous("random", function)
    count = draw(st.integers(1, 16))
    values = tuple((function + sp.Rational(k, 8), sp.Rational(1, count)) for k in range(count))
    return Neurons.of_values("random law", values)


@st.composite
def surrogates(draw: st.DrawFn, depth: int = 4) -> Surrogate | SurrogateError:
    """A surrogate whose parts fit together, or the reason why its neurons are refused."""
    try:
        units = draw(neurons(depth))
    except SurrogateError as error:
        return error
    chosen: Weights = draw(st.sampled_from(WEIGHTS))
    random = chosen.is_random or units.is_random
    treatment = draw(st.sampled_from((MARGINALISE, SAMPLE, NETWORK))) if random else NONE
    return Surrogate("random", chosen, units, treatment, "none")


@lru_cache(maxsize=1)
def normals() -> tuple[np.ndarray, np.ndarray]:
    """A pair of independent standard normals, quasi-random."""
    points = qmc.Sobol(2, seed=7).random(POINTS)
    return tuple(stats.norm.ppf(points[:, k]) for k in range(2))


@dataclass(frozen=True)
class Reference:
    """The maps of a surrogate by sums over fields."""

    surrogate: Surrogate
    sigma_m2: float
    sigma_b2: float

    def _function(self, expression: sp.Expr) -> Callable[[np.ndarray], np.ndarray]:
        source = sp.lambdify(h, expression, [SOURCES, "scipy", "numpy"])
        return lambda x: np.broadcast_to(np.asarray(source(x), np.float64), x.shape)

    @property
    def rho(self) -> float:
        """E S^2."""
        return float(self.surrogate.weights.second.subs(mean_weight, sp.sqrt(sp.Float(self.sigma_m2))))

    def second(self, variance: float) -> float:
        """E x^2 at this field variance."""
        return float(np.mean(self._function(self.surrogate.neurons.second_moment)(np.sqrt(variance) * normals()[0])))

    def overlap(self, variance: float, correlation: float) -> tuple[float, float]:
        """E m(u) m(v), and E m(u)^2 as a scale of its error."""
        u, other = normals()
        function = self._function(self.surrogate.neurons.mean)
        first = function(np.sqrt(variance) * u)
        second = function(np.sqrt(variance) * (correlation * u + np.sqrt(1 - correlation**2) * other))
        return float(np.mean(first * second)), float(np.mean(first**2))

    def total(self, T: float) -> float:
        """T'."""
        return self.rho * self.second(T) + self.sigma_b2

    def maps(self, q: float, c: float, T: float) -> tuple[float, float, float]:
        """q', c' and the norm that c' is relative to."""
        if self.surrogate.treatment.field != "integrated":
            norm = self.total(q)
            return norm, (self.sigma_m2 * self.overlap(q, c)[0] + self.sigma_b2) / norm, norm
        share = q / (1 + q)
        alike, other = (self.sigma_m2 * self.overlap(T, share * each)[0] + self.sigma_b2 for each in (1.0, c))
        annealed = self.rho * self.second(T) - self.sigma_m2 * self.overlap(T, share)[0]
        return alike / annealed if annealed > 0 else np.inf, other / alike, alike
