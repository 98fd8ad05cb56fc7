"""Gaussian expectations of neuron functions with kinks and jumps anywhere, each with an absolute error bound.

A bound is an estimate meant to cover, not a proof: the tests have it cover 10^4 exact values. It takes the functions to
be right to 4 ulp, and to vary near a knot on no scale below scale / 100, away from the knots on none far below the
distance to them: a point around which f changes fast is to be given as a knot, and a kink must be. 0 is always one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from meanbits.numerics.emission.error_bounds import (
    EPSILON,
    LAST,
    NODES,
    WEIGHTS,
    Function,
    integrate,
    logarithmic_sums,
    panel_edges,
    with_rounding,
)
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_pair
from meanbits.numerics.emission.runtime.quadrature_numpy import Real, correlations, flat_points


class Estimate(NamedTuple):
    """A value and a bound on its distance from the truth, of one shape; 0 and inf where the functions overflow."""

    value: np.ndarray
    bound: np.ndarray


def expectation(
    f: Function,
    variance: Real,
    *,
    mean: Real = 0.0,
    knots: Sequence[float] = (0.0,),
    scale: float = 1.0,
    rtol: float = 1e-12,
    atol: float = 0.0,
    most: int = 2**10,
) -> Estimate:
    """E f(u) for u ~ N(mean, variance), variance >= 0; mean and variance broadcast.

    f is elementwise and analytic between the knots, where it may kink and jump. Panels of 20 Gauss-Legendre nodes are
    halved until their errors sum to rtol, to atol or to rounding, or `most` were added.

    Raises:
        ValueError: a variance below 0.
    """
    shape, (m, v) = flat_points(mean, variance)
    require_variances(v)

    def integrand(i: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return with_rounding(f, m[i, None] + np.sqrt(v)[i, None] * x)

    edges = panel_edges(np.union1d(knots, 0.0) - m[:, None], np.sqrt(v), scale)
    return shaped(shape, *integrate(integrand, edges, rtol, most, atol))


def pair_expectation(
    f: Function,
    g: Function,
    variance: Real,
    correlation: Real,
    *,
    knots: Sequence[float] = (0.0,),
    scale: float = 1.0,
    rtol: float = 1e-12,
) -> Estimate:
    """E f(u) g(v), (u, v) centred Gaussian of one variance >= 0, |correlation| <= 1; the arguments broadcast.

    f and g are elementwise and analytic between the knots. With no knot but 0 the sums are those of `gaussian_pair`,
    on finer grids, 1 / 12 and where that does not do 1 / 24; else panels as in `expectation`, nested.
    """
    shape, (v, c) = flat_points(variance, correlation)
    require_variances(v)
    c = correlations(c)
    if any(knots):
        return shaped(shape, *nested_panels(f, g, v, c, np.union1d(knots, 0.0), scale, rtol))
    value, error, noise = logarithmic_sums(f, g, v, c, scale, 1 / 12)
    again = np.flatnonzero(error > np.maximum(rtol * np.abs(value), noise))
    value[again], error[again], noise[again] = logarithmic_sums(f, g, v[again], c[again], scale, 1 / 24)
    return shaped(shape, value, error + noise)


def rule_error(f: Function, g: Function, variance: Real, correlation: Real) -> np.ndarray:
    """A bound on the error of `gaussian_pair`, whose step is 1 / 6, from `pair_expectation`; knots at 0 only."""
    certified = pair_expectation(f, g, variance, correlation)
    return np.abs(gaussian_pair(f, g, variance, correlation) - certified.value) + certified.bound


def difference(
    f: Function,
    variance: Real,
    gap: Real,
    *,
    slope: Function | None = None,
    knots: Sequence[float] = (0.0,),
    scale: float = 1.0,
    rtol: float = 1e-12,
) -> Estimate:
    """E f(u)^2 - E f(u) f(v) at correlation 1 - gap, gap in [0, 2], as E (f(u) - f(v))^2 / 2; the arguments broadcast.

    u = s + d and v = s - d for independent s and d. The rounding of f(u) - f(v) limits the value where d is small
    beside the scale of f, unless slope = f' is given, of which the difference is then the integral.
    """
    shape, (v, drop) = flat_points(variance, gap)
    require_variances(v)
    if not np.all((drop >= 0) & (drop <= 2)):
        raise ValueError(f"difference: gap {drop[~((drop >= 0) & (drop <= 2))][0]}; give numbers in [0, 2]")
    wide, narrow, cuts = np.sqrt(v * (1 - drop / 2)), np.sqrt(v * drop / 2), np.union1d(knots, 0.0)
    jumps = jumps_at(f, cuts)

    def outer(i: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        d, spread = (narrow[i, None] * x).ravel(), np.repeat(wide[i], x.shape[1])

        def inner(j: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            rise, error = increments(f, slope, cuts, jumps, scale, spread[j, None] * z, d[j, None])
            return rise * rise, (2 * np.abs(rise) + error) * error

        edges = panel_edges(np.concatenate([cuts - d[:, None], cuts + d[:, None]], 1), spread, scale)
        value, bound = integrate(inner, edges, rtol / 4, 2**8)
        with np.errstate(divide="ignore", invalid="ignore"):  # a knot is at its place to an ulp, and a jump with it
            missed = 4 * EPSILON * np.abs(cuts / spread[:, None]) * np.exp(-((cuts / spread[:, None]) ** 2) / 2)
        return value.reshape(x.shape), (bound + np.nan_to_num(missed) @ jumps**2).reshape(x.shape)

    apart = np.abs(cuts[:, None] - cuts).ravel() / 2
    edges = np.maximum(panel_edges(np.broadcast_to(apart, (v.size, apart.size)), narrow, scale), 0)
    return shaped(shape, *integrate(outer, edges, rtol, 2**8))


def require_variances(variance: np.ndarray) -> None:
    """Raise ValueError for a variance that is negative, infinite or NaN."""
    if not np.all((variance >= 0) & (variance < np.inf)):
        raise ValueError(f"variance {variance[~((variance >= 0) & (variance < np.inf))][0]}; give numbers in [0, inf)")


def shaped(shape: tuple[int, ...], value: np.ndarray, bound: np.ndarray) -> Estimate:
    """The estimate of that shape; what is not finite is 0, within inf."""
    known = np.isfinite(value) & np.isfinite(bound)
    return Estimate(np.where(known, value, 0.0).reshape(shape)[()], np.where(known, bound, np.inf).reshape(shape)[()])


def nested_panels(
    f: Function, g: Function, v: np.ndarray, c: np.ndarray, knots: np.ndarray, scale: float, rtol: float
) -> tuple[np.ndarray, np.ndarray]:
    """E f(u) E(g(v) | u) and its bound; v and c are (p,)."""
    sigma, tau = np.sqrt(v), np.sqrt(v * (1 - c) * (1 + c))

    def outer(i: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = sigma[i, None] * x
        centre, spread = (c[i, None] * u).ravel(), np.repeat(tau[i], x.shape[1])
        edges = panel_edges(knots - centre[:, None], spread, scale)
        given = integrate(lambda j, z: with_rounding(g, centre[j, None] + spread[j, None] * z), edges, rtol / 4, 2**8)
        mean, bound = (each.reshape(x.shape) for each in given)
        value, rounding = with_rounding(f, u)
        _, wobble = with_rounding(lambda _: mean, u)
        return value * mean, np.abs(value) * (bound + wobble) + rounding * np.abs(mean)

    with np.errstate(divide="ignore", invalid="ignore"):
        layers = knots / c[:, None]
    edges = panel_edges(np.concatenate([np.broadcast_to(knots, layers.shape), layers], 1), sigma, scale)
    edges = np.sort(np.concatenate([edges, panel_edges(layers, sigma, tau)], 1), 1)
    return integrate(outer, edges, rtol, 2**8)


def increments(
    f: Function,
    slope: Function | None,
    knots: np.ndarray,
    jumps: np.ndarray,
    scale: float,
    s: np.ndarray,
    d: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """f(s + d) - f(s - d) and its error (m, n), d (m, 1): by f, or where that is surer, for d < scale, by the slope."""
    (upper, above), (lower, below) = with_rounding(f, s + d), with_rounding(f, s - d)
    rise, error, near = upper - lower, above + below, np.flatnonzero(d < scale)
    if slope is not None and near.size:
        by_slope, doubt = slope_integrals(slope, knots, jumps, s[near], d[near])
        surer = doubt < error[near]
        rise[near], error[near] = np.where(surer, by_slope, rise[near]), np.where(surer, doubt, error[near])
    return rise, error


def slope_integrals(
    slope: Function, knots: np.ndarray, jumps: np.ndarray, s: np.ndarray, d: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The integral of the slope from s - d to s + d, knots ascending (k,) with their jumps, and its error (m, n)."""
    offset, reach = knots - s[..., None], np.broadcast_to(d, s.shape)[..., None]
    cuts = np.concatenate([-reach, np.clip(offset, -reach, reach), reach], -1)
    half, middle = np.diff(cuts)[..., None] / 2, (cuts[..., 1:] + cuts[..., :-1])[..., None] / 2
    terms = half * slope(s[..., None, None] + middle + half * NODES)
    total = np.sum(terms @ WEIGHTS, -1) + np.where(np.abs(offset) < reach, jumps, 0.0).sum(-1)
    sizes = np.sum(np.abs(terms) @ WEIGHTS, -1) + np.abs(total)
    return total, 4 * np.abs(terms @ LAST).sum((-1, -2)) + 16 * EPSILON * sizes


def jumps_at(f: Function, knots: np.ndarray) -> np.ndarray:
    """f after less f before each knot (k,), where a difference of a few ulp counts as 0."""
    shift = np.where(knots == 0, 1e-150, 0.0)
    after, before = (f(np.nextafter(knots + side * shift, side * np.inf)) for side in (1, -1))
    ulp = EPSILON * np.maximum(np.abs(after), np.abs(before))
    return np.where(np.abs(after - before) > 8 * ulp, after - before, 0.0)
