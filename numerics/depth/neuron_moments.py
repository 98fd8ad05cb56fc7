"""Gaussian expectations of neurons as numbers, from the functions emitted for a layer of them behind fixed weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.belief import check_against_definitions
from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.emission.emit import (
    Section,
    backward_section,
    compile_functions,
    emitted_functions,
    gap_section,
    total_section,
)
from meanbits.theory.declarations.blocks import Factors
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.straight_through import with_own_slope
from meanbits.theory.declarations.surrogates import NONE, SAMPLE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import Theory, derive
from meanbits.theory.stages.backward import seen_slope
from meanbits.theory.symbols import h, u

ALONE = (1.0, 0.0)  # sigma_m2 and sigma_b2 of a layer that adds nothing to its neurons
Array = Any


class NeuronMoments:
    """`declarations.blocks.Expectations` on arrays, which broadcast; gradients of neurons that only jump are NaN."""

    def square(self, neurons: Neurons, total: Array) -> Array:
        return _maps(neurons).total_map(total, *ALONE)

    def fall(self, neurons: Neurons, total: Array, fall: Array) -> Array:
        """Of a row of pairs each for itself: the same pair of inputs comes again as the typical one."""
        given = [np.asarray(each, np.float64) for each in (total, fall)]
        if given[1].ndim > given[0].ndim:
            return np.stack([self.fall(neurons, total, row) for row in given[1]])
        if not neurons.is_random and not np.any(fall):  # equal fields, as two runs of one input are in sharp layers
            return 0.0 * given[0]
        return _fall(neurons, *((each.tobytes(), each.shape) for each in given))

    def slope(self, neurons: Neurons, total: Array, fall: Array) -> Array:
        steep = _maps(neurons).chi_at_gap(_gap(total, fall), total, *ALONE)
        return steep * self.square(neurons, total) / total

    def gradients(self, neurons: Neurons, total: Array, fall: Array) -> Factors:
        if neurons.backward is not None:
            overlap = _gradients(neurons).gradient_overlap(1 - _gap(total, fall), total, *ALONE)
            return Factors(self.growth(neurons, total), overlap)
        return Factors(self.growth(neurons, total), self.slope(neurons, total, fall))

    def growth(self, neurons: Neurons, total: Array) -> Array:
        """E g(u)^2 of the slope g that gradients see."""
        if neurons.backward is not None:
            return _gradients(neurons).gradient_growth(total, *ALONE)
        return np.nan if neurons.jumps else self.slope(neurons, total, np.zeros_like(total))

    def fourth(self, neurons: Neurons, total: Array) -> Array:
        """E g(u)^4 of the slope that gradients see: the mean square of a slope g^2."""
        slope = seen_slope(neurons).subs(u, h)
        squared = replace(neurons, name=f"{neurons.name}, slope squared", backward=slope**2)
        return self.growth(squared, total)


class Squares(NeuronMoments):
    """Of gradients of one input alone: the overlap with those of another, which takes longest, is NaN."""

    def gradients(self, neurons: Neurons, total: Array, fall: Array) -> Factors:
        return Factors(self.growth(neurons, total), np.nan)


@lru_cache(maxsize=16)  # slopes and gradients of a chain follow the flow that its forward pass has followed
def _fall(neurons: Neurons, *given: tuple[bytes, tuple[int, ...]]) -> Array:
    total, fall = (np.frombuffer(values).reshape(shape) for values, shape in given)
    return _maps(neurons).total_map(total, *ALONE) * _maps(neurons).gap_map(_gap(total, fall), total, *ALONE)


def _gap(total: Array, fall: Array) -> Array:
    """1 - c, in [0, 2] whatever rounding left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.nan_to_num(fall / total), 0.0, 2.0)


@lru_cache(maxsize=64)
def _maps(neurons: Neurons) -> SimpleNamespace:
    """What neurons pass on, whatever slope gradients see in them; by quadrature once for each distinct point."""
    alone = with_own_slope(neurons)
    functions = _checked(alone, total_section, gap_section)
    if not derived_traits(_theory(alone)).by_quadrature:
        return functions
    return SimpleNamespace(**{name: _of_distinct(each) for name, each in vars(functions).items() if callable(each)})


def _of_distinct(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of arrays that looks at no point twice: behind a norm all fields have one variance."""

    def of_points(*arguments: Array) -> Array:
        arrays = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in arguments))
        points, places = np.unique(np.reshape(arrays, (len(arrays), -1)), axis=1, return_inverse=True)
        return np.asarray(function(*points))[places.ravel()].reshape(arrays[0].shape)[()]

    return of_points


def _gradients(neurons: Neurons) -> SimpleNamespace:
    """What gradients see of a declared slope."""
    return _checked(neurons, backward_section)


@lru_cache(maxsize=128)
def _checked(neurons: Neurons, *sections: Section) -> SimpleNamespace:
    """Functions of a layer, compared with their definitions: no others are derived."""
    theory = _theory(neurons)
    functions = compile_functions(theory, emitted_functions(theory, sections), NUMPY)
    check_against_definitions(theory, functions)
    return functions


def _theory(neurons: Neurons) -> Theory:
    return derive(Surrogate(neurons.name, FIXED, neurons, SAMPLE if neurons.is_random else NONE, ""))
