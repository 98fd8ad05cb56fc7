"""From a surrogate to its theory: the stages in order. Read this first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType

import sympy as sp

from meanbits.theory import symbols
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.printed import as_latex, as_text
from meanbits.theory.stages.backward import Backward, backward
from meanbits.theory.stages.correlation import Maps, correlation_maps
from meanbits.theory.stages.criticality import Criticality, critical_conditions
from meanbits.theory.stages.gap import GapMaps, gap_maps
from meanbits.theory.stages.jacobian import Jacobian, jacobian
from meanbits.theory.stages.kernel import markov_kernel
from meanbits.theory.stages.marginal import Forward, forward_equations
from meanbits.theory.stages.meanfield import MeanField, mean_field
from meanbits.theory.stages.moments import FieldMoments, field_moments
from meanbits.theory.trace import Step


@dataclass(frozen=True, eq=False)
class Theory:
    """Everything derived from a surrogate, stage by stage; the properties name the results people ask for.

    What the maps do not need is derived when first asked for.
    """

    surrogate: Surrogate
    field: FieldMoments
    forward: Forward
    mean_field: MeanField
    maps: Maps

    def __repr__(self) -> str:
        surrogate = self.surrogate
        parts = f"weights {surrogate.weights.name}, neurons {surrogate.neurons.name}, {surrogate.treatment.name}"
        maps = {"T'": self.total_map, "q'": self.variance_map, "c'": self.correlation_map, "chi": self.chi}
        return as_text(f"Theory of {surrogate.name} ({parts}), {len(self.trace)} steps", maps)

    def _repr_latex_(self) -> str:
        maps = {"T'": self.total_map, "q'": self.variance_map, "c'": self.correlation_map, r"\chi": self.chi}
        return as_latex(maps)

    @property
    def symbols(self) -> ModuleType:
        """The symbols that the expressions are written in: `sympy.diff(theory.chi, theory.symbols.c)`."""
        return symbols

    @property
    def variance_map(self) -> sp.Expr:
        """q' in terms of q, sigma_m2, sigma_b2 (and T for continuous marginalised neurons)."""
        return self.maps.variance_map.closed

    @property
    def covariance_map(self) -> sp.Expr:
        """C' in terms of the fields (Q, D, Q_ab or T)."""
        return self.mean_field.overlap.closed

    @property
    def correlation_map(self) -> sp.Expr:
        """c' in terms of c, q, sigma_m2, sigma_b2."""
        return self.maps.correlation_map.closed

    @property
    def chi(self) -> sp.Expr:
        """dc'/dc in terms of c, q, sigma_m2, sigma_b2."""
        return self.maps.chi.closed

    @property
    def total_map(self) -> sp.Expr:
        """T' in terms of T, sigma_m2, sigma_b2."""
        return self.maps.total_map.closed

    @cached_property
    def jacobian(self) -> Jacobian | None:
        """The mean squared singular value of a layer's Jacobian, where neurons have a derivative."""
        return jacobian(self.maps)

    @cached_property
    def backward(self) -> Backward | None:
        """What a layer does to gradients, where its field is sampled or sharp."""
        return backward(self.maps)

    @cached_property
    def criticality(self) -> Criticality | None:
        """The conditions of critical initialisation; None for a single layer."""
        return critical_conditions(self.maps)

    @cached_property
    def trace(self) -> tuple[Step, ...]:
        """Every step of the derivation, in order."""
        later = (self.jacobian, self.backward, self.criticality)
        return sum((stage.steps for stage in later if stage is not None), self.maps.steps)

    @cached_property
    def gap(self) -> GapMaps | None:
        """The correlation map and chi in terms of the gap 1 - c, where the overlap allows it."""
        return gap_maps(self.maps)

    @property
    def critical_curve(self) -> tuple[sp.Expr, sp.Expr] | None:
        """(sigma_m2, sigma_b2) along q, or None where no curve exists."""
        return None if self.criticality is None else self.criticality.curve


@lru_cache(maxsize=256)
def derive(surrogate: Surrogate) -> Theory:
    """Derive the theory of a surrogate.

    >>> from meanbits.theory.declarations.surrogates import CATALOGUE
    >>> lrt = next(surrogate for surrogate in CATALOGUE if surrogate.name == "lrt")
    >>> derive(lrt).variance_map
    sigma_b2 + 1
    """
    kernel = markov_kernel(surrogate)
    field = field_moments(kernel)
    forward = forward_equations(field)
    order_parameters = mean_field(forward)
    maps = correlation_maps(order_parameters)
    return Theory(surrogate, field, forward, order_parameters, maps)
