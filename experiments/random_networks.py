"""Random networks of any surrogate, simulated from its forward equations and without its mean-field maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from experiments.data import ImagePair
from numerics.emit import compile_theory
from theory.derive import derive
from theory.network import law_moment
from theory.surrogates import Surrogate
from theory.symbols import mean_weight

Array = NDArray[np.float64]
Seed = int | tuple[int, ...]
Progress = Callable[[int, int], None]  # (done, total)

SIGNS_OF_BYTE = 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) - 1
FLOAT32_SUM = 1e-6  # bounds the relative rounding that float32 matrix products leave in a mean over a layer


@dataclass(frozen=True, eq=False)
class Measurement:
    """A quantity measured in independent realisations; values has shape (realisations, depth)."""

    values: Array

    @property
    def mean(self) -> Array:
        """Mean over realisations, (depth,)."""
        return self.values.mean(axis=0)

    @property
    def std(self) -> Array:
        """Standard deviation over realisations, (depth,); NaN for a single one."""
        return self.values.std(axis=0, ddof=1) if len(self.values) > 1 else np.full(self.values.shape[1], np.nan)

    @property
    def error(self) -> Array:
        """Standard error of the mean, (depth,)."""
        return self.std / np.sqrt(len(self.values))

    def z(self, expected: Array) -> Array:
        """Student's t of mean - expected, rounding included, as the normal quantile of equal probability, (depth,)."""
        t = (self.mean - expected) / np.hypot(self.error, FLOAT32_SUM * np.abs(expected))
        return -np.sign(t) * special.ndtri(special.stdtr(len(self.values) - 1, -np.abs(t)))


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """q and c as in `theory.correlation.Maps`, and the total field variance T, measured layer by layer.

    With <.> the mean over the fields of a layer, and q and T averaged over the inputs a and b:
    marginalised: q = <hbar^2>/<Sigma>, c = <hbar_a hbar_b>/sqrt(<hbar_a^2><hbar_b^2>), T = <hbar^2> + <Sigma>;
    marginalised, neurons sampled: q = T = <hbar^2> + <Sigma>, c = <hbar_a hbar_b>/sqrt(T_a T_b);
    sampled or sharp: q = T = <h^2>, c = <h_a h_b>/sqrt(T_a T_b).
    """

    q: Measurement
    c: Measurement
    total: Measurement


@dataclass(frozen=True, eq=False)
class State:
    """Means m and second moments r of a layer's neurons, (neurons, 2), one column an input."""

    mean: Array
    second_moment: Array


@dataclass(frozen=True, eq=False)
class Fields:
    """hbar, (neurons, 2), Sigma, (2,), one for all neurons as M^2 is, and h, (neurons, 2), unless integrated out."""

    mean: Array
    variance: Array
    drawn: Array | None


@dataclass(frozen=True, eq=False)
class RandomNetwork:
    """The law of a random layer: M = +-sqrt(mean_square) with equal odds, b ~ N(0, sigma_b2), R = E S^2."""

    surrogate: Surrogate
    forward: SimpleNamespace
    mean_square: float
    weight_second_moment: float
    sigma_b2: float

    def inputs(self, pair: ImagePair) -> State:
        """Images as means of binary inputs; real inputs where nothing is random; of mean square 1 for a real layer."""
        images = np.stack([pair.first, pair.second], axis=1)
        if self.surrogate.real_input:
            images /= np.sqrt(pair.mean_square)
        is_real = self.surrogate.real_input or self.surrogate.treatment.field == "sharp"
        return State(images, images**2 if is_real else np.ones_like(images))

    def fields(self, state: State, width: int, rng: np.random.Generator) -> Fields:
        """hbar = M m / sqrt(N) + b and Sigma = (R r - M^2 m^2) / N of `width` neurons; h = hbar + sqrt(Sigma) eps."""
        inputs = len(state.mean)
        sums = random_signs(width, inputs, rng) @ state.mean.astype(np.float32)
        biases = np.sqrt(self.sigma_b2) * rng.standard_normal((width, 1))
        mean = np.sqrt(self.mean_square / inputs) * sums + biases
        second_moment, square = state.second_moment.mean(axis=0), (state.mean**2).mean(axis=0)
        variance = self.weight_second_moment * second_moment - self.mean_square * square
        treatment = self.surrogate.treatment.field
        noise = np.sqrt(variance) * rng.standard_normal(mean.shape) if treatment == "sampled" else 0.0
        return Fields(mean, variance, None if treatment == "integrated" else mean + noise)

    def neurons(self, fields: Fields, rng: np.random.Generator) -> State:
        """Means and second moments from the emitted forward equations; or states drawn from the means."""
        arguments = (fields.mean, fields.variance) if fields.drawn is None else (fields.drawn,)
        mean = self.forward.mean(*arguments)
        if self.surrogate.treatment.propagates == "mean":
            return State(mean, self.forward.second_moment(*arguments))
        if self.surrogate.neurons.is_binary:
            mean = np.where(rng.random(mean.shape) < (1 + mean) / 2, 1.0, -1.0)
        return State(mean, mean**2)

    def measure(self, fields: Fields) -> tuple[float, float, float]:
        """q, c and T of one layer, as in `LayerStatistics`."""
        is_drawn = fields.drawn is not None
        field = fields.drawn if is_drawn else fields.mean
        square, covariance = (field**2).mean(axis=0), field.prod(axis=1).mean()
        total = square if is_drawn else square + fields.variance
        is_relative = not is_drawn and self.surrogate.treatment.propagates == "mean"
        q, norm = (square / fields.variance, square) if is_relative else (total, total)
        return float(q.mean()), float(covariance / np.sqrt(norm.prod())), float(total.mean())


