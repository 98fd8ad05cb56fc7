"""Stage 3: the forward equations. The Gaussian field is integrated out, kept as sampled noise, or has no variance."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.functions.pieces import cut_at_breaks
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.stages.moments import FieldMoments
from meanbits.theory.symbols import Sigma, epsilon, h, hbar, u
from meanbits.theory.trace import Assumption, Formula, Step

LARGE = 10**4  # digits that a closed form may lose


@dataclass(frozen=True)
class Forward:
    """What a layer passes on, in terms of (hbar, Sigma), or of (hbar, Sigma, epsilon) where the field is sampled.

    mean: E x; second_moment: E x^2; field: h, the argument of the neuron (None where it is integrated out).
    sampled: whether the neurons themselves are drawn from `mean`.
    """

    moments: FieldMoments
    mean: Formula
    second_moment: Formula
    field: sp.Expr | None
    sampled: bool
    steps: tuple[Step, ...]


def forward_equations(moments: FieldMoments) -> Forward:
    """Integrate the neuron's law over the Gaussian field, or keep the field (Stamatescu et al. 2020, eqs. 6-9)."""
    surrogate = moments.kernel.surrogate
    if surrogate.treatment.field == "integrated":
        return _integrated(moments)
    field = hbar if surrogate.treatment.field == "sharp" else hbar + sp.sqrt(Sigma) * epsilon
    mean, second_moment = (expression.subs(h, field) for expression in _neuron(moments))
    steps = [
        Step("field", Assumption.EXACT, h, field),
        Step("mean of the neuron", Assumption.EXACT, sp.Symbol("m"), mean),
    ]
    return _collect(moments, Formula(mean, mean), Formula(second_moment, second_moment), field, steps)


def _integrated(moments: FieldMoments) -> Forward:
    neuron_mean, neuron_second = _neuron(moments)
    exact = expectation(neuron_mean.subs(h, u), hbar, Sigma)
    second = _formula(expectation(neuron_second.subs(h, u), hbar, Sigma))
    form = moments.kernel.surrogate.form
    if form.name == "exact":
        mean = _formula(exact)
        steps = [Step("mean of the neuron, field integrated out", Assumption.EXACT, mean.definition, mean.closed)]
    elif form.name == "matched":
        mean, steps = _matched(neuron_mean, moments.kernel.surrogate.neurons.slope_at_zero, exact)
    else:
        assert form.phi is not None
        ansatz = cut_at_breaks(form.phi).subs(h, form.gain * hbar / sp.sqrt(Sigma))
        mean = Formula(ansatz, ansatz)
        steps = [Step("mean of the neuron, free function of the normalised field", Assumption.ANSATZ, exact, ansatz)]
    steps.append(Step("second moment of the neuron", Assumption.EXACT, second.definition, second.closed))
    return _collect(moments, mean, second, None, steps)


def _matched(neuron_mean: sp.Expr, slope: sp.Expr, exact: GaussianExpectation) -> tuple[Formula, list[Step]]:
    """phi -> erf of equal slope at 0 -> integrated -> phi of equal slope at 0."""
    erf = sp.erf(slope / sp.erf(h).diff(h).subs(h, 0) * h)
    integrated = expectation(erf.subs(h, u), hbar, Sigma).doit()
    ratio = sp.simplify(integrated.diff(hbar).subs(hbar, 0) / slope)
    matched = neuron_mean.subs(h, ratio * hbar)
    steps = [
        Step("neuron matched by erf, slopes equal at 0", Assumption.MATCHED, neuron_mean, erf),
        Step("field integrated out", Assumption.EXACT, expectation(erf.subs(h, u), hbar, Sigma), integrated),
        Step("matched back, slopes equal at 0", Assumption.MATCHED, exact, matched),
    ]
    return Formula(matched, matched), steps


def _loses_digits(closed: sp.Expr) -> bool:
    """Whether large terms cancel in a closed form, as those of a narrow noise do; quadrature keeps the digits."""
    large = [term for term in sp.Add.make_args(closed) if abs(term.as_coeff_Mul()[0]) > LARGE]
    return len(large) > 1


def _formula(node: GaussianExpectation) -> Formula:
    closed = evaluate_all(node)
    return Formula(node, node if _loses_digits(closed) else closed)


def _neuron(moments: FieldMoments) -> tuple[sp.Expr, sp.Expr]:
    return moments.kernel.neuron_mean, moments.kernel.neuron_second_moment


def _collect(
    moments: FieldMoments, mean: Formula, second_moment: Formula, field: sp.Expr | None, steps: list[Step]
) -> Forward:
    surrogate = moments.kernel.surrogate
    neurons, treatment = surrogate.neurons, surrogate.treatment
    sampled = treatment.propagates == "sample" and (neurons.is_binary or neurons.is_random)
    if sampled:
        of_bits, of_others = ("P(x = 1)", (1 + mean.closed) / 2), ("E[x|h]", mean.closed)
        name, law = of_bits if neurons.is_binary else of_others
        steps.append(Step("neurons drawn from their means", Assumption.EXACT, sp.Symbol(name), law))
    return Forward(moments, mean, second_moment, field, sampled, (*moments.steps, *steps))
