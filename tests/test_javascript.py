"""The JavaScript that a theory emits, run by node at points beside NumPy, limits included."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments.page.live import live
from meanbits.experiments.page.live_chain import live_chain
from meanbits.experiments.page.shell import asset
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import emitted_functions
from meanbits.numerics.emission.emit_layer import layer_functions
from meanbits.numerics.emission.script import JAVASCRIPT, emit_script
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory

NODE = shutil.which("node")
AGREEMENT = 1e-12
EPSILON = np.finfo(np.float64).eps
SEED, DRAWN = 5, 12
TINY = {"c": (-1.0, -0.3, 0.0, 0.7, 1 - 1e-9, 1.0), "gap": (0.0, 1e-25, 1e-9, 0.3, 1.0, 1.9, 2.0),
        "q": (0.0, 1e-12, 0.02, 1.0, 37.0, 1e12, np.inf), "T": (1e-6, 0.7, 30.0), "sigma_m2": (0.0, 0.3, 1.0),
        "sigma_b2": (0.0, 1e-5, 2.0), "typical": (-0.2, 0.0, 0.9), "hbar": (-30.0, -1.0, 0.0, 1e-9, 2.0),
        "h": (-300.0, -1.0, 0.0, 1e-9, 2.0), "Sigma": (0.1, 3.0), "r": (-1.0, 0.0, 0.4, 1.0),
        "mu_4": (0.0, 0.5)}  # fmt: skip
RANGES = {"c": (-1, 1), "gap": (0, 2), "typical": (-1, 1), "r": (-1, 1), "hbar": (-4, 4), "h": (-4, 4)}
RUN = """
import {{ readFileSync }} from "node:fs";
const modules = {{ {modules} }};
const jobs = JSON.parse(readFileSync(0, "utf8"));
const asNumber = (each) => typeof each === "string" ? Number(each) : each;
const shown = (value) => Number.isFinite(value) ? value : String(value);
const run = ([name, key, points]) => points.map((point) => {{
  try {{ return shown(modules[name][key](...point.map(asNumber))); }} catch (error) {{ return "NaN"; }}
}});
console.log(JSON.stringify(jobs.map(run)));
"""

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def subjects():
    yield from ((surrogate.name, surrogate) for surrogate in CATALOGUE)
    yield from ((row.name, row.layer) for row in CHAINS)
    yield "gain", mb.compose("deterministic", gain=1.7)
    yield "gaussian-noise", mb.compose("lrt", noise="gaussian:0.5")
    yield "relu", mb.compose("continuous", neurons="relu")
    yield "clipped", mb.compose("continuous", neurons="hardtanh")
    yield "uniform-noise", mb.compose("deterministic", noise="uniform:1")
    yield "deadzone", mb.compose("continuous", neurons="deadzone:0.5")
    yield "levels", mb.compose("deterministic", neurons="quantiser:4")
    for name, (surrogate, options) in QUADRATURES.items():
        yield name, mb.compose(surrogate, **options)


QUADRATURES = {
    "laplace-noise": ("lrt", {"noise": "laplace:0.7"}),
    "gelu": ("continuous", {"neurons": "gelu"}),
    "broken": ("continuous", {"neurons": "expr:where(h < 0.3, tanh(h), h**2)"}),
}
QUICK = (
    "deterministic",
    "continuous",
    "clipped",
    "levels",
    "uniform-noise",
    "gelu",
    "broken",
    "quantised-k",
)  # of each kind
FEW = 3  # points of a function whose quadratures take long


def grid(names, generator):
    """Points of a function: every pair of singular values of two arguments, others at a draw, and draws."""
    draw = [[value(name, generator) for name in names] for _ in range(DRAWN)]
    for (i, first), (j, second) in itertools.combinations(enumerate(names), 2):
        for low, high in itertools.product(TINY.get(first, (1.0,)), TINY.get(second, (1.0,))):
            point = [value(name, generator) for name in names]
            point[i], point[j] = low, high
            draw.append(point)
    return draw + [[each] for each in (TINY[names[0]] if len(names) == 1 else ())]


def value(name, generator):
    low, high = RANGES.get(name, (0, 1))
    return float(generator.uniform(low, high)) if name in RANGES or "sigma" in name else float(generator.gamma(1.0))


def numpy_values(maps, function, points):
    """NaN where NumPy refuses the point."""
    columns = np.array(points, np.float64)
    with np.errstate(all="ignore"):
        try:
            return np.broadcast_to(getattr(maps, function.name)(*columns.T), len(points))
        except ValueError:
            return np.array([numpy_value(getattr(maps, function.name), point) for point in columns])


def numpy_value(function, point):
    try:
        return float(function(*point))
    except ValueError:
        return np.nan


def in_json(points):
    return [[each if math.isfinite(each) else "Infinity" for each in point] for point in points]


def run(modules, jobs, folder):
    """What node makes of jobs [module, function, points], the modules by name."""
    lines = []
    for name, text in modules.items():
        (folder / f"{name}.mjs").write_text(text)
        lines.append(f'"{name}": await import("./{name}.mjs")')
    (folder / "run.mjs").write_text(RUN.format(modules=", ".join(lines)))
    done = subprocess.run(
        [NODE, str(folder / "run.mjs")], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [np.array([float(each) for each in values]) for values in json.loads(done.stdout)]


def quick_or_slow(names, quick):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.fixture(scope="module")
def compared(request, tmp_path_factory):
    """(subject, function) to points, what NumPy makes of them, what node does, and the maps of NumPy.

    Of the subjects that are asked for, in one process of node.
    """
    asked = {each.callspec.params["name"] for each in request.session.items if "compared" in each.fixturenames}
    generator = np.random.default_rng(SEED)
    modules, jobs, expected = {}, [], {}
    for name, subject in subjects():
        if name not in asked:
            continue
        theory = mb.derive(subject)
        maps = mb.compile(theory)
        functions = emitted_functions(theory) if isinstance(theory, Theory) else layer_functions(theory)
        modules[name] = mb.emit(theory, backend="javascript")
        for function in functions:
            points = grid([symbol.name for symbol in function.arguments], generator)
            if name in QUADRATURES:
                points = [points[k] for k in generator.permutation(len(points))[:FEW]]
            jobs.append([name, function.name, in_json(points)])
            expected[name, function.name] = points, numpy_values(maps, function, points), maps
    got = run(modules, jobs, tmp_path_factory.mktemp("scripts"))
    return {key: (*value[:2], values, value[2]) for (key, value), values in zip(expected.items(), got, strict=True)}


def rounding_of(function, point):
    """What the formula makes of a few ulp of its arguments: nothing, unless its terms cancel."""
    ulps = range(-3, 4)
    near = [float(function(*(each * (1 + ulp * EPSILON) for each in point))) for ulp in ulps]
    return 4 * (np.nanmax(near) - np.nanmin(near))


@pytest.mark.parametrize("name", quick_or_slow([name for name, _ in subjects()], QUICK))
def test_scripts_say_what_numpy_says(compared, name):
    for (subject, function), (points, expected, got, maps) in compared.items():
        if subject != name:
            continue
        assert np.array_equal(np.isnan(got), np.isnan(expected)), function
        with np.errstate(invalid="ignore"):
            off = np.abs(got - expected) > AGREEMENT * np.abs(expected)
        for each in np.flatnonzero(off & (got != expected) & ~np.isnan(got)):
            error = abs(got[each] - expected[each])
            with np.errstate(all="ignore"):
                assert error <= rounding_of(getattr(maps, function), points[each]), (function, points[each])


def test_a_script_that_needs_no_quadrature_holds_none():
    assert "gauss_legendre" not in mb.emit(mb.derive("deterministic"), backend="javascript")
    with pytest.raises(ValueError, match="emit it"):
        mb.compile(mb.derive("deterministic"), backend="javascript")


def test_every_function_of_numpy_has_a_script():
    assert NUMPY.functions.keys() - JAVASCRIPT.functions.keys() == set()


@pytest.mark.parametrize("name", ["new", "Math", "portion"])
def test_parameters_are_no_words_of_javascript(name):
    scale = sp.Symbol(name, positive=True)
    noise = mb.NeuronNoise("scaled", mb.gaussian.cdf.subs(mb.symbols.h, mb.symbols.h / scale))
    with pytest.raises(ValueError, match=f"'{name}' is a word"):
        emit_script(mb.derive(dataclasses.replace(mb.compose("deterministic"), neurons=mb.stochastic(noise))))


SOLVE = """
import {{ readFileSync }} from "node:fs";
{solver}
const MAPS = {{ {modules} }};
const jobs = JSON.parse(readFileSync(0, "utf8"));
const shown = (value) => typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
const asShown = (found) => found && Object.fromEntries(Object.entries(found).filter(([name]) => name !== "at").map(
  ([name, value]) => [name, shown(value)]));
