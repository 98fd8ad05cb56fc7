"""Run a copy of a model on a batch, forward and backward; the model, and what is random, are left as they were."""

from __future__ import annotations

import copy
import random
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter
from torch.nn import functional

from meanbits.experiments.check.reading import Reader, reading
from meanbits.experiments.check.records import Record
from meanbits.experiments.check.refusal import CheckError, reason

SEED = 0


@dataclass(frozen=True, eq=False)
class Run:
    """What a pass left behind: records in the order of calls, the copy that ran, gradients of its parameters by name,
    of the loss where there are labels, the record of the outputs, and that loss, summed over the batch."""

    records: tuple[Record, ...]
    model: nn.Module
    gradients: dict[str, Tensor | None]
    last: Record
    loss: float | None


def run(model: nn.Module, inputs: tuple[Tensor, ...], labels: Tensor | None) -> Run:
    """Records of a pass of a copy of the model.

    Raises:
        CheckError: a model that cannot be copied or run on these inputs, or labels that do not fit its outputs.
    """
    with _as_before():
        twin = _copied(model)
        given = [_tracked(each) for each in inputs]
        with torch.enable_grad():
            reader, out = _read(twin, given)
        last = _last(reader, out)
        loss = None if labels is None else _loss(last.output, labels)
        parameters = {name: each for name, each in twin.named_parameters() if each.requires_grad}
        roots = [*parameters.values(), *(each for each in given if each.requires_grad)]
        found = _gradients(_signed(last.output), roots)
        if loss is not None:
            reader.measures = False
            found = _gradients(loss, roots)
    gradients = dict(zip(parameters, found, strict=False))
    return Run(tuple(reader.records), twin, gradients, last, None if loss is None else float(loss.detach()))


def _read(model: nn.Module, given: list[Tensor]) -> tuple[Reader, Any]:
    reader = Reader(model, len(given[0]))
    for each in given:
        reader.first(each)
    with reading(reader):
        return reader, _called(model, reader, given)


def _called(model: nn.Module, reader: Reader, given: list[Tensor]) -> Any:
    try:
        return _Named(model, reader).run(*given) if isinstance(model, GraphModule) else model(*given)
    except Exception as error:
        where = reader.path[-1] if isinstance(model, GraphModule) else _innermost(error, reader.paths)
        shapes = ", ".join(str(tuple(each.shape)) for each in given)
        raise CheckError(f"model(batch) raised {reason(error)}, in {where or 'the model'}, given {shapes}; make it run "
                         "before it is checked") from None  # fmt: skip


def _innermost(error: BaseException, paths: dict[int, str]) -> str:
    """The module in which an exception arose, itself or in a hook of it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [paths[id(each.f_locals.get("self"))] for each in frames if id(each.f_locals.get("self")) in paths][-1]


class _Named(Interpreter):
    """Runs an exported program; its nodes know which module they came from."""

    def __init__(self, model: GraphModule, reader: Reader) -> None:
        super().__init__(model)
        self.reader = reader

    def run_node(self, n: Any) -> Any:
        stack = list(n.meta.get("nn_module_stack", {}).values())
        self.reader.path[-1] = stack[-1][0] if stack else ""
        self.reader.calls[self.reader.path[-1]] = 1
        return super().run_node(n)


@contextmanager
def _as_before() -> Iterator[None]:
    """Random states of Torch, NumPy and Python, put back."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)


def _copied(model: nn.Module) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's, of its own graphs
            return copy.deepcopy(model)
    except Exception as error:
        raise CheckError(f"the model cannot be copied, and a check runs a copy: {reason(error)}; keep out of its "
                         "attributes what copy.deepcopy refuses") from None  # fmt: skip


def _tracked(x: Tensor) -> Tensor:
    """A copy through which gradients run, and on which a model may work in place."""
    return x.detach().clone().requires_grad_().clone() if x.is_floating_point() else x.clone()


def _last(reader: Reader, out: Any) -> Record:
    """The record of the output."""
    found = [each for each in reader.parents(getattr(out, "logits", out)) if each.follows]
    if found and found[0].cut is None:
        raise CheckError(f"the model gives {tuple(found[0].output.shape)}, no dimension of which runs over the batch; "
                         "give it without its loss")  # fmt: skip
    if not found or found[0].is_first:
        raise CheckError("nothing the model computes from the batch could be read; give the torch.nn.Module itself, "
                         "not a script or a wrapper that hides its tensors")  # fmt: skip
    return found[0]


def _signed(out: Tensor) -> Tensor:
    """The outputs times random signs, whose gradients are as independent of the network as the theory's are."""
    signs = torch.randint(0, 2, out.shape, generator=torch.Generator().manual_seed(SEED)) * 2 - 1
    return (out * signs.to(out)).sum()


def _loss(out: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, or squared errors, summed."""
    if labels.is_floating_point():
        _fitting(labels.shape == out.shape, labels, out, "numbers")
        return functional.mse_loss(out, labels.to(out), reduction="sum")
    if out.dim() > 2 and labels.shape == out.shape[:1] + out.shape[2:]:
        out = out.movedim(1, -1)
    _fitting(labels.shape == out.shape[:-1], labels, out, "classes")
    classes, odd = out.shape[-1], (labels < 0) | (labels >= out.shape[-1])
    if odd.any():
        raise CheckError(f"labels: {int(labels[odd][0])} is out of range; the model's {classes} outputs are classes 0 "
                         f"to {classes - 1}")  # fmt: skip
    return functional.cross_entropy(out.flatten(0, -2), labels.flatten().long(), reduction="sum")


def _fitting(fits: bool, labels: Tensor, out: Tensor, kind: str) -> None:
    if not fits:
        raise CheckError(f"labels of shape {tuple(labels.shape)} do not fit outputs of shape {tuple(out.shape)} as "
                         f"{kind}; give one for each")  # fmt: skip


def _gradients(loss: Tensor, roots: list[Tensor]) -> tuple[Tensor | None, ...]:
    """Those with respect to roots; hooks measure the rest on the way."""
    if not loss.requires_grad or not roots:
        return (None,) * len(roots)
    try:
        return torch.autograd.grad(loss, roots, allow_unused=True, retain_graph=True)
    except Exception as error:
        raise CheckError(f"the backward pass of the model raised {reason(error)}; the check needs gradients") from None
