"""Whether a chain of blocks can be critical, with proof where one of these settles it, and without elsewhere.

Forward, c = 1 fixed with slope chi_1 = 1: none where equal inputs do not stay equal, where neurons jump, where a skip
carries its input whole, and where fields are integrated out (convexity as in `replica_proof`, block by block); attained
where chi_1 - 1 changes sign at a q whose biases and stability balls settle. Backward, chi_g = 1: `chain_backward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from flint import ctx

from meanbits.numerics.certificates.balls import PRECISIONS
from meanbits.numerics.certificates.chain_moments import NamedMoments, SignMoments
from meanbits.numerics.certificates.chain_point import Guess, point_certificate
from meanbits.numerics.certificates.proof import Certificate, ProofStep, Verdict, check, conclude
from meanbits.numerics.certificates.replica_proof import convexity_steps
from meanbits.theory.declarations.blocks import Flow, Neuron, Skip
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import NONE
from meanbits.theory.symbols import T, sigma_b2, sigma_m2

SIGNS = "the blocks in turn, expectations as positive symbols"
PART = sp.Symbol("part", positive=True)


@dataclass(frozen=True)
class Domain:
    """sigma_m2 as a positive expression: all of (0, oo), the inside of (0, limit), or the limit itself."""

    spread: sp.Expr
    limit: sp.Expr | None

    def layer(self, layer: Layer) -> Layer:
        """The chain there, biases nonnegative."""
        return layer.converted(
            lambda part: part.subs({sigma_m2: self.spread, sigma_b2: sp.Dummy("b", nonnegative=True)})
        )


def domain_of(layer: Layer) -> Domain:
    """What sigma_m2 may be, the limit of random weights left out."""
    limits = [each.mean_limit**2 for each in layer.open_weights if each.mean_limit is not None]
    limit = sp.Min(*limits) if limits else None
    return Domain(PART if limit is None else limit * PART / (1 + PART), limit)


def forward_certificate(layer: Layer, guesses: Sequence[Guess] = ()) -> Certificate:
    """Whether c = 1 is a fixed point of slope 1 somewhere; guesses: points found without proof.

    Raises:
        ValueError: as `Layer.converted`.
    """
    with ctx.workprec(PRECISIONS[0]):
        domain = domain_of(layer)
        if not layer.keeps_alike:
            return _unlike(layer, domain)
        if layer.is_relative:
            return _integrated(layer, domain)
        steep = _slope_step(layer, domain)
        if steep.holds:
            return conclude((_alike_step(layer, domain), steep),
                            Verdict("none", f"no critical initialisation for any {_where(layer)}: the slope at c = 1 "
                                    "is infinite, since neurons jump", "signs, block by block"))  # fmt: skip
        carried = _carried_step(layer, domain)
        if carried.holds:
            return conclude((_alike_step(layer, domain), carried),
                            Verdict("none", f"no critical initialisation for any {_where(layer)}: skips carry inputs "
                                    "whole, so that chi_1 > 1", "signs, block by block"))  # fmt: skip
        return point_certificate(layer, "chi_1", guesses, (_alike_step(layer, domain),))


def _where(layer: Layer) -> str:
    return f"{'sigma_m2' if layer.open_weights else 'scale'} > 0 and sigma_b2 >= 0"


def _start(fall: Any) -> Flow:
    return Flow(sp.Dummy("T", positive=True), fall, sp.Dummy("typical", positive=True))


def is_positive(expression: sp.Expr) -> bool:
    """Whether its symbols' signs settle that it is."""
    return bool(sp.factor(sp.together(expression)).is_positive)


def _apart(layer: Layer, domain: Domain) -> sp.Expr:
    """What two runs of one input differ by after a layer, that they enter alike."""
    return sp.sympify(forward(domain.layer(layer).blocks, _start(sp.S.Zero), SignMoments()).fall)


def _alike_step(layer: Layer, domain: Domain) -> ProofStep:
    return check("c = 1 is fixed", "two fields that are equal are equal after a layer", SIGNS,
                 lambda: sp.simplify(_apart(layer, domain)) == 0)  # fmt: skip


def _unlike_step(layer: Layer, domain: Domain) -> ProofStep:
    return check("noise", f"two runs of one input differ after a layer, at sigma_m2 = {domain.spread}", SIGNS,
                 lambda: is_positive(_apart(layer, domain)))  # fmt: skip


