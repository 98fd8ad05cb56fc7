"""Where arrays live: NumPy on the processor, or Torch on a device, behind the operations that both name alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from meanbits.numerics.emission.backends import NUMPY, TORCH, Backend


@dataclass(frozen=True)
class Device:
    """A place for arrays: its module (numpy or torch), the backend of emitted code, and its name."""

    name: str
    xp: ModuleType
    backend: Backend

    def array(self, values: Any) -> Any:
        """An array of NumPy, here."""
        return values if self.xp is np else self.xp.asarray(values, device=self.name)

    def numpy(self, values: Any) -> Any:
        """An array of this device, as NumPy's."""
        return values if self.xp is np else values.cpu().numpy()


PROCESSOR = Device("cpu", np, NUMPY)


@cache
def torch_device(name: str) -> Device:
    """A device of Torch by its name, the processor among them."""
    import torch

    return Device(name, torch, TORCH)


def device_of(name: str) -> Device:
    """cpu, NumPy on the processor; cuda or cuda:I, Torch.

    Raises:
        ValueError: an unknown name, or no such CUDA device.
    """
    if name == "cpu":
        return PROCESSOR
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdecimal()) or name.endswith(":"):
        raise ValueError(f"--device {name}: unknown; choose cpu, cuda or cuda:I")
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= found:
        raise ValueError(f"--device {name}: torch finds {found} CUDA devices here; use cpu")
    return torch_device(name)
