"""Whether a model can be worked on: a module whose parameters are there, in a type in which sums keep their digits.

>>> import torch
>>> objection(torch.nn.Linear(2, 2).half())
'is in torch.float16, in which sums lose their digits; give model.float()'
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

HALF = (torch.float16, torch.bfloat16)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def unwrapped(model: object) -> object:
    """The module that `torch.compile` was given, or the model itself."""
    return getattr(model, "_orig_mod", model)


def objection(model: object) -> str | None:
    """Why a model cannot be worked on, and the remedy; None where it can."""
    if not isinstance(model, nn.Module):
        return f"is of type {type(model).__name__}; give a torch.nn.Module"
    tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
    if any(isinstance(each, nn.UninitializedParameter | nn.UninitializedBuffer) for each in tensors):
        return "has lazy modules without shapes; run it once on a batch first"
    if any(each.is_meta for each in tensors):
        return "is on device meta, without numbers; give it numbers by model.to_empty(device='cpu') and load_state_dict"
    half = next((each.dtype for each in tensors if each.dtype in HALF), None)
    return None if half is None else f"is in {half}, in which sums lose their digits; give model.float()"


def not_finite(model: nn.Module) -> str | None:
    """The name of the first parameter that holds NaN or infinity."""
    return next((name for name, each in model.named_parameters() if not math.isfinite(float(each.detach().sum()))
                 and not bool(torch.isfinite(each).all())), None)  # fmt: skip


def has_hooks(module: nn.Module) -> bool:
    """Whether anything besides forward happens when it is called."""
    return any(vars(module)[name] for name in HOOKS)


@contextmanager
def random_state_kept() -> Generator[None]:
    """What is drawn inside leaves Torch's generators as they were."""
    with torch.random.fork_rng():
        yield
