"""Jacobians of random layers as explicit matrices, in the stationary state of the mean-field theory.

J_ij = dh_i/dh_j of one layer, h the normalised field hbar/sqrt(Sigma) where the field is integrated out (the neurons'
dependence on Sigma of the layer before is held fixed), and the field itself elsewhere, as in `stages.jacobian`. Slopes
of the neurons are emitted functions; the elements follow from the definitions of hbar and Sigma, not from the theory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from meanbits.experiments.random_networks.networks import Array, Progress, Seed
from meanbits.experiments.random_networks.weight_means import WeightMeans
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import FixedPoint, fixed_point
from meanbits.numerics.spectra.derived import compile_slopes
from meanbits.numerics.spectra.slope_law import SlopeLaw, field_variances, slope_law
from meanbits.theory.declarations.mean_law import MeanLaw
from meanbits.theory.derive import Theory
from meanbits.theory.symbols import mean_weight


@dataclass(frozen=True, eq=False)
class Fields:
    """Of a layer in `batch` networks: hbar or, where it is kept, h; and Sigma of the same neurons; both (batch, N)."""

    field: Array
    variance: Array


@dataclass(frozen=True, eq=False)
class LayerJacobian:
    """J = direct + through_sigma, both (batch, N, N), and the fields of the layer after."""

    direct: Array
    through_sigma: Array
    fields: Fields


@dataclass(frozen=True, eq=False)
class JacobianNetwork:
    """Random square layers of a theory at the fixed point of (sigma_m2, sigma_b2), their means from `law`.

    Raises:
        ValueError: if the theory has no Jacobian or no such fixed point, or the law no such variance.
    """

    theory: Theory
    law: MeanLaw
    sigma_m2: float
    sigma_b2: float

    def __post_init__(self) -> None:
        assert self.variances
        assert self.means

    @cached_property
    def means(self) -> WeightMeans:
        """The draws of M."""
        limit = self.theory.surrogate.weights.mean_limit
        return WeightMeans(self.law, self.sigma_m2, None if limit is None else float(limit))

    @cached_property
    def fixed_point(self) -> FixedPoint:
        """The fixed point of the theory."""
        return fixed_point(self.theory, self.sigma_m2, self.sigma_b2)

    @property
    def state(self) -> tuple[float, float]:
        """(q, T) there."""
        return float(self.fixed_point.q), float(self.fixed_point.T)

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Variance of the fields that neurons differ by, and of the noise integrated out (0 where it is kept)."""
        return field_variances(self.theory, *self.state)

    @cached_property
    def slopes(self) -> SlopeLaw:
        """The law of the squared slopes of the neurons."""
        return slope_law(self.theory, *self.state)

    @cached_property
    def _functions(self) -> SimpleNamespace:
        maps, slopes = compile_theory(self.theory), compile_slopes(self.theory)
        return SimpleNamespace(mean=maps.mean, second_moment=maps.second_moment, mean_slope=slopes.mean_slope,
                               second_moment_slope=slopes.second_moment_slope)  # fmt: skip

    @property
    def integrated(self) -> bool:
        """Whether the field is integrated out."""
        return self.theory.forward.field is None

    def stationary(self, width: int, batch: int, rng: np.random.Generator) -> Fields:
        """Independent fields of the stationary state."""
        spread, annealed = self.variances
        return Fields(np.sqrt(spread) * rng.standard_normal((batch, width)), np.full((batch, width), annealed))

    def layer(self, before: Fields, rng: np.random.Generator) -> LayerJacobian:
        """A random layer of the width of the one before: its Jacobian and its fields."""
        batch, width = before.field.shape
        weights = self.means.draw(batch * width, width, rng).reshape(batch, width, width)
        biases = np.sqrt(self.sigma_b2) * rng.standard_normal((batch, width))
        noise = rng.standard_normal((batch, width)) if self.theory.surrogate.treatment.field == "sampled" else None
        return self.propagated(before, weights, biases, noise)

    def propagated(self, before: Fields, weights: Array, biases: Array, noise: Array | None) -> LayerJacobian:
        """The layer of weights M, (batch, N, N), biases and, where the field is sampled, noise, both (batch, N)."""
        arguments = (before.field, before.variance) if self.integrated else (before.field,)
        mean, second, slope, second_slope = (
            np.broadcast_to(getattr(self._functions, name)(*arguments), before.field.shape)
            for name in ("mean", "second_moment", "mean_slope", "second_moment_slope")
        )
        width = before.field.shape[-1]
        squares = weights**2
        moments = self._weight_second_moments(squares)
        hbar = _applied(weights, mean) / np.sqrt(width) + biases
        variance = (_applied(moments, second) - _applied(squares, mean**2)) / width
        direct = weights * (slope / np.sqrt(width))[:, None, :]
        if self.theory.surrogate.treatment.field == "sharp":
            return LayerJacobian(direct, np.zeros_like(direct), Fields(hbar, np.zeros_like(variance)))
        rise = (moments * second_slope[:, None, :] - 2 * squares * (mean * slope)[:, None, :]) / width
        if noise is not None:
            spread = np.sqrt(variance)
            return LayerJacobian(
                direct, (noise / (2 * spread))[:, :, None] * rise, Fields(hbar + spread * noise, variance)
            )
        unit = np.sqrt(before.variance)[:, None, :]
        direct *= unit / np.sqrt(variance)[:, :, None]
        through_sigma = -unit * (hbar / (2 * variance**1.5))[:, :, None] * rise
        return LayerJacobian(direct, through_sigma, Fields(hbar, variance))

    def _weight_second_moments(self, squares: Array) -> Array:
        """E S^2 of each weight."""
        second = self.theory.surrogate.weights.second
        return squares if second == mean_weight**2 else np.full_like(squares, float(second))


