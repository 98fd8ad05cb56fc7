"""Gaussian expectations that generated NumPy modules call: one field, and a pair of correlated fields."""

from collections.abc import Callable

import numpy as np

from meanbits.numerics.emission.runtime.quadrature_numpy import Real, batches, correlations, flat_points, half_line_rule

Elementwise = Callable[..., np.ndarray]  # (u, *parameters) -> value, all of one shape


def beyond_overflow(f: Elementwise) -> Elementwise:
    """f which, where its factors overflow to infinity times 0 or over infinity, keeps what it has settled to.

    That is its value at the largest power of 2 before, if that is 0 but for 1e-100 or a constant; otherwise NaN stays.
    """

    def settled(u: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.asarray(f(u, *parameters))
            if not np.isnan(value).any():
                return value
            value, u, *p = (np.array(each) for each in np.broadcast_arrays(value, u, *parameters))
            lost = np.isnan(value) & ~np.isnan(u)
            value[lost] = last_value(f, u[lost], [each[lost] for each in p])
        return value

    return settled


def last_value(f: Elementwise, u: np.ndarray, p: list[np.ndarray]) -> np.ndarray:
    """f at the largest power of 2 below |u| where it is a number, on the side of u; NaN if it varies there; (n,)."""
    last, left = np.full(u.shape, np.nan), np.ones(u.shape, bool)
    for power in 2.0 ** np.arange(20, -41, -1):
        at = np.copysign(power, u)
        now, half = (np.broadcast_to(f(x, *p), u.shape) for x in (at, at / 2))
        settled = (np.abs(now) < 1e-100) | (np.abs(now - half) <= 8 * np.finfo(np.float64).eps * np.abs(now))
        first = left & (power < np.abs(u)) & ~np.isnan(now)
        last[first & settled], left = now[first & settled], left & ~first
        if not left.any():
            break
    return last


def gaussian_mean(f: Elementwise, mean: Real, variance: Real, *parameters: Real, scale: Real = 1.0) -> np.ndarray:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise, analytic for Re u > 0 and for Re u < 0 (a kink or jump at 0 is fine), and varies on no scale below
    scale / 100. The line is cut at 0, or at the mean if 0 is 40 standard deviations away, and folded: an odd f keeps
    the difference of two densities, hence its digits as mean -> 0. NaN gives NaN.
    """
    shape, (m, v, finest, *p) = flat_points(mean, variance, scale, *parameters)
    f = beyond_overflow(f)
    if np.any(v < 0):
        raise ValueError(f"gaussian_mean: variance {np.nanmin(v)} is negative; give numbers >= 0")
    sigma, reach = np.sqrt(v), 50.0 if np.any(m) else 10.0
    centre = np.where(np.abs(m) < 40 * sigma, 0.0, m)
    offset = np.divide(m - centre, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    value = np.full(sigma.shape, np.nan)
    for (x, w), i in batches(lambda s: half_line_rule(s, 2.0, reach), 100 * sigma / finest, 1):
        c, d, step, *q = (each[i, None] for each in (centre, np.abs(offset), np.copysign(sigma, m), *p))
        near, far = f(c + step * x, *q), f(c - step * x, *q)
        excess = -np.expm1(-2 * d * x) * np.exp(-((x - d) ** 2) / 2)
        total = (near + far) * np.exp(-((x + d) ** 2) / 2) + near * excess
        value[i] = np.sum(total * w, -1) / np.sqrt(2 * np.pi)
    return value.reshape(shape)[()]


def quadrant(sigma: np.ndarray, c: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Nodes v (p, n, 1) and u (p, n, n) over u > v > 0, their weights, and 2 u v c / (sigma^2 (1 + c)).

    v = sigma eta x_i and u = sigma eta (x_i + 2 rho x_j), eta^2 = (1 + c) / 2, rho^2 = (1 - c) / 2, turn the bivariate
    density at correlation c into exp(-(x_i^2 + 2 rho x_i x_j + x_j^2) / 2), regular up to |c| = 1. sigma and c are
    (p, 1, 1), x and w (n,).
    """
    eta, rho, row = np.sqrt((1 + c) / 2), np.sqrt((1 - c) / 2), x[:, None]
    gauss, ratio = w * np.exp(-x * x / 2), row + 2 * rho * x
    weight = gauss * np.exp(-rho * (row * x))
    return sigma * eta * row, sigma * eta * ratio, eta / (2 * np.pi) * gauss[:, None], weight, c * row * ratio


def signs_apart(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """E f(u) g(sign v) over |u| > |v| at standard deviation s, correlation c; each sign of u v has nodes of its own.

    s, c and sign are (p, 1, 1), the result is (p,).
    """
    total = np.zeros_like(s[:, 0, 0])
    for side in (1.0, -1.0):
        v, u, row_weight, weight, _ = quadrant(s, side * c, *rule)
        plus = np.sum(weight * f(u, *p), -1, keepdims=True) * g(side * sign * v, *p)
        minus = np.sum(weight * f(-u, *p), -1, keepdims=True) * g(-side * sign * v, *p)
        total = total + np.sum(row_weight * (plus + minus), (1, 2))
    return total


def signs_together(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """The same on one set of nodes, for 0 <= c < 1.

    The density at (u, -v) is the one at (u, v) times e^-y, y = 2 u v c / (s^2 (1 - c^2)). With weights e^-y for the sum
    of the quadrants and 1 - e^-y for (u, v), odd functions keep their digits as c -> 0, positive ones as c -> -1.
    """
    v, u, row_weight, weight, exponent = quadrant(s, c, *rule)
    excess, rest = -weight * np.expm1(exponent / (c - 1)), weight * np.exp(exponent / (c - 1))
    f_plus, f_minus, g_plus, g_minus = f(u, *p), f(-u, *p), g(sign * v, *p), g(-sign * v, *p)
    both = np.sum(rest * (f_plus + f_minus), -1, keepdims=True) * (g_plus + g_minus)
    plus = np.sum(excess * f_plus, -1, keepdims=True) * g_plus
    minus = np.sum(excess * f_minus, -1, keepdims=True) * g_minus
    return np.sum(row_weight * (both + plus + minus), (1, 2))


def gaussian_pair(
    f: Elementwise, g: Elementwise, variance: Real, correlation: Real, *parameters: Real, scale: Real = 1.0
) -> np.ndarray:
    """E f(u, *parameters) g(v, *parameters), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1.

    f and g are as in gaussian_mean, of any parity; the arguments broadcast. The plane is cut along u = 0, v = 0 and
    |u| = |v|, where the smaller field carries v. One function passed twice costs half. NaN gives NaN.
    """
    shape, (v, rho, finest, *p) = flat_points(variance, correlation, scale, *parameters)
    if np.any(v < 0):
        raise ValueError(f"gaussian_pair: variance {np.nanmin(v)} is negative; give numbers >= 0")
    sigma, rho, value = np.sqrt(v), correlations(rho), np.full(v.shape, np.nan)
    sharpness = np.maximum(100 * sigma / finest, 10.0)
    unresolved = sharpness * np.sqrt(1 - np.abs(rho)) < 3
    pair = (beyond_overflow(f), beyond_overflow(g))
    first, second = pair
    orders = ((first, first),) if f is g else ((first, second), (second, first))
    for folded, chosen in ((signs_together, ~unresolved), (signs_apart, unresolved)):
        points = np.flatnonzero(chosen)
        for rule, part in batches(lambda s: half_line_rule(s, 4.0, 10.0), sharpness[points], 2):
            i = points[part]
            s, c, *q = (each[i, None, None] for each in (sigma, np.abs(rho), *p))
            sign = np.where(rho[i, None, None] < 0, -1.0, 1.0)
            value[i] = sum(folded(*order, s, c, sign, q, *rule) for order in orders) * (2 / len(orders))
    return value.reshape(shape)[()]
