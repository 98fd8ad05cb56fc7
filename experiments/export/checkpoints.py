"""The trained network in a checkpoint, and the images it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from meanbits.experiments.data import DataError, Dataset, load
from meanbits.experiments.declared import names_code
from meanbits.experiments.export.networks import ExportError
from meanbits.experiments.training.cells import Images, images_of
from meanbits.experiments.training.checkpoint import CheckpointError, read, settings_of, stored_settings
from meanbits.experiments.training.network import Network, rule_of, settled_norms
from meanbits.experiments.training.settings import Settings, between_of


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that was trained, and images to measure it on; why there are none, where there are none."""

    network: Network
    images: Images | None
    dataset: str
    why: str | None = None


def trained(path: Path, surrogate: str | None = None, dataset: Any = None, data_dir: Path | None = None) -> Trained:
    """The network of a checkpoint. Code that only the checkpoint names is not run.

    surrogate: FILE.py:NAME, where it was trained with such a one. dataset: images in place of those it names.

    Raises:
        CheckpointError: no whole checkpoint, or tensors that are not its settings'. ExportError: a surrogate in Python
        that is not named here, or batch norm without images. DataError: images that are given and do not fit.
    """
    document = read(path)
    settings = _settings(document, path, surrogate)
    network = _network(document, settings, path)
    found, why = _dataset(settings, dataset, data_dir)
    if found is not None and found.train_images.shape[1] != network.weights[0].shape[2]:
        raise DataError(f"{found.name} has images of {found.train_images.shape[1]} features, and {path} was trained on "
                        f"{network.weights[0].shape[2]}; give the images it was trained on")  # fmt: skip
    images = None if found is None else _images(settings, found, network)
    if images is None and network.between.by_batch:
        raise ExportError(f"{path}: its batch norm is by moments of its images, and {why}; give --dataset D")
    if images is not None:
        network = settled_norms(network, images.seen.images)
    return Trained(network, images, settings.dataset if found is None else found.name, why)


def _settings(document: dict[str, Any], path: Path, surrogate: str | None) -> Settings:
    named = str(stored_settings(document, path).get("surrogate", Settings.surrogate))
    if surrogate is None and names_code(named):
        raise ExportError(f"{path} was trained with a surrogate in Python, {named}; name it as well, with --surrogate, "
                          "so that its code may run")  # fmt: skip
    if surrogate is not None and not names_code(named):
        raise ExportError(f"--surrogate {surrogate}: {path} was trained with {named}; leave it out")
    return settings_of(document, path, surrogate)


def _network(document: dict[str, Any], settings: Settings, path: Path) -> Network:
    weights, biases = document["weights"], document["biases"]
    tensors, dtype = [*weights, *biases], getattr(torch, settings.dtype)
    if len(weights) != settings.depth + 1 or len(biases) != len(weights) or any(each.dim() != 3 for each in weights):
        raise CheckpointError(f"{path} holds {len(weights)} weights and {len(biases)} biases, and its settings have "
                              f"{settings.depth + 1} layers: name another file")  # fmt: skip
    hidden = [tuple(each.shape[:2]) for each in weights[:-1]]
    chained = all(before.shape[1] == after.shape[2] for before, after in pairwise(weights))
    fitting = all(weight.shape[:2] == bias.shape for weight, bias in zip(weights, biases, strict=True))
    if not (chained and fitting and set(hidden) <= {(1, settings.width)} and weights[-1].shape[0] == 1):
        raise CheckpointError(f"{path} holds layers whose shapes are not those of its settings: name another file")
    if not all(each.dtype == dtype and bool(torch.isfinite(each).all()) for each in tensors):
        raise CheckpointError(f"{path} holds parameters that are not finite or not {settings.dtype}: train again")
    gain = 1.0 if settings.gain is None else torch.tensor([settings.gain], dtype=dtype)[:, None, None]
    return Network(settings, rule_of(settings), weights, biases, gain, between_of(settings))


def _dataset(settings: Settings, given: Any, data_dir: Path | None) -> tuple[Dataset | None, str | None]:
    if given is not None:
        from meanbits.experiments.images.given import of_object

        return (load(given, data_dir) if isinstance(given, str) else of_object(given)), None
    if names_code(settings.dataset):
        return None, f"its images come from Python, {settings.dataset}"
    try:
        return load(settings.dataset, data_dir), None
    except DataError as error:
        return None, f"its images were not found ({error})"


def _images(settings: Settings, dataset: Dataset, network: Network) -> Images:
    if dataset.classes > network.weights[-1].shape[1]:
        raise DataError(f"{dataset.name} has labels up to {dataset.classes - 1}, and the network "
                        f"{network.weights[-1].shape[1]} outputs; give the images it was trained on")  # fmt: skip
    size = min(settings.train_size or len(dataset.train_images), len(dataset.train_images))
    return images_of(replace(settings, train_size=size), dataset, "cpu")
