"""Trainable depth: where accuracy over depth falls to half, and how many depth scales xi_c that is.

Source: Stamatescu et al. 2020, figure 2 (6 xi_c); Schoenholz et al. 2017, figure 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.stats import norm

Array = NDArray[np.float64]

ALL_TRAIN, CROSSED, NONE_TRAINS, UNTRIED = 1, 0, -1, 2
ITERATIONS, SETTLED = 10_000, 1e-9  # of the expectation maximisation, in units of log depth
LEVEL = 0.95  # of confidence


@dataclass(frozen=True)
class Constant:
    """k in depth = k xi_c, with the ends of a 95 % interval, and the standard deviation of ln(depth / xi_c) about it.

    Where fewer than two depths cross, k and scatter are nan, and low, high the bounds that the others set on k: nan
    where they set none.
    """

    k: float
    low: float
    high: float
    scatter: float


def trainable_depth(depths: ArrayLike, accuracy: ArrayLike, half: float) -> tuple[float, int]:
    """The depth at which the accuracy, made to fall with depth (isotonic regression), passes `half`, and what it is.

    depths (L,) > 0, increasing; accuracy (L,), nan where a depth was not tried. CROSSED: between two depths,
    interpolated in ln depth; ALL_TRAIN: the deepest, which is a lower bound; NONE_TRAINS: the shallowest, an upper
    bound; UNTRIED: nan, for no depth was.
    """
    tried = np.isfinite(np.asarray(accuracy, np.float64))
    if not tried.any():
        return np.nan, UNTRIED
    logs = np.log(np.asarray(depths, np.float64))[tried]
    falling = isotonic_regression(np.asarray(accuracy, np.float64)[tried], increasing=False).x
    trains = int(np.count_nonzero(falling >= half))
    if trains == len(logs):
        return float(np.exp(logs[-1])), ALL_TRAIN
    if trains == 0:
        return float(np.exp(logs[0])), NONE_TRAINS
    above, below = falling[trains - 1], falling[trains]
    part = (above - half) / (above - below)
    return float(np.exp(logs[trains - 1] + part * (logs[trains] - logs[trains - 1]))), CROSSED


def constant(depth: ArrayLike, kind: ArrayLike, xi_c: ArrayLike, seed: int, resamples: int = 2000) -> Constant:
    """k by maximum likelihood with ln(depth / xi_c) normal, censored where all depths train or none does.

    depth, kind, as `trainable_depth` gives them: (n, networks) at n depth scales xi_c (n,), in layers; an infinite one
    says nothing, nor does one with a network not tried. The interval is the bootstrap's, over the depth scales and over
    the networks at each; resamples with fewer than two different crossings, which have no maximum, are left out.
    """
    scales = np.asarray(xi_c, np.float64)
    finite = np.isfinite(scales) & np.isfinite(np.asarray(depth, np.float64)).all(1)
    kinds, depths = np.asarray(kind)[finite], np.asarray(depth, np.float64)[finite]
    logs, shape = np.log(depths / scales[finite, None]).ravel(), kinds.shape
    kinds = kinds.ravel()
    if np.unique(logs[kinds == CROSSED]).size < 2:
        return _bounds(np.exp(logs), kinds)
    (mean,), (scatter,) = _censored_normal(logs, kinds, np.ones((1, logs.size)))
    chance = np.random.default_rng(seed)
    rows = chance.multinomial(shape[0], np.full(shape[0], 1 / shape[0]), resamples)
    counts = chance.multinomial(shape[1] * rows, np.full(shape[1], 1 / shape[1])).reshape(resamples, -1)
    telling = [np.unique(logs[(count > 0) & (kinds == CROSSED)]).size > 1 for count in counts]
    means, _ = _censored_normal(logs, kinds, counts[telling].astype(float))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Constant(float(np.exp(mean)), float(np.exp(low)), float(np.exp(high)), float(scatter))


def _bounds(ratios: Array, kinds: NDArray[np.int_]) -> Constant:
    """What depths that do not cross say: k is above where all train, below where none does."""
    lower, upper = ratios[kinds != NONE_TRAINS], ratios[kinds != ALL_TRAIN]
    return Constant(np.nan, float(lower.max()) if lower.size else np.nan, float(upper.min()) if upper.size else np.nan,
                    np.nan)  # fmt: skip


def _censored_normal(values: Array, kinds: NDArray[np.int_], weights: Array) -> tuple[Array, Array]:
    """Mean and standard deviation, (b,), of censored normal values (n,) that count weights (b, n) times.

    Expectation maximisation: a censored value stands for its first two moments beyond where it is censored. Source:
    Dempster, Laird & Rubin 1977, section 4.2.
    """
    side, crossed = np.sign(kinds).astype(float), kinds == CROSSED
    share = weights / weights.sum(1, keepdims=True)
    mean, scatter = share @ values, np.full(len(weights), values.std())
    for _ in range(ITERATIONS):
        m, s = mean[:, None], scatter[:, None]
        z = (values - m) / s
        hazard = np.where(crossed, 0.0, side * np.exp(norm.logpdf(z) - norm.logcdf(-side * z)))
        first = np.where(crossed, values, m + s * hazard)
        second = np.where(crossed, values**2, m**2 + s**2 + s * hazard * (values + m))
        before, mean = mean, (share * first).sum(1)
        scatter = np.sqrt((share * (second - 2 * first * mean[:, None] + mean[:, None] ** 2)).sum(1))
        if np.all(np.abs(mean - before) < SETTLED):
            return mean, scatter
    raise ValueError(f"the fit of k does not settle within {ITERATIONS} steps; give it more depths that cross")
