"""Layers of blocks: against the maps of single layers, the numbers of theory.md, simulation and autograd."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

import meanbits as mb
from meanbits.experiments.random_networks.layer_networks import Draw, simulate_layers
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.depth.profile import first_flow, profile
from meanbits.numerics.depth.stream import StreamLaw, settled, stream_law
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.blocks import Convolution, Dense, Dropout, Flow, Neuron, Normalise, Scale, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.layer import Layer, as_layer, layer_of
from meanbits.theory.declarations.surrogates import CATALOGUE, NONE, Surrogate
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError

DEEP = [each for each in CATALOGUE if not each.real_input]
ROWS = pytest.mark.parametrize("surrogate", DEEP, ids=lambda each: each.name)
CLIP = compose("random-binary", backward="clip")
OF = NeuronMoments()


def means_of(surrogate: Surrogate) -> float:
    return 0.6 if surrogate.weights.mean_square is None else float(surrogate.weights.mean_square)


@ROWS
def test_rows_of_the_catalogue_are_chains_of_two_blocks(surrogate: Surrogate) -> None:
    """q', T' and c' along an orbit are those of the maps that are derived as a whole."""
    maps, theory = compile_theory(derive(surrogate)), derive(surrogate)
    means, biases = means_of(surrogate), 0.05
    found = profile(layer_of(surrogate), 4, means, biases, q0=0.8, c0=0.3)
    for row in range(4):
        extra = (found.T[row],) if theory.maps.takes_total else ()
        assert found.q[row + 1] == pytest.approx(
            float(maps.variance_map(found.q[row], means, biases, *extra)), rel=1e-12
        )
        assert found.T[row + 1] == pytest.approx(float(maps.total_map(found.T[row], means, biases)), rel=1e-13)
        expected = float(maps.correlation_map(found.c[row], found.q[row], means, biases, *extra))
        assert found.c[row + 1] == pytest.approx(expected, rel=1e-11)


@ROWS
def test_layers_come_to_the_fixed_point_of_the_maps(surrogate: Surrogate) -> None:
    means, biases = means_of(surrogate), 0.05
    end, expected = settled(layer_of(surrogate), means, biases), fixed_point(derive(surrogate), means, biases)
    assert end is not None
    assert [end.q, end.T, end.c, end.chi] == pytest.approx(
        [float(each) for each in (expected.q, expected.T, expected.c, expected.chi)], rel=1e-9, abs=1e-11
    )


def growth(found: object) -> np.ndarray:
    return found.gradient[:-1] / found.gradient[1:]  # type: ignore[attr-defined]


@pytest.mark.parametrize("neurons", ["relu", "tanh", "erf", "hardtanh", "gelu", "linear"])
def test_batch_norm_multiplies_squared_gradients_by_the_poincare_ratio(neurons: str) -> None:
    """E f'^2 / Var f, at least 1 by the Gaussian Poincare inequality and 1 for linear f alone."""
    ratio = growth(profile(layer_named(compose("continuous", neurons=neurons), normalise="batch"), 4, 1.3, 0.2))[2]
    maps = compile_theory(derive(compose("continuous", neurons=neurons)))
    variance = float(maps.total_map(1.0, 1.0, 0.0)) * float(maps.gap_map(1.0, 1.0, 1.0, 0.0))
    assert ratio == pytest.approx(float(maps.gradient_growth(1.0, 1.0, 0.0)) / variance, rel=1e-12)
    assert ratio == pytest.approx(1, rel=1e-12) if neurons == "linear" else ratio > 1
    if neurons == "relu":
        assert ratio == pytest.approx(math.pi / (math.pi - 1), rel=1e-13)


def test_batch_norm_before_signs_with_clip() -> None:
    found = profile(layer_named(CLIP, normalise="batch"), 3, 1.0, 0.0)
    assert growth(found) == pytest.approx(math.erf(1 / math.sqrt(2)), rel=1e-13)
    assert found.c[1] == pytest.approx(1 / 3, rel=1e-13)


