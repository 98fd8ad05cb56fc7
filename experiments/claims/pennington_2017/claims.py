"""Singular values of deep Jacobians: which weights and neurons can have dynamical isometry."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import compared, derived, theory_of
from meanbits.experiments.claims.papers import PENNINGTON
from meanbits.experiments.claims.real_networks import edge_at, real
from meanbits.numerics.spectra.isometry import variance_per_layer
from meanbits.numerics.spectra.slope_law import slope_law
from meanbits.numerics.spectra.spectrum import spectrum
from meanbits.theory.stages.free_probability import (
    INDEPENDENT,
    ORTHOGONAL,
    WEIGHT_MATRICES,
    WeightMatrix,
    depth,
    depth_moments,
    mu_1,
    mu_2,
    slope_s_transform,
    w,
)
from meanbits.theory.symbols import sigma_m2

KNOWN = "from knowledge of the paper; the abstract was read"
DEPTHS = (1, 2, 8, 32)
VARIANCES = (1.0, 0.1, 0.01)  # q along the edge of chaos
WIDTH, NETWORKS, LAYERS = 400, 12, 2
LIMIT = sp.Rational(1, 4)  # of the variance that the limits keep


def stated(where: str) -> str:
    """The source of a statement of the papers."""
    return f"{PENNINGTON.citation}, {where}; {KNOWN}"


def _moments(factor: Any) -> Evidence:
    """Mean and variance of squared singular values of both kinds of weights, by free probability."""
    pairs = []
    for weights, first in zip(WEIGHT_MATRICES, (-1, 0), strict=True):
        found = depth_moments(weights)
        claimed = sp.expand(depth * (mu_2 / mu_1**2 - 1 - first))
        pairs += [(found.mean, factor * (sigma_m2 * mu_1) ** depth),
                  (sp.expand(found.relative_variance), factor * claimed)]  # fmt: skip
    return derived("mean, and variance over the squared mean, of independent and orthogonal weights", pairs)


@lru_cache(maxsize=1)
def _products() -> dict[str, np.ndarray]:
    """Squared singular values of random relu Jacobians of some layers, of both kinds of weights, on the edge."""
    rng, found = np.random.default_rng(7), {"independent": [], "orthogonal": []}
    for _ in range(NETWORKS):
        for name, rows in found.items():
            product = np.eye(WIDTH)
            for _ in range(LAYERS):
                slopes = (rng.standard_normal(WIDTH) > 0).astype(float)
                independent = rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)
                weights = independent if name == "independent" else np.linalg.qr(independent)[0]
                product = np.sqrt(2) * weights @ (slopes[:, None] * product)
            rows.append(np.linalg.svd(product, compute_uv=False) ** 2)
    return {name: np.array(rows) for name, rows in found.items()}


def _relu_in_matrices(name: str, factor: Any) -> Evidence:
    squares = _products()[name]
    found = (squares**2).mean() / squares.mean() ** 2 - 1
    weights = INDEPENDENT if name == "independent" else ORTHOGONAL
    told = LAYERS * variance_per_layer(weights.name, 2.0)
    return compared("simulation", f"relative variance of squared singular values, {LAYERS} layers of relu, {name}",
                    float(found), float(factor) * told, 0.04)  # fmt: skip


def _linear(factor: Any) -> Evidence:
    """The largest squared singular value of products of Gaussian matrices, from the spectrum."""
    law = slope_law(theory_of(real("linear")), 1.0, 1.0)
    errors = [abs(spectrum(law, 1.0, L).largest ** 2 / (float(factor) * (L + 1) ** (L + 1) / L**L) - 1) for L in DEPTHS]
    return Evidence("maps", f"largest s^2 of {DEPTHS} layers against (L + 1)^(L + 1)/L^L",
                    {"largest error": max(errors)}, max(errors) < 1e-8)  # fmt: skip


def _spread(neurons: str, value: float) -> float:
    point = edge_at(neurons, value)
    return variance_per_layer("orthogonal", slope_law(theory_of(real(neurons)), point.q, point.q).spread)


def _falls(neurons: str) -> Evidence:
    """Whether the variance that orthogonal weights leave a layer falls to 0 along the edge of chaos as q does."""
    values = [_spread(neurons, value) for value in VARIANCES]
    numbers = {f"q = {value:g}": each for value, each in zip(VARIANCES, values, strict=True)}
    falls = all(high > low for high, low in pairwise(values)) and values[-1] < 1e-3
    return Evidence("maps", f"relative variance a layer, orthogonal weights, {neurons}, on the edge", numbers, falls)


def _never(weights: WeightMatrix, neurons: str) -> Evidence:
    """Whether a layer adds at least a variance of 1 at every point of the edge looked at."""
    values = [variance_per_layer(weights.name, slope_law(theory_of(real(neurons)), value, value).spread)
              for value in VARIANCES]  # fmt: skip
    numbers = {f"q = {value:g}": each for value, each in zip(VARIANCES, values, strict=True)}
    return Evidence("maps", f"relative variance a layer, {weights.name} weights, {neurons}: at least 1", numbers,
                    all(each > 1 - 1e-9 for each in values))  # fmt: skip


def _universal(kind: str, factor: Any) -> Evidence:
    """The S-transform of L orthogonal layers that keep a variance s, L to infinity, slopes 0 or 1, or smooth ones."""
    length, s = sp.Symbol("L", positive=True), sp.Symbol("s", positive=True)
    if kind == "bernoulli":
        open_share = 1 - s / length
        layer = open_share * (1 + w) / (w + open_share)  # of slopes 1 with this probability, times sigma_w2 = 1/share
        claimed = -s * w / (1 + w)
    else:
        layer = ORTHOGONAL.s_transform * slope_s_transform()  # of fields that vanish as L grows
        layer = sp.expand(layer.subs({mu_2: (1 + s / length) * mu_1**2, sigma_m2: 1 / mu_1}))
        claimed = -s * w
    found = sp.limit(length * sp.log(layer), length, sp.oo)
    return derived(f"log S of many orthogonal layers, {kind} slopes", [(sp.simplify(found), factor * claimed)])


def _smooth_edge(factor: Any) -> Evidence:
    """The largest singular value of the smooth limit, from the edge of its spectrum."""
    from scipy.optimize import minimize_scalar

    s = float(LIMIT)
    found = minimize_scalar(lambda x: np.log((1 + x) / x) + s * x, bounds=(1e-3, 1e3), method="bounded",
                            options={"xatol": 1e-12}).fun / 2  # fmt: skip
    root, width = np.sqrt(s + 4), np.sqrt(s)
    claimed = (width + root) / 2 * np.exp(width * (root - width) / 4)
    return compared("maps", "largest singular value of the smooth limit that keeps a variance of 1/4",
                    float(np.exp(found)), float(factor) * claimed, 1e-9)  # fmt: skip


PENNINGTON_CLAIMS: tuple[Claim, ...] = (
    Claim("pennington.moments", stated("the moments of the spectrum"),
          "Over L layers squared singular values have the mean (sigma_w^2 mu_1)^L and, over its square, the variance L "
          "(mu_2/mu_1^2 - 1 - s_1), mu_k = E phi'^2k, s_1 = -1 for Gaussian and 0 for orthogonal weights.",
          (formula(_moments),
           formula(partial(_relu_in_matrices, "independent")), formula(partial(_relu_in_matrices, "orthogonal")))),
    Claim("pennington.linear", stated("deep linear networks"),
          "The largest squared singular value of L Gaussian layers without neurons is (L + 1)^(L + 1)/L^L, about e L.",
          (formula(_linear),)),
    Claim("pennington.relu", stated("abstract"),
          "Relu networks cannot have dynamical isometry, with orthogonal weights either.",
          (either(partial(_never, ORTHOGONAL), "relu", "tanh"),)),
    Claim("pennington.sigmoid", stated("abstract"),
          "Sigmoidal networks can have it (tanh and hard tanh, as q* -> 0 along the edge of chaos with orthogonal "
          "weights)...",
          (either(_falls, "tanh", "relu"), either(_falls, "hardtanh", "relu"))),
    Claim("pennington.orthogonal", stated("abstract"),
          "... but only with orthogonal weights: Gaussian ones add a variance of at least 1 a layer (tanh).",
          (either(partial(_never, neurons="tanh"), INDEPENDENT, ORTHOGONAL),)),
    Claim("pennington.universal", stated("and 2018 (arXiv 1802.09979), abstract and its two classes"),
          "Deep orthogonal networks whose variance is kept come to limits of two classes, S = exp(-s w/(1 + w)) of "
          "slopes 0 or 1 (hard tanh) and S = exp(-s w) of smooth ones (erf; here from S of one layer to first "
          "order in w, which is what is left as slopes come to a constant).",
          (formula(partial(_universal, "bernoulli")), formula(partial(_universal, "smooth")))),
    Claim("pennington.edge", stated("and 2018 (arXiv 1802.09979), the smooth class"),
          "The largest singular value of the smooth limit is (s_0 + sqrt(s_0^2 + 4))/2 exp(s_0 (sqrt(s_0^2 + 4) - "
          "s_0)/4), s_0^2 the variance that is kept.",
          (formula(_smooth_edge),)),
)  # fmt: skip
