"""The moments that batch norm of fields takes: of the batch in training, running ones in evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from meanbits.numerics.layers.field import Field, accumulated
from meanbits.numerics.layers.norm import Moments, batch_moments

MOMENTUM = 0.1


class BatchStatistics(nn.Module):
    """mu and V of each unit, as torch.nn.BatchNorm1d keeps them: V for evaluation unbiased, 0.1 of each batch.

    >>> statistics, field = BatchStatistics(2, {}), Field(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.ones(2, 2))
    >>> [each.tolist() for each in statistics(field)]
    [[[2.0, 0.0]], [[2.0, 1.0]]]
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, units: int, factory: dict[str, Any]) -> None:
        super().__init__()
        self.register_buffer("running_mean", accumulated(torch.zeros(units, **factory)))
        self.register_buffer("running_var", accumulated(torch.ones(units, **factory)))

    def reset(self) -> None:
        """Forget the batches seen."""
        self.running_mean.zero_()
        self.running_var.fill_(1)

    def forward(self, field: Field) -> Moments:
        """mu and V that a field (..., units) is normed by.

        Raises:
            ValueError: a batch of one in training, which has no variance.
        """
        if not self.training:
            return self.running_mean, self.running_var
        rows = field.mean.shape[:-1].numel()
        if rows < 2:
            raise ValueError(f"batch norm in training of a batch of {rows}: an input alone has no variance over the "
                             "batch; give two or more, or call eval(), for the running moments")  # fmt: skip
        axes = tuple(range(field.mean.dim() - 1))
        self._note(field, axes)
        return batch_moments(field, axes)

    @torch.no_grad()
    def _note(self, field: Field, axes: tuple[int, ...]) -> None:
        found = batch_moments(field, axes, correction=1)
        for running, value in zip((self.running_mean, self.running_var), found, strict=True):
            running.lerp_(value.flatten().to(running.dtype), MOMENTUM)