console.log(JSON.stringify(jobs.map(([name, kind, points]) => points.map(([sigma_m2, sigma_b2]) =>
  asShown(fixedPoint(MAPS[name], kind, {{ sigma_m2, sigma_b2 }}))))));
"""
BIASES = (0.0, 1e-6, 0.001, 0.05, 0.5, 3.0)
NUMBERS = ("q", "gap", "chi", "chi_1", "dq", "xi_q", "xi_c")


def solved():
    """Surrogates with fixed points: name, theory, and variances, corners included."""
    named = [(each.name, each) for each in CATALOGUE if not each.real_input]
    named += [("gain", mb.compose("deterministic", gain=1.7))]
    named += [(neurons, mb.compose("continuous", neurons=neurons)) for neurons in ("relu", "linear", "hardtanh")]
    for name, surrogate in named:
        weights = surrogate.weights
        top = 3.0 if weights.mean_limit is None else float(weights.mean_limit) ** 2
        means = (0.0, 0.3 * top, 0.9 * top, top) if weights.mean_square is None else (float(weights.mean_square),)
        yield name, mb.derive(surrogate), list(itertools.product(means, BIASES))


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_solver_of_a_page_finds_what_python_finds(tmp_path, quick):
    subjects = [each for each in solved() if (each[0] in ("deterministic", "random-binary", "relu")) == quick]
    moving = {name: live(theory) for name, theory, _ in subjects}
    modules = ", ".join(f'"{name}": (() => {{ {each.maps} }})()' for name, each in moving.items())
    (tmp_path / "solve.mjs").write_text(SOLVE.format(solver=asset("solve.js"), modules=modules))
    jobs = [[name, dataclasses.asdict(moving[name].kind), points] for name, _, points in subjects]
    done = subprocess.run(
        [NODE, str(tmp_path / "solve.mjs")], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for (name, theory, points), found in zip(subjects, json.loads(done.stdout), strict=True):
        for point, got in zip(points, found, strict=True):
            try:
                expected = mb.fixed_point(theory, *point)
            except ValueError:
                assert got is None, (name, point)
                continue
            assert got is not None, (name, point)
            assert got["phase"] == str(expected.phase), (name, point)
            for key in NUMBERS:
                value = float(getattr(expected, key))
                assert float(got[key]) == value or abs(float(got[key]) - value) <= 1e-9 * abs(value), (name, point, key)


FOLLOW = """
import {{ readFileSync }} from "node:fs";
{solver}
const MAPS = {{ {modules} }};
const jobs = JSON.parse(readFileSync(0, "utf8"));
const shown = (value) => typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
const asShown = (found) => found && Object.fromEntries(Object.entries(found).filter(([name]) => name !== "at").map(
  ([name, value]) => [name, shown(value)]));
