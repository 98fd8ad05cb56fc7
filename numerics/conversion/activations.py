"""Activations recognised by what they do to numbers, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

PROBE = torch.linspace(-3.1, 3.1, 64)  # none of which is 0, where signs differ
KNOWN: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"sign": torch.sign, "tanh": torch.tanh, "hardtanh": torch.nn.functional.hardtanh}
)


def activation_named(function: Callable[[Tensor], object]) -> str | None:
    """sign, tanh or hardtanh, where that is what a function of a tensor (1, n) gives; else None.

    >>> activation_named(lambda x: 2 * (x > 0).float() - 1), activation_named(torch.relu)
    ('sign', None)
    """
    try:
        with torch.no_grad():
            found = function(PROBE.clone().unsqueeze(0))
    except Exception:  # whatever a function of the user raises on these
        return None
    if not isinstance(found, Tensor) or found.shape != (1, len(PROBE)):
        return None
    for name, known in KNOWN.items():
        if torch.allclose(found.squeeze(0).to(PROBE.dtype), known(PROBE), rtol=0, atol=1e-6):
            return name
    return None
