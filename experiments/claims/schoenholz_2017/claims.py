"""Depth scales of real networks, their gradients, what dropout does, and which depths train."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, REAL, Z_LIMIT, derived, moment, pair, theory_of
from meanbits.experiments.claims.papers import SCHOENHOLZ
from meanbits.experiments.claims.real_networks import TANH, any_phi, edge_at
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.solvers.backward import gradient_growth
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.blocks import Dense, Dropout, Flow, Neuron
from meanbits.theory.declarations.blocks.chain import forward
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.stages.neuron_moments import SymbolicMoments
from meanbits.theory.symbols import c, h, q, sigma_b2, sigma_m2

BIASES = 0.05  # sigma_b2 of the paper's figures
VARIANCES = (0.05, 0.3, 1.0, 3.0)  # q along the edge of chaos
WEIGHTS, PLANE_BIASES = np.linspace(1.05, 4, 24), np.array([0.01, 0.05, 0.2, 0.5])
DEPTH, WIDTH, NETWORKS = 8, 600, 16
KEPT = (sp.Rational(99, 100), sp.Rational(9, 10))
RECIPE = {"surrogate": "continuous", "dataset": "digits", "train_size": 512, "width": 100, "sigma_b2": BIASES,
          "samples": 1, "epochs": 12, "lr": 1e-3, "readout": "real"}  # fmt: skip
PLACES = ((0.6, 5), (0.6, 12), (0.6, 25), (1.76, 20), (1.76, 60), (3.5, 20), (3.5, 40), (3.5, 60))  # sigma_w2, depth
FACTOR, FEWER, MORE, CHANCE = 6.0, 3.0, 15.0, 0.1  # of xi_c; accuracy


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{SCHOENHOLZ.citation}, {where}"


def _length_scale(factor: Any) -> Evidence:
    claimed = sigma_m2 * (moment(PHI.diff(h) ** 2, q) + moment(PHI.diff(h, 2) * PHI, q))
    found = any_phi().maps.variance_slope.closed
    return derived("dq'/dq, any phi", [(found, factor * claimed)])


def _correlation_scale(factor: Any) -> Evidence:
    at_fixed_point = {sigma_b2: q - sigma_m2 * moment(PHI**2, q)}
    claimed = sigma_m2 * pair(PHI.diff(h), q, c)
    return derived("dc'/dc where q' = q, any phi", [(any_phi().chi.subs(at_fixed_point), factor * claimed)])


def _at_the_edge(weights: float) -> Evidence:
    """Whether xi_c is infinite and xi_q finite where sigma_w2 is so many times that of the edge."""
    points = [edge_at("tanh", value) for value in VARIANCES]
    found = [fixed_point(theory_of(TANH), weights * point.sigma_m2, point.sigma_b2) for point in points]
    infinite = all(abs(float(each.chi) - 1) < 1e-9 for each in found)
    numbers = {f"xi_q at sigma_b2 = {point.sigma_b2:.3g}": float(each.xi_q)
               for point, each in zip(points, found, strict=True)}  # fmt: skip
    return Evidence("maps", f"chi = 1 at {weights:g} times the weights of the edge, tanh", numbers,
                    infinite and all(np.isfinite(each.xi_q) for each in found))  # fmt: skip


def _growth(factor: Any) -> Evidence:
    backward = any_phi().backward
    assert backward is not None
    return derived("growth of squared gradients a layer back, any phi",
                   [(backward.growth.closed, factor * sigma_m2 * moment(PHI.diff(h) ** 2, q))])  # fmt: skip


@lru_cache(maxsize=4)
def _gradients(weights: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Squared gradients of random networks at the fixed point, their errors, and chi_1."""
    from meanbits.experiments.random_networks.layer_networks import simulate_layers

    point, layer = fixed_point(theory_of(TANH), weights, BIASES), layer_named(compose(**TANH))
    found = simulate_layers(layer, DEPTH, weights, BIASES, width=WIDTH, networks=NETWORKS, q0=float(point.q), seed=9)
    return found.mean["gradient"], found.error["gradient"], float(point.chi_1)


def _in_networks(factor: Any) -> Evidence:
    mean, error, chi = _gradients(3.0)
    expected = (chi * float(factor)) ** np.arange(DEPTH, -1, -1.0)
    z = float(np.abs((mean - expected)[:-1] / error[:-1]).max())
    numbers = {"chi_1": chi, "networks": NETWORKS, "width": WIDTH, "|z|": z}
    return Evidence("simulation", f"squared gradients over {DEPTH} layers, tanh, sigma_w2 = 3", numbers, z < Z_LIMIT)


def _phases(threshold: float) -> Evidence:
    """Whether gradients grow just where inputs part, by a threshold on the growth."""
    found = fixed_point(theory_of(TANH), WEIGHTS[:, None], PLANE_BIASES)
    growth = gradient_growth(theory_of(TANH), found.q, found.sigma_m2, found.sigma_b2)
    apart, explode = found.gap > 1e-9, growth > threshold
    numbers = {
        "networks": apart.size,
        "chaotic": int(apart.sum()),
        "otherwise than told": int((apart != explode).sum()),
    }
    return Evidence("maps", f"c* < 1 where squared gradients grow by more than {threshold:g} a layer, tanh", numbers,
                    bool(np.all(apart == explode)))  # fmt: skip


def _equal_inputs(keep: sp.Expr) -> sp.Expr:
    """c' of two equal inputs with masks of their own, any phi."""
    chain = (Neuron(REAL), Dropout(keep), Dense(FIXED, sigma_m2, sigma_m2, sigma_b2))
    flow = forward(chain, Flow(q, sp.S.Zero, q), SymbolicMoments())
    return 1 - flow.fall / flow.total


