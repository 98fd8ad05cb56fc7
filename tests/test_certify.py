"""Certificates of criticality: what they decide, that a critical point lies in the box, that spoiled steps fail."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache

import mpmath
import pytest
import sympy as sp
from flint import acb, arb, ctx
from spoiled_maps import with_wrong

from meanbits.numerics.certificates import replica_proof
from meanbits.numerics.certificates.balls import UnprovedError, ball, outward, program
from meanbits.numerics.certificates.branches import (
    Branches,
    branches,
    gaussian_mean,
    is_continuous,
    jumps,
    tail_moment,
    x,
)
from meanbits.numerics.certificates.certify import certify, smallest_gain
from meanbits.numerics.certificates.form_proof import form_margins
from meanbits.numerics.certificates.mean_signs import negative_in_mean
from meanbits.numerics.certificates.network_law import bends, is_affine, is_odd
from meanbits.numerics.certificates.proof import Certificate, check
from meanbits.numerics.certificates.replica_proof import convexity_steps
from meanbits.numerics.certificates.sharp_field import bracket, squares
from meanbits.numerics.certificates.signs import bisect_negative, negative_almost_everywhere
from meanbits.numerics.certificates.standalone import checked, standalone
from meanbits.numerics.certificates.tails import tail_range, tail_sign
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import SIGN, continuous
from meanbits.theory.declarations.surrogates import CATALOGUE, MARGINALISE, SAMPLE, Surrogate
from meanbits.theory.declarations.weights import BINARY
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.special import Box, ExpErfc, HardTanh, Softplus
from meanbits.theory.symbols import T, h, hbar, q, sigma_b2, sigma_m2
from meanbits.theory.trace import Formula

TANH, ERF = sp.tanh(h), sp.erf(h / sp.sqrt(2))
MOST_SECONDS = 10  # of writing and checking a certificate
RESIDUAL = 1e-8  # a bracket of the critical T is 2^-34 wide, relatively


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    with ctx.workprec(64):
        yield


def theory_of(name: str = "deterministic", **options: str) -> Theory:
    return derive(compose(name, **options))


@cache
def certificate(name: str = "deterministic", **options: str) -> Certificate:
    return certify(theory_of(name, **options))


EXPECTED = {
    "continuous": "attained",
    "deterministic": "none",
    "soudry": "none",
    "baldassi": "none",
    "lrt": "none",
    "shayer": "limit",
    "peters-welling": "none",
    "moment-matching": "none",
    "random-binary": "none",
    "stochastic-binary": "none",
}
EXACT = [
    ("shayer", {"neurons": "erf"}, "attained"),
    ("shayer", {"neurons": "relu"}, "none"),
    ("shayer", {"neurons": "hardtanh"}, "limit"),
    ("shayer", {"neurons": "linear"}, "attained"),
    ("shayer", {"weights": "ternary:0.5"}, "none"),
    ("moment-matching", {"neurons": "erf"}, "limit"),
    ("continuous", {"neurons": "relu"}, "attained"),
]
SLOW_EXACT = [
    ("deterministic", {"noise": "uniform:0.5"}, "none"),
    ("continuous", {"neurons": "linear"}, "attained"),
    ("moment-matching", {"neurons": "linear"}, "attained"),
    ("continuous", {"neurons": "sign"}, "none"),
    ("deterministic", {"noise": "cdf:0.5+0.5*h/sqrt(1+h**2)"}, "none"),
    ("moment-matching", {"neurons": "tanh"}, "limit"),
    ("deterministic", {"noise": "gaussian:0.1"}, "none"),
    ("deterministic", {"noise": "laplace:1"}, "none"),
    ("deterministic", {"noise": "cauchy:1"}, "none"),
    ("deterministic", {"weights": "fixed"}, "none"),
    ("deterministic", {"weights": "ternary:0.5"}, "none"),
    ("continuous", {"neurons": "hardtanh"}, "attained"),
    ("random-binary", {"neurons": "tanh"}, "limit"),
    ("random-binary", {"treatment": "marginalise"}, "none"),
]
PAPER = [
    ("tanh", "1", "limit"),
    ("tanh", "1.000001", "attained"),
    ("tanh", "1.5", "attained"),
    ("erf", "1.3", "attained"),
    ("sign(h)*(1-exp(-abs(h)))", "1", "limit"),
    ("tanh(h)**3", "1", "none"),
    ("sin(h)", "1", "attained"),
]
SLOW_PAPER = [
    ("erf", "1", "none"),
    ("erf", "1.253315", "attained"),
    ("erf", "1.253314", "none"),
    ("tanh", "1.01", "attained"),
    ("tanh", "0.9", "none"),
    ("sin(h)", "0.9", "none"),
    ("tanh(h)**3", "3", "attained"),
    ("tanh", "2", "attained"),
    ("erf", "1.2", "none"),
    ("sign(h)*(1-exp(-abs(h))/2)", "1", "none"),
    ("2/pi*atan(h)", "1.6", "attained"),
    ("h/sqrt(1+h**2)", "1", "limit"),
    ("h/(1+abs(h))", "1", "limit"),
    ("tanh(h+0.5)", "1", "none"),
    ("tanh(h+0.5)", "1.5", "attained"),
    ("h/(1+h**8)**0.125", "0.8", "none"),
    ("h/(1+h**8)**0.125", "0.9", "attained"),
]
MATCHED = ["logistic:1", "uniform:1"]
SLOW_MATCHED = ["logistic:0.01", "laplace:1", "cauchy:1"]


def is_proven(found: Certificate, feasible: str) -> bool:
    return (found.feasible, found.certified) == (feasible, True) and all(step.holds for step in found.steps)


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_the_catalogue_is_decided(surrogate: Surrogate) -> None:
    assert is_proven(certificate(surrogate.name), EXPECTED[surrogate.name])


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_the_proofs_of_the_catalogue_stand_alone(surrogate: Surrogate) -> None:
    start = time.perf_counter()
    statement, compared = checked(standalone(surrogate, certificate(surrogate.name)))
    assert time.perf_counter() - start < MOST_SECONDS
    assert compared
    assert statement["verdict"] == EXPECTED[surrogate.name]


@pytest.mark.parametrize(("phi", "gain", "feasible"), [case for case in PAPER if case[0] != "sin(h)"], ids=str)
def test_the_proofs_of_paper_forms_stand_alone(phi: str, gain: str, feasible: str) -> None:
    found = certificate(phi=phi, gain=gain)
    statement, _ = checked(standalone(compose("deterministic", phi=phi, gain=gain), found))
    assert statement["verdict"] == feasible
    for name, (low, high) in (found.box or {}).items():
        ends = [Fraction(end) for end in statement["point"][name]]
        assert ends[0] <= Fraction(high)
        assert ends[1] >= Fraction(low)


@pytest.mark.parametrize(("name", "options", "feasible"), EXACT, ids=str)
def test_exact_treatments_are_decided(name: str, options: dict[str, str], feasible: str) -> None:
    assert is_proven(certificate(name, **options), feasible)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "feasible"), SLOW_EXACT, ids=str)
def test_further_exact_treatments_are_decided(name: str, options: dict[str, str], feasible: str) -> None:
    assert is_proven(certificate(name, **options), feasible)


@pytest.mark.parametrize(("phi", "gain", "feasible"), PAPER, ids=str)
def test_paper_forms_are_decided(phi: str, gain: str, feasible: str) -> None:
    assert is_proven(certificate(phi=phi, gain=gain), feasible)


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "gain", "feasible"), SLOW_PAPER, ids=str)
def test_further_paper_forms_are_decided(phi: str, gain: str, feasible: str) -> None:
    assert is_proven(certificate(phi=phi, gain=gain), feasible)


@pytest.mark.parametrize("noise", MATCHED)
def test_matched_forms_are_never_critical(noise: str) -> None:
    assert is_proven(certificate(noise=noise, form="matched"), "none")


@pytest.mark.slow
@pytest.mark.parametrize("noise", SLOW_MATCHED)
def test_further_matched_forms_are_never_critical(noise: str) -> None:
    assert is_proven(certificate(noise=noise, form="matched"), "none")


def test_statements_name_the_domain_and_the_exception() -> None:
    assert "any sigma_m2 <= 1, sigma_b2 >= 0" in certificate("lrt").statement
    assert "sigma_m2 <= 1/4" in certificate("shayer", weights="ternary:0.5").statement
    assert "exception" in certificate("shayer", neurons="linear").statement
    found = certificate("moment-matching", neurons="erf")
    assert "q = infinity" in found.statement
    assert found.box is not None
    assert list(found.box) == ["T", "sigma_m2", "sigma_b2"]
    assert all(0 < low <= high <= 1 for low, high in found.box.values())
    assert "(1, 0)" in certificate(phi="tanh", gain="1").statement


BOXES = [
    ("continuous", {}),
    ("continuous", {"neurons": "relu"}),
    ("shayer", {"neurons": "erf"}),
    ("shayer", {"neurons": "linear"}),
    ("deterministic", {"phi": "tanh", "gain": "1.5"}),
    ("deterministic", {"phi": "erf", "gain": "1.3"}),
    ("deterministic", {"phi": "sin(h)", "gain": "1"}),
]


@pytest.mark.parametrize(("name", "options"), BOXES, ids=str)
def test_the_middle_of_a_box_solves_the_derived_conditions(name: str, options: dict[str, str]) -> None:
    theory = theory_of(name, **options)
    box = certificate(name, **options).box
    assert box is not None
    assert theory.criticality is not None
    assert all(low <= high <= low + RESIDUAL for low, high in box.values())
    point = {symbol: sp.Float(sum(box[symbol.name]) / 2, 30) for symbol in (q, sigma_m2, sigma_b2)}
    point[T] = 1 + point[sigma_b2] if theory.total_map.free_symbols == {sigma_b2} else point[q]
    for condition in (theory.criticality.fixed_point, theory.criticality.marginal, theory.criticality.alignment):
        assert abs(sp.N(condition.subs(point), 15)) < RESIDUAL


def test_the_derived_curve_runs_through_the_box() -> None:
    theory = theory_of(phi="tanh", gain="1.5")
    box, curve = certificate(phi="tanh", gain="1.5").box, theory.critical_curve
    assert box is not None
    assert curve is not None
    for name, value in zip(("sigma_m2", "sigma_b2"), curve, strict=True):
        low, high = box[name]
        assert low - 1e-14 <= sp.N(value.subs(q, sp.Rational(box["q"][0])), 17) <= high + 1e-14


def test_erf_neurons_with_a_sampled_field_are_critical_where_their_slope_says() -> None:
    """chi_1 = (4/pi)/sqrt(1 + 4 T) = 1 and sigma_b2 = T - (2/pi) asin(2T/(1 + 2T))."""
    box = certificate("shayer", neurons="erf").box
    assert box is not None
    total = (mpmath.mpf(16) / mpmath.pi**2 - 1) / 4
    bias = total - 2 / mpmath.pi * mpmath.asin(2 * total / (1 + 2 * total))
    assert box["q"][0] <= total <= box["q"][1]
    assert box["sigma_b2"][0] <= bias <= box["sigma_b2"][1]
    assert box["sigma_m2"] == (1, 1)


@pytest.mark.parametrize(("phi", "gain"), [(TANH, sp.S.One), (ERF, sp.sqrt(sp.pi / 2))], ids=["tanh", "erf"])
def test_the_smallest_gain_is_the_inverse_slope(phi: sp.Expr, gain: sp.Expr) -> None:
    found = smallest_gain(phi)
    assert found.certified
    assert sp.simplify(found.exact - gain) == 0
    assert found.lower <= float(gain) < found.upper < float(gain) * (1 + 2e-6)
    assert (found.below.feasible, found.above.feasible) == ("limit", "attained")


def test_the_smallest_gain_of_an_inner_minimum_is_bracketed() -> None:
    found = smallest_gain(TANH**3)
    assert found.certified
    assert found.exact is None
    assert found.upper - found.lower < 3e-6 * found.lower
    assert (found.below.feasible, found.above.feasible) == ("none", "attained")


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "largest"), [(2 / sp.pi * sp.atan(h), 1.6), (h / (1 + sp.Abs(h)), 1.1),
                                              (h / (1 + h**8) ** sp.Rational(1, 8), 0.91)], ids=str)  # fmt: skip
def test_smallest_gains_of_further_phi(phi: sp.Expr, largest: float) -> None:
    found = smallest_gain(phi)
    assert found.certified
    assert found.upper < largest


def test_a_phi_that_is_not_odd_has_no_smallest_gain() -> None:
    with pytest.raises(UnprovedError, match="not odd"):
        smallest_gain(sp.tanh(h + 1))


@pytest.mark.parametrize("phi", ["exp(-h**2)", "sin(h)**2"])
def test_what_cannot_be_proven_is_said_to_be_unproven(phi: str) -> None:
    found = certificate(phi=phi)
    assert not found.certified
    assert "not proven" in found.statement
    assert any(not step.holds and "not settled" in step.how for step in found.steps)


def test_open_parameters_are_refused() -> None:
    neurons = continuous("any phi", sp.Function("phi", real=True)(h))
    with pytest.raises(ValueError, match="needs numbers"):
        certify(derive(Surrogate("under test", BINARY, neurons, SAMPLE, "")))


# Spoiled proofs: each change makes one step false, and the certificate has to say so.


def failed(theory: Theory) -> set[str]:
    found = certify(theory)
    assert not found.certified
    return {step.name for step in found.steps if not step.holds}


def spoiled(formula: Formula | None) -> Formula:
    assert formula is not None
    return Formula(formula.definition, formula.closed * sp.Rational(101, 100))


def test_a_spoiled_replica_map_is_rejected() -> None:
    theory = theory_of("lrt")
    maps = with_wrong(theory.maps, replica_map=spoiled(theory.maps.replica_map))
    assert failed(replace(theory, maps=maps)) == {"replica form"}


def test_a_spoiled_total_map_is_rejected() -> None:
    theory = theory_of("shayer")
    maps = with_wrong(theory.maps, total_map=spoiled(theory.maps.total_map))
    assert {"replica form", "1 - g(1)"} <= failed(replace(theory, maps=maps))


@pytest.mark.parametrize(("name", "options"), [("deterministic", {}), ("lrt", {}), ("deterministic", {"phi": "tanh"})])
def test_a_spoiled_slope_is_rejected(name: str, options: dict[str, str]) -> None:
    theory = theory_of(name, **options)
    assert theory.criticality is not None
    false = replace(theory)
    marginal = theory.criticality.marginal + sp.Rational(1, 100)
    vars(false)["criticality"] = replace(theory.criticality, marginal=marginal)
    assert failed(false) == {"slope"}


def test_a_spoiled_field_variance_is_rejected() -> None:
    theory = theory_of(phi="tanh")
    mean_field = replace(theory.mean_field, annealed=theory.mean_field.annealed + sigma_b2)
    assert failed(replace(theory, mean_field=mean_field)) == {"field variance"}


def test_a_spoiled_forward_equation_is_rejected() -> None:
    theory = theory_of(phi="tanh")
    mean = Formula(theory.forward.mean.definition, theory.forward.mean.closed.subs(hbar, 2 * hbar))
    assert "normalised neuron" in failed(replace(theory, forward=replace(theory.forward, mean=mean)))


def test_weights_whose_means_may_exceed_their_values_are_rejected() -> None:
    weights = replace(BINARY, name="too wide")
    object.__setattr__(weights, "mean_limit", sp.Integer(2))  # which the declaration itself would refuse
    surrogate = replace(compose("deterministic"), weights=weights)
    assert {"weights", "g(1) <= 1"} <= failed(derive(surrogate))


def test_neurons_without_probabilities_are_rejected() -> None:
    phi = 3 * sp.tanh(h) / 2
    neurons = replace(SIGN, name="overshooting")  # whose law the declaration itself would refuse
    object.__setattr__(neurons, "law", ((sp.S.One, (1 + phi) / 2), (sp.S.NegativeOne, (1 - phi) / 2)))
    object.__setattr__(neurons, "mean", phi)
    assert "neurons" in failed(derive(Surrogate("under test", BINARY, neurons, MARGINALISE, "")))


def test_a_spoiled_price_theorem_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    right = GaussianExpectation._eval_derivative
    assert all(step.holds for step in convexity_steps.__wrapped__())
    sp.core.cache.clear_cache()
    monkeypatch.setattr(GaussianExpectation, "_eval_derivative", lambda node, symbol: 2 * right(node, symbol))
    found = {step.name for step in convexity_steps.__wrapped__() if not step.holds}
    sp.core.cache.clear_cache()
    assert found == {"Price, induction", "Price, coefficients"}


@pytest.mark.parametrize("wrong", [2, -1])
def test_spoiled_means_of_exponentials_are_rejected(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pairs alone, and so that what is left is a formula, of either sign."""
    right = replica_proof.evaluate_all
    monkeypatch.setattr(replica_proof, "evaluate_all",
                        lambda node: right(node) * (wrong if node.has(replica_proof.overlap) else 1))  # fmt: skip
    assert {step.name for step in convexity_steps.__wrapped__() if not step.holds} == {"Mehler"}


