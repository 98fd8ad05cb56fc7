"""Whether initialisations matter to binary networks, and what batch norm does for them: theory, and small trainings."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import compared
from meanbits.experiments.claims.papers import SARI
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named

SIGNS = {"name": "random-binary", "backward": "clip"}
DEPTH, WIDTHS, LARGE = 4, (32, 300, 1000), 100
RECIPE = {"surrogate": "binaryconnect-ste", "dataset": "digits", "train_size": 512, "width": 32, "sigma_b2": 0.0,
          "samples": 1, "epochs": 8, "depth": 3}  # fmt: skip
RATES, CHANCE = {"adam": 0.02, "sgd": 3.0}, 0.1
BARE, SCALED = math.sqrt(RECIPE["width"]), 1.0  # of fields: weights +-1, and +-1/sqrt(N)


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{SARI.citation}, {where}; the abstract was read, its theorems were not"


def _growth(scale: float, **blocks: Any) -> float:
    """What squared gradients of sign networks with slope clip grow by at the last layer but one."""
    layer = layer_named(compose(**SIGNS), scale=scale, **blocks)
    gradient = profile(layer, DEPTH, 1.0, 0.0).gradient
    return float(gradient[1] / gradient[2])


def _explodes(scaled: bool) -> Evidence:
    """Whether weights +-1, or +-1/sqrt(N), make gradients explode without a norm."""
    numbers = {f"growth at width {width}": _growth(1.0 if scaled else math.sqrt(width)) for width in WIDTHS}
    return Evidence("maps", f"squared gradients grow, weights +-1{'/sqrt(N)' if scaled else ''}, slope clip", numbers,
                    all(each > 1 for each in numbers.values()))  # fmt: skip


def _law(factor: Any) -> Evidence:
    width = WIDTHS[-1]
    claimed = width * math.erf(1 / math.sqrt(2 * width))
    return compared("maps", f"growth of squared gradients, weights +-1, width {width}", _growth(math.sqrt(width)),
                    float(factor) * claimed, 1e-9, large_widths=math.sqrt(2 * width / math.pi))  # fmt: skip


def _normed(normalise: str) -> Evidence:
    numbers = {f"growth at width {width}": _growth(math.sqrt(width), normalise=normalise) for width in WIDTHS}
    return Evidence("maps", f"squared gradients do not explode, weights +-1, norm: {normalise}", numbers,
                    all(each <= 1 for each in numbers.values()))  # fmt: skip


def _same_network(binary: bool) -> Evidence:
    """Whether the network behind latent weights is the same whatever their variance: fields of one drawn network."""
    rng = np.random.default_rng(5)
    latent, x = rng.standard_normal((2, LARGE, LARGE)), rng.standard_normal(LARGE)
    apart = 0.0
    for weights, other in zip(latent, latent, strict=True):
        first, second = ((np.sign(each) if binary else each) for each in (0.01 * weights, 3.0 * other))
        apart = max(apart, float(np.abs(first @ np.sign(x) - second @ np.sign(x)).max()))
    kind = "signs of latent weights" if binary else "real weights"
    return Evidence("simulation", f"fields of {kind} of standard deviation 0.01 and 3", {"farthest": apart}, apart == 0)


@lru_cache(maxsize=32)
def _accuracy(scale: float, normalise: str, optimiser: str) -> float:
    from meanbits.experiments.figures.trained_grid import Here
    from meanbits.experiments.training.cells import train_cell
    from meanbits.experiments.training.settings import Settings

    settings = Settings(**RECIPE, scale=scale, normalise=normalise, optimiser=optimiser, lr=RATES[optimiser])
    return Here().submit(train_cell, settings).result()["surrogate"]["train_accuracy"]


def _half() -> float:
    places = product((BARE, SCALED), ("none", "batch"), RATES)
    return (CHANCE + max(_accuracy(*place) for place in places)) / 2


def _train(scales: tuple[float, ...], normalise: str, trains: bool) -> Evidence:
    """Whether all of some networks train, half way from chance to the best or better, or none of them does."""
    half = _half()
    numbers = {f"fields times {scale:.3g}, {optimiser}": _accuracy(scale, normalise, optimiser)
               for scale in scales for optimiser in RATES}  # fmt: skip
    what = f"sign networks of depth 3, width 32, norm {normalise}: {'all' if trains else 'none'} trained"
    return Evidence("training", what, numbers | {"half": half},
                    all((each >= half) == trains for each in numbers.values()))  # fmt: skip


SARI_CLAIMS: tuple[Claim, ...] = (
    Claim("sari.initialisation", stated("abstract"),
          "Common initialisations of real networks are irrelevant to binary ones: the network at the start, signs of "
          "latent weights, is the same whatever the variance they are drawn with.",
          (either(_same_network, True, False),)),
    Claim("sari.explodes", stated("abstract"),
          "Without batch norm gradients of binary networks explode (read of weights +-1, slope clip).",
          (either(_explodes, False, True), formula(_law)),),
    Claim("sari.batch-norm", stated("abstract"),
          "With batch norm they do not, at any width.",
          (either(_normed, "batch", "none"),)),
    Claim("sari.fails", stated("abstract"),
          "Without batch norm binary networks fail to train (digits, depth 3, Adam and SGD).",
          (either(partial(_train, normalise="none", trains=False), (BARE, SCALED), (BARE,)),),
          "So it is of weights +-1. With +-1/sqrt(N), the scale that common initialisations give, they train without "
          "it; and with batch norm at either scale.",
          (either(partial(_train, normalise="none", trains=False), (BARE,), (SCALED,)),
           either(partial(_train, normalise="none", trains=True), (SCALED,), (BARE,)),
           either(partial(_train, (BARE, SCALED), trains=True), "batch", "none"))),
)  # fmt: skip
