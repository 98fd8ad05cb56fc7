"""deterministic (form paper, gain 1): derived, not written. Stamatescu et al. 2020, arXiv 1902.00177.

Weights binary; neurons sign; treatment marginalise; form paper.
"""

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


def scaled(share: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """share * value, 0 where share is 0, even if value is infinite."""
    product, nothing = np.multiply(share, value), share == 0
    return np.where(nothing, 0.0, product)[()] if holds_somewhere(nothing) else product


def mean(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Mean of a neuron, E x.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return special.erf(0.7071067811865476 * hbar / np.sqrt(Sigma))


def second_moment(hbar: ArrayLike, Sigma: ArrayLike) -> NDArray[np.float64]:
    """Second moment, E x^2.

    All arguments broadcast.

    hbar: mean of the field, any real.
    Sigma: variance of the field, >= 0.
    """
    hbar, Sigma = as_arrays(hbar, Sigma)
    return broadcast(1, hbar, Sigma)


def total_map(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Total field variance of the next layer, T'.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(1 + sigma_b2, T, sigma_m2, sigma_b2)


def total_slope(T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dT'/dT.

    All arguments broadcast.

    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    T, sigma_m2, sigma_b2 = as_arrays(T, sigma_m2, sigma_b2)
    return broadcast(0, T, sigma_m2, sigma_b2)


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / np.sqrt(1 + 2 * q)
        x1 = 0.3183098861837907 * sigma_m2
        x2 = (1 - sigma_m2)
        return at_extremes((sigma_b2 + 2 * x1 * np.arctan(q * x0)) / (x2 + 4 * x1 * np.arctan(x0)), q, lambda: sigma_b2 / (x2 + sigma_m2), lambda: (sigma_b2 + sigma_m2) / x2)


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 1 / np.sqrt(1 + 2 * q)
        x1 = 0.3183098861837907
        x2 = 2 * x1
        x3 = (1 - sigma_m2)
        x4 = 1 / (x3 + 4 * sigma_m2 * x1 * np.arctan(x0))
        x5 = 1 / (x3 + sigma_m2)
        return at_extremes(sigma_m2 * ((x0 * x2 * x4)) * (((1 + x4 * (sigma_b2 + sigma_m2 * x2 * np.arctan(q * x0))) / (1 + q))), q, lambda: sigma_m2 * ((x2 * x5)) * ((1 + sigma_b2 * x5)), lambda: 0)


def correlation_map(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Correlation map, c'.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = 3.141592653589793 * sigma_b2
    x1 = 2 * sigma_m2
    return (x0 + x1 * np.arctan2(c * q, np.sqrt(1 + q * (1 - c)) * np.sqrt(1 + q * (1 + c)))) / (x0 + x1 * np.arctan(q / np.sqrt(1 + 2 * q)))


def chi(c: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc.

    All arguments broadcast.

    c: correlation of two inputs, in [-1, 1].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    c, q, sigma_m2, sigma_b2 = as_arrays(c, q, sigma_m2, sigma_b2)
    x0 = 2 * q
    return sigma_m2 * x0 / ((3.141592653589793 * sigma_b2 + 2 * sigma_m2 * np.arctan(q / np.sqrt(1 + x0))) * np.sqrt(1 + q * (1 - c)) * np.sqrt(1 + q * (1 + c)))


def gap_map(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = 0.3183098861837907
        x1 = np.sqrt(1 + 2 * q)
        x2 = np.arctan(q / x1)
        x3 = 1 / (1 + q)
        x4 = gap * q
        x5 = 2 - gap
        return at_extremes(portion(2 * sigma_m2 * x0 * x2, sigma_b2) * ((2 * np.arctan2(x3 * x4, x1 * x3 + x3 * np.sqrt(1 + x4) * np.sqrt(1 + q * x5)) / x2)), q, lambda: gap * portion(0, sigma_b2), lambda: 4 * x0 * portion(sigma_m2, sigma_b2) * np.arctan2(gap, np.sqrt(gap) * np.sqrt(x5)))


def chi_at_gap(gap: ArrayLike, q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Slope of the correlation map, chi = dc'/dc, in terms of the gap.

    All arguments broadcast.

    gap: 1 - c, in [0, 2].
    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    gap, q, sigma_m2, sigma_b2 = as_arrays(gap, q, sigma_m2, sigma_b2)
    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there
        x0 = np.arctan(q / np.sqrt(1 + 2 * q))
        x1 = 0.6366197723675814
        x2 = 2 - gap
        return at_extremes(portion(sigma_m2 * x0 * x1, sigma_b2) * ((q / (x0 * np.sqrt(1 + gap * q) * np.sqrt(1 + q * x2)))), q, lambda: portion(0, sigma_b2), lambda: scaled(portion(sigma_m2, sigma_b2), x1 / (np.sqrt(gap) * np.sqrt(x2))))


def replica_map(r: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Replica map, g(r).

    All arguments broadcast.

    r: replica overlap, in [-1, 1].
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    r, T, sigma_m2, sigma_b2 = as_arrays(r, T, sigma_m2, sigma_b2)
    return broadcast((sigma_b2 + 0.6366197723675814 * sigma_m2 * np.arcsin(r)) / (1 + sigma_b2), r, T, sigma_m2, sigma_b2)


def jacobian(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> NDArray[np.float64]:
    """Mean squared singular value of the layer Jacobian.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    """
    q, sigma_m2, sigma_b2 = as_arrays(q, sigma_m2, sigma_b2)
    T = 1 + sigma_b2
    return broadcast(0.6366197723675814 * sigma_m2 * (1 + q) / (T * np.sqrt(1 + 2 * q)), q, sigma_m2, sigma_b2)


def jacobian_sigma_derivative(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, sigma_m2, sigma_b2, mu_4 = as_arrays(q, sigma_m2, sigma_b2, mu_4)
    T = 1 + sigma_b2
    x0 = 1 / np.sqrt(1 + 2 * q)
    return broadcast(0.4052847345693511 * mu_4 * x0 * (1 + q) ** 2 * (2 + q) * np.arctan(q * x0 / np.sqrt(1 + 4 * q)) / (T * T), q, sigma_m2, sigma_b2, mu_4)


def critical_sigma_m2(q: ArrayLike) -> NDArray[np.float64]:
    """Sigma_m2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = np.sqrt(1 + 2 * q)
    return 1.5707963267948966 * x0 / (1 + x0 * np.arctan(q / x0))


def critical_sigma_b2(q: ArrayLike) -> NDArray[np.float64]:
    """Sigma_b2 along the critical curve.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    """
    q, = as_arrays(q)
    x0 = np.sqrt(1 + 2 * q)
    x1 = x0 * np.arctan(q / x0)
    return (q - x1) / (1 + x1)