def test_where_biases_vanish_the_point_is_the_known_one() -> None:
    """E relu'^2 = 1/2 and E 1^2 = 1 at any variance."""
    for neurons, spread in (("relu", 2), ("linear", 1)):
        box = certificate("continuous", neurons=neurons).box
        assert box is not None
        assert box["sigma_m2"] == pytest.approx((spread, spread))
        assert box["sigma_b2"] == (0, 0)


def test_a_check_that_is_not_settled_fails_with_its_reason() -> None:
    def unsettled() -> bool:
        raise UnprovedError("%s is open", x)

    step = check("name", "claim", "how", unsettled)
    assert not step.holds
    assert "x is open" in step.how


# The pieces.


@pytest.mark.parametrize("proof", [negative_almost_everywhere, negative_in_mean])
def test_a_positive_function_is_never_proven_negative(proof: Callable[..., bool]) -> None:
    above = form_margins(branches(TANH), sp.Rational(101, 100), sp.S.One)
    with pytest.raises(UnprovedError):
        proof(above)


def test_a_false_slope_is_not_trusted_far_out() -> None:
    """phi'^2 + phi^2 - 1 rises to 0 for tanh; with 1 in place of its slope nothing says so."""
    honest = form_margins(branches(TANH), sp.S.One, sp.S.One)
    assert negative_almost_everywhere(honest)
    with pytest.raises(UnprovedError, match="far out"):
        negative_almost_everywhere(tuple(replace(margin, slope=(sp.S.One,)) for margin in honest))


