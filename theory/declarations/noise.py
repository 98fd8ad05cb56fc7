"""Latent noises of stochastic binary neurons: x = sign(h + alpha Lambda), Lambda with CDF F."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import sympy as sp

from meanbits.theory.declarations.brief import Brief
from meanbits.theory.declarations.given import settle
from meanbits.theory.declarations.grammar import FormulaError, canonical, evaluator, parse
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.domain import check_real
from meanbits.theory.functions.probes import at_some_value
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import h

POSITIVE = sorted({*(10 ** (exponent / 4) for exponent in range(-12, 13)), *(k / 8 for k in range(1, 161)), 1e9})
GRID = [*(-point for point in reversed(POSITIVE)), 0.0, *POSITIVE]
TAIL, ROUNDING = 1e-6, 1e-12
MOST_DEGREES = 30


@dataclass(frozen=True, repr=False)
class NeuronNoise(Brief):
    """A latent noise of scale 1, given by its CDF as an expression in h; skew, kinks and jumps are allowed.

    Raises:
        SurrogateError: if the CDF is not real, or not increasing from 0 to 1.
    """

    name: str
    cdf: sp.Expr

    def __post_init__(self) -> None:
        settle(self, f"noise {self.name}", "cdf")
        check_real(at_some_value(self.cdf))
        value = evaluator(at_some_value(self.cdf))
        values = [value(point) for point in GRID]
        for point, found in zip(GRID, values, strict=True):
            if not abs(found) <= 1 + ROUNDING:
                raise FormulaError(f"noise {self.name}: the CDF {self.cdf} is {found:.4g} at h = {point:.4g}, and no "
                                   "probability")  # fmt: skip
        for low, high in pairwise(zip(GRID, values, strict=True)):
            if high[1] < low[1] - ROUNDING:
                raise FormulaError(f"noise {self.name}: the CDF {self.cdf} falls between h = {low[0]:.4g} and "
                                   f"{high[0]:.4g}; it must not decrease")  # fmt: skip
        for end, found, wanted in (("-infinity", values[0], 0), ("infinity", values[-1], 1)):
            if abs(found - wanted) > TAIL:
                raise FormulaError(f"noise {self.name}: the CDF {self.cdf} tends to {found:.4g}, not to {wanted}, as h "
                                   f"tends to {end}")  # fmt: skip

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether F(h) + F(-h) = 1."""
        value = evaluator(at_some_value(self.cdf))
        return all(abs(value(point) + value(-point) - 1) <= ROUNDING for point in POSITIVE)

    @property
    def is_kinked(self) -> bool:
        """Whether the CDF has kinks or jumps off 0."""
        off = (part.args[0].subs(h, 0) != 0 for part in self.cdf.atoms(sp.Abs, sp.sign, sp.Heaviside))
        return self.cdf.has(HardTanh, sp.Piecewise, sp.Max, sp.Min) or any(off)

    def probability_up(self, scale: sp.Expr) -> sp.Expr:
        """P(h + scale Lambda > 0): F(h/scale) where the noise is symmetric, else 1 - F(-h/scale)."""
        if self.is_symmetric:
            return self.cdf.subs(h, h / scale)
        return 1 - self.cdf.subs(h, -h / scale)


GAUSSIAN = NeuronNoise("gaussian", (1 + sp.erf(h / sp.sqrt(2))) / 2)
LOGISTIC = NeuronNoise("logistic", (1 + sp.tanh(h / 2)) / 2)
UNIFORM = NeuronNoise("uniform", (1 + HardTanh(h)) / 2)
LAPLACE = NeuronNoise("laplace", (1 + sp.sign(h) * (1 - sp.exp(-sp.Abs(h)))) / 2)
CAUCHY = NeuronNoise("cauchy", sp.Rational(1, 2) + sp.atan(h) / sp.pi)
TWO_POINT = NeuronNoise("twopoint", (2 + sp.sign(h - 1) + sp.sign(h + 1)) / 4)

NOISES: tuple[NeuronNoise, ...] = (GAUSSIAN, LOGISTIC, UNIFORM, LAPLACE, CAUCHY)


def student(degrees: int) -> NeuronNoise:
    """Student's t with this many degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4).

    Raises:
        SurrogateError: if they are not a whole number from 1 to 30.
    """
    if not 1 <= degrees <= MOST_DEGREES:
        raise SurrogateError(f"student:{degrees}: give a whole number of degrees of freedom from 1 to {MOST_DEGREES}")
    cosine_squared = degrees / (degrees + h**2)
    term, total = sp.S.One, sp.S.Zero
    for k in range(degrees // 2 if degrees % 2 == 0 else (degrees - 1) // 2):
        total += term
        odd, even = (2 * k + 1, 2 * k + 2) if degrees % 2 == 0 else (2 * k + 2, 2 * k + 3)
        term *= sp.Rational(odd, even) * cosine_squared
    if degrees % 2 == 0:
        cdf = sp.Rational(1, 2) + h / (2 * sp.sqrt(degrees + h**2)) * total
    else:
        angle = sp.atan(h / sp.sqrt(degrees)) + sp.sqrt(degrees) * h / (degrees + h**2) * total
        cdf = sp.Rational(1, 2) + angle / sp.pi
    return NeuronNoise(f"student:{degrees}", cdf)


def noise_from_formula(text: str) -> NeuronNoise:
    """A noise declared by its CDF, a formula in h (see `declarations.grammar`)."""
    return NeuronNoise(f"cdf:{canonical(text)}", parse(text))
