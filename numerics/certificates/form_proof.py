"""Criticality of the forms without a replica map: phi(kappa w), w = hbar/sqrt(D) ~ N(0, q), D the annealed variance.

chi_1 = 1 reads D = sigma_m2 kappa^2 E phi'^2, and D = rho - sigma_m2 E phi^2 for binary neurons, so that on the curve
rho / sigma_m2 = kappa^2 E phi'(x)^2 + E phi(x)^2 with x = kappa w ~ N(0, kappa^2 q): feasible where that mean reaches
rho / limit for some q, with sigma_b2 = D (1 + q) - rho >= 0.
"""

from __future__ import annotations

import sympy as sp

from meanbits.numerics.certificates.balls import ball
from meanbits.numerics.certificates.branches import Branches, branches, is_continuous, jumps, x
from meanbits.numerics.certificates.form_search import FormNeuron, Hints, find_critical_point, refine_critical_point
from meanbits.numerics.certificates.mean_signs import IN_MEAN, negative_in_mean
from meanbits.numerics.certificates.network_law import NetworkLaw, is_odd, law_steps, network_law
from meanbits.numerics.certificates.proof import Certificate, ProofStep, Verdict, check, conclude
from meanbits.numerics.certificates.signs import POINTWISE, Margin, Margins, negative_almost_everywhere
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.gaussian.tidy import tidy_slope
from meanbits.theory.symbols import A, D, Sigma, h, hbar, q, sigma_b2, u


def form_certificate(theory: Theory, hints: Hints = ()) -> Certificate:
    """The certificate of a surrogate in paper or matched form; hints: log10 of q at which to look first."""
    law = network_law(theory)
    neuron = _form_neuron(theory, law)
    steps = (*law_steps(theory)[:1], *_link_steps(theory, law, neuron))
    parts = branches(neuron.phi)
    if not is_continuous(parts):
        jump = check("chi_1", "phi jumps, so E phi'^2 and chi_1 are infinite", "one-sided limits, by balls",
                     lambda: jumps(parts))  # fmt: skip
        return conclude((*steps, jump), Verdict("none", "no critical initialisation: chi_1 is infinite", "jump"))
    margins = form_margins(parts, neuron.top, _level(law))
    return conclude(steps, _verdict(law, neuron, margins, hints))


def _verdict(law: NetworkLaw, neuron: FormNeuron, margins: Margins, hints: Hints) -> Verdict:
    """Proofs and searches in the order of their cost."""
    claim = f"E [{neuron.top} phi'(x)^2 + phi(x)^2 - {_level(law)}] < 0 for x ~ N(0, s), every s > 0"
    below = check("sigma_m2 > limit", claim, POINTWISE, lambda: negative_almost_everywhere(margins))
    if below.holds:
        return _excluded(law, neuron, margins, below)
    found = find_critical_point(law, neuron, margins, hints)
    if found is None:
        below = check("sigma_m2 > limit", claim, IN_MEAN, lambda: negative_in_mean(margins))
        found = None if below.holds else refine_critical_point(law, neuron)
    if found is None:
        return _excluded(law, neuron, margins, below)
    box, steps = found
    shown = ", ".join(f"{name} = {value.str(6, radius=False)}" for name, value in box.items())
    return Verdict("attained", f"critical at {shown}, proven by ball arithmetic", "box", steps, box)


def form_margins(parts: Branches, square: sp.Expr, level: sp.Expr) -> Margins:
    """F = kappa^2 phi'^2 + phi^2 - level on each branch."""
    return tuple(
        Margin(part.map(lambda value: _collected(square * value.diff(x) ** 2 + value**2 - level)),
               (sp.S(2), part.value.diff(x), square * part.value.diff(x, 2) + part.value))
        for part in parts
    )  # fmt: skip


def _collected(value: sp.Expr) -> sp.Expr:
    """Squares of sines and cosines summed, so that bounds of the terms do not add up."""
    return sp.trigsimp(value) if value.has(sp.sin, sp.cos) else value


def _level(law: NetworkLaw) -> sp.Expr:
    """rho / limit: what rho / sigma_m2 has to reach; 1 for fixed weights, whose rho is sigma_m2 (and equality)."""
    return sp.S.One if law.limit is None else law.rho / law.limit


def _form_neuron(theory: Theory, law: NetworkLaw) -> FormNeuron:
    form = theory.surrogate.form
    if form.phi is not None:
        return FormNeuron(form.phi, form.gain**2, form.gain**2)
    psi = theory.forward.mean.closed
    square = sp.simplify(Sigma * psi.subs(hbar, x).diff(x).subs(x, 0) ** 2)
    top = square.subs(Sigma, law.rho) if law.limit is not None else sp.limit(square, Sigma, sp.oo)
    return FormNeuron(law.phi.subs(h, h / theory.surrogate.neurons.slope_at_zero), square, top)


