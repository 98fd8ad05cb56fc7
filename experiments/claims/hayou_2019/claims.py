"""The edge of chaos by activation: where it lies, and how slowly correlations come to 1 along it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, compared, derived, moment, theory_of
from meanbits.experiments.claims.papers import HAYOU
from meanbits.experiments.claims.real_networks import RELU, TANH, any_phi, edge_at, real
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.stages.decay import gap_decay
from meanbits.theory.symbols import h, q, sigma_b2, sigma_m2

KNOWN = "from knowledge of the paper, whose proofs were not read"
LAYERS = 2000
OFF_EDGE = ((1.0, 0.1), (1.5, 0.1), (3.0, 0.1))
ON = ((2.15330264890279, 0.1509646293785529),)  # the edge of tanh at q = 1
ON_EDGE = {sigma_m2: 1 / moment(PHI.diff(h) ** 2, q), sigma_b2: q - moment(PHI**2, q) / moment(PHI.diff(h) ** 2, q)}


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{HAYOU.citation}, {where}; {KNOWN}"


def gaps(neurons: str, q_at: float, layers: int, start: float = 0.5) -> np.ndarray:
    """1 - c layer by layer on the edge of chaos, fields of this variance."""
    point, maps = edge_at(neurons, q_at), compile_theory(theory_of(real(neurons)))
    found = np.empty(layers + 1)
    found[0] = start
    for layer in range(layers):
        found[layer + 1] = maps.gap_map(found[layer], point.q, point.sigma_m2, point.sigma_b2)
    return found


def _relu_edge(factor: Any) -> Evidence:
    critical = theory_of(RELU).critical_curve
    assert critical is not None
    return derived("(sigma_w2, sigma_b2) on the edge of relu, at any q",
                   [(critical[0], factor * sp.Integer(2)), (critical[1] + 1, factor * sp.S.One)])  # fmt: skip


def _relu_map(factor: Any) -> Evidence:
    """c' of relu on its edge at correlations on a grid, to rounding."""
    grid, maps = np.linspace(0, 1, 21), compile_theory(theory_of(RELU))
    claimed = (grid * np.arcsin(grid) + np.sqrt(1 - grid**2)) / np.pi + grid / 2
    error = float(np.abs(maps.correlation_map(grid, 1.0, 2.0, 0.0) - float(factor) * claimed).max())
    return Evidence("maps", "c' of relu at (2, 0)", {"points": grid.size, "largest error": error}, error < 1e-14)


def _relu_near_one(factor: Any) -> Evidence:
    gap = 1e-12
    maps = compile_theory(theory_of(RELU))
    found = float((gap - maps.gap_map(gap, 1.0, 2.0, 0.0)) / gap**1.5)
    return compared("maps", "(c' - c)/(1 - c)^(3/2) of relu at 1 - c = 1e-12", found,
                    float(factor) * 2 * np.sqrt(2) / (3 * np.pi), 1e-3)  # fmt: skip


def _relu_law(factor: Any) -> Evidence:
    law = gap_decay(theory_of(RELU).maps)
    assert law is not None
    found = law.amplitude.subs({sigma_m2: 2, sigma_b2: 0})
    return derived("exponent and amplitude of 1 - c of relu on its edge",
                   [(sp.simplify(found), factor * 9 * sp.pi**2 / 2),
                    (law.exponent, factor * sp.Integer(2))])  # fmt: skip


