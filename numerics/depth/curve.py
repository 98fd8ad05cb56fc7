"""A curve of inputs layer by layer at the fixed point: how it stretches, bends and turns.

Between points an angle t apart correlations are 1 - a t^2/2 + b t^4/24, whose image under the correlation map gives a'
= chi_1 a and b' = chi_1 b + 3 chi_1' a^2, chi_1' the second derivative of the map at c = 1. With squared curvature N q
kappa^2 = b/a^2 this is the recursion of Poole et al. 2016, arXiv 1606.05340.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import sympy as sp

from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import c, q, sigma_b2, sigma_m2


@dataclass(frozen=True, eq=False)
class Curve:
    """Arrays (depth + 1,), row 0 a great circle: squared speed, N q times squared curvature, and turning, the angle
    that the tangent turns by over that of the circle; 1 in row 0. q: the variance of its fields."""

    q: float
    expansion: np.ndarray
    curvature: np.ndarray
    turning: np.ndarray


def curve_profile(theory: Theory, depth: int, sigma_m2: float, sigma_b2: float) -> Curve:
    """A great circle of fields at the fixed point, through `depth` layers.

    Raises:
        ValueError: fields that are integrated out, or that vanish or diverge; an infinite curvature, as neurons with
            kinks give.
    """
    if is_relative(theory.maps.mean_field):
        raise ValueError(f"{theory.surrogate.name}: curves are followed for fields that are kept; use treatment none")
    point = fixed_point(theory, sigma_m2, sigma_b2)
    variance, chi = float(point.q), float(point.chi_1)
    if not 0 < variance < np.inf:
        raise ValueError(f"{theory.surrogate.name}: fields come to q = {variance:g} at sigma_m2 = {sigma_m2:g}, "
                         f"sigma_b2 = {sigma_b2:g}, and a curve has no shape there; choose others")  # fmt: skip
    bend = float(_second(theory).map_curvature(np.float64(variance), np.float64(sigma_m2), np.float64(sigma_b2)))
    speeds, bends = [1.0], [1.0]
    for _ in range(depth):
        speeds.append(chi * speeds[-1])
        bends.append(3 * bend / chi**2 + bends[-1] / chi)
    expansion, curvature = np.array(speeds), np.array(bends)
    return Curve(variance, expansion, curvature, np.sqrt(expansion * curvature))


@lru_cache(maxsize=32)
def _second(theory: Theory) -> SimpleNamespace:
    bend = evaluate_all(theory.chi.diff(c).subs(c, 1).doit())
    if bend.has(sp.DiracDelta, sp.oo, sp.zoo, sp.nan):
        raise ValueError(f"{theory.surrogate.name}: its neurons have kinks, and curves behind them no curvature")
    functions = [
        EmittedFunction(
            "map_curvature", (q, sigma_m2, sigma_b2), bend, "second derivative of the correlation map at c = 1"
        )
    ]
    return compile_functions(theory, functions, NUMPY)
