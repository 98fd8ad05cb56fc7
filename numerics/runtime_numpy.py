"""Special functions that generated NumPy modules call: Gaussian expectations, clipped covariances, a scaled erfc.

`emit` copies these functions into standalone modules, so each uses NumPy, scipy.special and this file only.

Gaussian expectations are trapezoidal sums on a logarithmic grid. There a change of the variance is a translation of
the integrand, so one step serves every variance; Gauss-Hermite rules, blind below their first node, do not.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

Real = float | np.ndarray
Elementwise = Callable[..., np.ndarray]  # (u, *parameters) -> value, all of one shape


def half_line_rule(sharpness: float, bend: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights w, each (n,): sum(w F(x)) is the integral of F over x > 0, for F negligible beyond reach.

    x = bend log(1 + e^t) is logarithmic below bend, linear above; t = s - exp(1.5 (onset - s)) / 1.5 ends the grid
    doubly exponentially below 1 / sharpness, where F must be smooth. Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(bend * sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(np.log(np.expm1(reach / bend)) / step) + 1)
    left = np.exp(1.5 * (onset - s))
    t = s - left / 1.5
    return bend * np.log1p(np.exp(t)), bend * step * special.expit(t) * (1 + left)


def unit_interval_rule(sharpness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes x, 1 - x and weights w, each (n,), on (0, 1): logarithmic down to 1 / sharpness, then doubly exponential.

    Source: Takahasi and Mori 1974, Publ. RIMS 9, 721.
    """
    step, onset = 1 / 6, -np.log(sharpness)
    s = step * np.arange(np.floor((onset - 2.7) / step), np.ceil(2.7 / step) + 1)
    left, right = np.exp(1.5 * (onset - s)), np.exp(1.5 * s)
    t = s + (right - left) / 1.5
    x, rest = special.expit(t), special.expit(-t)
    return x, rest, step * x * rest * (1 + left + right)


def flat_points(*arguments: Real) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """The broadcast shape, and each argument broadcast to it as a float64 vector (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]


def batches(
    rule: Callable[[float], tuple[np.ndarray, ...]], sharpness: np.ndarray, dimension: int
) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """For each decade of sharpness (n,): its rule, and the indices of its points in blocks of about 2^15 nodes."""
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks, which makes them 4 times faster
    decade = np.ceil(np.log10(np.maximum(sharpness, 10.0)))
    for exponent in np.unique(decade[np.isfinite(decade)]):
        table = rule(10.0**exponent)
        points = np.flatnonzero(decade == exponent)
        block = 1 + 2**15 // table[0].size ** dimension
        for start in range(0, points.size, block):
            yield table, points[start : start + block]


def correlations(rho: np.ndarray) -> np.ndarray:
    """rho, where a magnitude of 1 plus at most 1e-15, a ratio's rounding, counts as 1. Raises ValueError beyond."""
    if np.any(np.abs(rho) > 1 + 1e-15):
        raise ValueError(f"correlation of magnitude {np.nanmax(np.abs(rho))}; give numbers in [-1, 1]")
    return np.clip(rho, -1.0, 1.0)


def gaussian_mean(
    f: Elementwise,
    mean: Real,
    variance: Real,
    *parameters: Real,
    scale: Real = 1.0,
) -> np.ndarray:
    """E f(u, *parameters) for u ~ N(mean, variance), variance >= 0; the arguments broadcast.

    f is elementwise, analytic for Re u > 0 and for Re u < 0 (a kink or jump at 0 is fine), and varies on no scale below
    scale / 100. The line is cut at 0, or at the mean if 0 is 40 standard deviations away, and folded: an odd f keeps
    the difference of two densities, hence its digits as mean -> 0. NaN gives NaN.
    """
    shape, (m, v, finest, *p) = flat_points(mean, variance, scale, *parameters)
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