def test_bisection_needs_a_strict_sign() -> None:
    for value in (-((x - 1) ** 2), (x - 1) ** 2 - sp.Rational(1, 10**6)):
        with pytest.raises(UnprovedError, match="undecided"):
            bisect_negative(program(value), program(value.diff(x)), arb(0), arb(3))


def test_a_mean_may_be_negative_where_the_function_is_not() -> None:
    """kappa^2 Box + clip^2 - 1 is positive below |x| = 1, its mean negative for kappa^2 < 2/3."""
    for square, holds in ((sp.Rational(66, 100), True), (sp.Rational(67, 100), False)):
        margins = form_margins(branches(HardTanh(h)), square, sp.S.One)
        with pytest.raises(UnprovedError):
            negative_almost_everywhere(margins)
        assert check("", "", "", lambda margins=margins: negative_in_mean(margins)).holds is holds


def mean(parts: Branches, variance: float) -> arb:
    return gaussian_mean(parts, arb(variance))


@pytest.mark.parametrize("variance", [1e-10, 1e-3, 1.0, 30.0, 1e8])
def test_gaussian_means_hold_their_closed_forms(variance: float) -> None:
    arcsine = 2 / arb.pi() * (arb(variance) / (1 + arb(variance))).asin()
    assert mean(squares(branches(ERF)), variance).overlaps(arcsine)
    assert mean(squares(branches(h)), variance).overlaps(arb(variance))
    assert mean(branches(sp.Max(0, h)), variance).overlaps((arb(variance) / (2 * arb.pi())).sqrt())
    assert mean(branches(sp.exp(-sp.Abs(h))), variance).overlaps(
        (arb(variance) / 2).exp() * (arb(variance) / 2).sqrt().erfc()
    )
    cosine = (1 - (-2 * arb(variance)).exp()) / 2
    assert mean(squares(branches(sp.sin(h))), variance).overlaps(cosine)
    assert mean(squares(branches(ERF)), variance).rad() < 1e-9


