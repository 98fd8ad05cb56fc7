"""The command jacobian: what it prints, its JSON, and refusals."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.theory.declarations.surrogates import CATALOGUE


def document(line: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code = main(["jacobian", *line.split(), "--json"])
    out = capsys.readouterr().out
    assert code == 0
    return json.loads(out, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def test_json_of_lrt_shows_both_depth_scales(capsys: pytest.CaptureFixture[str]) -> None:
    found = document("lrt --noise gaussian:1 --sigma-m2 0.9 --sigma-b2 0.05 --means beta --width 50", capsys)
    gradients, squares = found["gradients"], found["mean_squared"]
    assert gradients["xi_backward"] > gradients["xi_forward"]
    assert gradients["xi_backward"] == pytest.approx(-1 / math.log(gradients["factor"]))
    assert found["fourth_moment"] == pytest.approx(3 * 0.9**2 / 2.8)
    added = squares["at_width"] - squares["at_width_without_sigma_derivative"]
    assert added == pytest.approx(squares["sigma_derivative"] / 50)
    assert found["spectrum"]["mean"] == pytest.approx(gradients["factor"] ** 10)
    assert found["isometry"]["possible"] is False


def test_sharp_neurons_of_lrt_make_gradients_explode_while_inputs_are_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gradients = document("lrt --noise gaussian:0.3 --sigma-m2 0.9 --sigma-b2 0.05", capsys)["gradients"]
    assert gradients["factor"] > 1
    assert gradients["xi_backward"] < 0 < gradients["xi_forward"] < 2


def test_soudry_leaves_the_derivative_of_sigma_out(capsys: pytest.CaptureFixture[str]) -> None:
    squares = document("soudry --sigma-m2 0.5 --sigma-b2 0.1 --width 10", capsys)["mean_squared"]
    assert squares["at_width"] == squares["at_width_without_sigma_derivative"]
    full = document("deterministic --sigma-m2 0.5 --sigma-b2 0.1 --width 10", capsys)["mean_squared"]
    assert full["at_width"] > squares["at_width"]


@pytest.mark.parametrize("name", [row.name for row in CATALOGUE])
def test_every_row_answers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(f"{name} --sigma-m2 {1 if name == 'random-binary' else 0.5} --sigma-b2 0.1", capsys)
    if found["mean_squared"] is None:
        assert found["reason"].startswith("no Jacobian")
    else:
        assert found["spectrum"]["relative_variance"] >= 10


def test_relu_at_criticality(capsys: pytest.CaptureFixture[str]) -> None:
    for biases in ("0", "0.001"):
        spectrum = document(f"continuous --neurons relu --sigma-m2 2 --sigma-b2 {biases} --depth 10", capsys)[
            "spectrum"
        ]
        assert spectrum["mean"] == pytest.approx(1, rel=1e-12)
        assert spectrum["relative_variance"] == pytest.approx(20, rel=1e-12)
        assert spectrum["zeros"] == pytest.approx(0.5, rel=1e-12)


def test_a_noise_given_as_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    point = ["--sigma-m2", "0.5", "--sigma-b2", "0.1", "--json"]
    assert main(["jacobian", "--noise", "cdf:(1 + h/sqrt(1 + h**2))/2", *point]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["spectrum"]["mean"] == pytest.approx(found["gradients"]["factor"] ** 10, rel=1e-9)


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jacobian", "shayer", "--sigma-m2", "1", "--sigma-b2", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "derivative of Sigma" in out
    assert "undefined" in out  # Sigma vanishes
    assert "dynamical isometry: no; independent weight means" in out
    assert main(["jacobian", "baldassi", "--sigma-m2", "0.5", "--sigma-b2", "0.1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


BAD = {
    "deterministic --sigma-m2 0.9 --sigma-b2 0.1 --means uniform": "--means uniform: sigma_m2 = 0.9",
    "deterministic --sigma-m2 0.3 --sigma-b2 0.1 --means unifor": "did you mean uniform?",
    "deterministic --sigma-m2 1.5 --sigma-b2 0.1": "--sigma-m2 1.5",
    "deterministic --sigma-m2 0.5": "--sigma-b2",
    "deterministic --sigma-m2 0.5 --sigma-b2 0.1 --width 0": "--width",
    "deterministic --sigma-m2 0.5 --sigma-b2 0.1 --depth 0": "--depth",
    "continuous --neurons relu --sigma-m2 3 --sigma-b2 0.1": "q = inf: the field does not settle",
    "deterministic --sigma-m2 0.5 --sigma-b2 0.1 --depth 100000": "choose at most 568 layers",
    "deterministic --sigma-m2 0.5 --sigma-b2 0.1 --depth 1000000": "--depth",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["jacobian", *line.split()])
    captured = capsys.readouterr()
    assert (code, captured.out) == (EXIT_BAD_INPUT, "")
    assert len(captured.err.splitlines()) == 1
    assert BAD[line] in captured.err
