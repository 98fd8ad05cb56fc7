"""Singular values of chains of blocks: against random networks, free probability of single layers, and the profile."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import meanbits as mb
from meanbits.cli import EXIT_BAD_INPUT, main
from meanbits.experiments.random_networks.layer_networks import Draw
from meanbits.numerics.depth.layer_jacobian import layer_spectrum
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.depth.stream import settled
from meanbits.numerics.spectra.isometry import variance_per_layer
from meanbits.numerics.spectra.slope_law import slope_law
from meanbits.theory.declarations.layer import Layer, as_layer
from meanbits.theory.declarations.rows import CHAINS, Row
from meanbits.theory.derive import derive

WIDTH, NETWORKS, DEPTH, BIASES = 200, 16, 3, 0.1
SEEN = (
    ("continuous", {"neurons": "relu"}, 2.0),
    ("random-binary", {"backward": "clip", "dropout": "0.2", "scale": "1.3"}, 1.0),
    ("continuous", {"dropout": "0.3"}, 1.2),
    ("random-binary", {"backward": "triangle", "normalise": "rms", "skip": "0.8:0.6"}, 1.0),
)


def measured(layer: Layer, means: float) -> np.ndarray:
    """Mean and relative variance of squared singular values of each network, (networks, 2)."""
    found = []
    for seed in range(NETWORKS):
        draw = Draw(torch.Generator().manual_seed(seed))
        field = draw.normal(1, WIDTH).requires_grad_()
        end = field
        for chain in layer.at(means, BIASES).chains(DEPTH):
            for block in chain:
                end = block.apply(end, draw)
        (rows,) = torch.autograd.grad(end[0], field, torch.eye(WIDTH), is_grads_batched=True)
        squares = torch.linalg.svdvals(rows[:, 0]) ** 2
        found.append((float(squares.mean()), float(squares.var(correction=0) / squares.mean() ** 2)))
    return np.array(found)


@pytest.mark.parametrize(("name", "options", "means"), SEEN, ids=str)
def test_random_networks(name: str, options: dict[str, str], means: float) -> None:
    layer = as_layer(mb.compose(name, **options))
    theory, found = layer_spectrum(layer, DEPTH, means, BIASES), measured(layer, means)
    error = found.std(0, ddof=1) / np.sqrt(NETWORKS)
    assert abs(found[:, 0].mean() - theory.mean) < 4 * error[0]
    if "skip" in options:
        assert theory.relative_variance is None
        assert "correlated" in str(theory.reason)
    else:
        assert theory.relative_variance is not None
        assert abs(found[:, 1].mean() - theory.relative_variance) < 4 * error[1] + 3 / WIDTH * theory.relative_variance


@pytest.mark.parametrize("neurons", ["relu", "tanh", "erf", "leaky:0.1", "gelu"])
def test_chains_of_two_blocks_spread_as_single_layers(neurons: str) -> None:
    """From the fixed point: L (E g^4/(E g^2)^2) as free probability has it of the surrogate."""
    surrogate = mb.compose("continuous", neurons=neurons)
    means = 1.3 if neurons not in ("relu", "leaky:0.1") else 1.5
    end = settled(as_layer(surrogate), means, BIASES)
    assert end is not None
    found = layer_spectrum(as_layer(surrogate), 5, means, BIASES, q0=float(end.q))
    law = slope_law(derive(surrogate), float(end.q), float(end.q))
    assert found.relative_variance == pytest.approx(5 * variance_per_layer("independent", law.spread), rel=1e-9)
    assert found.mean == pytest.approx(float(end.chi_g) ** 5, rel=1e-9)


@pytest.mark.parametrize("row", CHAINS, ids=lambda row: row.name)
def test_the_mean_is_the_growth_of_gradients(row: Row) -> None:
    means = 1.3 if row.surrogate.weights.mean_square is None else float(row.surrogate.weights.mean_square)
    found, expected = layer_spectrum(row.layer, 6, means, BIASES), profile(row.layer, 6, means, BIASES)
    assert found.mean == pytest.approx(expected.gradient[0], rel=1e-12)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jacobian", "xnor", "--sigma-b2", "0.1", "--depth", "10", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["spectrum"]["mean"] == pytest.approx(document["gradients"]["factor"] ** 10, rel=1e-9)
    assert main(["jacobian", "bi-real", "--sigma-b2", "0"]) == 0
    assert "not derived" in capsys.readouterr().out
    for line, said in (
        ("jacobian xnor --sigma-b2 0 --width 3", "leave it out"),
        ("jacobian random-binary --normalise batch --sigma-b2 0", "give gradients a slope"),
        ("jacobian deterministic --normalise rms --sigma-m2 0.5 --sigma-b2 0.1", "not integrated out"),
    ):
        assert main(line.split()) == EXIT_BAD_INPUT
        assert said in capsys.readouterr().err
