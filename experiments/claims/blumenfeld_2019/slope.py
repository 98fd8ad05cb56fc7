"""The slope of the correlation map without biases, and the step at which it is largest: claims about the best start."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import pairwise, product
from typing import Any

import numpy as np
from scipy import special

from meanbits.experiments.claims.blumenfeld_2019.evidence import BEYOND, SUPPLEMENT, fitted, power_of, stated
from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import Z_LIMIT, compared, simulated, theory_of
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.quantisers.straight_through import balanced_step, growth, weights
from meanbits.numerics.quantisers.uniform import best_uniform, loss
from meanbits.numerics.solvers.solve import fixed_point

COUNTS, FEW, COARSE, LAYERS = (3, 4, 5), 4, 3, 8
# 1 - chi and step by the number of levels, as the supplement prints them.
PRINTED = {3: (0.190174, 1.223612), 4: (0.118846, 0.995498), 5: (0.082178, 0.842421), 8: (0.037440, 0.586293),
           16: (0.011543, 0.335168), 32: (0.003495, 0.188094)}  # fmt: skip
GRID, DIGITS = 2 / 1999, 5e-7  # between the supplement's steps, and of its losses
LINES = {"loss": (-1.82, 0.71), "step": (-0.88, 1.40)}  # power of N + 1 and intercept, of its figure 2
BEST_LINE = (-0.884, 1.417)  # of the best steps themselves
TWO_DIGITS, THREE_DIGITS = 0.005, 0.0005  # what roundings leave open
LARGEST = 64


def _options(levels: int) -> dict[str, Any]:
    return {"name": "continuous", "neurons": f"quantiser:{levels}"}


def _double_sum(levels: int, step: float) -> float:
    """chi as the supplement prints it."""
    offsets = (np.arange(1, levels) - levels / 2) * step
    first, second = np.meshgrid(offsets, offsets)
    covariance = special.ndtr(-np.maximum(first, second)) * special.ndtr(np.minimum(first, second))
    return float(np.exp(-(first**2 + second**2) / 2).sum() / (2 * np.pi) / covariance.sum())


def _derived_slope(factor: Any) -> Evidence:
    """chi(0) of the derived and emitted maps at fields of several variances."""
    errors = []
    for levels, variance in product(COUNTS, (0.1, 0.4, 2.0)):
        maps, step = compile_theory(theory_of(_options(levels))), 2 / (levels - 1) / variance**0.5
        means = weights(levels, step)
        errors.append(abs(float(maps.chi(0.0, variance, means, 0.0)) / (float(factor) * _double_sum(levels, step)) - 1))
    numbers = {"points": len(errors), "largest error": max(errors), "tolerance": 1e-12}
    return Evidence("maps", "chi at c = 0 of the derived maps, 3 to 5 levels", numbers, max(errors) < 1e-12)


def _distortion(factor: Any) -> Evidence:
    """1 - chi by expected squared errors, cell by cell, and by the double sum."""
    errors = [abs(loss(levels, step) / (float(factor) * (1 - _double_sum(levels, step))) - 1)
              for levels, step in product((2, 5, 16), (0.2, 0.6, 1.2))]  # fmt: skip
    numbers = {"points": len(errors), "largest error": max(errors), "tolerance": 1e-10}
    return Evidence("quadrature", "1 - chi as least E (u - a f(u))^2/q over a", numbers, max(errors) < 1e-10)


def _best(levels: int) -> tuple[dict[str, Any], float]:
    return _options(levels), round(weights(levels, best_uniform(levels).step), 6)


def _in_networks(factor: Any) -> Evidence:
    """q and c of random networks of 4 levels at the best weights."""
    options, means = _best(FEW)
    return simulated(options, means, 0.0, factor)


def _printed(factor: Any) -> Evidence:
    """The supplement's losses and steps against the proven ones."""
    from meanbits.numerics.certificates.best_step import certify_best_step

    proven = {levels: certify_best_step(levels) for levels in PRINTED}
    losses = [abs(float((1 - each.chi).mid()) - float(factor) * PRINTED[n][0]) for n, each in proven.items()]
    steps = [abs(float(each.step.mid()) - float(factor) * PRINTED[n][1]) for n, each in proven.items()]
    numbers = {"numbers of levels": len(losses), "farthest loss": max(losses), "farthest step": max(steps)}
    numbers |= {"rounding": DIGITS, "grid of steps": GRID}
    return Evidence("certificate", "proven losses and steps against the printed ones", numbers,
                    max(losses) < DIGITS and max(steps) < GRID)  # fmt: skip