def simulate(
    surrogate: Surrogate,
    *,
    width: int,
    depth: int,
    realisations: int,
    sigma_m2: float,
    sigma_b2: float,
    pair: ImagePair,
    seed: Seed,
    progress: Progress | None = None,
) -> LayerStatistics:
    """Send an image pair through `realisations` random networks of `depth` layers of `width` neurons.

    Realisation k depends on `seed` and k alone. Weights with fixed signs ignore `sigma_m2`. `progress(done,
    realisations)` is called after each network. Source: Stamatescu et al. 2020, figure 1.

    Raises:
        ValueError: if a number is out of range, or the surrogate has no emitted forward equations.
    """
    network = random_network(surrogate, sigma_m2, sigma_b2)
    _require_positive(width=width, depth=depth)
    if surrogate.real_input and depth != 1:
        raise ValueError(f"depth = {depth}: {surrogate.name} is a single layer on real inputs; use depth 1")
    inputs, rows = network.inputs(pair), []
    for rng in _generators(seed, realisations):
        fields = network.fields(inputs, width, rng)
        row = [network.measure(fields)]
        for _ in range(depth - 1):
            fields = network.fields(network.neurons(fields, rng), width, rng)
            row.append(network.measure(fields))
        rows.append(row)
        if progress is not None:
            progress(len(rows), realisations)
    return _statistics(rows)


def one_layer(
    surrogate: Surrogate,
    *,
    width: int,
    realisations: int,
    sigma_m2: float,
    sigma_b2: float,
    variance: float,
    covariance: float,
    annealed: float,
    seed: Seed,
) -> LayerStatistics:
    """One random layer after `width` neurons with Gaussian fields of two inputs, of given variance and covariance.

    The fields are hbar, with Sigma = `annealed`, where they are integrated out, h elsewhere, and the inputs themselves
    where the surrogate is a layer on real inputs.

    Raises:
        ValueError: if a number is out of range, or the surrogate has no emitted forward equations.
    """
    network = random_network(surrogate, sigma_m2, sigma_b2)
    _require_positive(width=width)
    if not 0 < variance < np.inf or not abs(covariance) <= variance:
        raise ValueError(f"variance = {variance}, covariance = {covariance}: need |covariance| <= variance > 0")
    c, rows = covariance / variance, []
    for rng in _generators(seed, realisations):
        fields = np.sqrt(variance) * rng.standard_normal((width, 2)) @ np.array([[1, c], [0, np.sqrt(1 - c * c)]])
        drawn = None if surrogate.treatment.field == "integrated" else fields
        given = Fields(fields, np.full(2, annealed), drawn)
        state = State(fields, fields**2) if surrogate.real_input else network.neurons(given, rng)
        rows.append([network.measure(network.fields(state, width, rng))])
    return _statistics(rows)


def random_network(surrogate: Surrogate, sigma_m2: float, sigma_b2: float) -> RandomNetwork:
    """The law of a surrogate's random layers.

    Raises:
        ValueError: if a variance is out of range, the weights have a free parameter, or no neuron was emitted.
    """
    weights = surrogate.weights
    for name, value in (("sigma_m2", sigma_m2), ("sigma_b2", sigma_b2)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} = {value}: a variance must be finite and at least 0")
    mean_square = sigma_m2 if weights.mean_square is None else float(weights.mean_square)
    second_moment = law_moment(weights.law, 2).subs(mean_weight**2, mean_square)
    if not second_moment.is_number:
        raise ValueError(f"weights {weights.name}: E S^2 = {second_moment} is free; give P(S != 0) a value")
    if weights.mean_limit is not None and mean_square > float(weights.mean_limit) ** 2:
        raise ValueError(f"sigma_m2 = {sigma_m2}: {weights.name} weights need at most {weights.mean_limit**2}")
    forward = compile_theory(derive(surrogate))
    if not hasattr(forward, "mean") or not hasattr(forward, "second_moment"):
        raise ValueError(f"{surrogate.name}: its neurons have no emitted mean or second moment, so none are simulated")
    return RandomNetwork(surrogate, forward, mean_square, float(second_moment), sigma_b2)


def random_signs(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Independent +-1 with equal odds, (rows, columns), from one random bit each."""
    size = rows * columns
    octets = np.frombuffer(rng.bytes(-(-size // 8)), np.uint8)
    return SIGNS_OF_BYTE[octets].reshape(-1)[:size].reshape(rows, columns)


def _generators(seed: Seed, realisations: int) -> Iterator[np.random.Generator]:
    _require_positive(realisations=realisations)
    return map(np.random.default_rng, np.random.SeedSequence(seed).spawn(realisations))


def _require_positive(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} = {value}: it must be at least 1")


def _statistics(rows: list[list[tuple[float, float, float]]]) -> LayerStatistics:
    return LayerStatistics(*map(Measurement, np.moveaxis(np.array(rows), -1, 0)))