def _steepness(layer: Layer, domain: Domain) -> sp.Expr:
    return sp.sympify(slope(domain.layer(layer).blocks, _start(sp.S.Zero), SignMoments()))


def _slope_step(layer: Layer, domain: Domain) -> ProofStep:
    return check("slope", "E[x|h] jumps, so that dc'/dc is infinite at c = 1: nothing it is multiplied by vanishes",
                 f"{SIGNS}; one-sided limits at breaks by balls",
                 lambda: _steepness(layer, domain) == sp.oo)  # fmt: skip


def _carried_step(layer: Layer, domain: Domain) -> ProofStep:
    """At a fixed T, chi_1 is the slope of overlaps."""
    return check("chi_1 > 1", "the slope of overlaps is 1 and more, plus what is positive", SIGNS,
                 lambda: is_positive(_steepness(layer, domain) - 1))  # fmt: skip


def _limit_steps(layer: Layer, domain: Domain) -> tuple[ProofStep, ...]:
    """At the limit of sigma_m2 weights are their means: what else is drawn keeps inputs apart, or neurons jump."""
    if domain.limit is None:
        return ()
    end = Domain(sp.sympify(domain.limit), None)
    if is_positive(_apart(layer, end)):
        return (replace(_unlike_step(layer, end), name=f"sigma_m2 = {domain.limit}"),)
    step = _slope_step(replace(layer, treatment=NONE), end)
    claim = f"at sigma_m2 = {domain.limit} nothing is drawn, and {step.claim}"
    return (replace(step, name=f"sigma_m2 = {domain.limit}", claim=claim),)


def _unlike(layer: Layer, domain: Domain) -> Certificate:
    """c = 1 is no fixed point."""
    reason = "equal inputs do not stay equal, since every pass draws anew, so c = 1 is no fixed point"
    return conclude((_unlike_step(layer, domain), *_limit_steps(layer, domain)),
                    Verdict("none", f"no critical initialisation for any {_where(layer)}: {reason}",
                            "signs, block by block"))  # fmt: skip


def _integrated(layer: Layer, domain: Domain) -> Certificate:
    """Q' = G(Q) for two inputs and for two runs of one: G is convex, G(T) < T, so G' < 1 where G(Q) = Q."""
    if layer.has_batch_norm:
        step = check("convexity", "batch norm takes away what a typical pair shares, and leaves no power series of "
                     "positive terms", "not proven", lambda: False)  # fmt: skip
        return conclude((step,), Verdict("none", "whether one exists was not decided", "convexity of the overlap map"))
    steps = (
        check("one map", "two runs of one input and two inputs are mapped alike", "by algebra",
              lambda: _is_one_map(layer, domain)),
        check("blocks", "each maps Q to c0 + c1 Q, c0 >= 0 and c1 > 0, or by neurons", "by algebra",
              lambda: all(_is_affine_increasing(block) for block in domain.layer(layer).blocks)),
        *convexity_steps(),
        replace(_unlike_step(layer, domain), name="G(T) < T",
                claim="two runs of one input differ after a layer even if they enter alike, so G(T) < T' = T"),
        *_limit_steps(layer, domain),
    )  # fmt: skip
    return conclude(steps, Verdict("none", f"no critical initialisation for any {_where(layer)}: overlaps "
                                   "are mapped by power series of positive terms, convex and below T at T, so that "
                                   "chi_1 < 1 at their fixed point", "convexity of the overlap map"))  # fmt: skip


def _is_one_map(layer: Layer, domain: Domain) -> bool:
    """Whether what a pair falls short by is mapped as it is for any other pair."""
    total, fall = sp.Dummy("T", positive=True), sp.Dummy("fall", positive=True)
    after = forward(domain.layer(layer).blocks, Flow(total, fall, fall), NamedMoments())
    return sp.expand(after.fall - after.typical) == 0


def _is_affine_increasing(block: Any) -> bool:
    if isinstance(block, Neuron):
        return True
    if isinstance(block, Skip):  # squares of two numbers weigh the two
        return all(_is_affine_increasing(each) for each in block.blocks)
    shared = sp.Dummy("Q", nonnegative=True)
    after = block.forward(Flow(T, T - shared, T - shared), SignMoments())
    line = sp.Poly(sp.expand(after.total - after.fall), shared)
    return line.degree() == 1 and bool(line.nth(0).is_nonnegative) and is_positive(line.nth(1))
