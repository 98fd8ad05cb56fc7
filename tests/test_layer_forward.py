"""Forward equations of chains: blocks on means and variances, against blocks on draws and against their flow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import meanbits as mb
from meanbits.experiments.random_networks.layer_networks import Draw
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.norm import batch_moments, over_batch, over_units
from meanbits.theory.declarations.blocks import Dropout, Flow, Neuron, Normalise, Scale
from meanbits.theory.declarations.blocks.noisy import Noisy
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import derive
from meanbits.theory.stages.layer_forward import forward_steps
from meanbits.theory.symbols import Sigma, hbar, mean_state, second_moment_state

SMOOTH = [each for each in CATALOGUE if not each.real_input and each.form.name == "exact"
          and (each.treatment.field, each.treatment.propagates) == ("integrated", "mean")]  # fmt: skip
BLOCKS = (Normalise("batch"), Normalise("rms"), Normalise("layer"), Scale(1.7), Dropout(0.7))
BATCH, UNITS, DRAWS = 64, 400, 400


def averaging(values: Any, axis: Any) -> Any:
    return values.mean(axis, keepdims=True)


class Averaged:
    """Dropout's noise, averaged."""

    def kept(self, keep: float, x: Noisy) -> Noisy:
        return Noisy(x.expectation, (x.expectation**2 + x.variance) / keep - x.expectation**2, x.averaging)


def fields() -> tuple[np.ndarray, np.ndarray]:
    """Means with something in common to a batch and to a unit, and variances, (batch, units)."""
    draw = np.random.default_rng(5)
    shared, own = draw.normal(size=(1, UNITS)), draw.normal(size=(BATCH, UNITS))
    return 0.6 * shared + 0.8 * own + 0.2, draw.uniform(0.3, 0.9, size=(BATCH, UNITS))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_moments_are_those_of_draws(block: Any) -> None:
    """A norm of so many units or rows fluctuates by 1/sqrt of their number, which its own draws share."""
    mean, variance = fields()
    found = block.apply(Noisy(mean, variance, averaging), Averaged())
    draw = Draw(torch.Generator().manual_seed(2))
    means, spread = torch.as_tensor(mean), torch.as_tensor(np.sqrt(variance))
    drawn = torch.stack([block.apply(means + spread * draw.normal(BATCH, UNITS), draw) for _ in range(DRAWS)]).numpy()
    scatter = np.sqrt(drawn.var(0).mean())
    assert (
        abs((drawn.mean(0) - found.expectation).mean()) < 4 * scatter / np.sqrt(DRAWS * BATCH * UNITS) + 1e-3 * scatter
    )
    apart = (drawn.mean(0) - found.expectation) / (drawn.std(0) / np.sqrt(DRAWS))
    assert np.mean(apart**2) == pytest.approx(1, abs=0.1)
    few = UNITS if getattr(block, "kind", "batch") != "batch" else BATCH
    assert (drawn.var(0) / np.broadcast_to(found.variance, mean.shape)).mean() == pytest.approx(1, abs=2 / few + 0.01)


def test_means_and_variances_of_what_is_independent_add() -> None:
    first, second = Noisy(0.3, 0.5, averaging), Noisy(-0.7, 0.2, averaging)
    assert first + second == Noisy(0.3 - 0.7, 0.5 + 0.2, averaging)
    assert first - 0.7 == Noisy(0.3 - 0.7, 0.5, averaging)


@pytest.mark.parametrize("block", [*BLOCKS, Neuron(mb.tanh)], ids=lambda block: block.name)
def test_moments_average_to_the_flow(block: Any) -> None:
    """Over fields of variance Q around what noise adds, totals and overlaps of two runs are those of the block."""
    quenched, noise, rows = 0.8, 0.5, 600
    mean = np.sqrt(quenched) * np.random.default_rng(3).normal(size=(rows, rows))
    flow = block.forward(Flow(quenched + noise, noise, quenched + noise), NeuronMoments())
    if isinstance(block, Neuron):
        z, weights = np.polynomial.hermite_e.hermegauss(40)
        inside = np.tanh(mean[..., None] + np.sqrt(noise) * z) @ (weights / weights.sum())
        second = np.tanh(mean[..., None] + np.sqrt(noise) * z) ** 2 @ (weights / weights.sum())
        alike, total = (inside**2).mean(), second.mean()
    else:
        found = block.apply(Noisy(mean, np.full_like(mean, noise), averaging), Averaged())
        alike, total = (found.expectation**2).mean(), (found.expectation**2 + found.variance).mean()
    assert total == pytest.approx(float(flow.total), rel=5e-3)
    assert alike == pytest.approx(float(flow.total - flow.fall), rel=1e-2)


@pytest.mark.parametrize("kind", ["batch", "rms", "layer"])
def test_norms_of_torch_layers_are_those_derived(kind: str) -> None:
    """Fields so large that the 1e-5 added to their variances does not tell."""
    mean, variance = (torch.as_tensor(each) for each in (1e4 * fields()[0], 1e8 * fields()[1]))
    derived = Normalise(kind).apply(Noisy(mean, variance, averaging), None)
    field = Field(mean, variance)
    found = over_batch(field, batch_moments(field, (0,))) if kind == "batch" else over_units(field, kind)
    torch.testing.assert_close(found.mean, derived.expectation, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(found.variance, derived.variance, rtol=1e-11, atol=0)


@pytest.mark.parametrize("surrogate", SMOOTH, ids=lambda each: each.name)
def test_chains_of_two_blocks_have_the_equations_of_the_row(surrogate: Any) -> None:
    """The neuron's mean and second moment, and the sums of the field, as derived for the surrogate as a whole."""
    neuron, dense = forward_steps(mb.layer_of(surrogate))
    forward = derive(surrogate).maps.mean_field.forward
    assert sp.simplify(neuron.after[0] - forward.mean.closed) == 0
    assert sp.simplify(neuron.after[1] - forward.second_moment.closed) == 0
    assert sp.simplify(dense.after[0] - forward.moments.mean) == 0
    if surrogate.neurons.second_moment != 1:
        assert sp.simplify(dense.after[1] - forward.moments.variance) == 0


def test_norm_dropout_and_skip_say_what_they_assume() -> None:
    layer = mb.compose("deterministic", normalise="batch", dropout="0.2", skip="0.6:0.8")
    norm, _, drop, _, skip = forward_steps(layer)
    assert "large batch" in norm.assumption
    assert str(norm.after[1]) == "Sigma/<Sigma + (hbar - <hbar>)**2>"
    assert drop.after == sp.Tuple(mean_state, second_moment_state / sp.Rational(4, 5))
    assert skip.after[0].coeff(hbar) == sp.Rational(3, 5)
    assert skip.after[1].coeff(Sigma) == sp.Rational(9, 25)
    assert forward_steps(mb.compose("xnor")) == ()
