"""Batch norm and gradients: what the abstract says, and the growth of relu; what straight-through slopes change."""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy as sp

from meanbits.experiments.claims.block_claims import (
    RELU_LAYER,
    SIGN_LAYER,
    excess_of_slope,
    growth_behind_batch_norm,
    never_below,
    simulated_gradients,
)
from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import REAL, compared, derived, sheet
from meanbits.experiments.claims.papers import YANG
from meanbits.theory.declarations.blocks import Dense, Flow, Neuron
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import RELU
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.stages.neuron_moments import SymbolicMoments
from meanbits.theory.symbols import sigma_m2

BATCH_NORM = {"normalise": "batch"}
PRINTED = 1.467  # of relu


def _relu_number(factor: Any) -> Evidence:
    found = float(growth_behind_batch_norm(RELU))
    return compared("derivation", "growth of squared gradients of relu behind batch norm, to the digits printed", found,
                    float(factor) * PRINTED, 5e-4)  # fmt: skip


def _relu_formula(factor: Any) -> Evidence:
    pairs = [(growth_behind_batch_norm(RELU), factor * sp.pi / (sp.pi - 1))]
    return derived("growth of squared gradients of relu behind batch norm", pairs)


def _free_of_weights(normed: bool) -> Evidence:
    """Whether the growth does not depend on the variance of the weights, behind batch norm or without."""
    of, chain = SymbolicMoments(), (Neuron(REAL), Dense(FIXED, sigma_m2, sigma_m2, sp.S.Zero))
    bare = backward(chain, forward(chain, Flow(sp.S.One, sp.S.One, sp.S.One), of), of).square
    growth = growth_behind_batch_norm(REAL) if normed else bare
    where = "behind batch norm" if normed else "without a norm"
    return derived(f"slope in sigma_m2 of the growth of squared gradients {where}, any phi",
                   [(growth.diff(sigma_m2), sp.S.Zero)])  # fmt: skip


def _of_signs(factor: Any) -> Evidence:
    pairs = [(growth_behind_batch_norm(compose(**SIGN_LAYER).neurons), factor * sp.erf(1 / sp.sqrt(2)))]
    return derived("growth of squared gradients of signs with slope clip behind batch norm", pairs)


YANG_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "yang.relu",
        f"{YANG.citation}, on relu in large batches; {sheet(10)}",
        "Behind batch norm in large batches squared gradients of relu networks grow by pi/(pi - 1) = 1.467 a layer.",
        (formula(_relu_formula), formula(_relu_number), formula(partial(simulated_gradients, RELU_LAYER, BATCH_NORM))),
    ),
    Claim(
        "yang.weights",
        f"{YANG.citation}, abstract; {sheet(10)}",
        "Gradients that explode behind batch norm are not cured by tuning the variance of the weights at the start.",
        (either(_free_of_weights, True, False),),
    ),
    Claim(
        "yang.neurons",
        f"{YANG.citation}, abstract; {sheet(10)}",
        "Nor by another nonlinear activation (read in large batches, with exact gradients).",
        (formula(excess_of_slope), either(never_below, 1.0, 1.1)),
    ),
    Claim(
        "yang.straight-through",
        f"{YANG.citation}, beyond it; {sheet(10)}",
        "Straight-through slopes do cure it: behind batch norm squared gradients of signs with slope clip shrink by "
        "erf(1/sqrt 2) = 0.683 a layer.",
        (formula(_of_signs), formula(partial(simulated_gradients, SIGN_LAYER, BATCH_NORM))),
    ),
)
