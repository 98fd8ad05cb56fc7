"""Fixed points, depth scales, phase diagrams: against the maps, arbitrary precision, and theorems."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
import xarray as xr

import meanbits as mb
from meanbits.numerics.blocks import BLOCK, in_blocks
from meanbits.numerics.datasets import is_ours, read, save
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.domain import refuse_nan
from meanbits.numerics.solvers.gradients import gradient_scales
from meanbits.numerics.solvers.newton import descended_fixed_point, positive_fixed_point
from meanbits.numerics.solvers.phase import labelled_phases, phase_diagram
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.settle import NoFixedPointError, put_back
from meanbits.numerics.solvers.solve import error_bound, fixed_point
from meanbits.numerics.solvers.stability import all_variances, decays, described
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.stages.decay import gap_decay, variance_decay

ERF = compose("continuous", neurons="erf")
PAPER = compose("deterministic", form="paper", phi="erf", gain=1.5)
SOLVED = (*(row for row in CATALOGUE if not row.real_input), ERF, PAPER, compose("lrt", noise="gaussian:1"))
ROWS = pytest.mark.parametrize("surrogate", SOLVED, ids=lambda surrogate: surrogate.name)


def grid(theory: Theory) -> tuple[np.ndarray, np.ndarray]:
    fixed = theory.surrogate.weights.mean_square
    means = np.array([float(fixed)]) if fixed is not None else np.array([0.05, 0.5, 0.97, 1.0])
    return np.meshgrid(means, [0.0, 1e-9, 0.02, 1.5], indexing="ij")  # type: ignore[return-value]


@ROWS
def test_fixed_points_are_fixed_and_stable(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    maps, found = compile_theory(theory), fixed_point(theory, *grid(theory))
    extra = (found.T,) if theory.maps.takes_total else ()
    after = maps.variance_map(found.q, *grid(theory), *extra)
    finite = np.isfinite(found.q) & (found.q > 0) & (found.T > 0)
    assert after[finite] == pytest.approx(found.q[finite], rel=1e-13)
    gaps = maps.gap_map(found.gap, found.q, *grid(theory), *extra)
    assert gaps == pytest.approx(found.gap, rel=1e-12)
    assert np.all(found.chi <= 1 + 1e-12)
    assert np.all((found.c >= 0) & (found.c <= 1))
    known = [values for name, values in vars(found).items() if name != "chi_g" or gradient_scales(theory, found)]
    assert not any(np.any(np.isnan(values)) for values in known)


@ROWS
def test_the_replica_map_fixes_r(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    if theory.maps.replica_map is None:
        pytest.skip("an approximation: no replica map")
    found = fixed_point(theory, 0.6 if surrogate.weights.mean_square is None else 1.0, 0.3)
    after = compile_theory(theory).replica_map(found.r, found.T, found.sigma_m2, found.sigma_b2)
    assert after == pytest.approx(found.r, rel=1e-12)


def test_exactly_marginalised_sign_neurons_against_arbitrary_precision() -> None:
    theory, generator = derive(compose("deterministic")), np.random.default_rng(2)
    means, biases = generator.uniform(0.01, 1, 40), 10 ** generator.uniform(-12, 2, 40)
    found = fixed_point(theory, means, biases)
    bounds = error_bound(theory, found)
    with mpmath.workdps(40):
        for i in range(40):
            weight, bias = mpmath.mpf(means[i]), mpmath.mpf(biases[i])

            def excess(r: mpmath.mpf, weight: mpmath.mpf = weight, bias: mpmath.mpf = bias) -> mpmath.mpf:
                return (2 / mpmath.pi * weight * mpmath.asin(r) + bias) / (1 + bias) - r

            r = mpmath.findroot(excess, mpmath.mpf(found.r[i]))
            assert abs(found.q[i] / (r / (1 - r)) - 1) <= bounds[i]
            assert bounds[i] < 1e-12
            slope = 2 / mpmath.pi * weight / mpmath.sqrt(1 - r**2) / (1 + bias)
            assert abs(found.chi_1[i] / slope - 1) < 1e-12


@pytest.mark.parametrize("surrogate", [compose("deterministic"), compose("deterministic", noise="gaussian:0.3"),
                                       compose("moment-matching")], ids=lambda surrogate: surrogate.name)  # fmt: skip
def test_exact_marginalisation_has_one_depth_scale_and_no_criticality(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    found = fixed_point(theory, *np.meshgrid(np.linspace(0.01, 0.999, 30), [1e-6, 0.01, 0.3, 2.0]))
    assert found.dq == pytest.approx(found.chi_1, rel=1e-9)
    assert np.all(found.chi_1 < 1)
    assert np.all(found.phase == "ordered")


def test_sign_neurons_forget_within_two_layers_without_biases() -> None:
    found = fixed_point(derive(compose("deterministic")), 1.0, [0.0, 1e-12])
    assert found.xi_c == pytest.approx(1 / math.log(math.pi / 2), rel=1e-9)


def test_phases_beside_the_critical_curve() -> None:
    theory = derive(PAPER)
    maps = compile_theory(theory)
    for q in (1e-3, 0.1, 3.0):
        means, biases = float(maps.critical_sigma_m2(q)), float(maps.critical_sigma_b2(q))
        sides = fixed_point(theory, means * np.array([1 - 1e-9, 1 + 1e-9]), biases)
        assert list(sides.phase) == ["ordered", "chaotic"]
        assert fixed_point(theory, means, biases).chi_1 == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("neurons", ["erf", "relu", pytest.param("hardtanh", marks=pytest.mark.slow)])
def test_the_gap_decays_as_a_power_of_depth_at_criticality(neurons: str) -> None:
    theory = derive(compose("continuous", neurons=neurons))
    maps, law = compile_theory(theory), gap_decay(theory.maps)
    assert law is not None
    q = 0.7
    means, biases = (
        (2.0, 0.0) if neurons == "relu" else (float(maps.critical_sigma_m2(q)), float(maps.critical_sigma_b2(q)))
    )
    names = {"q": q, "T": q, "sigma_m2": means, "sigma_b2": biases}
    amplitude = float(law.amplitude.subs({symbol: names[symbol.name] for symbol in law.amplitude.free_symbols}))
    gap, layers = 1.0, 20000
    for _ in range(layers):
        gap = float(maps.gap_map(gap, q, means, biases))
    assert gap * layers ** float(law.exponent) / amplitude == pytest.approx(1, rel=5e-3)


def test_the_variance_decays_as_a_power_of_depth_at_the_edge() -> None:
    for surrogate, means in ((ERF, math.pi / 4), (PAPER, math.pi / 2 / 1.5**2)):
        theory = derive(surrogate)
        law, after, q, layers = variance_decay(theory.maps), compile_theory(theory).variance_map, 0.1, 50000
        assert law is not None
        for _ in range(layers):
            q = float(after(q, means, 0.0))
        expected = float(law.amplitude.subs(dict.fromkeys(law.amplitude.free_symbols, means)))
        assert q * layers / expected == pytest.approx(1, rel=2e-3)


def test_all_variances_with_their_stability() -> None:
    points = all_variances(derive(ERF), 2.0, 0.0)
    assert [point.stable for point in points] == [False, True]
    assert points[0].q == 0
    assert points[1].q == pytest.approx(float(fixed_point(derive(ERF), 2.0, 0.0).q), rel=1e-13)
    sign = all_variances(derive(compose("deterministic")), 1.0, 0.1)
    assert [(math.isinf(point.q), point.stable) for point in sign] == [(False, True), (True, False)]
    diverging = all_variances(derive(compose("continuous", neurons="relu")), 3.0, 0.1)
    assert [(point.q, point.stable) for point in diverging] == [(math.inf, True)]


def test_described_names_the_power_laws_at_criticality() -> None:
    relu = described(derive(compose("continuous", neurons="relu")), 2.0, 0.0)
    assert relu["phase"] == "critical"
    assert relu["xi_c"] == math.inf
    edge = described(derive(ERF), math.pi / 4, 0.0)
    assert edge["decay"]["q"]["exponent"] == 1


def test_gains_are_surrogates_of_their_own() -> None:
    gains = np.array([0.8, 1.5, 3.0])
    found = fixed_point(derive(PAPER), 0.7, 0.05, gain=gains)
    for i, gain in enumerate(gains):
        alone = fixed_point(derive(compose("deterministic", form="paper", phi="erf", gain=gain)), 0.7, 0.05)
        for name in ("q", "gap", "chi_1", "dq"):
            assert getattr(found, name)[i] == pytest.approx(float(getattr(alone, name)), rel=1e-12)


def test_newton_reaches_fixed_points_at_any_scale() -> None:
    scales = 10.0 ** np.arange(-200, 201, 50)
    found = positive_fixed_point(
        lambda x, chosen: scales[chosen] * (1 + x / (scales[chosen] + x)) / 2,
        lambda x, chosen: 0.5 / (1 + x / scales[chosen]) ** 2,
        scales.size,
    )
    assert found / scales == pytest.approx(1 / math.sqrt(2), rel=1e-12)
    roots = descended_fixed_point(
        lambda x, chosen: np.sqrt(x) * 1e-3 ** (chosen + 1), lambda x, chosen: 1e-3 ** (chosen + 1) / (2 * np.sqrt(x)),
        np.arange(3),
    )  # fmt: skip
    assert roots == pytest.approx([1e-6, 1e-12, 1e-18], rel=1e-12)


@pytest.mark.parametrize(
    "surrogate",
    [*SOLVED, compose(noise="cauchy"), compose(weights="fixed", neurons="sign"), compose(weights="ternary:0.1")],
    ids=lambda surrogate: surrogate.name,
)
def test_no_parameters_give_nan(surrogate: Surrogate) -> None:
    theory, limit = derive(surrogate), surrogate.weights.mean_limit
    fixed = surrogate.weights.mean_square
    means = np.linspace(0, 1 if limit is None else float(limit) ** 2, 5) if fixed is None else np.array([float(fixed)])
    found = fixed_point(theory, means[:, None], np.array([0, 1e-300, 1e-12, 0.01, 1, 1e6]))
    for name, values in vars(found).items():
        assert not np.isnan(values).any() or (name == "chi_g" and gradient_scales(theory, found) is None), name
    assert np.all((found.gap >= 0) & (found.gap <= 1) & (found.chi >= 0))


def test_depth_scales_at_the_ends() -> None:
    assert list(depth_scale([0.0, 1.0])) == [0, math.inf]
    assert depth_scale(math.exp(-0.1)) == pytest.approx(10)


@pytest.mark.parametrize(("means", "biases", "gain", "message"), [
    (1.1, 0.0, None, r"sigma_m2 must be in \[0, 1\]"), (0.5, -1.0, None, "sigma_b2 must be finite"),
    (0.5, 0.1, 0.0, "gains must lie between"), (0.5, 0.1, 1e308, "gains must lie between"),
])  # fmt: skip
def test_parameters_out_of_the_domain_are_refused(
    means: float, biases: float, gain: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fixed_point(derive(PAPER), means, biases, gain)


def test_a_single_layer_and_a_gain_without_paper_form_are_refused() -> None:
    with pytest.raises(ValueError, match="no fixed point"):
        fixed_point(derive(compose("baldassi")), 0.5, 0.1)
    with pytest.raises(ValueError, match="no gain"):
        fixed_point(derive(compose("deterministic")), 0.5, 0.1, gain=2.0)


def test_neurons_that_jump_and_are_no_polynomials_have_the_slopes_of_their_map() -> None:
    """exp(-|h|) above 0, and 0 below."""
    maps = compile_theory(derive(compose("continuous", neurons="expr:exp(-abs(h))*(1+sign(h))/2")))
    at, step = np.array([0.3, 1.0, 4.0]), 1e-4
    low, high = (maps.variance_map(at * (1 + side * step), 0.7, 0.1) for side in (-1, 1))
    assert maps.variance_slope(at, 0.7, 0.1) == pytest.approx((high - low) / (2 * step * at), rel=1e-6)


@pytest.mark.parametrize(
    "given", [object(), [1, {}], 10**400, "x", [[1], [1, 2]]], ids=lambda each: type(each).__name__
)
def test_what_is_no_number_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"sigma_m2 = .* is no finite number, nor an array of them"):
        fixed_point(derive(ERF), given, 0.1)  # type: ignore[arg-type]


def test_results_that_are_no_numbers_are_refused_with_their_point() -> None:
    points = {"sigma_m2": np.array([1.0, 2.0]), "sigma_b2": np.array([0.0, 0.5])}
    refuse_nan({**points, "q": np.array([0.0, np.inf])})
    with pytest.raises(ValueError, match=r"chi is no number at sigma_m2 = 2, sigma_b2 = 0\.5"):
        refuse_nan({**points, "chi": np.array([0.0, np.nan])})


@pytest.mark.parametrize("place", [1e-3, 0.5, 2.0, 1e6])
def test_what_its_map_moves_is_no_fixed_point(place: float) -> None:
    points = np.array([0.0, place, np.inf])
    slope = lambda x, which: np.ones_like(x)  # noqa: E731
    assert np.all(put_back(points, lambda x, which: x, slope) == points)
    with pytest.raises(NoFixedPointError, match=r"was found and maps to") as error:
        put_back(points, lambda x, which: x * (1 + 1e-6), slope)
    assert error.value.point == 1
    with pytest.raises(NoFixedPointError, match="the map is no number") as error:
        put_back(np.array([place, np.nan]), lambda x, which: x, slope)
    assert error.value.point == 1


@pytest.mark.parametrize(("means", "biases", "laws"), [(1.0, 0.0, {"q"}), (0.5, 0.0, set()), (1.5, 0.1, set())])
def test_powers_of_depth_are_told_where_slopes_are_1(means: float, biases: float, laws: set[str]) -> None:
    """Of tanh with neither biases nor gain q decays as a power; that of the gap needs a q."""
    theory = derive(compose("continuous"))
    assert decays(theory, fixed_point(theory, means, biases)).keys() == laws


def test_phase_diagrams_are_labelled_and_saved(tmp_path: Path) -> None:
    diagram = phase_diagram(derive(ERF), [0.5, 1.0, 2.0], [0.0, 0.1])
    assert diagram["xi_c"].dims == ("sigma_m2", "sigma_b2")
    alone = fixed_point(derive(ERF), 2.0, 0.1)
    assert float(diagram["q"].sel(sigma_m2=2.0, sigma_b2=0.1)) == float(alone.q)
    with xr.open_dataset(save(diagram, tmp_path / "deep" / "phase.nc"), engine="scipy") as read:
        assert read.attrs["surrogate"] == ERF.name
        xr.testing.assert_equal(read, diagram)
    assert is_ours(tmp_path / "deep" / "phase.nc")
    gains = phase_diagram(derive(PAPER), [0.5, 1.0], 0.01, gain=[1.0, 2.0, 3.0])
    assert gains["chi_1"].shape == (2, 3)
    with pytest.raises(ValueError, match="without points"):
        phase_diagram(derive(ERF), [], [0.0])


def test_a_phase_diagram_is_written_as_xarray_would_write_it(tmp_path: Path) -> None:
    grids = ([0.5, 1.0, 2.0], [0.0, 0.1], None), ([0.5, 1.0], 0.01, [1.0, 2.0, 3.0])
    for theory, grid in zip((derive(ERF), derive(PAPER)), grids, strict=True):
        found = labelled_phases(theory, *grid).assign_attrs(version="1")
        paths = save(found, tmp_path / "ours.nc"), save(found.dataset(), tmp_path / "theirs.nc")
        ours, theirs = (path.read_bytes() for path in paths)
        assert ours == theirs
        again = read(paths[0])
        assert again is not None
        del again.attrs["producer"]
        assert again.identical(found.dataset())


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes.nc"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="no dataset of meanbits"):
        save(phase_diagram(derive(ERF), [0.5], [0.0]), path)
    assert path.read_text() == "mine"


def test_blocks_change_nothing() -> None:
    rows, columns = np.linspace(0, 1, 5 * BLOCK)[:, None], np.array([1.0, 2.0, 3.0])
    assert np.array_equal(in_blocks(np.arctan2)(rows, columns), np.arctan2(rows, columns))
    assert in_blocks(np.arctan2)(1.0, 2.0) == np.arctan2(1.0, 2.0)


def test_workers_share_out_what_is_shared_out_to_them() -> None:
    """In a process of its own, which ends: workers that wait for workers would wait for ever."""
    code = """
