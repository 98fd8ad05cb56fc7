"""What theory expects layer by layer: the orbit of (q, c, T), or of (T, r_aa, r_ab) of noise-independent replicas."""

from __future__ import annotations

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from meanbits.experiments.random_networks.propagation import Dynamics
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.derive import Theory
from meanbits.theory.symbols import A, B, C, sigma_b2, sigma_m2

Array = NDArray[np.float64]


def layer_orbit(dynamics: Dynamics, mean_square: float, overlap: float, depth: int) -> Array:
    """q, c and T of layers 1 to `depth`, (3, depth), of inputs of this mean square and overlap."""
    states = [dynamics.first(mean_square, overlap)]
    while len(states) < depth:
        states.append(dynamics.following(*states[-1]))
    return np.array(states).T


def replica_orbit(dynamics: Dynamics, mean_square: float, overlap: float, depth: int) -> Array:
    """T, r_aa and r_ab, (3, depth): both overlaps follow r' = g(r), from Q_ab/T at C = A and at C = A times overlap.

    Raises:
        ValueError: an approximate treatment, whose replicas follow no map of their own.
    """
    theory = dynamics.theory
    g, total = (getattr(compile_theory(theory), name, None) for name in ("replica_map", "total_map"))
    if depth > 1 and (g is None or total is None):
        raise ValueError(f"{theory.surrogate.name}: no replica map, which exact treatments have")
    means = dynamics.sigma_m2, dynamics.sigma_b2
    totals, overlaps = [dynamics.first(mean_square, overlap)[2]], [_first_overlaps(dynamics, mean_square, overlap)]
    while len(totals) < depth:
        overlaps.append(np.asarray(g(overlaps[-1], totals[-1], *means)))
        totals.append(float(total(totals[-1], *means)))
    return np.vstack([totals, np.transpose(overlaps)])


def _first_overlaps(dynamics: Dynamics, mean_square: float, overlap: float) -> Array:
    """Q_ab/T of the first layer, of two runs of one input and of two inputs; binary inputs have B = 1."""
    mean_field, surrogate = dynamics.theory.mean_field, dynamics.theory.surrogate
    a = 1.0 if surrogate.real_input else mean_square
    b = a if surrogate.treatment.field == "sharp" else 1.0
    given = {A: b if surrogate.treatment.propagates == "sample" else a, B: b,
             sigma_m2: dynamics.sigma_m2, sigma_b2: dynamics.sigma_b2}  # fmt: skip
    covariance: sp.Expr = mean_field.covariance / mean_field.total
    return np.array([float(covariance.subs({**given, C: a * each})) for each in (1.0, overlap)])


def layer_theory(theory: Theory, replicas: bool, variances: tuple[float, float], mean_square: float, overlap: float,
                 depth: int) -> Array:  # fmt: skip
    """The orbit of (q, c, T), or of (T, r_aa, r_ab), at (sigma_m2, sigma_b2), (3, depth).

    Raises:
        ValueError: a map that was not emitted, or an approximate treatment's replicas.
    """
    orbit = replica_orbit if replicas else layer_orbit
    return orbit(Dynamics(theory, *variances), mean_square, overlap, depth)
