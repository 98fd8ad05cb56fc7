"""What figures of real Gaussian weights share: the edge of chaos in the plane, and the refusal of a surrogate."""

from __future__ import annotations

import numpy as np

from meanbits.numerics.solvers.critical import critical_curve, is_feasible
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.layer import Layer, layer_of
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import Theory, derive


def real_theory(neurons: str) -> Theory:
    """The theory of real weights with these neurons."""
    return derive(compose("continuous", neurons=neurons))


def real_layer(neurons: str) -> Layer:
    """Their chain of blocks."""
    return layer_of(compose("continuous", neurons=neurons))


def edge_of_chaos(neurons: str, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sigma_w2 and sigma_b2 along the edge, by the variances of its fields, where it is feasible; two arrays."""
    theory = real_theory(neurons)
    points = [point for point in critical_curve(theory, variances) if is_feasible(theory, point)]
    return np.array([point.sigma_m2 for point in points]), np.array([point.sigma_b2 for point in points])


def alone(surrogate: Surrogate | None, figure_id: str) -> None:
    """ValueError for a surrogate: the figure shows networks of its own."""
    if surrogate is not None:
        raise ValueError(f"{surrogate.name}: figure {figure_id} shows networks of its own; leave S out")
