"""The fixed points at one (sigma_m2, sigma_b2): all of them, stable or not, and the decay at criticality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from meanbits.numerics.solvers.newton import SLOPE_ROUNDING
from meanbits.numerics.solvers.solve import FixedPoint, error_bound, fixed_point, variance_fixed_points
from meanbits.theory.derive import Theory
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.stages.decay import Decay, gap_decay, variance_decay
from meanbits.theory.symbols import T, q, sigma_b2, sigma_m2


@dataclass(frozen=True)
class VarianceFixedPoint:
    """q = q'(q), attracting or not."""

    q: float
    stable: bool


def described(theory: Theory, means: float, biases: float) -> dict[str, Any]:
    """The fixed point by name, its error bound, all fixed points of q, and the power laws at criticality.

    every_q: whether every q is fixed, and all_q empty. bistable: whether more than one q is stable; q is the one that
    layers come to from q = 1, and jumps to another where that ends (a transition of first order).
    """
    found = fixed_point(theory, means, biases)
    values: dict[str, float | None] = {name: float(getattr(found, name)) for name in FixedPoint.__dataclass_fields__}
    everywhere = [vars(point) for point in all_variances(theory, means, biases)]
    kinds = {"every_q": not everywhere, "bistable": sum(point["stable"] for point in everywhere) > 1}
    values |= {name: None if np.isnan(value) else value for name, value in
               (("chi_g", float(found.chi_g)), ("xi_g", float(found.xi_g)))}  # fmt: skip
    laws = {"phase": str(found.phase), "error_bound": float(error_bound(theory, found))}
    return values | laws | {"all_q": everywhere, **kinds, "decay": decays(theory, found)}


def all_variances(theory: Theory, means: float, biases: float) -> list[VarianceFixedPoint]:
    """Every fixed point of the variance map, 0 and infinity included; none where every q is one (`every_q`).

    Where the field is marginalised exactly, q/(1 + q) follows the replica map, convex and at most 1: beside its
    smallest fixed point, which is stable, it can have 1 only.
    """
    found = variance_fixed_points(theory, means, biases)
    points = [VarianceFixedPoint(float(q), bool(stable)) for q, stable in zip(found.x, found.stable, strict=True)]
    if not points or not is_relative(theory.mean_field) or theory.maps.replica_map is None:
        return points
    smallest = float(fixed_point(theory, means, biases).q)
    sharp = np.isinf(points[-1].q) and np.isfinite(smallest)
    return [VarianceFixedPoint(smallest, True), *([VarianceFixedPoint(np.inf, False)] if sharp else [])]


def decays(theory: Theory, found: FixedPoint) -> dict[str, dict[str, float]]:
    """Power laws amplitude * l^-exponent of the gap where chi_1 = 1, of q where its slope is 1 at q = 0."""
    laws: dict[str, dict[str, float]] = {}
    aligned = theory.criticality is not None and theory.criticality.alignment == 0
    if aligned and 0 < found.q < np.inf and abs(found.chi_1 - 1) <= SLOPE_ROUNDING:
        laws |= _evaluated("gap", gap_decay(theory.maps), found)
    if found.q == 0 and abs(found.dq - 1) <= SLOPE_ROUNDING:
        laws |= _evaluated("q", variance_decay(theory.maps), found)
    return laws


def _evaluated(name: str, law: Decay | None, found: FixedPoint) -> dict[str, dict[str, float]]:
    if law is None:
        return {}
    values = {q: found.q, T: found.T, sigma_m2: found.sigma_m2, sigma_b2: found.sigma_b2}
    amplitude = law.amplitude.subs({symbol: sp.Float(float(value), 17) for symbol, value in values.items()})
    return {name: {"exponent": float(law.exponent), "amplitude": float(amplitude.evalf(17))}}
