"""The spectrum of deep Jacobians: closed forms, moments, the derived chi_1, random networks; dynamical isometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, linalg, special

from meanbits.experiments.figures.jacobian_spectra import measure
from meanbits.experiments.random_networks.jacobians import JacobianNetwork, singular_values
from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.spectra.derived import compile_slopes
from meanbits.numerics.spectra.isometry import Isometry, dynamical_isometry, variance_per_layer
from meanbits.numerics.spectra.slope_law import SlopeLaw, slope_law
from meanbits.numerics.spectra.spectrum import Spectrum, spectrum
from meanbits.paper_figures.jacobian_spectra import caption, draw
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.mean_law import mean_law
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.stages.free_probability import INDEPENDENT, ORTHOGONAL, depth, depth_moments, mu_1, mu_2, w
from meanbits.theory.stages.jacobian import has_jacobian
from meanbits.theory.symbols import sigma_m2

WITHOUT = ("baldassi", "peters-welling", "random-binary", "stochastic-binary")
PAPER = compose("deterministic", phi="tanh", gain="1.5")
BERNOULLI = compose("shayer", neurons="hardtanh")
SOLVED = (*(row for row in CATALOGUE if row.name not in WITHOUT), PAPER, BERNOULLI,
          compose("deterministic", noise="laplace:0.5"), compose("shayer", neurons="relu"))  # fmt: skip
ROWS = pytest.mark.parametrize("surrogate", SOLVED, ids=lambda surrogate: surrogate.name)
LINEAR = SlopeLaw(np.ones(1), np.ones(1))
POINT = (0.5, 0.05)


def law_at(theory: Theory, means: float, biases: float) -> tuple[SlopeLaw, float]:
    found = fixed_point(theory, means, biases)
    return slope_law(theory, float(found.q), float(found.T)), float(found.chi_1)


def distance(theory: Spectrum, values: np.ndarray) -> float:
    """Kolmogorov's, values of J that are 0 but for rounding taken for what they are."""
    squares = np.sort(values.ravel()) ** 2
    zeros = int(np.sum(squares < 1e-24 * squares[-1]))
    cdf, steps = theory.cdf(squares[zeros:]), np.arange(zeros, squares.size + 1) / squares.size
    return float(max(np.max(np.abs(cdf - steps[1:])), np.max(np.abs(cdf - steps[:-1]))))


@pytest.mark.parametrize("layers", [1, 2, 3, 8])
def test_linear_neurons_give_fuss_catalan_moments_and_edge(layers: int) -> None:
    found = spectrum(LINEAR, 0.7, layers)
    for order in range(5):  # Fuss-Catalan numbers (Penson & Zyczkowski, Phys. Rev. E 83 (2011) 061118)
        expected = special.binom((layers + 1) * order, order) / (layers * order + 1) * 0.7 ** (layers * order)
        assert found.moment(order) == pytest.approx(expected, rel=1e-7 if order == 0 else 1e-12)
    edge = (layers + 1) ** (layers + 1) / layers**layers * 0.7**layers
    assert found.largest**2 == pytest.approx(edge, rel=1e-9)


def test_one_linear_layer_is_marchenko_pastur() -> None:
    found = spectrum(LINEAR, 1.0, 1)
    for z in (0.01, 0.5, 1.7, 3.9):  # density of s: sqrt(4 - s^2) / pi
        expected = integrate.quad(lambda s: math.sqrt(4 - s * s) / math.pi, 0, math.sqrt(z))[0]
        assert found.cdf(np.array([z]))[0] == pytest.approx(expected, abs=1e-5)
    assert found.cdf(np.array([5.0]))[0] == 1
    density = np.sqrt(np.exp(found.log_z) * (4 - np.exp(found.log_z))) / (2 * math.pi)
    assert np.nan_to_num(density) == pytest.approx(found.density, abs=1e-7)


