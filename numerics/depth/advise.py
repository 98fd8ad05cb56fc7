"""Which initialisation to use for a depth, by the rule that signals reach about six depth scales."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.ready import AtGain, ReadyTheory, Row, Worded, derived, paper_row, traits_of
from meanbits.numerics.emission.traits import PHI_OF_SIGNS, MeansTraits, Traits
from meanbits.numerics.solvers.gradients import GradientScales, gradient_scales
from meanbits.numerics.solvers.newton import SLOPE_ROUNDING, Array
from meanbits.numerics.solvers.search import first_reached, largest
from meanbits.numerics.solvers.solve import FixedPoint, fixed_point

if TYPE_CHECKING:
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.declarations.words import Words
    from meanbits.theory.derive import Theory

SCALES = 6  # a depth of 6 xi_c trains: Schoenholz et al. 2017, section 6, and figure 2 of Stamatescu et al. 2020
BIASES = 1e-3  # the paper's sigma_b2
DEEPEST = 10**9
MEANS = 0.8  # sigma_m2 at which a gain is sought: means well off 0, and variance left in the weights
LARGEST_MEANS = 100.0  # of weights without a bound
BORDER = 0.99  # of what the weights allow: at 1 they are no longer random, and no step can move them up
LARGEST_GAIN = 100.0
GRID = 41
WORTH = 1.1  # times as far a state must reach for its gradients to grow or vanish
ROUNDING = 1e-9  # of chi_1 at a crossing: more means that it jumps across 1, at a transition of first order


@dataclass(frozen=True, repr=False)
class Advice:
    """An initialisation and how deep it reaches: reach = 6 xi_c layers, infinite at criticality.

    xi_g: depth scale of squared gradients that see a declared slope, negative where they vanish, which bounds the reach
    too; infinite where the slope is the neurons' own and gradients reach as far as signals. fault: why no depth trains,
    whatever its reach. options: the words that name the surrogate on a command line; None where it has parts without a
    name. instead: another form of it that does train at this depth, where this one does not.
    """

    subject: Surrogate | ReadyTheory | AtGain
    depth: int
    sigma_m2: float
    sigma_b2: float
    gain: float | None
    chi_1: float
    xi_c: float
    options: str | None = None
    fault: str | None = None
    xi_g: float = np.inf
    instead: Advice | None = None

    def __repr__(self) -> str:
        lines = "\n".join(f"{name:<10} {value}" for name, value in self._told.items() if value is not None)
        return lines if self.instead is None else f"{lines}\n\ninstead:\n{self.instead!r}"

    @property
    def surrogate(self) -> Surrogate:
        """What is advised about."""
        return self.subject.derived.surrogate if isinstance(self.subject, Worded) else self.subject

    @property
    def _told(self) -> dict[str, object]:
        """What people read, by name; None where it says nothing."""
        bounded = not math.isinf(self.xi_g)
        return {"surrogate": self.subject.name,
                f"depth {self.depth}": "trainable" if self.trainable else f"not trainable: {self.reason}",
                "options": self.options, "sigma_m2": self.sigma_m2, "sigma_b2": self.sigma_b2, "gain": self.gain,
                "chi_1": self.chi_1, "xi_c": self.xi_c, "xi_g": self.xi_g if bounded else None,
                "reach" if bounded else "6 xi_c": self.reach}  # fmt: skip

    @property
    def reach(self) -> float:
        """The depth, in layers, to which inputs can be told apart and gradients neither vanish nor explode."""
        return SCALES * min(abs(self.xi_c), abs(self.xi_g))

    @property
    def trainable(self) -> bool:
        """Whether the depth is within reach, and gradients are there."""
        return self.fault is None and self.depth <= self.reach

    @property
    def reason(self) -> str | None:
        """Why the depth is not trainable."""
        if self.trainable:
            return None
        if self.fault is None and abs(self.xi_g) < abs(self.xi_c):
            how = "grow" if self.xi_g > 0 else "vanish"
            return f"squared gradients {how} by e in {abs(self.xi_g):.3g} layers, and reach 6 |xi_g| = {self.reach:.3g}"
        return self.fault or f"inputs are forgotten within 6 xi_c = {self.reach:.3g} layers"


def advise(theory: Theory | ReadyTheory, depth: int, sigma_b2: float = BIASES, words: Words | None = None) -> Advice:
    """The sigma_m2 of largest depth scale at this sigma_b2, critical where one is, and what to use instead if it fails.

    words: the arguments of `declarations.compose.compose` that give the surrogate, where they are at hand.

    Raises:
        ValueError: depth out of the domain, a single layer, or sigma_b2 out of the domain.

    >>> from meanbits.theory.declarations.compose import compose
    >>> from meanbits.theory.derive import derive
    >>> advice = advise(derive(compose("deterministic")), depth=30)
    >>> advice.trainable, round(advice.instead.gain, 3), advice.instead.reach
    (False, 1.462, inf)
    """
    if isinstance(depth, bool) or not 1 <= depth <= DEEPEST or depth != int(depth):
        raise ValueError(f"depth = {depth}: it must be a whole number between 1 and {DEEPEST:g}")
    given = _words_of(theory) if words is None else words
    best = replace(_best(theory, int(depth), sigma_b2), options=_options(given))
    if best.trainable or not traits_of(theory).has_paper_form:
        return best
    return replace(best, instead=_with_gain(theory, int(depth), sigma_b2, given))


def _words_of(theory: Theory | ReadyTheory) -> Words | None:
    if isinstance(theory, ReadyTheory):
        return theory.words
    from meanbits.theory.declarations.words import words_of

    return words_of(theory.surrogate)


def _best(theory: Theory | ReadyTheory, depth: int, sigma_b2: float) -> Advice:
    traits = traits_of(theory)
    means = _variances(traits.weights)

    def at(values: Array) -> FixedPoint:
        return fixed_point(theory, values, sigma_b2)

    if traits.slope_declared:
        return _best_both_ways(theory, depth, at, means)
    critical = _critical(at, means)
    chosen = largest(lambda values: np.abs(at(values).xi_c), means) if critical is None else critical
    return _advice(_subject(theory), traits, depth, at(np.array(chosen)), is_critical=critical is not None)


def _subject(theory: Theory | ReadyTheory) -> Surrogate | ReadyTheory:
    return theory if isinstance(theory, ReadyTheory) else theory.surrogate


def _best_both_ways(
    theory: Theory | ReadyTheory, depth: int, at: Callable[[Array], FixedPoint], means: Array
) -> Advice:
    """Where signals and gradients reach farthest: gradients of chi_g = 1, unless others reach `WORTH` times as far."""

    def scales(found: FixedPoint) -> GradientScales:
        known = gradient_scales(theory, found)
        assert known is not None
        return known

    def shorter(values: Array) -> Array:
        found = at(values)
        return np.fmin(np.abs(found.xi_c), np.abs(scales(found).xi_g))

    steady, farthest = _critical(at, means, lambda found: scales(found).mean_squared), largest(shorter, means)
    if steady is not None and shorter(np.array([farthest]))[0] > WORTH * abs(at(np.array(steady)).xi_c):
        steady = None
    found = at(np.array(farthest if steady is None else steady))
    xi_g = np.inf if steady is not None else float(scales(found).xi_g)
    return replace(_advice(_subject(theory), traits_of(theory), depth, found, is_critical=False), xi_g=xi_g)


def _with_gain(theory: Theory | ReadyTheory, depth: int, sigma_b2: float, words: Words | None) -> Advice | None:
    """The same network in paper form, at the gain that makes it critical; None where none does."""
    limit = traits_of(theory).weights.mean_limit
    assert limit is not None
    means, unit = MEANS * limit**2, _paper_form(theory)
    gain = _critical(lambda gains: fixed_point(unit, means, sigma_b2, gains),
                     np.geomspace(1 / LARGEST_GAIN, LARGEST_GAIN, GRID))  # fmt: skip
    if gain is None:
        return None
    found = fixed_point(unit, means, sigma_b2, gain)
    return replace(_advice(_at_gain(unit, gain), traits_of(unit), depth, found, is_critical=True),
                   options=_options(_with_form(words, gain)))  # fmt: skip


def _paper_form(theory: Theory | ReadyTheory) -> Theory | ReadyTheory:
    """The paper form of gain 1, ready where it was generated."""
    known = paper_row(theory)
    if known is not None:
        return known
    from meanbits.theory.declarations.surrogates import in_paper_form
    from meanbits.theory.derive import derive

    return derive(in_paper_form(derived(theory).surrogate))


def _at_gain(unit: Theory | ReadyTheory, gain: float) -> Surrogate | AtGain:
    if isinstance(unit, Row):
        return unit.at_gain(gain)
    from meanbits.theory.declarations.surrogates import in_paper_form

    return in_paper_form(derived(unit).surrogate, gain)


def _with_form(words: Words | None, gain: float) -> Words | None:
    """Words for the paper form at a gain, of the phi that is there or of that of signs."""
    if words is None:
        return None
    phi = (words.get("phi") or "tanh") if words.get("form") == "paper" or words.get("phi") else PHI_OF_SIGNS
    return {**words, "form": "paper", "phi": phi, "gain": repr(gain)}


def _options(words: Words | None) -> str | None:
    """Words of a command line, quoted where a shell needs it."""
    if words is None:
        return None
    given = {name: value for name, value in words.items() if value is not None}
    name = [given.pop("name")] if "name" in given else []
    return shlex.join([*name, *(word for option, value in given.items() for word in (f"--{option}", value))])


def _variances(weights: MeansTraits) -> Array:
    """Where to look for sigma_m2: all that the weights allow."""
    if weights.mean_square is not None:
        return np.array([weights.mean_square])
    if weights.mean_limit is None:
        return np.geomspace(1 / LARGEST_MEANS, LARGEST_MEANS, GRID)
    return np.linspace(0, BORDER * weights.mean_limit**2, GRID)


def _critical(
    at: Callable[[Array], FixedPoint], values: Array, slope: Callable[[FixedPoint], Array] = lambda found: found.chi_1
) -> float | None:
    """The largest value at which chi_1, or another slope, rises to 1, where it does not jump, to the last digit."""
    chi_1 = np.atleast_1d(slope(at(values)))
    rising = np.flatnonzero((chi_1[:-1] < 1) & (chi_1[1:] >= 1) & (chi_1[1:] < np.inf))
    for each in rising[::-1]:
        found = first_reached(lambda inner: slope(at(inner)) >= 1, float(values[each]), float(values[each + 1]))
        sides = np.abs(slope(at(np.array(found))) - 1)
        if np.min(sides) <= ROUNDING:
            return found[int(np.argmin(sides))] if sides[1] > SLOPE_ROUNDING else found[1]
    return None


def _advice(
    subject: Surrogate | ReadyTheory | AtGain, traits: Traits, depth: int, found: FixedPoint, is_critical: bool
) -> Advice:
    gain = _gain(subject)
    xi_c = np.inf if is_critical else float(found.xi_c)
    point = float(found.sigma_m2), float(found.sigma_b2), gain, float(found.chi_1), xi_c
    return Advice(subject, depth, *point, fault=_fault(traits, found))


def _gain(subject: Surrogate | ReadyTheory | AtGain) -> float | None:
    """That of the paper form."""
    if isinstance(subject, AtGain):
        return subject.gain
    if isinstance(subject, ReadyTheory):
        return subject.traits.gain if subject.traits.form == "paper" else None
    return float(subject.form.gain) if subject.form.name == "paper" else None


def _fault(traits: Traits, found: FixedPoint) -> str | None:
    """Why gradients do not train, whatever the depth scale."""
    if not traits.passes_gradient:
        return (f"no gradient: {traits.neurons} neurons jump and are flat elsewhere; give gradients a slope, "
                "as in --backward clip, or marginalise the field")  # fmt: skip
    if np.isinf(found.q) and found.dq < 1 - SLOPE_ROUNDING:
        return "the field variance grows from layer to layer without bound; choose other neurons"
    return None
