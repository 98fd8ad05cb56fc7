"""Elementwise functions that generated NumPy modules call; `emit` copies those a module uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Numbers are scalars of NumPy, whose division by 0 is infinite: those of Python raise.
    """
    if all(isinstance(argument, float | int) for argument in arguments):
        numbers: Any = arguments
        scalars: list[Any] = [np.float64(number) for number in numbers]
        return scalars
    found = [argument.dtype for argument in arguments if isinstance(argument, np.ndarray | np.generic)]
    dtype = np.result_type(*found) if found and np.result_type(*found).kind == "f" else np.float64
    return [np.asarray(argument, dtype=dtype)[()] for argument in arguments]


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


def sech_squared(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - tanh(u)^2, to the last digit far out."""
    decay = np.exp(-2 * np.abs(u))
    return 4 * decay / (1 + decay) ** 2


def softplus(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(1 + exp(u))."""
    return np.logaddexp(0.0, u)


def arc_cosine_kernel(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * np.arcsin(np.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return np.where(t < 1, series, np.sin(t) - t * np.cos(t)) / (2 * np.pi)


def arc_cosine_difference(rest: NDArray[np.float64], drop: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel E relu(x) relu(y) at correlation 1 - rest less that at 1 - rest - drop.

    It is the integral of (pi - t) sin t / (2 pi) between the angles, with mid and half their mean and half difference.
    """
    outer = rest + drop
    half = np.arctan2(drop, np.sqrt(rest * (2 - rest)) + np.sqrt(outer * (2 - outer)))
    mid = 2 * np.arcsin(np.sqrt(rest / 2)) + half
    inner = 2 * np.sin(half / 2) ** 2
    return (np.pi - mid) * np.sin(mid) * np.sin(half) / np.pi - 2 * np.cos(mid) * arc_cosine_kernel(inner)


def holds_somewhere(condition: bool | NDArray[np.bool_]) -> bool:
    """Whether it is true of any element; much faster for a single one than np.any."""
    return bool(condition.any() if isinstance(condition, np.ndarray) else condition)


def at_extremes(
    value: ArrayLike, q: ArrayLike, zero: Callable[[], ArrayLike], infinity: Callable[[], ArrayLike]
) -> NDArray[np.float64]:
    """value, but zero() where q is 0 and infinity() where q is infinite; all broadcast."""
    low, high = q == 0, q == np.inf
    if holds_somewhere(low):
        value = np.where(low, zero(), value)
    if holds_somewhere(high):
        value = np.where(high, infinity(), value)
    return np.asarray(value)[()]


def no_limit() -> float:
    """NaN: the limit at 0 or infinity that is asked for is not derived."""
    return float("nan")


def spike(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinite where x is 0, and 0 elsewhere."""
    return np.where(x == 0, np.inf, 0.0)[()]


def quotient(part: ArrayLike, whole: ArrayLike, limit: ArrayLike) -> NDArray[np.float64]:
    """part / whole, limit where whole is 0."""
    return np.where(np.equal(whole, 0), limit, np.divide(part, whole))[()]


def portion(part: ArrayLike, rest: ArrayLike) -> NDArray[np.float64]:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    share, alone = 1 / (1 + np.divide(rest, part)), rest == 0
    return np.where(alone, 1.0, share)[()] if holds_somewhere(alone) else share


def scaled(share: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """share * value, 0 where share is 0, even if value is infinite."""
    product, nothing = np.multiply(share, value), share == 0
    return np.where(nothing, 0.0, product)[()] if holds_somewhere(nothing) else product


def damped_sinh(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """exp(-a) sinh(b), |b| <= a."""
    size = np.abs(b)
    return np.sign(b) * np.exp(size - a) * -np.expm1(-2 * size) / 2


def exp_erfc(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b).

    There a difference a - b^2 of a few ulp, that of two formulas for one value, counts as 0.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    positive = np.maximum(y, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # y^2 = inf means the limit 0
        square = positive * positive
        rest = np.where(np.abs(x - square) < 8 * np.finfo(np.float64).eps * square, 0.0, x - square)
        root = np.exp(rest / 2)
    return (root * np.where(y > 0, special.erfcx(positive), special.erfc(y)) * root)[()]
