"""Every backend over one list, with one from outside the package: accuracy, limits, keywords, slopes; plug-ins."""

from __future__ import annotations

import importlib.util
import runpy
import shutil
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import torch

import meanbits as mb
from meanbits.cli import main
from meanbits.numerics.emission import registry
from meanbits.numerics.emission.agreement import differences, points
from meanbits.numerics.emission.backend import Backend
from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.c_backend import C
from meanbits.numerics.emission.emit import compile_functions, emitted_functions
from meanbits.numerics.emission.jax_backend import JAX
from meanbits.numerics.emission.registry import backend_of
from meanbits.theory.declarations.surrogates import CATALOGUE

ROOT = Path(__file__).parents[1]
MPMATH = runpy.run_path(str(ROOT / "examples" / "mpmath_backend.py"))["MPMATH"]
CC = shutil.which("cc") or shutil.which("gcc")
HAS_JAX = importlib.util.find_spec("jax") is not None
WITH_JAX = pytest.mark.skipif(not HAS_JAX, reason="no JAX")
WITH_C = pytest.mark.skipif(CC is None, reason="no C compiler")
BACKENDS = [NUMPY, TORCH, pytest.param(C, marks=WITH_C), pytest.param(JAX, marks=WITH_JAX), MPMATH]
ON_EVERY = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
BESIDE_NUMPY = pytest.mark.parametrize("backend", BACKENDS[1:], ids=lambda backend: backend.name)
ROWS = [pytest.param(row, marks=() if row.name == "deterministic" else pytest.mark.slow, id=row.name)
        for row in CATALOGUE]  # fmt: skip
SUMS = {"lrt", "shayer", "moment-matching", "continuous", "stochastic-binary"}  # of tanh, which the one outside lacks


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("libraries")


