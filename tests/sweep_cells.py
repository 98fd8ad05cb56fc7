"""Trainings that train nothing, for tests of sweeps; `python sweep_cells.py GRID LEDGER` sweeps them until killed."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meanbits.experiments.sweep.grid import read_grid
from meanbits.experiments.sweep.ledger import opened
from meanbits.experiments.sweep.pools import local_pool
from meanbits.experiments.sweep.run import Failure, Trainer, run


@dataclass(frozen=True)
class Toy:
    """Settings of a training that sleeps; `trouble` tells what befalls it."""

    depth: int = 5
    sigma_m2: float = 0.5
    surrogate: str = "lrt"
    lr: float | None = 1e-3
    seconds: float = 0.0
    trouble: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth = {self.depth}: it must be 1 or more")
        if self.lr is not None and self.lr <= 0:
            raise ValueError(f"lr = {self.lr}: it must be positive")


def record(settings: Toy) -> dict[str, Any]:
    """What a cell gives, by its settings alone."""
    accuracy = {"train_accuracy": 1 / settings.depth, "test_accuracy": math.sin(settings.sigma_m2)}
    return {"loss": [settings.sigma_m2 / k for k in range(1, settings.depth + 1)], "surrogate": accuracy, "note": "toy"}


def train(cells: Sequence[Toy]) -> list[dict[str, Any] | Failure]:
    """Sleep, then give the records; the batch's size is in them."""
    time.sleep(max(cell.seconds for cell in cells))
    for cell in cells:
        befall(cell, len(cells))
    return [Failure(f"loss is not finite in layer {cell.depth}") if cell.trouble == "diverges" else record(cell)
            for cell in cells]  # fmt: skip


def befall(cell: Toy, batch: int) -> None:
    """What goes wrong with a process, once (leaving a file behind) or always."""
    once = Path(cell.file)
    if cell.trouble == "kills" or (cell.trouble == "kills once" and not once.exists()):
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.trouble == "too large" and batch > 1:
        raise MemoryError("of a toy")
    if cell.trouble == "defect":
        raise TypeError("a defect")
    if cell.trouble == "present":
        Path(f"{cell.file}.{os.getpid()}").touch()


def train_settings(cells: Sequence[Any]) -> list[dict[str, Any] | Failure]:
    """In place of a training: what the command line shows of records; width 13 diverges."""
    return [Failure("the loss is nan at step 3") if cell.width == 13 else
            {"loss": [1.0] * cell.epochs, "surrogate": {"train_accuracy": cell.sigma_m2}, "train_size": 7}
            for cell in cells]  # fmt: skip


TRAINER = Trainer(train, shape=lambda settings: settings.depth, cost=lambda settings: settings.depth)


def main(text: str, ledger: str) -> None:
    """Sweep on two processes."""
    grid = read_grid(text, Toy)
    with opened(Path(ledger), grid, resume=True) as book, local_pool(2) as pool:
        run(grid, book, TRAINER, pool, limit=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
