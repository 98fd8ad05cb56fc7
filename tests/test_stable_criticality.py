"""Critical initialisations at a stable q only: the slope by balls, curves, certificates, and what is undecided."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import sympy as sp
from flint import arb
from scipy import integrate

from meanbits.cli import main
from meanbits.numerics.certificates.branches import branches
from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.certificates.form_proof import _form_neuron
from meanbits.numerics.certificates.form_search import critical_point, variance_slope
from meanbits.numerics.certificates.network_law import network_law
from meanbits.numerics.certificates.proof import Verdict, check, conclude
from meanbits.numerics.certificates.variance_stability import critical_slope
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.critical import CriticalPoint, critical_curve, is_feasible
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.spectra.nested import nested_value
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.symbols import h, u

S_SHAPED = "(tanh(h)+9*tanh(h)**3)/10"


@pytest.mark.parametrize("q", [1e-3, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("parts", [{"phi": "tanh", "gain": "1.5"}, {"phi": "erf", "gain": "2"},
                                   {"form": "matched", "noise": "logistic"}], ids=str)  # fmt: skip
def test_slopes_by_balls_are_those_of_the_emitted_maps(parts: dict[str, str], q: float) -> None:
    theory = derive(compose("deterministic", **parts))
    law = network_law(theory)
    neuron, maps = _form_neuron(theory, law), compile_theory(theory)
    point = critical_point(law, neuron, arb(q))
    assert point is not None
    state = (q, float(point["sigma_m2"].mid()), float(point["sigma_b2"].mid()))
    assert float(maps.variance_map(*state)) == pytest.approx(q, rel=1e-9)
    assert float(maps.chi_at_gap(0.0, *state)) == pytest.approx(1, rel=1e-9)
    assert float(variance_slope(neuron, point).mid()) == pytest.approx(float(maps.variance_slope(*state)), rel=1e-8)


@pytest.mark.parametrize("q", [1e-3, 0.3, 2.0])
def test_slopes_of_sharp_fields_by_balls(q: float) -> None:
    theory = derive(compose("continuous"))
    maps = compile_theory(theory)
    state = (q, float(maps.critical_sigma_m2(q)), float(maps.critical_sigma_b2(q)))
    slope = critical_slope(branches(sp.tanh(h)), arb(q))
    assert float(slope.mid()) == pytest.approx(float(maps.variance_slope(*state)), rel=1e-12)


STABLE = compose("continuous"), compose("deterministic", gain="1.5"), compose("continuous", neurons="relu")


@pytest.mark.parametrize("row", STABLE, ids=lambda row: row.name)
def test_curves_of_the_catalogue_are_stable_all_along(row: object) -> None:
    theory = derive(row)  # type: ignore[arg-type]
    assert all(point.stable for point in critical_curve(theory, np.geomspace(1e-12, 1e4, 9)))


@pytest.mark.parametrize(("neurons", "left"), [("relu", 0), ("leaky:0.1", 0.1), ("expr:abs(h)", 1), ("leaky:0.3", 0.3)])
def test_neurons_that_bend_at_0_alone_are_critical_without_biases(neurons: str, left: float) -> None:
    """sigma_m2 = 2/(1 + a^2) and no biases, at any q: He et al. 2015, arXiv 1502.01852, eq. (15)."""
    theory = derive(compose("continuous", neurons=neurons))
    found = certify(theory)
    assert (found.feasible, found.certified) == ("attained", True)
    for point in critical_curve(theory, [1e-6, 1.0, 1e6]):
        assert (point.sigma_m2, point.sigma_b2) == (pytest.approx(2 / (1 + left**2), rel=1e-15), 0)
        assert is_feasible(theory, point)


def test_unstable_points_are_not_feasible_and_layers_leave_them() -> None:
    """tanh^3 with a little tanh: where dq'/dq > 1 at chi_1 = 1, q ends elsewhere and is not critical there."""
    theory = derive(compose("deterministic", phi=S_SHAPED, gain=3))
    points = critical_curve(theory, np.geomspace(1e-3, 1e-1, 9))
    allowed = [point for point in points if point.sigma_b2 >= 0 and point.sigma_m2 <= 1]
    unstable = [point for point in allowed if not point.stable]
    assert unstable
    for point in unstable:
        assert not is_feasible(theory, point)
        found = fixed_point(theory, point.sigma_m2, point.sigma_b2)
        assert abs(found.q / point.q - 1) > 0.1
        assert abs(found.chi_1 - 1) > 1e-3
    for point in allowed:
        if point.stable:
            slope = _slope(point)
            assert abs(slope) < 1