def _link_steps(theory: Theory, law: NetworkLaw, neuron: FormNeuron) -> tuple[ProofStep, ...]:
    """The two equations above, from the derived theory."""
    steps = (
        check("normalised neuron", "psi(sqrt(D) w) = phi(kappa w)", "by algebra",
              lambda: _is_normalised(theory, neuron)),
        check("field variance", "D = rho - sigma_m2 A, T' = rho + sigma_b2", "by algebra",
              lambda: sp.expand(theory.mean_field.annealed - law.rho + law.spread * A) == 0
              and sp.expand(theory.total_map - law.rho - sigma_b2) == 0),
        check("slope", "chi_1 = sigma_m2 kappa^2 E phi'^2 / D", "the derived chi_1 less this, by algebra",
              lambda: _is_slope(theory, law, neuron)),
    )  # fmt: skip
    if neuron.is_fixed:
        return steps
    rising = check("gain", f"kappa^2 = {neuron.square} <= {neuron.top}, it grows with D <= rho", "by algebra",
                   lambda: bool(sp.simplify(neuron.square.diff(Sigma)).is_positive))  # fmt: skip
    return (*steps, rising)


def _is_normalised(theory: Theory, neuron: FormNeuron) -> bool:
    psi = theory.forward.mean.closed.subs(hbar, sp.sqrt(Sigma) * h)
    difference = psi - neuron.phi.subs(h, sp.sqrt(neuron.square) * h)
    return all(sp.simplify(difference.subs(h, side * x)) == 0 for side in (1, -1))


def _is_slope(theory: Theory, law: NetworkLaw, neuron: FormNeuron) -> bool:
    assert theory.criticality is not None
    chi_1 = theory.criticality.marginal + 1
    if chi_1.is_infinite:
        return jumps(branches(neuron.phi))
    annealed = theory.maps.state[D]
    square = neuron.square.subs(Sigma, annealed)
    mean = expectation(tidy_slope(neuron.phi.subs(h, u).diff(u), u) ** 2, 0, square * q)
    expected = law.spread * square * evaluate_all(mean) / annealed
    return any(sp.simplify(form(chi_1) / form(expected)) == 1 for form in (sp.sympify, _at_unit_variance))


def _at_unit_variance(expression: sp.Expr) -> sp.Expr:
    """Expectations over w ~ N(0, V) in terms of w / sqrt(V), one fraction each."""

    def scaled(node: GaussianExpectation) -> sp.Expr:
        integrand = node.integrand.subs(u, sp.sqrt(node.covariance[0]) * u)
        constant, rest = sp.powsimp(sp.powdenest(sp.simplify(sp.factor(integrand)))).as_independent(u, as_Add=False)
        return constant * expectation(rest, 0, 1)

    return expression.replace(lambda part: isinstance(part, GaussianExpectation), scaled)


def _excluded(law: NetworkLaw, neuron: FormNeuron, margins: Margins, below: ProofStep) -> Verdict:
    """F < 0 in the mean for every q: none, or a limit where the mean tends to 0 as q -> 0."""
    inner = [margin.branch for margin in margins if margin.branch.left == 0]
    start = sp.simplify(sum(part.value.subs(x, 0) for part in inner))
    origin = [part.value.subs(x, 0) for part in branches(neuron.phi) if part.left == 0]
    domain = "any sigma_m2" if law.limit is None else law.domain
    if start == 0 and not any(origin):
        odd = check("sigma_b2 >= 0", "E phi^2 <= s E phi'^2 for odd phi (Gaussian Poincare inequality)",
                    "phi(-h) = -phi(h), by algebra", lambda: is_odd(neuron.phi))  # fmt: skip
        point = f"({'any' if law.limit is None else law.limit}, 0)"
        statement = (f"no critical initialisation for {domain}, sigma_b2 >= 0: the critical curve only starts at "
                     f"(sigma_m2, sigma_b2) = {point}, as q -> 0")  # fmt: skip
        return Verdict("limit", statement, below.how, (below, odd))
    away = check("q -> 0", f"the mean tends to {sp.N(start / len(inner), 6)} < 0, or sigma_b2 to a value < 0", "balls",
                 lambda: any(origin) or bool(ball(start) < 0))  # fmt: skip
    return Verdict("none", f"no critical initialisation for {domain}, sigma_b2 >= 0: the critical curve needs more "
                   "than that sigma_m2 at every q", below.how, (below, away))  # fmt: skip
