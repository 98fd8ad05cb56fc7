"""How curves of inputs stretch, bend and turn: claims about expressivity."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import PHI, Z_LIMIT, derived, moment, theory_of
from meanbits.experiments.claims.papers import POOLE
from meanbits.experiments.claims.real_networks import TANH, any_phi
from meanbits.experiments.random_networks.curves import Curves, circle_through
from meanbits.numerics.depth.curve import Curve, curve_profile
from meanbits.theory.declarations.compose import compose
from meanbits.theory.symbols import c, h, q, sigma_b2, sigma_m2

BIASES, CHAOTIC, ORDERED = 0.09, 2.5**2, 1.3**2  # two of the three networks of figures 3 and 4
DEPTH, WIDTH, NETWORKS, SEED = 6, 600, 16, 3
LAYERS = (20, 40, 80)


@lru_cache(maxsize=1)
def _networks() -> Curves:
    theory = compose(**TANH)
    start = _theory(CHAOTIC).q
    return circle_through(theory.neurons, DEPTH, CHAOTIC, BIASES, start, width=WIDTH, networks=NETWORKS, seed=SEED)


def _theory(means: float, depth: int = DEPTH) -> Curve:
    return curve_profile(theory_of(TANH), depth, means, BIASES)


def _simulated(quantity: str, factor: Any) -> Evidence:
    """Of the chaotic network: a quantity against theory, times a factor a layer."""
    found = getattr(_networks(), quantity)[:, 1:]
    expected = getattr(_theory(CHAOTIC), quantity)[1:] * float(factor) ** np.arange(1, DEPTH + 1)
    error = found.std(0, ddof=1) / np.sqrt(NETWORKS)
    z = float(np.abs((found.mean(0) - expected) / error).max())
    numbers = {"networks": NETWORKS, "width": WIDTH, "theory, last layer": float(expected[-1]),
               "found": float(found.mean(0)[-1]), "|z|": z}  # fmt: skip
    return Evidence("simulation", f"{quantity} of a circle through {DEPTH} layers, sigma_w = 2.5, sigma_b = 0.3",
                    numbers, z < Z_LIMIT)  # fmt: skip


def _expansion(factor: Any) -> Evidence:
    return _simulated("expansion", factor)


def _curvature_in_networks(factor: Any) -> Evidence:
    return _simulated("curvature", factor)


def _curvature(factor: Any) -> Evidence:
    """kappa' from the correlation of two points of a curve, composed with the derived correlation map."""
    angle, speed, bend = sp.symbols("t a b", positive=True)
    at_fixed_point = {sigma_b2: q - sigma_m2 * moment(PHI**2, q)}
    theory = any_phi()
    slope, second = (each.subs(at_fixed_point).subs(c, 1).doit() for each in (theory.chi, theory.chi.diff(c)))
    gap = -speed * angle**2 / 2 + bend * angle**4 / 24  # c - 1 between points an angle apart: kappa^2 N q = b/a^2
    first, other = sp.symbols("chi_1 slope", positive=True)
    after = sp.expand(first * gap + other * gap**2 / 2)
    faster, bent = -2 * after.coeff(angle, 2), 24 * after.coeff(angle, 4)
    found = sp.expand((bent / faster**2).subs(bend, sp.Symbol("K") * speed**2))
    chi_1, chi_2 = sigma_m2 * moment(PHI.diff(h) ** 2, q), sigma_m2 * moment(PHI.diff(h, 2) ** 2, q)
    claimed = 3 * q * chi_2 / chi_1**2 + sp.Symbol("K") / chi_1
    return derived("K' = N q kappa'^2 where q' = q, any phi", [(found.subs({first: slope, other: second}),
                   factor * claimed)])  # fmt: skip


def _growth(quantity: str, means: float) -> list[float]:
    """Rates a layer at which a quantity grows at the end of networks ever deeper."""
    found = [getattr(_theory(means, depth), quantity) for depth in LAYERS]
    return [float(np.log(each[-1] / each[-2])) for each in found]


def _turns(means: float) -> Evidence:
    """Whether turning keeps growing at a rate: half that of the expansion."""
    rates, half = _growth("turning", means), _growth("expansion", means)[-1] / 2
    numbers = {f"rate at layer {depth}": rate for depth, rate in zip(LAYERS, rates, strict=True)}
    return Evidence("maps", f"turning grows exponentially at sigma_w = {means**0.5:g}", numbers | {"ln(chi_1)/2": half},
                    bool(half > 0 and abs(rates[-1] / half - 1) < 1e-6))  # fmt: skip


def _saturates(means: float) -> Evidence:
    rates = _growth("turning", means)
    numbers = {f"rate at layer {depth}": rate for depth, rate in zip(LAYERS, rates, strict=True)}
    return Evidence("maps", f"turning comes to an end at sigma_w = {means**0.5:g}", numbers,
                    rates[0] > rates[1] > rates[2] and rates[2] < 0.01)  # fmt: skip


CURVE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "poole.stretch",
        f"{POOLE.citation}, the propagation of curves, section 3",
        "A curve of inputs stretches by sqrt(chi_1) a layer: its squared speed is multiplied by chi_1.",
        (formula(_expansion),),
    ),
    Claim(
        "poole.curvature",
        f"{POOLE.citation}, the propagation of curves, section 3; the curvature map of its code",
        "Its squared curvature follows kappa'^2 = 3 chi_2/chi_1^2 + kappa^2/chi_1, chi_2 = sigma_w^2 E phi''^2, in "
        "units of 1/N.",
        (formula(_curvature), formula(_curvature_in_networks)),
    ),
    Claim(
        "poole.global",
        f"{POOLE.citation}, abstract and figure 4E",
        "In the chaotic phase the global curvature, by how much the tangent turns along the curve, grows exponentially "
        "with depth; in the ordered phase it does not.",
        (either(_turns, CHAOTIC, ORDERED), either(_saturates, ORDERED, CHAOTIC)),
    ),
)
