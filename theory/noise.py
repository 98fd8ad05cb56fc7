"""Latent noises of stochastic binary neurons: x = sign(h + alpha Lambda), Lambda symmetric with CDF F."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import sympy as sp

from theory.grammar import FormulaError, parse
from theory.special import HardTanh
from theory.symbols import h

GRID = [mpmath.mpf(10) ** (mpmath.mpf(exponent) / 4) for exponent in range(-12, 13)]
FAR = mpmath.mpf(10) ** 9
TAIL = mpmath.mpf(10) ** -6
ROUNDING = mpmath.mpf(10) ** -12


@dataclass(frozen=True)
class NeuronNoise:
    """A symmetric latent noise of scale 1, given by its CDF as an expression in h.

    Raises:
        FormulaError: if the CDF is not real, not increasing from 0 to 1, not symmetric about 1/2, or kinked off 0.
    """

    name: str
    cdf: sp.Expr

    def __post_init__(self) -> None:
        for kink in self.cdf.atoms(sp.Abs, sp.sign):
            if kink.args[0].subs(h, 0) != 0:
                raise FormulaError(f"noise {self.name}: {kink} has its kink off h = 0, where quadrature cannot follow it")
        value = self._evaluator()
        right = [value(point) for point in [*GRID, FAR]]
        left = [value(-point) for point in [*GRID, FAR]]
        centre = value(mpmath.mpf(0))
        if any(abs(a + b - 1) > ROUNDING for a, b in zip([*right, centre], [*left, centre], strict=True)):
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} is not symmetric, F(h) + F(-h) = 1 fails")
        values = [*reversed(left), centre, *right]
        if any(b < a - ROUNDING for a, b in zip(values, values[1:], strict=False)):
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} is not increasing")
        if abs(right[-1] - 1) > TAIL:
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} tends to {mpmath.nstr(right[-1], 4)}, not to 1")

    def _evaluator(self) -> Callable[[mpmath.mpf], mpmath.mpf]:
        clip = {"HardTanh": lambda x: max(-1, min(1, x))}
        function = sp.lambdify(h, self.cdf, modules=[clip, "mpmath"])

        def value(point: mpmath.mpf) -> mpmath.mpf:
            try:
                return mpmath.mpf(function(point))
            except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                raise FormulaError(f"noise {self.name}: the CDF {self.cdf} has no finite real value at h = "
                                   f"{mpmath.nstr(point, 4)}") from None

        return value


GAUSSIAN = NeuronNoise("gaussian", (1 + sp.erf(h / sp.sqrt(2))) / 2)
LOGISTIC = NeuronNoise("logistic", (1 + sp.tanh(h / 2)) / 2)
UNIFORM = NeuronNoise("uniform", (1 + HardTanh(h)) / 2)
LAPLACE = NeuronNoise("laplace", (1 + sp.sign(h) * (1 - sp.exp(-sp.Abs(h)))) / 2)
CAUCHY = NeuronNoise("cauchy", sp.Rational(1, 2) + sp.atan(h) / sp.pi)

NOISES: tuple[NeuronNoise, ...] = (GAUSSIAN, LOGISTIC, UNIFORM, LAPLACE, CAUCHY)


def noise_from_formula(text: str) -> NeuronNoise:
    """A noise declared by its CDF, a formula in h (see `theory.grammar`)."""
    return NeuronNoise(f"cdf:{text}", parse(text))
