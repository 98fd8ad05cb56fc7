"""moment-matching: derived, not written. Hernandez-Lobato & Adams 2015, arXiv 1502.05336.

Weights binary; neurons relu; treatment marginalise; form exact.
"""

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


def arc_cosine_kernel(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sin t - t cos t) / (2 pi), cos t = 1 - delta, delta in [0, 2]; by its series where the difference cancels."""
    t = 2 * np.arcsin(np.sqrt(delta / 2))
    series, term = 0 * t, t**3
    for k in range(10):
        series = series + term / (2 * k + 3)
        term = -term * t * t / ((2 * k + 2) * (2 * k + 3))
    return np.where(t < 1, series, np.sin(t) - t * np.cos(t)) / (2 * np.pi)


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


def variance_map(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Variance map, q'.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    x0 = sigma_m2 * arc_cosine_kernel((1 + 2 * q) / (1 + q))
    return 2 * (sigma_b2 + T * x0) / (T * (1 - 2 * x0))


def variance_slope(q: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, T: ArrayLike) -> NDArray[np.float64]:
    """Slope of it, dq'/dq.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    T: total field variance, > 0.
    """
    q, sigma_m2, sigma_b2, T = as_arrays(q, sigma_m2, sigma_b2, T)
    x0 = 1 + q
    x1 = 1 / x0
    return 0.15915494309189535 * sigma_m2 * (T + 2 * sigma_b2) * (3.141592653589793 + 2 * np.arcsin(q * x1)) / (T * x0 * x0 * (1 - 2 * sigma_m2 * arc_cosine_kernel(x1 * (1 + 2 * q))) ** 2)


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
    x0 = 1 / (1 + q)
    x1 = T * sigma_m2
    x2 = q * x0
    return 0.07957747154594767 * x1 * x2 * (3.141592653589793 + 2 * np.arcsin(c * x2)) / (sigma_b2 + x1 * arc_cosine_kernel(x0 * (1 + 2 * q)))


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
    return broadcast(0.07957747154594767 * sigma_m2 * (3.141592653589793 + 2 * np.arcsin(q / (1 + q))), q, sigma_m2, sigma_b2, T)
