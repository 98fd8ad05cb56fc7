"""How far straight-through gradients are from the exact ones in random networks, beside `numerics.chain.mismatch_law`.

Up to 12 neurons both are enumerated. In wider networks the exact gradient is that of the smoothed network, whose fields
are integrated out, and the straight-through one is sampled: different runs give its mean without bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from meanbits.experiments.chain.divergence import jackknife
from meanbits.experiments.chain.networks import ChainSetting, check_comparable, random_network
from meanbits.experiments.chain.wide_gradients import WideNetwork, random_readout, run_rule
from meanbits.numerics.chain.enumeration import MAX_NEURONS
from meanbits.numerics.chain.gradients import Elementwise, Gradient, exact_gradients, straight_through_gradients
from meanbits.numerics.chain.mismatch_law import FloatArray, Overlaps
from meanbits.theory.declarations.surrogates import Surrogate

Tick = Callable[[int, int], object]
NETWORK_KEY, READOUT_KEY, RUN_KEY = 0, 1, 2
BYTES, MOST_BYTES = 8 * 6, 4e9  # of a weight under way: its mean, its draw, their gradients and copies


@dataclass(frozen=True, eq=False)
class MeasuredOverlaps:
    """Overlaps of each network, of the gradients of biases and of means of weights, (networks, 4, L), by `OVERLAPS`.

    is_exact: whether they were enumerated.
    """

    biases: FloatArray
    means: FloatArray
    is_exact: bool

    def value(self, parameters: str, name: str) -> tuple[FloatArray, FloatArray]:
        """A quantity of `Overlaps`, as "cosine", of overlaps averaged over networks, and its standard error, both (L,).

        parameters: "biases" or "means". The error is the jackknife's, 0 of a single network.
        """
        groups = getattr(self, parameters)

        def measure(overlaps: FloatArray) -> FloatArray:
            return getattr(Overlaps(*overlaps), name)

        return measure(groups.mean(0)), jackknife(measure, groups)[1]


def enumerated_mismatch(
    surrogate: Surrogate, setting: ChainSetting, networks: int, seed: int = 0, tick: Tick = lambda done, total: None
) -> MeasuredOverlaps:
    """The overlaps in the stochastic networks of a surrogate, exactly, for random means, biases, inputs and readouts.

    Raises:
        ValueError: more than 12 neurons, neurons that are not binary, or a network without randomness or slope.
    """
    _check(surrogate, networks)
    if setting.width > MAX_NEURONS:
        raise ValueError(f"--width {setting.width}: states are enumerated up to {MAX_NEURONS} neurons; sample instead")
    if not surrogate.neurons.is_binary:
        raise ValueError(f"{surrogate.name}: {surrogate.neurons.name} neurons have no states to enumerate; give "
                         f"--width above {MAX_NEURONS}, where gradients are sampled")  # fmt: skip
    check_comparable(surrogate, setting)
    mean, slope = _neuron(surrogate)
    found = []
    for k in range(networks):
        network = random_network(surrogate, setting, (seed, NETWORK_KEY, k))
        given = network.inputs, random_readout(setting.width, (seed, READOUT_KEY, k))
        exact = exact_gradients(network.layers, mean, *given)
        through = straight_through_gradients(network.layers, mean, slope, *given)
        found.append([[_of_pair(*pair, name) for pair in zip(exact, through, strict=True)]
                      for name in ("biases", "means")])  # fmt: skip
        tick(k + 1, networks)
    table = np.array(found).swapaxes(2, 3)
    return MeasuredOverlaps(table[:, 0], table[:, 1], True)


def sampled_mismatch(
    surrogate: Surrogate,
    setting: ChainSetting,
    networks: int,
    runs: int = 16,
    seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> MeasuredOverlaps:
    """The overlaps in wide random networks, float64; one run of a network without randomness.

    Raises:
        ValueError: fewer than two runs of a random network, or neurons that are random and not +-1.
    """
    _check(surrogate, networks)
    needed = BYTES * setting.depth * setting.width**2
    if needed > MOST_BYTES:
        largest = int((MOST_BYTES / BYTES / setting.depth) ** 0.5)
        raise ValueError(f"--width {setting.width}: networks of {needed:.2g} bytes, above {MOST_BYTES:.2g}; give at "
                         f"most {largest}")  # fmt: skip
    is_random = surrogate.neurons.is_random or surrogate.weights.is_random
    if is_random and runs < 2:
        raise ValueError(f"--runs {runs}: the mean over runs is known from pairs of them; give at least 2")
    if surrogate.neurons.is_random and not surrogate.neurons.is_binary:
        raise ValueError(f"{surrogate.neurons.name} neurons are random and not +-1, and no sampler of theirs is known")
    found = []
    for k in range(networks):
        network = WideNetwork.draw(surrogate, setting, (seed, NETWORK_KEY, k))
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence((seed, RUN_KEY, k)).generate_state(1)[0]))
        found.append(network.overlaps(runs if is_random else 1, generator))
        tick(k + 1, networks)
    table = np.array(found).transpose(0, 2, 3, 1)
    return MeasuredOverlaps(table[:, 0], table[:, 1], False)


def _of_pair(exact: Gradient, through: Gradient, parameters: str) -> list[float]:
    """`OVERLAPS` of two gradients, the second the mean of its runs."""
    one, other = getattr(exact, parameters), getattr(through, parameters)
    return [float((one**2).sum()), float((one * other).sum()), float((other**2).sum()), through.square]


def _neuron(surrogate: Surrogate) -> tuple[Elementwise, Elementwise]:
    """E[x | h] on tensors with its own derivative, and the slope that gradients see."""
    seen = run_rule(surrogate.neurons).mean

    def slope(field: Tensor) -> Tensor:
        known = field.detach().requires_grad_()
        return torch.autograd.grad(seen(known).sum(), known)[0]

    return run_rule(replace(surrogate.neurons, backward=None)).mean, slope


def _check(surrogate: Surrogate, networks: int) -> None:
    """Refuse what has no exact gradient to compare with, or no layers to follow."""
    if networks < 1:
        raise ValueError(f"--networks {networks}: it must be at least 1")
    if surrogate.real_input:
        raise ValueError(f"{surrogate.name} is a single layer on real inputs; name a surrogate of layers")
    is_random = surrogate.neurons.is_random or surrogate.weights.is_random
    if surrogate.neurons.jumps and not is_random:
        raise ValueError(f"{surrogate.name}: nothing smooths the jumps of {surrogate.neurons.name} neurons, and their "
                         "exact gradient is 0 almost everywhere; smooth them, as in --treatment network --neurons "
                         "stochastic --noise gaussian:0.5")  # fmt: skip
    if surrogate.neurons.jumps and surrogate.neurons.backward is None:
        raise ValueError(f"{surrogate.name}: no gradient passes {surrogate.neurons.name} neurons; give a slope, as in "
                         "--backward clip")  # fmt: skip