def test_a_ball_of_variances_holds_every_mean() -> None:
    wide = gaussian_mean(squares(branches(TANH)), arb(1, 0.1))
    assert all(wide.contains(mean(squares(branches(TANH)), value)) for value in (0.91, 1.0, 1.09))


TAILS = [sp.tanh(x), sp.erf(x), sp.atan(x), x * sp.exp(-(x**2)), x**3 * sp.exp(-x / 2) * sp.tanh(x), 1 / (1 + x**2),
         x / sp.sqrt(1 + x**2), x**2 / (1 + x**4) + sp.erfc(x), (1 - sp.tanh(x) ** 2) ** 2,
         sp.sin(x) * sp.exp(-x), 1 / (1 - x) ** 2, (1 + sp.tanh(x)) ** -3, (sp.erf(x) - 2) ** 2, sp.sqrt(2 + sp.cos(x)),
         *(function(sign * x) for function in (sp.exp, sp.sinh, sp.atan, sp.tanh, sp.erf, sp.erfc) for sign in (1, -1)),
         sp.sin(x) ** 2, sp.log(x), sp.log(sp.exp(-x)), x * sp.tanh(x) * sp.sin(x),
         sp.exp(x) * (sp.erf(x) - 2)]  # fmt: skip


@pytest.mark.parametrize("expression", TAILS, ids=str)
def test_ranges_of_tails_hold_their_values(expression: sp.Expr) -> None:
    low, high = tail_range(expression, x, 6.0)
    for point in (6.0, 6.1, 7.7, 13.0, 40.0, 1000.0):
        value = ball(expression, {x: arb(point)})
        assert not value < low
        assert not value > high


