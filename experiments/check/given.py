"""The model, inputs and labels that a command line names."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from meanbits.experiments.check.refusal import CheckError, reason
from meanbits.experiments.data import load
from meanbits.experiments.declared import called, value_called
from meanbits.theory.errors import shown

DEFAULT = "digits"
EXAMPLE = "a torch.nn.Module, or a function giving one, (model, batch) or (model, batch, labels)"


def given(text: str, data: str | None, count: int) -> tuple[Any, Any, Any]:
    """Model, batch and labels (or None), at most `count` inputs of them.

    Raises:
        CheckError, DeclarationError, DataError: what cannot be read, in one line.
    """
    found = _program(Path(text)) if text.endswith(".pt2") else _declared(text)
    model, batch, labels = found if isinstance(found, tuple) else (found, None, None)
    if data is not None or batch is None:
        inputs, labels = _data(data or DEFAULT, count)
        batch = _as_taken(model, inputs)
    return model, batch, labels


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


def _data(name: str, count: int) -> tuple[Tensor, Tensor | None]:
    if not name.endswith(".npz"):
        found = load(name)
        return torch.tensor(found.train_images[:count]).float(), torch.tensor(found.train_labels[:count])
    try:
        with np.load(name, allow_pickle=False) as held:
            x, y = (held[key] if key in held.files else None for key in ("x", "y"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CheckError(f"--data {shown(name)}: {reason(error)}; give an .npz file with arrays x and y") from None
    if x is None:
        raise CheckError(f"--data {shown(name)} has no array x; save it by numpy.savez(path, x=inputs, y=labels)")
    inputs = torch.as_tensor(x[:count])
    return inputs if inputs.is_floating_point() else inputs.float(), None if y is None else torch.as_tensor(y[:count])


def _as_taken(model: Any, inputs: Tensor) -> Tensor:
    """As images of one channel, where the first weights are those of a convolution."""
    module = model.module() if isinstance(model, torch.export.ExportedProgram) else model
    first = next((each for each in module.parameters() if each.dim() > 1), None)
    inputs = inputs.to(first.dtype) if first is not None and first.is_floating_point() else inputs
    side = round(inputs[0].numel() ** 0.5)
    square = inputs.dim() == 2 and side**2 == inputs.shape[1]
    return inputs.reshape(-1, 1, side, side) if first is not None and first.dim() == 4 and square else inputs
