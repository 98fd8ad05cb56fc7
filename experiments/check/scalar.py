"""Functions of one number inside a model: found by what they do, known by name or by their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from meanbits.theory.declarations.named_neurons import PLAIN
from meanbits.theory.declarations.neurons import Neurons, leaky_relu, step
from meanbits.theory.declarations.straight_through import SLOPES, straight_through

Function = Callable[[Tensor], Tensor]
GRID = np.linspace(-6, 6, 1200)  # where functions are compared; 0 is not on it
SAME = 1e-4  # differences of values and slopes that single precision and approximations of erf leave
STEEP = 0.01  # of the largest slope, below which a neuron is saturated
FLAT = 0.5  # of the values of a grid: a function with so many of slope 0 saturates


@dataclass(frozen=True, eq=False)
class Scalar:
    """A function of one number as a model computes it, on tensors, and the slope that gradients see."""

    name: str
    function: Function
    dtype: torch.dtype = torch.float32

    def __call__(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes at these numbers."""
        with torch.enable_grad():
            x = torch.tensor(at, dtype=self.dtype, requires_grad=True)
            y = self.function(x * 1)
        return y.detach().double().numpy(), _slope(y, x)

    def then(self, other: Scalar) -> Scalar:
        """This function, and another one of what it gives."""
        return Scalar(f"{self.name}, {other.name}", lambda x: other.function(self.function(x)), self.dtype)

    @cached_property
    def sampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes on `GRID`."""
        return self(GRID)

    @property
    def is_bounded(self) -> bool:
        """Whether it flattens on both sides, so that its units can saturate."""
        values, _ = self.sampled
        near, far = np.ptp(values[np.abs(GRID) < 3]), np.ptp(values)
        return bool(np.isfinite(values).all() and far < 1.2 * near and len(self.levels) > 1)

    @cached_property
    def levels(self) -> np.ndarray:
        """Its values on the grid, each once to rounding."""
        return np.unique(self.sampled[0].round(5))

    @property
    def is_flat(self) -> bool:
        """Whether no gradient passes."""
        return not self.sampled[1].any()

    @property
    def is_sign(self) -> bool:
        """Whether it has one value for negative numbers and another for positive ones."""
        values, _ = self.sampled
        low, high = values[GRID < -1e-3], values[GRID > 1e-3]
        return bool(np.ptp(low) == 0 and np.ptp(high) == 0 and low[0] < high[0])

    @property
    def is_clip(self) -> bool:
        """Whether it is or, to gradients, looks like a number clipped to [-1, 1]."""
        return bool(_same(self.sampled[1], (np.abs(GRID) < 1).astype(float), away=(-1, 1)))

    def saturated(self, values: np.ndarray) -> float:
        """Share of fields at which the slope is below `STEEP` of the largest on the grid."""
        slopes = np.abs(self(values)[1])
        most = np.abs(self.sampled[1]).max()
        return float((slopes < STEEP * most).mean()) if most else 1.0


def _slope(y: Tensor, x: Tensor) -> np.ndarray:
    """What autograd gives; 0 where it sees no dependence, or knows no derivative, so that none passes."""
    try:
        slope = torch.autograd.grad(y.sum(), x, allow_unused=True)[0] if y.requires_grad else None
    except RuntimeError:
        slope = None
    return np.zeros(len(x)) if slope is None else slope.double().numpy()


def recognised(scalar: Scalar) -> Neurons | Scalar:
    """The declaration of a function that the engine has in closed form; of others the function itself."""
    values, slopes = scalar.sampled
    if not np.isfinite(values).all():
        return scalar
    for neurons, (known, steep, breaks) in zip(_known(), _known_values(), strict=True):
        if _same(values, known, breaks):
            return _with_slope(neurons, slopes, steep, breaks, scalar)
    low = values[0] / GRID[0]
    if 0 < low < 1 and _same(values, np.where(GRID > 0, GRID, low * GRID)):
        return _leaky(str(round(float(low), 6)))
    return scalar


def _with_slope(
    neurons: Neurons, slopes: np.ndarray, own: np.ndarray, breaks: tuple[float, ...], scalar: Scalar
) -> Neurons | Scalar:
    """With the slope that gradients see, where that has a name."""
    if _same(slopes, own, breaks):
        return neurons
    seen = (name for name, slope in _slopes().items() if _same(slopes, slope, (-1, -0.5, 0, 0.5, 1)))
    name = next(seen, None)
    return scalar if name is None else _seen(neurons, name)


@lru_cache(maxsize=64)
def _leaky(slope: str) -> Neurons:
    return leaky_relu(sp.Rational(slope))


@lru_cache(maxsize=64)
def _seen(neurons: Neurons, slope: str) -> Neurons:
    return straight_through(neurons, SLOPES[slope], slope)


@lru_cache(maxsize=1)
def _slopes() -> dict[str, np.ndarray]:
    return {name: _values(slope) for name, slope in SLOPES.items()}


@lru_cache(maxsize=1)
def _known() -> tuple[Neurons, ...]:
    """Those whose expectations close: others take the engine seconds, and a table of values none."""
    plain = tuple(PLAIN[name] for name in ("linear", "sign", "relu", "tanh", "erf", "hardtanh", "hardsigmoid"))
    return (*plain, step())


@lru_cache(maxsize=1)
def _known_values() -> tuple[tuple[np.ndarray, np.ndarray, tuple[float, ...]], ...]:
    breaks = (-1, 0, 1)
    return tuple((_values(each.mean), np.gradient(_values(each.mean), GRID), breaks) if not each.is_flat else
                 (_values(each.mean), np.zeros(len(GRID)), breaks) for each in _known())  # fmt: skip


def _values(expression: sp.Expr) -> np.ndarray:
    from meanbits.numerics.emission.definition import declared_function

    return np.broadcast_to(declared_function(expression)(GRID), GRID.shape)


def _same(first: np.ndarray, second: np.ndarray, away: tuple[float, ...] = ()) -> bool:
    """Whether two functions agree on the grid, but next to breaks."""
    beside = np.zeros(len(GRID), bool)
    for each in away:
        beside |= np.abs(GRID - each) < 0.03
    return bool(np.max(np.abs(first - second)[~beside], initial=0.0) <= SAME)
