"""Checkpoints: tensors and plain values in one file, read without running code, written whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from meanbits.experiments.training.loop import Training
from meanbits.experiments.training.settings import Settings

FORMAT = "meanbits checkpoint 1"


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or belongs to another training; one line that names the file and the remedy."""


def save(training: Training, settings: Settings, path: Path) -> None:
    """Write all that a training needs to go on as if it had not stopped."""
    document = {
        "format": FORMAT,
        "settings": json.dumps(asdict(settings), sort_keys=True),
        "weights": [each.detach() for each in training.network.weights],
        "biases": [each.detach() for each in training.network.biases],
        "optimiser": training.optimiser.state_dict(),
        "generators": [each.get_state() for each in _generators(training)],
        "losses": training.losses,
        "steps": training.steps,
    }
    path = path.resolve()
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        torch.save(document, Path(folder) / path.name)
        os.replace(Path(folder) / path.name, path)


def restore(training: Training, settings: Settings, path: Path) -> None:
    """Bring a training that has just started to where the checkpoint was written.

    Raises:
        CheckpointError: no checkpoint of ours, or one of other settings (epochs may differ at a constant lr).
    """
    document = read(path)
    mine, theirs = _lasting(asdict(settings)), _lasting(json.loads(document["settings"]))
    changed = [name for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
    if changed:
        raise CheckpointError(f"{path} is of other settings ({', '.join(changed)}): give those, or name another file")
    network = training.network
    with torch.no_grad():
        for mine, theirs in zip(network.parameters, [*document["weights"], *document["biases"]], strict=True):
            mine.copy_(theirs)
    training.optimiser.load_state_dict(document["optimiser"])
    for generator, state in zip(_generators(training), document["generators"], strict=True):
        generator.set_state(state)
    training.losses = [loss.to(network.weights[0].device) for loss in document["losses"]]
    training.steps = document["steps"]


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values only.

    Raises:
        CheckpointError: the file cannot be read, or is none of ours.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}): name the file that --checkpoint wrote"
        ) from None
    try:
        document = torch.load(BytesIO(packed), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, ValueError, OSError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"{path} is damaged or no checkpoint of meanbits: name another file")
    return document


def _lasting(settings: dict[str, Any]) -> dict[str, Any]:
    """What a training that goes on must keep: all but the number of epochs, where lr does not depend on it."""
    free = {"epochs"} if settings.get("schedule", "constant") == "constant" else set[str]()
    return {name: value for name, value in settings.items() if name not in free}


def _generators(training: Training) -> list[torch.Generator]:
    streams = training.streams
    return [*streams.initial, *streams.order, *streams.noise, *streams.binary]
