"""The model, inputs and labels that a command line names."""

from __future__ import annotations

import contextlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.check.refusal import CheckError, reason
from meanbits.experiments.data import DataError, load
from meanbits.experiments.declared import called, value_called
from meanbits.experiments.images.files import unlabelled
from meanbits.theory.errors import shown

DEFAULT = "digits"
MAPS = 3  # dimensions of the weights of a convolution, at least
OTHERWISE = "; or let MODEL give (model, batch, labels), which are taken as they are"
EXAMPLE = "a torch.nn.Module, or a function giving one, (model, batch) or (model, batch, labels)"


@dataclass(frozen=True)
class Given:
    """A model, its batch, labels or None, and a line on what was done to inputs of one's own."""

    model: Any
    batch: Any
    labels: Any
    notes: tuple[str, ...] = ()


def given(text: str, data: str | None, count: int) -> Given:
    """What a command line names: the batch that comes with the model, or at most `count` inputs of the data.

    Raises:
        CheckError, DeclarationError: what cannot be read, in one line.
    """
    found = _program(Path(text)) if text.endswith(".pt2") else _declared(text)
    model, batch, labels = found if isinstance(found, tuple) else (found, None, None)
    return Given(model, batch, labels) if data is None and batch is not None else _data(data or DEFAULT, model, count)


def _declared(text: str) -> Any:
    found = value_called(text, f"write FILE.py:NAME, NAME {EXAMPLE}")
    if found is None:
        raise CheckError(f"{shown(text)} names no object; write FILE.py:NAME or MODULE:NAME, or a saved program .pt2")
    if callable(found) and not isinstance(found, nn.Module):
        found = called(found, text)
    parts = found if isinstance(found, tuple) else (found,)
    if not isinstance(parts[0], nn.Module | torch.export.ExportedProgram) or not 1 <= len(parts) <= 3:
        raise CheckError(f"{shown(text)} is of type {type(found).__name__}; give {EXAMPLE}")
    return (*parts, None, None)[:3]


def _program(path: Path) -> torch.export.ExportedProgram:
    """A saved program; torch says on standard error why it cannot read one, and this in its place."""
    if not path.is_file():
        raise CheckError(f"{shown(path)}: no such file; give a program saved by torch.export.save, or FILE.py:NAME")
    if not zipfile.is_zipfile(path):
        raise CheckError(f"{shown(path)} is no program of torch.export; save one by torch.export.save(program, path)")
    try:
        with contextlib.redirect_stderr(io.StringIO()), _quiet():
            return torch.export.load(path)
    except Exception as error:
        raise CheckError(f"{shown(path)} cannot be read by torch {torch.__version__}: {reason(error)}; export the "
                         "model again with this version") from None  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Any:
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _data(name: str, model: Any, count: int) -> Given:
    """Images of any kind that trainings take, or an .npz of inputs alone, scaled to [-1, 1]."""
    try:
        data = unlabelled(Path(name)) if name.endswith(".npz") else None
        data = load(name) if data is None else data
    except DataError as error:
        raise CheckError(f"--data: {error}{OTHERWISE}") from None
    labels = torch.tensor(data.train_labels[:count]) if len(data.train_labels) else None
    inputs = torch.tensor(data.train_images[:count])
    return Given(model, _as_taken(model, inputs, data.shape), labels, data.notes[:1])


def _as_taken(model: Any, inputs: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Flat, or as images of channels first, where the first weights are those of a convolution."""
    module = model.module() if isinstance(model, torch.export.ExportedProgram) else model
    first = next((each for name, each in module.named_parameters() if each.dim() > 1 and "weight" in name), None)
    inputs = inputs.to(first.dtype if first is not None and first.is_floating_point() else torch.float32)
    if first is None or first.dim() < MAPS:
        return inputs
    axes, channels = first.dim() - 2, _channels(module, first)
    side = round(inputs.shape[1] ** (1 / axes))
    shape = shape or ((side,) * axes if side**axes == inputs.shape[1] else (inputs.shape[1],))
    images = inputs.reshape(-1, *shape)
    if len(shape) == axes and channels == 1:
        return images.unsqueeze(1)
    if len(shape) == axes + 1 and shape[0] == channels:
        return images
    if len(shape) == axes + 1 and shape[-1] == channels:
        return images.movedim(-1, 1)
    raise CheckError(f"--data gives inputs of shape {shape}, and the model begins with a convolution of {channels} "
                     f"channels over {axes} axes; give it images of that shape{OTHERWISE}")  # fmt: skip


def _channels(module: nn.Module, weight: Tensor) -> int:
    """How many channels the module of these weights takes."""
    owner = next((each for each in module.modules() if getattr(each, "weight", None) is weight), None)
    return getattr(owner, "in_channels", weight.shape[1])