def test_a_skip_around_signs_is_a_stream() -> None:
    """T_l = T_0 + l, c' = (q c + (2/pi) asin c)/(q + 1), growth 1 + erf(1/sqrt(2 T)) (theory.md, section 10)."""
    found = profile(layer_named(CLIP, skip="1"), 6, 1.0, 0.0)
    assert list(found.T) == pytest.approx(np.arange(1.0, 8.0), rel=1e-14)
    assert growth(found) == pytest.approx([1 + math.erf(1 / math.sqrt(2 * T)) for T in range(1, 7)], rel=1e-13)
    expected = (found.q[:-1] * found.c[:-1] + 2 / math.pi * np.arcsin(found.c[:-1])) / (found.q[:-1] + 1)
    assert found.c[1:] == pytest.approx(expected, rel=1e-12)
    law = stream_law(layer_named(CLIP, skip="1"), 1.0, 0.0)
    assert law is not None
    assert (law.rate, law.power, law.stretch) == pytest.approx((1, 1, 0.5))
    assert law.exponent == pytest.approx(2 * math.sqrt(2 / math.pi), rel=1e-6)


def test_a_norm_inside_a_skip_makes_gradients_a_power_of_depth() -> None:
    layer = layer_named(compose("continuous", neurons="linear"), normalise="rms", skip="1")
    assert growth(profile(layer, 5, 1.0, 0.0, q0=4.0)) == pytest.approx([1 + 1 / T for T in range(4, 9)], rel=1e-13)
    law = stream_law(layer, 1.0, 0.0)
    assert law is not None
    assert (law.exponent, law.stretch) == pytest.approx((1, 0), rel=1e-9)


def test_the_growth_of_a_stream_is_that_of_its_law() -> None:
    layer = layer_named(CLIP, skip="1")
    law, found = stream_law(layer, 1.0, 0.0), profile(layer, 1600, 1.0, 0.0)
    assert law is not None
    depths = np.array([100, 400, 1600])
    logs = -np.log(found.gradient[depths])
    second = (law.exponent / 2) ** 2 / 2 * np.diff(np.log(depths))  # ln(1 + x) = x - x^2/2
    assert np.diff(logs) == pytest.approx(law.exponent * np.diff(np.sqrt(depths)) - second, rel=1e-3)


STREAMS = (
    ("random-binary", {"backward": "clip"}, {"skip": "1"}, 1.0, 0.0, 1 - 2 / math.pi),
    ("continuous", {"neurons": "erf"}, {"skip": "1", "normalise": "rms"}, 1.3, 0.2, None),
    pytest.param("bitlinear", {}, {}, 1.0, 0.0, None, marks=pytest.mark.slow),
    ("continuous", {"neurons": "relu"}, {"skip": "1", "normalise": "rms"}, 1.3, 0.0, 0.0),
)


@pytest.mark.parametrize(("name", "parts", "blocks", "means", "biases", "forgetting"), STREAMS, ids=str)
def test_inputs_of_a_stream_come_together_by_its_law(
    name: str, parts: dict[str, str], blocks: dict[str, str], means: float, biases: float, forgetting: float | None
) -> None:
    """A small c - c* falls by 2^-forgetting from one depth to its double; a slope of 1 at c = 1 leaves no power."""
    layer = mb.compose(name, **parts, **blocks)
    law = stream_law(layer, means, biases)
    assert law is not None
    assert law.forgetting == pytest.approx(forgetting if forgetting is not None else law.forgetting, rel=1e-9)
    found = profile(layer, 400, means, biases, c0=abs(law.c - 1e-3) if law.forgetting else 0.5)
    assert found.T[400] / 400**law.power == pytest.approx(law.rate, rel=0.02)
    apart = np.abs(found.c[[100, 200, 400]] - law.c)
    paces = np.log2(apart[:-1] / apart[1:])
    if law.forgetting:
        growth = np.diff(np.log2(found.T[[100, 200, 400]])) / law.power  # 1, and a little less while T_0 tells
        assert paces == pytest.approx(law.forgetting * growth, rel=0.01)
    else:
        assert law.c == 1
        assert 0 < paces[1] < paces[0]


