"""What norms and skips do to gradients on their way back: claims of the theory sheet, section 10."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, REAL, Z_LIMIT, compared, derived, moment, pair, sheet
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.depth.stream import stream_law
from meanbits.theory.declarations.blocks import Dense, Flow, Neuron, Normalise
from meanbits.theory.declarations.blocks.chain import backward, forward
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.neurons import CONTINUOUS, Neurons
from meanbits.theory.declarations.surrogates import RELU
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.stages.neuron_moments import SymbolicMoments
from meanbits.theory.symbols import h, sigma_m2

if TYPE_CHECKING:
    from meanbits.experiments.random_networks.layer_networks import Measured

WIDTH, BATCH, NETWORKS, DEPTH, SEED = 400, 256, 12, 4, 3
DEGREE = 5
RELU_LAYER, SIGN_LAYER = {"name": "continuous", "neurons": "relu"}, {"name": "random-binary", "backward": "clip"}
Options = dict[str, Any]


def growth_behind_batch_norm(neurons: Neurons) -> sp.Expr:
    """What a layer behind another multiplies squared gradients by: batch norm, neurons, weights without biases."""
    of, chain = SymbolicMoments(), (Normalise("batch"), Neuron(neurons), Dense(FIXED, sigma_m2, sigma_m2, sp.S.Zero))
    flow = forward(chain, Flow(sp.S.One, sp.S.One, sp.S.One), of)
    return backward(chain, flow, of).square


def _poincare_ratio(factor: Any) -> Evidence:
    claimed = moment(PHI.diff(h) ** 2, 1) / (moment(PHI**2, 1) - moment(PHI, 1) ** 2)
    found = growth_behind_batch_norm(REAL)
    return derived("growth of squared gradients behind batch norm, any phi", [(found, factor * claimed)])


def _in_closed_form(factor: Any) -> Evidence:
    sign = growth_behind_batch_norm(compose(**SIGN_LAYER).neurons)
    pairs = [(growth_behind_batch_norm(RELU), factor * sp.pi / (sp.pi - 1)), (sign, factor * sp.erf(1 / sp.sqrt(2)))]
    return derived("the growth of relu, and of signs with slope clip", pairs)


def excess_of_slope(factor: Any) -> Evidence:
    """E f'^2 - Var f of a polynomial by its Hermite coefficients: a sum of squares, of those beyond the linear one."""
    weights = sp.symbols(f"c0:{DEGREE + 1}", real=True)
    f = sum(weight * sp.polys.orthopolys.hermite_prob_poly(k, h) for k, weight in enumerate(weights))
    excess = moment(sp.expand(f.diff(h) ** 2), 1) - moment(sp.expand(f**2), 1) + moment(f, 1) ** 2
    claimed = sum((k - 1) * sp.factorial(k) * weight**2 for k, weight in enumerate(weights) if k > 0)
    what = f"E f'^2 - Var f = sum (k - 1) k! c_k^2, f of degree {DEGREE} with Hermite coefficients c_k"
    return derived(what, [(evaluate_all(excess), factor * claimed)])


def never_below(least: float) -> Evidence:
    layers = {
        each.name: layer_named(compose("continuous", neurons=each.name), normalise="batch") for each in CONTINUOUS
    }
    ratios = {name: float(_growth(layer, 1.0)[2]) for name, layer in layers.items()}
    holds = all(ratio > least + 1e-9 for name, ratio in ratios.items() if name != "linear")
    return Evidence("quadrature", "E f'^2 / Var f at unit variance, 1 for linear neurons alone", ratios,
                    bool(holds and abs(ratios["linear"] - 1) < 1e-12))  # fmt: skip


def _growth(layer: Layer, means: float) -> np.ndarray:
    gradient = profile(layer, DEPTH, means, 0.0).gradient
    return gradient[:-1] / gradient[1:]


@lru_cache(maxsize=8)
def _networks(name: str, blocks: tuple[tuple[str, str], ...], parts: tuple[tuple[str, str], ...]) -> Measured:
    from meanbits.experiments.random_networks.layer_networks import simulate_layers

    layer = layer_named(compose(name, **dict(parts)), **dict(blocks))
    return simulate_layers(layer, DEPTH, 1.0, 0.0, width=WIDTH, batch=BATCH, networks=NETWORKS, seed=SEED)


def simulated_gradients(options: Options, blocks: dict[str, str], factor: Any) -> Evidence:
    """Squared gradients of random networks against the profile, the growth of each layer times a factor."""
    parts = {key: value for key, value in options.items() if key != "name"}
    layer = layer_named(compose(**options), **blocks)
    found = _networks(options["name"], tuple(blocks.items()), tuple(parts.items()))
    expected = np.append(np.cumprod((float(factor) * _growth(layer, 1.0))[::-1])[::-1], 1.0)
    z = float(np.abs(found.z("gradient", expected)).max())
    growth = found.mean["gradient"][:-1] / found.mean["gradient"][1:]
    numbers = {"networks": NETWORKS, "width": WIDTH, "growth, last layer": float(growth[-1]), "|z|": z}
    what = f"squared gradients of {DEPTH} layers, {', '.join(layer.block_names)}"
    return Evidence("simulation", what, numbers, z < Z_LIMIT)