def test_signs_of_tails() -> None:
    assert tail_sign(1 - sp.tanh(x) ** 2, x, 4.0) == 1
    assert tail_sign(sp.tanh(x) - 1, x, 4.0) == -1
    assert tail_sign(x * sp.exp(-x) - 1, x, 4.0) == -1
    with pytest.raises(UnprovedError):
        tail_sign(sp.cos(x), x, 4.0)
    with pytest.raises(UnprovedError):
        tail_sign(x * sp.exp(-x) - sp.Rational(1, 100), x, 4.0)


FUNCTIONS = [sp.exp(x), sp.tanh(x), sp.erf(x), sp.erfc(x), sp.sin(x), sp.cos(x), sp.sinh(x), sp.cosh(x), sp.atan(x),
             sp.asin(x / 9), sp.log(x), sp.sqrt(x), x ** sp.Rational(-9, 4), x ** sp.Rational(3, 2), x**-3,
             sp.Float(0.1) * x, sp.pi * x + sp.E / 7, ExpErfc(x / 3, x)]  # fmt: skip


@pytest.mark.parametrize("expression", FUNCTIONS, ids=str)
def test_balls_hold_the_values_of_their_functions(expression: sp.Expr) -> None:
    for point in (sp.Rational(1, 3), sp.Rational(17, 5)):
        low, high = outward(ball(expression, {x: ball(point)}))
        exact = sp.N(expression.subs(x, point), 40)  # of 0.1 as it is stored
        assert low <= exact <= high
        assert high - low <= 4 * math.ulp(abs(float(exact)))


