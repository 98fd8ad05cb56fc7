"""The fixed points at one (sigma_m2, sigma_b2): all of them, stable or not, and the decay at criticality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meanbits.numerics.emission.ready import ReadyTheory, derived, maps_of, traits_of
from meanbits.numerics.solvers.newton import SLOPE_ROUNDING
from meanbits.numerics.solvers.solve import FixedPoint, error_bound, fixed_point, variance_fixed_points

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory
    from meanbits.theory.stages.decay import Decay

WITHIN = (0.5, 2.0)  # a convex map that leaves two inner points where they are, and is at most 1 at 1, leaves all


@dataclass(frozen=True)
class VarianceFixedPoint:
    """q = q'(q), attracting or not."""

    q: float
    stable: bool


def described(theory: Theory | ReadyTheory, means: float, biases: float) -> dict[str, Any]:
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


def all_variances(theory: Theory | ReadyTheory, means: float, biases: float) -> list[VarianceFixedPoint]:
    """Every fixed point of the variance map, 0 and infinity included; none where every q is one (`every_q`)."""
    if traits_of(theory).follows_replicas:
        smallest = fixed_point(theory, means, biases)
        if 0 < smallest.T < np.inf:
            return _of_replicas(theory, smallest)
    found = variance_fixed_points(theory, means, biases)
    return [VarianceFixedPoint(float(q), bool(stable)) for q, stable in zip(found.x, found.stable, strict=True)]


def _of_replicas(theory: Theory | ReadyTheory, smallest: FixedPoint) -> list[VarianceFixedPoint]:
    """Those where the field is marginalised exactly: q/(1 + q) follows the replica map, convex and at most 1.

    Beside its smallest fixed point, which is stable, it can have 1 only, or, if it has two more, every point.
    """
    total = (smallest.T,) if traits_of(theory).takes_total else ()
    given = np.array([*WITHIN, np.inf])
    *within, far = maps_of(theory).variance_map(given, smallest.sigma_m2, smallest.sigma_b2, *total)
    if np.all(np.abs(np.array(within) / WITHIN - 1) <= SLOPE_ROUNDING):
        return []
    sharp = np.isinf(far) and np.isfinite(smallest.q)
    return [VarianceFixedPoint(float(smallest.q), True), *([VarianceFixedPoint(np.inf, False)] if sharp else [])]


def decays(theory: Theory | ReadyTheory, found: FixedPoint) -> dict[str, dict[str, float]]:
    """Power laws amplitude * l^-exponent of the gap where chi_1 = 1, of q where its slope is 1 at q = 0."""
    critical = traits_of(theory).aligned and 0 < found.q < np.inf and abs(found.chi_1 - 1) <= SLOPE_ROUNDING
    marginal = found.q == 0 and abs(found.dq - 1) <= SLOPE_ROUNDING
    if not critical and not marginal:
        return {}
    from meanbits.theory.stages.decay import gap_decay, variance_decay

    maps = derived(theory).maps
    return (_evaluated("gap", gap_decay(maps), found) if critical else {}) | (
        _evaluated("q", variance_decay(maps), found) if marginal else {}
    )


def _evaluated(name: str, law: Decay | None, found: FixedPoint) -> dict[str, dict[str, float]]:
    if law is None:
        return {}
    from sympy import Float

    from meanbits.theory.symbols import T, q, sigma_b2, sigma_m2

    values = {q: found.q, T: found.T, sigma_m2: found.sigma_m2, sigma_b2: found.sigma_b2}
    amplitude = law.amplitude.subs({symbol: Float(float(value), 17) for symbol, value in values.items()})
    return {name: {"exponent": float(law.exponent), "amplitude": float(amplitude.evalf(17))}}
