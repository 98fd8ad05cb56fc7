"""Straight-through slopes: how far they are from the exact gradient, and how wide they are best."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from meanbits.experiments.chain.networks import ChainSetting
from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import Z_LIMIT, compared, derived, normal_nodes, sheet
from meanbits.numerics.chain.mismatch_law import mismatch_law
from meanbits.numerics.chain.slope_width import SCALE, WIDTH, best_clip_width, clip_against_gaussian, critical_width
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.neurons import continuous
from meanbits.theory.declarations.straight_through import SLOPES, straight_through
from meanbits.theory.declarations.surrogates import NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.special import Box
from meanbits.theory.stages.backward import mean_square
from meanbits.theory.symbols import T, h, u

if TYPE_CHECKING:
    from meanbits.experiments.chain.mismatch import MeasuredOverlaps

WIDE, NETWORKS, RUNS, DEPTH, SEED = 300, 8, 8, 3, 7
BIASES, NOISE = 0.1, 0.5
SMALL, WIDTHS = 4, (12, 36)
SIGNS, NOISY, SMOOTHED = "random weights", "stochastic neurons", "smoothed signs"
SHAPES = {name: sp.lambdify(h, SLOPES[name], [{"Box": lambda x: 1.0 * (np.abs(x) < 1), "Max": np.maximum}, "numpy"])
          for name in ("clip", "triangle", "tanh")}  # fmt: skip
X, K = sp.symbols("x k", positive=True)


def _network(kind: str, slope: sp.Expr = SLOPES["clip"]) -> tuple[Surrogate, float]:
    """A surrogate whose gradients see the slope, and sigma_m2."""
    if kind == SIGNS:
        return compose("stochastic-binary", neurons="sign", backward="clip"), 0.8
    if kind == NOISY:
        return compose("random-binary", neurons="stochastic", noise=f"gaussian:{NOISE}", treatment="network",
                       backward="clip"), 1.0  # fmt: skip
    smoothed = continuous("smoothed sign", sp.erf(h / (sp.sqrt(2) * sp.Rational(NOISE))))
    return Surrogate(SMOOTHED, FIXED, straight_through(smoothed, slope), NONE, ""), 1.0


@lru_cache(maxsize=8)
def _sampled(kind: str) -> MeasuredOverlaps:
    from meanbits.experiments.chain.mismatch import sampled_mismatch

    surrogate, means = _network(kind)
    return sampled_mismatch(surrogate, ChainSetting(WIDE, DEPTH, means, BIASES), NETWORKS, RUNS, SEED)


def _wide(kind: str, factor: Any) -> Evidence:
    """Random networks against the factors, each layer's ratio of norms times a factor, and its cosine over it."""
    surrogate, means = _network(kind)
    law, measured = mismatch_law(surrogate, DEPTH, means, BIASES)[0], _sampled(kind)
    layers = float(factor) ** np.arange(DEPTH, 0, -1)
    z = {}
    for name, expected in (("size", law.size * layers), ("cosine", law.cosine / layers)):
        value, error = measured.value("biases", name)
        z[name] = float(np.abs((value - expected) / error).max())
    numbers = {"networks": NETWORKS, "width": WIDE, "cosine": float(measured.value("biases", "cosine")[0][0]),
               "size": float(measured.value("biases", "size")[0][0]),
               **{f"|z| of {quantity}": each for quantity, each in z.items()}}  # fmt: skip
    return Evidence("simulation", f"{DEPTH} layers of {kind}, slope clip, against the gradient of the smoothed network",
                    numbers, max(z.values()) < Z_LIMIT)  # fmt: skip


def _unbiased_last(backward: str) -> Evidence:
    from meanbits.experiments.chain.mismatch import enumerated_mismatch

    surrogate = compose("random-binary", neurons="stochastic", noise="gaussian", treatment="network", backward=backward)
    found = enumerated_mismatch(surrogate, ChainSetting(SMALL, 2, 1.0, BIASES), NETWORKS, SEED)
    bias = float(found.value("biases", "bias")[0][-1])
    what = f"bias of the last of 2 layers of {SMALL} neurons, slope {backward}"
    return Evidence("enumeration", what, {"relative bias": bias, "tolerance": 1e-7}, bias < 1e-7)


def _order(order: float) -> Evidence:
    from meanbits.experiments.chain.two_layers import two_layer_bias

    first, second = (two_layer_bias(width, 100, BIASES, SEED) for width in WIDTHS)
    found = math.log(second / first) / math.log(WIDTHS[1] / WIDTHS[0])
    numbers = {f"bias at {WIDTHS[0]}": first, f"bias at {WIDTHS[1]}": second, "order": found, "claimed": order}
    what = "order in N of the bias of the first of 2 layers, own slope"
    return Evidence("enumeration", what, numbers, abs(found - order) < 0.2)


