"""Whether q is a stable fixed point of the variance map on the critical curve: |dq'/dq| < 1 there, by balls.

With A = E f(u)^2, u ~ N(0, V), Stein's lemma gives V dA/dV = E u f f'. A sharp or sampled field has dq'/dq = sigma_m2
dA/dq, and chi_1 = sigma_m2 E f'^2 = 1. A marginalised one, q = Q/D at T = Q + D, has dq'/dq = (1 + q)^2 sigma_m2 dA/dq
/ T and chi_1 = sigma_m2 kappa^2 E f'^2 / D = 1 with V = kappa^2 q, where kappa may depend on D = T / (1 + q).
"""

from __future__ import annotations

from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError
from meanbits.numerics.certificates.branches import Branches, gaussian_mean, x
from meanbits.numerics.certificates.proof import ProofStep, check

HOW = "Stein's lemma, and Gaussian integrals by balls"


def critical_slope(parts: Branches, variance: arb) -> arb:
    """E u f f' / (V E f'^2): dq'/dq of a sharp or sampled field where chi_1 = 1."""
    growth = tuple(part.map(lambda value: x * value * value.diff(x)) for part in parts)
    slopes = tuple(part.map(lambda value: value.diff(x) ** 2) for part in parts)
    return gaussian_mean(growth, variance) / (variance * gaussian_mean(slopes, variance))


def stable_step(slope: arb) -> ProofStep:
    """-1 < dq'/dq < 1."""
    return check("stable q", f"|dq'/dq| < 1: it is {slope}", HOW, lambda: abs(slope) < 1)


def is_stable(parts: Branches, variance: arb) -> bool:
    """Whether balls prove it of a sharp or sampled field."""
    try:
        return bool(abs(critical_slope(parts, variance)) < 1)
    except UnprovedError:
        return False
