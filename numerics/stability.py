"""The fixed points at one (sigma_m2, sigma_b2): all of them, stable or not, and the decay at criticality."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from numerics.newton import SLOPE_ROUNDING
from numerics.solve import MAP_ROUNDING, FixedPoint, error_bound, fixed_point, map_of_q
from theory.correlation import is_relative
from theory.decay import Decay, gap_decay, variance_decay
from theory.derive import Theory
from theory.symbols import T, q, sigma_b2, sigma_m2

SCAN = np.linspace(np.log(1e-14), np.log(1e14), 4001)


@dataclass(frozen=True)
class VarianceFixedPoint:
    """q = q'(q), attracting or not."""

    q: float
    stable: bool


def described(theory: Theory, means: float, biases: float) -> dict[str, Any]:
    """The stable fixed point by name, its error bound, all fixed points of q, and the power laws at criticality."""
    found = fixed_point(theory, means, biases)
    values = {name: float(getattr(found, name)) for name in FixedPoint.__dataclass_fields__}
    everywhere = [vars(point) for point in all_variances(theory, means, biases)]
    laws = {"phase": str(found.phase), "error_bound": float(error_bound(theory, found))}
    return values | laws | {"all_q": everywhere, "decay": decays(theory, found)}


def all_variances(theory: Theory, means: float, biases: float) -> list[VarianceFixedPoint]:
    """Every fixed point of the variance map, 0 and infinity included: sign changes of log q'/q on a fine grid of log q.

    Two roots closer than 1.6 % of q are seen as none, and so are those of a map that is q itself but for rounding.
    Where the field is marginalised exactly, q/(1 + q) follows the replica map, convex and at most 1: beside its
    smallest fixed point, which is stable, it can have 1 only.
    """
    after = map_of_q(theory, means, biases)
    if is_relative(theory.mean_field) and theory.maps.replica_map is not None:
        smallest = float(fixed_point(theory, means, biases).q)
        sharp = np.isinf(after(np.array([np.inf]))[0]) and np.isfinite(smallest)
        return [VarianceFixedPoint(smallest, True), *([VarianceFixedPoint(np.inf, False)] if sharp else [])]

    def excess(log_q: Any) -> Any:
        here = np.exp(log_q)
        with np.errstate(divide="ignore"):
            return np.log(after(here) / here)

    scanned = excess(SCAN)
    points = [VarianceFixedPoint(0.0, bool(scanned[0] < 0))] if after(np.zeros(1))[0] == 0 else []
    certain = np.abs(scanned) > MAP_ROUNDING
    for (low, high), (start, end) in zip(pairwise(SCAN[certain]), pairwise(scanned[certain]), strict=True):
        if (start > 0) != (end > 0):
            root = brentq(lambda x: float(excess(np.array([x]))[0]), low, high, xtol=1e-14, rtol=1e-15)
            points.append(VarianceFixedPoint(float(np.exp(root)), bool(start > 0)))
    if np.isinf(after(np.array([np.inf]))[0]):
        points.append(VarianceFixedPoint(np.inf, bool(scanned[-1] >= 0)))
    return points


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