def _cosine_of_clip(factor: Any) -> Evidence:
    claimed = SCALE * sp.sqrt(SCALE**2 + 2 * T) / (SCALE**2 + T)
    claimed *= sp.erf(WIDTH * sp.sqrt(1 / T + 1 / SCALE**2) / sp.sqrt(2)) ** 2 / sp.erf(WIDTH / sp.sqrt(2 * T))
    found = clip_against_gaussian().cosine ** 2
    return derived("squared cosine of clip and a Gaussian slope", [(found, factor * claimed)])


def _single_maximum(factor: Any) -> Evidence:
    """With P = d log erf / d log x: d log cosine^2 / d log w = 2 P(k x) - P(x), and x d log P / dx falls."""
    share = X * sp.diff(sp.log(sp.erf(X)), X)
    cosine = sp.log(sp.erf(K * X) ** 2 / sp.erf(X))
    steep = X * sp.diff(sp.log(share), X)
    falls = -2 * X**2 * (2 - share) - share * (1 - share)
    room = sp.diff(sp.erf(X) - 2 * X * sp.exp(-(X**2)) / sp.sqrt(sp.pi), X)
    pairs = [(X * cosine.diff(X), 2 * share.subs(X, K * X) - share), (X * steep.diff(X), factor * falls),
             (room, 4 * X**2 * sp.exp(-(X**2)) / sp.sqrt(sp.pi))]  # fmt: skip
    what = "x d/dx of d log P/d log x = -2 x^2 (2 - P) - P (1 - P) < 0, as 0 < P < 1: P(kx)/P(x) falls, and is 1/2 once"
    return derived(what, pairs)


def _cosine(width: float, name: str = "clip") -> float:
    """Of a slope of this width, noise `NOISE` and T = 1, by the midpoint rule."""
    z, weights = normal_nodes()
    slope, seen = np.exp(-(z**2) / (2 * NOISE**2)), SHAPES[name](z / width)
    return float(weights @ (slope * seen) / np.sqrt((weights @ slope**2) * (weights @ seen**2)))


def _best_width(factor: Any) -> Evidence:
    widths = np.arange(1, 400) / 200  # kinks between the nodes
    found = widths[np.argmax([_cosine(width) for width in widths])]
    return compared("quadrature", f"width of the nearest clip, A = {NOISE}, T = 1", float(found),
                    float(factor) * best_clip_width(1.0, NOISE), 0.01, cosine=_cosine(found))  # fmt: skip


def _nearer_and_nearer(names: tuple[str, ...]) -> Evidence:
    """The largest cosines of shapes over their widths, said to rise in this order."""
    widths = np.arange(1, 400) / 200
    best = [max(_cosine(width, name) for width in widths) for name in names]
    what = f"largest cosine over the width, A = {NOISE}, T = 1"
    return Evidence("quadrature", what, dict(zip(names, best, strict=True)), bool((np.diff(best) > 1e-4).all()))


def _ends(factor: Any) -> Evidence:
    narrow, broad = best_clip_width(1.0, 1e-3) / 1e-3, best_clip_width(1.0, 10.0) / 10
    share = X * sp.diff(sp.log(sp.erf(X)), X)
    half = float(sp.nsolve(share - sp.Rational(1, 2), X, 1))
    return compared("maps", "width over A for faint noise, the clip of half the share", narrow,
                    float(factor) * math.sqrt(2) * half, 1e-5, wide_noise=broad)  # fmt: skip


@lru_cache(maxsize=8)
def _one_layer(width: float) -> tuple[float, float]:
    from meanbits.experiments.chain.mismatch import sampled_mismatch

    surrogate, means = _network(SMOOTHED, Box(h / sp.Rational(width)))
    found = sampled_mismatch(surrogate, ChainSetting(1000, 1, means, 0.0), 16, seed=SEED)
    value, error = found.value("biases", "cosine")
    return float(value[0]), float(error[0])


def _best_in_networks(factor: float) -> Evidence:
    """The cosine at a factor times the best width, against those a half and twice as wide."""
    best = round(best_clip_width(1.0, NOISE), 3)
    at = [_one_layer(each * best * factor) for each in (0.5, 1.0, 2.0)]
    margin = min(at[1][0] - other[0] - Z_LIMIT * math.hypot(at[1][1], other[1]) for other in (at[0], at[2]))
    numbers = dict(zip(("half", "best", "twice"), (value for value, _ in at), strict=True)) | {"margin": margin}
    return Evidence("simulation", f"cosine in 16 networks of width 1000 at half, one and two times {best * factor:.4g}",
                    numbers, margin > 0)  # fmt: skip


