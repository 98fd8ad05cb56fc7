"""What stands between dense layers besides neurons: a norm before them, a scale and a skip after."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from meanbits.theory.declarations.rows import Row

LEAST = 1e-5  # added to variances, as in torch.nn: a unit may be constant over a batch
Moments = tuple[Tensor, Tensor]  # mean and variance of each unit over a batch, (cells, 1, width)


@dataclass(frozen=True)
class Between:
    """h' = carry h + add F(h): the chain of `layer.layer_of`, behind: whether the norm ends F or begins it."""

    normalise: str | None = None
    behind: bool = False
    scale: float = 1.0
    carry: float = 0.0
    add: float = 1.0

    @classmethod
    def of(cls, row: Row) -> Between:
        """What a row has between its weights.

        Raises:
            ValueError: dropout, which trainings do not draw yet.
        """
        if row.dropout != 0:
            raise ValueError("dropout: trainings do not draw it yet; leave it out")
        carry, add = row.skip or (0, 1)
        return cls(row.normalise, row.behind, float(row.scale), float(carry), float(add))

    def moments(self, field: Tensor) -> Moments | None:
        """What batch norm takes of a batch (cells, batch, width); None without it."""
        return (field.mean(1, keepdim=True), field.var(1, keepdim=True, correction=0)) if self.by_batch else None

    @property
    def by_batch(self) -> bool:
        """Whether a unit's norm depends on the other inputs of its batch."""
        return self.normalise == "batch"

    def normalised(self, field: Tensor, known: Moments | None) -> Tensor:
        """What the norm makes of a field; `known` in place of the moments of its own batch."""
        if self.normalise is None:
            return field
        if self.by_batch:
            mean, variance = self.moments(field) if known is None else known  # type: ignore[misc]
            return (field - mean) / (variance + LEAST).sqrt()
        centred = field if self.normalise == "rms" else field - field.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + LEAST).sqrt()

    def scaled(self, field: Tensor) -> Tensor:
        """The field times the scale."""
        return field if self.scale == 1 else self.scale * field

    def onward(self, before: Tensor, field: Tensor, known: Moments | None = None) -> Tensor:
        """The field of the next layer, of that before and of what the weights make of its states."""
        after = self.scaled(field)
        after = self.normalised(after, known) if self.behind else after
        return after if self.carry == 0 and self.add == 1 else self.carry * before + self.add * after