@pytest.mark.parametrize(("neurons", "skip"), [("relu", "1"), ("leaky:0.2", "1"), ("tanh", "1.1"), ("relu", "1.2:0.5")])
def test_streams_that_grow_exponentially(neurons: str, skip: str) -> None:
    layer = mb.compose("continuous", neurons=neurons, skip=skip)
    law, found = stream_law(layer, 1.0, 0.0), profile(layer, 80, 1.0, 0.0)
    assert law is not None
    assert math.isinf(law.power)
    assert found.T[80] / found.T[79] == pytest.approx(law.rate, rel=1e-5)
    assert math.log(found.gradient[78] / found.gradient[79]) == pytest.approx(law.exponent, rel=1e-2)
    assert "^l" in str(law)


@pytest.mark.parametrize("neurons", ["tanh", "hardtanh"])
def test_inputs_of_a_stream_come_together_as_where_it_is_large(neurons: str) -> None:
    """There neurons that saturate are signs, by the arcsine law, but for fields near 0: 1/sqrt(T) of them."""
    law = stream_law(mb.compose("continuous", neurons=neurons, skip="1"), 1.0, 0.0)
    assert law is not None
    assert (law.rate, law.c) == (pytest.approx(1, rel=1e-5), 0)
    assert law.forgetting == pytest.approx(1 - 2 / math.pi, rel=1e-5)


TOLD = {
    StreamLaw(2, 1, 0, 0, 0.5, 0.25): ("2 l", "stay bounded", "comes to 0.5 as l^-0.25"),
    StreamLaw(2, 0.5, 3, 0, 1, 0): ("2 l^0.5", "grow as L^3", "comes to 1 more slowly than any power of l"),
    StreamLaw(2, math.inf, 3, 1, 0.5, 0.25): ("2^l", "grow as exp(3 L)", "comes to 0.5 as exp(-0.25 l)"),
    StreamLaw(2, math.inf, 3, 1, 0.5, 0): ("2^l", "grow as exp(3 L)", "comes to 0.5 more slowly than exponentially"),
    StreamLaw(2, 1, 3, 0.5, math.nan, 0.25): ("2 l", "have a logarithm that grows as 3 L^0.5", "is kept"),
    StreamLaw(2, 1, 0, 0, math.nan, math.nan): ("2 l", "stay bounded", None),
}


@pytest.mark.parametrize("law", TOLD, ids=repr)
def test_laws_of_streams_are_told_in_words(law: StreamLaw) -> None:
    size, gradients, inputs = TOLD[law]
    rest = "" if inputs is None else f", and the correlation of two inputs {inputs}"
    assert str(law) == f"no fixed point: T ~ {size}, over L layers squared gradients {gradients}{rest}"


def every_block() -> tuple[object, ...]:
    dense = Dense(CLIP.weights, 0.7, 1.1, 0.2)
    tanh = Neuron(mb.tanh)
    return (dense, Convolution(**vars(dense)), tanh, Scale(1.7), Normalise("rms"), Normalise("batch"),
            Normalise("layer"), Dropout(0.8),
            Skip(0.9, 1.2, (Normalise("rms"), tanh, dense)))  # fmt: skip


@pytest.mark.parametrize("block", every_block(), ids=lambda block: block.name)
def test_the_slope_of_a_block_is_the_derivative_of_its_overlap(block: object) -> None:
    """And with exact slopes and nothing drawn, that of the overlap of gradients (Price's theorem)."""
    total, step = 1.4, 1e-4

    def overlap(fall: float) -> float:
        after = block.forward(Flow(total, fall, 1.1), OF)  # type: ignore[attr-defined]
        return float(after.total - after.fall)

    flow = Flow(total, 0.5, 1.1)
    steep = float(block.slope(flow, OF))  # type: ignore[attr-defined]
    assert steep == pytest.approx((overlap(0.5 - step) - overlap(0.5 + step)) / (2 * step), rel=1e-7)
    assert float(block.backward(flow, OF).overlap) == pytest.approx(steep, rel=1e-12)  # type: ignore[attr-defined]


