"""The verb: a trained network, from a checkpoint or a model, as a Torch module and as a file, checked on its images."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.export.accuracy import Compared, Outputs, compared
from meanbits.experiments.export.checkpoints import Trained, trained
from meanbits.experiments.export.files import STORED, load_network, read, write
from meanbits.experiments.export.models import require_model, signs_of_model
from meanbits.experiments.export.networks import ExportError, SignNetwork, SurrogateNetwork, sign_network
from meanbits.experiments.export.onnx import onnx_outputs, require_onnx, write_onnx
from meanbits.experiments.training.counterparts import Labelled, sign_outputs
from meanbits.numerics.layers.usable import random_state_kept
from meanbits.numerics.whole_files import write_bytes

NETWORKS, SUFFIXES = ("signs", "surrogate"), (".pt", ".onnx", ".npz")


@dataclass(frozen=True, eq=False)
class Exported:
    """A network as a module, the file it was written to, and its accuracy before and after, or why there is none."""

    module: nn.Module
    path: Path | None
    accuracy: Compared | None
    by: str
    why: str | None


def export(
    source: nn.Module | str | Path,
    path: str | Path | None = None,
    network: str = "signs",
    *,
    example: Tensor | None = None,
    exporter: str = "dynamo",
    store: str = "int8",
    **options: Any,
) -> nn.Module:
    """The network of signs (weights -1, 1, sign neurons), or the surrogate, as a Torch module in evaluation.

    source: a checkpoint, or a model with layers of meanbits, which is left as it is. path: F.pt, F.npz or F.onnx to
    write as well. example: inputs of a model, for ONNX. exporter: of Torch, "dynamo" or "script". store: whole weights
    in .pt and .npz as "int8" or "bits". options: surrogate, dataset, data_dir, as in `exported`.

    Raises:
        ExportError: what cannot be exported so, or classifies an image (of a model, of the example) differently.
    """
    check(network, None if path is None else Path(path), exporter, store)
    if isinstance(source, str | Path):
        found = exported(Path(source), None if path is None else Path(path), network, exporter=exporter, store=store,
                         **options)  # fmt: skip
        if found.accuracy is not None and not found.accuracy.equal and not is_drawn(found.module):
            raise ExportError(f"{source}: {found.accuracy.differ} of {found.accuracy.images} images are classified "
                              f"differently after export, by {found.by}")  # fmt: skip
        return found.module
    if options:
        raise TypeError(f"{', '.join(options)} beside a model; these are for checkpoints")
    model = require_model(source)
    module = signs_of_model(model) if network == "signs" else copy.deepcopy(model).eval()
    if path is not None:
        alike = network == "signs"
        written(module, Path(path), example, exporter, store, lambda draft: _same(module, draft, example, alike))
    return module


def exported(
    checkpoint: Path,
    path: Path | None,
    network: str = "signs",
    *,
    exporter: str = "dynamo",
    store: str = "int8",
    surrogate: str | None = None,
    dataset: Any = None,
    data_dir: Path | None = None,
) -> Exported:
    """The network of a checkpoint, written and read back, and how it classifies the images it was trained on.

    surrogate: names the one in Python it was trained with. dataset: its images, where the checkpoint cannot name them.

    Raises:
        ValueError: as `checkpoints.trained` and `export`.
    """
    check(network, path, exporter, store)
    source = trained(checkpoint, surrogate, dataset, data_dir)
    module = (sign_network(source.network) if network == "signs" else SurrogateNetwork(source.network)).eval()
    if path is None:
        return Exported(module, None, _accuracy(source, module, module), "the module", source.why)
    example = torch.zeros(2, module.features, dtype=source.network.weights[0].dtype)

    def checked(draft: Path) -> tuple[Compared | None, str]:
        outputs, by = _read_back(module, draft)
        return _accuracy(source, module, outputs), by

    accuracy, by = written(module, path, example, exporter, store, checked)
    return Exported(module, path, accuracy, by, source.why)


def check(network: str, path: Path | None, exporter: str, store: str) -> None:
    """Raises:
    ExportError: an unknown network, suffix, exporter or way to store, or packages that are missing.
    """
    for option, value, known in (("network", network, NETWORKS), ("store", store, STORED)):
        if value not in known:
            raise ExportError(f"{option} {value!r}: use {' or '.join(known)}")
    if path is not None and path.suffix not in SUFFIXES:
        raise ExportError(f"{path}: the name must end in {', '.join(SUFFIXES)}, which says what to write")
    if path is not None and path.exists():
        raise ExportError(f"{path} exists; name another file")
    if network == "surrogate" and store == "bits":
        raise ExportError(f"store {store!r}: a surrogate has means for weights, which are no bits; use int8")
    if path is not None and path.suffix == ".onnx":
        require_onnx(exporter)
        if store != "int8":
            raise ExportError(f"store {store!r}: ONNX has no type of single bits; use int8, or write .pt or .npz")


def written(
    module: nn.Module, path: Path, example: Tensor | None, exporter: str, store: str, checked: Callable[[Path], Any]
) -> Any:
    """Write a file whole or not at all; what `checked` finds of its draft."""
    if path.suffix == ".onnx" and example is None:
        raise ExportError(f"{path}: ONNX is traced on inputs; give example, a batch of them")
    with random_state_kept(), TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        if path.suffix == ".onnx" and example is not None:
            write_onnx(module, example, draft, exporter)
        else:
            write(module, draft, store)
        found = checked(draft)
        write_bytes(path, draft.read_bytes())
    return found


def is_drawn(module: nn.Module) -> bool:
    """Whether the outputs of a surrogate are drawn anew each time."""
    rule = module.network.rule if isinstance(module, SurrogateNetwork) else None
    return rule is not None and (rule.field == "sampled" or rule.draws_neurons)


def _read_back(module: nn.Module, path: Path) -> tuple[Outputs, str]:
    """Logits by what stands in a file, and what computes them."""
    if path.suffix == ".onnx":
        found = onnx_outputs(path)
        return (module, "the module, ONNX Runtime not being installed") if found is None else (found, "ONNX Runtime")
    if isinstance(module, SignNetwork):
        return load_network(path).eval(), "the file read back"
    again = copy.deepcopy(module)
    for parameter in again.parameters():
        parameter.data.zero_()
    again.load_state_dict(read(path)["state_dict"])
    return again, "the file read back"


def _same(module: nn.Module, path: Path, example: Tensor | None, alike: bool) -> None:
    """What was written of a model, read back; by ONNX Runtime, classes of the example too where nothing is drawn.

    Raises:
        ExportError: other tensors, or outputs of another shape or class.
    """
    if path.suffix != ".onnx":
        again, state = load_network(path, module).state_dict(), module.state_dict()
        lost = next((name for name, value in state.items() if not torch.equal(value, again[name])), None)
        if lost is not None:
            raise ExportError(f"{path.name}: {lost} is read back as something else; write another format")
        return
    outputs = onnx_outputs(path)
    if outputs is None or example is None:
        return
    with torch.no_grad():
        found, expected = outputs(example), module(example)
    if found.shape != expected.shape:
        raise ExportError(f"{path.name}: ONNX Runtime gives shape {tuple(found.shape)}, and the model "
                          f"{tuple(expected.shape)}; try the other exporter")  # fmt: skip
    differ = int((found.argmax(-1) != expected.argmax(-1)).sum()) if alike else 0
    if differ:
        raise ExportError(f"{path.name}: ONNX Runtime classifies {differ} of {len(example)} examples differently; try "
                          "the other exporter")  # fmt: skip


def _accuracy(source: Trained, module: nn.Module, after: Outputs) -> Compared | None:
    if source.images is None:
        return None
    network = source.network

    def before(images: Tensor) -> Tensor:
        if isinstance(module, SignNetwork):
            return sign_outputs(network, Labelled(images, images))[0]
        return network.logits(images.unsqueeze(0))[0]

    with random_state_kept():
        return compared(before, after, (source.images.seen, source.images.test))