def test_hard_tanh_has_the_atom_and_the_edges_of_a_narrower_matrix() -> None:
    theory = derive(BERNOULLI)
    law, _ = law_at(theory, 0.9, 0.1)
    q = float(fixed_point(theory, 0.9, 0.1).q)
    assert law.flat == pytest.approx(special.erfc(1 / math.sqrt(2 * q)), rel=1e-12)
    open_part, found = 1 - law.flat, spectrum(law, 0.9, 1)
    edges = [0.9 * (1 + sign * math.sqrt(open_part)) ** 2 for sign in (1, -1)]  # W of N x pN: Marchenko-Pastur
    assert np.exp(found.log_z[[0, -1]]) == pytest.approx(edges, rel=1e-9)
    assert found.cdf(np.array([edges[1] / 2]))[0] == pytest.approx(law.flat, rel=1e-9)
    assert found.mass == pytest.approx(1, abs=1e-9)


@ROWS
def test_moments_are_those_of_the_s_transform(surrogate: Surrogate) -> None:
    theory = derive(surrogate)
    law, chi_1 = law_at(theory, *POINT)
    assert POINT[0] * law.moment(1) == pytest.approx(chi_1, rel=1e-12)
    formulas = depth_moments(INDEPENDENT)
    numbers = {sigma_m2: POINT[0], mu_1: law.moment(1), mu_2: law.moment(2)}
    for layers in (2, 10):
        mean, variance = (float(each.subs({**numbers, depth: layers}))
                          for each in (formulas.mean, formulas.relative_variance))  # fmt: skip
        found = spectrum(law, POINT[0], layers)
        assert found.mass == pytest.approx(1, abs=1e-6)
        assert found.moment(1) == pytest.approx(mean, rel=1e-10)
        assert mean == pytest.approx(chi_1**layers, rel=1e-10)
        assert found.moment(2) / mean**2 - 1 == pytest.approx(variance, rel=1e-8)


@ROWS
@pytest.mark.parametrize("point", [(0.3, 1e-3), (0.9, 0.3)])
def test_the_mean_squared_singular_value_is_chi_1(surrogate: Surrogate, point: tuple[float, float]) -> None:
    theory = derive(surrogate)
    found, maps = fixed_point(theory, *point), compile_theory(theory)
    extra = (found.T,) if theory.maps.takes_total else ()
    if hasattr(maps, "jacobian"):
        assert maps.jacobian(found.q, *point, *extra) == pytest.approx(float(found.chi_1), rel=1e-12)


def test_s_transforms_follow_from_their_laws() -> None:
    assert sp.simplify(INDEPENDENT.s_transform - 1 / (sigma_m2 * (1 + w))) == 0
    assert (INDEPENDENT.first_coefficient, ORTHOGONAL.first_coefficient) == (-1, 0)
    matrix = np.random.default_rng(3).choice([-1.0, 1.0], (400, 400)) / 20  # a check of Marchenko & Pastur's equation
    assert np.sum((matrix @ matrix.T) ** 2) / 400 == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(("surrogate", "law"), [
    (PAPER, "two-point"), (compose("deterministic"), "beta"), (compose("lrt"), "clipped-gaussian"),
])  # fmt: skip
def test_networks_approach_the_spectrum_as_they_widen(surrogate: Surrogate, law: str) -> None:
    network = JacobianNetwork(derive(surrogate), mean_law(law), 0.6, 0.05)
    distances = []
    for width, realisations in ((40, 12), (200, 2)):
        values = singular_values(network, width=width, depths=(1, 3), realisations=realisations, seed=width)
        distances.append([np.mean([distance(spectrum(network.slopes, 0.6, layers), each) for each in found])
                          for layers, found in values.items()])  # fmt: skip
    narrow, wide = np.array(distances)
    assert np.all(wide < 0.7 * narrow)
    assert np.max(wide) < 0.5 / math.sqrt(200)  # eigenvalues repel, to 1/N; but q fluctuates by 1/sqrt(N)


