"""Search for a critical initialisation of the paper and matched forms, and the proof of what is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp
from flint import arb, ctx

from meanbits.numerics.certificates.balls import PRECISIONS, ball, hull
from meanbits.numerics.certificates.branches import Branches, branches, gaussian_mean
from meanbits.numerics.certificates.network_law import NetworkLaw
from meanbits.numerics.certificates.proof import Enclosures, ProofStep, check
from meanbits.numerics.certificates.sharp_field import REFINEMENTS, bracket, crosses, squares
from meanbits.numerics.certificates.signs import Margins, vanishes
from meanbits.numerics.certificates.variance_stability import critical_slope, stable_step
from meanbits.theory.symbols import Sigma

NEAR, FAR = range(-2, 4), (*range(-14, -2), *range(4, 13))
SEARCH_BITS, SEARCH_REFINEMENTS = 40, 8
GOLDEN = (3 - math.sqrt(5)) / 2
NARROWINGS = 40
HOW = "Gaussian integrals by balls"
Found = tuple[Enclosures, tuple[ProofStep, ...]]
Hints = Sequence[float]


@dataclass(frozen=True)
class FormNeuron:
    """psi(hbar) = phi(kappa hbar/sqrt(Sigma)): phi in h; square = kappa^2, in Sigma = D; top its largest value."""

    phi: sp.Expr
    square: sp.Expr
    top: sp.Expr

    @property
    def is_fixed(self) -> bool:
        """Whether the gain is one number (the paper form)."""
        return not self.square.has(Sigma)


def find_critical_point(law: NetworkLaw, neuron: FormNeuron, margins: Margins, hints: Hints = ()) -> Found | None:
    """A critical point with sigma_m2 < limit and its proof, from hints (log10 of q) and a coarse search over q."""
    if law.limit is None:
        return _scale_free(neuron, margins) if neuron.is_fixed else None
    if all(vanishes(margin.value) for margin in margins):
        return _proven(law, neuron, [0.0], equal=True)
    if hints and (proven := _proven(law, neuron, hints)) is not None:
        return proven
    for decades in (NEAR, FAR):
        found = [(_depth(law, neuron, float(exponent)), float(exponent)) for exponent in decades]
        inside = [exponent for depth, exponent in sorted(found, reverse=True) if depth >= 0]
        if inside and (proven := _proven(law, neuron, inside)) is not None:
            return proven
    return None


def refine_critical_point(law: NetworkLaw, neuron: FormNeuron) -> Found | None:
    """The same next to the smallest sigma_m2 of the coarse search: near the smallest gain, few q are feasible."""
    if law.limit is None or not neuron.is_fixed:
        return None
    found = [(_room(law, neuron, float(exponent)), float(exponent)) for exponent in (*NEAR, *FAR)]
    best = max(found)[1]
    return _proven(law, neuron, [largest(lambda exponent: _room(law, neuron, exponent), best)])


def critical_point(
    law: NetworkLaw, neuron: FormNeuron, variance: arb, refinements: int = REFINEMENTS
) -> Enclosures | None:
    """sigma_m2, sigma_b2 on the critical curve at q; the annealed D is solved for where the gain depends on it."""
    parts, rho = branches(neuron.phi), ball(law.rho)
    slopes, sizes = squares(parts, slope=True), squares(parts)

    def means(square: arb) -> tuple[arb, arb]:
        return square * gaussian_mean(slopes, square * variance), gaussian_mean(sizes, square * variance)

    def excess(annealed: arb) -> arb:
        slope, size = means(ball(neuron.square, {Sigma: annealed}))
        return annealed * (slope + size) - rho * slope

    if neuron.is_fixed:
        slope, size = means(ball(neuron.square))
        annealed = rho * slope / (slope + size)
    else:
        ends = bracket(excess, rho, refinements)
        if ends is None:
            return None
        annealed = hull(*ends)
        slope, size = means(ball(neuron.square, {Sigma: annealed}))
    biases = annealed * (1 + variance) - rho
    return {"q": variance, "sigma_m2": rho / (slope + size), "sigma_b2": biases, "D": annealed}


def _depth(law: NetworkLaw, neuron: FormNeuron, exponent: float) -> float:
    """How far inside the feasible set the curve is at a q; negative outside. A guess, not a proof."""
    with ctx.workprec(SEARCH_BITS):
        point = critical_point(law, neuron, arb(10.0**exponent), SEARCH_REFINEMENTS)
        room = _room_of(law, point)
    if point is None or room <= 0:
        return room
    bias = float(point["sigma_b2"].lower())
    return min(room, bias) if bias > 0 else 0.0


def _room(law: NetworkLaw, neuron: FormNeuron, exponent: float) -> float:
    with ctx.workprec(SEARCH_BITS):
        return _room_of(law, critical_point(law, neuron, arb(10.0**exponent), SEARCH_REFINEMENTS))


def _room_of(law: NetworkLaw, point: Enclosures | None) -> float:
    return -math.inf if point is None else float((ball(law.limit) - point["sigma_m2"]).mid())


def largest(function: Callable[[float], float], best: float) -> float:
    """Where a function of one maximum is largest, next to `best`: golden sections."""
    low, high = best - 1, best + 1
    for _ in range(NARROWINGS):
        first, second = low + GOLDEN * (high - low), high - GOLDEN * (high - low)
        low, high = (low, second) if function(first) > function(second) else (first, high)
    return (low + high) / 2


def _proven(law: NetworkLaw, neuron: FormNeuron, exponents: Hints, equal: bool = False) -> Found | None:
    """The first q whose point is proven feasible, at rising precision; equal: sigma_m2 = limit by algebra."""
    limit = ball(law.limit)
    for exponent in exponents:
        for bits in PRECISIONS:
            with ctx.workprec(bits):
                point = critical_point(law, neuron, arb(10.0**exponent))
            if point is None or point["sigma_m2"] > limit or point["sigma_b2"] < 0:
                break
            steps = _point_steps(neuron, point, limit, equal)
            if all(step.holds for step in steps):
                return {name: value for name, value in point.items() if name != "D"}, steps
    return None


def _point_steps(neuron: FormNeuron, point: Enclosures, limit: arb, equal: bool) -> tuple[ProofStep, ...]:
    spread, bias = point["sigma_m2"], point["sigma_b2"]
    return (
        check("sigma_m2", f"0 < sigma_m2 = {spread} <= {limit}", "F = 0 by algebra" if equal else HOW,
              lambda: bool(spread > 0 and (equal or spread < limit))),
        check("sigma_b2", f"sigma_b2 = {bias} > 0", HOW, lambda: bool(bias > 0)),
        stable_step(variance_slope(neuron, point)),
    )  # fmt: skip


def variance_slope(neuron: FormNeuron, point: Enclosures) -> arb:
    """dq'/dq at a point of the critical curve, D = T / (1 + q), T = rho + sigma_b2."""
    variance, annealed = point["q"], point["D"]
    square = ball(neuron.square, {Sigma: annealed})
    bend = annealed * ball(neuron.square.diff(Sigma), {Sigma: annealed}) / square
    along = 1 + variance - variance * bend  # (1 + q) d log(kappa^2 q) / d log q
    return along * critical_slope(branches(neuron.phi), square * variance)


def _scale_free(neuron: FormNeuron, margins: Margins) -> Found | None:
    """Fixed weights, whose scale is free (here T = 1): E F = 0 at some q."""
    parts: Branches = tuple(margin.branch for margin in margins)
    square = ball(neuron.square)

    def mean(variance: arb) -> arb:
        return gaussian_mean(parts, square * variance)

    ends = bracket(mean)
    if ends is None:
        return None
    variance = hull(*ends)
    slope = square * gaussian_mean(squares(branches(neuron.phi), slope=True), square * variance)
    spread = 1 / ((1 + variance) * slope)
    step = check("chi_1 = 1", f"E F changes sign in q between {ends[0]} and {ends[1]}, at any scale T", HOW,
                 lambda: crosses(mean, *ends))  # fmt: skip
    bias = check("sigma_b2", f"sigma_b2 = {1 - spread} >= 0 at T = 1", HOW, lambda: bool(spread < 1))
    stable = stable_step((1 + variance) * critical_slope(branches(neuron.phi), square * variance))
    return {"q": variance, "sigma_m2": spread, "sigma_b2": 1 - spread}, (step, bias, stable)
