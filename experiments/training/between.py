"""What stands between dense layers besides neurons: a norm before them, dropout, a scale and a skip after."""

from __future__ import annotations

from dataclasses import dataclass

from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.norm import Moments, batch_moments, over_batch, over_units, scaled
from meanbits.theory.declarations.rows import Row


@dataclass(frozen=True)
class Between:
    """h' = carry h + add F(h): the chain of `layer.layer_of`, behind: whether the norm ends F or begins it.

    Means of fields add, and so do their variances: what F adds ends in weights of their own.
    """

    normalise: str | None = None
    behind: bool = False
    dropout: float = 0.0
    scale: float = 1.0
    carry: float = 0.0
    add: float = 1.0

    @classmethod
    def of(cls, row: Row) -> Between:
        """What a row has between its weights."""
        carry, add = row.skip or (0, 1)
        return cls(row.normalise, row.behind, float(row.dropout), float(row.scale), float(carry), float(add))

    def moments(self, field: Field) -> Moments | None:
        """What batch norm takes of a batch (cells, batch, width); None without it."""
        return batch_moments(field, (1,)) if self.by_batch else None

    @property
    def by_batch(self) -> bool:
        """Whether a unit's norm depends on the other inputs of its batch."""
        return self.normalise == "batch"

    @property
    def has_skip(self) -> bool:
        """Whether fields are added to those before."""
        return (self.carry, self.add) != (0, 1)

    def normalised(self, field: Field, known: Moments | None) -> Field:
        """What the norm makes of a field; `known` in place of the moments of its own batch."""
        if self.normalise is None:
            return field
        moments = self.moments(field) if known is None else known
        return over_units(field, self.normalise) if moments is None else over_batch(field, moments)

    def scaled(self, field: Field) -> Field:
        """The field times the scale."""
        return scaled(field, self.scale)

    def onward(self, before: Field, field: Field, known: Moments | None = None) -> Field:
        """The field of the next layer, of that before and of what the weights make of its states."""
        after = self.scaled(field)
        after = self.normalised(after, known) if self.behind else after
        if not self.has_skip:
            return after
        mean = self.carry * before.mean + self.add * after.mean
        if before.variance is None or after.variance is None:
            return Field(mean, None)
        return Field(mean, self.carry**2 * before.variance + self.add**2 * after.variance)
