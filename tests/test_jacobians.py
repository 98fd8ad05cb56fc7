"""Jacobians of random layers: explicit matrices against autograd, the derived O(1/N) terms, gradients over depth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy import special

from meanbits.experiments.random_networks.jacobians import (
    Fields,
    JacobianNetwork,
    MeanSquares,
    mean_squares,
    singular_values,
)
from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.emit import compile_theory, omitted_functions
from meanbits.numerics.solvers.gradients import gradient_depth_scale, gradient_scales
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.numerics.spectra.width_terms import width_terms
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.mean_law import MEAN_LAWS, MeanLaw, mean_law
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.derive import derive
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.stages.jacobian import small
from meanbits.theory.stages.width_correction import width_correction
from meanbits.theory.symbols import mu_4, q

PAPER = compose("deterministic", phi="tanh", gain="1.5")
SIGN, LRT = compose("deterministic"), compose("lrt", noise="gaussian:0.5")
OF_ONE_FIELD = (SIGN, PAPER, LRT, compose("shayer"), compose("continuous"),
                compose("shayer", neurons="tanh", weights="ternary:0.7"))  # fmt: skip
TWO_MOMENTS = (compose("moment-matching"), compose("deterministic", noise="gaussian:0.5"))
NAMED = {"ids": lambda each: each.name}
POINT = (0.3, 0.2)


def autograd(network: JacobianNetwork, layers: int, width: int, through_sigma: bool) -> tuple[np.ndarray, np.ndarray]:
    """dh^L/dh^0 by autograd through a plain forward pass, and as the product of explicit matrices."""
    rng, surrogate = np.random.default_rng(4), network.theory.surrogate
    neuron, integrated = compile_theory(network.theory, TORCH), network.integrated
    start = network.stationary(width, 1, rng)
    draws = [(network.means.draw(width, width, rng), 0.4 * rng.standard_normal(width), rng.standard_normal(width))
             for _ in range(layers)]  # fmt: skip
    second = surrogate.weights.second
    sampled = surrogate.treatment.field == "sampled"

    def forward(h: torch.Tensor) -> torch.Tensor:
        variance = torch.tensor(start.variance[0])
        field = h * torch.sqrt(variance) if integrated else h
        for weights, biases, noise in draws:
            arguments = (field, variance) if integrated else (field,)
            mean, square = neuron.mean(*arguments), neuron.second_moment(*arguments)
            m = torch.tensor(weights)
            moments = torch.full_like(m, float(second)) if second.is_number else m**2
            field = m @ mean / math.sqrt(width) + torch.tensor(biases)
            variance = (moments @ square - m**2 @ mean**2) / width
            variance = variance if through_sigma else variance.detach()
            field = field + torch.sqrt(variance) * torch.tensor(noise) if sampled else field
        return field / torch.sqrt(variance) if integrated else field

    unit = np.sqrt(start.variance[0]) if integrated else 1.0
    automatic = torch.autograd.functional.jacobian(forward, torch.tensor(start.field[0] / unit))
    fields, product = start, np.eye(width)
    for weights, biases, noise in draws:
        layer = network.propagated(fields, weights[None], biases[None], noise[None] if sampled else None)
        fields, product = layer.fields, (layer.direct + through_sigma * layer.through_sigma)[0] @ product
    return automatic.numpy(), product


@pytest.mark.parametrize("through_sigma", [True, False])
@pytest.mark.parametrize("surrogate", OF_ONE_FIELD, **NAMED)
def test_products_of_explicit_matrices_are_the_autograd_jacobian(surrogate: Surrogate, through_sigma: bool) -> None:
    network = JacobianNetwork(
        derive(surrogate), mean_law("beta" if surrogate.weights.is_random else "two-point"), *POINT
    )
    automatic, product = autograd(network, 3, 24, through_sigma)
    assert np.max(np.abs(automatic - product)) <= 1e-10 * np.max(np.abs(product))


@pytest.mark.parametrize(("layers", "through_sigma"), [(1, True), (3, False)])
@pytest.mark.parametrize("surrogate", TWO_MOMENTS, **NAMED)
def test_neurons_of_two_moments_with_sigma_of_the_layer_before_held(
    surrogate: Surrogate, layers: int, through_sigma: bool
) -> None:
    network = JacobianNetwork(derive(surrogate), mean_law("clipped-gaussian"), *POINT)
    automatic, product = autograd(network, layers, 24, through_sigma)
    assert np.max(np.abs(automatic - product)) <= 1e-10 * np.max(np.abs(product))


def z_score(values: np.ndarray, expected: float) -> float:
    """Student's t as the normal quantile of equal probability."""
    t = (values.mean() - expected) / (values.std(ddof=1) / math.sqrt(values.size))
    return float(-np.sign(t) * special.ndtri(special.stdtr(values.size - 1, -abs(t))))