def _skip_growth(factor: Any) -> Evidence:
    found = _growth(layer_named(compose(**SIGN_LAYER), skip="1"), 1.0)
    claimed = [1 + float(factor) * math.erf(1 / math.sqrt(2 * total)) for total in range(1, DEPTH + 1)]
    return compared("maps", "growth at layers 1 to 4 around sign neurons, their product", float(np.prod(found)),
                    float(np.prod(claimed)), 1e-12)  # fmt: skip


def _stretched(factor: Any) -> Evidence:
    law = stream_law(layer_named(compose(**SIGN_LAYER), skip="1"), 1.0, 0.0)
    assert law is not None
    claimed = 2 * math.sqrt(2 / math.pi) * float(factor)
    return compared("maps", "c of ln(squared gradients) ~ c L^(1/2) around sign neurons", law.exponent, claimed, 1e-6,
                    power_of_L=law.stretch)  # fmt: skip


def _signs_of(before: sp.Expr) -> sp.Expr:
    """Signs, +1 at 0, of a function of the field."""
    return sp.Piecewise((-1, before < 0), (1, True))


def _constant(factor: Any) -> Evidence:
    """Overlap and mean square of signs of relu^2, and so c' without biases."""
    signs = _signs_of(SQUARED_RELU)
    alike, square = pair(signs, sp.Symbol("q", positive=True), sp.Symbol("c")), moment(signs**2, 1)
    return derived(
        "E f(u) f(v) and E f^2 of signs of relu^2", [(alike, factor * sp.S.One), (square, factor * sp.S.One)]
    )


def _measured_correlation(before: sp.Expr) -> Evidence:
    """Of two inputs behind signs of a function and a random layer, whose fields before had correlation 1/2."""
    draw = np.random.default_rng(SEED)
    first, other = draw.normal(size=(2, WIDTH))
    fields = np.stack([first, (first + math.sqrt(3) * other) / 2])
    states = np.broadcast_to(sp.lambdify(h, _signs_of(before), "numpy")(fields), fields.shape)
    a, b = states @ draw.normal(size=(WIDTH, WIDTH)) / math.sqrt(WIDTH)
    correlation = float(a @ b / math.sqrt((a @ a) * (b @ b)))
    return Evidence("simulation", "correlation of two inputs behind one layer of signs of relu^2",
                    {"before": 0.5, "behind": correlation}, abs(correlation - 1) < 1e-12)  # fmt: skip


SQUARED_RELU = sp.Max(0, h) ** 2
BLOCK_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "block.batch-norm",
        sheet(10),
        "Batch norm behind every dense layer multiplies squared gradients by E g^2 / Var f a layer, f and the slope g "
        "at unit variance, whatever the weights: pi/(pi - 1) for relu, erf(1/sqrt 2) = 0.683 for signs with clip.",
        (
            formula(_poincare_ratio),
            formula(_in_closed_form),
            formula(partial(simulated_gradients, RELU_LAYER, {"normalise": "batch"})),
            formula(partial(simulated_gradients, SIGN_LAYER, {"normalise": "batch"})),
        ),
    ),
    Claim(
        "block.batch-norm-explodes",
        sheet(10),
        "With exact slopes batch norm never shrinks gradients: E f'^2 >= Var f (the Gaussian Poincare inequality), "
        "with equality for linear neurons alone.",
        (formula(excess_of_slope), either(never_below, 1.0, 1.1)),
    ),
    Claim(
        "block.sign-of-relu-squared",
        sheet(10),
        "Signs taken of relu^2, +1 at 0, are +1 for every input: correlation 1 after one layer, whatever the weights "
        "(their mean taken away first, as by batch norm, it stays below 1).",
        (formula(_constant), either(_measured_correlation, SQUARED_RELU, SQUARED_RELU - sp.Rational(1, 2))),
    ),
    Claim(
        "block.skip-sign",
        sheet(10),
        "A skip around sign neurons with slope clip, s' = s + W sign(s), has no fixed point: T grows by 1 a layer, "
        "squared gradients by 1 + erf(1/sqrt(2 T)), and over L layers their logarithm as 2 sqrt(2/pi) sqrt(L).",
        (
            formula(_skip_growth),
            formula(_stretched),
            Check(
                partial(simulated_gradients, SIGN_LAYER, {"skip": "1"}, 1.0),
                partial(simulated_gradients, SIGN_LAYER, {"skip": "1"}, 1.1),
            ),
        ),
    ),
)