console.log(JSON.stringify(jobs.map(([name, kind, points]) => points.map(([sigma_m2, sigma_b2]) => {{
  const point = {{ sigma_m2, sigma_b2 }};
  const followed = profileOfChain(MAPS[name], kind, point, 12, [0.5]);
  return [asShown(fixedPointOfChain(MAPS[name], kind, point)), followed.q, followed.c[0], followed.gradient];
}}))));
"""


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_page_of_a_chain_follows_layers_as_python_does(tmp_path, quick):
    chosen = [row for row in CHAINS if (row.name in ("quantised-k", "xnor")) == quick]
    moving = {row.name: (row.layer, live_chain(mb.derive(row.layer))) for row in chosen}
    modules = ", ".join(f'"{name}": (() => {{ {each.maps} }})()' for name, (_, each) in moving.items())
    source = FOLLOW.format(solver=asset("solve.js") + asset("chain.js"), modules=modules)
    (tmp_path / "follow.mjs").write_text(source)
    points = {name: [(each.start[0], biases) for biases in (0.01, 0.3)] for name, (_, each) in moving.items()}
    jobs = [[name, dataclasses.asdict(each.kind), points[name]] for name, (_, each) in moving.items()]
    done = subprocess.run(
        [NODE, str(tmp_path / "follow.mjs")], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for (name, (layer, _)), each in zip(moving.items(), json.loads(done.stdout), strict=True):
        for point, (found, *rows) in zip(points[name], each, strict=True):
            expected = mb.profile(layer, 12, *point)
            for got, values in zip(rows, (expected.q, expected.c, expected.gradient), strict=True):
                assert np.array(got) == pytest.approx(values, rel=1e-11), (name, point)
            settled = layer_fixed_points(layer, *point)
            assert (found is not None) == bool(settled.found), (name, point)
            for key in ("q", "c", "chi", "chi_1", "chi_g", "xi_c", "xi_g") if found else ():
                assert float(found[key]) == pytest.approx(float(getattr(settled, key)), rel=1e-9), (name, point, key)


def test_the_command_writes_a_module_again(tmp_path, capsys):
    path = tmp_path / "maps.mjs"
    for _ in range(2):
        assert main(["emit", "deterministic", "--backend", "javascript", "-o", str(path)]) == 0
    assert f"wrote {path}" in capsys.readouterr().err
    assert path.read_text() == mb.emit(mb.derive("deterministic"), backend="javascript")
    (tmp_path / "mine.mjs").write_text("// mine")
    assert main(["emit", "deterministic", "--backend", "javascript", "-o", str(tmp_path / "mine.mjs")]) == 2