def paired(
    surrogate: Surrogate, law: MeanLaw, width: int, realisations: int
) -> tuple[MeanSquares, JacobianNetwork, float]:
    limit = float(surrogate.weights.mean_limit)  # type: ignore[arg-type]
    network = JacobianNetwork(derive(surrogate), law, POINT[0] * limit**2, POINT[1])
    found = mean_squares(network, width=width, realisations=realisations, seed=(width, 2))
    return found, network, law.fourth_moment(network.sigma_m2, limit)


SLOW = [pytest.param(surrogate, marks=pytest.mark.slow) for surrogate in (PAPER, compose("shayer"), *TWO_MOMENTS)]


@pytest.mark.parametrize("law", MEAN_LAWS, **NAMED)
@pytest.mark.parametrize("surrogate", [SIGN, LRT, *SLOW], **NAMED)
def test_what_the_derivative_of_sigma_adds_in_networks(surrogate: Surrogate, law: MeanLaw) -> None:
    for width, realisations in ((60, 32), (160, 32)):
        found, network, fourth = paired(surrogate, law, width, realisations)
        terms = width_terms(network.theory, network.fixed_point, fourth)
        assert terms is not None
        assert abs(z_score(width * (found.full - found.without), terms.sigma_derivative)) < 4
        assert abs(z_score(width * (found.full - found.without), 2 * terms.sigma_derivative)) > 4


@pytest.mark.parametrize("law", MEAN_LAWS, **NAMED)
@pytest.mark.parametrize("surrogate", [SIGN, SLOW[0], SLOW[2]], **NAMED)
def test_the_whole_correction_at_finite_width(surrogate: Surrogate, law: MeanLaw) -> None:
    found, network, fourth = paired(surrogate, law, 80, 400)
    terms = width_terms(network.theory, network.fixed_point, fourth)
    assert terms is not None
    both = terms.fluctuation + terms.sigma_derivative
    for values, expected in ((found.without, terms.fluctuation), (found.full, both)):
        assert abs(z_score(80 * (values - found.control - terms.leading), expected)) < 4
    assert abs(z_score(80 * (found.full - found.control - terms.leading), 0.0)) > 4


@pytest.mark.parametrize("surrogate", [LRT, compose("shayer")], **NAMED)
def test_a_field_that_is_kept_has_no_other_correction(surrogate: Surrogate) -> None:
    found, network, _ = paired(surrogate, mean_law("uniform"), 60, 600)
    leading = network.sigma_m2 * network.slopes.moment(1)
    assert abs(z_score(found.without, leading)) < 4
    assert np.all(found.control == 0)


def test_terms_of_homogeneous_neurons_depend_on_q_alone_within_their_integrals() -> None:
    """Whatever T is: relu scales with its field, so that code evaluates them."""
    correction = width_correction(derive(TWO_MOMENTS[0]).jacobian)
    assert correction is not None
    terms = correction.fluctuation.closed, correction.sigma_derivative.closed
    integrals = {node for term in terms for node in term.atoms(GaussianExpectation)}
    assert {symbol for node in integrals for symbol in node.free_symbols} == {q}
    assert omitted_functions(derive(TWO_MOMENTS[0])) == ()


def test_the_fourth_moment_enters_both_terms() -> None:
    correction = width_correction(derive(SIGN).jacobian)
    assert correction is not None
    assert correction.sigma_derivative.closed.diff(mu_4) != 0
    assert correction.fluctuation.closed.diff(mu_4) != 0
    kept = width_correction(derive(LRT).jacobian)
    assert kept is not None
    assert kept.fluctuation.closed == 0
    assert width_correction(derive(compose("random-binary")).jacobian) is None


def test_terms_without_a_field_are_undefined_or_zero() -> None:
    theory = derive(compose("shayer"))
    terms = width_terms(theory, fixed_point(theory, 1.0, 0.0), 1.0)
    assert terms is not None
    assert (terms.leading, terms.fluctuation, math.isnan(terms.sigma_derivative)) == (1, 0, True)
    assert terms.at_width(10, False) == 1
    baldassi = derive(compose("baldassi"))
    assert width_terms(baldassi, fixed_point(theory, 0.5, 0.1), 1.0) is None


