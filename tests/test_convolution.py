"""Convolutions: dense blocks where positions are alike, modes elsewhere; and networks whose ends differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import meanbits as mb
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.depth.positions import correlation_at_positions, modes
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.blocks import Convolution, Dense
from meanbits.theory.declarations.layer import Layer, convolved
from meanbits.theory.declarations.rows import CHAINS, Row
from meanbits.theory.errors import SurrogateError
from meanbits.theory.stages.layer_theory import derive_layer

ROWS = pytest.mark.parametrize("row", CHAINS, ids=lambda row: row.name)
CLIP = mb.compose("random-binary", backward="clip")
OVERLAPS = np.array([0.9, 0.1, 0.5, 0.5, -0.3, 0.2])
BIASES = 0.1
PLACED = (
    ("continuous", {}, (3,), OVERLAPS, 1.5),
    ("random-binary", {"backward": "clip"}, (2, 3), np.outer(OVERLAPS[:4], OVERLAPS[:3]), 1.0),
    ("stochastic-binary", {"backward": "tanh"}, (2,), OVERLAPS[:4], 0.6),
)


def means_of(row: Row) -> float:
    settled = row.surrogate.weights.mean_square
    return 1.3 if settled is None else float(settled)


@ROWS
def test_where_positions_are_alike_a_convolution_is_a_dense_block(row: Row) -> None:
    plain, layer = derive_layer(row.layer), derive_layer(convolved(row.layer, (3, 3)))
    assert layer.formulas == plain.formulas
    assert [type(each) for each in layer.layer.dense] == [Convolution] * len(plain.layer.dense)


@pytest.mark.parametrize("skip", [None, "0.6:0.8"])
@pytest.mark.parametrize(("window", "positions"), [((3,), (8,)), ((2,), (7,)), ((3, 2), (5, 6))], ids=str)
def test_a_wave_decays_by_its_mode(window: tuple[int, ...], positions: tuple[int, ...], skip: str | None) -> None:
    """A small deviation from c = 1 in one mode, followed by the overlaps at each position, in size and in phase."""
    layer = convolved(mb.compose("continuous", skip=skip), window)
    point, found = layer_fixed_points(layer, 1.5, BIASES), modes(layer, 1.5, BIASES, positions)
    chosen = (1,) * len(positions)
    angle = sum(2 * np.pi * k / size for k, size in zip(np.indices(positions), positions, strict=True))
    _, c = correlation_at_positions(layer, 4, 1.5, BIASES, 1 - 1e-7 * (2 + np.cos(angle)), float(point.q))
    seen = np.abs(np.fft.fftn(1 - c, axes=range(1, c.ndim))[(slice(None), *chosen)])
    assert seen[1:] / seen[:-1] == pytest.approx(found.chi[chosen], rel=1e-6)
    average = (1 - c).reshape(5, -1).mean(1)
    assert average[1:] / average[:-1] == pytest.approx(found.chi.flat[0], rel=1e-6)
    assert found.chi.flat[0] == pytest.approx(float(point.chi), rel=1e-12)


def test_modes_are_those_of_the_window() -> None:
    """A window as long as the circle leaves the mean alone; one of a position leaves all; the middle falls off."""
    chi = float(layer_fixed_points(convolved(CLIP, (5,)), 1.0, BIASES).chi)
    whole = modes(convolved(CLIP, (5,)), 1.0, BIASES, (5,))
    assert whole.chi == pytest.approx([chi, 0, 0, 0, 0], abs=1e-15)
    alone = modes(convolved(CLIP, (1,)), 1.0, BIASES, (5,))
    assert alone.chi == pytest.approx(np.full(5, chi), rel=1e-14)
    three = modes(convolved(CLIP, (3,)), 1.0, BIASES, (64,))
    assert three.chi == pytest.approx(chi * np.abs(1 + 2 * np.cos(2 * np.pi * np.fft.fftfreq(64))) / 3, rel=1e-12)
    assert three.chi_g / three.chi == pytest.approx(three.chi_g[0] / chi, rel=1e-12)
    assert three.xi_g[0] < 0 < three.xi_c[0]


@pytest.mark.parametrize(("name", "parts", "window", "c0", "means"), PLACED, ids=str)
def test_random_networks(
    name: str, parts: dict[str, str], window: tuple[int, ...], c0: np.ndarray, means: float
) -> None:
    """Forward at each position; forward and backward where positions are alike."""
    layer = convolved(mb.compose(name, **parts), window)
    found = simulate_layers(layer, 3, means, BIASES, width=200, networks=24, c0=c0)
    q, c = correlation_at_positions(layer, 3, means, BIASES, c0)
    assert np.abs(found.z("T", q)).max() < 4
    assert np.abs(found.z("pair", c)).max() < 4
    alike, expected = np.full(c0.shape, 0.5), profile(layer, 3, means, BIASES)
    found = simulate_layers(layer, 3, means, BIASES, width=200, networks=24, c0=alike, seed=1)
    for quantity, values in (("T", expected.T), ("pair", expected.c), ("gradient", expected.gradient)):
        at_all = np.broadcast_to(values.reshape(-1, *[1] * c0.ndim), found.mean[quantity].shape)
        assert np.abs(found.z(quantity, at_all)).max() < 4, quantity


@pytest.mark.parametrize("normalise", ["batch", "rms"])
def test_random_networks_with_norms(normalise: str) -> None:
    layer = convolved(mb.compose("random-binary", backward="clip", normalise=normalise), (3,))
    expected = profile(layer, 2, 1.0, BIASES)
    found = simulate_layers(layer, 2, 1.0, BIASES, width=200, networks=32, batch=96, c0=np.full(4, 0.5))
    for quantity, values in (("T", expected.T), ("pair", expected.c), ("gradient", expected.gradient)):
        at_all = np.broadcast_to(values[:, None], found.mean[quantity].shape)
        assert np.abs(found.z(quantity, at_all)).max() < 4, quantity


def test_misfits_are_refused() -> None:
    layer = convolved(CLIP, (3,))
    for window in ((), (0,)):
        with pytest.raises(SurrogateError, match="positions along each axis"):
            convolved(CLIP, window)
    for positions in ((2,), (4, 4)):
        with pytest.raises(ValueError, match="as many axes"):
            modes(layer, 1.0, BIASES, positions)
    with pytest.raises(ValueError, match="no convolution"):
        modes(mb.layer_of(CLIP), 1.0, BIASES, (4,))
    with pytest.raises(ValueError, match="no fixed point"):
        modes(convolved(mb.compose("random-binary", backward="clip", skip="1"), (3,)), 1.0, 0.0, (4,))
    with pytest.raises(ValueError, match="batch norm"):
        correlation_at_positions(convolved(mb.compose("xnor"), (3,)), 2, 1.0, BIASES, OVERLAPS)
    with pytest.raises(ValueError, match=r"c0 must lie in \[-1, 1\]"):
        correlation_at_positions(layer, 2, 1.0, BIASES, 2 * OVERLAPS)
    with pytest.raises(ValueError, match="at each position"):
        simulate_layers(layer, 2, 1.0, BIASES)


# Networks whose first and last layer are of their own


def with_ends() -> Layer:
    neuron, dense = mb.layer_of(CLIP).blocks
    first, last = Dense(mb.fixed, 2.0, 2.0, 0.3), Dense(mb.fixed, 0.5, 0.5, 0.0)
    return Layer("real ends", (neuron, dense), mb.sharp, first=(first,), last=(neuron, last))


def test_ends_of_real_weights() -> None:
    """Row 0 is the inputs, T of the first fields 2 q0 + 0.3; what is between is the layer's own profile from there."""
    expected, layer = profile(with_ends(), 3, 1.0, BIASES, q0=0.7, c0=0.2), mb.layer_of(CLIP)
    assert pytest.approx([0.7, 1.7, 1 + BIASES, 1 + BIASES, 1 + BIASES, 0.5]) == expected.T
    inside = profile(layer, 3, 1.0, BIASES, q0=expected.q[1], c0=expected.c[1])
    assert expected.c[1:5] == pytest.approx(inside.c, rel=1e-14)
    assert expected.gradient[1:5] / expected.gradient[4] == pytest.approx(inside.gradient, rel=1e-13)
    found = simulate_layers(with_ends(), 3, 1.0, BIASES, width=300, networks=24, q0=0.7, c0=0.2)
    for name, values in (("T", expected.T), ("pair", expected.c), ("gradient", expected.gradient)):
        assert np.abs(found.z(name, values)).max() < 4, name


