"""Check a model: read, measure, put the theory beside it, and name what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from meanbits.experiments.check.causes.depth import alike, depth
from meanbits.experiments.check.causes.no_slope import no_slope
from meanbits.experiments.check.causes.numbers import undefined, unscaled
from meanbits.experiments.check.causes.one_sign import one_sign
from meanbits.experiments.check.causes.silent_branch import silent_branch
from meanbits.experiments.check.causes.standstill import standstill
from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network, Steps
from meanbits.experiments.check.refusal import CheckError
from meanbits.experiments.check.repeated import repeated
from meanbits.experiments.check.result import Check
from meanbits.experiments.check.running import run
from meanbits.numerics.layers.usable import HALF, objection, unwrapped

Cause = Callable[[Network], Finding | None]
CAUSES: tuple[Cause, ...] = (unscaled, undefined, one_sign, silent_branch)
OF_GRADIENTS: tuple[Cause, ...] = (no_slope, depth, standstill)
ADAPTIVE = ("adam", "rmsprop", "adagrad", "adadelta", "lion", "rprop", "nadam", "radam")
STEPS = 10_000


def check(
    model: nn.Module | Any,
    batch: Any,
    labels: Any = None,
    *,
    optimiser: torch.optim.Optimizer | str | None = None,
    lr: float | None = None,
    steps: int = STEPS,
) -> Check:
    """What a model does to a batch, layer by layer, beside the theory of its blocks; where it goes wrong, and why.

    model: any torch.nn.Module, or a torch.export program; a copy of it runs, forward and backward, in the mode it is
    in. batch: a tensor or array (inputs, ...), or a tuple of the model's arguments; at least two inputs. labels:
    classes or numbers, for the gradients of weights; those of the layers are of the outputs times random signs.
    optimiser and lr: a torch optimiser, or "sgd" or "adam" with a learning rate; then weights and means are told that
    `steps` steps of one sign could not flip.

    Raises:
        CheckError: a model that cannot run on the batch, in one line with the remedy.

    >>> from torch import nn
    >>> deep = nn.Sequential(*(part for _ in range(20) for part in (nn.Linear(50, 50), nn.Tanh())), nn.Linear(50, 10))
    >>> found = check(deep, torch.randn(64, 50))
    >>> found.ok, found.cause.split(":")[0]
    (False, 'no norm')
    """
    module = _module(model)
    inputs = _inputs(batch, module)
    targets = None if labels is None else _labels(labels, len(inputs[0]))
    network = Network.of(run(module, inputs, targets), targets is not None, _steps(optimiser, lr, steps))
    return Check(network.rows, _findings(network), repeated(network), targets is not None)


def _findings(network: Network) -> tuple[Finding, ...]:
    """All that is wrong with inputs and design, and of gradients what comes first, since the rest follows."""
    found = [each for cause in CAUSES if (each := cause(network)) is not None]
    of_gradients = next((each for cause in OF_GRADIENTS if (each := cause(network)) is not None), None)
    found += [] if of_gradients is None else [of_gradients]
    also = alike(network) if not found else None
    return tuple(found if also is None else [also])


def _module(model: Any) -> nn.Module:
    found = model.module() if isinstance(model, torch.export.ExportedProgram) else unwrapped(model)
    why = objection(found)
    if why is not None or not isinstance(found, nn.Module):
        also = "" if isinstance(found, nn.Module) else " or a torch.export program"
        raise CheckError(f"the model {why}{also}")
    return found


def _inputs(batch: Any, model: nn.Module) -> tuple[Tensor, ...]:
    """The arguments of the model as tensors."""
    if isinstance(batch, Mapping):
        raise CheckError("the batch is a dictionary; give a tensor, or a tuple of the model's arguments in order")
    given = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    found = tuple(_tensor(each, f"batch[{k}]" if len(given) > 1 else "the batch") for k, each in enumerate(given))
    if not found:
        raise CheckError("the batch is empty; give a tensor of inputs")
    dtype = next((each.dtype for each in model.parameters() if each.is_floating_point()), torch.float32)
    return tuple(each.to(dtype) if isinstance(raw, np.ndarray) and each.is_floating_point() else each
                 for raw, each in zip(given, found, strict=True))  # fmt: skip


def _tensor(value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor | np.ndarray):
        raise CheckError(f"{name} is of type {type(value).__name__}; give a tensor or an array of inputs")
    try:
        x = torch.as_tensor(value)
    except (TypeError, ValueError):
        raise CheckError(f"{name} is an array of {value.dtype}; give numbers") from None
    if x.dim() == 0 or len(x) < 2:
        raise CheckError(f"{name} has {len(x) if x.dim() else 'no'} input{'' if x.dim() and len(x) == 1 else 's'}; a "
                         "correlation needs two or more, better 64")  # fmt: skip
    if x.dtype in HALF:
        raise CheckError(f"{name} is in {x.dtype}, in which sums lose their digits; give batch.float()")
    if x.is_floating_point() and not torch.isfinite(x).all():
        first = (~torch.isfinite(x)).nonzero()[0].tolist()
        raise CheckError(f"{name}{first} is {float(x[tuple(first)])}; give finite inputs")
    return x


def _labels(labels: Any, batch: int) -> Tensor:
    found = torch.as_tensor(labels) if isinstance(labels, Tensor | np.ndarray | Sequence) else None
    if found is None or found.dim() == 0 or len(found) != batch:
        size = "none" if found is None or found.dim() == 0 else len(found)
        raise CheckError(f"labels: {size} for {batch} inputs; give one for each")
    if found.is_floating_point() and not torch.isfinite(found).all():
        raise CheckError("labels: some are NaN or infinite; give finite numbers, or classes as integers")
    return found


def _steps(optimiser: torch.optim.Optimizer | str | None, lr: float | None, count: int) -> Steps | None:
    if isinstance(optimiser, torch.optim.Optimizer):
        lr = float(optimiser.param_groups[0]["lr"]) if lr is None else lr
        optimiser = type(optimiser).__name__
    if lr is None and optimiser is None:
        return None
    if lr is None or not 0 < lr < float("inf"):
        raise CheckError(f"lr {lr}: give the learning rate of {optimiser or 'the optimiser'}, a positive number")
    if count < 1:
        raise CheckError(f"steps {count}: give 1 or more")
    return Steps(float(lr), any(name in (optimiser or "adam").lower() for name in ADAPTIVE), count)
