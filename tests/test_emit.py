"""Emitted functions: they broadcast, keep their precision, differentiate, and behave at the edges of the domain."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

import meanbits
from meanbits.experiments.verification.points import random_points
from meanbits.numerics.emission.backends import BACKENDS, NUMPY, TORCH, Backend
from meanbits.numerics.emission.emit import compile_theory, emit, emitted_functions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.writer import separated
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.symbols import T, c, q, sigma_b2, sigma_m2, u, v

OPEN = compose(phi="h/sqrt(1 + h**2)")  # left to quadrature, as no row of the catalogue is
ROWS = pytest.mark.parametrize("surrogate", [*CATALOGUE, OPEN], ids=lambda surrogate: surrogate.name)
MAPS = ("variance_map", "correlation_map", "chi")


def functions(surrogate: Surrogate, backend: Backend = NUMPY) -> SimpleNamespace:
    return compile_theory(derive(surrogate), backend)


def extra(theory: Theory) -> tuple[float, ...]:
    return (0.8,) if theory.maps.takes_total else ()


@ROWS
def test_scalars_and_arrays_broadcast(surrogate: Surrogate) -> None:
    maps, rest = functions(surrogate), extra(derive(surrogate))
    correlations = np.linspace(-1, 1, 5)[:, None]
    variances = np.array([0.5, 1.5])
    table = maps.correlation_map(correlations, variances, 1.0, 0.1, *rest)
    assert table.shape == (5, 2)
    assert table[3, 1] == pytest.approx(float(maps.correlation_map(0.5, 1.5, 1.0, 0.1, *rest)), rel=1e-15)
    assert maps.variance_map(variances, 0.9, 0.1, *rest).shape == (2,)


@ROWS
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_single_precision_stays_single(surrogate: Surrogate, backend: Backend) -> None:
    maps, rest = functions(surrogate, backend), extra(derive(surrogate))
    values = np.array([0.3, 0.9], dtype=np.float32)
    array = torch.as_tensor(values) if backend is TORCH else values
    single = maps.correlation_map(array, 1.0, 0.5, 0.1, *rest)
    double = functions(surrogate).correlation_map(values.astype(np.float64), 1.0, 0.5, 0.1, *rest)
    assert str(single.dtype).endswith("float32")
    assert np.allclose(np.asarray(single), double, rtol=2e-6)


@ROWS
def test_gradcheck(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    arguments = (c, q, sigma_m2, sigma_b2, *((T,) if theory.maps.takes_total else ()))
    values = random_points(surrogate, arguments, 3, seed=8, moderate=True)
    tensors = [torch.as_tensor(value).requires_grad_() for value in values]
    assert torch.autograd.gradcheck(functions(surrogate, TORCH).correlation_map, tensors)


@ROWS
def test_equal_inputs_stay_equal_where_the_theory_says_so(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    if theory.criticality is None or theory.criticality.alignment != 0:
        pytest.skip("c = 1 is no fixed point")
    image = functions(surrogate).correlation_map(1.0, np.array([1e-8, 1e-2, 1.0, 1e4]), 0.7, 0.05, *extra(theory))
    is_closed = not theory.correlation_map.has(GaussianExpectation)
    assert np.abs(image - 1).max() <= (0 if is_closed else 1e-14)


@ROWS
def test_no_value_is_undefined_inside_the_domain(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    arguments = (c, q, sigma_m2, sigma_b2, *((T,) if theory.maps.takes_total else ()))
    values = random_points(surrogate, arguments, 200, seed=9)
    values[0][:2] = 1.0, -1.0
    maps = functions(surrogate)
    for name in MAPS:
        result = getattr(maps, name)(*(values[1:] if name == "variance_map" else values))
        assert not np.isnan(result).any()
    assert np.all(np.abs(maps.correlation_map(*values)) <= 1 + 1e-15)


@pytest.mark.parametrize("noise", ["gaussian", "logistic", "uniform", "laplace", "cauchy"])
def test_vanishing_noise_is_a_sign_neuron(noise: str) -> None:
    noisy, sharp = functions(compose(noise=f"{noise}:1e-7")), functions(compose("deterministic"))
    arguments = (np.array([0.2, 0.9]), 1.3, 0.6, 0.05)
    assert np.allclose(noisy.correlation_map(*arguments), sharp.correlation_map(*arguments), rtol=2e-6)
    assert np.allclose(noisy.chi(*arguments), sharp.chi(*arguments), rtol=2e-6)


def test_uniform_noise_is_continuous_in_its_scale() -> None:
    maps = functions(compose(noise="uniform:30"))
    wide = functions(compose("moment-matching", neurons="linear"))
    assert float(maps.variance_slope(1e-6, 1.0, 0.0)) == pytest.approx(1 / 900, rel=1e-3)
    assert float(wide.mean(0.3, 1.0)) == 0.3


def test_a_theory_emits_only_functions_of_its_arguments() -> None:
    for surrogate in CATALOGUE:
        theory = derive(surrogate)
        for function in emitted_functions(theory):
            free = function.expression.free_symbols - set(function.arguments)
            assert free <= (set() if theory.maps.takes_total else {T})


def test_separated_pairs() -> None:
    terms = separated(sp.exp(-sp.Abs(u) - sp.Abs(v)) * 3)
    assert terms == [(3, sp.exp(-sp.Abs(u)), sp.exp(-sp.Abs(u)))]
    with pytest.raises(ValueError, match="no product"):
        separated(sp.tanh(u * v))


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(ValueError, match="numpy has no airyai"):
        ArrayPrinter(NUMPY).source(sp.airyai(q))


def test_no_exponential_overflows_on_its_way_to_0() -> None:
    maps = functions(compose("moment-matching"))
    assert float(maps.mean(-60.0, 1.0)) == pytest.approx(0.0, abs=1e-300)
    assert "1 / np.exp" not in emit(derive(compose("moment-matching")))


@pytest.mark.slow
@pytest.mark.parametrize("correlation", ["0.5", "-0.9", "0.999999999", "-1", "1e-10"])
@pytest.mark.parametrize("variance", ["1e-8", "1", "1e4"])
@pytest.mark.parametrize("surrogate", [OPEN, compose("lrt", noise="cauchy")], ids=["paper form", "cauchy"])
def test_quadrature_over_the_whole_range(surrogate: Surrogate, variance: str, correlation: str) -> None:
    """Against nested Gauss-Legendre panels in mpmath; c as the float nearest to the text."""
    theory = derive(surrogate)
    point = {
        c: sp.Float(float(correlation), 30),
        q: sp.Float(float(variance), 30),
        sigma_m2: sp.Float(0.5, 30),
        sigma_b2: 0,
    }
    arguments = [float(point[symbol]) for symbol in (c, q, sigma_m2, sigma_b2)]
    for function in ("correlation_map", "chi"):
        expected = getattr(theory, function).subs(point).evalf(14)
        got = float(getattr(compile_theory(theory), function)(*arguments))
        assert abs(got / float(expected) - 1) <= 1e-11


def test_powers_below_a_fraction_keep_their_parentheses() -> None:
    x = sp.Symbol("x", positive=True)
    printer = ArrayPrinter(NUMPY)
    shown = [printer.doprint(value) for value in (x**-2, 1 / x, x**-3, 3 * x**-2, 1 / (1 + x))]
    assert shown == ["1 / (x * x)", "1 / x", "1 / x ** 3", "3 / (x * x)", "1 / (1 + x)"]


def test_the_jacobian_is_derived_when_asked_for() -> None:
    theory = replace(derive(compose("lrt")))
    maps = compile_theory(theory)
    assert "jacobian" not in vars(theory)
    assert {"jacobian", "source", "chi"} <= set(dir(maps))
    assert float(maps.jacobian(0.8, 0.6, 0.1)) == pytest.approx(float(theory.jacobian.leading.closed.subs(
        {q: 0.8, sigma_m2: 0.6, sigma_b2: 0.1}).evalf()), rel=1e-12)  # fmt: skip
    assert maps.source == emit(theory)
    with pytest.raises(AttributeError, match="no emitted slope"):
        _ = maps.slope
    assert not hasattr(compile_theory(derive(compose("stochastic-binary"))), "jacobian")


def test_a_declared_neuron_has_its_jacobian_too() -> None:
    maps = meanbits.compile(derive(compose(neurons="silu")))
    assert float(maps.jacobian(0.8, 0.6, 0.1, 1.3)) == float(vars(maps)["jacobian"](0.8, 0.6, 0.1, 1.3)) > 0
    assert "def jacobian(" in maps.source