def test_a_typical_pair_of_inputs_enters_as_that_of_the_first_fields() -> None:
    """Of inputs of correlation t the first fields have (2 q0 t + 0.3)/(2 q0 + 0.3), which batch norm removes."""
    layer = mb.compose("xnor")
    ends = replace(layer, first=(Dense(mb.fixed, 2.0, 2.0, 0.3),))
    found = profile(ends, 2, 1.0, BIASES, q0=0.7, c0=0.5, typical=0.2)
    fields = profile(layer, 2, 1.0, BIASES, q0=1.7, c0=(1.4 * 0.5 + 0.3) / 1.7, typical=(1.4 * 0.2 + 0.3) / 1.7)
    assert found.c[1:] == pytest.approx(fields.c, rel=1e-13)
    assert found.c[2] != pytest.approx(profile(ends, 2, 1.0, BIASES, q0=0.7, c0=0.5).c[2], rel=1e-3)


def test_noise_begins_where_weights_are_random() -> None:
    """Known inputs of a surrogate that integrates the field out: q = Q/D of binary weights on them."""
    blocks, means = mb.layer_of(mb.compose("deterministic")).blocks, 0.6
    layer = Layer("known inputs", blocks, mb.marginalise, first=(blocks[1],))
    found = profile(layer, 2, means, BIASES, q0=0.7, c0=0.2)
    assert np.isinf(found.q[0])
    assert found.q[1] == pytest.approx((means * 0.7 + BIASES) / ((1 - means) * 0.7), rel=1e-13)
    assert found.c[1] == pytest.approx((means * 0.7 * 0.2 + BIASES) / (means * 0.7 + BIASES), rel=1e-13)
    with pytest.raises(SurrogateError, match="first layer without weights"):
        Layer("none", blocks, mb.marginalise, first=(blocks[0],))
