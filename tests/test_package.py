"""What others install: wheel, source distribution, types, and the core without its extras."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import meanbits as mb

ROOT = Path(__file__).parents[1]
EXTRAS = ("dask", "distributed", "matplotlib", "pandas", "pooch", "sklearn", "tensorboard", "torch", "xarray")
BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from meanbits.cli import main
"""
BUILD = "import setuptools.build_meta as build, sys; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def python(*arguments: str, cwd: Path = ROOT, interpreter: str = sys.executable) -> str:
    done = subprocess.run([interpreter, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sources")
    left = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "output", "results")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=left)
    name = python("-c", BUILD, "build_sdist", str(folder), cwd=folder / "tree").splitlines()[-1]
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder, filter="data")
    sources = folder / name.removesuffix(".tar.gz")
    return folder / python("-c", BUILD, "build_wheel", str(folder), cwd=sources).splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has the wheel, and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    inside = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(inside)
    others = [path for path in sys.path if path.endswith("site-packages")]
    (inside / "others.pth").write_text("\n".join(others), encoding="utf-8")
    return str(folder / "bin" / "python")


def test_the_wheel_has_one_name_and_all_of_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {each.partition("/")[0] for each in names} == {"meanbits", f"meanbits-{mb.__version__}.dist-info"}
    parts = ("theory", "numerics", "experiments", "paper_figures")
    ours = {
        f"meanbits/{part}/{path.relative_to(ROOT / part)}" for part in parts for path in (ROOT / part).rglob("*.py")
    }
    ours |= {f"meanbits/{path.name}" for path in (ROOT / "meanbits").glob("*.py")}
    ours |= {f"meanbits/experiments/grids/{path.name}" for path in (ROOT / "experiments" / "grids").iterdir()}
    assert ours | {"meanbits/py.typed"} <= set(names)


def test_the_wheel_works(installed: str, tmp_path: Path) -> None:
    line = "map deterministic --sigma-m2 0.5 --sigma-b2 0.001 --q 1 --c 0.5"
    assert "q_out    0.2012" in python("-m", "meanbits", *line.split(), cwd=tmp_path, interpreter=installed)


def test_theory_needs_no_extra() -> None:
    lines = ("derive deterministic", "map lrt --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c 0.5", "critical deterministic",
             "fixed-point xnor --sigma-b2 0.1", "claims crit.deterministic", "emit deterministic",
             "advise lrt --depth 10", "profile xnor --depth 3 --sigma-b2 0", "catalogue")  # fmt: skip
    python("-c", f"{BLOCK}sys.exit(max(main(line.split()) for line in {lines}))")


def test_what_needs_an_extra_names_it() -> None:
    lines = ("train --sigma-m2 0.5 --sigma-b2 0.1", "simulate deterministic", "figure 1")
    done = subprocess.run([sys.executable, "-c", f"{BLOCK}print([main(line.split()) for line in {lines}])"],
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.stdout.strip() == "[2, 2, 2]"
    assert done.stderr.count("\n") == done.stderr.count("pip install 'meanbits[experiments]'") == 3


def test_versions_match() -> None:
    for name in ("pyproject.toml", "CITATION.cff"):
        assert mb.__version__ in (ROOT / name).read_text(encoding="utf-8")
    assert f"## [{mb.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_types_are_those_of_a_users_project(installed: str, tmp_path: Path) -> None:
    right = (
        "import meanbits as mb\n\nxi_c: float = float(mb.fixed_point('xnor', 1.0, 0.0).xi_c)\n"
        "surrogate: mb.Surrogate | mb.Layer = mb.compose('lrt', neurons='erf')\nmb.simulate(surrogate, 3, 0.5)\n"
    )
    wrong = "import meanbits as mb\n\nmb.simulate('lrt', depth='three')\n"
    for name, text in (("right.py", right), ("wrong.py", wrong)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pyright", "--pythonpath", installed, "--outputjson", "."],
                          cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == 2
    (error,) = (each for each in found["generalDiagnostics"] if each["severity"] == "error")
    assert Path(error["file"]).name == "wrong.py"
    assert '"depth"' in error["message"]


def test_a_relative_tolerance_alone_has_no_absolute_one_beside_it() -> None:
    assert pytest.approx(1e-20, rel=1e-3) == 1.0005e-20
    assert pytest.approx(1e-20, rel=1e-3) != 1e-13
    assert pytest.approx(1e-20, rel=1e-3, abs=1e-12) == 1e-13
