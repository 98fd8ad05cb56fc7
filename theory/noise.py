"""Latent noises of stochastic binary neurons: x = sign(h + alpha Lambda), Lambda symmetric with CDF F."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from theory.grammar import FormulaError, evaluator, parse
from theory.special import HardTanh
from theory.symbols import h

POSITIVE = [*(10 ** (exponent / 4) for exponent in range(-12, 13)), 1e9]
GRID = [*(-point for point in reversed(POSITIVE)), 0.0, *POSITIVE]
TAIL, ROUNDING = 1e-6, 1e-12


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
                raise FormulaError(
                    f"noise {self.name}: {kink} has its kink off h = 0, where quadrature cannot follow it"
                )
        value = evaluator(self.cdf)
        values = [value(point) for point in GRID]
        for point, found in zip(GRID, values, strict=True):
            if not math.isfinite(found):
                raise FormulaError(f"noise {self.name}: the CDF {self.cdf} has no finite real value at h = {point:.4g}")
        if any(abs(a + b - 1) > ROUNDING for a, b in zip(values, reversed(values), strict=True)):
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} is not symmetric, F(h) + F(-h) = 1 fails")
        if any(b < a - ROUNDING for a, b in pairwise(values)):
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} is not increasing")
        if abs(values[-1] - 1) > TAIL:
            raise FormulaError(f"noise {self.name}: the CDF {self.cdf} tends to {values[-1]:.4g}, not to 1")

    @property
    def is_kinked(self) -> bool:
        """Whether the CDF has kinks off 0."""
        return self.cdf.has(HardTanh)


GAUSSIAN = NeuronNoise("gaussian", (1 + sp.erf(h / sp.sqrt(2))) / 2)
LOGISTIC = NeuronNoise("logistic", (1 + sp.tanh(h / 2)) / 2)
UNIFORM = NeuronNoise("uniform", (1 + HardTanh(h)) / 2)
LAPLACE = NeuronNoise("laplace", (1 + sp.sign(h) * (1 - sp.exp(-sp.Abs(h)))) / 2)
CAUCHY = NeuronNoise("cauchy", sp.Rational(1, 2) + sp.atan(h) / sp.pi)

NOISES: tuple[NeuronNoise, ...] = (GAUSSIAN, LOGISTIC, UNIFORM, LAPLACE, CAUCHY)


def noise_from_formula(text: str) -> NeuronNoise:
    """A noise declared by its CDF, a formula in h (see `theory.grammar`)."""
    return NeuronNoise(f"cdf:{text}", parse(text))