@dataclass(frozen=True, eq=False)
class MeanSquares:
    """Of single layers, one number a network, (realisations,): mean squared singular values |J|^2 / N.

    without, full: without and with the derivative of Sigma. Where the field is sampled, full is averaged over the sign
    of the noise, which turns the second part of J and leaves the first. control: what chance adds to both to first
    order, of mean 0 exactly (0 itself where the field is kept).
    """

    without: Array
    full: Array
    control: Array


def mean_squares(
    network: JacobianNetwork, *, width: int, realisations: int, seed: Seed, batch: int = 16
) -> MeanSquares:
    """Single layers of a width after stationary fields; the two values of a network share its weights and fields."""
    rows = []
    for rng, size in _batches(seed, realisations, batch):
        before = network.stationary(width, size, rng)
        layer = network.layer(before, rng)
        control = _control(network, layer) if network.integrated else np.zeros(size)
        without, added = (np.sum(part**2, axis=(1, 2)) / width for part in (layer.direct, layer.through_sigma))
        if network.integrated:
            added = np.sum((layer.direct + layer.through_sigma) ** 2, axis=(1, 2)) / width - without
        rows.append((without, without + added, control))
    return MeanSquares(*map(np.concatenate, zip(*rows, strict=True)))


def singular_values(
    network: JacobianNetwork,
    *,
    width: int,
    depths: Sequence[int],
    realisations: int,
    seed: Seed,
    progress: Progress | None = None,
) -> dict[int, Array]:
    """Singular values of the Jacobian of the last L of max(depths) layers, L in depths; each (realisations, width).

    The derivative of Sigma is in where the surrogate's gradient goes through it. Values below 1e-15 of the largest are
    rounding.
    """
    found: dict[int, list[Array]] = {depth: [] for depth in depths}
    for done, (rng, _) in enumerate(_batches(seed, realisations, 1)):
        fields = network.stationary(width, 1, rng)
        product = np.eye(width)
        for depth in range(1, max(depths) + 1):
            layer = network.layer(fields, rng)
            fields = layer.fields
            through = network.theory.surrogate.gradient_through_sigma
            product = (layer.direct[0] + layer.through_sigma[0] if through else layer.direct[0]) @ product
            if depth in found:
                found[depth].append(np.linalg.svd(product, compute_uv=False))
        if progress is not None:
            progress(done + 1, realisations)
    return {depth: np.array(values) for depth, values in found.items()}


def _control(network: JacobianNetwork, layer: LayerJacobian) -> Array:
    """To first order, what chance adds to |J|^2/N = D mean M^2 m'^2/Sigma by the slopes and weights, and by Sigma."""
    relative = layer.fields.variance / network.variances[1]
    leading = network.sigma_m2 * network.slopes.moment(1)
    by_slopes = np.sum(layer.direct**2 * relative[:, :, None], axis=(1, 2)) / relative.shape[1] - leading
    return by_slopes - leading * (relative.mean(axis=1) - 1)


def _applied(matrices: Array, vectors: Array) -> Array:
    return np.einsum("bij,bj->bi", matrices, vectors, optimize=True)


def _batches(seed: Seed, realisations: int, batch: int) -> Iterator[tuple[np.random.Generator, int]]:
    if realisations < 1:
        raise ValueError(f"realisations = {realisations}: it must be at least 1")
    count = -(-realisations // batch)
    for k, child in enumerate(np.random.SeedSequence(seed).spawn(count)):
        yield np.random.default_rng(child), min(batch, realisations - k * batch)
