"""Random stochastic networks on which surrogates are compared: weight means, biases and an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.random_networks.weight_means import WeightMeans
from meanbits.numerics.chain.field_law import Layer, WeightKind
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import compile_functions, emitted_functions, neuron_section
from meanbits.theory.declarations.mean_law import mean_law
from meanbits.theory.declarations.surrogates import EXACT, SAMPLE, Surrogate
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.derive import Theory, derive
from meanbits.theory.symbols import mean_weight

FloatArray = NDArray[np.float64]

FORWARD = ("mean", "second_moment")


@dataclass(frozen=True)
class ChainSetting:
    """Width N and depth L of the networks, variances and law of their weight means, and of their biases.

    means: a law of `declarations.mean_law`. Inputs are binary of mean +-sqrt(input_square), so known where that is 1.

    Raises ValueError for a size below 1 or a number out of range, naming the option.
    """

    width: int
    depth: int
    sigma_m2: float
    sigma_b2: float
    means: str = "two-point"
    input_square: float = 1.0

    def __post_init__(self) -> None:
        for name, size in (("width", self.width), ("depth", self.depth)):
            if size < 1:
                raise ValueError(f"--{name} {size}: it must be at least 1")
        for name, value in (("sigma-m2", self.sigma_m2), ("sigma-b2", self.sigma_b2)):
            if not 0 <= value < np.inf:
                raise ValueError(f"--{name} {value:g}: a variance must be finite and at least 0")
        if not 0 <= self.input_square <= 1:
            raise ValueError(f"input_square = {self.input_square:g}: binary inputs have it in [0, 1]")


@dataclass(frozen=True, eq=False)
class StochasticNetwork:
    """The network itself: binary means of its inputs (or, with `real_input`, real inputs), (N,), and its layers.

    is_binary: whether its neurons are, so that `Layer.neuron_mean` is the mean of a neuron; else it is the neuron.
    """

    inputs: FloatArray
    layers: tuple[Layer, ...]
    is_binary: bool
    real_input: bool


def same_network(surrogate: Surrogate) -> tuple[str, str, bool]:
    """What two surrogates share if they stand for the same stochastic network: weights, neurons, and kind of input."""
    return surrogate.weights.name, surrogate.neurons.name, surrogate.real_input


def network_name(surrogate: Surrogate) -> str:
    """The stochastic network of a surrogate, for people."""
    given = ", real inputs" if surrogate.real_input else ""
    return f"{surrogate.weights.name} weights, {surrogate.neurons.name} neurons{given}"


def weight_kind(weights: Weights, name: str) -> tuple[WeightKind, float | None]:
    """What `Layer` calls weights, by their law, and P(S != 0) where they are ternary.

    Raises:
        ValueError: weights of other values, or a P(S != 0) without a number.
    """
    if not weights.is_random:
        return "fixed", None
    if not is_enumerated(weights):
        raise ValueError(f"{name}: {weights.name} weights are not enumerated; give --weights binary or ternary:RHO")
    if not weights.second.is_number:
        raise ValueError(f"{name}: P(S != 0) = {weights.second} has no value; give --weights ternary:RHO")
    return ("binary", None) if len(weights.law) == 2 else ("ternary", float(weights.second))


def is_enumerated(weights: Weights) -> bool:
    """Whether random weights have the values of `Layer`: -1 and 1, and 0 perhaps."""
    return {value for value, _ in weights.law} in ({-1, 1}, {-1, 0, 1})


def check_comparable(surrogate: Surrogate, setting: ChainSetting) -> None:
    """Raise ValueError if the network of a surrogate is not random, has a free parameter or does not fit the setting.

    Where sigma_m2 reaches its bound, binary weights are known: Sigma falls to 0, and sign neurons are deterministic.
    """
    weights, name = surrogate.weights, surrogate.name
    square = mean_square(surrogate, setting)
    weight_kind(weights, name)
    weight_means(surrogate, setting)
    fluctuation = weights.second.subs(mean_weight**2, square) - square
    if not fluctuation > 0 and not surrogate.neurons.is_random:
        raise ValueError(f"{name}: nothing in its network is random at sigma_m2 = {square:g}, so there is no law to "
                         "approximate; lower sigma_m2, or choose random weights or stochastic neurons")  # fmt: skip
    if surrogate.real_input and setting.depth > 1:
        raise ValueError(f"--depth {setting.depth}: {name} is a single layer on real inputs; give --depth 1")


def mean_square(surrogate: Surrogate, setting: ChainSetting) -> float:
    """E M^2: sigma_m2, or what the weights fix."""
    fixed = surrogate.weights.mean_square
    return setting.sigma_m2 if fixed is None else float(fixed)


def weight_means(surrogate: Surrogate, setting: ChainSetting) -> WeightMeans:
    """The law of the weight means, checked against what the weights allow; that of the weights where they settle it."""
    limit = surrogate.weights.mean_limit
    bound = None if limit is None else float(limit)
    square = mean_square(surrogate, setting)
    if bound is not None and square > bound**2:
        raise ValueError(f"--sigma-m2 {square:g}: {surrogate.weights.name} weights need at most {bound**2:g}")
    settled = tuple((float(value), float(chance)) for value, chance in surrogate.weights.means)
    return WeightMeans(mean_law(setting.means), square, bound, settled)


def random_network(surrogate: Surrogate, setting: ChainSetting, seed: tuple[int, ...]) -> StochasticNetwork:
    """The stochastic network of a surrogate with random weight means, biases and input, the same for equal seeds.

    Settings that differ in depth, sigma_m2 or sigma_b2 share their underlying draws, layer by layer.
    """
    check_comparable(surrogate, setting)
    kind, rho = weight_kind(surrogate.weights, surrogate.name)
    rngs = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(setting.depth + 1)]
    size, means, neuron = setting.width, weight_means(surrogate, setting), given_field(surrogate)
    draws = [(np.sqrt(setting.sigma_b2) * rng.standard_normal(size), means.draw(size, size, rng)) for rng in rngs[1:]]
    layers = tuple(Layer(mean, bias, neuron, kind, rho) for bias, mean in draws)
    if surrogate.real_input:
        inputs = rngs[0].standard_normal(size)
    else:
        inputs = np.sqrt(setting.input_square) * rngs[0].choice((-1.0, 1.0), size)
    return StochasticNetwork(inputs, layers, surrogate.neurons.is_binary, surrogate.real_input)


def given_field(surrogate: Surrogate) -> Callable[[FloatArray], FloatArray]:
    """E[x | h] of the neurons of a surrogate's network, from the emitted equations, entry by entry."""
    return forward_equations(derive(replace(surrogate, treatment=SAMPLE, form=EXACT, real_input=False))).mean


@lru_cache(maxsize=128)
def forward_equations(theory: Theory) -> SimpleNamespace:
    """`mean` and `second_moment` of a neuron, emitted alone: functions of (hbar, Sigma), or of h where it is drawn."""
    wanted = [each for each in emitted_functions(theory, (neuron_section,)) if each.name in FORWARD]
    if len(wanted) < len(FORWARD):
        raise ValueError(f"{theory.surrogate.name}: its neurons have no emitted mean or second moment to compare with")
    return compile_functions(theory, wanted, NUMPY)
