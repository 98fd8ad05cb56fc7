"""What spectra ask of a theory, derived and compiled: slopes of its neurons, where they bend, and its 1/N terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from meanbits.numerics.emission.backends import NUMPY, Backend
from meanbits.numerics.emission.emit import compile_functions, field_symbol, is_emittable
from meanbits.numerics.emission.traits import TERMS
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.numerics.spectra.nested import nested_value
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.arbitrary_precision import kinks_of
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.stages.jacobian import has_jacobian, neuron_slopes
from meanbits.theory.stages.width_correction import width_correction
from meanbits.theory.symbols import D, Sigma, T, h, hbar, mu_4, q, sigma_b2, sigma_m2, u

STATE = (q, T, sigma_m2, sigma_b2)


def slope_functions(theory: Theory) -> list[EmittedFunction]:
    """mean_slope and second_moment_slope of a neuron, dm/dhbar and dr/dhbar, with the arguments of its `mean`.

    Raises:
        ValueError: if the neurons have no slope.
    """
    if not has_jacobian(theory.maps):
        raise ValueError(f"{theory.surrogate.name}: it has no Jacobian, its neurons jump, are drawn, or see the input")
    kept = theory.forward.field is not None
    field = field_symbol if kept else hbar
    slopes = [slope.subs({u: field, D: Sigma}, simultaneous=True) for slope in neuron_slopes(theory.maps)]
    titles = {"mean_slope": "slope of the mean", "second_moment_slope": "slope of the second moment"}
    return [EmittedFunction(name, (field,) if kept else (hbar, Sigma), slope, title)
            for (name, title), slope in zip(titles.items(), slopes, strict=True)]  # fmt: skip


@lru_cache(maxsize=64)
def compile_slopes(theory: Theory, backend: Backend = NUMPY) -> SimpleNamespace:
    """`slope_functions` as attributes.

    Raises:
        ValueError: as `slope_functions`, or for a slope without an emitted form.
    """
    return compile_functions(theory, slope_functions(theory), backend)


@lru_cache(maxsize=64)
def kinks_of_slope(theory: Theory) -> tuple[float, ...]:
    """Where the slope bends or jumps: that of fields that are kept, or, nearly so, of integrals over little noise."""
    mean = theory.surrogate.neurons.mean.subs(h, u)
    kinks = kinks_of(neuron_slopes(theory.maps)[0], u) | kinks_of(mean, u)
    return tuple(sorted(float(kink) for kink in kinks if isinstance(kink, sp.Expr) and kink.is_number))


def term_functions(theory: Theory) -> list[EmittedFunction]:
    """The 1/N terms of `stages.width_correction` of a theory with a Jacobian."""
    found = width_correction(theory.jacobian)
    assert found is not None
    arguments, terms = (*STATE, mu_4), (found.fluctuation.closed, found.sigma_derivative.closed)
    titles = ("what fluctuations of Sigma add to the mean squared singular value, times 1/N",
              "what the derivative of Sigma adds to it, times 1/N")  # fmt: skip
    return [EmittedFunction(name, arguments, term, title)
            for name, term, title in zip(TERMS, terms, titles, strict=True)]  # fmt: skip


@dataclass(frozen=True, eq=False)
class DerivedIngredients:
    """`ingredients.Ingredients` of a theory, derived as they are asked for."""

    theory: Theory

    @property
    def has_jacobian(self) -> bool:
        return has_jacobian(self.theory.maps)

    @property
    def is_relative(self) -> bool:
        return is_relative(self.theory.mean_field)

    @property
    def mean_slope(self) -> Callable[..., Any]:
        return compile_slopes(self.theory).mean_slope

    @property
    def kinks(self) -> tuple[float, ...]:
        return kinks_of_slope(self.theory)

    def terms(self, q: float, T: float, sigma_m2: float, sigma_b2: float, fourth_moment: float) -> tuple[float, float]:
        """NaN of what neither code nor a quadrature within quadratures evaluates."""
        state = (q, T, sigma_m2, sigma_b2)
        fluctuation, derivative = (
            _value(self.theory, each, state, fourth_moment) for each in term_functions(self.theory)
        )
        return fluctuation, derivative


def _value(theory: Theory, term: EmittedFunction, state: tuple[float, ...], fourth_moment: float) -> float:
    try:
        if is_emittable(term, True):
            return float(_compiled(theory, term)(*map(np.float64, (*state, fourth_moment))))
        numbers = {symbol: sp.Float(value, 17) for symbol, value in zip(STATE, state, strict=True)}
        return float(nested_value(term.expression.subs(numbers, simultaneous=True), {mu_4: np.array(fourth_moment)}))
    except ValueError:  # no emitted form
        return float(np.nan)


@lru_cache(maxsize=128)
def _compiled(theory: Theory, term: EmittedFunction) -> Callable[..., Any]:
    return getattr(compile_functions(theory, [term], NUMPY), term.name)
