"""Gradients of emitted Torch maps: the emitted slopes, at the ends of every range too; and what torch.compile makes."""

from __future__ import annotations

import inspect
import math
import shutil
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.emit import compile_theory, emitted_functions
from meanbits.numerics.emission.runtime.elementwise_torch import (
    arc_cosine_difference,
    arc_cosine_kernel,
    erf,
    portion,
    scaled,
)
from meanbits.numerics.emission.runtime.gap_torch import gaussian_difference, gaussian_slope
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import derive
from tests.test_extremes import COMPOSED, means_of

LONG = ("moment-matching (neurons erf)", "moment-matching (neurons hardtanh)")  # to derive
ROWS = pytest.mark.parametrize("surrogate", [
    pytest.param(surrogate, id=surrogate.name, marks=[pytest.mark.slow] * (surrogate.name in LONG))
    for surrogate in (*CATALOGUE, *COMPOSED)
])  # fmt: skip
CORRELATIONS = [-1.0, -0.999999, 0.0, 0.999999, 1.0]
VARIANCES = [0.0, 1e-12, 1.0, 1e6, math.inf]
COMPILED = ("deterministic", "moment-matching")
COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")


def maps_of(surrogate: Surrogate) -> tuple[SimpleNamespace, tuple[float, ...]]:
    """The Torch functions of a surrogate, and the total variance that they take beside the others."""
    theory = derive(surrogate)
    return compile_theory(theory, TORCH), (0.8,) if theory.maps.takes_total else ()


def relative_error(value: Tensor, exact: Tensor) -> float:
    return float((torch.abs(value.double() - exact) / torch.abs(exact).clamp(min=1e-300)).max())


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def grid(first: list[float], second: list[float]) -> list[Tensor]:
    return [each.flatten() for each in torch.meshgrid(column(*first), column(*second), indexing="ij")]


@ROWS
def test_gradients_are_the_emitted_slopes(surrogate: Surrogate) -> None:
    """By Price's theorem dc'/dc is chi; at the ends the formulas themselves give 0 times infinity, or nothing."""
    maps, extra = maps_of(surrogate)
    cases = {
        ("correlation_map", "chi"): grid(CORRELATIONS, [0.5, 2.0]),
        ("gap_map", "chi_at_gap"): grid([1 - c for c in CORRELATIONS], [0.0, 0.5, 2.0, math.inf]),
        ("variance_map", "variance_slope"): [column(*VARIANCES)],
        ("total_map", "total_slope"): [column(*VARIANCES)],
    }
    for means in means_of(surrogate)[-2:]:
        for biases in (0.0, 0.1):
            for (name, slope), (first, *others) in cases.items():
                if hasattr(maps, name):
                    rest = (*others, means, biases, *(() if name == "total_map" else extra))
                    point = first.clone().requires_grad_()
                    value = getattr(maps, name)(point, *rest).sum()
                    found = torch.autograd.grad(value, point)[0] if value.requires_grad else torch.zeros_like(point)
                    expected = getattr(maps, slope)(first, *rest)
                    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)  # 1e-12 of quadratures


@ROWS
def test_gradients_in_the_parameters_at_the_ends(surrogate: Surrogate) -> None:
    maps, extra = maps_of(surrogate)
    means, step = means_of(surrogate)[-1], 1e-5
    point = column(1.3, min(means, 0.6), 0.2, *extra)
    for name, ends in (("correlation_map", (-1.0, 1.0)), ("gap_map", (0.0, 2.0))):
        for end in ends if hasattr(maps, name) else ():
            live = point.clone().requires_grad_()
            value = getattr(maps, name)(end, *live)
            assert value.requires_grad
            (found,) = torch.autograd.grad(value, live)
            for k in range(len(point)):
                shift = torch.zeros_like(point)
                shift[k] = step
                high, low = (getattr(maps, name)(end, *(point + side * shift)) for side in (1, -1))
                assert float(found[k]) == pytest.approx(float(high - low) / (2 * step), abs=1e-8)


def test_relu_by_hand() -> None:
    """dc'/dc = 1 - acos(c) / pi at sigma_m2 = 2, sigma_b2 = 0."""
    maps, _ = maps_of(compose("continuous", neurons="relu"))
    c = column(-1.0, 0.0, 1.0).requires_grad_()
    (found,) = torch.autograd.grad(maps.correlation_map(c, 1.0, 2.0, 0.0).sum(), c)
    assert found.tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-15)
    r = column(-1.0, 0.0, 1.0).requires_grad_()
    (found,) = torch.autograd.grad(maps.replica_map(r, 1.0, 2.0, 0.0).sum(), r)
    assert found.tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-15)


