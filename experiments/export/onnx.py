"""Networks in ONNX, by either exporter of Torch, and what ONNX Runtime makes of them."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from meanbits.experiments.export.networks import ExportError
from meanbits.numerics.binary.sign_layers import SignField
from meanbits.theory.errors import shown

EXPORTERS = ("dynamo", "script")
NEEDED = {"dynamo": ("onnx", "onnxscript"), "script": ("onnx",)}
INPUT, OUTPUT = "images", "logits"


def require_onnx(exporter: str) -> None:
    """Raises:
    ExportError: an unknown exporter, or a package that it needs and that is not installed.
    """
    if exporter not in EXPORTERS:
        raise ExportError(f"--exporter {exporter}: use {' or '.join(EXPORTERS)}")
    for name in NEEDED[exporter]:
        try:
            __import__(name)
        except ImportError:
            raise ExportError(f"ONNX by --exporter {exporter} needs {name}, which is not installed: pip install "
                              "'meanbits[onnx]', or write .pt or .npz") from None  # fmt: skip


def write_onnx(network: nn.Module, example: Tensor, path: Path, exporter: str) -> None:
    """Images (n, ...) to logits, n free; whole weights stay int8 in the file.

    Raises:
        ExportError: packages that are missing, or a network that the exporter refuses.
    """
    require_onnx(exporter)
    _try(network, example)
    stored = copy.deepcopy(network).eval()
    for layer in stored.modules():
        if isinstance(layer, SignField) and layer.is_whole:
            layer.weight = layer.weight.to(torch.int8)
    names: dict[str, Any] = {"input_names": [INPUT], "output_names": [OUTPUT]}
    with _quietly():
        try:
            if exporter == "dynamo":
                shapes = ({0: torch.export.Dim("n")},)
                program: Any = torch.onnx.export(stored, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False,
                                                 optimize=False, **names)  # fmt: skip
                for node in program.model.graph:
                    node.metadata_props.clear()  # where in whose files each came from
                program.save(str(path), external_data=False)
            else:
                axes = {INPUT: {0: "n"}, OUTPUT: {0: "n"}}
                torch.onnx.export(stored, (example,), str(path), dynamo=False, dynamic_axes=axes,
                                  do_constant_folding=False, **names)  # fmt: skip
        except Exception as error:  # of exporters, whatever they raise
            reason = next(iter(str(error).splitlines()), "")
            raise ExportError(f"the {exporter} exporter refuses {type(network).__name__}: {type(error).__name__}: "
                              f"{reason[:200]}; try --exporter {_other(exporter)}") from None  # fmt: skip


@torch.no_grad()
def _try(network: nn.Module, example: Tensor) -> None:
    """Exporters wrap what a model itself raises in pages of their own."""
    try:
        copy.deepcopy(network).eval()(example)
    except Exception as error:  # of the user's model
        reason = shown(next(iter(str(error).splitlines()), "") or "no message", 200)
        raise ExportError(f"model(example) raised {type(error).__name__}: {reason}, given {tuple(example.shape)}; give "
                          "example as the model takes it") from None  # fmt: skip


def _other(exporter: str) -> str:
    return next(each for each in EXPORTERS if each != exporter)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what exporters say of themselves."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def onnx_outputs(path: Path) -> Callable[[Tensor], Tensor] | None:
    """Logits by ONNX Runtime; None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of ONNX Runtime's own kinds
        reason = next(iter(str(error).splitlines()), "")[:200]
        raise ExportError(
            f"ONNX Runtime does not load what was exported ({reason}); try the other --exporter"
        ) from None
    return lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
