"""The commands fixed-point, critical and phase, and the Python names behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import meanbits
from meanbits.cli import EXIT_BAD_INPUT, main

Call = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """A command line, as exit code, stdout and stderr."""

    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def document(text: str) -> dict[str, Any]:
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


@pytest.mark.parametrize(
    ("words", "options"),
    [("deterministic", {}), ("continuous --neurons sign --backward clip", {"neurons": "sign", "backward": "clip"}),
     ("continuous --neurons sign", {"neurons": "sign"}), ("continuous --neurons tanh --normalise batch",
                                                          {"neurons": "tanh", "normalise": "batch"})],
)  # fmt: skip
def test_python_and_the_command_line_tell_the_same_growth_of_gradients(
    call: Call, words: str, options: dict[str, str]
) -> None:
    """Of surrogates and of chains of blocks; undefined on the command line, NaN in arrays."""
    printed = document(call(f"fixed-point {words} --sigma-m2 0.5 --sigma-b2 0.1 --json")[1])
    found = meanbits.fixed_point(meanbits.compose(words.split()[0], **options), 0.5, 0.1)
    for name in ("chi_g", "xi_g"):
        told = math.nan if printed[name] is None else printed[name]
        assert float(getattr(found, name)) == pytest.approx(told, rel=1e-12, nan_ok=True)


def test_fixed_point_as_json_and_as_text(call: Call) -> None:
    code, out, _ = call("fixed-point deterministic --sigma-m2 0.5 --sigma-b2 0.001 --json")
    found = document(out)
    assert code == 0
    assert found["phase"] == "ordered"
    assert found["q"] == float(meanbits.fixed_point("deterministic", 0.5, 0.001).q)
    assert 0 < found["error_bound"] < 1e-14
    assert found["all_q"] == [{"q": pytest.approx(found["q"]), "stable": True}]
    _, text, _ = call("fixed-point deterministic --sigma-m2 1 --sigma-b2 0.1")
    assert "also fixed   q = inf, unstable" in text


def test_criticality_shows_infinite_scales_and_the_power_law(call: Call) -> None:
    code, out, _ = call("fixed-point continuous --sigma-m2 1 --sigma-b2 0 --json")
    found = document(out)
    assert code == 0
    assert (found["phase"], found["xi_c"], found["xi_q"]) == ("critical", "inf", "inf")
    assert found["decay"]["q"] == {"exponent": 1, "amplitude": 0.5}


@pytest.mark.parametrize(("line", "feasible"), [
    ("deterministic", "none"), ("lrt", "none"), ("shayer", "limit"), ("deterministic --form paper", "limit"),
    ("deterministic --form paper --gain 1.5", "attained"), ("shayer --neurons erf", "attained"),
])  # fmt: skip
def test_critical_decides_with_a_proof(call: Call, line: str, feasible: str) -> None:
    code, out, _ = call(f"critical {line} --json")
    found = document(out)
    assert code == 0
    assert (found["feasible"], found["certified"]) == (feasible, True)
    assert all(step["holds"] for step in found["certificate"]["steps"])
    assert (found["certificate"]["box"] is not None) == (feasible == "attained")


def test_every_point_of_the_critical_curve_is_critical(call: Call) -> None:
    theory = meanbits.derive("deterministic", form="paper", gain="1.5")
    _, out, _ = call("critical deterministic --form paper --gain 1.5 --json")
    curve, maps = document(out)["curve"], meanbits.compile(theory)
    assert len(curve) == 181
    for point in curve:
        state = (point["q"], point["sigma_m2"], point["sigma_b2"])
        assert abs(float(maps.chi_at_gap(0.0, *state)) - 1) <= 1e-14
        assert 0 <= point["sigma_m2"] <= 1
        assert point["sigma_b2"] >= 0
        assert float(maps.variance_map(*state)) == pytest.approx(point["q"], rel=1e-12)
    assert curve[0]["sigma_b2"] == pytest.approx(6.75e-36, rel=1e-9)  # 27/4 q^3: no digit lost to q - s


def test_phase_writes_a_dataset_and_a_figure(call: Call, tmp_path: Path) -> None:
    target = tmp_path / "diagram.png"
    code, _, err = call(f"phase continuous --neurons erf --sigma-m2 0.5:3:6 --sigma-b2 0:1:5 -o {target}")
    assert code == 0
    assert err.count("wrote") == 2
    assert target.read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(target.with_suffix(".nc"), engine="scipy") as diagram:
        assert dict(diagram.sizes) == {"sigma_m2": 6, "sigma_b2": 5}
        assert diagram.attrs["version"] == meanbits.__version__
    again, _, _ = call(f"phase continuous --neurons erf --sigma-m2 1 --sigma-b2 0 -o {target}")
    assert again == 0


BAD = {
    "fixed-point baldassi --sigma-m2 0.5 --sigma-b2 0.1": "single layer",
    "fixed-point deterministic --sigma-m2 1.5 --sigma-b2 0.1": r"in [0, 1]",
    "fixed-point deterministic --sigma-m2 0.5": "--sigma-b2",
    "critical baldassi": "single layer",
    "critical nothing": "unknown surrogate",
    "phase deterministic --sigma-m2 0:1:0 --sigma-b2 0 -o {0}/a.nc": "no points",
    "phase deterministic --sigma-m2 0:1 --sigma-b2 0 -o {0}/a.nc": "A:B:N",
    "phase deterministic --sigma-m2 0:1:99999999 --sigma-b2 0:1:99999999 -o {0}/a.nc": "bytes",
    "phase deterministic --sigma-m2 0:2:3 --sigma-b2 0 -o {0}/a.nc": "sigma_m2 must be in [0, 1]",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o {0}/a.txt": ".nc, .png or .pdf",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o .": ".nc, .png or .pdf",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o /": ".nc, .png or .pdf",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o {0}/deep/a.nc": "does not exist",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o {0}/mine.nc": "no dataset of meanbits",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 -o {0}/mine.png": "no dataset of meanbits",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0:1:2 --gains 1:2:2 -o {0}/a.nc": "--gains",
    "phase deterministic --sigma-m2 0:1:3 --sigma-b2 0 --gains 1:2:2 -o {0}/a.nc": "form paper",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line_before_anything_is_written(call: Call, tmp_path: Path, line: str) -> None:
    (tmp_path / "mine.nc").write_text("mine")
    code, out, err = call(line.format(tmp_path))
    assert (code, out) == (EXIT_BAD_INPUT, "")
    assert len(err.splitlines()) == 1
    assert BAD[line] in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.nc"]
    assert (tmp_path / "mine.nc").read_text() == "mine"


def test_python_names() -> None:
    found = meanbits.fixed_point("deterministic", sigma_m2=1.0, sigma_b2=[0.0, 0.1])
    assert found.xi_c[0] == pytest.approx(1 / math.log(math.pi / 2))
    assert meanbits.certify(meanbits.derive("random-binary")).feasible == "none"
    assert meanbits.certify("random-binary", "backward") is None
    assert meanbits.certify("xnor", "backward").certified
    assert meanbits.certify("continuous", "backward").feasible == "attained"  # tanh: chi_g = chi_1
    assert meanbits.phase_diagram("deterministic", [0.5, 1.0], [0.1])["q"].shape == (2, 1)
