"""The law of a neuron's squared slope at the Gaussian fields of a fixed point, as nodes and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.error_bounds import NODES, WEIGHTS, Function
from meanbits.numerics.solvers.newton import Array
from meanbits.numerics.spectra.ingredients import ingredients_of

if TYPE_CHECKING:
    from meanbits.numerics.emission.ready import Row
    from meanbits.theory.derive import Theory

REACH = 12.0  # standard deviations: 4e-33 of the mass is beyond
PANEL = 0.25  # of one, the widest panel
NOTHING, SHARP = 2.0**-480, 2.0**-100  # of a field; of the noise of a sharp one
FLAT = 1e-100  # of the largest squared slope: below, a slope counts as 0
RISE, HALVINGS = 2.0, 12  # of log slope^2 within a panel; more often a panel is not halved, as at a jump


@dataclass(frozen=True, eq=False)
class SlopeLaw:
    """Squared slopes, ascending and distinct, (k,), and their probabilities, (k,); atoms of the law are single nodes.

    The slope is that of the neuron's mean by its field, integrated out or kept, at the fixed point.
    """

    squares: Array
    weights: Array

    def moment(self, order: int) -> float:
        """E slope^(2 order)."""
        return float(self.weights @ self.squares**order)

    @property
    def flat(self) -> float:
        """The probability of slope 0, or of one below 1e-50 of the largest: neurons that pass no gradient."""
        return float(self.weights[self.squares == 0].sum())

    @property
    def spread(self) -> float:
        """E slope^4 / (E slope^2)^2 >= 1, with equality where the slope is constant."""
        return self.moment(2) / self.moment(1) ** 2


def field_variances(theory: Theory | Row, q: float, total: float) -> tuple[float, float]:
    """Variance of the fields that neurons of a layer differ by, and of the noise integrated out: (Q, D), or (T, 0).

    Raises:
        ValueError: if (q, T) is no field of finite, positive variance.
    """
    relative = ingredients_of(theory).is_relative
    if not np.isfinite(q) or not np.isfinite(total) or (relative and not total > 0):
        raise ValueError(f"the field has variance q = {q:g}, T = {total:g}: there is no Jacobian then; choose "
                         "another sigma_m2 or sigma_b2")  # fmt: skip
    return (total * q / (1 + q), total / (1 + q)) if relative else (q, 0.0)


def slope_law(theory: Theory | Row, q: float, total: float) -> SlopeLaw:
    """The law of the squared slope where the field has variances (q, T), as at a fixed point, or its limit.

    Gauss-Legendre panels that end at the kinks of the slope, where atoms come from. At q = 0 or T = 0 fields lie on
    both sides of 0 alike, and far out at T = infinity; marginalised ones of q = infinity have no noise.

    Raises:
        ValueError: as `derived.compile_slopes`, or for slopes that are no numbers there.
    """
    known, (sigma, annealed, at_ends) = ingredients_of(theory), _scales(theory, q, total)
    compiled = known.mean_slope

    def square(x: Array) -> Array:
        arguments = (sigma * x, np.float64(annealed)) if annealed else (sigma * x,)
        with np.errstate(all="ignore"):
            return np.broadcast_to(compiled(*arguments), x.shape) ** 2

    sides = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    x, weights = sides if at_ends else _nodes(square, [kink / sigma for kink in known.kinks])
    squares = square(x)
    if np.any(np.isnan(squares)):
        raise ValueError(f"q = {q:g}, T = {total:g}: the slopes of its neurons are no numbers there; choose another "
                         "sigma_m2 or sigma_b2")  # fmt: skip
    distinct, which = np.unique(np.where(squares < FLAT * squares.max(), 0.0, squares), return_inverse=True)
    return SlopeLaw(distinct, np.asarray(np.bincount(which, weights), np.float64))


def _scales(theory: Theory | Row, q: float, total: float) -> tuple[float, float, bool]:
    """Standard deviation of the fields, variance of the noise, and whether the first is but a sign at such a scale."""
    if not ingredients_of(theory).is_relative:
        inside = 0 < q < np.inf
        return (float(np.sqrt(q)) if inside else NOTHING if q == 0 else 1 / NOTHING), 0.0, not inside
    scale = max(total, NOTHING)
    if np.isinf(q):
        return float(np.sqrt(scale)), scale * SHARP, False
    return float(np.sqrt(scale * q / (1 + q))) or NOTHING, scale / (1 + q), q == 0


def _nodes(square: Function, kinks: list[float]) -> tuple[Array, Array]:
    """Nodes and weights over N(0, 1), the logarithm of the square changing by at most RISE within a panel."""
    half = np.append(np.arange(0, REACH, PANEL), REACH)
    edges = np.unique(np.concatenate([-half, half, [kink for kink in kinks if abs(kink) < REACH]]))
    for _ in range(HALVINGS):
        squares = square(edges)
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = np.abs(np.diff(np.log(squares)))
        matters = np.maximum(squares[1:], squares[:-1]) > FLAT * squares.max()
        steep = np.isfinite(rise) & (rise > RISE) & matters
        if not np.any(steep):
            break
        edges = np.sort(np.concatenate([edges, (edges[1:] + edges[:-1])[steep] / 2]))
    middle, width = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    x = (middle + width * NODES).ravel()
    weights = (width * WEIGHTS).ravel() * np.exp(-x * x / 2)
    return x, weights / weights.sum()
