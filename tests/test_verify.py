"""Every surrogate of the catalogue passes every check, and no check passes a wrong formula."""

from __future__ import annotations

import pytest

from meanbits.experiments.verification import verify as module
from meanbits.experiments.verification.checks import CHECKS
from meanbits.experiments.verification.subject import Subject, spoiled
from meanbits.experiments.verification.verify import CheckResult, verify
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.gaussian import expectation

QUICK = ("deterministic", "baldassi", "random-binary")  # `make paper` runs the checks on every row
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