def test_chains_compose() -> None:
    blocks = (Normalise("rms"), Neuron(mb.tanh), Dense(CLIP.weights, 0.7, 0.7, 0.2))
    flow = Flow(1.4, 0.5, 1.1)
    middle = forward(blocks[:2], flow, OF)
    assert forward(blocks, flow, OF) == forward(blocks[2:], middle, OF)
    assert slope(blocks, flow, OF) == slope(blocks[:2], flow, OF) * slope(blocks[2:], middle, OF)
    assert backward(blocks, flow, OF).overlap == pytest.approx(float(slope(blocks, flow, OF)), rel=1e-12)


SIMULATED = (
    ("random-binary", {"backward": "clip"}, {"skip": "1"}, 1.0),
    ("random-binary", {"backward": "clip", "neurons": "quantiser:4"}, {"scale": "1.5", "dropout": "0.2"}, 1.0),
    ("continuous", {}, {"normalise": "rms", "skip": "0.8:0.6"}, 1.2),
    ("stochastic-binary", {"backward": "tanh"}, {"normalise": "layer"}, 0.5),
    ("stochastic-binary", {"neurons": "tanh"}, {"dropout": "0.3"}, 0.7),
)


@pytest.mark.parametrize(("name", "parts", "blocks", "means"), SIMULATED, ids=str)
def test_random_networks_forward_and_backward(
    name: str, parts: dict[str, str], blocks: dict[str, str], means: float
) -> None:
    layer = layer_named(compose(name, **parts), **blocks)
    compare(layer, means, width=300, networks=16)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parts", "blocks", "means"), [
    *SIMULATED,
    ("random-binary", {"backward": "clip"}, {"normalise": "batch"}, 1.0),
    ("continuous", {"neurons": "relu"}, {"normalise": "batch"}, 1.0),
    ("random-binary", {"backward": "approxsign"}, {"normalise": "batch", "skip": "1"}, 1.0),
], ids=str)  # fmt: skip
def test_wide_networks_forward_and_backward(
    name: str, parts: dict[str, str], blocks: dict[str, str], means: float
) -> None:
    compare(layer_named(compose(name, **parts), **blocks), means, width=600, networks=48)


EVERY_BLOCK = ({}, {"normalise": "batch"}, {"normalise": "rms"}, {"normalise": "layer"}, {"dropout": "0.2"},
               {"scale": "1.3"}, {"skip": "0.8:0.6"}, {"normalise": "batch:behind"})  # fmt: skip
EVERY_TREATMENT = (("random-binary", {}, 1.0), ("continuous", {"neurons": "erf"}, 1.2),
                   ("stochastic-binary", {"treatment": "network"}, 0.6), ("lrt", {"neurons": "tanh"}, 0.6))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("slope", ["exact", "clip", "tanh", "approxsign"])
@pytest.mark.parametrize(("name", "parts", "means"), EVERY_TREATMENT, ids=lambda value: str(value))
@pytest.mark.parametrize("blocks", EVERY_BLOCK, ids=str)
def test_every_block_treatment_and_slope(
    blocks: dict[str, str], name: str, parts: dict[str, str], means: float, slope: str
) -> None:
    """48 networks of width 600, |z| < 4 forward and backward; gradients where neurons let any through."""
    layer = mb.compose(name, backward=slope, **parts, **blocks)
    compare(as_layer(layer), means, width=600, networks=48)


def compare(layer: Layer, means: float, width: int, networks: int) -> None:
    expected = profile(layer, 3, means, 0.05)
    found = simulate_layers(layer, 3, means, 0.05, width=width, networks=networks)
    for name, values in (("T", expected.T), ("pair", expected.c)):
        assert np.abs(found.z(name, values)).max() < 4, name
    if layer.passes_gradient:
        assert np.abs(found.z("gradient", expected.gradient)).max() < 4
        assert np.abs(found.z("overlap", expected.overlap)[:-1]).max() < 4


