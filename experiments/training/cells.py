"""Trainings as pure functions: settings -> record, one at a time or many of one shape as one computation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from meanbits.experiments.data import Dataset, ImagePair, image_pairs, load
from meanbits.experiments.training.counterparts import (
    Labelled,
    accuracy,
    sampled_outputs,
    sign_outputs,
    surrogate_outputs,
)
from meanbits.experiments.training.draws import streams
from meanbits.experiments.training.loop import NonFiniteLossError, Training, epochs, started
from meanbits.experiments.training.measures import field_orbits, mean_statistics, theory_orbits, typical_overlap
from meanbits.experiments.training.network import initialised, moved, settled_norms
from meanbits.experiments.training.settings import Settings

Record = dict[str, Any]
OnEpoch = Callable[[Training], None]
PAIRS, SUBSET_SEED = 3, 0


@dataclass(frozen=True, eq=False)
class Images:
    """What a training sees: images to train on, those that accuracies are measured on, and pairs to send through."""

    train: Labelled
    seen: Labelled
    test: Labelled
    pairs: tuple[ImagePair, ...]


def train_cell(
    settings: Settings,
    data_dir: str | Path | None = None,
    device: str = "cpu",
    on_start: OnEpoch | None = None,
    on_epoch: OnEpoch | None = None,
    dataset: Dataset | None = None,
) -> Record:
    """Train one network and measure what it is worth; the record depends on the settings alone.

    loss: mean of each epoch. surrogate, sign, sampled (by number of samples): train_accuracy and test_accuracy. q, c:
    of image pairs, (pairs, depth), by theory, before and after. polarised, sigma_m2, sigma_b2: of each layer, before
    and after. on_start, on_epoch: called with the training before its first epoch, and after each. dataset: images in
    place of those that the settings name.

    Raises:
        DataError: no such data, or too little. NonFiniteLossError: a loss that is no number.
    """
    (record,) = train_cells_batched([settings], data_dir, device, on_start, on_epoch, dataset)
    if isinstance(record, NonFiniteLossError):
        raise record
    return record


def train_cells_batched(
    cells: Sequence[Settings],
    data_dir: str | Path | None = None,
    device: str = "cpu",
    on_start: OnEpoch | None = None,
    on_epoch: OnEpoch | None = None,
    dataset: Dataset | None = None,
) -> list[Record | NonFiniteLossError]:
    """`train_cell` of settings of one shape, as one computation; the error of each cell that comes to nothing.

    Raises:
        ValueError: settings of different shapes. DataError: as `train_cell`.
    """
    shapes = len({cell.shape for cell in cells})
    if shapes != 1:
        raise ValueError(f"{len(cells)} cells of {shapes} shapes: train those of one shape together")
    dataset = load(cells[0].dataset, data_dir) if dataset is None else dataset
    images, found = images_of(cells[0], dataset, device), streams(cells, device)
    drawn = initialised(cells, images.train.images.shape[1], found.initial, dataset.classes)
    network = moved(drawn, device)
    training = started(cells, network, found, (images.train.images, images.train.labels))
    before = _inside(training, images)
    if on_start is not None:
        on_start(training)
    for _ in epochs(training, images.train.images, images.train.labels):
        if on_epoch is not None:
            on_epoch(training)
        if len(training.failures) == len(cells):
            return [training.failures[cell] for cell in range(len(cells))]
    return _records(cells, training, images, before)


def _records(
    cells: Sequence[Settings], training: Training, images: Images, before: list[Record]
) -> list[Record | NonFiniteLossError]:
    after, worth = _inside(training, images), _worth(training, images)
    losses = torch.stack(training.losses, 1).tolist()
    records: list[Record | NonFiniteLossError] = []
    for cell, settings in enumerate(cells):
        if cell in training.failures:
            records.append(training.failures[cell])
            continue
        theory = theory_orbits(settings, images.pairs, typical_overlap(images.seen.images))
        inside = {name: {"before": before[cell][name], "after": after[cell][name]} for name in after[cell]}
        for name in ("q", "c"):
            inside[name] = {"theory": theory[name], **inside[name]}
        sizes = {"train_size": len(images.train.images), "evaluated": len(images.seen.images)}
        overlaps = {"pair_overlap": [pair.overlap for pair in images.pairs]}
        records.append({"loss": losses[cell], **worth[cell], **inside, **overlaps, **sizes})
    return records


def _inside(training: Training, images: Images) -> list[Record]:
    network = settled_norms(training.network, images.seen.images)
    orbits = field_orbits(network, images.pairs, training.streams.noise)
    return [a | b for a, b in zip(orbits, mean_statistics(network), strict=True)]


def _worth(training: Training, images: Images) -> list[Record]:
    """surrogate, sign, sampled, for each cell."""
    network, generators, sets = training.network, training.streams, (images.seen, images.test)
    network = settled_norms(network, images.seen.images)
    own = [accuracy(surrogate_outputs(network, data, generators.noise), data.labels) for data in sets]
    signs = [accuracy(sign_outputs(network, data), data.labels) for data in sets]
    sampled = {
        str(count): [accuracy(outputs, data.labels) for outputs, data in zip(found, sets, strict=True)]
        for count, found in sampled_outputs(network, sets, generators.binary, network.settings.samples)
    }
    return [
        {"surrogate": _both(own, cell), "sign": _both(signs, cell),
         "sampled": {count: _both(values, cell) for count, values in sampled.items()}}
        for cell in range(len(generators.noise))
    ]  # fmt: skip


def _both(accuracies: list[list[float]], cell: int) -> dict[str, float]:
    return {"train_accuracy": accuracies[0][cell], "test_accuracy": accuracies[1][cell]}


def images_of(settings: Settings, dataset: Dataset, device: str) -> Images:
    """The first `train_size` training images in an order fixed once and for all."""
    total = len(dataset.train_images)
    size = total if settings.train_size is None else settings.train_size
    if size > total:
        raise ValueError(f"train_size = {size}: {dataset.name} has {total} training images; give {total} or less")
    chosen = np.random.default_rng(SUBSET_SEED).permutation(total)[:size]
    kept = replace(dataset, train_images=dataset.train_images[chosen], train_labels=dataset.train_labels[chosen])

    def labelled(images: Any, labels: Any) -> Labelled:
        pixels = torch.as_tensor(images, dtype=getattr(torch, settings.dtype), device=device)
        return Labelled(pixels, torch.as_tensor(labels, device=device))

    train = labelled(kept.train_images, kept.train_labels)
    seen = Labelled(train.images[: settings.evaluated], train.labels[: settings.evaluated])
    pairs = image_pairs(dataset, PAIRS)
    return Images(train, seen, labelled(dataset.test_images, dataset.test_labels), pairs)