@lru_cache(maxsize=1)
def _largest_proven() -> tuple[float, float, int]:
    """Farthest loss of the optimiser from the proven one, widest proof, and how many numbers of levels."""
    from meanbits.numerics.certificates.best_step import certify_best_step

    proven = [certify_best_step(levels) for levels in range(3, LARGEST + 1)]
    far = max(abs(float((1 - each.chi).mid()) / best_uniform(each.levels).loss - 1) for each in proven)
    return far, max(float(each.chi.rad()) for each in proven), len(proven)


def _proven(factor: Any) -> Evidence:
    """Whether balls prove the maximum that the optimiser finds, for 3 to 64 levels."""
    far, wide, count = _largest_proven()
    off = abs((1 + far) * float(factor) - 1)
    numbers = {"numbers of levels": count, "largest error of 1 - chi": off, "widest proof of chi": wide}
    return Evidence("certificate", "the largest chi over all steps, in ball arithmetic", numbers, off < 1e-9)


def _line(quantity: str, digits: float, claimed: tuple[float, float]) -> Evidence:
    """The line fitted to the best losses or steps against one of so many digits."""
    found = power_of([getattr(best, quantity) for best in fitted()], 1)
    off = max(abs(got - each) for got, each in zip(found, claimed, strict=True))
    numbers = {"power": found[0], "claimed power": claimed[0], "intercept": found[1], "claimed intercept": claimed[1],
               "rounding": digits}  # fmt: skip
    return Evidence("maps", f"line of ln {quantity} over ln(N + 1)", numbers, off <= digits)


def _without_biases(best_at: float) -> Evidence:
    """Whether chi at the fixed point is largest over a grid of weights and biases where the biases are so."""
    biases = np.array([0.0, 1e-3, 1e-2, 0.1, 0.5])
    means = weights(FEW, best_uniform(FEW).step) * np.array([0.8, 0.9, 1.0, 1.1, 1.3, 1.8])
    chi = np.array([fixed_point(theory_of(_options(FEW)), means, each).chi for each in biases])
    largest = float(biases[np.argmax(chi.max(axis=1))])
    numbers = {f"largest chi at sigma_b2 = {each:g}": float(row.max()) for each, row in zip(biases, chi, strict=True)}
    return Evidence("maps", "chi at the fixed point of 4 levels, 6 sigma_m2 about the best one", numbers,
                    largest == best_at)  # fmt: skip


def _gradients(step: str) -> Evidence:
    """Squared gradients of random networks against none growing, at one step or the other."""
    from meanbits.experiments.random_networks.layer_networks import simulate_layers
    from meanbits.theory.declarations.compose import compose
    from meanbits.theory.declarations.compose_layer import layer_named

    at = balanced_step(COARSE) if step == "backward" else best_uniform(COARSE).step
    layer, variance = layer_named(compose(**_options(COARSE), backward="clip")), (2 / (COARSE - 1) / at) ** 2
    means = weights(COARSE, at)
    found = simulate_layers(layer, LAYERS, means, 0.0, width=600, networks=24, q0=variance, seed=5)
    z = float(np.abs(found.z("gradient", np.ones(LAYERS + 1))).max())
    numbers = {"sigma_m2": means, "chi_g": growth(COARSE, at), "|z|": z}
    return Evidence("simulation", f"squared gradients of {LAYERS} layers of {COARSE} levels at the {step} optimum",
                    numbers, z < Z_LIMIT)  # fmt: skip


