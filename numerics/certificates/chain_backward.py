"""Whether gradients of a chain of blocks keep their size, chi_g = 1, with proof where one of these settles it.

Behind batch norm chi_g is a number that no parameter moves, E g^2/Var f at unit variance where nothing else is drawn:
by the Gaussian Poincare inequality at least 1 for g = f', and 1 for affine f alone. Where skips carry their input whole
it is above 1. Elsewhere points are enclosed (`chain_point`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from flint import ctx

from meanbits.numerics.certificates.balls import PRECISIONS, UnprovedError, outward
from meanbits.numerics.certificates.chain_certificate import domain_of, is_positive
from meanbits.numerics.certificates.chain_moments import NamedMoments, SignMoments, named_ball
from meanbits.numerics.certificates.chain_point import Guess, point_certificate
from meanbits.numerics.certificates.network_law import is_affine
from meanbits.numerics.certificates.proof import Certificate, Verdict, check, conclude
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.symbols import h, q, sigma_b2, sigma_m2, typical, u

NORMED = "what batch norm leaves, and Gaussian integrals by balls"
OPEN = {q, typical, sigma_m2, sigma_b2}


def backward_certificate(layer: Layer, guesses: Sequence[Guess] = ()) -> Certificate | None:
    """Whether chi_g = 1 somewhere; None where gradients see no slope. guesses: points found without proof."""
    if not layer.passes_gradient:
        return None
    with ctx.workprec(PRECISIONS[0]):
        if layer.is_relative:
            return _undecided("fields are integrated out, and chi_g is an overlap")
        if layer.has_batch_norm:
            return _normed(layer)
        carried = check("chi_g > 1", "squared gradients are passed on whole, and more is added",
                        "the blocks in turn, expectations as positive symbols", lambda: _is_carried(layer))  # fmt: skip
        if carried.holds:
            return conclude((carried,), Verdict("none", "chi_g > 1 for any variances: skips carry gradients whole",
                                                "signs, block by block"))  # fmt: skip
        return point_certificate(layer, "chi_g", guesses)


def is_one_condition(layer: Layer) -> bool:
    """Whether chi_g = chi_1 by algebra: nothing is drawn, and gradients see the neurons' own slopes."""
    of, flow = NamedMoments(), Flow(q, sp.S.Zero, sp.S.Zero)
    if not layer.keeps_alike or layer.is_relative or layer.has_batch_norm:
        return False
    return sp.simplify(backward(layer.blocks, flow, of).square - slope(layer.blocks, flow, of)) == 0


def _undecided(reason: str) -> Certificate:
    step = check("chi_g", f"whether it is 1 anywhere: {reason}", "not proven", lambda: False)
    return conclude((step,), Verdict("none", "whether chi_g is 1 anywhere was not decided", "none"))


def _is_carried(layer: Layer) -> bool:
    flow = Flow(sp.Dummy("T", positive=True), sp.Dummy("fall", positive=True), sp.Dummy("typical", positive=True))
    blocks = domain_of(layer).layer(layer).blocks
    return is_positive(sp.sympify(backward(blocks, flow, SignMoments()).square) - 1)


def behind_norm(layer: Layer) -> tuple[sp.Expr, NamedMoments]:
    """chi_g of the second of two layers of any parameters, in names of expectations."""
    of = NamedMoments()
    start = Flow(q, q / 2, q * (1 - typical))
    after = forward(layer.blocks, start, of)
    typical_pair = Flow(after.total, after.typical, after.typical)
    return sp.simplify(backward(layer.blocks, typical_pair, of).square), of


def _normed(layer: Layer) -> Certificate:
    growth, of = behind_norm(layer)
    formula = f"from the second layer on chi_g = {of.shown(growth)}, whatever the variances and the batch"
    fixed = check("no parameter", formula, "by algebra, block by block", lambda: not growth.free_symbols & OPEN)
    if not fixed.holds:
        return conclude((fixed,), Verdict("none", "whether chi_g is 1 anywhere was not decided", NORMED))
    (unit, *others) = layer.units
    exact = not others and unit.neurons.backward is None
    if exact and is_affine(unit.neurons.mean) and sp.simplify(_of_line(growth, of) - 1) == 0:
        step = check("affine", "f = a + b h, so that E f'^2 = Var f = b^2", "by algebra", lambda: True)
        return conclude((fixed, step), Verdict("attained", "chi_g = 1 for any variances: neurons are affine, where the "
                                               "Gaussian Poincare inequality is an equality", NORMED))  # fmt: skip
    try:
        value = named_ball(growth, of.found)
        low, high = outward(value)
        shown = f"chi_g lies in [{low!r}, {high!r}]"
        apart = check("chi_g", shown, "Gaussian integrals by balls", lambda: bool(value > 1 or value < 1))
    except UnprovedError as error:
        apart = check("chi_g", f"not settled, {error}", "Gaussian integrals by balls", lambda: False)
        shown = "chi_g was not enclosed"
    poincare = exact and layer.keeps_alike  # dropout leaves more than Var f
    why = " (Gaussian Poincare inequality: batch norm explodes unless neurons are affine)" if poincare else ""
    return conclude((fixed, apart), Verdict("none", f"backward critical nowhere: {shown} for any variances{why}",
                                            NORMED))  # fmt: skip


def _of_line(growth: sp.Expr, of: NamedMoments) -> sp.Expr:
    """chi_g of affine neurons a + b h in closed form."""
    values = {}
    for node in growth.atoms(sp.core.function.AppliedUndef):
        kind, neurons = of.found[node]
        function = {"second": neurons.second_moment, "mean": neurons.mean, "slope": neurons.mean.diff(h) ** 2}[kind]
        values[node] = evaluate_all(expectation(function.subs(h, u), 0, node.args[0]))
    return growth.xreplace(values)
