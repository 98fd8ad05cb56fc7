"""The law of a neuron's squared slope at the Gaussian fields of a fixed point, as nodes and weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import sympy as sp

from meanbits.numerics.emission.backends import NUMPY, Backend
from meanbits.numerics.emission.emit import compile_functions, field_symbol
from meanbits.numerics.emission.error_bounds import NODES, WEIGHTS, Function
from meanbits.numerics.emission.writer import EmittedFunction
from meanbits.numerics.solvers.newton import Array
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.arbitrary_precision import kinks_of
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.stages.jacobian import has_jacobian, neuron_slopes
from meanbits.theory.symbols import D, Sigma, h, hbar, u

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


@lru_cache(maxsize=64)
def compile_slopes(theory: Theory, backend: Backend = NUMPY) -> SimpleNamespace:
    """mean_slope and second_moment_slope of a neuron, dm/dhbar and dr/dhbar, with the arguments of its `mean`.

    Raises:
        ValueError: if the neurons have no slope, or one without an emitted form.
    """
    if not has_jacobian(theory.maps):
        raise ValueError(f"{theory.surrogate.name}: it has no Jacobian, its neurons jump, are drawn, or see the input")
    kept = theory.forward.field is not None
    field = field_symbol if kept else hbar
    slopes = [slope.subs({u: field, D: Sigma}, simultaneous=True) for slope in neuron_slopes(theory.maps)]
    titles = {"mean_slope": "slope of the mean", "second_moment_slope": "slope of the second moment"}
    functions = [EmittedFunction(name, (field,) if kept else (hbar, Sigma), slope, title)
                 for (name, title), slope in zip(titles.items(), slopes, strict=True)]  # fmt: skip
    return compile_functions(theory, functions, backend)


def field_variances(theory: Theory, q: float, total: float) -> tuple[float, float]:
    """Variance of the fields that neurons of a layer differ by, and of the noise integrated out: (Q, D), or (T, 0).

    Raises:
        ValueError: if (q, T) is no field of finite, positive variance.
    """
    relative = is_relative(theory.maps.mean_field)
    if not np.isfinite(q) or not np.isfinite(total) or (relative and not total > 0):
        raise ValueError(f"the field has variance q = {q:g}, T = {total:g}: there is no Jacobian then; choose "
                         "another sigma_m2 or sigma_b2")  # fmt: skip
    return (total * q / (1 + q), total / (1 + q)) if relative else (q, 0.0)


def slope_law(theory: Theory, q: float, total: float) -> SlopeLaw:
    """The law of the squared slope where the field has variances (q, T), as at a fixed point, or its limit.

    Gauss-Legendre panels that end at the kinks of the slope, where atoms come from. At q = 0 or T = 0 fields lie on
    both sides of 0 alike, and far out at T = infinity; marginalised ones of q = infinity have no noise.

    Raises:
        ValueError: as `compile_slopes` does, or for slopes that are no numbers there.
    """
    compiled, (sigma, annealed, at_ends) = compile_slopes(theory).mean_slope, _scales(theory, q, total)

    def square(x: Array) -> Array:
        arguments = (sigma * x, np.float64(annealed)) if annealed else (sigma * x,)
        with np.errstate(all="ignore"):
            return np.broadcast_to(compiled(*arguments), x.shape) ** 2

    sides = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    x, weights = sides if at_ends else _nodes(square, [kink / sigma for kink in _kinks(theory)])
    squares = square(x)
    if np.any(np.isnan(squares)):
        raise ValueError(f"q = {q:g}, T = {total:g}: the slopes of its neurons are no numbers there; choose another "
                         "sigma_m2 or sigma_b2")  # fmt: skip
    distinct, which = np.unique(np.where(squares < FLAT * squares.max(), 0.0, squares), return_inverse=True)
    return SlopeLaw(distinct, np.asarray(np.bincount(which, weights), np.float64))


def _scales(theory: Theory, q: float, total: float) -> tuple[float, float, bool]:
    """Standard deviation of the fields, variance of the noise, and whether the first is but a sign at such a scale."""
    if not is_relative(theory.maps.mean_field):
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


def _kinks(theory: Theory) -> tuple[float, ...]:
    """Where the slope bends or jumps: that of fields that are kept, or, nearly so, of integrals over little noise."""
    mean = theory.surrogate.neurons.mean.subs(h, u)
    kinks = kinks_of(neuron_slopes(theory.maps)[0], u) | kinks_of(mean, u)
    return tuple(sorted(float(kink) for kink in kinks if isinstance(kink, sp.Expr) and kink.is_number))
