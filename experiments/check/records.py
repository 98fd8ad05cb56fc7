"""What a pass through a model leaves behind: a record of each function of Torch that was called on tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from meanbits.experiments.check.measure import Cut, Gradient

INPUT = "input"


@dataclass(eq=False)
class Record:
    """A call: the module it was made in, the function, what it was given, and one tensor that came out.

    parents: the records whose outputs it was given, in order. follows: whether it depends on the batch; what does not
    is a function of parameters. call: which call of the module it is in, from 1. axis: the dimension of units; version:
    that of the tensor then, which calls in place raise. cut: what was measured of the output when the call
    returned, and gradient: of the gradient there, in the backward pass.
    """

    index: int
    path: str
    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    parents: tuple[Record, ...]
    output: Tensor
    follows: bool
    call: int = 1
    axis: int = -1
    version: int = 0
    cut: Cut | None = None
    gradient: Gradient | None = None
    consumers: list[Record] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        """Whether this is the batch itself."""
        return self.name == INPUT

    @property
    def followed(self) -> tuple[Record, ...]:
        """The parents that depend on the batch, each once."""
        return tuple(each for each in dict.fromkeys(self.parents) if each.follows)
