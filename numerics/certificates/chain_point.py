"""A critical point of a chain of blocks, enclosed: a slope crosses 1 at a q that biases make a stable fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError, ball, hull
from meanbits.numerics.certificates.chain_moments import BallMoments, Dual, NamedMoments
from meanbits.numerics.certificates.proof import Certificate, ProofStep, Verdict, check, conclude
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.symbols import q, sigma_b2, sigma_m2

METHOD = "sign change, and Gaussian integrals by balls"
WIDTH = arb("1e-7")  # relative, of the interval that holds sigma_m2
OF = BallMoments()
MEANING = {"chi_1": "c = 1 is fixed with slope 1", "chi_g": "squared gradients keep their size"}


@dataclass(frozen=True)
class Guess:
    """A point that was found without proof: sigma_m2, or the square of the scale in its place, sigma_b2 and q."""

    sigma_m2: float
    sigma_b2: float
    q: float


def point_certificate(
    layer: Layer, name: str, guesses: Sequence[Guess], before: tuple[ProofStep, ...] = ()
) -> Certificate:
    """That chi_1 or chi_g (`name`) is 1 at a stable fixed point; layer: with sigma_m2 in place of what is free.

    Of the guesses those with biases are tried, the one in the middle first, and the first that can be proven is given.
    """
    inner = sorted((each for each in guesses if each.sigma_b2 > 0), key=lambda each: abs(each.sigma_b2 - 0.1))
    proofs = [_proof(layer, name, guess, before) for guess in inner[:1]]
    for guess in inner[1:3]:
        if proofs[-1].certified:
            break
        proofs.append(_proof(layer, name, guess, before))
    if proofs:
        return next((each for each in proofs if each.certified), proofs[0])
    step = check("points", "a point with biases was found", "a grid of sigma_b2", lambda: False)
    return conclude((step,), Verdict("none", f"whether {name} is 1 anywhere was not decided", METHOD))


def _proof(layer: Layer, name: str, guess: Guess, before: tuple[ProofStep, ...]) -> Certificate:
    variance, spread = arb(guess.q), arb(guess.sigma_m2)
    low, high = spread * (1 - WIDTH), spread * (1 + WIDTH)
    shape = check("biases", f"T' is linear in sigma_b2, and {name} does not depend on it", "by algebra, block by block",
                  lambda: _is_linear_in_biases(layer, name))  # fmt: skip
    cross = check(f"{name} = 1", f"{name} - 1 changes sign in sigma_m2 between {low.str(12)} and {high.str(12)} at "
                  f"q = {guess.q!r}: intermediate value theorem", "Gaussian integrals by balls",
                  lambda: _crosses(layer, name, variance, (low, high)))  # fmt: skip
    try:
        biases, steep = _biases(layer, hull(low, high), variance)
    except UnprovedError as error:
        biases, steep = arb("nan"), arb("nan")
        shape = replace(shape, holds=False, how=f"{shape.how}: not settled, {error}")
    steps = (
        *before, shape, cross,
        check("sigma_b2 >= 0", f"q is a fixed point at sigma_b2 = {biases.str(12)}", "Gaussian integrals by balls",
              lambda: bool(biases > 0)),
        check("stable q", f"|dT'/dT| < 1: it is {steep.str(6)}", "integration by parts, Gaussian integrals by balls",
              lambda: bool(abs(steep) < 1)),
    )  # fmt: skip
    free, value = ("sigma_m2", hull(low, high)) if layer.open_weights else ("scale", hull(low, high).sqrt())
    box = {"q": variance, free: value, "sigma_b2": biases} if biases.is_finite() else None
    place = f"{free} = {float(value):.6g}, sigma_b2 = {guess.sigma_b2:.6g}"
    statement = f"{MEANING[name]} ({name} = 1) at a stable q, for one at {place}"
    return conclude(steps, Verdict("attained", statement, METHOD, box=box))


def _with_balls(layer: Layer, spread: arb, biases: Any) -> Layer:
    values = {sigma_m2: spread, sigma_b2: arb(biases)}
    return layer.converted(lambda part: ball(part, values))


def _at(name: str, layer: Layer, flow: Flow, of: Any) -> Any:
    return slope(layer.blocks, flow, of) if name == "chi_1" else backward(layer.blocks, flow, of).square


def _crosses(layer: Layer, name: str, variance: arb, ends: tuple[arb, arb]) -> bool:
    below, above = (_at(name, _with_balls(layer, end, 0), Flow(variance, 0, 0), OF) - 1 for end in ends)
    return bool((below < 0 and above > 0) or (below > 0 and above < 0))


def _biases(layer: Layer, spread: arb, variance: arb) -> tuple[arb, arb]:
    """sigma_b2 at which T' = q, and dT'/dT there."""
    after = [forward(_with_balls(layer, spread, biases).blocks, Flow(Dual(variance, arb(1)), 0, 0), OF).total
             for biases in (0, 1)]  # fmt: skip
    return (variance - after[0].value) / (after[1].value - after[0].value), after[0].slope


def _is_linear_in_biases(layer: Layer, name: str) -> bool:
    of = NamedMoments()
    flow = Flow(q, sp.S.Zero, sp.S.Zero)
    rate = sp.simplify(forward(layer.blocks, flow, of).total.diff(sigma_b2))
    return not rate.has(sigma_b2, q) and not sp.sympify(_at(name, layer, flow, of)).has(sigma_b2)
