"""Whether a surrogate has a critical initialisation, with proof; and the smallest gain at which one appears.

Critical: 0 <= sigma_m2 <= the limit of the weights and sigma_b2 >= 0 with c = 1 a fixed point of the correlation map at
the fixed point of q, and chi_1 = 1. Exact treatments: `certificates.replica_proof`. Paper form and matched:
`certificates.form_proof`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy as sp
from flint import arb, ctx

from meanbits.numerics.certificates.balls import PRECISIONS, UnprovedError, ball, outward
from meanbits.numerics.certificates.branches import Branches, branches, gaussian_mean, x
from meanbits.numerics.certificates.form_proof import form_certificate
from meanbits.numerics.certificates.form_search import SEARCH_BITS, largest
from meanbits.numerics.certificates.network_law import is_odd
from meanbits.numerics.certificates.proof import Certificate, Verdict, check, conclude
from meanbits.numerics.certificates.replica_proof import replica_certificate
from meanbits.numerics.certificates.sharp_field import squares
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import paper_form
from meanbits.theory.derive import Theory, derive

TOLERANCES = tuple(Fraction(1, 10**digits) for digits in (6, 5, 4, 3, 2))
EXPONENTS = tuple(float(exponent) for exponent in range(-12, 13))


@dataclass(frozen=True)
class SmallestGain:
    """No critical initialisation of the paper form at any gain < lower, one for gains next to upper.

    exact: the smallest gain, where it is known in closed form, 1/phi'(0). below: the certificate ("none" or "limit") at
    the gain `lower`, and so at every smaller one, for kappa^2 E phi'^2 + E phi^2 grows with kappa. above: the
    certificate ("attained") at the gain `upper`.
    """

    exact: sp.Expr | None
    lower: float
    upper: float
    below: Certificate
    above: Certificate

    @property
    def certified(self) -> bool:
        """Whether both sides are proven."""
        sides = self.below.certified and self.above.certified
        return sides and self.below.feasible != "attained" and self.above.feasible == "attained"


def certify(theory: Theory) -> Certificate:
    """The certificate of a derived theory: every step computed, from the theory alone.

    Raises:
        ValueError: if the surrogate has parameters without values or functions without definitions.

    >>> certify(derive(compose("lrt"))).feasible
    'none'
    >>> certify(derive(compose("deterministic", phi="tanh", gain=1))).statement
    'no critical initialisation for sigma_m2 <= 1, sigma_b2 >= 0: the critical curve only starts at ...
    """
    with ctx.workprec(PRECISIONS[0]):
        if theory.criticality is None:
            return _single_layer(theory)
        try:
            return form_certificate(theory) if theory.maps.replica_map is None else replica_certificate(theory)
        except UnprovedError as error:
            return _undecided(error)


def _undecided(error: UnprovedError) -> Certificate:
    def fail() -> bool:
        raise error

    step = check("branches", "phi is smooth but for kinks of linear functions, with bounded moments", "balls", fail)
    return conclude((step,), Verdict("none", "whether a critical initialisation exists was not decided", "none"))


def _single_layer(theory: Theory) -> Certificate:
    step = check("single layer", "no map from layer to layer", "the surrogate takes real inputs once",
                 lambda: theory.surrogate.real_input)  # fmt: skip
    statement = "no critical initialisation: a single layer has no fixed point of depth"
    return conclude((step,), Verdict("none", statement, "single layer"))


def smallest_gain(phi: sp.Expr) -> SmallestGain:
    """The smallest gain of the paper form phi(gain hbar/sqrt(Sigma)) with a critical initialisation, binary weights.

    The infimum over s of sqrt((1 - E phi^2)/E phi'^2), u ~ N(0, s): 1/phi'(0) where none exists at that gain, for it
    is approached as s -> 0 (and sigma_b2 >= 0 for odd phi); otherwise bracketed to 1e-6, or to the smallest tolerance
    at which both sides can be proven.

    Raises:
        UnprovedError: if phi is not odd, so that sigma_b2 >= 0 is a condition of its own, or has unbounded moments.

    >>> from meanbits.theory.symbols import h
    >>> smallest_gain(sp.tanh(h)).exact
    1
    """
    if not is_odd(phi):
        raise UnprovedError("phi = %s is not odd: certify the paper form at the gains of interest instead", phi)
    with ctx.workprec(PRECISIONS[0]):
        parts = branches(phi)
        start = _gain_at_zero(parts)
        if start is not None:
            found = _bracketed(phi, start, start * sp.Rational(1 + TOLERANCES[0]), start)
            if found.certified:
                return found
        best, hint = _numerical_gain(parts)
        brackets = (_bracketed(phi, _near(best, -tolerance), _near(best, tolerance), None, hint)
                    for tolerance in TOLERANCES)  # fmt: skip
        found = next(brackets)
        return found if found.certified else next((other for other in brackets if other.certified), found)


def _gain_at_zero(parts: Branches) -> sp.Expr | None:
    """1/|phi'(0)|, for a smooth phi with phi(0) = 0."""
    inner = [part for part in parts if part.left == 0]
    values = {sp.simplify(part.value.subs(x, 0)) for part in inner}
    slopes = {sp.simplify(abs(part.value.diff(x).subs(x, 0))) for part in inner}
    if values != {0} or len(slopes) != 1 or not (slope := slopes.pop()).is_positive:
        return None
    return sp.simplify(1 / slope)


def _near(gain: float, tolerance: Fraction) -> sp.Expr:
    """A rational of small denominator between 0.8 and 1 times the relative tolerance from the gain."""
    target, room = Fraction(gain) * (1 + tolerance * 9 / 10), abs(tolerance) * Fraction(gain) / 10
    digits = next(count for count in range(1, 30) if abs(target.limit_denominator(10**count) - target) < room)
    return sp.Rational(target.limit_denominator(10**digits))


def _numerical_gain(parts: Branches) -> tuple[float, float]:
    """The infimum, without proof, and log10 of the q it belongs to."""

    def surplus(exponent: float) -> float:
        spread = arb(10.0**exponent)
        return -float(((1 - gaussian_mean(squares(parts), spread)) / gaussian_mean(squares(parts, True), spread)).mid())

    with ctx.workprec(SEARCH_BITS):
        best = max(EXPONENTS, key=surplus)
        peak = best if best in (EXPONENTS[0], EXPONENTS[-1]) else largest(surplus, best)
        square = -surplus(peak)
    return math.sqrt(square), peak - math.log10(square)


def _bracketed(phi: sp.Expr, lower: sp.Expr, upper: sp.Expr, exact: sp.Expr | None, *hints: float) -> SmallestGain:
    above, below = (_paper_certificate(phi, gain, hints) for gain in (upper, lower))
    return SmallestGain(exact, outward(ball(lower))[0], outward(ball(upper))[1], below, above)


def _paper_certificate(phi: sp.Expr, gain: sp.Expr, hints: tuple[float, ...]) -> Certificate:
    surrogate = replace(compose("deterministic"), name=f"paper form, gain {gain}", form=paper_form(phi, gain))
    theory = derive(surrogate)
    return certify(theory) if theory.maps.replica_map is not None else form_certificate(theory, hints)
