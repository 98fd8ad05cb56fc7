"""Which initialisation to use for a depth, by the rule that signals reach about six depth scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from numerics.solve import FixedPoint, fixed_point
from theory.derive import Theory, derive
from theory.surrogates import Form, Surrogate, paper_form
from theory.symbols import h

SCALES = 6  # a depth of 6 xi_c trains: Schoenholz et al. 2017, section 6, and figure 2 of Stamatescu et al. 2020
BIASES = 1e-3  # the paper's sigma_b2
MEANS = 0.8  # sigma_m2 at which a gain is sought: means well off 0, and variance left in the weights
LARGEST_MEANS = 100.0  # of weights without a bound
BORDER = 0.99  # of what the weights allow: at 1 they are no longer random, and no step can move them up
LARGEST_GAIN = 100.0
GRID = 401


@dataclass(frozen=True)
class Advice:
    """An initialisation and how deep it reaches: reach = 6 xi_c layers, infinite at criticality.

    instead: another form of the surrogate that does train at this depth, where this one does not.
    """

    surrogate: Surrogate
    depth: int
    sigma_m2: float
    sigma_b2: float
    gain: float | None
    chi_1: float
    xi_c: float
    instead: Advice | None = None

    @property
    def reach(self) -> float:
        """The depth, in layers, down to which two inputs can still be told apart."""
        return SCALES * abs(self.xi_c)

    @property
    def trainable(self) -> bool:
        """Whether the depth is within reach."""
        return self.depth <= self.reach


def advise(theory: Theory, depth: int, sigma_b2: float = BIASES) -> Advice:
    """The sigma_m2 of largest depth scale at this sigma_b2, critical where one is, and what to use instead if it fails.

    Raises:
        ValueError: depth below 1, a single layer, or sigma_b2 out of the domain.

    >>> from theory.compose import compose
    >>> advice = advise(derive(compose("deterministic")), depth=30)
    >>> advice.trainable, round(advice.instead.gain, 3), advice.instead.reach
    (False, 1.462, inf)
    """
    if depth < 1:
        raise ValueError(f"depth = {depth}: it must be at least 1")
    best = _best(theory, depth, sigma_b2)
    return best if best.trainable else replace(best, instead=_with_gain(theory.surrogate, depth, sigma_b2))


def _best(theory: Theory, depth: int, sigma_b2: float) -> Advice:
    means = _variances(theory.surrogate)
    found = fixed_point(theory, means, sigma_b2)
    at = _crossing(means, found, lambda value: float(fixed_point(theory, value, sigma_b2).chi_1))
    chosen = float(means[np.argmax(_reached(found))]) if at is None else at
    return _advice(theory.surrogate, depth, fixed_point(theory, chosen, sigma_b2), is_critical=at is not None)


def _with_gain(surrogate: Surrogate, depth: int, sigma_b2: float) -> Advice | None:
    """The same network in paper form, at the gain that makes it critical; None where it has no such form."""
    treatment = surrogate.treatment
    if (
        (treatment.field, treatment.propagates) != ("integrated", "mean")
        or not surrogate.neurons.is_binary
        or surrogate.weights.mean_limit is None
    ):
        return None
    phi = sp.erf(h / sp.sqrt(2)) if surrogate.form.phi is None else surrogate.form.phi
    means = MEANS * float(surrogate.weights.mean_limit) ** 2
    unit = derive(_in_paper_form(surrogate, paper_form(phi, sp.S.One)))
    gains = np.geomspace(1 / LARGEST_GAIN, LARGEST_GAIN, GRID)
    found = fixed_point(unit, means, sigma_b2, gains)
    gain = _crossing(gains, found, lambda value: float(fixed_point(unit, means, sigma_b2, value).chi_1))
    if gain is None:
        return None
    form = paper_form(phi, sp.Rational(str(gain)))
    found = fixed_point(unit, means, sigma_b2, gain)
    return _advice(_in_paper_form(surrogate, form), depth, found, is_critical=True)


def _in_paper_form(surrogate: Surrogate, form: Form) -> Surrogate:
    return replace(
        surrogate, name=f"{surrogate.name.split(' (')[0]} (form paper, gain {float(form.gain):g})", form=form
    )


def _variances(surrogate: Surrogate) -> np.ndarray:
    """Where to look for sigma_m2: all that the weights allow."""
    weights = surrogate.weights
    if weights.mean_square is not None:
        return np.array([float(weights.mean_square)])
    if weights.mean_limit is None:
        return np.geomspace(1 / LARGEST_MEANS, LARGEST_MEANS, GRID)
    return np.linspace(0, BORDER * float(weights.mean_limit) ** 2, GRID)


def _crossing(values: np.ndarray, found: FixedPoint, chi_1: Callable[[float], float]) -> float | None:
    """The largest value at which chi_1 rises through 1."""
    pairs = pairwise(zip(values, np.atleast_1d(found.chi_1), strict=True))
    brackets = [(low, high) for (low, before), (high, after) in pairs if before < 1 <= after < np.inf]
    if not brackets:
        return None
    low, high = map(float, brackets[-1])
    return float(brentq(lambda value: chi_1(value) - 1, low, high, xtol=1e-15, rtol=1e-15))


def _reached(found: FixedPoint) -> np.ndarray:
    return np.abs(np.atleast_1d(found.xi_c))


def _advice(surrogate: Surrogate, depth: int, found: FixedPoint, is_critical: bool) -> Advice:
    form = surrogate.form
    gain = float(form.gain) if form.name == "paper" else None
    xi_c = np.inf if is_critical else float(found.xi_c)
    return Advice(surrogate, depth, float(found.sigma_m2), float(found.sigma_b2), gain, float(found.chi_1), xi_c)