@pytest.mark.parametrize("expression", [each for each in FUNCTIONS if not each.has(sp.asin)], ids=str)
def test_balls_off_the_real_line_too(expression: sp.Expr) -> None:
    """The integrals of analytic functions rest on their values there."""
    for point in (sp.Rational(1, 3) + sp.I / 5, sp.Rational(17, 5) - 2 * sp.I):
        real, imaginary = point.as_real_imag()
        exact = sp.N(expression.replace(ExpErfc, lambda a, b: sp.exp(a) * sp.erfc(b)).subs(x, point), 40)
        for analytic in (False, True):
            found = program(expression)({x: acb(ball(real), ball(imaginary))}, analytic)
            assert complex(found.real.mid(), found.imag.mid()) == pytest.approx(complex(exact), rel=1e-14)
            assert max(found.real.rad(), found.imag.rad()) < 1e-13


@pytest.mark.parametrize(
    ("expression", "real", "imaginary"),
    [(sp.log(x), -1, 0), (sp.sqrt(x), -1, 0), (x ** sp.Rational(1, 3), -1, 0), (sp.atan(x), 0, 2), (sp.atan(x), 0, -2)],
)
def test_on_a_cut_there_is_a_value_but_no_analytic_one(expression: sp.Expr, real: int, imaginary: int) -> None:
    point = {x: acb(arb(real, 0.25 if imaginary else 0), arb(imaginary, 0 if imaginary else 0.25))}
    assert program(expression)(point, False).is_finite()
    assert not program(expression)(point, True).is_finite()


