"""One training as a function of Python: settings by their names, and images as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meanbits.experiments.data import load
from meanbits.experiments.images.given import of_object
from meanbits.experiments.training.cells import Record, train_cell
from meanbits.experiments.training.checkpoint import save
from meanbits.experiments.training.settings import Settings

GIVEN = "given in Python"


def train(
    surrogate: str = "deterministic",
    dataset: Any = "digits",
    *,
    data_dir: str | Path | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    **settings: Any,
) -> Record:
    """Train a deep surrogate as `meanbits train` does, with the same settings; the record of `cells.train_cell`.

    dataset: what --dataset takes, arrays (x, y) or (x, y, x_test, y_test), a mapping of these names, or a Torch dataset
    of (image, label), or two, for training and testing. checkpoint: a file to write after each epoch.

    Raises:
        ValueError: settings out of their domain. DataError: images or labels that are refused.

    >>> x, y = [[0.0, 0.9], [0.8, 0.1]] * 10, [0, 1] * 10
    >>> record = train(dataset=(x, y), width=8, depth=1, epochs=1, sigma_b2=0.01, samples=1)
    >>> record["train_size"], len(record["loss"])
    (16, 1)
    """
    named = isinstance(dataset, str)
    chosen = Settings(surrogate=surrogate, dataset=dataset if named else GIVEN, **settings)
    images = load(dataset, data_dir) if named else of_object(dataset)
    path = None if checkpoint is None else Path(checkpoint)
    on_epoch = None if path is None else lambda training: save(training, chosen, path)
    return train_cell(chosen, data_dir, device, on_epoch=on_epoch, dataset=images)