def _slope(point: CriticalPoint) -> float:
    """dq'/dq by SciPy, from E phi(3 sqrt(q) z)^2 next to q."""

    def size(q: float) -> float:
        def integrand(z: float) -> float:
            t = math.tanh(3 * math.sqrt(q) * z)
            return ((t + 9 * t**3) / 10) ** 2 * math.exp(-z * z / 2) * math.sqrt(2 / math.pi)

        return integrate.quad(integrand, 0, 12, epsabs=0, epsrel=1e-13, limit=200)[0]

    ends = [point.sigma_m2 * size(point.q * (1 + step)) for step in (-1e-4, 1e-4)]
    after = [(each + point.sigma_b2) / (1 - each) for each in ends]
    return (after[1] - after[0]) / (2e-4 * point.q)


def test_what_is_neither_proven_nor_found_is_undecided() -> None:
    failed = check("a step", "claim", "how", lambda: False)
    for suggested, said in (("none", "undecided"), ("limit", "undecided"), ("attained", "attained")):
        assert conclude((failed,), Verdict(suggested, "statement", "method")).feasible == said
    proven = check("a step", "claim", "how", lambda: True)
    assert conclude((proven,), Verdict("none", "statement", "method")).feasible == "none"


@pytest.mark.slow
def test_points_are_found_where_balls_have_no_branches(capsys: pytest.CaptureFixture[str]) -> None:
    """tanh(sinh(10 h)): sigma_m2 = 1/(100 E phi'^2 + E phi^2) ~ 0.0100 as q -> 0."""
    assert main(["critical", "--phi", "tanh(sinh(h))", "--gain", "10", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["feasible"], document["certified"]) == ("attained", False)
    assert document["curve"]
    assert all(point["stable"] for point in document["curve"])
    near = min(document["curve"], key=lambda point: abs(math.log(point["q"] / 1e-8)))
    assert near["sigma_m2"] == pytest.approx(0.01, rel=1e-4)


def test_the_domain_names_the_density_of_ternary_weights() -> None:
    found = certify(derive(compose("shayer", weights="ternary:0.9", neurons="erf")))
    assert (found.feasible, found.certified) == ("none", True)
    assert "sigma_m2 <= 81/100 (assuming one law of E S^2 = 9/10 for all weights" in found.statement
    assert "assuming" not in certify(derive(compose("lrt"))).statement


def test_nested_expectations_against_scipy() -> None:
    inner = GaussianExpectation(u / sp.sqrt(1 + u**2), (u,), (sp.Float(0.7),))
    value = float(nested_value(expectation(inner**2 * sp.exp(-(u**2)), 0, sp.Float(0.9)), {}))

    def density(z: float) -> float:
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    def given(mean: float) -> float:
        def integrand(z: float) -> float:
            x = mean + math.sqrt(0.7) * z
            return x / math.sqrt(1 + x * x) * density(z)

        return integrate.quad(integrand, -12, 12, epsabs=1e-13)[0]

    expected, _ = integrate.quad(
        lambda z: given(math.sqrt(0.9) * z) ** 2 * math.exp(-0.9 * z * z) * density(z), -12, 12
    )
    assert value == pytest.approx(expected, rel=1e-9)
