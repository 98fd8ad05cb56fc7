"""Which variances and gains a surrogate's maps take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.emission.ready import ReadyTheory, traits_of
from meanbits.numerics.solvers.newton import Array
from meanbits.theory.errors import shown
from meanbits.theory.sizes import LARGEST

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.derive import Theory

SOLVED = ("total_map", "total_slope", "variance_map", "variance_slope", "gap_map", "chi_at_gap")


def floats(name: str, value: ArrayLike) -> Array:
    """An argument as an array.

    Raises:
        ValueError: what is no number, or one beyond all of floating point.
    """
    try:
        return np.asarray(value, np.float64)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{name} = {shown(repr(value))} is no finite number, nor an array of them") from None


def relative_gain(theory: Theory | ReadyTheory, gain: ArrayLike | None) -> Array:
    """Gains as multiples of the surrogate's own.

    Raises:
        ValueError: a form without a gain, or gains beyond those of `declarations.compose.compose`.
    """
    traits = traits_of(theory)
    if gain is None:
        return np.ones(())
    if traits.form != "paper":
        raise ValueError(f"{traits.name}: form {traits.form} has no gain; use form paper")
    if traits.gain is None:
        raise ValueError(f"{traits.name}: its gain has no value; give it one by the surrogate's `at`")
    sizes = floats("gain", gain)
    if not np.all((sizes >= 1 / LARGEST) & (sizes <= LARGEST)):
        raise ValueError(f"gains must lie between {1 / LARGEST:g} and {LARGEST:g}")
    return sizes / traits.gain


def check_domain(theory: Theory | ReadyTheory, sigma_m2: Array, sigma_b2: Array) -> None:
    """Refuse a theory without code for its maps from layer to layer, and variances that its weights do not have.

    Raises:
        ValueError: with the domain.
    """
    surrogate = traits_of(theory)
    if surrogate.real_input:
        raise ValueError(f"{surrogate.name} is a single layer on real inputs: it has no fixed point")
    if not surrogate.has_gap_map:
        raise ValueError(f"{surrogate.name}: its overlap is no product of one function of each field; no gap map")
    check_maps(theory)
    check_variances(theory, sigma_m2, sigma_b2)


def check_variances(theory: Theory | ReadyTheory, sigma_m2: Array, sigma_b2: Array) -> None:
    """Refuse variances that a surrogate's weights or biases do not have.

    Raises:
        ValueError: with the domain.
    """
    weights = traits_of(theory).weights
    _check_means(weights.name, weights.mean_limit, sigma_m2)
    _check_biases(sigma_b2)


def check_layer_domain(layer: Layer, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> None:
    """Refuse variances that a chain's weights or biases do not have; one that its weights settle is not looked at.

    Raises:
        ValueError: with the domain.
    """
    for weights in layer.open_weights:
        limit = None if weights.mean_limit is None else float(weights.mean_limit)
        _check_means(weights.name, limit, floats("sigma_m2", sigma_m2))
    _check_biases(floats("sigma_b2", sigma_b2))


def _check_means(weights: str, limit: float | None, sigma_m2: Array) -> None:
    top = np.inf if limit is None else limit**2
    if not np.all((sigma_m2 >= 0) & (sigma_m2 <= top) & np.isfinite(sigma_m2)):
        domain = "finite and >= 0" if limit is None else f"in [0, {top:g}]"
        raise ValueError(f"sigma_m2 must be {domain} for {weights} weights")


def _check_biases(sigma_b2: Array) -> None:
    if not np.all((sigma_b2 >= 0) & np.isfinite(sigma_b2)):
        raise ValueError("sigma_b2 must be finite and >= 0")


def check_maps(theory: Theory | ReadyTheory, needed: Sequence[str] = SOLVED) -> None:
    """Refuse a theory that has no code for the maps needed.

    Raises:
        ValueError: with their names, and the part to choose otherwise.
    """
    traits = traits_of(theory)
    missing = [name for name in traits.missing if name in needed]
    if not traits.has_gap_map:
        missing += [name for name in ("gap_map", "chi_at_gap") if name in needed]
    if missing:
        part = "--phi" if traits.has_phi else "--noise or --neurons"
        raise ValueError(f"{', '.join(missing)} of {traits.name}: no closed form, and quadrature does not "
                         f"apply; choose another {part}")  # fmt: skip


def refuse_nan(values: Mapping[str, Array]) -> None:
    """Refuse results of points, among them sigma_m2 and sigma_b2, that are no numbers.

    Raises:
        ValueError: naming the first.
    """
    for name, each in values.items():
        lost = np.flatnonzero(np.isnan(each))
        if lost.size:
            means, biases = (float(values[given][lost[0]]) for given in ("sigma_m2", "sigma_b2"))
            raise ValueError(f"{name} is no number at sigma_m2 = {means:g}, sigma_b2 = {biases:g}; choose others")
