"""Every figure of the registry: measured, saved, drawn and described; and what its data must satisfy."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import xarray as xr

from meanbits.cli import main
from meanbits.experiments.claims.papers import LITERATURE
from meanbits.experiments.figures import critical_curves, critical_gain, depth_scales, gain_phase, labels
from meanbits.experiments.figures.critical_curves import critical_points
from meanbits.figures import FIGURES, FigureKind, Settings
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
from meanbits.theory.symbols import q

SLOW = {
    "1",
    "1-lrt",
    "1-lrt-continuous",
    "2",
    "3",
    "depth-gain",
    "depth-blocks",
    "4",
    "5",
    "replicas",
    "gain",
    "spectra",
    "distance",
    "blumenfeld-2019-1",
    "blumenfeld-2019-3",
    "poole-2016-1",
    "poole-2016-3",
    "schoenholz-2017-1",
    "schoenholz-2017-2",
    "schoenholz-2017-3",
    "schoenholz-2017-4",
    "hayou-2019-1",
    "hayou-2019-2",
    "yang-schoenholz-2017-1",
    "pennington-2017-1",
    "xiao-2018-1",
    "sari-2019-1",
}
EACH = [pytest.param(kind, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, kind in FIGURES.items()]
PROVENANCE = ("preset", "seed", "version", "figure")


def silent(done: int, total: int) -> None:
    assert 0 < done <= total


@pytest.mark.parametrize("kind", EACH)
def test_a_figure_with_its_data(kind: FigureKind, tmp_path: Path) -> None:
    settings = Settings("smoke", "digits" if kind.images else None, None, 3, tmp_path / "deep" / "er")
    made = kind.made(None, settings, silent)
    names = {f"{kind.file_name}.{suffix}" for suffix in ("pdf", "png", "nc")}
    assert {path.name for path in made.paths} == {path.name for path in settings.folder.iterdir()} == names
    data = xr.load_dataset(settings.folder / f"{kind.file_name}.nc", engine="scipy")
    assert all(name in data.attrs for name in PROVENANCE)
    assert (data.attrs["preset"], data.attrs["seed"], data.attrs["figure"]) == ("smoke", "3", kind.id)
    assert kind.caption(data) == made.caption  # what is drawn and said comes from the data alone
    assert "preset smoke, seed 3" in made.caption
    assert "nan" not in made.caption
    again = kind.draw(data, tmp_path / "again")
    assert {path.read_bytes()[:4] for path in again} == {b"%PDF", b"\x89PNG"}


def test_ids_and_descriptions() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", name) and kind.id == name for name, kind in FIGURES.items())
    assert len({kind.description for kind in FIGURES.values()}) == len(FIGURES)


def test_figures_of_other_papers_bear_their_key() -> None:
    keys = {paper.key for paper in LITERATURE}
    for name, kind in FIGURES.items():
        key, _, number = name.rpartition("-")
        assert (kind.paper == key and number.isdigit()) if kind.paper else key not in keys
    assert {kind.paper for kind in FIGURES.values()} == {None, *keys}


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figure", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES)
    assert main(["figure", "--list", "--json"]) == 0
    assert [row["figure"] for row in json.loads(capsys.readouterr().out)] == list(FIGURES)
    assert main(["figure"]) == 2
    assert "or --list for the figures" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["figure 5 baldassi", "figure phase lrt", "figure 5 -o taken"])
def test_nothing_is_half_written(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("mine")
    assert main(shlex.split(line)) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


def test_a_foreign_file_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figure_5.nc").write_text("mine")
    assert main(["figure", "5", "--preset", "smoke", "-o", str(tmp_path)]) == 2
    assert "figure_5.nc exists there and is no dataset of meanbits; name another folder" in capsys.readouterr().err
    assert (tmp_path / "figure_5.nc").read_text() == "mine"


def test_data_survive_a_drawing_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("meanbits.paper_figures.depth_scales.draw", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        FIGURES["5"].made(None, Settings("smoke", None, None, 0, tmp_path), silent)
    assert [path.name for path in tmp_path.iterdir()] == ["figure_5.nc"]


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="--preset huge: unknown preset; use smoke, quick, paper"):
        labels.sized("huge", critical_curves.POINTS)


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_critical_points_are_those_of_ball_arithmetic(gain: float) -> None:
    """Two routes to the curve: the emitted maps, iterated, and algebra with balls."""
    variances = np.logspace(-3, 4, 8)
    means, biases = critical_points(derive(compose("deterministic", phi="tanh", gain=1)), variances, gain)
    proven = critical_curve(derive(compose("deterministic", phi="tanh", gain=gain)), variances)
    assert means == pytest.approx([point.sigma_m2 for point in proven], rel=1e-11)
    assert biases == pytest.approx([point.sigma_b2 for point in proven], rel=1e-9)  # 1 - A/S cancels as q -> 0


def test_critical_points_of_the_sign_are_those_of_algebra() -> None:
    theory, variances = derive(compose("deterministic")), np.logspace(-2, 3, 6)
    curve = sp.lambdify(q, theory.critical_curve, "numpy")
    assert np.array(critical_points(theory, variances)) == pytest.approx(np.array(curve(variances)), rel=1e-9)


@pytest.mark.parametrize("options", [{"noise": "logistic:0.5"}, {"noise": "logistic:0.5", "form": "matched"}])
def test_critical_points_solve_the_conditions(options: dict[str, str]) -> None:
    """q is a fixed point and chi_1 = 1, by the maps themselves; the exact forms leave the feasible part."""
    from meanbits.numerics.emission.emit import compile_theory

    theory, variances = derive(compose("deterministic", **options)), np.logspace(-3, 3, 7)
    means, biases = critical_points(theory, variances)
    maps = compile_theory(theory)
    assert maps.variance_map(variances, means, biases) == pytest.approx(variances, rel=1e-11)
    assert maps.chi(1.0, variances, means, biases) == pytest.approx(1.0, rel=1e-11)
    assert np.all(means > 1)


def test_critical_points_of_lrt_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lrt: .* use --treatment marginalise"):
        critical_points(derive(compose("lrt")), 1.0)


@pytest.fixture(scope="module")
def gains() -> xr.Dataset:
    return critical_gain.measure(None, "smoke", 0, silent)


def test_critical_gains(gains: xr.Dataset) -> None:
    """The start of the curve is 1/(gain phi'(0))^2; from sqrt(3/2) on that of tanh is feasible to the end."""
    tanh, hard = (gains.sel(phi=name) for name in ("tanh", "hard tanh"))
    assert np.all(gains.lower <= gains.upper)
    assert np.all(gains.proven == 1)
    assert float(tanh.start) == pytest.approx(1.0, abs=1e-3)  # q = 0.001 at the start
    assert float(tanh.endless) == pytest.approx(np.sqrt(1.5), rel=1e-3)  # q = 1e6 at the end
    assert float(hard.upper) == pytest.approx(np.sqrt(2 / 3), rel=1e-5)
    assert np.all(np.isinf(tanh.largest_b2) == (tanh.gain > tanh.endless))
    assert np.all(np.isnan(tanh.largest_b2) == (tanh.gain < tanh.start))


def test_depth_scales_are_those_of_the_solver() -> None:
    data = depth_scales.measure(compose("deterministic"), "smoke", 0, silent)
    one = data.isel(surrogate=0)
    found = fixed_point(derive(compose("deterministic")), float(one.sigma_m[12]) ** 2, 0.01)
    assert float(one.xi_c.sel(sigma_b2=0.01)[12]) == float(found.xi_c)
    assert float(one.deepest) == pytest.approx(1 / np.log(np.pi / 2), rel=1e-14)
    assert str(one.deepest_formula.values) == r"1/\ln{\left(\pi / 2 \right)}"
    assert np.all(one.xi_c <= one.deepest * (1 + 1e-14))


def test_the_line_of_the_phase_diagram_is_the_critical_curve() -> None:
    """Along sigma_m2 at one gain, chi_1 passes 1 where the critical curve has this sigma_b2."""
    data = gain_phase.measure(compose("deterministic", gain=2), "smoke", 0, silent)
    biases, gain = (float(data[name][1 if name == "sigma_b2" else 18]) for name in ("sigma_b2", "gain"))
    column = data.sel(sigma_b2=biases, gain=gain)
    crossing = np.interp(1.0, column.chi_1, data.sigma_m2)
    theory = derive(compose("deterministic", gain=1))
    means, along = critical_points(theory, np.logspace(-3, 1, 200), gain)
    spacing = float(data.sigma_m2[1] - data.sigma_m2[0])
    assert crossing == pytest.approx(np.interp(biases, along, means), abs=spacing**2)  # linear interpolation
    assert data.start.values == pytest.approx(1 / data.gain.values**2, rel=1e-4)  # up to gain^2 times q = 1e-6


@pytest.mark.slow
def test_replicas_agree_with_theory() -> None:
    data = FIGURES["replicas"].measure(None, Settings("smoke", None, None, 5, Path()), silent)
    assert float(np.abs(data.z).max()) < 4