@pytest.mark.slow
@pytest.mark.parametrize("surrogate", SOLVED, ids=lambda surrogate: surrogate.name)
def test_wide_networks_have_the_spectrum(surrogate: Surrogate) -> None:
    network = JacobianNetwork(derive(surrogate), mean_law("two-point"), *POINT)
    for width in (300, 900):
        values = singular_values(network, width=width, depths=(1, 5), realisations=1, seed=width)
        for layers, found in values.items():
            # slopes are independent draws: their law is met to 1.95/sqrt(N) with probability 0.999 (Kolmogorov)
            assert distance(spectrum(network.slopes, POINT[0], layers), found) < 1.95 / math.sqrt(width)


def test_orthogonal_means_leave_the_spread_of_the_slopes() -> None:
    theory, width, layers, sigma = derive(PAPER), 256, 4, math.sqrt(0.6)
    network = JacobianNetwork(theory, mean_law("two-point"), 0.6, 0.05)
    rng, products = np.random.default_rng(8), []
    for _ in range(6):
        fields, product = network.stationary(width, 1, rng), np.eye(width)
        for _ in range(layers):
            hadamard = linalg.hadamard(width) * rng.choice([-1.0, 1.0], (width, 1)) * rng.choice([-1.0, 1.0], width)
            biases = math.sqrt(0.05) * rng.standard_normal((1, width))
            layer = network.propagated(fields, sigma * hadamard[None], biases, None)
            fields, product = layer.fields, layer.direct[0] @ product
        products.append(np.linalg.svd(product, compute_uv=False) ** 2)
    measured = np.mean([np.var(squares) / np.mean(squares) ** 2 for squares in products])
    expected = layers * variance_per_layer("orthogonal", network.slopes.spread)
    assert measured == pytest.approx(expected, rel=0.1)
    assert measured < 0.5 * layers * variance_per_layer("independent", network.slopes.spread)


def isometry_of(theory: Theory) -> Isometry | None:
    return dynamical_isometry(theory, certify(theory).feasible if has_jacobian(theory.maps) else "none")


@pytest.mark.parametrize("surrogate", [*CATALOGUE, PAPER, BERNOULLI], ids=lambda surrogate: surrogate.name)
def test_no_surrogate_has_dynamical_isometry_with_independent_means(surrogate: Surrogate) -> None:
    verdict = isometry_of(derive(surrogate))
    assert (verdict is None) == (surrogate.name in WITHOUT)
    if verdict is None:
        return
    assert not verdict.possible
    assert verdict.growth == 1
    smooth = ("continuous", "shayer", PAPER.name, BERNOULLI.name)  # critical with a small field, slopes then constant
    assert verdict.with_orthogonal == (surrogate.name in smooth)
    assert ("allow" in verdict.reason) == verdict.with_orthogonal


def test_slopes_of_kinked_and_constant_neurons() -> None:
    relu, linear = (derive(compose("continuous", neurons=name)) for name in ("relu", "linear"))
    assert slope_law(relu, 2.0, 2.0).weights == pytest.approx([0.5, 0.5], rel=1e-14)
    assert slope_law(linear, 2.0, 2.0).spread == pytest.approx(1, rel=1e-14)
    assert isometry_of(relu).orthogonal_growth == pytest.approx(1, rel=1e-12)  # type: ignore[union-attr]
    vanished = slope_law(derive(compose("continuous")), 0.0, 0.0)
    assert (vanished.squares, vanished.weights) == (1, 1)
    tail = slope_law(derive(compose("moment-matching")), 10.0, 1.0)  # 1 + erf(x) would cancel: the slope never is 0
    assert 0 < np.min(tail.squares[tail.squares > 0]) < 1e-90


