"""One random layer of a surrogate, or of the stochastic network it stands for: from states to fields, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.devices import PROCESSOR, Device
from meanbits.experiments.random_networks.field_sums import (
    Octets,
    biased_octets,
    blocks,
    fair_octets,
    groups_of,
    partial_sums,
    signed_rows,
    signed_sums,
    weighted_rows,
)
from meanbits.experiments.random_networks.weight_means import TWO_POINT, WeightMeans
from meanbits.numerics.emission.emit import compile_neurons
from meanbits.theory.declarations.mean_law import mean_law
from meanbits.theory.declarations.surrogates import EXACT, NETWORK, NONE, Surrogate
from meanbits.theory.derive import derive

Array = NDArray[np.float64]
RUNS = 2


@dataclass(frozen=True, eq=False)
class State:
    """Means m and second moments r of a layer's neurons, (passes, neurons): inputs a and b, then replicas of them."""

    mean: Any
    second_moment: Any


@dataclass(frozen=True, eq=False)
class Fields:
    """hbar, (passes, neurons); Sigma, (passes, 1) or (passes, neurons), where it is known; h unless integrated out."""

    mean: Any
    variance: Any | None
    drawn: Any | None


@dataclass(frozen=True, eq=False)
class RandomNetwork:
    """The law of a random layer: weight means M, b ~ N(0, sigma_b2), R = E S^2 = offset + slope M^2.

    samples_weights: S is drawn afresh for every pass, as is the state of every neuron, and M shared.
    replicas: every input passes twice; what is random given M and b is drawn afresh.
    """

    surrogate: Surrogate
    forward: SimpleNamespace
    means: WeightMeans
    offset: float
    slope: float
    sigma_b2: float
    samples_weights: bool = False
    replicas: bool = False
    device: Device = PROCESSOR

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `measure` measures."""
        return ("T", "r_aa", "r_ab") if self.replicas else ("q", "c", "T")

    @property
    def is_real_input(self) -> bool:
        """Whether inputs are states, not means of bits."""
        return self.surrogate.real_input or self.surrogate.treatment.field == "sharp"

    def inputs(self, pair: ImagePair, rng: np.random.Generator) -> State:
        """Images as means of bits, drawn where weights are; real where nothing is random; normalised for one layer."""
        images = np.tile(np.stack([pair.first, pair.second]), (RUNS if self.replicas else 1, 1))
        if self.surrogate.real_input:
            images /= np.sqrt(pair.mean_square)
        mean = self.device.array(images)
        if self.is_real_input:
            return State(mean, mean**2)
        if self.samples_weights:
            mean = self._bits(mean, rng)
        return State(mean, self.device.xp.ones_like(mean))

    def fields(self, state: State, width: int, rng: np.random.Generator) -> Fields:
        """hbar = M m / sqrt(N) + b, Sigma = (R r - M^2 m^2) / N of `width` neurons; h = hbar + sqrt(Sigma) eps, or S x.

        The fields S x / sqrt(N) + b of drawn weights have no Sigma.
        """
        inputs, treatment = state.mean.shape[1], self.surrogate.treatment.field
        drawn_weights = self.samples_weights and self.surrogate.weights.is_random
        sums, squares = (self._drawn(state, width, rng), 0.0) if drawn_weights else self._given(state, width, rng)
        biases = np.sqrt(self.sigma_b2) * rng.standard_normal(width)
        mean = sums / np.sqrt(inputs) + self.device.array(biases)
        if drawn_weights or treatment == "sharp":
            return Fields(mean, None, mean)
        variance = self.offset * state.second_moment.mean(1)[:, None] + squares / inputs
        if treatment == "integrated":
            return Fields(mean, variance, None)
        noise = self.device.array(rng.standard_normal(tuple(mean.shape)))
        return Fields(mean, variance, mean + variance**0.5 * noise)

    def _given(self, state: State, width: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """sum_j M m, (passes, width), and sum_j (slope M^2 r - M^2 m^2), one number a pass where M^2 is one."""
        inputs, square = state.mean.shape[1], self.slope * state.second_moment - state.mean**2
        if self.means.magnitude is not None:
            octets = (fair_octets(inputs, part.stop - part.start, rng) for part in blocks(width, groups_of(inputs)))
            sums = signed_rows(state.mean, octets, self.device)
            return self.means.magnitude * sums, self.means.sigma_m2 * square.sum(1)[:, None]
        sums = [
            (weighted_rows(state.mean, weights, self.device), weighted_rows(square, weights**2, self.device))
            for weights in self._blocks_of_means(width, inputs, rng)
        ]
        return tuple(self.device.xp.concat(parts, 1) for parts in zip(*sums, strict=True))

    def _blocks_of_means(self, width: int, inputs: int, rng: np.random.Generator) -> Iterator[Any]:
        for part in blocks(width, inputs):
            yield self.device.array(self.means.draw(part.stop - part.start, inputs, rng))

    def _drawn(self, state: State, width: int, rng: np.random.Generator) -> Any:
        """sum_j S x, (passes, width): S in {-1, 0, 1} drawn for each pass, given M and P(S != 0) = offset."""
        xp, inputs = self.device.xp, state.mean.shape[1]
        tables = [partial_sums(mean, self.device) for mean in state.mean]
        rows = []
        for part in blocks(width, inputs if self.means.magnitude is None else groups_of(inputs)):
            draw = self._signs(inputs, part.stop - part.start, rng)
            rows.append(xp.stack([self._weighted(table, next(draw), rng, inputs) for table in tables]))
        return xp.concat(rows, 1)

    def _signs(self, inputs: int, neurons: int, rng: np.random.Generator) -> Iterator[Octets]:
        """Draws, one a pass, of the signs of nonzero weights that share their means."""
        if self.means.magnitude is None:
            odds = (1 + self.means.draw(neurons, inputs, rng) / self.offset) / 2
            while True:
                yield biased_octets(odds, inputs, neurons, rng)
        signs, odds = fair_octets(inputs, neurons, rng), (1 - self.means.magnitude / self.offset) / 2
        while True:
            yield signs ^ biased_octets(odds, inputs, neurons, rng)

    def _weighted(self, table: Any, signs: Octets, rng: np.random.Generator, inputs: int) -> Any:
        """Sums under these signs, of the weights that are not zero."""
        if self.offset == 1:
            return signed_sums(table, signs, self.device)
        active = biased_octets(self.offset, inputs, signs.shape[1], rng)
        up, down = (signed_sums(table, active & part, self.device) for part in (signs, ~signs))
        return (up - down) / 2

    def neurons(self, fields: Fields, rng: np.random.Generator) -> State:
        """Means and second moments from the emitted forward equations; or states drawn from the means."""
        arguments = (fields.mean, fields.variance) if fields.drawn is None else (fields.drawn,)
        with np.errstate(divide="ignore"):  # of fields that are known their signs are left
            mean = self.forward.mean(*arguments)
        treatment = self.surrogate.treatment
        if self.surrogate.neurons.is_binary and (treatment.propagates == "sample" or treatment.field == "sharp"):
            mean = self._bits(mean, rng)
        elif treatment.propagates == "mean":
            return State(mean, self.forward.second_moment(*arguments))
        return State(mean, mean**2)

    def _bits(self, mean: Any, rng: np.random.Generator) -> Any:
        """Bits of these means; where nothing is random, a sign of 0 is the neuron's, whatever the input."""
        shape = mean.shape[1:] if self.surrogate.treatment.field == "sharp" else tuple(mean.shape)
        up = self.device.array(rng.random(shape)) < (1 + mean) / 2
        ones = self.device.xp.ones_like(mean)
        return self.device.xp.where(up, ones, -ones)

    def measure(self, fields: Fields) -> Any:
        """The `quantities` of one layer, as in `LayerStatistics` or `Replicas`."""
        field = fields.mean if fields.drawn is None else fields.drawn
        total = square = (field**2).mean(1)
        if fields.drawn is None:
            variance = fields.variance.mean(1)
            total = square + variance
        if self.replicas:
            among = [[(field[i] * field[j]).mean() / (total[i] * total[j]) ** 0.5 for i, j in chosen]
                     for chosen in (((0, 2), (1, 3)), ((0, 3), (1, 2)))]  # fmt: skip
            return self.device.xp.stack([total.mean(), *(sum(pair) / len(pair) for pair in among)])
        is_relative = fields.drawn is None and self.surrogate.treatment.propagates == "mean"
        with np.errstate(divide="ignore"):  # where nothing fluctuates q is infinite
            q, norm = (square / variance, square) if is_relative else (total, total)
        c = (field[0] * field[1]).mean() / norm.prod() ** 0.5
        return self.device.xp.stack([q.mean(), c, total.mean()])