def test_two_runs_of_a_network_overlap_as_the_surrogate_that_integrates_them_out() -> None:
    """r_aa of the stochastic network is q/(1 + q) of the marginalised one, norm and dropout included."""
    blocks = {"normalise": "rms", "dropout": "0.2"}
    network = layer_named(compose("stochastic-binary", neurons="tanh"), **blocks)
    surrogate = layer_named(compose("moment-matching", neurons="tanh"), **blocks)
    found = simulate_layers(network, 3, 0.8, 0.1, width=300, networks=16)
    start = first_flow(network, network.at(0.8, 0.1), 1.0, 0.5)
    blocks_of = surrogate.at(0.8, 0.1).blocks
    flow = Flow(start.total, np.zeros(1), start.typical)
    for row in range(1, 4):
        flow = forward(blocks_of, flow, OF)
        assert abs(found.mean["alike"][row] - float(1 - flow.fall[0] / flow.total)) < 4 * found.error["alike"][row]


def test_autograd_of_neurons_is_the_declared_slope() -> None:
    field = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    Neuron(CLIP.neurons).apply(field[None], Draw(torch.Generator())).sum().backward()
    assert torch.equal(field.grad, (field.abs() < 1).double())


@pytest.mark.parametrize(("options", "said"), [
    ({"dropout": "1"}, "--dropout 1: .* must lie in"), ({"dropout": "-0.1"}, "--dropout -0.1: .* must lie in"),
    ({"skip": "0"}, "neither A nor B may be 0"), ({"scale": "0"}, "--scale 0: .* positive"),
    ({"scale": "-1"}, "--scale -1: .* positive"),
    ({"normalise": "group"}, "unknown norm"), ({"skip": "1:x"}, "is not a number"),
])  # fmt: skip
def test_bad_blocks_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(SurrogateError, match=said):
        layer_named(CLIP, **options)


def test_bad_chains_are_refused() -> None:
    dense, units = layer_of(CLIP).blocks[::-1]
    for blocks, said in (
        ((units,), "without weights"), ((dense,), "without neurons"),
        ((Normalise("rms"), Normalise("batch"), units, dense), "no field to act on"),
    ):  # fmt: skip
        with pytest.raises(SurrogateError, match=said):
            Layer("mine", blocks, NONE)
    twice = Skip(1, 1, (units, units, dense))
    for blocks in (
        (units, Neuron(mb.relu), dense), (units, Dropout(0.8), units, dense), (units, Scale(2), units, dense),
        (units, Skip(1, 1, (dense,)), units, dense), (units, dense, twice), (units, Normalise("batch"), dense),
        (units, Normalise("layer"), dense),
    ):  # fmt: skip
        with pytest.raises(SurrogateError, match="no Gaussian field"):
            Layer("mine", blocks, NONE)
    for blocks in ((units, dense, Neuron(mb.relu)), (units, dense, Dropout(0.8))):
        with pytest.raises(SurrogateError, match="put the dense block behind them"):
            Layer("mine", blocks, NONE)
    with pytest.raises(SurrogateError, match="no Gaussian field"):
        Layer("mine", (units, dense), NONE, first=(units, dense))
    with pytest.raises(SurrogateError, match="must end in weights"):
        Skip(sp.S.One, sp.S.One, (dense, units))
    with pytest.raises(SurrogateError, match="form exact"):
        layer_of(compose("deterministic", phi="tanh"))
    with pytest.raises(ValueError, match="at least 2 inputs"):
        simulate_layers(layer_named(CLIP, normalise="batch"), 2, 1.0, 0.0, batch=1)
    with pytest.raises(SurrogateError, match="open"):
        layer_of(replace(CLIP, weights=mb.ternary(), treatment=mb.network)).at(0.5, 0.1)


def test_a_norm_of_states_is_of_their_mean_square() -> None:
    """RMS norm between neurons and weights, as in language models of few bits: T' = sigma_m2 whatever the neurons."""
    units, dense = layer_of(compose("continuous", neurons="relu")).blocks
    layer = Layer("normed states", (units, Normalise("rms"), dense), NONE)
    assert profile(layer, 3, 1.3, 0.05).T[1:] == pytest.approx([1.35] * 3, rel=1e-13)
    compare(layer, 1.3, width=300, networks=16)