def test_a_slope_that_is_not_known_is_refused() -> None:
    maps, _ = maps_of(compose("deterministic"))
    q = column(0.0, 1.0).requires_grad_()
    with pytest.raises(ValueError, match="no slope in a variance at 0 or infinity is known"):
        maps.gap_map(0.3, q, 0.5, 0.1).sum().backward()
    maps.gap_map(0.3, q, 0.5, 0.1)[1].backward()
    assert bool(torch.isfinite(q.grad).all())


def test_second_derivatives_and_vmap_pass_through() -> None:
    maps, _ = maps_of(compose("deterministic"))
    point = tuple(column(each).requires_grad_() for each in (0.4, 1.3, 0.5, 0.1))
    assert torch.autograd.gradgradcheck(maps.correlation_map, point)
    gaps = column(0.0, 0.3, 2.0)
    mapped = torch.func.vmap(torch.func.grad(lambda gap: maps.gap_map(gap, 1.0, 0.5, 0.1)))(gaps)
    torch.testing.assert_close(mapped, maps.chi_at_gap(gaps, 1.0, 0.5, 0.1), rtol=1e-13, atol=0)


def test_runtime_functions_at_their_ends() -> None:
    """Kernels of relu: slopes t / (2 pi) and (pi - t) / (2 pi); shares and products where a part vanishes."""
    delta = column(0.0, 2.0).requires_grad_()
    (found,) = torch.autograd.grad(arc_cosine_kernel(delta).sum(), delta)
    assert found.tolist() == pytest.approx([0.0, 0.5], abs=1e-15)
    rest, drop = column(0.0, 0.0, 0.5).requires_grad_(), column(0.0, 2.0, 1.5).requires_grad_()
    in_rest, in_drop = torch.autograd.grad(arc_cosine_difference(rest, drop).sum(), (rest, drop))
    assert in_drop.tolist() == pytest.approx([0.5, 0.0, 0.0], abs=1e-15)
    assert in_rest.tolist() == pytest.approx([0.0, -0.5, -1 / 3], abs=1e-15)
    part, whole = column(0.0, 2.0).requires_grad_(), column(4.0, 0.0).requires_grad_()
    slopes = torch.autograd.grad(portion(part, whole).sum(), (part, whole))
    assert [each.tolist() for each in slopes] == [[0.25, 0.0], [0.0, -0.5]]
    share = column(0.0, 0.0).requires_grad_()
    assert scaled(share, column(3.0, math.inf)).tolist() == [0.0, 0.0]
    assert torch.autograd.grad(scaled(share, column(3.0, math.inf))[0], share)[0].tolist() == [3.0, 0.0]


def test_quadratures_at_no_drop_have_their_slope() -> None:
    def steep(u: Tensor) -> Tensor:
        return 1 / torch.cosh(u) ** 2

    drop = column(0.0, 0.7, 2.0).requires_grad_()
    (found,) = torch.autograd.grad(gaussian_difference(torch.tanh, 1.3, 0.0, drop, slope=steep).sum(), drop)
    expected = gaussian_slope(torch.tanh, 1.3, drop.detach(), slope=steep)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=0)


@COMPILER
def test_compiled_erf_keeps_its_digits() -> None:
    sizes = torch.logspace(-30, 0.9, 2001, dtype=torch.float64)
    x = torch.cat([-sizes, sizes]).float().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        value = torch.compile(erf, fullgraph=True)(x)
    torch.testing.assert_close(value.double(), torch.erf(x.double()), rtol=3e-7, atol=0)
    (slope,) = torch.autograd.grad(value.sum(), x)
    expected = 2 / math.sqrt(math.pi) * torch.exp(-(x.detach().double() ** 2))
    torch.testing.assert_close(slope.double(), expected, rtol=2e-6, atol=1e-12)
    assert torch.equal(erf(x), torch.erf(x))


@COMPILER
@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_in_float32_at_tiny_arguments(name: str) -> None:
    theory = derive(compose(name))
    maps, tiny = compile_theory(theory, TORCH), torch.tensor([1e-9, 1e-7, 3e-6, 1e-4, 0.01])
    given = {"sigma_m2": 0.5, "sigma_b2": 1e-3, "mu_4": 0.3, "Sigma": 1.1, "T": 0.7}
    for function in emitted_functions(theory):
        torch._dynamo.reset()
        plain = getattr(maps, function.name)
        names = list(inspect.signature(plain).parameters)
        arguments = [tiny if k == 0 else torch.full_like(tiny, given.get(each, 1.0)) for k, each in enumerate(names)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            found = torch.compile(plain)(*arguments)
        exact, eager = plain(*(each.double() for each in arguments)), plain(*arguments)
        assert found.dtype == torch.float32
        compiled, alone = (relative_error(each, exact) for each in (found, eager))
        assert compiled <= 3e-6 + 2 * alone, function.name  # some formulas cancel in float32 as they stand
