"""Advice: critical where the certificate says so, and never deeper than theory allows."""

import json

import numpy as np
import pytest

from meanbits.cli import main
from numerics.advise import SCALES, advise
from numerics.certificates.certify import certify
from numerics.solve import fixed_point
from theory.compose import compose
from theory.derive import derive
from theory.surrogates import CATALOGUE, Surrogate

SIGMA_B2 = 0.001
DEEP = 10_000
CASES = [*(each for each in CATALOGUE if not each.real_input), compose("deterministic", form="paper"),
         compose("deterministic", gain=1.5)]  # fmt: skip


@pytest.mark.parametrize("surrogate", CASES, ids=lambda each: each.name)
def test_depth_scale_is_that_of_the_fixed_point_and_largest(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    advice = advise(theory, 10, SIGMA_B2)
    found = fixed_point(theory, advice.sigma_m2, SIGMA_B2)
    assert advice.reach == SCALES * abs(advice.xi_c)
    assert advice.trainable == (advice.reach >= 10)
    if np.isinf(advice.xi_c):
        assert abs(found.chi_1 - 1) < 1e-12
    else:
        assert advice.xi_c == found.xi_c
        limit = surrogate.weights.mean_limit
        elsewhere = fixed_point(theory, np.linspace(0, float(limit) ** 2, 7)[1:-1], SIGMA_B2)
        assert surrogate.weights.mean_square is not None or np.all(np.abs(elsewhere.xi_c) <= abs(advice.xi_c))


@pytest.mark.parametrize("surrogate", CASES, ids=lambda each: each.name)
def test_depth_without_end_needs_a_critical_initialisation(surrogate: Surrogate) -> None:
    advice = advise(derive(surrogate), DEEP, SIGMA_B2)
    if certify(derive(surrogate)).feasible in ("none", "limit"):
        assert not advice.trainable
    if advice.instead is not None:
        own = fixed_point(derive(advice.instead.surrogate), advice.instead.sigma_m2, SIGMA_B2)
        assert abs(own.chi_1 - 1) < 1e-10, "the surrogate named is critical by its own theory"
        assert certify(derive(advice.instead.surrogate)).feasible == "attained"


def test_command_gives_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", "deterministic", "--depth", "30", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert not document["trainable"]
    assert document["instead"]["trainable"]
    assert document["instead"]["xi_c"] == "inf"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["advise", "--depth", "0"], "--depth"), (["advise", "baldassi", "--depth", "3"], "single layer"),
     (["advise"], "--depth"), (["advise", "--depth", "3", "--sigma-b2", "-1"], "--sigma-b2")],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert named in told.err
    assert told.err.count("\n") == 1