def same_sign(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """E f(u) g(sign v) over |u| > |v|, u v > 0, at standard deviation s, correlation c, all (p, 1, 1); result (p,)."""
    v, u, row_weight, weight, _ = quadrant(s, c, *rule)
    plus = np.sum(weight * (f(u, *p)), -1, keepdims=True) * g(sign * v, *p)
    minus = np.sum(weight * (f(-u, *p)), -1, keepdims=True) * g(-sign * v, *p)
    return np.sum(row_weight * (plus + minus), (1, 2))


def any_sign(
    f: Elementwise,
    g: Elementwise,
    s: np.ndarray,
    c: np.ndarray,
    sign: np.ndarray,
    p: list[np.ndarray],
    *rule: np.ndarray,
) -> np.ndarray:
    """E f(u) g(sign v) over |u| > |v| at correlation 0 <= c < 1; shapes as in same_sign.

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
    f: Elementwise,
    g: Elementwise,
    variance: Real,
    correlation: Real,
    *parameters: Real,
    scale: Real = 1.0,
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
    orders = ((f, g),) if f is g else ((f, g), (g, f))
    for apart in (False, True):
        points = np.flatnonzero(unresolved == apart)
        for rule, part in batches(lambda s: half_line_rule(s, 4.0, 10.0), sharpness[points], 2):
            i = points[part]
            s, c, *q = (each[i, None, None] for each in (sigma, np.abs(rho), *p))
            sign = np.where(rho[i, None, None] < 0, -1.0, 1.0)
            if apart:
                halves = [same_sign(*h, s, c, sign, q, *rule) + same_sign(*h, s, -c, -sign, q, *rule) for h in orders]
            else:
                halves = [any_sign(*h, s, c, sign, q, *rule) for h in orders]
            value[i] = sum(halves) * (2 / len(halves))
    return value.reshape(shape)[()]


def corner_integrals(a: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of D(s) and of (|rho| - s) D(s) over 0 < s < |rho|, D(s) = 2 n2(a, a; s) - 2 n2(a, -a; s), each (n,).

    n2(x, y; s) is the bivariate normal density. x^2 = (1 - s) / (1 + s) turns the first into a difference of Owen's T
    integrals, joined here by expm1. Source: Plackett 1954, Biometrika 41, 351; Owen 1956, Ann. Math. Stat. 27, 1075.
    """
    if np.any(a < 0):
        raise ValueError(f"clipped normals: a = {np.nanmin(a)} is negative; give numbers >= 0")
    r = np.abs(correlations(rho))
    low = np.sqrt((1 - r) / (1 + r))
    width = 2 * r / ((1 + r) * (1 + low))
    first, second = np.full(a.shape, np.nan), np.full(a.shape, np.nan)
    for (t, rest, w), i in batches(unit_interval_rule, 100 / np.where(a > 0, a, 1.0), 1):
        h, k, b = (each[i, None] for each in (a * a / 2, low, width))
        x = k + b * t
        square = 1 + x * x
        density = -2 / np.pi * b * w / square * np.exp(-h * square)
        density *= np.expm1(-h * b * rest * (1 + x) * square / (x * x))
        first[i] = np.sum(density, -1)
        second[i] = np.sum(density * 2 * b * t * (x + k) / (square * (1 + k * k)), -1)
    return first, second


def box_probability(a: Real, rho: Real) -> np.ndarray:
    """P(|x| < a, |y| < a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    It is erf(a / sqrt 2)^2 plus the integral of d/ds P over 0 < s < |rho|. Source: Plackett 1954, Biometrika 41, 351.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    first, _ = corner_integrals(edge, correlation)
    return (special.erf(edge / np.sqrt(2)) ** 2 + first).reshape(shape)[()]


def clip_covariance(a: Real, rho: Real) -> np.ndarray:
    """E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of correlation rho; a >= 0 and |rho| <= 1 broadcast.

    Its derivative in rho is box_probability (Price 1958, IRE Trans. Inf. Theory 4, 69), integrated here by parts.
    """
    shape, (edge, correlation) = flat_points(a, rho)
    _, second = corner_integrals(edge, correlation)
    inside = special.erf(edge / np.sqrt(2)) ** 2
    return (correlation * inside + np.copysign(second, correlation)).reshape(shape)[()]


def exp_erfc(a: Real, b: Real) -> np.ndarray:
    """exp(a) erfc(b), finite wherever the product is; a and b broadcast. For b > 0 it is exp(a - b^2) erfcx(b)."""
    b = np.asarray(b, dtype=np.float64)
    positive = np.maximum(b, 0.0)
    with np.errstate(over="ignore"):  # b^2 = inf means the limit 0
        root = np.exp((a - positive * positive) / 2)
    return (root * np.where(b > 0, special.erfcx(positive), special.erfc(b)) * root)[()]
