"""Weights rounded from latent ones, which training moves and gradients see straight through."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.declarations.weights import Weights
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.symbols import u

MEAN_SIZE: sp.Expr = evaluate_all(expectation(sp.Abs(u), 0, 1))
"""E|w| of latent weights N(0, 1): the scale that Rastegari et al. 2016, eq. (6), give their signs."""


def _rounded() -> Weights:
    """w/E|w| rounded to -1, 0 or 1, w Gaussian, whatever its variance: Ma et al. 2024, arXiv 2402.17764, eq. (1)."""
    threshold = MEAN_SIZE / 2
    rounded = (sp.sign(u - threshold) + sp.sign(u + threshold)) / 2
    nonzero = evaluate_all(expectation(rounded**2, 0, 1))
    return Weights.of_latent("absmean", ((sp.S.One, nonzero / 2), (sp.S.NegativeOne, nonzero / 2),
                                         (sp.S.Zero, 1 - nonzero)))  # fmt: skip


ABSMEAN = _rounded()
