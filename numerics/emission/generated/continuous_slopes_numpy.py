"""continuous: derived, not written. Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232.

Weights fixed; neurons tanh; treatment none; form exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def sech_squared(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - tanh(u)^2, to the last digit far out."""
    decay = np.exp(-2 * np.abs(u))
    return 4 * decay / (1 + decay) ** 2


def mean_slope(h: ArrayLike) -> NDArray[np.float64]:
    """Slope of the mean.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    return sech_squared(h)


def second_moment_slope(h: ArrayLike) -> NDArray[np.float64]:
    """Slope of the second moment.

    All arguments broadcast.

    h: field, any real.
    """
    h, = as_arrays(h)
    x0 = np.tanh(h)
    return x0 * (2 - 2 * x0 * x0)


def fluctuation(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What fluctuations of Sigma add to the mean squared singular value, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    return broadcast(0, q, T, sigma_m2, sigma_b2, mu_4)


def sigma_derivative(q: ArrayLike, T: ArrayLike, sigma_m2: ArrayLike, sigma_b2: ArrayLike, mu_4: ArrayLike) -> NDArray[np.float64]:
    """What the derivative of Sigma adds to it, times 1/N.

    All arguments broadcast.

    q: field variance, > 0 (relative to its annealed part where the field is marginalised).
    T: total field variance, > 0.
    sigma_m2: variance of the weight means.
    sigma_b2: variance of the biases, >= 0.
    mu_4: fourth moment of the weight means.
    """
    q, T, sigma_m2, sigma_b2, mu_4 = as_arrays(q, T, sigma_m2, sigma_b2, mu_4)
    return broadcast(0, q, T, sigma_m2, sigma_b2, mu_4)