def _apart(levels: int) -> float:
    """sigma_m2 where chi_g = 1 over that of the largest chi."""
    return weights(levels, balanced_step(levels)) / weights(levels, best_uniform(levels).step)


def _backward_weights(factor: Any) -> Evidence:
    return compared("maps", "sigma_m2 where chi_g = 1 over that of the largest chi, 4 levels", _apart(FEW),
                    float(factor) * 1.038, 5e-4)  # fmt: skip


def _ever_nearer(order: tuple[int, ...]) -> Evidence:
    ratios = {f"at {levels}": _apart(levels) for levels in order}
    falls = all(first > second > 1 for first, second in pairwise(ratios.values()))
    return Evidence("maps", "sigma_m2 where chi_g = 1 over that of the largest chi, falling to 1", ratios, falls)


SLOPE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "blumenfeld.slope",
        stated(f"the slope that the {SUPPLEMENT} computes"),
        "Without biases correlations come to 0 at the rate chi = sum_ij exp(-(i^2 + j^2) D^2/2)/(2 pi) / sum_ij "
        "P(-max(i, j) D) P(min(i, j) D), i and j the thresholds about 0 in steps, D a step over sqrt q, P the normal "
        "distribution.",
        (formula(_derived_slope), formula(_in_networks)),
    ),
    Claim(
        "blumenfeld.distortion",
        BEYOND,
        "1 - chi of a quantised neuron is the least relative squared error of reading a Gaussian field from its state, "
        "up to scale.",
        (formula(_distortion),),
    ),
    Claim(
        "blumenfeld.best-step",
        stated(f"figure 2; its numbers in the {SUPPLEMENT}"),
        "At the best step 1 - chi is 0.190174, 0.118846, 0.082178, 0.037440, 0.011543, 0.003495 for 3, 4, 5, 8, 16, 32 "
        "levels, at steps of 1.2236, 0.9955, 0.8424, 0.5863, 0.3352, 0.1881 standard deviations of the field.",
        (formula(_printed), formula(_proven)),
    ),
    Claim(
        "blumenfeld.fit",
        stated(f"figure 2; its lines in the {SUPPLEMENT}"),
        "ln(1 - chi) = -1.82 ln(N + 1) + 0.71 and ln D = -0.88 ln(N + 1) + 1.40 at the best step D.",
        (
            either(partial(_line, "loss", TWO_DIGITS), LINES["loss"], LINES["step"]),
            either(partial(_line, "step", TWO_DIGITS), LINES["step"], BEST_LINE),
        ),
        "The first line holds. The second is -0.884 ln(N + 1) + 1.417 with the best steps themselves; the supplement "
        "takes them from a grid 0.001 apart.",
        (
            either(partial(_line, "loss", TWO_DIGITS), LINES["loss"], LINES["step"]),
            either(partial(_line, "step", THREE_DIGITS), BEST_LINE, LINES["step"]),
        ),
    ),
    Claim(
        "blumenfeld.no-bias",
        stated("the start advised, as its supplement trains it"),
        "Signals reach farthest with biases of variance 0 at the start.",
        (either(_without_biases, 0.0, 0.1),),
    ),
    Claim(
        "blumenfeld.backward",
        BEYOND,
        "With slope 1 where |h| < 1 squared gradients keep their size at weights other than those that carry signals "
        "farthest: at sigma_m2 1.038 times as large with 4 levels, and ever nearer with more.",
        (
            formula(_backward_weights),
            either(_ever_nearer, (3, 4, 8, 16, 64), (4, 3, 64)),
            either(_gradients, "backward", "forward"),
        ),
    ),
)
