"""Differences of E f(u) f(v) between two correlations, without cancellation, that generated NumPy modules call."""

from typing import Any

import numpy as np

from meanbits.numerics.emission.runtime.gaussian_numpy import Elementwise, beyond_overflow, gaussian_mean
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, batches, flat_points, wedge, wedge_rule

CLEAR_SHARE = 1e-4  # of E f^2, above which E (f(u) - f(v))^2 / 2 keeps its digits


def jump_at_zero(f: Elementwise, scale: np.ndarray, p: list[np.ndarray]) -> np.ndarray:
    """f(0+) - f(0-), where a difference of a few ulp, that of two formulas for one value, counts as 0; (n,).

    So does one that grows with the distance from 0: f is continuous there.
    """
    steps = []
    for near in (1e-150, 1e-140):
        after, before = (np.broadcast_to(f(side * near * scale, *p), scale.shape) for side in (1.0, -1.0))
        ulp = np.finfo(np.float64).eps * np.maximum(np.abs(after), np.abs(before))
        steps.append(np.where(np.abs(after - before) > 8 * ulp, after - before, 0.0))
    return np.where(np.abs(steps[1]) < 2 * np.abs(steps[0]), steps[0], 0.0)


def correlation_rule(rest: np.ndarray, drop: np.ndarray, resolution: np.ndarray) -> tuple[np.ndarray, ...]:
    """Nodes and weights in the correlation r over [1 - rest - drop, 1 - rest], which lies in [0, 1], for n intervals.

    Returns for each node its interval, tan(acos(r) / 2) and its weight; all (m,). Gauss-Legendre on panels in t,
    sinh(t) = resolution tan(acos(r) / 2), with the nodes that a function analytic for |Im t| < pi / 2 needs.
    """
    fine = np.maximum(resolution, 3.0)
    bottom, top = (fine * np.sqrt(each / (2 - each)) for each in (rest, rest + drop))
    squares = 2 * fine * fine * drop / ((2 - rest) * (2 - rest - drop))  # top^2 - bottom^2
    span = np.arcsinh(squares / (top * np.sqrt(1 + bottom * bottom) + bottom * np.sqrt(1 + top * top)))
    panels = np.ceil(span / 3).astype(np.int64)
    owner = np.repeat(np.arange(rest.size), panels)
    half = (span / np.maximum(panels, 1) / 2)[owner]
    start = np.arcsinh(bottom)[owner] + 2 * half * (np.arange(owner.size) - (np.cumsum(panels) - panels)[owner])
    count = np.ceil(18 / np.arcsinh(np.pi / 2 / half)) + 1
    parts = [np.zeros((3, 0))]
    for n in np.unique(count):
        i, (x, w) = np.flatnonzero(count == n)[:, None], np.polynomial.legendre.leggauss(int(n))
        tangent, growth = (each(start[i] + half[i] * (1 + x)) / fine[owner[i]] for each in (np.sinh, np.cosh))
        weight = half[i] * w * growth * 4 * tangent / (1 + tangent**2) ** 2
        parts.append(np.reshape(np.broadcast_arrays(owner[i], tangent, weight), (3, -1)))
    interval, tangent, weight = np.concatenate(parts, 1)
    return interval.astype(np.int64), tangent, weight


def support(f: Elementwise, p: list[np.ndarray]) -> float:
    """The power of 2 from which on f is 0 at all of them, on both sides; infinity where none is, or with parameters."""
    far = 2.0 ** np.arange(-40, 1024)
    nonzero = np.ones(far.size, bool) if p else np.broadcast_to((f(far) != 0) | (f(-far) != 0), far.shape)
    return float(far[0] if not nonzero.any() else np.inf if nonzero[-1] else far[np.flatnonzero(nonzero)[-1] + 1])


def slope_pair(
    slope: Elementwise,
    variance: np.ndarray,
    tangent: np.ndarray,
    sign: float,
    p: list[np.ndarray],
    scale: np.ndarray,
) -> np.ndarray:
    """E slope(u) slope(sign v) at correlation cos(2 atan(tangent)) >= 0, off the jumps of slope at 0; all (n,)."""
    sigma, value, slope = np.sqrt(variance), np.full(variance.shape, np.nan), beyond_overflow(slope)
    sharpness, reach = np.maximum(100 * sigma / scale, 10.0), support(slope, p)
    across = tangent / np.sqrt(1 + tangent**2)
    resolved = sharpness * across > 2
    for sums, chosen in ((folded_slopes, resolved), (separate_slopes, ~resolved)):
        points = np.flatnonzero(chosen)
        for rule, part in batches(wedge_rule, sharpness[points], 2):
            i = points[part]
            s, a, *q = (each[i, None, None] for each in (sigma, across, *p))
            value[i] = 2 * sums(slope, s, np.sqrt(1 - a * a), a, sign, q, *rule, reach)
    return value


