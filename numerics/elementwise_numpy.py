"""Elementwise functions that generated NumPy modules call; `emit` copies those a module uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Beside arrays, float64 scalars become Python numbers: NumPy then reuses temporary arrays, and writes fewer.
    """
    found = [argument.dtype for argument in arguments if isinstance(argument, np.ndarray | np.generic)]
    dtype = np.result_type(*found) if found and np.result_type(*found).kind == "f" else np.float64
    arrays = [np.asarray(argument, dtype=dtype) for argument in arguments]
    if dtype != np.float64 or all(array.ndim == 0 for array in arrays):
        return [array[()] for array in arrays]
    return [array if array.ndim else array.item() for array in arrays]


def broadcast(value: float | NDArray[np.float64], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
    """A value that depends on none, or not all, of the arguments, in their common shape."""
    typed = np.asarray(value, dtype=np.result_type(*arguments))
    return np.broadcast_to(typed, np.broadcast_shapes(*map(np.shape, arguments))).copy()


def hard_tanh(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """u clipped to [-1, 1]."""
    return np.clip(u, -1, 1)


def box(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where |u| < 1, else 0."""
    return np.where(np.abs(u) < 1, 1.0, 0.0)


def arc_cosine_kernel(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * np.arcsin(np.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return np.where(t < 1, series, np.sin(t) - t * np.cos(t)) / (2 * np.pi)


def exp_erfc(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b)."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    positive = np.maximum(y, 0.0)
    with np.errstate(over="ignore"):  # y^2 = inf means the limit 0
        root = np.exp((x - positive * positive) / 2)
    return (root * np.where(y > 0, special.erfcx(positive), special.erfc(y)) * root)[()]
