"""What spectra ask of a theory with a Jacobian: ready of a row of the catalogue, derived of any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from meanbits.numerics.blocks import in_blocks
from meanbits.numerics.emission.generated.spectra import KINKS
from meanbits.numerics.emission.generated_modules import generated_module
from meanbits.numerics.emission.ready import Row
from meanbits.numerics.emission.traits import TERMS, slopes_file

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory


class Ingredients(Protocol):
    """Of one theory."""

    @property
    def has_jacobian(self) -> bool:
        """Whether its neurons have a slope; the rest is there where they have."""
        ...

    @property
    def is_relative(self) -> bool:
        """Whether q is relative to the annealed variance."""
        ...

    @property
    def mean_slope(self) -> Callable[..., Any]:
        """dm/dhbar, with the arguments of a neuron's `mean`."""
        ...

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the slope bends or jumps."""
        ...

    def terms(self, q: float, T: float, sigma_m2: float, sigma_b2: float, fourth_moment: float) -> tuple[float, float]:
        """The 1/N terms of `stages.width_correction`, of fluctuations of Sigma and of its derivative."""
        ...


@dataclass(frozen=True, eq=False)
class ReadyIngredients:
    """Of a row of the catalogue, as they were generated."""

    row: Row

    @property
    def has_jacobian(self) -> bool:
        return self.row.name in KINKS

    @property
    def is_relative(self) -> bool:
        return self.row.traits.is_relative

    @property
    def mean_slope(self) -> Callable[..., Any]:
        return in_blocks(self._module["mean_slope"])

    @property
    def kinks(self) -> tuple[float, ...]:
        return KINKS[self.row.name]

    def terms(self, q: float, T: float, sigma_m2: float, sigma_b2: float, fourth_moment: float) -> tuple[float, float]:
        state = tuple(map(np.float64, (q, T, sigma_m2, sigma_b2, fourth_moment)))
        fluctuation, derivative = (float(self._module[name](*state)) for name in TERMS)
        return fluctuation, derivative

    @cached_property
    def _module(self) -> Mapping[str, Any]:
        return generated_module(slopes_file(self.row.file), "numpy")


def ingredients_of(theory: Theory | Row) -> Ingredients:
    """Those of a theory."""
    if isinstance(theory, Row):
        return ReadyIngredients(theory)
    from meanbits.numerics.spectra.derived import DerivedIngredients

    return DerivedIngredients(theory)
