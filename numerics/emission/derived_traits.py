"""The traits of a theory, read off its stages."""

from __future__ import annotations

from dataclasses import astuple
from functools import lru_cache

import sympy as sp

from meanbits.numerics.emission.emit import maps_section, omitted_functions
from meanbits.numerics.emission.traits import MeansTraits, Traits
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.logistic import TanhMean, TanhOverlap
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.stages.jacobian import has_jacobian
from meanbits.theory.symbols import gap, q

QUADRATURES = (GaussianExpectation, GaussianDifference, GaussianSlope)


@lru_cache(maxsize=256)
def derived_traits(theory: Theory) -> Traits:
    """What solvers ask of a theory."""
    surrogate, relative, critical = theory.surrogate, is_relative(theory.mean_field), theory.criticality
    return Traits(
        name=surrogate.name,
        weights=means_traits(surrogate.weights),
        form=surrogate.form.name,
        gain=float(surrogate.form.gain) if surrogate.form.gain.is_number else None,
        has_phi=surrogate.form.phi is not None,
        real_input=surrogate.real_input,
        is_relative=relative,
        takes_total=theory.maps.takes_total,
        follows_replicas=relative and theory.maps.replica_map is not None,
        has_gap_map=theory.gap is not None,
        missing=omitted_functions(theory, (maps_section,)),
        by_quadrature=theory.gap is not None and sp.Tuple(*astuple(theory.gap.ratios)).has(*QUADRATURES),
        is_costly=_is_costly(theory),
        neurons=surrogate.neurons.name,
        jumps=bool(surrogate.neurons.jumps),
        slope_declared=surrogate.neurons.backward is not None,
        passes_gradient=surrogate.passes_gradient,
        has_paper_form=_has_paper_form(surrogate),
        aligned=critical is not None and critical.alignment == 0,
        gradients=_gradients(theory),
        through_sigma=surrogate.gradient_through_sigma,
    )


def means_traits(weights: Weights) -> MeansTraits:
    """What the law of the weights says of their means."""
    square, limit = (None if each is None else float(each) for each in (weights.mean_square, weights.mean_limit))
    return MeansTraits(weights.name, square, limit)


def _has_paper_form(surrogate: Surrogate) -> bool:
    """Whether the mean of a bit takes the place of an integral over the field, beside weights that a gain can suit."""
    treatment = surrogate.treatment
    integrated = (treatment.field, treatment.propagates) == ("integrated", "mean")
    return integrated and surrogate.neurons.is_binary and surrogate.weights.mean_limit is not None


def _gradients(theory: Theory) -> str:
    if has_jacobian(theory.maps) and theory.surrogate.neurons.backward is None:
        return "own"
    return "none" if theory.backward is None else "declared"


def _is_costly(theory: Theory) -> bool:
    """Whether the ratios hold sums over the mixture that tanh is, or quadratures, and tables can serve them.

    They can where the ratios depend on gap and q alone and the slope at gap 0 is finite.
    """
    if theory.gap is None or theory.criticality is None or theory.criticality.marginal.has(sp.oo):
        return False
    ratios = sp.Tuple(*astuple(theory.gap.ratios))
    return ratios.has(TanhOverlap, TanhMean, *QUADRATURES) and ratios.free_symbols <= {gap, q}