def price_integrand(
    slope: Elementwise,
    jump: np.ndarray,
    variance: np.ndarray,
    tangent: np.ndarray,
    sign: float,
    p: list[np.ndarray],
    scale: np.ndarray,
) -> np.ndarray:
    """The derivative of E f(u) f(sign v) in sign times the correlation cos(2 atan(tangent)), but for jump^2; all (n,).

    It is variance E f'(u) f'(sign v), where f' is the slope and a delta of weight jump at 0.
    """
    value = variance * slope_pair(slope, variance, tangent, sign, p, scale)
    k = np.flatnonzero(jump)
    sine = 2 * tangent[k] / (1 + tangent[k] ** 2)
    given = gaussian_mean(slope, 0.0, variance[k] * sine**2, *(each[k] for each in p), scale=scale[k])
    value[k] += jump[k] * np.sqrt(2 * variance[k] / np.pi) * given
    return value


def separate_slopes(
    slope: Elementwise,
    s: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    sign: float,
    p: list[np.ndarray],
    *rule: Any,
) -> np.ndarray:
    """E slope(u) slope(sign v) over |u| > |v|; each sign of u v has nodes of its own. Arrays (p, 1, 1), result (p,)."""
    total = np.zeros_like(s[:, 0, 0])
    for side, pair in ((sign, (along, across)), (-sign, (across, along))):
        v, u, row_weight, weight = wedge(s, *pair, *rule)
        plus = np.sum(weight * slope(u, *p), -1, keepdims=True) * slope(side * v, *p)
        minus = np.sum(weight * slope(-u, *p), -1, keepdims=True) * slope(-side * v, *p)
        total = total + np.sum(row_weight * (plus + minus), (1, 2))
    return total


def folded_slopes(
    slope: Elementwise,
    s: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    sign: float,
    p: list[np.ndarray],
    *rule: Any,
) -> np.ndarray:
    """The same on one set of nodes, for across > 0 and correlations c >= 0: `signs_together`.

    The density at (u, -v) is the one at (u, v) times e^-y, y = 2 u v c / (s^2 (1 - c^2)).
    """
    v, u, row_weight, weight = wedge(s, along, across, *rule)
    y = (along - across) * (along + across) / 2 * (v / (s * along * across)) * (u / (s * along * across))
    excess, rest = -weight * np.expm1(-y), weight * np.exp(-y)
    f_plus, f_minus, g_plus, g_minus = slope(u, *p), slope(-u, *p), slope(sign * v, *p), slope(-sign * v, *p)
    both = np.sum(rest * (f_plus + f_minus), -1, keepdims=True) * (g_plus + g_minus)
    plus = np.sum(excess * f_plus, -1, keepdims=True) * g_plus
    minus = np.sum(excess * f_minus, -1, keepdims=True) * g_minus
    return np.sum(row_weight * (both + plus + minus), (1, 2))


def gaussian_difference(
    f: Elementwise,
    variance: Real,
    rest: Real,
    drop: Real,
    *parameters: Real,
    slope: Elementwise,
    scale: Real = 1.0,
) -> np.ndarray:
    """E f(u) f(v) at correlation 1 - rest minus that at 1 - rest - drop, to a relative 1e-12; the arguments broadcast.

    u and v are centred Gaussian of one variance >= 0; rest in [0, 1], drop in [0, 2 - rest]. f is as in gaussian_pair
    and slope its derivative off 0; a jump of f at 0 is read off f. The difference is the integral of variance
    E f'(u) f'(v) over the correlation (Price 1958, IRE Trans. Inf. Theory 4, 69), where a jump adds a delta to f'. No
    sum cancels if f increases, nor, at correlations >= 0, if f is even and monotone for u > 0. NaN and an infinite
    variance give NaN. Raises ValueError outside the domain.
    """
    shape, (v, low, width, finest, *p) = flat_points(variance, rest, drop, scale, *parameters)
    if np.any(v < 0):
        raise ValueError(f"gaussian_difference: variance {np.nanmin(v)} is negative; give numbers >= 0")
    if np.any((low < 0) | (low > 1) | (width < 0) | (low + width > 2 + 1e-15)):
        raise ValueError("gaussian_difference: give rest in [0, 1] and drop in [0, 2 - rest]")
    value = np.where(np.isfinite(v + low + width), 0.0, np.nan)
    live = (v > 0) & (v < np.inf) & (width > 0)
    i = np.flatnonzero(live & (low == 0))
    value[i] = squared_distances(f, v[i], width[i], [each[i] for each in p], finest[i])
    i = np.flatnonzero(live & ((low > 0) | np.isnan(value) | (value == 0)))
    value[i] = integrated_slopes(f, slope, v[i], low[i], width[i], [each[i] for each in p], finest[i])
    return value.reshape(shape)[()]


