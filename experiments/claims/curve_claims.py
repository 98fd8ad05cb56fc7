"""Claims about the critical curve of the paper form (theory sheet, section 4): where it starts, runs and ends."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.critical_claims import SIGN, paper_form
from meanbits.experiments.claims.evidence import (
    PHI,
    Options,
    certified,
    compared,
    derived,
    printed,
    sheet,
    theory_in_phi,
    theory_of,
)
from meanbits.experiments.claims.map_claims import in_paper_form
from meanbits.experiments.claims.neuron_claims import ALPHA
from meanbits.numerics.solvers.critical import CriticalPoint, critical_curve
from meanbits.theory.declarations.compose import PAPER_PHI
from meanbits.theory.declarations.grammar import parse
from meanbits.theory.declarations.neurons import stochastic
from meanbits.theory.declarations.noise import GAUSSIAN
from meanbits.theory.declarations.surrogates import MARGINALISE
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import T, h, q, u

FUNCTIONS = PAPER_PHI | {text: parse(text) for text in ("h/sqrt(1 + h**2)", "2*atan(pi*h/2)/pi")}
SMALLEST = dict(zip(FUNCTIONS, (sp.S.One, sp.sqrt(sp.pi / 2), sp.S.One, sp.S.One), strict=True))
IN_DIGITS = ((sp.tanh(h) ** 3, 1.7263), (HardTanh(h), 0.8165))
RUNS_ON = {"tanh": np.sqrt(1.5), "erf": np.sqrt(2)}  # sqrt of the integral of 1 - phi^2 over that of phi'^2
NEAR, FAR = 1e-9, 1e8
OFF = 1e-3  # how far from a claimed gain the curve is taken
DESIGNS = (paper_form(), paper_form(1, "erf"), paper_form(1.5), paper_form(2))
CLOSE = 0.1  # of both variances, whose range is 0 to 1
LIMIT_ERROR = 1e-3  # the curve is at its limit up to terms of order q -> 0 and 1/sqrt(q) -> infinity


def _start(factor: Any) -> Evidence:
    """E f(u) -> f(0) as its variance vanishes, f continuous; phi(0) = 0."""
    curve = in_paper_form().critical_curve or ()
    slope = sp.Symbol("slope", positive=True)

    def at_zero(expression: sp.Expr) -> sp.Expr:
        known = {PHI.subs(h, u).diff(u): slope, PHI.subs(h, u): 0}
        settled = expression.replace(lambda e: isinstance(e, GaussianExpectation), lambda e: e.integrand.subs(known))
        return settled.subs(q, 0)

    claimed = (1 / slope**2, sp.S.Zero)
    pairs = [(at_zero(each), factor * end) for each, end in zip(curve, claimed, strict=False)]
    return derived("the curve of the paper form as q -> 0, any phi with phi(0) = 0", pairs)


def _start_in_balls(gain: float, phi: str, slope: float, factor: Any) -> Evidence:
    point = critical_curve(theory_of(paper_form(gain, phi)), [NEAR])[0]
    what = f"sigma_m2 on the curve at q = {NEAR}, {phi} of gain {gain}, against 1/phi'(0)^2"
    claimed = float(factor) / (gain * slope) ** 2
    return compared("ball arithmetic", what, point.sigma_m2, claimed, LIMIT_ERROR, sigma_b2=point.sigma_b2)


def _curve_of_the_sign(factor: Any) -> Evidence:
    """From pi/2 down to 1, ever falling: d(1/sigma_m2)/dq is positive."""
    curve = theory_of(SIGN).critical_curve
    means = sp.S.NaN if curve is None else curve[0]
    rise = 2 * q / (sp.pi * (1 + q) * (1 + 2 * q) ** sp.Rational(3, 2))
    claims = [
        (means.limit(q, 0), factor * sp.pi / 2),
        (means.limit(q, sp.oo), factor),
        ((1 / means).diff(q), factor * rise),
    ]
    return derived(
        "sigma_m2 on the curve of exact sign neurons as q -> 0 and q -> infinity, and d(1/sigma_m2)/dq", claims
    )


def _smallest_gain(phi: str, factor: Any) -> Evidence:
    from meanbits.numerics.certificates.certify import smallest_gain

    found, claimed = smallest_gain(FUNCTIONS[phi]), factor * SMALLEST[phi]
    exact = found.exact is not None and sp.simplify(found.exact - claimed) == 0
    numbers = {"smallest": str(found.exact), "claimed": str(claimed), "none below": found.lower}
    numbers |= {"attained at": found.upper, "steps of proof": len(found.below.steps) + len(found.above.steps)}
    return Evidence("certificate", f"both sides of the smallest gain, phi = {phi}", numbers, exact and found.certified)


def _smallest_gain_in_digits(phi: sp.Expr, value: float, factor: Any) -> Evidence:
    from meanbits.numerics.certificates.certify import smallest_gain

    found, claimed = smallest_gain(phi), value * float(factor)
    numbers = {"none below": found.lower, "attained at": found.upper, "claimed": claimed}
    agrees = found.certified and abs(found.upper - claimed) < 5e-5  # the digits given
    return Evidence("certificate", f"both sides of the smallest gain, phi = {phi}", numbers, bool(agrees))


def _end(phi: str, factor: Any) -> Evidence:
    point = critical_curve(theory_of(paper_form(1.5, phi)), [FAR])[0]
    what = f"sigma_m2 on the curve at q = {FAR:g}, {phi} of gain 1.5"
    return compared("ball arithmetic", what, point.sigma_m2, float(factor), LIMIT_ERROR, sigma_b2=point.sigma_b2)


def _end_of_erf(factor: Any) -> Evidence:
    curve = theory_of(paper_form(1, "erf")).critical_curve or ()
    limits = [(each**power).limit(q, sp.oo) for each, power in zip(curve, (1, -1), strict=False)]
    pairs = zip(limits, (factor, factor - 1), strict=False)
    return derived("sigma_m2 and 1/sigma_b2 on the curve of erf as q -> infinity", pairs)


def _runs_on(phi: str, factor: Any) -> Evidence:
    """sigma_m2 < 1 far out just above the claimed gain, and > 1 just below.

    1/sigma_m2 - 1 tends to (kappa^2 int phi'^2 - int (1 - phi^2)) / (kappa sqrt(2 pi q)), whose sign decides.
    """
    gain = RUNS_ON[phi] * float(factor)
    below, above = (
        critical_curve(theory_of(paper_form(f"{gain * step:.9f}", phi)), [FAR])[0] for step in (1 - OFF, 1 + OFF)
    )
    numbers = {"gain": gain, "sigma_m2 - 1 below": below.sigma_m2 - 1, "sigma_m2 - 1 above": above.sigma_m2 - 1}
    holds = above.sigma_m2 < 1 < below.sigma_m2
    return Evidence("ball arithmetic", f"the curve at q = {FAR:g} on both sides of the gain, {phi}", numbers, holds)


def _lies_close(designs: tuple[Options, ...]) -> Evidence:
    """Whether every curve comes close to (1, 0)."""
    numbers, farthest = {}, 0.0
    for options in designs:
        theory = theory_of(options)
        points = critical_curve(theory, np.logspace(-6, 4, 21))
        nearest = min(points, key=_from_the_corner)
        distance = _from_the_corner(nearest)
        numbers[f"{options['phi']} of gain {options['gain']}"] = (
            f"{distance:.2g} at ({nearest.sigma_m2:.4f}, {nearest.sigma_b2:.4f})"
        )
        farthest = max(farthest, distance)
    what = f"distance of the critical curve from (1, 0), at most {CLOSE}; erf of gain 1 is the exact sign neuron"
    return Evidence("ball arithmetic", what, numbers, farthest <= CLOSE)


def _from_the_corner(point: CriticalPoint) -> float:
    return float(np.hypot(point.sigma_m2 - 1, point.sigma_b2))


def _start_with_noise(factor: Any) -> Evidence:
    """sigma_m2 and sigma_b2 on the curve as q -> 0, with Gaussian noise and marginalised exactly, T -> 1."""
    curve = theory_in_phi(stochastic(GAUSSIAN, ALPHA), MARGINALISE).critical_curve or ()
    claimed = (sp.pi / 2 * (1 + ALPHA**2), sp.S.Zero)
    pairs = [(each.subs({T: 1, q: 0}), factor * end) for each, end in zip(curve, claimed, strict=False)]
    return derived("sigma_m2 and sigma_b2 as q -> 0 with Gaussian noise of scale alpha, and alpha -> 0", pairs)


CURVE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "crit.curve-start",
        sheet(4),
        "In paper form, the critical curve starts at sigma_m2 = 1/phi'(0)^2, sigma_b2 = 0 as q -> 0.",
        (
            formula(_start),
            formula(partial(_start_in_balls, 1.5, "tanh", 1.0)),
            formula(partial(_start_in_balls, 1.0, "erf", np.sqrt(2 / np.pi))),
        ),
    ),
    Claim(
        "crit.near-corner",
        printed("after eq. 16", 4),
        "Whatever the design of the deterministic surrogate, its critical curve lies close to (sigma_m2, sigma_b2) = "
        "(1, 0).",
        (either(_lies_close, DESIGNS, DESIGNS[:1]),),
        "Only where the slope of phi(kappa hbar/sqrt(Sigma)) at 0 is close to 1, as for tanh at kappa = 1: the curve "
        "starts at (1/(kappa phi'(0))^2, 0). That of the exact sign neuron starts at (pi/2, 0), and with Gaussian "
        "noise of scale alpha at (pi/2 (1 + alpha^2), 0), which binary weights do not reach.",
        (
            either(_lies_close, DESIGNS[:1], DESIGNS),
            formula(_start),
            formula(_curve_of_the_sign),
            formula(_start_with_noise),
        ),
    ),
    Claim(
        "crit.sign-infeasible",
        sheet(4),
        "For exactly marginalised sign neurons the critical conditions need sigma_m2 = pi/2 as q -> 0, and at "
        "every q more than 1, which binary weights do not allow.",
        (formula(_curve_of_the_sign), either(partial(certified, "none"), [SIGN], [paper_form(1.5)])),
    ),
    Claim(
        "crit.smallest-gain",
        sheet(4),
        "In paper form the smallest gain with a critical initialisation, above which one is attained, is 1/phi'(0) "
        "for neurons that saturate slowly: 1 for tanh, sqrt(pi/2) for erf(h/sqrt(2)), 1 for h/sqrt(1 + h^2) and "
        "(2/pi) atan(pi h/2). A neuron that is flat at 0 needs more, tanh^3 1.7263; one that saturates at once less, "
        "hard tanh sqrt(2/3) = 0.8165, where the curve becomes feasible from q = infinity on.",
        (
            *(formula(partial(_smallest_gain, phi)) for phi in SMALLEST),
            *(formula(partial(_smallest_gain_in_digits, phi, value)) for phi, value in IN_DIGITS),
        ),
    ),
    Claim(
        "crit.curve-end",
        sheet(4),
        "As q -> infinity the critical curve of the paper form tends to sigma_m2 = 1/phi(infinity)^2 = 1, "
        "while sigma_b2 grows without bound.",
        (formula(_end_of_erf), formula(partial(_end, "tanh")), formula(partial(_end, "erf"))),
    ),
    Claim(
        "crit.curve-feasible",
        "this workbench, beyond theory sheet 4",
        "The curve stays feasible (sigma_m2 <= 1) to q = infinity where kappa^2 exceeds int (1 - phi^2) / int "
        "phi'^2, 3/2 for tanh and 2 for erf(h/sqrt(2)); from the smallest gain up to there it ends at a "
        "finite q.",
        tuple(formula(partial(_runs_on, phi)) for phi in RUNS_ON),
    ),
)
