"""At criticality perturbations decay as powers of depth, not exponentially: the exponents and amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.correlation import Maps
from meanbits.theory.stages.gap import alike, unlike, variance_map
from meanbits.theory.stages.overlap import Overlap, overlap_of
from meanbits.theory.symbols import C, c, overlap, q, sigma_b2, u


@dataclass(frozen=True)
class Decay:
    """amplitude * depth^(-exponent), in the limit of great depth."""

    exponent: sp.Expr
    amplitude: sp.Expr


def gap_decay(maps: Maps) -> Decay | None:
    """1 - c after many layers where chi_1 = 1 and c = 1 is a fixed point; None where the slope at c = 1 is infinite or
    the map linear.

    chi = 1 - b gap^s near c = 1, so that d gap/dl = -b gap^(1+s) / (1+s). A smooth neuron has s = 1, b the curvature of
    the correlation map; jumps J of its slope at k give s = 1/2, b = V^(3/2) sum J^2 n(k; V) / sqrt(pi) per norm.
    """
    found = overlap_of(maps)
    if found is None or (found.function.diff(u).has(sp.DiracDelta) and found.correlation == 1):
        return None
    covariance, norm = maps.mean_field.covariance, maps.correlation_map.definition.as_numer_denom()[1]
    per_norm = covariance.coeff(C) / evaluate_all(norm.subs(c, 1))
    bend = found.function.diff(u, 2)
    if found.correlation == 1 and bend.has(sp.DiracDelta):
        rate, power = _rate_of_kinks(found, bend), sp.Rational(1, 2)
    else:
        curvature = evaluate_all(found.kernel.diff(overlap, 2).subs(overlap, found.correlation))
        rate, power = curvature * found.correlation**2, sp.S.One
    rate = tidy_rational(rate * per_norm)
    return None if rate == 0 else _power_law(rate, power)


def _power_law(rate: sp.Expr, power: sp.Expr) -> Decay:
    """The solution of d x/dl = -rate x^(1+power) / (1+power)."""
    return Decay(1 / power, ((1 + power) / (power * rate)) ** (1 / power))


def _rate_of_kinks(found: Overlap, bend: sp.Expr) -> sp.Expr:
    """E (f'(u) - f'(v))^2 / 2 for u - v small: a jump J counts where it lies between u and v."""
    total = sp.S.Zero
    for delta in sorted(bend.atoms(sp.DiracDelta), key=sp.default_sort_key):
        (knot,) = sp.solve(delta.args[0], u)
        jump = sp.expand(bend).coeff(delta).subs(u, knot)
        density = sp.exp(-(knot**2) / (2 * found.variance)) / sp.sqrt(2 * sp.pi * found.variance)
        total += jump**2 * density
    return found.variance * sp.sqrt(found.variance / sp.pi) * total


def variance_decay(maps: Maps) -> Decay | None:
    """q after many layers where q = 0 is a fixed point of slope 1: its next term by the Taylor series of the neuron."""
    found = overlap_of(maps)
    if found is None or not found.variance.has(q):
        return None
    square = sp.series(found.function**2, u, 0, 5).removeO()
    growth = sum(square.coeff(u, 2 * n) * sp.factorial2(2 * n - 1) * found.variance**n for n in range(3))
    after = variance_map(maps).doit().subs({alike: growth, unlike: 1 - growth, sigma_b2: 0})
    rate = -sp.series(after, q, 0, 3).removeO().coeff(q, 2)
    return Decay(sp.S.One, 1 / sp.simplify(rate)) if rate != 0 else None
