"""Kullback-Leibler divergence of two joint laws of binary neurons, and its parts from marginals and dependence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from meanbits.experiments.chain.networks import FloatArray
from meanbits.numerics.chain.enumeration import states


@dataclass(frozen=True)
class Divergence:
    """How far a law s is from the law p of n binary neurons.

    kl = E_p log(p/s) in nats, >= 0. marginals = sum_i KL(p_i || s_i), >= 0. dependence = E_p log(P/S), with P, S the
    laws relative to the products of their own marginals; for a product measure s it is the total correlation of p.
    They add up: kl = marginals + dependence. mean_square_error = (1/n) sum_i (E_p x_i - E_s x_i)^2.
    """

    kl: float
    marginals: float
    dependence: float
    mean_square_error: float


QUANTITIES = ("kl", "marginals", "dependence", "mean_square_error")


def divergence(p: FloatArray, log_s: FloatArray) -> Divergence:
    """Divergence of the law exp(log_s) from p, both (2^n,); infinite where s excludes what p allows.

    Source: Cover & Thomas 2006, Elements of Information Theory, sections 2.3 and 2.5 (chain rule).
    """
    used = p > 0
    own, other = _log_marginals_of(p), _log_marginals(log_s)
    possible = own > -np.inf
    joint = float(p[used] @ (np.log(p[used]) - log_s[used]))
    marginal = float(np.exp(own[possible]) @ (own[possible] - other[possible]))
    error = _mean_square_error(own, other)
    if not np.isfinite(joint):
        return Divergence(joint, marginal, np.nan, error)
    of_product = float(p[used] @ (_product(own)[used] - _product(other)[used]))
    return Divergence(joint, marginal, joint - of_product, error)


def total_correlation(p: FloatArray) -> float:
    """sum_i H(p_i) - H(p) in nats, >= 0, of the law of n binary neurons, (2^n,). Source: Watanabe 1960.

    It is the divergence of p from the product of its marginals, each term of which, p log(p/s) - p + s, is >= 0.
    """
    return float(np.maximum(special.kl_div(p, np.exp(_product(_log_marginals_of(p)))), 0.0).sum())


def jackknife(measure: Callable[[FloatArray], FloatArray], groups: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A function of a mean over independent groups, bias O(1/groups) removed, and its standard error.

    groups: (G, ...); measure takes an array like one group. With a single group: its value, and error 0.
    Source: Efron & Stein 1981, doi 10.1214/aos/1176345462.
    """
    count = len(groups)
    whole = measure(groups.mean(axis=0))
    if count == 1:
        return whole, np.zeros_like(whole)
    without = np.array([measure(np.delete(groups, k, axis=0).mean(axis=0)) for k in range(count)])
    if not np.isfinite(without).all():
        return whole, np.full_like(whole, np.nan)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return count * whole - (count - 1) * without.mean(axis=0), np.sqrt((count - 1) / count * spread)


@lru_cache(maxsize=16)
def _is_up(n: int) -> NDArray[np.bool_]:
    """Whether x_i = +1, (2^n, n)."""
    found = states(n) > 0
    found.setflags(write=False)
    return found


def _log_marginals_of(p: FloatArray) -> FloatArray:
    """log P(x_i = -1) and log P(x_i = +1), (2, n), of a law (2^n,)."""
    up = _is_up(p.size.bit_length() - 1)
    with np.errstate(divide="ignore"):
        return np.log(np.stack((p @ ~up, p @ up)))


def _log_marginals(log_law: FloatArray) -> FloatArray:
    """The same of a law given by its logarithm, whose probabilities may be too small for a float."""
    up = _is_up(log_law.size.bit_length() - 1).T
    sides = np.stack((np.where(up, -np.inf, log_law), np.where(up, log_law, -np.inf)))
    return special.logsumexp(sides, axis=-1)


def _product(log_marginals: FloatArray) -> FloatArray:
    """Log of the product of the marginals, (2, n) -> (2^n,)."""
    down, up = log_marginals
    return np.where(_is_up(up.size), up, down).sum(axis=-1)


def _mean_square_error(own: FloatArray, other: FloatArray) -> float:
    (down, up), (other_down, other_up) = np.exp(own), np.exp(other)
    return float((((up - down) - (other_up - other_down)) ** 2).mean())
