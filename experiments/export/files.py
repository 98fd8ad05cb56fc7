"""Networks in files of Torch and of NumPy, whole weights as int8 or as packed bits; read back without running code."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from meanbits.experiments.export.networks import ExportError, SignNetwork, rebuilt, structure_of
from meanbits.numerics.whole_files import read_bytes
from meanbits.theory.errors import shown

SIGNS, OTHER = "meanbits network of signs 1", "meanbits tensors 1"
STORED = ("int8", "bits")
README = (
    "h = scale W x + bias, x' = sign(h), +1 at 0; the last layer's h are the logits; scales, norm and skip in "
    "`structure`. W of packed bits: 2 * numpy.unpackbits(W.bits, axis=1, count=W.inputs) - 1, int8, times "
    "unpackbits(W.nonzero, ...) where that is there"
)
BROKEN = (KeyError, TypeError, ValueError, RuntimeError, AttributeError, EOFError, pickle.UnpicklingError,
          zipfile.BadZipFile)  # fmt: skip
Document = dict[str, Any]


def write(network: nn.Module, path: Path, store: str) -> None:
    """An .npz that numpy.load reads without pickles, or a file that torch.load reads with weights_only."""
    packed, document = BytesIO(), document_of(network, store)
    if path.suffix != ".npz":
        torch.save(document, packed)
    else:
        arrays = {name: tensor.numpy() for name, tensor in document.pop("state_dict").items()}
        np.savez_compressed(packed, **arrays, **{name: np.array(text) for name, text in document.items()})
    path.write_bytes(packed.getvalue())


def document_of(network: nn.Module, store: str) -> Document:
    """All of a network of signs, or the tensors of another, in plain values; whole weights as `store` says."""
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    if store == "bits":
        tensors = {name: value for key, tensor in tensors.items() for name, value in _as_bits(key, tensor).items()}
    if not isinstance(network, SignNetwork):
        return {"format": OTHER, "state_dict": tensors}
    structure = json.dumps(structure_of(network))
    return {"format": SIGNS, "readme": README, "structure": structure, "state_dict": tensors}


def _as_bits(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """Packed bits of whole weights (out, ...), a row a neuron, with its length and shape; other tensors as they are."""
    if tensor.dtype != torch.int8:
        return {name: tensor}
    rows = tensor.flatten(1).numpy()
    found = {f"{name}.bits": torch.from_numpy(np.packbits(rows > 0, axis=1)),
             f"{name}.inputs": torch.tensor(rows.shape[1]), f"{name}.shape": torch.tensor(tensor.shape)}  # fmt: skip
    if not rows.all():
        found[f"{name}.nonzero"] = torch.from_numpy(np.packbits(rows != 0, axis=1))
    return found


def from_bits(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with whole weights as int8, however they were stored."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind == "bits":
            inputs, shape = int(tensors[f"{stem}.inputs"]), tensors[f"{stem}.shape"].tolist()
            weights = 2 * _unpacked(tensor, inputs) - 1
            if f"{stem}.nonzero" in tensors:
                weights = weights * _unpacked(tensors[f"{stem}.nonzero"], inputs)
            found[stem] = weights.reshape(shape)
        elif f"{stem}.bits" not in tensors:
            found[name] = tensor
    return found


def _unpacked(bits: Tensor, inputs: int) -> Tensor:
    return torch.from_numpy(np.unpackbits(bits.numpy(), axis=1, count=inputs)).to(torch.int8)


def read(path: Path) -> Document:
    """The document in a file that `write` wrote, whole weights as int8.

    Raises:
        ExportError: the file cannot be read, or holds something else.
    """
    try:
        document = _content(path)
        if document["format"] not in (SIGNS, OTHER):
            raise ValueError(f"format {shown(document['format'])}")
        return document | {"state_dict": from_bits(document["state_dict"])}
    except OSError as error:
        raise ExportError(f"{path} cannot be read ({error.strerror}); name a file that meanbits export wrote") from None
    except BROKEN as error:
        raise ExportError(_foreign(path, error)) from None


def _content(path: Path) -> Document:
    packed = BytesIO(read_bytes(path))
    if path.suffix != ".npz":
        return torch.load(packed, "cpu", weights_only=True)
    with np.load(packed, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    texts = {name: str(arrays.pop(name)) for name in ("format", "readme", "structure") if name in arrays}
    return texts | {"state_dict": {name: torch.from_numpy(array) for name, array in arrays.items()}}


def load_network(path: str | Path, like: nn.Module | None = None) -> nn.Module:
    """The network in an .npz or .pt that `meanbits.export` wrote, as a Torch module.

    like: for the file of a model, which has its tensors alone, a module of its structure, as `meanbits.export(model)`
    gives it; a copy of that is returned.

    Raises:
        ExportError: the file cannot be read, or holds something else.
    """
    document = read(Path(path))
    if like is not None:
        return _filled(like, document, Path(path))
    if document["format"] == OTHER:
        raise ExportError(f"{path} holds the tensors of a model; give a module of its structure too, as "
                          "meanbits.export(model)")  # fmt: skip
    try:
        return rebuilt(json.loads(document["structure"]), document["state_dict"])
    except BROKEN as error:
        raise ExportError(_foreign(Path(path), error)) from None


def _filled(like: nn.Module, document: Document, path: Path) -> nn.Module:
    held = copy.deepcopy(like)
    try:
        held.load_state_dict(document["state_dict"])
    except RuntimeError as error:
        lines = [each.strip() for each in str(error).splitlines()]
        raise ExportError(f"{path} does not fit {type(like).__name__} ({shown(' '.join(lines), 150)}); give the model "
                          "that was exported") from None  # fmt: skip
    return held.eval()


def _foreign(path: Path, error: Exception) -> str:
    reason = shown(next(iter(str(error).splitlines()), ""))
    return f"{path} holds no network of signs that meanbits export wrote of a checkpoint ({reason}); name another file"