def _dropout_map(factor: Any) -> Evidence:
    square = sigma_m2 * moment(PHI**2, q) + sigma_b2
    pairs = [(_equal_inputs(keep), factor * square / (square + (1 / keep - 1) * (square - sigma_b2))) for keep in KEPT]
    return derived("c' of equal inputs behind dropout that keeps 0.99 and 0.9, any phi", pairs)


def _destroyed(keeps: tuple[sp.Expr, ...]) -> Evidence:
    """Whether xi_c stays finite and c* below 1 for all weights, however few units are dropped."""
    numbers, bounded = {}, True
    weights = np.linspace(0.5, 6, 12)
    for keep in keeps:
        found = layer_fixed_points(layer_named(compose(**TANH), dropout=float(1 - keep)), weights, BIASES)
        edge = layer_fixed_points(layer_named(compose(**TANH), dropout=float(1 - keep)), edge_at("tanh", 0.3).sigma_m2,
                                  edge_at("tanh", 0.3).sigma_b2)  # fmt: skip
        numbers[f"longest xi_c, keep {float(keep):g}"] = float(max(np.max(found.xi_c), edge.xi_c))
        bounded = bounded and bool(np.all(found.c < 1 - 1e-9) and edge.c < 1 - 1e-9)
    finite = all(np.isfinite(value) and value < 1e6 for value in numbers.values())
    numbers = {name: value if np.isfinite(value) else "inf" for name, value in numbers.items()}
    return Evidence("maps", "c* < 1 and xi_c finite, tanh, sigma_w2 from 0.5 to 6 and at the edge without dropout",
                    numbers, bounded and finite)  # fmt: skip


@lru_cache(maxsize=32)
def _accuracy(weights: float, depth: int) -> float:
    from meanbits.experiments.figures.trained_grid import Here
    from meanbits.experiments.training.cells import train_cell
    from meanbits.experiments.training.settings import Settings

    settings = Settings(**RECIPE, sigma_m2=weights, depth=depth)
    return Here().submit(train_cell, settings).result()["surrogate"]["train_accuracy"]


def _scale(weights: float) -> float:
    return float(fixed_point(theory_of(TANH), weights, BIASES).xi_c)


def _trains(within: float, beyond: float) -> Evidence:
    """What trains, half way from chance to the best: all up to so many xi_c, none beyond so many."""
    half = (CHANCE + max(_accuracy(*place) for place in PLACES)) / 2
    scales = {place: place[1] / _scale(place[0]) for place in PLACES}
    told = {place: each <= within for place, each in scales.items() if each <= within or each > beyond}
    wrong = {f"accuracy, sigma_w2 = {width:g}, {scales[width, depth]:.1f} xi_c": _accuracy(width, depth)
             for (width, depth), trains in told.items() if (_accuracy(width, depth) >= half) != trains}  # fmt: skip
    what = f"tanh, digits: all trained up to {within:g} xi_c, none beyond {beyond:g} xi_c"
    return Evidence("training", what, {"trainings": len(told), "half": half} | wrong, not wrong)


SCHOENHOLZ_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "schoenholz.xi-q",
        stated("the depth scale of lengths, section 3"),
        "Lengths come to q* at the rate exp(-1/xi_q) = chi_1 + sigma_w^2 E phi''(sqrt(q*) z) phi(sqrt(q*) z) a layer.",
        (formula(_length_scale),),
    ),
    Claim(
        "schoenholz.xi-c",
        stated("the depth scale of correlations, section 3"),
        "Correlations come to c* at the rate exp(-1/xi_c) = sigma_w^2 E phi'(u) phi'(v) a layer, u and v of "
        "variance q* and correlation c*.",
        (formula(_correlation_scale),),
    ),
    Claim(
        "schoenholz.edge",
        stated("abstract"),
        "At the edge of chaos one of the depth scales diverges: xi_c; xi_q does not (tanh with biases).",
        (either(_at_the_edge, 1.0, 1.1),),
    ),
    Claim(
        "schoenholz.gradients",
        stated("back-propagation, section 4"),
        "Squared gradients are multiplied by chi_1 a layer on their way back, forward and backward weights taken as "
        "independent.",
        (formula(_growth), formula(_in_networks)),
    ),
    Claim(
        "schoenholz.phases",
        stated("abstract"),
        "The ordered and the chaotic phase are the regions where gradients vanish and where they explode.",
        (either(_phases, 1.0, 1.1),),
    ),
    Claim(
        "schoenholz.dropout-map",
        stated("dropout, section 3"),
        "With units kept at the rate rho, equal inputs with masks of their own come to the correlation (sigma_w^2 E "
        "phi^2 + sigma_b^2)/(sigma_w^2 E phi^2/rho + sigma_b^2) behind a layer, so that c* = 1 is no fixed point.",
        (formula(_dropout_map),),
    ),
    Claim(
        "schoenholz.dropout",
        stated("abstract"),
        "Dropout destroys the critical point, however little of it: c* < 1 and xi_c is finite at all weights (tanh).",
        (either(_destroyed, KEPT, (sp.S.One,)),),
    ),
    Claim(
        "schoenholz.trains",
        stated("abstract, with the 6 xi_c of its figure 5"),
        "Networks may be trained precisely when information can travel through them: at depths up to about 6 xi_c and "
        "at no greater (tanh; here digits, width 100, Adam 1e-3, 12 epochs).",
        (Check(partial(_trains, FACTOR, FACTOR), partial(_trains, FEWER, MORE)),),
        "Up to 3 xi_c they train, and beyond 15 xi_c they do not; between these it depends on the phase.",
        (Check(partial(_trains, FEWER, MORE), partial(_trains, 1e6, 1e6)),),
    ),
)