from meanbits.numerics.blocks import CORES, on_all_cores
parts = on_all_cores(lambda _: on_all_cores(lambda part: part.start, 8, 1), 2 * CORES, 1)
assert parts == [list(range(8))] * (2 * CORES), parts
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("gain", ["1.4619", "1.4618985766662782", "0.00012345678901234567"])
def test_gains_of_many_digits_keep_the_fixed_point(gain: str) -> None:
    """Exact coefficients become integers beyond what arrays hold; the same point by rescaling q is the reference."""
    unit, own = (derive(compose("deterministic", phi="erf", gain=each)) for each in (1, gain))
    expected, found = fixed_point(unit, 0.8, 0.001, float(gain)), fixed_point(own, 0.8, 0.001)
    for name in ("q", "c", "chi", "chi_1", "dq"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12), name


@pytest.mark.parametrize("name", ["deterministic", "xnor"])
def test_numbers_beyond_all_of_floating_point_are_refused(name: str) -> None:
    huge, means = 10**400, {"deterministic": 0.5, "xnor": 1.0}[name]
    for call in (
        lambda: mb.fixed_point(name, means, huge),
        lambda: mb.phase_diagram(name, [means], [huge]),
        lambda: mb.profile(name, 2, means, huge),
        lambda: mb.advise(name, 3, huge),
        lambda: mb.fixed_point(name, huge, 0.1),  # also where weights settle it
        lambda: mb.phase_diagram(name, [huge], [0.1]),
    ):
        with pytest.raises(ValueError, match=r"sigma_[mb]2 = .* is no finite number"):
            call()