def stochastic_network(surrogate: Surrogate) -> Surrogate:
    """The stochastic network that a surrogate stands for: everything random is sampled, nothing approximated."""
    random = surrogate.weights.is_random or surrogate.neurons.is_random
    name = f"{surrogate.name}, its network"
    return replace(surrogate, name=name, treatment=NETWORK if random else NONE, form=EXACT)


def random_network(
    surrogate: Surrogate,
    sigma_m2: float,
    sigma_b2: float,
    means: str = TWO_POINT,
    *,
    network: bool = False,
    replicas: bool = False,
    device: Device = PROCESSOR,
) -> RandomNetwork:
    """The law of the random layers of a surrogate, or of the stochastic network it stands for.

    Raises:
        ValueError: a variance out of range or beyond the law of the means, weights with a free parameter, or no neuron
            emitted.
    """
    weights = surrogate.weights
    for name, value in (("sigma_m2", sigma_m2), ("sigma_b2", sigma_b2)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} = {value}: a variance must be finite and at least 0")
    variance = sigma_m2 if weights.mean_square is None else float(weights.mean_square)
    offset, slope = weights.square_given_mean(variance)
    if weights.needs_equal_means and means != TWO_POINT:
        raise ValueError(f"--means {means}: {weights.name} weights are derived for means +-sigma_m; use {TWO_POINT}")
    limit = None if weights.mean_limit is None else float(weights.mean_limit)
    if weights.largest_sigma_m2 is not None and variance > float(weights.largest_sigma_m2):
        raise ValueError(f"sigma_m2 = {sigma_m2}: {weights.name} weights need at most {weights.largest_sigma_m2}")
    treated = stochastic_network(surrogate) if network else surrogate
    forward = compile_neurons(derive(treated), device.backend)
    if not hasattr(forward, "mean") or not hasattr(forward, "second_moment"):
        raise ValueError(f"{surrogate.name}: its neurons have no emitted mean or second moment, so none are simulated")
    values = tuple((float(value), float(chance)) for value, chance in weights.means)
    of_means = WeightMeans(mean_law(TWO_POINT if values else means), variance, limit, values)
    return RandomNetwork(treated, forward, of_means, offset, slope, sigma_b2, network, replicas, device)