def test_decimal_numbers_of_a_declaration_are_those_they_are_stored_as() -> None:
    decimal = replace(theory_of("continuous").surrogate, neurons=continuous("decimal", sp.tanh(sp.Float(0.7) * h)))
    found = certify(derive(decimal))
    assert is_proven(found, "attained")
    assert found.box is not None
    q, means = (sum(found.box[name]) / 2 for name in ("q", "sigma_m2"))
    slope = mpmath.quad(lambda w: (0.7 * mpmath.sech(0.7 * mpmath.sqrt(q) * w) ** 2) ** 2 * mpmath.npdf(w), [-9, 0, 9])
    assert float(means * slope) == pytest.approx(1, rel=1e-6)


def test_functions_without_balls_are_named() -> None:
    with pytest.raises(UnprovedError, match="off the real line"):
        program(sp.asin(x))({x: acb(0, 1)}, False)
    with pytest.raises(UnprovedError, match="Abs"):
        ball(sp.Abs(x - 5), {x: arb(1)})
    with pytest.raises(UnprovedError, match="no finite enclosure"):
        ball(1 / x, {x: arb(0, 1)})


def test_branches_are_cut_at_kinks() -> None:
    clipped = branches(HardTanh(2 * h))
    assert [(part.side, part.left, part.right) for part in clipped[:2]] == [
        (1, 0, sp.Rational(1, 2)), (1, sp.Rational(1, 2), sp.oo)]  # fmt: skip
    assert [part.value for part in clipped] == [2 * x, 1, -2 * x, -1]
    assert is_continuous(clipped)
    assert jumps(branches(sp.sign(h)))
    with pytest.raises(UnprovedError, match="kink"):
        branches(sp.Abs(sp.sin(h)))


KINKED = [sp.Abs(h - 1), sp.sign(h - sp.Rational(1, 3)) * h, sp.Heaviside(h + 2), sp.Max(h, sp.Rational(1, 2)),
          sp.Max(1 - h, 3 * h), HardTanh(2 * h - 1), Box(h / 2 + 1), Softplus(h - 1) + sp.Abs(h)]  # fmt: skip


@pytest.mark.parametrize("function", KINKED, ids=str)
def test_branches_have_the_values_of_their_function(function: sp.Expr) -> None:
    for part in branches(function):
        right = part.left + 5 if part.right == sp.oo else part.right
        for place in ((3 * part.left + right) / 4, (part.left + 3 * right) / 4):
            assert abs(sp.N(part.value.subs(x, place) - function.subs(h, part.side * place), 30)) < 1e-25


@pytest.mark.parametrize("power", [2, 4])
@pytest.mark.parametrize("variance", [0.25, 9.0])
def test_tails_of_powers_are_bounded_closely(power: int, variance: float) -> None:
    """E w^n over w > X by quadrature: at most the bound, which is about twice as large."""
    cut = 8 * math.sqrt(variance)
    exact = mpmath.quad(lambda w: w**power * mpmath.npdf(w, 0, math.sqrt(variance)), [cut, 2 * cut, 4 * cut])
    assert exact <= float(tail_moment(power, arb(cut), arb(variance)).lower()) <= 3 * exact
    with pytest.raises(UnprovedError, match="too close"):
        tail_moment(power, arb(math.sqrt(1.9 * power * variance)), arb(variance))


def test_shapes_of_neurons() -> None:
    assert is_odd(ERF)
    assert not is_odd(sp.Max(0, h))
    assert is_affine(3 * h + 1)
    assert not is_affine(h + sp.sign(h))
    assert bends(sp.Max(0, h))
    assert not bends(3 * h + 1)


def test_brackets_enclose_a_sign_change() -> None:
    ends = bracket(lambda value: value * value - 2)
    assert ends is not None
    assert ends[0] < arb(2).sqrt() < ends[1]
    assert bracket(lambda value: value * value + 1) is None