def _relu_iterated(factor: Any) -> Evidence:
    found = gaps("relu", 1.0, LAYERS)
    rate = (found[-1] ** -0.5 - found[LAYERS // 2] ** -0.5) / (LAYERS - LAYERS // 2)
    return compared("maps", f"(l^2 (1 - c))^-1 of relu between layers {LAYERS // 2} and {LAYERS}", float(rate**2),
                    float(factor) * 2 / (9 * np.pi**2), 5e-3)  # fmt: skip


def _smooth_law(factor: Any) -> Evidence:
    law = gap_decay(any_phi().maps)
    assert law is not None
    claimed = 2 * moment(PHI.diff(h) ** 2, q) / (q * moment(PHI.diff(h, 2) ** 2, q))
    return derived("exponent and amplitude of 1 - c on the edge, any smooth phi",
                   [(law.amplitude.subs(ON_EDGE), factor * claimed), (law.exponent, factor * sp.S.One)])  # fmt: skip


def _smooth_iterated(neurons: str, factor: Any) -> Evidence:
    law = gap_decay(theory_of(real(neurons)).maps)
    assert law is not None
    point = edge_at(neurons, 1.0)
    told = law.amplitude.subs({q: point.q, sigma_m2: point.sigma_m2, sigma_b2: point.sigma_b2}).evalf(15)
    layers = 1000
    found = gaps(neurons, 1.0, layers)
    return compared("maps", f"1/(l (1 - c)) of {neurons} between layers {layers // 2} and {layers}, q = 1",
                    float((1 / found[-1] - 1 / found[layers // 2]) / (layers - layers // 2)),
                    float(factor) / float(told), 5e-3)  # fmt: skip


def _exponential(places: tuple[tuple[float, float], ...]) -> Evidence:
    """Whether the distance from c* falls by chi < 1 a layer at last, tanh."""
    maps, numbers, holds = compile_theory(theory_of(TANH)), {}, True
    for width, biases in places:
        point = fixed_point(theory_of(TANH), width, biases)
        c_near = float(point.c) - 1e-5
        rate = float((maps.correlation_map(c_near, point.q, width, biases) - point.c) / -1e-5)
        numbers[f"rate at sigma_w2 = {width:.4g}"] = rate
        holds = holds and abs(rate - float(point.chi)) < 1e-4 and rate < 1 - 1e-3
    return Evidence("maps", "distance from c*, a layer, tanh", numbers, holds)


def _keeps_longer(order: tuple[str, str]) -> Evidence:
    """Whether the first keeps inputs apart ever longer than the second."""
    first, second = (gaps(name, 1.0, 1000) for name in order)
    ratios = {f"layer {layer}": float(first[layer] / second[layer]) for layer in (10, 100, 1000)}
    rises = all(low < high for low, high in pairwise(ratios.values()))
    return Evidence("maps", f"1 - c of {order[0]} over that of {order[1]} on their edges, q = 1", ratios,
                    rises and ratios["layer 1000"] > 1)  # fmt: skip


def _nearly_linear(variances: tuple[float, ...]) -> Evidence:
    """Whether the correlation map comes to the identity as biases vanish along the edge of tanh."""
    grid, maps, farthest = np.linspace(0, 1, 101), compile_theory(theory_of(TANH)), {}
    for value in variances:
        point = edge_at("tanh", value)
        apart = maps.correlation_map(grid, value, point.sigma_m2, point.sigma_b2) - grid
        farthest[f"sigma_b = {point.sigma_b2**0.5:.2g}"] = float(np.abs(apart).max())
    values = list(farthest.values())
    return Evidence("maps", "largest |c' - c| along the edge of tanh", farthest,
                    all(high > low for high, low in pairwise(values)) and values[-1] < 1e-2)  # fmt: skip


def _residual(factor: Any) -> Evidence:
    layer, depth, weights = layer_named(compose(**RELU), skip="1"), 1000, 1.0
    first, last = (1 - _stream(layer, layers, weights) for layers in (depth // 2, depth))
    rate = (last**-0.5 - first**-0.5) / (depth - depth // 2)
    claimed = 9 * np.pi**2 / 2 * ((2 + weights) / weights) ** 2
    return compared("maps", f"(l^2 (1 - c))^-1 up to {depth} layers x + W relu(x), sigma_w2 = 1", float(rate**2),
                    float(factor) / claimed, 1e-2)  # fmt: skip


def _stream(layer: Any, depth: int, weights: float) -> float:
    """c behind so many layers, restarted at T = 1 every 100, since relu does not mind the scale."""
    c_now = 0.5
    for _ in range(depth // 100):
        c_now = float(profile(layer, 100, weights, 0.0, q0=1.0, c0=c_now).c[-1])
    return c_now


HAYOU_CLAIMS: tuple[Claim, ...] = (
    Claim("hayou.relu-edge", stated("the edge of relu"),
          "The edge of chaos of relu is one point, (sigma_b, sigma_w) = (0, sqrt 2).",
          (formula(_relu_edge),)),
    Claim("hayou.relu-map", stated("the correlation function of relu"),
          "There c' = (c asin c + sqrt(1 - c^2))/pi + c/2, which is c + 2 sqrt 2/(3 pi) (1 - c)^(3/2) near 1.",
          (formula(_relu_map), formula(_relu_near_one))),
    Claim("hayou.relu-rate", stated("relu on the edge"),
          "On its edge correlations of relu networks come to 1 as 1 - c^l ~ 9 pi^2/(2 l^2).",
          (formula(_relu_law), formula(_relu_iterated))),
    Claim("hayou.smooth-rate", stated("smooth activations on the edge, proposition 3"),
          "Those of smooth activations do so as 1 - c^l ~ beta_q/l, beta_q = 2 E phi'^2/(q E phi''^2).",
          (formula(_smooth_law), formula(partial(_smooth_iterated, "tanh")),
           formula(partial(_smooth_iterated, "erf")))),
    Claim("hayou.exponential", stated("off the edge"),
          "Off the edge correlations come to their fixed point exponentially (tanh, in either phase).",
          (either(_exponential, OFF_EDGE, ON),)),
    Claim("hayou.smooth-deeper", stated("abstract and introduction"),
          "Smooth activations let information reach deeper than relu on the edge of chaos (tanh against relu, "
          "fields of variance 1).",
          (either(_keeps_longer, ("tanh", "relu"), ("relu", "tanh")),)),
    Claim("hayou.small-biases", stated("the choice of a point on the edge"),
          "Along the edge of tanh the correlation map comes to the identity as sigma_b goes to 0.",
          (either(_nearly_linear, (1.0, 0.1, 0.01, 0.001), (0.1, 1.0)),)),
    Claim("hayou.residual", stated("introduction"),
          "A relu network on the edge acts as a simple residual relu network does: there too 1 - c^l falls as l^-2 "
          "(here 9 pi^2/(2 l^2) times ((2 + sigma_w^2)/sigma_w^2)^2, at sigma_w^2 = 1).",
          (formula(_residual),)),
)  # fmt: skip
