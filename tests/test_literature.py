"""What the claims and figures of other papers rest on, by routes of their own."""

from __future__ import annotations

import numpy as np
import pytest

from meanbits.experiments.figures.real_networks import edge_of_chaos, real_theory
from meanbits.experiments.random_networks.curves import circle_through
from meanbits.numerics.depth.curve import curve_profile
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose


def test_curves_are_images_of_a_circle_under_the_correlation_map() -> None:
    """Speed and curvature by differences of correlations a small angle apart, mapped layer by layer."""
    means, biases, depth = 2.5**2, 0.09, 3
    maps, told = compile_theory(real_theory("tanh")), curve_profile(real_theory("tanh"), depth, means, biases)
    step = 0.02
    gap = 1 - np.cos(step * np.arange(3))
    for layer in range(1, depth + 1):
        gap = maps.gap_map(gap, told.q, means, biases)
        second, fourth = 2 * gap[1] / step**2, (8 * gap[1] - 2 * gap[2]) / step**4  # C'' = -a, C'''' = b
        speed = (4 * second - 2 * gap[2] / (2 * step) ** 2) / 3  # without the error of order step^2
        assert told.expansion[layer] == pytest.approx(speed, rel=1e-3)
        assert told.curvature[layer] == pytest.approx(fourth / speed**2, rel=2e-2)


def test_the_curvature_of_a_circle_is_that_of_a_circle() -> None:
    found = circle_through(compose("continuous").neurons, 1, 2.0, 0.1, 0.7, width=60, networks=2, seed=1)
    for values in (found.expansion, found.curvature, found.turning):
        assert values[:, 0] == pytest.approx(1, rel=1e-9)


def test_curves_are_refused_where_they_have_no_shape() -> None:
    with pytest.raises(ValueError, match="have no derivatives along a curve"):
        circle_through(compose("random-binary").neurons, 1, 1.0, 0.1, 1.0, width=20, networks=2)
    with pytest.raises(ValueError, match=r"relu.*kinks"):
        curve_profile(real_theory("relu"), 2, 1.5, 0.1)
    with pytest.raises(ValueError, match="a curve has no shape there"):
        curve_profile(real_theory("tanh"), 2, 0.5, 0.0)


def test_the_edge_of_relu_is_one_point() -> None:
    means, biases = edge_of_chaos("relu", np.array([0.1, 1.0, 10.0]))
    assert means == pytest.approx(2, rel=1e-15)
    assert biases == pytest.approx(0, abs=1e-15)
