"""Checkpoints: tensors and plain values in one file, read without running code, written whole or not at all."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from meanbits.experiments.training.loop import Training
from meanbits.experiments.training.settings import Settings
from meanbits.numerics.user_cache import digest
from meanbits.numerics.whole_files import read_bytes, write_bytes
from meanbits.theory.errors import shown

FORMAT = "meanbits checkpoint 1"
ENTRIES = ("format", "settings", "weights", "biases", "optimiser", "generators", "losses", "steps", "data", "digest")


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
        "data": training.fingerprint,
    }
    packed = BytesIO()
    torch.save(document | {"digest": digest_of(document)}, packed)
    write_bytes(path, packed.getvalue())


def restore(training: Training, settings: Settings, path: Path) -> None:
    """Bring a training that has just started to where the checkpoint was written.

    Raises:
        CheckpointError: no checkpoint of ours, or one of other settings (epochs may differ at a constant lr) or images.
    """
    document = read(path)
    mine, theirs = _lasting(asdict(settings)), _lasting(stored_settings(document, path))
    changed = [name for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
    if changed:
        raise CheckpointError(f"{path} is of other settings ({', '.join(changed)}): give those, or name another file")
    network, stored = training.network, [*document["weights"], *document["biases"]]
    shapes, found = ([tuple(each.shape) for each in group] for group in (network.parameters, stored))
    if shapes != found:
        raise CheckpointError(f"{path} holds parameters of shapes {found}, and the images given need {shapes}: give "
                              "the images it was trained on, or name another file")  # fmt: skip
    if document["data"] != training.fingerprint:
        raise CheckpointError(f"{path} was trained on other images or labels than those given: give the same, or name "
                              "another file to train anew")  # fmt: skip
    with torch.no_grad():
        for mine, theirs in zip(network.parameters, stored, strict=True):
            mine.copy_(theirs)
    try:
        training.optimiser.load_state_dict(document["optimiser"])
        for generator, state in zip(_generators(training), document["generators"], strict=True):
            generator.set_state(state)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise CheckpointError(f"{path} does not fit its own settings ({reason}): name another file") from None
    training.losses = [loss.to(network.weights[0].device) for loss in document["losses"]]
    training.steps = document["steps"]


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values only.

    Raises:
        CheckpointError: the file cannot be read, or is none of ours.
    """
    try:
        packed = read_bytes(path)
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
    missing, foreign = [name for name in ENTRIES if name not in document], sorted(map(str, {*document} - {*ENTRIES}))
    if missing or foreign:
        what = f"lacks {', '.join(missing)}" if missing else f"holds foreign entries, {shown(', '.join(foreign))}"
        raise CheckpointError(f"{path} {what}: name a checkpoint as --checkpoint wrote it")
    if not all(_is_tensors(document[name]) for name in ("weights", "biases", "generators", "losses")):
        raise CheckpointError(f"{path} holds entries that are no tensors: name a checkpoint as --checkpoint wrote it")
    if document.pop("digest") != digest_of(document):
        raise CheckpointError(f"{path} is damaged: what it holds is not what was written; train again")
    return document


def settings_of(document: dict[str, Any], path: Path, surrogate: str | None = None) -> Settings:
    """The settings that a checkpoint was trained with; the surrogate as named here, if it is.

    Raises:
        CheckpointError: settings of another version, or values out of their domain.
    """
    try:
        named = {} if surrogate is None else {"surrogate": surrogate}
        return Settings(**(stored_settings(document, path) | named))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} has settings that do not hold ({shown(error, 200)}): name another file"
        ) from None


def stored_settings(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Read, and not used: a surrogate that they name may be code."""
    try:
        given = json.loads(document["settings"])
        foreign = ", ".join(sorted({*given} - {each.name for each in fields(Settings)})) or None
    except (TypeError, ValueError):
        given, foreign = None, "no JSON"
    if not isinstance(given, dict) or foreign:
        raise CheckpointError(f"{path} has settings that meanbits does not know ({shown(foreign)}): use the version "
                              "that wrote it, or train again")  # fmt: skip
    return given


def digest_of(value: Any) -> str:
    """A digest of tensors, plain values, and lists and mappings of them."""
    if isinstance(value, torch.Tensor):
        array = value.detach().cpu().contiguous()
        parts = [str(array.dtype), str(tuple(array.shape)), array.reshape(-1).view(torch.uint8).numpy().tobytes()]
    elif isinstance(value, dict):
        parts = [digest_of(part) for pair in value.items() for part in pair]
    elif isinstance(value, list | tuple):
        parts = [digest_of(part) for part in value]
    else:
        parts = [repr(value)]
    return digest([type(value).__name__, *parts])


def _is_tensors(entries: Any) -> bool:
    return isinstance(entries, list) and all(isinstance(each, torch.Tensor) for each in entries)


def _lasting(settings: dict[str, Any]) -> dict[str, Any]:
    """What a training that goes on must keep: all but the number of epochs, where lr does not depend on it."""
    free = {"epochs"} if settings.get("schedule", "constant") == "constant" else set[str]()
    return {name: value for name, value in settings.items() if name not in free}


def _generators(training: Training) -> list[torch.Generator]:
    streams = training.streams
    return [*streams.initial, *streams.order, *streams.noise, *streams.binary]