def test_backward_scale_equals_the_forward_one_where_equal_inputs_stay_equal() -> None:
    for surrogate in CATALOGUE:
        theory = derive(surrogate)
        if surrogate.real_input or surrogate.name == "random-binary":
            assert gradient_depth_scale(theory, fixed_point(derive(SIGN), 0.5, 0.1)) is None
            continue
        found = fixed_point(theory, [0.2, 0.5, 0.9], 0.1)
        scales = gradient_scales(theory, found)
        assert (scales is None) == (theory.jacobian is None and theory.backward is None)
        if theory.jacobian is None and scales is not None:  # gradients run through drawn weights, of E S^2 = 1
            assert scales.mean_squared == pytest.approx(found.chi_1 / found.sigma_m2, rel=1e-12)
        elif scales is not None:
            assert scales.backward == pytest.approx(depth_scale(found.chi_1), rel=1e-15)
            aligned = found.gap == 0
            assert scales.backward[aligned] == pytest.approx(scales.forward[aligned], rel=1e-12)
            assert np.all((scales.mean_squared > found.chi)[~aligned])


def test_gradients_of_lrt_fall_at_chi_1_and_their_mean_over_the_noise_at_chi() -> None:
    """Two noises of one input: |g|^2 falls by chi_1 a layer, g_1 g_2 by chi(c*), which is smaller."""
    network = JacobianNetwork(derive(compose("lrt", noise="gaussian:0.3")), mean_law("two-point"), 0.9, 0.05)
    found, layers, width, rows = network.fixed_point, 4, 150, []
    rng, total = np.random.default_rng(6), network.state[1]
    assert float(found.chi_1) > 1.2 * float(found.chi)
    for _ in range(48):
        shared = math.sqrt(found.c) * rng.standard_normal(width)
        both = [Fields(math.sqrt(total) * (shared + math.sqrt(found.gap) * rng.standard_normal((1, width))),
                       np.zeros((1, width))) for _ in range(2)]  # fmt: skip
        products = [np.eye(width), np.eye(width)]
        for _ in range(layers):
            weights = network.means.draw(width, width, rng)[None]
            biases = math.sqrt(network.sigma_b2) * rng.standard_normal((1, width))
            for k in range(2):
                layer = network.propagated(both[k], weights, biases, rng.standard_normal((1, width)))
                both[k], products[k] = layer.fields, layer.direct[0] @ products[k]
        rows.append([np.sum(products[0] ** 2) / width, np.sum(products[0] * products[1]) / width])
    alone, together = np.array(rows).T
    assert abs(z_score(alone, float(found.chi_1) ** layers)) < 4
    assert abs(z_score(together, float(found.chi) ** layers)) < 4
    assert abs(z_score(alone, float(found.chi) ** layers)) > 4


def test_singular_values_follow_the_gradient_of_the_surrogate() -> None:
    through, without = (
        singular_values(JacobianNetwork(derive(compose(name)), mean_law("two-point"), *POINT), width=30, depths=(2,),
                        realisations=2, seed=5)[2]
        for name in ("deterministic", "soudry")
    )  # fmt: skip
    assert through.shape == (2, 30)
    assert np.max(np.abs(through - without)) > 1e-4


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="it has no Jacobian"):
        JacobianNetwork(derive(compose("stochastic-binary")), mean_law("two-point"), *POINT).layer(
            Fields(np.zeros((1, 2)), np.ones((1, 2))), np.random.default_rng(0)
        )
    with pytest.raises(ValueError, match="uniform"):
        JacobianNetwork(derive(SIGN), mean_law("uniform"), 0.9, 0.1)
    with pytest.raises(ValueError, match="realisations = 0"):
        mean_squares(JacobianNetwork(derive(SIGN), mean_law("uniform"), 0.3, 0.1), width=5, realisations=0, seed=1)


@pytest.mark.parametrize(("name", "orders"), [("lrt", [(2,), (1,)]), ("continuous", [(1,)])])
def test_an_element_is_direct_to_first_order_and_through_the_variance_to_second(name, orders):
    """In 1/sqrt(N): M phi' beside what Sigma changes by, which fixed weights have not."""
    theory = derive(compose(name))
    (step,) = (each for each in theory.trace if each.name == "element of the Jacobian")
    assert sp.Poly(step.after, small).monoms() == orders
