"""Whether what was exported classifies images as the trained network does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from meanbits.experiments.training.counterparts import CHUNK, Labelled

Outputs = Callable[[Tensor], Tensor]
PARTS = ("train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Compared:
    """Accuracies before and after on training and test images, and how many images the two classify differently."""

    before: dict[str, float]
    after: dict[str, float]
    images: int
    differ: int

    @property
    def equal(self) -> bool:
        """Whether no image is classified differently."""
        return self.differ == 0


@torch.no_grad()
def compared(before: Outputs, after: Outputs, sets: tuple[Labelled, Labelled]) -> Compared:
    """Two networks, images (n, features) to logits (n, classes), on the same images."""
    classes = [[_classes(outputs, data.images) for data in sets] for outputs in (before, after)]
    right = [{name: float((found == data.labels).double().mean()) for name, found, data in
              zip(PARTS, each, sets, strict=True)} for each in classes]  # fmt: skip
    differ = sum(int((one != other).sum()) for one, other in zip(*classes, strict=True))
    return Compared(right[0], right[1], sum(len(data.labels) for data in sets), differ)


def _classes(outputs: Outputs, images: Tensor) -> Tensor:
    return torch.cat([outputs(part).argmax(-1) for part in images.split(CHUNK)])
