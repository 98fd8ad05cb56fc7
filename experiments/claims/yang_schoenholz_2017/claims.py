"""Residual networks: powers of depth and exponents of its root where plain networks have exponentials."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import Z_LIMIT, compared
from meanbits.experiments.claims.papers import RESIDUAL
from meanbits.experiments.claims.real_networks import real
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.depth.stream import StreamLaw, stream_law
from meanbits.theory.declarations.blocks import Dense, Neuron, Skip
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.layer import Layer, layer_of
from meanbits.theory.declarations.surrogates import NONE
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.symbols import sigma_b2, sigma_m2

KNOWN = "from knowledge of its theorems; the abstract was read"
INNER, INNER_BIAS = sp.Rational(3, 2), sp.Rational(1, 10)  # variances of w and b
OUTER, OUTER_BIAS = 0.7, 0.2  # of v and a
DEPTH, WIDTH, NETWORKS, SEED = 12, 400, 16, 4


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{RESIDUAL.citation}, {where}; {KNOWN}"


@lru_cache(maxsize=8)
def full_residual(neurons: str) -> Layer:
    """x + v phi(w x + b) + a, with w and b of the variances above, v and a open."""
    unit = Neuron(compose(**real(neurons)).neurons)
    inner, outer = Dense(FIXED, INNER, INNER, INNER_BIAS), Dense(FIXED, sigma_m2, sigma_m2, sigma_b2)
    return Layer(f"residual {neurons}", (Skip(sp.S.One, sp.S.One, (inner, unit, outer)),), NONE)


@lru_cache(maxsize=8)
def _law(neurons: str, outer: float = OUTER, bias: float = OUTER_BIAS) -> StreamLaw:
    law = stream_law(full_residual(neurons), outer, bias)
    assert law is not None
    return law


def _tanh_length(factor: Any) -> Evidence:
    law = _law("tanh")
    return compared("maps", "p of tanh over depth, a power of 1", law.rate, float(factor) * (OUTER + OUTER_BIAS), 1e-5,
                    power=law.power)  # fmt: skip


def _tanh_gradient(factor: Any) -> Evidence:
    law = _law("tanh")
    claimed = 4 / 3 * math.sqrt(2 / math.pi) * OUTER * math.sqrt(float(INNER)) / math.sqrt(OUTER + OUTER_BIAS)
    return compared("maps", "A in ln(squared gradients) ~ A sqrt(L), tanh", law.exponent, float(factor) * claimed, 1e-4,
                    power_of_L=law.stretch)  # fmt: skip


def _tanh_forgetting(factor: Any) -> Evidence:
    """c* and its exponent from asin, as the paper has them."""
    law, share = _law("tanh"), OUTER / (OUTER + OUTER_BIAS)
    c = 0.5
    for _ in range(500):
        c = share * 2 / math.pi * math.asin(c) + 1 - share
    exponent = 1 - 2 / math.pi * share / math.sqrt(1 - c * c)
    return compared("maps", "exponent at which correlations of tanh come to c*", law.forgetting,
                    float(factor) * exponent, 1e-5, c=law.c, c_claimed=c, error_of_c=abs(law.c - c))  # fmt: skip


def _relu_growth(factor: Any) -> Evidence:
    law = _law("relu")
    growth = 1 + OUTER * float(INNER) / 2
    return compared("maps", "growth of p, and of squared gradients, a layer, relu", law.rate * math.exp(law.exponent),
                    (float(factor) * growth) ** 2, 1e-9)  # fmt: skip


def _relu_forgets(power: float) -> Evidence:
    """Whether 1 - c of relu falls as a power of depth: two fits of it agree."""
    layer, found = full_residual("relu"), []
    c, done = 0.5, 0
    for layers in (300, 300, 600, 1200):
        for _ in range(layers // 100):
            c = float(profile(layer, 100, OUTER, 0.0, q0=1e6, c0=c).c[-1])  # scales drop out where p is large
        done += layers
        found.append((done, 1 - c))
    fits = [math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in pairwise(found)]
    numbers = {f"exponent up to layer {layers}": fit for (layers, _), fit in zip(found[1:], fits, strict=True)}
    return Evidence("maps", f"1 - c of relu falls as l^{power:g} at last", numbers, abs(fits[-1] - power) < 0.1)


@lru_cache(maxsize=4)
def _networks(neurons: str) -> tuple[Any, Any]:
    from meanbits.experiments.random_networks.layer_networks import simulate_layers

    layer = full_residual(neurons)
    seen = simulate_layers(layer, DEPTH, OUTER, OUTER_BIAS, width=WIDTH, networks=NETWORKS, seed=SEED)
    return seen, profile(layer, DEPTH, OUTER, OUTER_BIAS)


def _simulated(neurons: str, factor: Any) -> Evidence:
    seen, told = _networks(neurons)
    steps = np.arange(DEPTH + 1)
    grown = float(factor) ** steps
    z = {name: float(np.abs(seen.z(name, values)[part]).max()) for name, values, part in
         (("T", told.T * grown, slice(1, None)),
          ("gradient", told.gradient * grown[::-1], slice(None, -1)))}  # fmt: skip
    return Evidence("simulation", f"p and squared gradients over {DEPTH} residual layers, {neurons}",
                    {"networks": NETWORKS, "width": WIDTH, **{f"|z| of {name}": each for name, each in z.items()}},
                    max(z.values()) < Z_LIMIT)  # fmt: skip


def _plain_is_exponential(skip: bool) -> Evidence:
    """Whether squared gradients over 100 and 400 layers grow by a constant factor a layer."""
    layer = full_residual("tanh") if skip else layer_of(compose(**real("tanh")))
    weights = OUTER if skip else 3.0
    logs = [math.log(float(profile(layer, depth, weights, OUTER_BIAS).gradient[0])) for depth in (100, 400)]
    numbers = {"ln of growth over 100 layers": logs[0], "over 400": logs[1], "ratio": logs[1] / logs[0]}
    return Evidence("maps", "ln of growth is in proportion to depth, tanh", numbers, abs(logs[1] / logs[0] - 4) < 0.2)


def _best_by_depth(depths: tuple[int, int]) -> Evidence:
    """Whether the variance at which squared gradients grow by e^3 over a depth falls as depth grows."""
    from scipy.optimize import brentq

    def excess(log_outer: float, depth: int) -> float:
        layer = full_residual("tanh")
        return math.log(float(profile(layer, depth, math.exp(log_outer), OUTER_BIAS).gradient[0])) - 3

    found = [math.exp(brentq(excess, math.log(0.01), math.log(20.0), args=(depth,), xtol=1e-6)) for depth in depths]
    numbers = {f"sigma_v2 at depth {depth}": value for depth, value in zip(depths, found, strict=True)}
    return Evidence(
        "maps", "sigma_v2 of tanh at which squared gradients grow by e^3", numbers, found[1] < found[0] / 1.5
    )


RESIDUAL_CLAIMS: tuple[Claim, ...] = (
    Claim("residual.plain", stated("abstract"),
          "Plain tanh networks pass gradients back exponentially, by a constant factor a layer; residual ones do not.",
          (either(_plain_is_exponential, False, True),)),
    Claim("residual.tanh-length", stated("tanh"),
          "In x + v tanh(w x + b) + a lengths grow linearly, p ~ (sigma_v^2 + sigma_a^2) l.",
          (formula(_tanh_length), formula(partial(_simulated, "tanh")))),
    Claim("residual.tanh-gradient", stated("tanh, backward"),
          "Their squared gradients grow as exp(A sqrt l), A = (4/3) sqrt(2/pi) sigma_v^2 sigma_w/sqrt(sigma_v^2 + "
          "sigma_a^2).",
          (formula(_tanh_gradient),)),
    Claim("residual.tanh-correlation", stated("tanh, forward"),
          "Their correlations come to the fixed point c* of (sigma_v^2 (2/pi) asin c + sigma_a^2)/(sigma_v^2 + "
          "sigma_a^2), below 1, as a power of depth: l^-delta, delta = 1 - (2/pi) sigma_v^2/((sigma_v^2 + sigma_a^2) "
          "sqrt(1 - c*^2)).",
          (formula(_tanh_forgetting),)),
    Claim("residual.relu-growth", stated("relu"),
          "In relu residual networks lengths and squared gradients grow by 1 + sigma_v^2 sigma_w^2/2 a layer.",
          (formula(_relu_growth), formula(partial(_simulated, "relu")))),
    Claim("residual.relu-correlation", stated("relu, forward"),
          "Their correlations come to 1 as a power of depth, 1 - c ~ l^-2.",
          (either(_relu_forgets, -2.0, -1.0),)),
    Claim("residual.depth", stated("abstract"),
          "The variances that are best at the start depend on the depth (read of tanh: those at which gradients grow "
          "by a set factor).",
          (either(_best_by_depth, (20, 80), (80, 20)),)),
)  # fmt: skip