@pytest.fixture(autouse=True)
def one_variant(monkeypatch, kept):
    """Libraries are compiled once, for any processor; test_c compares the variants for others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))
    monkeypatch.setenv("CC", f"{CC} -DMB_CLONES=")


@pytest.fixture(autouse=True)
def double():
    """JAX in float64."""
    if not HAS_JAX:
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@BESIDE_NUMPY
@pytest.mark.parametrize("surrogate", ROWS)
def test_values_are_those_of_numpy_at_the_ends_of_every_range_too(backend, surrogate):
    if backend is MPMATH and surrogate.name in SUMS:
        with pytest.raises(ValueError, match="mpmath has no Tanh"):
            mb.emit(mb.derive(surrogate), backend)
        return
    assert list(differences(mb.derive(surrogate), backend)) == []


def few(backend, name="deterministic", wanted=("variance_map", "correlation_map", "chi", "gap_map", "chi_at_gap")):
    theory = mb.derive(name)
    functions = [each for each in emitted_functions(theory) if each.name in wanted]
    return compile_functions(theory, functions, backend)


@ON_EVERY
def test_functions_take_keywords_and_broadcast(backend):
    maps, c = few(backend), np.linspace(-1, 1, 5)[:, None]
    by_name = maps.correlation_map(c, sigma_b2=0.1, q=np.array([0.5, 1.5]), sigma_m2=0.7)
    assert np.array_equal(by_name, maps.correlation_map(c, np.array([0.5, 1.5]), 0.7, 0.1))
    assert by_name.shape == (5, 2)


@ON_EVERY
def test_chi_is_the_slope_of_the_map(backend):
    maps, c, step = few(backend), np.array([-0.6, 0.1, 0.95]), 1e-4
    ends = [np.asarray(maps.correlation_map(c + at * step, 1.3, 0.7, 0.1), float) for at in (-1, 1)]
    assert np.allclose((ends[1] - ends[0]) / (2 * step), np.asarray(maps.chi(c, 1.3, 0.7, 0.1), float), rtol=1e-6)


@ON_EVERY
def test_gaps_keep_their_digits(backend):
    gap = np.array([1e-18, 1e-9, 1e-3, 1.0])
    with mpmath.workdps(60):
        ratio, slope = mpmath.mpf(1.5) / mpmath.mpf(2.5), 2 / mpmath.pi * mpmath.mpf(0.7)
        norm = mpmath.mpf(0.1) + slope * mpmath.asin(ratio)
        exact = [
            float(slope * (mpmath.asin(ratio) - mpmath.asin((1 - mpmath.mpf(each)) * ratio)) / norm) for each in gap
        ]
    found = np.asarray(few(backend).gap_map(gap, 1.5, 0.7, 0.1), float)
    assert np.allclose(found, exact, rtol=1e-15, atol=0)


def test_points_hold_the_ends():
    found = points(["gap", "q"])
    assert {0.0, 2.0} <= set(found[:, 0])
    assert {0.0, np.inf} <= set(found[:, 1])
    assert len(points(["q"])) > 12


def test_differences_are_found():
    class Wrong(type(NUMPY)):
        def load(self, heading, functions):
            right = super().load(heading, functions)
            return SimpleNamespace(**{**vars(right), "chi": lambda *arguments: right.chi(*arguments) * (1 + 1e-14)})

    found = list(differences(mb.derive("deterministic"), Wrong(**vars(NUMPY))))
    assert found
    assert {each.function for each in found} == {"chi"}


def test_a_backend_from_outside_stands_alone():
    source = mb.emit(mb.derive("deterministic"), backend=MPMATH)
    assert "meanbits" not in source
    assert "numpy" not in source
    module: dict[str, object] = {}
    exec(source, module)
    with mpmath.workdps(40):
        c, q = mpmath.mpf("0.3"), mpmath.mpf(2)
        expected = mpmath.asin(c * q / (1 + q)) / mpmath.asin(q / (1 + q))
        assert abs(module["correlation_map"](c, q, mpmath.mpf("0.5"), 0) / expected - 1) < mpmath.mpf("1e-38")
    maps = mb.compile(mb.derive("deterministic"), backend=MPMATH)
    assert float(maps.variance_map(1.0, 0.5, 0.001)) == pytest.approx(0.2012, rel=1e-3)


class Entry:
    def __init__(self, name, found):
        self.name, self.value, self.found = name, f"package:{name}", found

    def load(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_installed_packages_add_backends_by_name(monkeypatch, capsys):
    entries = [Entry("digits", MPMATH), Entry("broken", ImportError("no\nmodule")), Entry("other", 3)]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == "meanbits.backends" else [])
    assert backend_of("digits") is MPMATH
    assert main(["emit", "deterministic", "--backend", "digits"]) == 0
    assert "mp.atan2" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"backend 'broken' of package:broken cannot be loaded: ImportError: no"):
        backend_of("broken")
    with pytest.raises(ValueError, match="backend 'other': package:other is no Backend"):
        backend_of("other")
    with pytest.raises(ValueError, match="unknown backend 'digitz'; did you mean digits"):
        backend_of("digitz")


def test_backends_are_names_or_objects():
    assert backend_of("numpy") is NUMPY
    assert backend_of("c") is C
    assert isinstance(backend_of("javascript"), Backend)
    assert mb.emit(mb.derive("deterministic"), NUMPY) == mb.emit(mb.derive("deterministic"))
    with pytest.raises(TypeError, match="backend 3: give a name or a Backend"):
        mb.emit(mb.derive("deterministic"), 3)
    with pytest.raises(ValueError, match="unknown backend 'jaxx'"):
        mb.compile(mb.derive("deterministic"), "jaxx")


def test_torch_gradients_are_the_slopes():
    maps, c = few(TORCH), torch.tensor([-1.0, -0.6, 0.1, 1.0], dtype=torch.float64, requires_grad=True)
    maps.correlation_map(c, 1.3, 0.7, 0.1).sum().backward()
    assert np.allclose(c.grad, few(NUMPY).chi(c.detach().numpy(), 1.3, 0.7, 0.1), rtol=1e-12)


@WITH_JAX
@pytest.mark.parametrize("name", ["deterministic", pytest.param("lrt", marks=pytest.mark.slow)])
def test_jax_compiles_maps_over_batches_and_differentiates(name):
    import jax
    import jax.numpy as jnp

    maps, theirs = few(JAX, name), few(NUMPY, name)
    c = jnp.array([-1.0, -0.6, 0.1, 1.0])
    point = 1.3, 0.7, 0.1
    slopes = jax.jit(jax.vmap(jax.grad(maps.correlation_map), (0, None, None, None)))(c, *point)
    assert slopes.dtype == jnp.float64
    assert np.allclose(slopes, theirs.chi(np.asarray(c), *point), rtol=1e-12)
    gaps = jnp.array([0.0, 1e-20, 0.3, 2.0])
    slopes = jax.vmap(jax.grad(maps.gap_map), (0, None, None, None))(gaps, *point)
    assert np.allclose(slopes, theirs.chi_at_gap(np.asarray(gaps), *point), rtol=1e-12)
    second = jax.grad(jax.grad(maps.correlation_map))(0.3, *point)
    step = 1e-5
    ends = [float(theirs.chi(0.3 + side * step, *point)) for side in (-1, 1)]
    assert float(second) == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-7)


FIELDS, SPREADS = np.array([-40, -1, -0.3, 0, 1e-9, 0.7, 1, 30]), np.array([0, 1e-9, 0.3, 1, 7, 1e12, np.inf])[:, None]
ALIKE, APART = np.array([-1, -0.4, 0, 1e-9, 0.8, 1]), np.array([0, 1e-12, 0.3, 1])
RUNTIME = {
    "elementwise": [("hard_tanh", FIELDS), ("box", FIELDS), ("sech_squared", FIELDS), ("softplus", FIELDS),
                    ("spike", FIELDS), ("damped_sinh", 2 * np.abs(FIELDS), FIELDS), ("arc_cosine_kernel", APART),
                    ("arc_cosine_difference", APART, 1 - APART), ("quotient", FIELDS, APART[:, None], 3.0),
                    ("no_limit",)],
    "logistic": [("tanh_mean", FIELDS, SPREADS[:-1]), ("tanh_mean", FIELDS, SPREADS[:-1], 3),
                 ("tanh_overlap", SPREADS, ALIKE), ("tanh_difference", SPREADS, 1 - APART, APART),
                 ("tanh_slope_overlap", SPREADS, APART), ("tanh_curvature_overlap", SPREADS, APART),
                 ("tanh_overlap_growth", SPREADS, ALIKE), ("tanh_slope_growth", SPREADS, APART)],
    "odd_means": [("erf_pair", FIELDS, FIELDS[:, None]), ("clip_mean", FIELDS, SPREADS[:-1])],
}  # fmt: skip


@WITH_JAX
@pytest.mark.parametrize(("file", "call"), [
    pytest.param(file, call, id=call[0]) for file, calls in RUNTIME.items() for call in calls
])  # fmt: skip
def test_functions_that_jax_modules_copy_are_those_of_numpy(file, call):
    name, *arguments = call
    ours, theirs = (import_module(f"meanbits.numerics.emission.runtime.{file}_{each}") for each in ("numpy", "jax"))
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):  # as in a module that calls it
        expected = getattr(ours, name)(*arguments)
    np.testing.assert_allclose(getattr(theirs, name)(*arguments), expected, 1e-14)


@WITH_JAX
def test_slopes_in_a_variance_at_its_ends_are_those_of_the_theory():
    import jax

    wanted = ("variance_map", "variance_slope")
    maps, theirs = few(JAX, wanted=wanted), few(NUMPY, wanted=wanted)
    for q in (0.0, 0.5, np.inf):
        slope = float(jax.grad(maps.variance_map)(q, 0.7, 0.1))
        assert slope == pytest.approx(float(theirs.variance_slope(q, 0.7, 0.1)), rel=1e-13)


@WITH_JAX
def test_jax_in_single_precision_is_refused_and_float32_arrays_stay_so():
    import jax
    import jax.numpy as jnp

    single = few(JAX).correlation_map(jnp.float32([0.3, 0.9]), 1.0, 0.5, 0.1)
    assert single.dtype == jnp.float32
    assert np.allclose(single, few(NUMPY).correlation_map(np.array([0.3, 0.9]), 1.0, 0.5, 0.1), rtol=2e-6)
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(ValueError, match=r"JAX is in single precision: call jax.config.update"):
        few(JAX)


@WITH_JAX
def test_jax_refuses_what_it_lacks():
    with pytest.raises(ValueError, match="jax has no quadrature for E"):
        mb.emit(mb.derive("lrt", noise="laplace:0.7"), backend="jax")


@pytest.mark.parametrize("name", ["deterministic", pytest.param("peters-welling", marks=pytest.mark.slow)])
def test_torch_modules_stay_right_when_compiled_in_single_precision(name):
    """Compiled float32 erf of torch 2.13 errs by 1e-7 however small its value."""
    maps, theirs = (few(each, name, ("mean",)) for each in (TORCH, NUMPY))
    fields = torch.tensor([1e-30, 1e-12, 1e-7, 1e-5, 1e-3, 0.3, 2.0], dtype=torch.float32)
    compiled = torch.compile(maps.mean, fullgraph=True)
    expected = theirs.mean(fields.double().numpy(), 1.0)
    assert np.allclose(compiled(fields, 1.0).numpy(), expected, rtol=1e-6, atol=0)