def squared_distances(
    f: Elementwise, variance: np.ndarray, apart: np.ndarray, p: list[np.ndarray], scale: np.ndarray
) -> np.ndarray:
    """E (f(u) - f(v))^2 / 2 at correlation 1 - apart, in [-1, 1), where it is large beside rounding; else 0; (n,).

    It is E f(u)^2 less E f(u) f(v), by one sum of squares where the integral of the slope takes tens.
    """
    sigma, value, f = np.sqrt(variance), np.full(variance.shape, np.nan), beyond_overflow(f)
    for (x, w), i in batches(wedge_rule, np.maximum(100 * sigma / scale, 10.0), 2):
        s, a, *q = (each[i, None, None] for each in (sigma, apart, *p))
        total, near, far = 0.0, np.sqrt((2 - a) / 2), np.sqrt(a / 2)
        for side, along, across in ((1.0, near, far), (-1.0, far, near)):
            v, u, row_weight, weight = wedge(s, along, across, x, w)
            squares = (f(u, *q) - f(side * v, *q)) ** 2 + (f(-u, *q) - f(-side * v, *q)) ** 2
            total = total + np.sum(row_weight * np.sum(weight * squares, -1, keepdims=True), (1, 2))
        value[i] = total
    size = gaussian_mean(lambda u, *q: f(u, *q) ** 2, 0.0, variance, *p, scale=scale)
    return np.where(value > CLEAR_SHARE * size, value, 0.0)


def integrated_slopes(
    f: Elementwise,
    slope: Elementwise,
    v: np.ndarray,
    low: np.ndarray,
    width: np.ndarray,
    p: list[np.ndarray],
    scale: np.ndarray,
) -> np.ndarray:
    """The difference between two correlations as the integral of the slope over them, exact however near; all (n,)."""
    jump, end = jump_at_zero(f, scale, p), np.maximum((2 - low) - width, 0.0)  # 1 + the lower correlation
    angle = 2 * np.arctan2(width, np.sqrt(low * (2 - low)) + np.sqrt(np.minimum(low + width, 2.0) * end))
    value = jump**2 / (2 * np.pi) * angle
    positive = np.minimum(width, 1 - low)
    for sign, start, length in ((1.0, low, positive), (-1.0, end, width - positive)):
        live = np.flatnonzero(length > 0)
        owner, tangent, weight = correlation_rule(start[live], length[live], 300 * np.sqrt(v[live]) / scale[live])
        i = live[owner]
        integrand = price_integrand(slope, jump[i], v[i], tangent, sign, [each[i] for each in p], scale[i])
        value += np.bincount(i, weight * integrand, value.size)
    return value


def gaussian_slope(
    f: Elementwise, variance: Real, distance: Real, *parameters: Real, slope: Elementwise, scale: Real = 1.0
) -> np.ndarray:
    """The derivative of E f(u) f(v) in the correlation of u and v at 1 - distance, to a relative 1e-12.

    Arguments, f and slope are as in gaussian_difference, distance in [0, 2]; where f jumps at 0 it is infinite at the
    ends. NaN and an infinite variance give NaN. Raises ValueError outside the domain.
    """
    shape, (v, apart, finest, *p) = flat_points(variance, distance, scale, *parameters)
    if np.any(v < 0):
        raise ValueError(f"gaussian_slope: variance {np.nanmin(v)} is negative; give numbers >= 0")
    if np.any((apart < 0) | (apart > 2 + 1e-15)):
        raise ValueError("gaussian_slope: give distances in [0, 2]")
    jump, value = jump_at_zero(f, finest, p), np.where(v == 0, 0.0, np.nan)
    for sign, side in ((1.0, apart <= 1), (-1.0, apart > 1)):
        i = np.flatnonzero(side & (v > 0) & (v < np.inf))
        near = apart[i] if sign > 0 else np.maximum(2 - apart[i], 0.0)
        law = v[i], np.sqrt(near / (2 - near)), sign, [each[i] for each in p], finest[i]
        value[i], k = price_integrand(slope, jump[i], *law), np.flatnonzero(jump[i])
        with np.errstate(divide="ignore"):  # infinite at the ends
            value[i[k]] += jump[i[k]] ** 2 / (2 * np.pi * np.sqrt(near[k] * (2 - near[k])))
    return value.reshape(shape)[()]
