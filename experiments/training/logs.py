"""TensorBoard logs of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meanbits.experiments.training.loop import Training
from meanbits.experiments.training.measures import mean_statistics


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[Training], None]]:
    """A function to call after each epoch: it logs the loss, and per layer the polarised means, E M^2 and E b^2.

    Raises:
        ValueError: TensorBoard is not installed.
    """
    writer, opened = _writer(), []

    def log(training: Training) -> None:
        if not opened:  # the folder is made when there is something to write
            opened.append(writer(str(folder)))
        _log(opened[0], training)

    try:
        yield log
    finally:
        for each in opened:
            each.close()


def _writer() -> Any:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise ValueError(
            "logs need TensorBoard, which is not installed: pip install tensorboard, or log nothing"
        ) from None
    return SummaryWriter


def _log(writer: Any, training: Training) -> None:
    writer.add_scalar("loss", float(training.losses[-1][0]), training.epochs)
    for name, values in mean_statistics(training.network)[0].items():
        for layer, value in enumerate(values, 1):
            writer.add_scalar(f"{name}/layer {layer}", value, training.epochs)
