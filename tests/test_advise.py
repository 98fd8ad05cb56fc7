"""Advice: critical where the certificate says so, and never deeper than theory allows."""

import json
import math
import shlex
from dataclasses import replace

import numpy as np
import pytest

from meanbits.cli import main
from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.depth.advise import SCALES, advise
from meanbits.numerics.solvers.search import first_reached, largest
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.declarations.words import names, words_of
from meanbits.theory.derive import derive

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
    assert advice.trainable == (advice.reach >= 10 and advice.fault is None)
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


def pasted(options: str, sigma_m2: float, sigma_b2: float, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """What the command fixed-point says of the surrogate that the options name."""
    point = ["--sigma-m2", repr(sigma_m2), "--sigma-b2", repr(sigma_b2)]
    assert main(["fixed-point", *shlex.split(options), *point, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("line", ["deterministic", "deterministic --phi tanh", "soudry", "--weights ternary:0.9",
                                  "deterministic --noise gaussian:0.3", "--gain 0.7 --phi erf"])  # fmt: skip
def test_what_is_advised_can_be_pasted(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Own surrogates first, then those of `instead`: the same chi_1, and 1 to the rounding of its maps if critical."""
    assert main(["advise", *line.split(), "--depth", "3000", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    for advice in filter(None, (document, document["instead"])):
        found = pasted(advice["options"], advice["sigma_m2"], advice["sigma_b2"], capsys)
        assert found["chi_1"] == pytest.approx(advice["chi_1"], rel=1e-13)
        if advice["xi_c"] == "inf":
            assert found["chi_1"] == pytest.approx(1, abs=2e-14)


@pytest.mark.parametrize("surrogate", CASES, ids=lambda each: each.name)
def test_words_compose_the_surrogate(surrogate: Surrogate) -> None:
    found = words_of(replace(surrogate, name="mine"))
    assert found is not None
    assert names(found, surrogate)


@pytest.mark.parametrize(("slope", "expected"), [("relu", 2.0)])
def test_scale_free_neurons_are_critical_to_the_last_digit(slope: str, expected: float) -> None:
    """chi_1 = sigma_m2 E phi'^2 at every q: 1 at 2 / (1 + slope^2)."""
    for sigma_b2 in (0.0, SIGMA_B2, 0.5):
        advice = advise(derive(compose("continuous", neurons=slope)), 1000, sigma_b2)
        assert (advice.sigma_m2, advice.trainable, advice.fault) == (expected, True, None)


SIGNS = {"neurons": "sign"}


@pytest.mark.parametrize("parts", [("random-binary", {}), ("continuous", SIGNS), ("lrt", SIGNS)],
                         ids=lambda parts: parts[0])  # fmt: skip
def test_neurons_without_gradient_do_not_train(parts: tuple[str, dict[str, str]]) -> None:
    name, options = parts
    for depth in (1, 10):
        advice = advise(derive(compose(name, **options)), depth)
        assert not advice.trainable
        assert advice.reason is not None
        assert "no gradient" in advice.reason


@pytest.mark.parametrize("depth", [0, -3, 1.5, math.nan, math.inf, 1e300, True])
def test_depths_out_of_the_domain_are_refused(depth: float) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        advise(derive(compose("lrt")), depth)  # type: ignore[arg-type]


def test_searches_end_at_neighbouring_numbers_and_at_the_largest_value() -> None:
    for edge in (0.1, math.pi, 1e-8, 12345.678):
        low, high = first_reached(lambda values, edge=edge: values >= edge, edge / 7, edge * 3)  # type: ignore[misc]
        assert (high, np.nextafter(low, np.inf)) == (edge, edge)
    assert largest(lambda values: -((values - 0.123) ** 2), np.linspace(0, 1, 11)) == pytest.approx(0.123, abs=1e-4)


def test_command_gives_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", "deterministic", "--depth", "30", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert not document["trainable"]
    assert document["instead"]["trainable"]
    assert document["instead"]["xi_c"] == "inf"


@pytest.mark.parametrize(("line", "gain"), [("deterministic --form paper", 1), ("--gain 0.7", 0.7), ("lrt", None)])
def test_the_paper_form_has_a_gain_and_others_none(
    line: str, gain: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["advise", *line.split(), "--depth", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gain"] == gain


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
