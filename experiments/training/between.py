"""What stands between dense layers besides neurons: a norm before them, a scale and a skip after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from meanbits.theory.declarations.blocks import Block, Dropout, Normalise, Scale, Skip

LEAST = 1e-5  # added to variances, as in torch.nn: a unit may be constant over a batch
Moments = tuple[Tensor, Tensor]  # mean and variance of each unit over a batch, (cells, 1, width)


@dataclass(frozen=True)
class Between:
    """h' = carry h + add scale F(h), F the neurons and weights behind a norm: the chain of `layer.layer_of`."""

    normalise: str | None = None
    scale: float = 1.0
    carry: float = 0.0
    add: float = 1.0

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Between:
        """What a chain of blocks has between its weights.

        Raises:
            ValueError: dropout, which trainings do not draw yet.
        """
        around = blocks[0] if isinstance(blocks[0], Skip) else None
        inside = blocks if around is None else around.blocks
        if any(isinstance(each, Dropout) for each in inside):
            raise ValueError("dropout: trainings do not draw it yet; leave it out")
        norms = [each.kind for each in inside if isinstance(each, Normalise)]
        scales = [float(each.factor) for each in inside if isinstance(each, Scale)]
        skip = (0.0, 1.0) if around is None else (float(around.carry), float(around.add))
        return cls(norms[0] if norms else None, scales[0] if scales else 1.0, *skip)

    def moments(self, field: Tensor) -> Moments | None:
        """What batch norm takes of a batch (cells, batch, width); None without it."""
        return (field.mean(1, keepdim=True), field.var(1, keepdim=True, correction=0)) if self.by_batch else None

    @property
    def by_batch(self) -> bool:
        """Whether a unit's norm depends on the other inputs of its batch."""
        return self.normalise == "batch"

    def normalised(self, field: Tensor, known: Moments | None) -> Tensor:
        """The field that neurons see; `known` in place of the moments of its own batch."""
        if self.normalise is None:
            return field
        if self.by_batch:
            mean, variance = self.moments(field) if known is None else known  # type: ignore[misc]
            return (field - mean) / (variance + LEAST).sqrt()
        centred = field if self.normalise == "rms" else field - field.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + LEAST).sqrt()

    def onward(self, before: Tensor, field: Tensor) -> Tensor:
        """The field of the next layer, of that before and of what the weights make of its states."""
        after = field if self.scale == 1 else self.scale * field
        return after if self.carry == 0 and self.add == 1 else self.carry * before + self.add * after
