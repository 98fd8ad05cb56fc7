"""Draws of the weight means M from the laws of `declarations.mean_law`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meanbits.experiments.random_networks.field_sums import fair_octets, signs_of
from meanbits.theory.declarations.mean_law import MeanLaw

Array = NDArray[np.float64]
TWO_POINT = "two-point"


@dataclass(frozen=True)
class WeightMeans:
    """I.i.d. M of a law with E M^2 = sigma_m2 and |M| <= limit (None: any real; a clipped Gaussian is then a Gaussian).

    values: pairs (value, probability) of M in place of the law, where the weights settle it themselves.

    Raises:
        ValueError: if the law has no such variance within the limit, or needs a limit.
    """

    law: MeanLaw
    sigma_m2: float
    limit: float | None
    values: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.values:
            return
        if self.limit is None and self.law.name == "beta":
            raise ValueError("the beta law of the means needs bounded weights; use two-point, uniform or "
                             "clipped-gaussian")  # fmt: skip
        if self.limit is not None and not self._is_limiting:
            self.law.scale_of(self.sigma_m2, self.limit)

    @property
    def _is_limiting(self) -> bool:
        """Whether the law shrinks to 0, or moves to the limits altogether, where it has no scale."""
        at_limits = self.limit is not None and self.sigma_m2 == self.limit**2
        return self.sigma_m2 == 0 or (at_limits and self.law.largest_sigma_m2 == 1)

    @cached_property
    def magnitude(self) -> float | None:
        """|M| where it is one number: M is +-magnitude with equal odds."""
        if self.values:
            sizes = {abs(value) for value, _ in self.values}
            return sizes.pop() if len(sizes) == 1 else None
        return math.sqrt(self.sigma_m2) if self.law.name == TWO_POINT or self._is_limiting else None

    @cached_property
    def _scale(self) -> float:
        """The scale of the law on [-1, 1], or its standard deviation where it has no limit."""
        return math.sqrt(self.sigma_m2) if self.limit is None else self.law.scale_of(self.sigma_m2, self.limit)

    def draw(self, neurons: int, inputs: int, rng: np.random.Generator) -> Array:
        """M, (neurons, inputs)."""
        if self.magnitude is not None:
            return self.magnitude * signs_of(fair_octets(inputs, neurons, rng), inputs)
        if self.values:
            values, chances = zip(*self.values, strict=True)
            return rng.choice(values, (neurons, inputs), p=chances)
        limit = 1.0 if self.limit is None else self.limit
        return limit * self._continuous((neurons, inputs), rng)

    def _continuous(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        name, scale = self.law.name, self._scale
        if name == "uniform":
            edge = scale if self.limit is not None else math.sqrt(3) * scale
            return rng.uniform(-edge, edge, shape)
        if name == "beta":
            return 2 * rng.beta(scale, scale, shape) - 1
        if name == "clipped-gaussian":
            means = scale * rng.standard_normal(shape)
            return means if self.limit is None else np.clip(means, -1, 1, out=means)
        raise ValueError(f"means {name}: no draws are known for this law")
