"""Which variances and gains a surrogate's maps take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.emission.emit import maps_section, omitted_functions
from meanbits.numerics.solvers.newton import Array
from meanbits.theory.declarations.options import LARGEST
from meanbits.theory.derive import Theory

SOLVED = ("total_map", "total_slope", "variance_map", "variance_slope", "gap_map", "chi_at_gap")


def relative_gain(theory: Theory, gain: ArrayLike | None) -> Array:
    """Gains as multiples of the surrogate's own.

    Raises:
        ValueError: a form without a gain, or gains beyond those of `declarations.compose.compose`.
    """
    form = theory.surrogate.form
    if gain is None:
        return np.ones(())
    if form.name != "paper":
        raise ValueError(f"{theory.surrogate.name}: form {form.name} has no gain; use form paper")
    sizes = np.asarray(gain, np.float64)
    if not np.all((sizes >= 1 / LARGEST) & (sizes <= LARGEST)):
        raise ValueError(f"gains must lie between {1 / LARGEST:g} and {LARGEST:g}")
    return sizes / float(form.gain)


def check_domain(theory: Theory, sigma_m2: Array, sigma_b2: Array) -> None:
    """Refuse a theory without code for its maps from layer to layer, and variances that its weights do not have.

    Raises:
        ValueError: with the domain.
    """
    surrogate = theory.surrogate
    if surrogate.real_input:
        raise ValueError(f"{surrogate.name} is a single layer on real inputs: it has no fixed point")
    if theory.gap is None:
        raise ValueError(f"{surrogate.name}: its overlap is no product of one function of each field; no gap map")
    check_maps(theory)
    limit = surrogate.weights.mean_limit
    top = np.inf if limit is None else float(limit) ** 2
    if not np.all((sigma_m2 >= 0) & (sigma_m2 <= top) & np.isfinite(sigma_m2)):
        domain = "finite and >= 0" if limit is None else f"in [0, {top:g}]"
        raise ValueError(f"sigma_m2 must be {domain} for {surrogate.weights.name} weights")
    if not np.all((sigma_b2 >= 0) & np.isfinite(sigma_b2)):
        raise ValueError("sigma_b2 must be finite and >= 0")


def check_maps(theory: Theory, needed: Sequence[str] = SOLVED) -> None:
    """Refuse a theory that has no code for the maps needed.

    Raises:
        ValueError: with their names, and the part to choose otherwise.
    """
    missing = [name for name in omitted_functions(theory, (maps_section,)) if name in needed]
    if theory.gap is None:
        missing += [name for name in ("gap_map", "chi_at_gap") if name in needed]
    if missing:
        part = "--noise or --neurons" if theory.surrogate.form.phi is None else "--phi"
        raise ValueError(f"{', '.join(missing)} of {theory.surrogate.name}: no closed form, and quadrature does not "
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