def test_laws_of_slopes_at_the_ends_are_limits() -> None:
    """Scale-free neurons have one law at any field, kinks split fields next to 0 in two, sharp fields have no noise."""
    relu, half = derive(compose("continuous", neurons="relu")), pytest.approx([0.5, 0.5], rel=1e-14)
    for q in (0.0, 1e-300, 1.0, 1e300, np.inf):
        law = slope_law(relu, q, q)
        assert list(law.squares) == [0, 1]
        assert law.weights == half
    matched = derive(compose("moment-matching"))
    assert slope_law(matched, np.inf, 0.2).moment(1) == pytest.approx(0.5, rel=1e-12)
    assert slope_law(matched, 3.7, 0.0).moment(1) == pytest.approx(slope_law(matched, 3.7, 1e-3).moment(1), rel=1e-12)
    erf = slope_law(derive(compose("moment-matching", neurons="erf")), np.inf, 0.4)
    for order in (1, 2):  # (4/pi)^n E exp(-2 n u^2), u ~ N(0, T)
        assert erf.moment(order) == pytest.approx((4 / math.pi) ** order / math.sqrt(1 + 4 * order * 0.4), rel=1e-12)
    kinked = slope_law(derive(compose("deterministic", phi="sign(h)*(1-exp(-abs(h)))")), 0.0, 1.0)
    assert (kinked.squares, kinked.weights) == (1, 1)


@pytest.mark.parametrize("point", [(2.0, 0.0), (2.0, 1e-3), (1.0, 0.0)])
def test_relu_where_no_or_every_variance_is_fixed(point: tuple[float, float]) -> None:
    """z of L layers: mean (sigma_m2/2)^L, variance L (1 + 1) times its square; half of the neurons pass nothing."""
    law, chi_1 = law_at(derive(compose("continuous", neurons="relu")), *point)
    assert point[0] * law.moment(1) == pytest.approx(chi_1, rel=1e-14) == point[0] / 2
    found = spectrum(law, point[0], 10)
    assert found.zeros == pytest.approx(0.5, rel=1e-14)
    assert found.moment(1) == pytest.approx((point[0] / 2) ** 10, rel=1e-9)
    assert found.moment(2) / found.moment(1) ** 2 - 1 == pytest.approx(20, rel=1e-7)
    rng, width = np.random.default_rng(4), 400
    product = np.eye(width)
    for _ in range(10):  # by singular values: slopes are 0 or 1 with equal chance whatever the scale
        weights = rng.standard_normal((width, width)) * math.sqrt(point[0] / width)
        product = (weights * (rng.random(width) < 0.5)) @ product
    squares = np.linalg.svd(product, compute_uv=False) ** 2
    assert np.mean(squares) / (point[0] / 2) ** 10 == pytest.approx(1, abs=4 * math.sqrt(21 / width))
    assert np.mean(squares < 1e-20 * squares[0]) == pytest.approx(0.55, abs=0.06)  # the least rank of ten


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="random-binary: it has no Jacobian"):
        compile_slopes(derive(compose("random-binary")))
    for law, means, layers in ((LINEAR, 1.0, 0), (LINEAR, 0.0, 2), (SlopeLaw(np.zeros(1), np.ones(1)), 1.0, 2)):
        with pytest.raises(ValueError, match="must be positive"):
            spectrum(law, means, layers)
    theory = derive(compose("deterministic"))
    with pytest.raises(ValueError, match="not resolved"):
        spectrum(slope_law(theory, 400.0, 20.0), 0.99, 1)


def test_figure_at_preset_smoke(tmp_path: object) -> None:
    ticks: list[tuple[int, int]] = []
    dataset = measure(None, "smoke", 0, lambda done, total: ticks.append((done, total)))
    assert ticks[-1] == (8, 8)
    assert float(dataset.chi_1[0]) == pytest.approx(1, rel=1e-12)
    assert float(dataset.distance.max()) < 0.03
    assert dataset.variance.values == pytest.approx(dataset.variance_theory.values, rel=0.15)
    width = float(dataset.bin[1] - dataset.bin[0])
    assert float(dataset.simulated[0, 0].sum()) * width == pytest.approx(1, abs=0.01)
    assert {path.suffix for path in draw(dataset, str(tmp_path))} == {".pdf", ".png"}
    assert "free probability" in caption(dataset)
    with pytest.raises(ValueError, match="unknown preset"):
        measure(None, "huge", 0, lambda done, total: None)
