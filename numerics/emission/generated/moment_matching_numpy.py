"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def as_arrays(*arguments: ArrayLike) -> list[NDArray[np.float64]]:
    """The arguments in one floating-point type: that of the arrays among them, float64 if there is none.

    Beside arrays, float64 scalars become Python numbers: NumPy then reuses temporary arrays, and writes fewer.
    """
    if all(isinstance(argument, float | int) for argument in arguments):
        numbers: Any = arguments
        scalars: list[Any] = [np.float64(number) for number in numbers]
        return scalars
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


def portion(part: ArrayLike, rest: ArrayLike) -> NDArray[np.float64]:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0, even if part is, or where part is infinite."""
    share, alone = 1 / (1 + np.divide(rest, part)), rest == 0
    return np.where(alone, 1.0, share)[()] if holds_somewhere(alone) else share


def mean(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = hbar / 2
    x1 = 1.4142135623730951
    x2 = np.sqrt(Sigma)
    return x0 + x0 * special.erf(x0 * x1 / x2) + 0.28209479177387814 * x1 * x2 * np.exp(-hbar * hbar / (2 * Sigma))


def second_moment(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    x0 = Sigma / 2
    x1 = hbar * hbar / 2
    x2 = 1.4142135623730951
    x3 = np.sqrt(Sigma)
    x4 = hbar / 2
    x5 = special.erf(x2 * x4 / x3)
    return x0 + x1 + x0 * x5 + x4 * (hbar * x5 + 0.5641895835477563 * x2 * x3 * np.exp(-x1 / Sigma))


def total_map(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(sigma_b2 + T / 2, T, sigma_m2, sigma_b2)


def total_slope(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0.5, T, sigma_m2, sigma_b2)


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / (1 + q)
        x1 = T * arc_cosine_kernel(x0 * (1 + 2 * q))
        x2 = (1 - sigma_m2)
        x3 = T / 2
        x4 = 0.3183098861837907 * x3
        return at_extremes((sigma_b2 + sigma_m2 * x1) / (x1 * x2 + T * arc_cosine_difference(0, x0)), q, lambda: (sigma_b2 + sigma_m2 * x4) / (x3 - x4 + x2 * x4), lambda: 2 * (sigma_b2 + sigma_m2 * x3) / (T * x2))


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 0.3183098861837907
        x1 = 1 / (1 + q)
        x2 = 1 + 2 * q
        x3 = T * arc_cosine_kernel(x1 * x2)
        x4 = 1 - sigma_m2
        x5 = (x4)
        x6 = 1 / (x3 * x5 + T * arc_cosine_difference(0, x1))
        x7 = T / 2
        x8 = x0 * x7
        x9 = 1 / (x7 - x8 + x5 * x8)
        return at_extremes(sigma_m2 * ((T * x0 * x1 * x6 * np.arctan(np.sqrt(x2)))) * ((x1 * (1 + x6 * (sigma_b2 + sigma_m2 * x3)))), q, lambda: sigma_m2 * ((T * x9 / 4)) * ((1 + x9 * (sigma_b2 + sigma_m2 * x8))), lambda: 2 * (sigma_b2 + sigma_m2 * x7) * portion(0, x4) / T)


def correlation_map(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    return (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + q * (1 + c)))) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)))


def chi(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    c, q, sigma_m2, sigma_b2, T = as_arrays(c, q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    x2 = T * sigma_m2
    x3 = 1 / np.sqrt(x0)
    return 0.3183098861837907 * q * x1 * x2 * np.arctan2(x3 * np.sqrt(1 + q * (1 + c)), x3 * np.sqrt(1 + q * (1 - c))) / (sigma_b2 + x2 * arc_cosine_kernel(x1 * (1 + 2 * q)))


def gap_map(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / (1 + q)
        x1 = arc_cosine_kernel(x0 * (1 + 2 * q))
        x2 = T * sigma_m2
        return at_extremes(portion(x1 * x2, sigma_b2) * ((arc_cosine_difference(x0, gap * q * x0) / x1)), q, lambda: 0, lambda: 2 * arc_cosine_difference(0, gap) * portion(x2 / 2, sigma_b2))


def chi_at_gap(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    gap, q, sigma_m2, sigma_b2, T = as_arrays(gap, q, sigma_m2, sigma_b2, T)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 + q
        x1 = 1 / x0
        x2 = arc_cosine_kernel(x1 * (1 + 2 * q))
        x3 = T * sigma_m2
        x4 = 0.3183098861837907
        x5 = 1 / np.sqrt(x0)
        x6 = 2 - gap
        return at_extremes(portion(x2 * x3, sigma_b2) * ((q * x1 * x4 * np.arctan2(x5 * np.sqrt(1 + q * x6), x5 * np.sqrt(1 + gap * q)) / x2)), q, lambda: 0, lambda: 2 * x4 * portion(x3 / 2, sigma_b2) * np.arctan2(np.sqrt(x6), np.sqrt(gap)))


def replica_map(r: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return (sigma_b2 + T * sigma_m2 * arc_cosine_kernel(1 + r)) / (sigma_b2 + T / 2)


def jacobian(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    return broadcast(0.3183098861837907 * sigma_m2 * np.arctan(np.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2, T)