def _clip_growth(factor: Any) -> Evidence:
    plain, unit = (mean_square(Box(u / WIDTH) * height, T) for height in (sp.S.One, 1 / WIDTH))
    claimed = factor * sp.erf(WIDTH / sp.sqrt(2 * T))
    return derived("E g^2 of a clip of height 1, and of one of area 2",
                   [(evaluate_all(plain), claimed), (evaluate_all(unit), claimed / WIDTH**2)])  # fmt: skip


def _critical(name: str, claimed: float, factor: Any) -> Evidence:
    """The width against a claimed number, at T = 1 and weights of variance 1."""
    return compared("maps", f"critical width of {name} of area 2", critical_width(SLOPES[name], 1.0),
                    float(factor) * claimed, 1e-3)  # fmt: skip


def _growth_in_networks(factor: Any) -> Evidence:
    """Squared gradients of random binary networks whose clip, of area 2, has a factor times the critical width."""
    from meanbits.experiments.random_networks.layer_networks import simulate_layers

    width = round(critical_width(SLOPES["clip"], 1 + BIASES) * float(factor), 3)
    backward = f"expr:where(abs(h) < {width}, {1 / width}, 0)"
    layer = layer_named(compose("random-binary", backward=backward))
    found = simulate_layers(layer, DEPTH, 1.0, BIASES, width=WIDE, networks=24, q0=1 + BIASES, seed=SEED)
    z = float(np.abs(found.z("gradient", np.ones(DEPTH + 1))).max())
    numbers = {"width": WIDE, "first over last": float(found.mean["gradient"][0]), "|z|": z}
    what = f"squared gradients of {DEPTH} layers of signs, clip of width {width} and height 1/width"
    return Evidence("simulation", what, numbers, z < Z_LIMIT)


SLOPE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "slope.mismatch",
        sheet(8),
        "In wide networks the mean straight-through gradient and the exact one part layer by layer: their cosine is "
        "multiplied by E g(u) m'(v) / sqrt(E m'(u) m'(v) E g(u) g(v)), the ratio of their norms by sqrt(E g(u) g(v) / "
        "E m'(u) m'(v)); m = E[x|h], u and v fields of two runs of one input.",
        tuple(formula(partial(_wide, kind)) for kind in (SIGNS, NOISY, SMOOTHED)),
    ),
    Claim(
        "slope.own",
        sheet(8),
        "Where gradients see the slope of E[x|h], those of the biases have no bias in the last layer at any width, and "
        "in the layer before one that falls as N^(-1/2).",
        (either(_unbiased_last, "exact", "clip"), either(_order, -0.5, -1.0)),
    ),
    Claim(
        "slope.best-clip",
        sheet(8),
        "Of the slopes 1[|h| < w] exactly one is nearest in angle to that of a sign smoothed by Gaussian noise A: "
        "2 P(k x) = P(x), P(x) = d log erf(x)/d log x, x = w/sqrt(2 T), k^2 = 1 + T/A^2; w = 1.400 A for faint noise.",
        (
            formula(_cosine_of_clip),
            formula(_single_maximum),
            formula(_best_width),
            formula(_ends),
            either(_best_in_networks, 1.0, 2.0),
        ),
    ),
    Claim(
        "slope.best-shape",
        sheet(8),
        "Each at its best width, a triangle is nearer to the slope of a sign smoothed by Gaussian noise than a clip, "
        "and 1 - tanh(h/w)^2 nearer still: cosines 0.9516, 0.9985, 0.9994 at A = 1/2, T = 1.",
        (either(_nearer_and_nearer, ("clip", "triangle", "tanh"), ("tanh", "triangle", "clip")),),
    ),
    Claim(
        "slope.critical-width",
        sheet(8),
        "A clip of height 1 multiplies squared gradients by sigma^2 erf(w/sqrt(2 T)), below sigma^2 at every width; of "
        "area 2, the jump of a sign, by sigma^2 erf(w/sqrt(2 T))/w^2, which is 1 at one width, 0.7320 at sigma^2 = T = "
        "1 (triangle: 1.0130).",
        (
            formula(_clip_growth),
            formula(partial(_critical, "clip", 0.7320)),
            formula(partial(_critical, "triangle", 1.0130)),
            formula(_growth_in_networks),
        ),
    ),
)
