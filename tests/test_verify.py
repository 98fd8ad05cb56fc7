"""Every surrogate of the catalogue passes every check, and no check passes a wrong formula."""

from __future__ import annotations

import math

import pytest

from meanbits.experiments.verification import verify as module
from meanbits.experiments.verification.chain_checks import CHAIN_CHECKS
from meanbits.experiments.verification.chain_subject import ChainSubject
from meanbits.experiments.verification.chain_subject import spoiled as spoiled_chain
from meanbits.experiments.verification.checks import CHECKS
from meanbits.experiments.verification.plain_moments import PlainMoments
from meanbits.experiments.verification.subject import Subject, spoiled
from meanbits.experiments.verification.verify import CheckResult, verify
from meanbits.theory.declarations.blocks import Factors, Normalise
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import compose as compose_any
from meanbits.theory.declarations.layer import Layer, as_layer
from meanbits.theory.declarations.named_neurons import neurons_named
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.gaussian import expectation

CHAINED = [pytest.param(row.layer, id=row.name, marks=() if row.name == "xnor" else pytest.mark.slow) for row in CHAINS]
OTHERS = (
    {"name": "deterministic", "normalise": "rms"},
    {"name": "deterministic", "dropout": 0.2, "scale": 1.3},
    {"name": "lrt", "skip": "0.8:0.6"},
    {"name": "moment-matching", "neurons": "tanh", "normalise": "batch"},
    {"name": "continuous", "normalise": "batch"},
    {"name": "continuous", "neurons": "gelu", "normalise": "rms"},
)
QUICK = ("baldassi", "random-binary")  # `make paper` runs the checks on every row
ROWS = [pytest.param(row, id=row.name, marks=() if row.name in QUICK else pytest.mark.slow) for row in CATALOGUE]


def failures(results: tuple[CheckResult, ...]) -> list[CheckResult]:
    return [result for result in results if not result.passed]


@pytest.mark.parametrize("surrogate", ROWS)
def test_catalogue_passes_and_results_come_one_by_one(surrogate: Surrogate) -> None:
    seen: list[CheckResult] = []
    results = verify([surrogate], seen.append)
    assert tuple(seen) == results
    assert len(results) >= 6
    assert failures(results) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"phi": "tanh"},
        {"phi": "erf", "gain": 2},
        {"noise": "gaussian:0.5"},
        {"noise": "gaussian:0.1"},
        {"noise": "logistic:0.5", "form": "matched"},
        {"noise": "uniform:0.5"},
        {"noise": "laplace:0.5"},
        {"noise": "cauchy:0.5", "treatment": "sample"},
        {"noise": "cdf:(1 + h/sqrt(1 + h**2))/2"},
        {"weights": "ternary:0.5"},
        {"weights": "ternary:0.1"},
        {"neurons": "erf"},
        {"neurons": "relu", "treatment": "sample"},
        {"neurons": "hardtanh", "treatment": "sample"},
    ],
    ids=str,
)
def test_composed(options: dict[str, str]) -> None:
    assert failures(verify([compose(**options)])) == []


def test_a_map_left_open_collapses_by_algebra_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same expectation on both sides is one number: nothing is integrated to see a difference of 0."""
    subject = Subject.of(compose("lrt", noise="cauchy"))
    check = next(check for check in CHECKS if check.name == "replica collapse")
    assert check.measure(spoiled(subject, check.spoil)) > check.tolerance
    monkeypatch.setattr(expectation, "integrate", lambda *_: pytest.fail("integrated"))
    assert check.measure(subject) == 0


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_rejects_a_wrong_formula(check: object) -> None:
    subject = Subject.of(compose(phi="h/sqrt(1 + h**2)") if "quadrature" in check.name else compose("deterministic"))
    assert check.applies(subject)
    assert check.measure(spoiled(subject, check.spoil)) > check.tolerance


def test_a_wrong_theory_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    derived = Subject.of(compose("baldassi"))
    monkeypatch.setattr(module.Subject, "of", lambda surrogate: spoiled(derived, 1e-6))
    failed = {result.check for result in failures(verify([compose("baldassi")]))}
    assert {"chi by two routes", "closed form = definition", "NumPy = mpmath, closed forms"} <= failed


@pytest.mark.parametrize("layer", CHAINED)
def test_chains_pass(layer: Layer) -> None:
    results = verify([layer])
    assert failures(results) == []
    assert len(results) == len(CHAIN_CHECKS) + 4
    assert all(math.isfinite(result.wrong_error) for result in results)


@pytest.mark.slow
@pytest.mark.parametrize("options", OTHERS, ids=str)
def test_composed_chains_pass(options: dict[str, object]) -> None:
    assert failures(verify([as_layer(compose_any(**options))])) == []


@pytest.mark.parametrize("check", CHAIN_CHECKS, ids=lambda check: check.name)
def test_every_check_of_a_chain_rejects_a_wrong_map(check: object) -> None:
    subject = ChainSubject.of(as_layer(compose_any("continuous", neurons="erf", normalise="rms")))
    assert check.measure(subject) <= check.tolerance
    assert check.measure(spoiled_chain(subject, check.spoil)) > check.tolerance


def test_a_wrong_chain_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong maps are seen by quadrature and by Torch, a wrong factor of a norm by networks."""
    layer = compose_any("xnor")
    monkeypatch.setattr(module.ChainSubject, "of", lambda each, of=ChainSubject.of: spoiled_chain(of(each), 1e-4))
    monkeypatch.setattr(Normalise, "backward", lambda *_: Factors(1.5, 1.5))
    failed = {result.check for result in failures(verify([layer]))}
    assert {"NumPy = blocks by plain quadrature", "Torch = NumPy", "random networks: gradient of 3 layers"} <= failed


def test_plain_moments_by_known_values() -> None:
    """Arcsine law, its slope, clipped gradients (theory.md, section 8), arc-cosine kernel."""
    of, T, c = PlainMoments(), 1.7, 0.3
    signs, relu = neurons_named("sign"), neurons_named("relu")
    fall = T * (1 - c)
    assert of.fall(signs, T, fall) == pytest.approx(1 - 2 / math.pi * math.asin(c), rel=1e-13)
    assert of.slope(signs, T, fall) == pytest.approx(2 / math.pi / T / math.sqrt(1 - c * c), rel=1e-12)
    clipped = compose_any("binaryconnect-ste").units[0].neurons
    assert of.gradients(clipped, T, fall).square == pytest.approx(math.erf(1 / math.sqrt(2 * T)), rel=1e-13)
    angle = math.acos(c)
    kernel = T / 2 / math.pi * (math.sin(angle) + (math.pi - angle) * c)
    assert of.fall(relu, T, fall) == pytest.approx(T / 2 - kernel, rel=1e-12)
    assert of.gradients(relu, T, fall).overlap == pytest.approx((math.pi - angle) / 2 / math.pi, rel=1e-12)
    with pytest.raises(ValueError, match="varies too fast"):
        of.square(neurons_named("expr:sin(10000*h)"), 400.0)
